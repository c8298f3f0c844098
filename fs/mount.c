/*
 * Mounts: how several file systems make one tree. A mounted file system's root covers a directory of another;
 * a walk down steps from the covered directory to the root, a walk up steps back (fs/path.c).
 *
 * Mounts are made at boot and go at shutdown; there are no calls for more.
 *
 * Source: Bach, "The Design of the UNIX Operating System", section 5.14.
 */
#include "drivers/block.h"
#include "fs/vnode.h"
#include "lib/errno.h"
#include "lib/log.h"

static struct list mounts = LIST_INITIALIZER(mounts); /* the root's first */
static struct vnode *root;

uint64_t mount_anonymous_device(void) {
    static unsigned last;
    return device_number(0, ++last);
}

struct vnode *vnode_root(void) {
    ASSERT(root);
    return root;
}

int mount_root(struct mount *mount) {
    ASSERT(!root);
    root = mount->root;
    list_add_head(&mounts, &mount->link);
    return 0;
}

static int unmount(struct mount *mount) {
    return mount->unmount ? mount->unmount(mount) : 0;
}

int mount_at(const char *path, struct mount *mount) {
    struct vnode *covered;
    int error = path_walk(NULL, path, WALK_DIRECTORY, &covered);
    if (!error && covered == covered->mount->root) { /* already a mount's root, or "/" */
        vnode_unref(covered);
        error = -EBUSY;
    }
    if (error) {
        unmount(mount);
        return error;
    }
    covered->covered_by = mount->root;
    mount->covers = covered; /* keeps the reference */
    list_add_tail(&mounts, &mount->link);
    return 0;
}

void mount_for_each(void (*visit)(struct mount *mount, void *data), void *data) {
    list_for_each (mount, &mounts, struct mount, link) {
        visit(mount, data);
    }
}

void mounts_count_references(void (*count)(struct object *object)) {
    list_for_each (mount, &mounts, struct mount, link) {
        count(&mount->root->object);
        if (mount->covers)
            count(&mount->covers->object);
        if (mount->count_references)
            mount->count_references(mount, count);
    }
}

void mount_write_failed(struct mount *mount, int error) {
    mount->write_error = error;
    mount->write_errors++;
    mount->write_error_told = false;
}

uint32_t mount_errors_seen(const struct mount *mount) {
    bool untold = mount->write_errors != 0 && !mount->write_error_told;
    return mount->write_errors - untold;
}

int mounts_sync(void) {
    int error = 0;
    list_for_each (mount, &mounts, struct mount, link) {
        int this_error = mount->sync ? mount->sync(mount) : 0;
        error = error ? error : this_error;
    }
    return error;
}

void mounts_unmount_all(void) {
    while (!list_empty(&mounts)) {
        struct mount *mount = list_last(&mounts, struct mount, link);
        const char *type = mount->type; /* the mount itself may be gone afterwards */
        list_remove(&mount->link);
        if (mount->covers) {
            mount->covers->covered_by = NULL;
            vnode_unref(mount->covers);
        }
        int error = unmount(mount);
        if (error)
            klog("fs: unmounting %s: error %d", type, -error);
    }
    root = NULL;
}
