/*
 * ext2 from the inside: what is on the disk, what is kept in memory, and what the ext2 files offer each
 * other. Everybody else knows only ext2_mount() (fs/vnode.h).
 *
 *   ext2_super.c   mount, sync, unmount: superblock and group descriptors
 *   ext2_block.c   which numbers can be a file's blocks; blocks of metadata in their pages
 *   ext2_inode.c   in-core inodes: which vnode is which file
 *   ext2_map.c     block map: which disk block holds block n of a file
 *   ext2_alloc.c   bitmaps: free blocks and inodes
 *   ext2_order.c   sync of metadata; what must be on the disk before what
 *   ext2_dir.c     directories: the records in them
 *   ext2_names.c   names: create, link, unlink, …
 *   ext2_rename.c  rename
 *   ext2_pager.c   pages: between the frames of a file and its blocks
 *
 * Where things live. A regular file's data is in the pages of its vnode's object. All else (superblock,
 * descriptors, bitmaps, inode tables, indirect blocks, directories, long symbolic links) is metadata and
 * is in the pages of the partition's own object: there is no other cache. In-core inodes and group
 * descriptors are working copies; an inode is stored into its page at each change, the descriptors and the
 * superblock at each sync.
 *
 * Locking. One mutex a file system guards allocation, names and inodes ("locked" below). It is never held
 * over a user copy nor while waiting for a file's page, because the fault that fills it may want the mutex.
 * The pager reads block maps without it: a map changes only between two sleeps, and pages whose blocks are
 * being freed have left memory before.
 *
 * Errors. A change first gets hold of all it needs (pages pinned, free blocks found), then is made without
 * any step that can fail: find, prepare, commit. What the disk says is checked before it is used; where it
 * is nonsense, ext2_damaged() logs a line, the file system turns read-only, and the caller gets -EIO.
 *
 * Source: Card, Ts'o, Tweedie, "Design and Implementation of the Second Extended Filesystem" (1994);
 * Poirier, "The Second Extended File System: Internal Layout"; Carrier, "File System Forensic Analysis",
 * ch. 14 and 15.
 */
#ifndef FS_EXT2_H
#define FS_EXT2_H

#include "fs/mode.h"
#include "fs/vnode.h"
#include "lib/list.h"
#include "lib/types.h"
#include "lib/wait.h"

struct block_device;

/* --- on the disk (little endian, as the machine is) --- */

#define EXT2_SUPER_OFFSET 1024u /* bytes from the partition's start */
#define EXT2_SUPER_BYTES  1024u
#define EXT2_MAGIC        0xef53u
#define EXT2_ROOT_INODE   2u
#define EXT2_NAME_MAX     255u
#define EXT2_LINKS_MAX    32000u

struct ext2_super {
    uint32_t inodes, blocks, reserved_blocks, free_blocks, free_inodes, first_data_block;
    uint32_t log_block_size /* 1024 << this */, log_fragment_size;
    uint32_t blocks_per_group, fragments_per_group, inodes_per_group;
    uint32_t mount_time, write_time;
    uint16_t mounts;
    int16_t max_mounts;
    uint16_t magic, state, errors, minor_revision;
    uint32_t last_check, check_interval, creator_os, revision;
    uint16_t default_uid, default_gid;
    /* revision 1 */
    uint32_t first_inode;
    uint16_t inode_size, block_group;
    uint32_t compatible, incompatible, read_only_compatible;
    uint8_t uuid[16], volume[16], last_mounted[64];
    uint32_t compression;
    uint8_t preallocate_blocks, preallocate_directory_blocks;
    uint16_t reserved_descriptor_blocks; /* with resize_inode: room behind the descriptors */
    uint8_t journal[48];                 /* ext3's */
    uint32_t default_mount_options, first_meta_group;
    uint32_t unused[190];
};

enum { EXT2_STATE_CLEAN = 1, EXT2_STATE_ERRORS = 2 };
enum { EXT2_INCOMPAT_FILETYPE = 2 };
enum { EXT2_RO_SPARSE_SUPER = 1, EXT2_RO_LARGE_FILE = 2, EXT2_RO_BTREE_DIR = 4, EXT2_RO_EXTRA_ISIZE = 0x40 };

