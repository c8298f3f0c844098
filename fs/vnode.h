/*
 * Vnodes: files, directories and devices, whatever file system they are of. A regular file's data lives in
 * the pages of vnode->object and nowhere else: file_read, file_write and mappings meet there.
 *
 * Every function runs in thread context and may sleep. Errors are negative errno.
 */
#ifndef FS_VNODE_H
#define FS_VNODE_H

#include "lib/list.h"
#include "lib/types.h"
#include "mm/object.h"

#define NAME_MAX_BYTES 255u
#define PATH_MAX_BYTES 4096u

struct frame;
struct vnode;
struct mount;

/* What stat, statx, … are made from; mode is Linux's st_mode. */
struct vnode_attributes {
    uint32_t mode, links, uid, gid, blocks /* of 512 bytes */, block_size;
    uint64_t inode, size, device /* of the file system */, rdevice /* of a device file */;
    uint32_t atime, mtime, ctime; /* seconds since 1970 */
};

/* Which fields vnode_set_attributes changes. */
enum { SET_MODE = 1, SET_SIZE = 2, SET_TIMES = 4, SET_OWNER = 8 };

/* Linux's DT_* of a st_mode. */
static inline unsigned vnode_directory_type(uint32_t mode) {
    return (mode >> 12) & 15;
}

/* A run of sectors of a file: neighbours on the disk, or a hole. */
struct extent {
    struct block_device *device; /* NULL: a hole */
    sector_t sector;             /* first */
    unsigned sectors;            /* at least 1 */
};

/*
 * Emits one directory entry; may copy to user memory; false: no more room, stop before this one. @type is
 * Linux's DT_*.
 */
typedef bool directory_emit(void *data, const char *name, size_t length, uint64_t inode, unsigned type,
                            uint64_t next_position);

/*
 * What a file system provides. A NULL operation: -EINVAL, or -ENOTDIR for the directory ones, -EROFS for
 * changes. Names are single components, not "." or "..", not terminated: @length bytes.
 */
struct vnode_operations {
    int (*lookup)(struct vnode *directory, const char *name, size_t length, struct vnode **found);
    int (*create)(struct vnode *directory, const char *name, size_t length, unsigned mode, uint64_t rdevice,
                  struct vnode **made); /* regular file, directory, device, fifo by mode */
    int (*link)(struct vnode *directory, const char *name, size_t length, struct vnode *target);
    int (*symlink)(struct vnode *directory, const char *name, size_t length, const char *target);
    int (*unlink)(struct vnode *directory, const char *name, size_t length, bool want_directory);
    int (*rename)(struct vnode *from, const char *old, size_t old_length, struct vnode *to,
                  const char *new_name, size_t new_length);
    /* ".."; of a file: the directory where it was last found, as far as is known (-ENOENT) */
    int (*parent)(struct vnode *vnode, struct vnode **parent);
    int (*list)(struct vnode *directory, uint64_t position, directory_emit *emit, void *data);
    int (*readlink)(struct vnode *link, char *buffer, size_t size); /* bytes, not terminated */
    /* A link that leads straight to a vnode, whatever its text says (/proc/self/fd/0); adds a reference. */
    int (*follow)(struct vnode *link, struct vnode **target);
    int (*get_attributes)(struct vnode *vnode, struct vnode_attributes *attributes);
    int (*set_attributes)(struct vnode *vnode, const struct vnode_attributes *attributes, unsigned which);
    int (*sync)(struct vnode *vnode); /* after object_flush: inode and what leads to it, on the medium */

    /*
     * Regular files, for vnode_write_user. prepare_write: bytes [from, to) of the page in @frame, which the
     * caller has pinned, get their place on the disk; what is new is marked modified at once. With NULL for
     * @frame nothing is done: 0 if they all have their place already, 1 if not. end_write: the
     * caller has changed object.size and contents; the file system notes size and times, and gives back
     * what prepare_write took past the end. write_in_place: true if neither has anything to do for a write of
     * bytes [from, to) of a page in memory, all inside the file: they have their place, and the file's times are
     * of this second already. Never sleeps. NULL: never.
     */
    int (*prepare_write)(struct vnode *vnode, struct frame *frame, pgoff_t index, unsigned from, unsigned to);
    int (*end_write)(struct vnode *vnode);
    bool (*write_in_place)(struct vnode *vnode, pgoff_t index, unsigned from, unsigned to);

    /*
     * Files on a disk, for O_DIRECT: where byte @position, a multiple of a sector, lies. Stays so for as long
     * as it is the caller's turn (vnode_write_begin). 0 or -EIO. May sleep. NULL: no O_DIRECT.
     */
    int (*map_blocks)(struct vnode *vnode, uint64_t position, struct extent *extent);

