/*
 * /proc: what the kernel tells about itself and its processes, as text in Linux's formats, so that known
 * tools read it. It is a file system that may look at processes; so it is the kernel's, not fs/'s.
 *
 * Nothing is stored. A lookup makes a vnode that names what it is about (an entry of a table, a pid, a
 * descriptor); a read prints the whole text and keeps the part that was asked for. A process that is gone
 * meanwhile: -ESRCH.
 *
 * Source: proc(5).
 */
#include "kernel/procfs.h"

#include "arch/x86/time.h"
#include "arch/x86/usercopy.h"
#include "fs/vnode.h"
#include "kernel/process.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/print.h"
#include "lib/string.h"
#include "mm/heap.h"

#include <linux/stat.h>

#define ROOT_INODE 1u

/* --- text --- */

void text_add(struct text *text, const char *bytes, size_t count) {
    size_t skipped = (size_t)MIN(text->skip, (uint64_t)count);
    text->skip -= skipped;
    size_t kept = MIN(count - skipped, text->room - text->used);
    memcpy(text->buffer + text->used, bytes + skipped, kept);
    text->used += kept;
}

void text_print(struct text *text, const char *format, ...) {
    char line[256];
    va_list args;
    va_start(args, format);
    int length = print_to_v(line, sizeof line, format, args);
    va_end(args);
    text_add(text, line, MIN((size_t)length, sizeof line - 1));
}

/* --- the tables of entries --- */

struct entry {
    const char *name;
    uint32_t mode;
    void (*print)(struct text *text, struct process *process);
    int (*write)(struct process *process, char *value); /* @value without its newline; 0 or an errno */
    const struct entry *children;                       /* of a directory of fixed entries */
    size_t child_count;
};

#define TEXT(entry_name, print_function)                                                                     \
    { .name = (entry_name), .mode = S_IFREG | 0444, .print = (print_function) }
#define VALUE(entry_name, print_function, write_function)                                                    \
    { .name = (entry_name), .mode = S_IFREG | 0644, .print = (print_function), .write = (write_function) }
#define LINK(entry_name)                                                                                     \
    { .name = (entry_name), .mode = S_IFLNK | 0777 }
#define DIRECTORY(entry_name, access, table, entries)                                                        \
    { .name = (entry_name), .mode = S_IFDIR | (access), .children = (table), .child_count = (entries) }

static const struct entry vm_entries[] = {
    VALUE("loadcontrol", print_loadcontrol, write_loadcontrol),
    VALUE("policy", print_policy, write_policy),
    VALUE("quota", print_quota, write_quota),
    VALUE("scope", print_scope, write_scope),
};

static const struct entry sys_entries[] = {
    DIRECTORY("vm", 0555, vm_entries, ARRAY_SIZE(vm_entries)),
};

static const struct entry sysvipc_entries[] = {
    TEXT("shm", print_sysvipc_shm),
};

static const struct entry root_entries[] = {
    TEXT("bootparams", print_bootparams),
    TEXT("cpuinfo", print_cpuinfo),
    TEXT("filesystems", print_filesystems),
    TEXT("kpagecount", print_kpagecount),
    TEXT("kpageflags", print_kpageflags),
    TEXT("kstacks", print_kstacks),
    TEXT("loadavg", print_loadavg),
    TEXT("meminfo", print_meminfo),
    TEXT("mounts", print_mounts),
    TEXT("reflog", print_reflog),
    LINK("self"),
    TEXT("stat", print_stat),
    TEXT("swaps", print_swaps),
    DIRECTORY("sys", 0555, sys_entries, ARRAY_SIZE(sys_entries)),
    DIRECTORY("sysvipc", 0555, sysvipc_entries, ARRAY_SIZE(sysvipc_entries)),
    TEXT("uptime", print_uptime),
    TEXT("version", print_version),
    TEXT("vmstat", print_vmstat),
};

static const struct entry process_entries[] = {
    TEXT("cmdline", print_cmdline),
    TEXT("comm", print_comm),
    LINK("cwd"),
    LINK("exe"),
    VALUE("faults", print_fault_times, write_fault_times),
    DIRECTORY("fd", 0500, NULL, 0),
    TEXT("maps", print_maps),
    TEXT("pagemap", print_pagemap),
    VALUE("policy", print_own_policy, write_own_policy),
    VALUE("reflimit", print_reftrace, write_reftrace),
    TEXT("smaps", print_smaps),
    TEXT("smaps_rollup", print_smaps_rollup),
    TEXT("stat", print_process_stat),
    TEXT("statm", print_statm),
    TEXT("status", print_status),
};