struct ext2_group {
    uint32_t block_bitmap, inode_bitmap, inode_table;
    uint16_t free_blocks, free_inodes, directories, flags;
    uint32_t reserved[3];
};

#define EXT2_DIRECT      12u
#define EXT2_BLOCK_SLOTS 15u /* 12 direct, then single, double and triple indirect */

struct ext2_disk_inode {
    uint16_t mode, uid;
    uint32_t size, atime, ctime, mtime, dtime;
    uint16_t gid, links;
    uint32_t sectors; /* 512 bytes each, indirect blocks included */
    uint32_t flags, version;
    uint32_t block[EXT2_BLOCK_SLOTS]; /* also a short symbolic link's text, or a device's number */
    uint32_t generation, attribute_block, size_high, fragment;
    uint16_t blocks_high, attribute_block_high, uid_high, gid_high;
    uint32_t reserved;
};
#define EXT2_INODE_BYTES 128u /* of it; inodes on the disk may be larger */

enum {
    EXT2_FLAG_INDEX = 0x1000,          /* a directory with a hash tree inside (dir_index) */
    EXT2_FLAG_EXTENTS = 0x80000,       /* ext4's map */
    EXT2_FLAG_INLINE_DATA = 0x10000000 /* ext4's data in the inode */
};

/* A directory is a chain of records; each ends where the next begins, the last where the block ends. */
struct ext2_record {
    uint32_t inode;  /* 0: not in use */
    uint16_t length; /* of the record, a multiple of 4 */
    uint8_t name_length;
    uint8_t type; /* with filetype: EXT2_TYPE_*; without: high byte of the name's length, 0 */
    char name[];
};
#define EXT2_RECORD_HEADER      8u
#define EXT2_RECORD_BYTES(name) ((EXT2_RECORD_HEADER + (name) + 3u) & ~3u)

/* --- in memory --- */

#define EXT2_INODE_BUCKETS 64u
#define EXT2_UNUSED_MAX    256u /* in-core inodes kept without references, for their pages */

struct ext2_fs {
    struct mount mount;
    struct block_device *device;
    struct object *metadata; /* of the partition */
    struct mutex lock;
    bool read_only;
    bool damaged;        /* found at run time: no more changes */
    unsigned complaints; /* log lines given about damage */
    bool large_file_allowed;

    struct ext2_super super;   /* as it is on the disk; the free counts current only after a sync */
    struct ext2_group *groups; /* current */
    uint32_t group_count, descriptor_blocks;
    bool groups_changed;
    unsigned block_size, block_shift, inode_size, first_inode;
    unsigned pointers; /* block numbers in an indirect block */
    uint32_t free_blocks, free_inodes;
    uint64_t max_size; /* of a file, bytes */
    uint16_t state_at_mount;

    /* ext2_order.c's */
    struct mutex syncing; /* one sync of metadata at a time; taken before lock */
    struct ext2_held {
        uint32_t *blocks; /* a bit each */
        uint32_t count;
    } held[2];           /* freed blocks: since the last sync began, and before */
    unsigned holding;    /* which of the two is "since" */
    struct list doomed;  /* unlinked files without users, still on the disk … */
    struct list leaving; /* … and those whose names are gone when the sync under way has ended */
    uint32_t doomed_count, doomed_blocks; /* of both lists */

    struct list inodes[EXT2_INODE_BUCKETS]; /* in-core inodes by number */
    struct list unused;                     /* those without references, least recently used first */
    unsigned unused_count;
};

/*
 * Blocks [first, first + count) of a file, as the block map has them: side by side on the disk from @block on, or,
 * with 0 there, holes. A count of 0: nothing.
 */
struct ext2_run {
    uint32_t first, count, block;
};

struct ext2_inode {
    struct vnode vnode; /* vnode.object.size is the size */
    struct ext2_fs *fs;
    uint32_t number;
    struct ext2_disk_inode disk;     /* same as in the inode table, except while it is changed */
    struct list bucket;              /* of fs->inodes */
    struct list unused;              /* of fs->unused, fs->doomed or fs->leaving, or unlinked */
    uint32_t parent;                 /* directory where it was found last; a hint for path_of() */
    uint32_t last_index, last_block; /* the block allocated last: sequential writes go on behind it */
    uint32_t allocated_end;          /* block after the highest that the write under way has allocated */
    struct ext2_run run;             /* what the map was asked for last; forgotten when the map changes */
};