    /* Devices, pipes, /proc: bytes by call instead of by page. NULL for regular files. */
    long (*read)(struct vnode *vnode, vaddr_t user_buffer, size_t bytes, uint64_t position, bool nonblock);
    long (*write)(struct vnode *vnode, vaddr_t user_buffer, size_t bytes, uint64_t position, bool nonblock);
    int (*ioctl)(struct vnode *vnode, unsigned request, vaddr_t argument);
    unsigned (*poll)(struct vnode *vnode);                      /* POLLIN | POLLOUT | … now */
    void (*opened)(struct vnode *vnode, bool read, bool write); /* counts of open ends (pipes) */
    void (*closed)(struct vnode *vnode, bool read, bool write);
};

struct vnode {
    struct object object; /* pages, size, and the reference count of the vnode itself */
    const struct vnode_operations *operations;
    struct mount *mount;      /* file system it is of */
    struct vnode *covered_by; /* root of what is mounted on it, or NULL */
    uint32_t mode;            /* Linux's st_mode */
    uint64_t inode;
    bool seekable;
    bool has_pages; /* regular file: read, write and mmap go through object */
    bool of_zeros;  /* /dev/zero: mmap gives anonymous memory */
    void *data;
    struct waitq pollers; /* woken when poll() may have changed */
    uint32_t inputs;      /* EPOLLET: how often something has come to be read, */
    uint32_t outputs;     /* room to write, */
    uint32_t ends;        /* and how often an end has come or gone */

    /* fs/readwrite.c's: one writer or truncater at a time (a turn, which may last over a user copy) */
    bool writing;
    struct waitq writers;
    pgoff_t readahead_next;    /* the page a sequential reader would ask for next */
    pgoff_t readahead_end;     /* pages before this one have been asked for already */
    unsigned readahead_window; /* pages; 0: not sequential */

    /* Nobody writes to a program that runs, and nobody runs what is being written: -ETXTBSY. */
    unsigned running;       /* processes whose program it is */
    unsigned writing_files; /* open for writing */
};

/*
 * A program about to run: its text cannot be written from now on. 0 or -ETXTBSY. vnode_run_share: one process
 * more runs it. Each is undone by vnode_run_end. References are the caller's.
 */
int vnode_run_begin(struct vnode *vnode);
void vnode_run_share(struct vnode *vnode);
void vnode_run_end(struct vnode *vnode);

/*
 * The turn to change a file's size or write to it. Not a lock that a fault could want, so user memory may be
 * copied while it is one's turn. vnode_write_begin: 0 or -EINTR (killed).
 */
int vnode_write_begin(struct vnode *vnode);
void vnode_write_end(struct vnode *vnode);

struct mount {
    const char *type; /* "ext2", "proc", … */
    char source[16];  /* "/dev/hda1", or empty */
    bool read_only;
    struct vnode *root;
    struct vnode *covers; /* NULL for the root file system */
    uint64_t device;
    int (*sync)(struct mount *mount); /* everything to the medium; also marks it clean at unmount */
    int (*unmount)(struct mount *mount);
    /* Linux's struct statfs64 numbers */
    int (*statfs)(struct mount *mount, uint32_t *block_size, uint64_t *blocks, uint64_t *free,
                  uint64_t *files, uint64_t *files_free);
    /* For the checker: calls @count for each reference that it holds to a vnode beside that to its root. NULL: none. */
    void (*count_references)(struct mount *mount, void (*count)(struct object *object));
    void *data;
    struct list link;
    int write_error;       /* of the last page of a file that could not be written, … */
    uint32_t write_errors; /* … how many there have been, … */
    bool write_error_told; /* … and whether a syncfs has told of the last */
};

static inline struct vnode *vnode_of_object(struct object *object) {
    return container_of(object, struct vnode, object);
}
/* The same for an object that may be something else (a device, shared memory): NULL then. */
struct vnode *vnode_if_file(struct object *object);
static inline void vnode_ref(struct vnode *vnode) {
    object_ref(&vnode->object);
}
static inline void vnode_unref(struct vnode *vnode) {
    object_unref(&vnode->object);
}