/* The directory of fixed entries that holds @child, at or below @directory; or NULL. */
static const struct entry *holder_of(const struct entry *directory, const struct entry *child) {
    const struct entry *found = NULL;
    for (size_t i = 0; i < directory->child_count && !found; i++)
        found = &directory->children[i] == child ? directory : holder_of(&directory->children[i], child);
    return found;
}

static const struct entry root_entry = DIRECTORY("/", 0555, NULL, 0);
static const struct entry process_entry = DIRECTORY("", 0555, NULL, 0);
static const struct entry descriptor_entry = {.name = "", .mode = S_IFLNK | 0700};

/* --- nodes --- */

struct node {
    struct vnode vnode;
    const struct entry *entry;
    int pid;        /* 0: not about a process */
    int descriptor; /* of a descriptor_entry */
};

static struct mount procfs = {.type = "proc"};
static const struct vnode_operations file_operations, directory_operations, link_operations;

static struct node *node_of(struct vnode *vnode) {
    return container_of(vnode, struct node, vnode);
}

static void node_release(struct object *object) {
    kfree(node_of(vnode_of_object(object)));
}

static const struct pager procfs_pager = {.name = "procfs", .release = node_release};

/* A number of its own for each node there can be: pid, entry of the table, descriptor. */
static uint64_t inode_of(const struct entry *entry, int pid, int descriptor) {
    if (entry == &root_entry)
        return ROOT_INODE;
    uint64_t inode = (uint64_t)pid << 16;
    if (entry >= vm_entries && entry < vm_entries + ARRAY_SIZE(vm_entries))
        return 0x2000u + (unsigned)(entry - vm_entries);
    if (entry >= sys_entries && entry < sys_entries + ARRAY_SIZE(sys_entries))
        return 0x1000u + (unsigned)(entry - sys_entries);
    if (entry == &descriptor_entry)
        return inode | 0x8000 | (unsigned)descriptor;
    if (entry == &process_entry)
        return inode | 1;
    return inode | (unsigned)(2 + (pid ? entry - process_entries : entry - root_entries));
}

static int node_make(const struct entry *entry, int pid, int descriptor, struct vnode **made) {
    struct node *node = kmalloc(sizeof *node);
    if (!node)
        return -ENOMEM;
    node->entry = entry;
    node->pid = pid;
    node->descriptor = descriptor;
    struct vnode *vnode = &node->vnode;
    object_init(&vnode->object, &procfs_pager, 0);
    vnode->operations = S_ISDIR(entry->mode)   ? &directory_operations
                        : S_ISLNK(entry->mode) ? &link_operations
                                               : &file_operations;
    vnode->mount = &procfs;
    vnode->mode = entry->mode;
    vnode->inode = inode_of(entry, pid, descriptor);
    vnode->seekable = !S_ISLNK(entry->mode);
    *made = vnode;
    return 0;
}

static int get_attributes(struct vnode *vnode, struct vnode_attributes *attributes) {
    uint32_t now = time_epoch();
    *attributes = (struct vnode_attributes){.mode = vnode->mode,
                                            .links = S_ISDIR(vnode->mode) ? 2 : 1,
                                            .block_size = 1024,
                                            .inode = vnode->inode,
                                            .device = procfs.device,
                                            .atime = now,
                                            .mtime = now,
                                            .ctime = now};
    return 0;
}

/* --- files --- */

static long file_read_text(struct vnode *vnode, vaddr_t buffer, size_t bytes, uint64_t position,
                           bool nonblock UNUSED) {
    struct node *node = node_of(vnode);
    char *page = kpage_alloc();
    if (!page)
        return -ENOMEM;
    struct process *process = node->pid ? process_find(node->pid) : NULL;
    struct text text = {.skip = position, .buffer = page, .room = MIN(bytes, (size_t)PAGE_SIZE)};
    long result = -ESRCH;
    if (process || !node->pid) {
        node->entry->print(&text, process);
        result = (long)text.used;
        if (user_write(buffer, page, text.used))
            result = -EFAULT;
    }
    kpage_free(page);
    return result;
}

static int node_parent(struct vnode *vnode, struct vnode **parent) {
    struct node *node = node_of(vnode);
    for (size_t i = 0; i < ARRAY_SIZE(root_entries); i++) {
        const struct entry *holder = holder_of(&root_entries[i], node->entry);
        if (holder)
            return node_make(holder, 0, 0, parent);
    }
    if (node->entry == &descriptor_entry)
        for (unsigned i = 0; i < ARRAY_SIZE(process_entries); i++)
            if (S_ISDIR(process_entries[i].mode))
                return node_make(&process_entries[i], node->pid, 0, parent);
    if (node->pid && node->entry != &process_entry)
        return node_make(&process_entry, node->pid, 0, parent);
    vnode_ref(procfs.root);
    *parent = procfs.root;
    return 0;
}