static inline struct ext2_inode *ext2_inode_of(struct vnode *vnode) {
    return container_of(vnode, struct ext2_inode, vnode);
}

static inline bool ext2_is_directory(const struct ext2_inode *inode) {
    return S_ISDIR(inode->vnode.mode);
}

/* --- ext2_super.c --- */

/* Logs (a limited number of times) what is wrong on the disk, makes the file system read-only: -EIO. */
int ext2_damaged(struct ext2_fs *fs, const char *format, ...) PRINTF_LIKE(2, 3);
/* 0, or -EROFS. Before any change. */
int ext2_writable(struct ext2_fs *fs);
/* The working copies of superblock and descriptors go into the partition's pages. Locked. 0 or -EIO. */
int ext2_store_super(struct ext2_fs *fs);
uint32_t ext2_now(void); /* seconds since 1970 */

/* --- ext2_block.c --- */

/* True when @block can belong to a file: it exists and is no bitmap, inode table or superblock. */
bool ext2_block_valid(struct ext2_fs *fs, uint32_t block);
/* How many of the @most blocks from @block on can: at least that many, 0 if @block itself cannot. */
unsigned ext2_blocks_valid(struct ext2_fs *fs, uint32_t block, unsigned most);

/* A block of metadata, pinned in its page. */
struct ext2_block {
    struct frame *frame;
    uint8_t *data; /* fs->block_size bytes */
    unsigned offset;
};

/* Gets the block, reading it if need be: 0, -EIO. May sleep. */
int ext2_block_get(struct ext2_fs *fs, uint32_t block, struct ext2_block *buffer);
void ext2_block_put(struct ext2_block *buffer);
/* Puts it after a change of any of its bytes. */
void ext2_block_put_modified(struct ext2_fs *fs, struct ext2_block *buffer);
/* How many of the words continue the first: numbers that rise by one, or, after a 0, more of them. At most @most. */
unsigned ext2_run_length(const uint32_t *words, unsigned most);
/*
 * For the pager: word @slot of the block, and in *@count how many words from there on are a run, of the at most
 * *@count that are looked at. 0; 1 when that would mean to sleep. @read: it slept and read it, holding nothing; ask
 * again. -EIO.
 */
int ext2_block_peek(struct ext2_fs *fs, uint32_t block, unsigned slot, bool read, uint32_t *word,
                    unsigned *count);

/* --- ext2_alloc.c; all locked --- */

/* A free bit that has been found but not yet taken; its bitmap is pinned. */
struct ext2_claim {
    struct ext2_block bitmap;
    uint32_t group, bit, number; /* number: of the block or inode */
};

/* Finds a free block near @goal (0: anywhere). 0, -ENOSPC, -EIO. Then take (cannot fail) or drop. */
int ext2_block_claim(struct ext2_fs *fs, uint32_t goal, struct ext2_claim *claim);
void ext2_block_take(struct ext2_fs *fs, struct ext2_claim *claim);
/* Finds an inode for a child of directory @parent. */
int ext2_inode_claim(struct ext2_fs *fs, uint32_t parent, bool directory, struct ext2_claim *claim);
void ext2_inode_take(struct ext2_fs *fs, struct ext2_claim *claim, bool directory);
void ext2_claim_drop(struct ext2_claim *claim);

/*
 * Frees a block, in two steps: it is held until the next sync, then free. @metadata: its sectors in the
 * partition's pages must never be written any more.
 */
int ext2_block_free(struct ext2_fs *fs, uint32_t block, bool metadata);
int ext2_inode_free(struct ext2_fs *fs, uint32_t number, bool directory);
uint32_t ext2_group_first_block(struct ext2_fs *fs, uint32_t group);

/* The second half of freeing: the bit is cleared. */
int ext2_block_release(struct ext2_fs *fs, uint32_t block);

/* --- ext2_order.c --- */

int ext2_order_init(struct ext2_fs *fs); /* at mount: 0 or -ENOMEM */
void ext2_order_end(struct ext2_fs *fs);
/*
 * Superblock, descriptors and everything else that is metadata to the medium; then what has become free by that
 * is freed. Not locked. 0 or -EIO. May sleep.
 */