/* --- mounts --- */
int ext2_mount(struct block_device *device, bool read_only, struct mount **mount);
int devfs_mount(struct mount **mount);
int procfs_mount(struct mount **mount);
int tmpfs_mount(struct mount **mount); /* fs/tmpfs.c; once */
/* A file in memory that has no name and lives as long as it is open or mapped: memfd_create. */
int tmpfs_make_unnamed(struct vnode **made);
/* For file systems: a mount of no device of its own gets a number from here. */
uint64_t mount_anonymous_device(void);
struct vnode *vnode_root(void); /* of the whole tree, without a reference */
int mount_root(struct mount *mount);
/* Where it cannot be, because of @path, it is unmounted: an error. May sleep. */
int mount_at(const char *path, struct mount *mount);
void mount_for_each(void (*visit)(struct mount *mount, void *data), void *data);
void mounts_count_references(void (*count)(struct object *object)); /* for the checker: theirs to vnodes */
int mounts_sync(void);
/* A page of one of its files could not be written. Does not sleep. */
void mount_write_failed(struct mount *mount, int error);
/* Which of the failures a file that is being opened has not to be told of by file_sync_system(). */
uint32_t mount_errors_seen(const struct mount *mount);
void mounts_unmount_all(void); /* orderly shutdown: everything written, file systems marked clean */

/* --- paths: walked from @start (NULL: the root) unless absolute; symbolic links followed, 8 deep --- */
enum { WALK_NOFOLLOW = 1 /* the last component */, WALK_DIRECTORY = 2 };
int path_walk(struct vnode *start, const char *path, unsigned flags, struct vnode **found);
/* The directory of the last component; *@name points into @path, *@length excludes trailing slashes. */
int path_walk_parent(struct vnode *start, const char *path, struct vnode **directory, const char **name,
                     size_t *length);
/* Absolute path of a directory (getcwd) or file, by walking "..": length, or -ERANGE, -ENOENT. */
int path_of(struct vnode *vnode, char *buffer, size_t size);

int vnode_create(struct vnode *start, const char *path, unsigned mode, uint64_t rdevice,
                 struct vnode **made); /* -EEXIST */
int vnode_link(struct vnode *target, struct vnode *start, const char *path);
int vnode_symlink(const char *target, struct vnode *start, const char *path);
int vnode_unlink(struct vnode *start, const char *path, bool want_directory);
int vnode_rename(struct vnode *old_start, const char *old_path, struct vnode *new_start,
                 const char *new_path);
int vnode_truncate(struct vnode *vnode, uint64_t size);
/* What the operations say, with fields that every file has filled in. */
int vnode_get_attributes(struct vnode *vnode, struct vnode_attributes *attributes);
int vnode_set_attributes(struct vnode *vnode, const struct vnode_attributes *attributes, unsigned which);
/* Data, then metadata, on the medium: 0, or what failed of it. Earlier failures: file_sync(). */
int vnode_fsync(struct vnode *vnode);

/* Reads or writes through the object's pages; kernel buffer. Bytes, or errno if none. */
long vnode_read_kernel(struct vnode *vnode, void *buffer, size_t bytes, uint64_t position);
/* The same with a user buffer: faults are allowed and resolved; a bad page part way: short count. */
long vnode_read_user(struct vnode *vnode, vaddr_t buffer, size_t bytes, uint64_t position);
long vnode_write_user(struct vnode *vnode, vaddr_t buffer, size_t bytes, uint64_t position);
/* At the end of the file, wherever that is when it is this writer's turn; *@position gets the place. */
long vnode_append_user(struct vnode *vnode, vaddr_t buffer, size_t bytes, uint64_t *position);

/*
 * Pipes: both ends are one vnode; made with one reference. Open it with O_RDONLY and with O_WRONLY, each of
 * which takes over a reference. A write without readers: -EPIPE, and the signal is the caller's to send.
 */
int pipe_create(struct vnode **pipe);
/*
 * Named pipes. fifo_find: the pipe for a file system's FIFO, one for all who have it open; *@vnode is
 * replaced by it, with its reference. fifo_wait_peer: after opening, sleeps until the other end of a named
 * pipe is open, too; -ENXIO for a writer who would not wait, -EINTR.
 */
int fifo_find(struct vnode **vnode);
int fifo_wait_peer(struct vnode *pipe, bool read, bool write, bool nonblock);
/* For the checker: the references of named pipes to their names. False: somebody sleeps in fifo_wait_peer(). */
bool fifo_count_references(void (*count)(struct object *object));

/* Character devices: drivers and kernel register one operations table a device number. */
void device_register(unsigned major, unsigned minor, const char *name,
                     const struct vnode_operations *operations, void *data);
/* Provided by kernel/: for /dev/random and /dev/urandom. */
void random_bytes(void *to, size_t bytes);
/* The device file of a number (Linux's encoding, as in rdevice), with a reference. 0 or -ENXIO. */
int device_find(uint32_t mode, uint64_t rdevice, struct vnode **device);
/* Linux's device number: minor in bits 0-7 and 20-31, major in 8-19. */
static inline uint64_t device_number(unsigned major, unsigned minor) {
    return (minor & 0xff) | (major & 0xfff) << 8 | (uint64_t)(minor & ~0xffu) << 12;
}

#endif