/* One write is one command. */
static long file_write_value(struct vnode *vnode, vaddr_t buffer, size_t bytes, uint64_t position UNUSED,
                             bool nonblock UNUSED) {
    struct node *node = node_of(vnode);
    char value[256];
    if (!node->entry->write)
        return -EACCES;
    if (bytes == 0 || bytes >= sizeof value)
        return -EINVAL;
    if (user_read(value, buffer, bytes))
        return -EFAULT;
    value[value[bytes - 1] == '\n' ? bytes - 1 : bytes] = '\0';
    struct process *process = node->pid ? process_find(node->pid) : NULL;
    if (node->pid && !process)
        return -ESRCH;
    int error = node->entry->write(process, value);
    return error ? error : (long)bytes;
}

static const struct vnode_operations file_operations = {
    .parent = node_parent,
    .get_attributes = get_attributes,
    .read = file_read_text,
    .write = file_write_value,
};

/* --- links --- */

/* What a link of a process leads to, without a new reference; or NULL. */
static struct vnode *link_vnode(const struct node *node) {
    struct process *process = process_find(node->pid);
    if (!process || process->exited)
        return NULL;
    if (node->entry == &descriptor_entry) {
        struct file *file = process->files[node->descriptor];
        return file ? file->vnode : NULL;
    }
    return strcmp(node->entry->name, "cwd") == 0 ? process->cwd : process->executable;
}

static int link_follow(struct vnode *link, struct vnode **target) {
    struct node *node = node_of(link);
    if (!node->pid) { /* self */
        const struct process *process = process_current();
        return process ? node_make(&process_entry, process->pid, 0, target) : -ENOENT;
    }
    struct vnode *vnode = link_vnode(node);
    if (!vnode)
        return -ENOENT;
    vnode_ref(vnode);
    *target = vnode;
    return 0;
}

/* The text that describes @vnode in a link. */
static int describe(struct vnode *vnode, char *buffer, size_t size) {
    int length = -ENOENT;
    if (vnode->mount && vnode->mount->root)
        length = path_of(vnode, buffer, size);
    if (length < 0)
        length = print_to(buffer, size, S_ISFIFO(vnode->mode) ? "pipe:[%u]" : "inode:[%u] (deleted)",
                          (unsigned)vnode->inode);
    return length;
}

static int link_readlink(struct vnode *link, char *buffer, size_t size) {
    struct node *node = node_of(link);
    char *text = kpage_alloc();
    if (!text)
        return -ENOMEM;
    int length = -ENOENT;
    struct vnode *vnode = node->pid ? link_vnode(node) : NULL;
    struct process *process = node->pid ? process_find(node->pid) : process_current();
    if (vnode && vnode == process->executable && process->executable_path) {
        length = (int)str_copy(text, process->executable_path, PAGE_SIZE);
    } else if (vnode) {
        vnode_ref(vnode);
        length = describe(vnode, text, PAGE_SIZE);
        vnode_unref(vnode);
    } else if (!node->pid && process) {
        length = print_to(text, PAGE_SIZE, "%d", process->pid);
    }
    if (length > 0) {
        length = (int)MIN((size_t)length, size);
        memcpy(buffer, text, (size_t)length);
    }
    kpage_free(text);
    return length;
}

static const struct vnode_operations link_operations = {
    .parent = node_parent,
    .readlink = link_readlink,
    .follow = link_follow,
    .get_attributes = get_attributes,
};

/* --- directories --- */

/* A decimal number without leading zeros, below 2^30; or -1. */
static int parse_number(const char *name, size_t length) {
    int number = 0;
    if (length == 0 || length > 9 || (name[0] == '0' && length > 1))
        return -1;
    for (size_t i = 0; i < length; i++) {
        if (name[i] < '0' || name[i] > '9')
            return -1;
        number = number * 10 + (name[i] - '0');
    }
    return number;
}

static const struct entry *find_entry(const struct entry *table, size_t entries, const char *name,
                                      size_t length) {
    for (size_t i = 0; i < entries; i++) {
        if (strlen(table[i].name) == length && memcmp(table[i].name, name, length) == 0)
            return &table[i];
    }
    return NULL;
}