int ext2_sync_metadata(struct ext2_fs *fs);
/* All modified metadata to the medium, and nothing else. Locked or not. 0 or -EIO. */
int ext2_flush_metadata(struct ext2_fs *fs);
/* Whether blocks or inodes are on their way to be free; how many blocks. */
bool ext2_pending(const struct ext2_fs *fs);
uint32_t ext2_pending_blocks(const struct ext2_fs *fs);
/* After -ENOSPC, not locked: true when something has been freed by a sync, so that another try is worth it. */
bool ext2_reclaim(struct ext2_fs *fs);
/* Before a change, not locked: a sync, if many unlinked files wait for one. */
void ext2_limit_doomed(struct ext2_fs *fs);
/* Nobody uses the unlinked file any more: it is freed by a sync. May sleep. */
void ext2_doom(struct ext2_inode *inode);
void ext2_count_doomed(struct mount *mount, void (*count)(struct object *object)); /* for the checker */
/* At unmount of a disk that could not be written: what could not be freed is left to e2fsck. */
void ext2_forget_doomed(struct ext2_fs *fs);
/* Freed, and not yet to be used. Locked. */
void ext2_block_hold(struct ext2_fs *fs, uint32_t block);
bool ext2_block_held(const struct ext2_fs *fs, uint32_t block);
/* Zeros on the disk, at once. 0 or -EIO. May sleep. */
int ext2_block_zero_on_disk(struct ext2_fs *fs, uint32_t block);

/* --- ext2_map.c --- */

/*
 * Block number of block @index of the file, 0 for a hole. Not locked. Returns as ext2_block_peek(): 0, 1, or
 * -EIO.
 */
int ext2_map_peek(struct ext2_inode *inode, uint32_t index, bool read, uint32_t *block);
/* The same for all blocks from @index on of which that is known at once: run->first is @index, run->count not 0. */
int ext2_map_peek_run(struct ext2_inode *inode, uint32_t index, bool read, struct ext2_run *run);
/* The same for those who may sleep: 0 or -EIO. */
int ext2_map(struct ext2_inode *inode, uint32_t index, uint32_t *block);
/*
 * Gives block @index of the file a block on the disk if it has none, with the indirect blocks that lead to
 * it. *@fresh tells whether it is new: its contents are then an earlier owner's. The inode is changed but
 * not stored. Locked. 0, -ENOSPC, -EFBIG, -EIO.
 */
int ext2_map_allocate(struct ext2_inode *inode, uint32_t index, uint32_t *block, bool *fresh);
/* Frees all blocks from @index on. Changes the inode but does not store it. Locked. 0 or -EIO. */
int ext2_map_truncate(struct ext2_inode *inode, uint32_t index);
uint64_t ext2_map_max_blocks(const struct ext2_fs *fs);

/* --- ext2_inode.c --- */

/* The in-core inode, with a reference; reads it if need be. Locked. 0, -EIO, -ENOMEM. */
int ext2_inode_get(struct ext2_fs *fs, uint32_t number, struct ext2_inode **inode);
/*
 * Makes an inode on the disk and in memory, with a reference and links 0. Locked. 0, -ENOSPC, -EIO, -ENOMEM.
 * Whoever cannot give it a name just drops the reference, which frees it.
 */
int ext2_inode_make(struct ext2_inode *parent, uint32_t mode, uint64_t rdevice, struct ext2_inode **inode);
/* Stores the in-core copy into the inode table's page. Locked. 0 or -EIO. */
int ext2_inode_store(struct ext2_inode *inode);
/* Sets object.size and the copy's; marks the file system as one with large files. Locked, not stored. */
void ext2_inode_set_size(struct ext2_inode *inode, uint64_t size);
/* Whether the number is that of a directory; for hints, which may be stale. Locked. */
bool ext2_inode_is_directory(struct ext2_fs *fs, uint32_t number);
int ext2_get_attributes(struct vnode *vnode, struct vnode_attributes *attributes);
int ext2_set_attributes(struct vnode *vnode, const struct vnode_attributes *attributes, unsigned which);
int ext2_end_write(struct vnode *vnode);
int ext2_sync_inode(struct vnode *vnode);
bool ext2_fast_symlink(const struct ext2_inode *inode);
/* Gives blocks and number of a doomed file back. Not locked. May sleep. */
void ext2_free_unlinked(struct ext2_inode *inode);

/* --- ext2_dir.c; all locked --- */

/* Where a record is: its block, pinned, and the record before it in the block. */
struct ext2_place {
    struct ext2_block block;
    struct ext2_record *record;
    struct ext2_record *before; /* or NULL: it is the block's first */
};

/* Finds a name: 0 with *@place (to be put by the caller), -ENOENT, -EIO. */
int ext2_dir_find(struct ext2_inode *directory, const char *name, size_t length, struct ext2_place *place);
/*
 * Finds, or makes by growing the directory, a record with room for a name of @length bytes that is not in it
 * yet. 0 with *@place, -ENOSPC, -EIO. Nothing is in the record yet: ext2_dir_fill() or ext2_dir_drop().
 */
int ext2_dir_find_room(struct ext2_inode *directory, size_t length, struct ext2_place *place);
void ext2_dir_drop(struct ext2_inode *directory, struct ext2_place *place);
/* Commits: the name goes into the place found by ext2_dir_find_room(), and the place is put. */
void ext2_dir_fill(struct ext2_inode *directory, struct ext2_place *place, const char *name, size_t length,
                   uint32_t number, uint32_t mode);
/* Commits: the record names another inode now; the place is put. */
void ext2_dir_replace(struct ext2_inode *directory, struct ext2_place *place, uint32_t number, uint32_t mode);
/* Commits: the record is free now; the place is put. */
void ext2_dir_remove(struct ext2_inode *directory, struct ext2_place *place);
/* A new directory's first block with "." and "..". 0, -ENOSPC, -EIO. Inode changed, not stored. */
int ext2_dir_begin(struct ext2_inode *directory, uint32_t parent);
/* Gets block @index of the directory, which may have no holes. 0 or -EIO. */
int ext2_dir_block(struct ext2_inode *directory, uint32_t index, struct ext2_block *block);
/* 1: only "." and ".." are in it; 0: more; -EIO. */
int ext2_dir_empty(struct ext2_inode *directory);
/* Checks a record that begins at byte @at of a block before it is looked at. */
bool ext2_record_valid(struct ext2_fs *fs, const struct ext2_record *record, unsigned at);

/* --- ext2_names.c, for ext2_rename.c; all but the first locked --- */

/*
 * Locks, and checks that @directory may be changed and has not been removed. 0; -EROFS, -ENOENT: not locked. May
 * sleep.
 */
int ext2_begin_change(struct ext2_inode *directory);
/* The inode a name leads to, with a reference. 0, -ENAMETOOLONG, -ENOENT, -EIO, -ENOMEM. */
int ext2_get_named(struct ext2_inode *directory, const char *name, size_t length, struct ext2_inode **found);
/* Whether @victim may lose its name: 0, -ENOTDIR, -EISDIR, -EBUSY, -ENOTEMPTY, -EIO. */
int ext2_check_removable(struct ext2_inode *victim, bool want_directory);
/* The name of @victim in @directory is gone: link counts. @directory is not stored. 0 or -EIO. */
int ext2_drop_link(struct ext2_inode *directory, struct ext2_inode *victim);
/* Stores both, whatever becomes of the first. 0 or -EIO. */
int ext2_store_two(struct ext2_inode *a, struct ext2_inode *b);

/* --- ext2_rename.c --- */

int ext2_rename(struct vnode *from, const char *old_name, size_t old_length, struct vnode *to,
                const char *new_name, size_t new_length);

/* --- ext2_names.c, ext2_pager.c --- */

extern const struct vnode_operations ext2_directory_operations;
extern const struct vnode_operations ext2_file_operations;
extern const struct vnode_operations ext2_symlink_operations;
extern const struct vnode_operations ext2_special_operations;
extern const struct pager ext2_pager;
int ext2_map_blocks(struct vnode *vnode, uint64_t position, struct extent *extent);
int ext2_prepare_write(struct vnode *vnode, struct frame *frame, pgoff_t index, unsigned from, unsigned to);
bool ext2_write_in_place(struct vnode *vnode, pgoff_t index, unsigned from, unsigned to);
void ext2_unused(struct object *object);
void ext2_release(struct object *object);

#endif