static int lookup_descriptor(const struct node *directory, int number, struct vnode **found) {
    struct process *process = process_find(directory->pid);
    if (!process || number < 0 || number >= FILES_MAX || !process->files[number])
        return -ENOENT;
    return node_make(&descriptor_entry, directory->pid, number, found);
}

static int directory_lookup(struct vnode *vnode, const char *name, size_t length, struct vnode **found) {
    const struct node *directory = node_of(vnode);
    if (directory->entry->children) {
        const struct entry *entry =
            find_entry(directory->entry->children, directory->entry->child_count, name, length);
        return entry ? node_make(entry, 0, 0, found) : -ENOENT;
    }
    int number = parse_number(name, length);
    if (directory->entry == &process_entry) {
        const struct entry *entry = find_entry(process_entries, ARRAY_SIZE(process_entries), name, length);
        return entry && process_find(directory->pid) ? node_make(entry, directory->pid, 0, found) : -ENOENT;
    }
    if (directory->pid)
        return lookup_descriptor(directory, number, found);
    if (number > 0)
        return process_find(number) ? node_make(&process_entry, number, 0, found) : -ENOENT;
    const struct entry *entry = find_entry(root_entries, ARRAY_SIZE(root_entries), name, length);
    return entry ? node_make(entry, 0, 0, found) : -ENOENT;
}

/* A listing under way. Positions: 0 and 1 are "." and "..", then the table, then numbers. */
struct listing {
    uint64_t position;
    directory_emit *emit;
    void *data;
    bool full;
};

static void list_one(struct listing *listing, uint64_t at, const char *name, uint64_t inode, uint32_t mode) {
    if (!listing->full && at >= listing->position)
        listing->full =
            !listing->emit(listing->data, name, strlen(name), inode, vnode_directory_type(mode), at + 1);
}

static void list_number(struct listing *listing, uint64_t at, const struct entry *entry, int pid,
                        int descriptor, int number) {
    char name[12];
    print_to(name, sizeof name, "%d", number);
    list_one(listing, at, name, inode_of(entry, pid, descriptor), entry->mode);
}

/* The process with the lowest pid that is not below @pid, or 0. */
static int next_pid(int pid) {
    int best = 0;
    list_for_each (process, &processes, struct process, all) {
        if (process->pid >= pid && (best == 0 || process->pid < best))
            best = process->pid;
    }
    return best;
}

static void list_pids(struct listing *listing, uint64_t base) {
    int from = listing->position > base ? (int)(listing->position - base) : 1;
    for (int pid = next_pid(from); pid && !listing->full; pid = next_pid(pid + 1))
        list_number(listing, base + (unsigned)pid, &process_entry, pid, 0, pid);
}

static void list_descriptors(struct listing *listing, int pid) {
    struct process *process;
    for (int i = 0; i < FILES_MAX && !listing->full && (process = process_find(pid)) != NULL; i++) {
        if (process->files[i])
            list_number(listing, 2 + (unsigned)i, &descriptor_entry, pid, i, i);
    }
}

static int directory_list(struct vnode *vnode, uint64_t position, directory_emit *emit, void *data) {
    const struct node *directory = node_of(vnode);
    struct listing listing = {.position = position, .emit = emit, .data = data};
    list_one(&listing, 0, ".", vnode->inode, S_IFDIR);
    list_one(&listing, 1, "..", ROOT_INODE, S_IFDIR);
    bool of_process = directory->entry == &process_entry, fixed = directory->entry->children;
    if (directory->pid && !of_process) {
        list_descriptors(&listing, directory->pid);
        return 0;
    }
    const struct entry *table = fixed        ? directory->entry->children
                                : of_process ? process_entries
                                             : root_entries;
    size_t entries = fixed        ? directory->entry->child_count
                     : of_process ? ARRAY_SIZE(process_entries)
                                  : ARRAY_SIZE(root_entries);
    for (size_t i = 0; i < entries; i++)
        list_one(&listing, 2 + i, table[i].name, inode_of(&table[i], directory->pid, 0), table[i].mode);
    if (!of_process && !fixed)
        list_pids(&listing, 2 + entries);
    return 0;
}

static const struct vnode_operations directory_operations = {
    .lookup = directory_lookup,
    .parent = node_parent,
    .list = directory_list,
    .get_attributes = get_attributes,
};

int procfs_mount(struct mount **mount) {
    procfs.device = mount_anonymous_device();
    list_init(&procfs.link);
    int error = node_make(&root_entry, 0, 0, &procfs.root);
    *mount = &procfs;
    return error;
}
