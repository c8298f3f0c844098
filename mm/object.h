/*
 * Objects: things that have pages of their own, such as a file or a block device (later a remote machine
 * or a user-level pager), and the pagers that move those pages. The resident pages of all objects are in
 * one hash; read(), write() and mappings all meet in the same frames.
 */
#ifndef MM_OBJECT_H
#define MM_OBJECT_H

#include "lib/list.h"
#include "lib/types.h"
#include "lib/wait.h"

struct amap;
struct anon;
struct frame;
struct object;

enum page_access { PAGE_READ, PAGE_WRITE };

/*
 * The way to a backing store. get and put only start transfers; each frame is completed exactly once by
 * frame_done(), possibly before get or put returns.
 */
struct pager {
    const char *name;
    bool of_files;  /* its objects are parts of vnodes (fs/vnode.h) that have a name, or had one */
    bool recounted; /* vm_count_references() knows all who hold references to them for longer than a call */

    /*
     * Makes ready what get or a later put of this page needs (a block map, a block for a hole when
     * @access is PAGE_WRITE). Holding nothing of the fault's. 0: nothing slept; 1: it slept, so the caller
     * starts over; -EIO, -ENOSPC, …. NULL where nothing is needed. May sleep.
     *
     * With PAGE_WRITE it is called for an absent page, and (everything starts over) again for the resident
     * one before that may be written to: a file pager gives a hole its block at this second call, when the
     * page's zeros are in memory and become "modified" in the same breath, so that nobody can ever read
     * what an earlier owner left in the block.
     */
    int (*prepare)(struct object *object, pgoff_t index, enum page_access access);

    /*
     * Starts filling the BUSY @frame, which is the object's page @index already. Called directly after
     * prepare() returned 0. Does not sleep except for a bio.
     */
    void (*get)(struct object *object, pgoff_t index, enum page_access access, struct frame *frame);

    /*
     * Starts writing @count BUSY frames of consecutive indexes. Daemon or thread context; may sleep for
     * metadata. Bytes past the end of a file are not written.
     */
    void (*put)(struct object *object, struct frame **frames, unsigned count);

    /*
     * True when prepare(object, index, PAGE_READ) would return 0: asked by read-ahead, which must not
     * sleep. NULL: always.
     */
    bool (*ready)(struct object *object, pgoff_t index);

    /*
     * The last reference is being given up; object->refs is still 1, so that nothing frees the object
     * meanwhile. The place where an unlinked file is truncated. May sleep. NULL: nothing to do.
     */
    void (*unused)(struct object *object);

    /*
     * The last reference is gone and no page is resident: free it (mm has taken it off its own lists).
     * Does not sleep. NULL: the object is never freed.
     */
    void (*release)(struct object *object);

    /*
     * For msync, after the pages have been written: what leads to them (an inode, block maps) goes to the
     * medium. 0 or -EIO. May sleep. NULL: nothing leads to them.
     */
    int (*sync)(struct object *object);

    /* A write of one of its pages has failed with -EIO or -ENOSPC; the page stays modified. Does not sleep. NULL. */
    void (*write_failed)(struct object *object, int error);
};

struct object {
    const struct pager *pager;
    unsigned refs;     /* areas, open files, in-core names */
    unsigned recount;  /* the checker's */
    uint64_t size;     /* bytes; pages at or past PAGE_UP(size) do not exist: SIGBUS */
    struct list pages; /* resident frames, by `siblings` */
    unsigned resident;
    struct list link;        /* on the list of all objects, for sync and the checker */
    unsigned read_errors;    /* failed reads so far … */
    pgoff_t read_error_page; /* … and the page of the last: whoever waited for it compares */
    int write_error;         /* -EIO or -ENOSPC: of the last failed write, … */
    uint32_t write_errors;   /* … how many there have been, … */
    bool write_error_told;   /* … and whether anybody has been told of the last (mm/write_error.c) */
    bool owed;               /* modified pages may wait for the last area that shows them (mm/area.c) */
    bool device;             /* a block device's own pages: modified sectors are tracked */
    struct amap *amap;       /* memory object: its pages are this amap's anons (mm/memobject.c); else NULL */
};

void object_init(struct object *object, const struct pager *pager, uint64_t size);
void object_ref(struct object *object);

/*
 * The last one calls unused; then release, now or when the last page goes (so an unused file keeps its
 * pages until memory is wanted; object_ref() brings it back). May sleep.
 */
void object_unref(struct object *object);

extern struct list objects; /* all of them, for sync and the checker */
extern uint32_t object_pages_resident;

/* For the frame table: the page hash; a clean page's frame stolen; a read failed. Never sleep. */
void object_hash_init(pfn_t frames);
void object_lose_page(struct frame *frame);
void object_read_failed(struct frame *frame);
void object_page_arrived(struct frame *frame);
void object_write_failed(struct object *object, int error);

/* Makes @frame (BUSY, no owner) the object's page @index. */
void object_add_page(struct object *object, pgoff_t index, struct frame *frame);
/* Number of pages of the object, the last perhaps in part. */
pgoff_t object_page_count(const struct object *object);

/* The resident frame, in whatever state, or NULL. Never sleeps. */
struct frame *object_lookup(struct object *object, pgoff_t index);

/*
 * The page, resident, valid and PINNED; reads it if need be. 0 or -EIO, -ENOMEM, -EINTR (killed), or what
 * prepare says. @access PAGE_WRITE gets its block allocated. May sleep, holding nothing.
 *
 * A device's page: never -EINTR or -ENOMEM (a dying caller may dig into the reserve instead), because a
 * change of a file system's metadata must not stop half-way.
 */
int page_get(struct object *object, pgoff_t index, enum page_access access, struct frame **frame);

/*
 * The page for a caller that will overwrite all of it, or a new page past the old end: not read from the
 * store but cleared if it is not resident. Else as page_get.
 */
int page_get_new(struct object *object, pgoff_t index, struct frame **frame);

/*
 * Starts reads of the absent ones among pages [first, first + count), as far as that needs no sleep and no
 * frame beyond the reserve. The page where it ended.
 */
pgoff_t object_readahead(struct object *object, pgoff_t first, unsigned count);
/*
 * Read-ahead has ended at page @index: if it was because the pager does not know where the page lies, this is found
 * out. True: it was, and going on is worth while. The caller has a reference. May sleep for a read, not for frames.
 */
bool object_find_place(struct object *object, pgoff_t index);

/*
 * The same page where page_get() would have nothing to do, not pinned: it stays what it is until the caller sleeps.
 * It counts as referenced. NULL: ask page_get(). Never sleeps.
 */
struct frame *page_find(struct object *object, pgoff_t index);

/* Bytes [from, to) of a page that page_find() has found are about to change, or have. Never sleeps. */
void page_modified(struct frame *frame, unsigned from, unsigned to);

/* Ends page_get's pin. page_put_modified also marks bytes [from, to) of the page as modified. */
void page_put(struct frame *frame);
void page_put_modified(struct frame *frame, unsigned from, unsigned to);

/*
 * Forgets the pages from byte @size on, mapped or not, modified or not, clears the tail of the page that
 * holds byte @size, and sets object->size. Waits for BUSY and PINNED pages. May sleep.
 */
void object_truncate(struct object *object, uint64_t size);

/*
 * Who knows of which failed writes: one for each open file description, shared with the mappings made from
 * it. Never sleeps; NULL is a cursor that is told nothing.
 */
struct error_cursor {
    unsigned refs; /* the open file and areas */
    uint32_t told; /* failures of the object that this one has been told of */
};
/* A cursor for a file that is being opened, or NULL: no memory. */
struct error_cursor *error_cursor_create(const struct object *object);
void error_cursor_ref(struct error_cursor *cursor);
void error_cursor_unref(struct error_cursor *cursor);
/* The last failure if it is new to @cursor, which knows it from now on; else 0. */
int object_tell_errors(struct object *object, struct error_cursor *cursor);

/*
 * Writes modified pages [first, first + count) and waits: 0, or the last error of a write that ended meanwhile
 * (it is told to cursors all the same). Mapped pages are unmapped before they are written and stay in memory.
 * May sleep.
 */
int object_flush(struct object *object, pgoff_t first, pgoff_t count);

/*
 * In mm/lock.c: pages [first, end) of the object that locked areas had mapped before they were written are mapped and
 * locked again, those that are in memory. Never sleeps.
 */
void lock_bring_back(const struct object *object, pgoff_t first, pgoff_t end);
/*
 * Starts writing the modified pages of the range that no page table shows, without waiting for the end: the last
 * user of these pages has gone. May sleep for metadata.
 */
void object_write_unmapped(struct object *object, pgoff_t first, pgoff_t count);
/* Sleeps until no page of the object is being written. */
void object_wait_writes(struct object *object);
/* Starts writing @total unmapped or mapped, ordered frames; mapped ones are unmapped first. May sleep. */
void object_put_frames(struct object *object, struct frame **frames, unsigned total);
int object_flush_all(void); /* of all objects: sync */
unsigned object_puts(void); /* for the checker: writes that are being handed to pagers, which may sleep */

/*
 * The sectors of bytes [from, to) of a device's page need not be written any more (its block now belongs
 * to a file's data). Waits while the page is being written. May sleep.
 */
void object_forget(struct object *object, pgoff_t index, unsigned from, unsigned to);

/*
 * Forgets page @index if it is in memory, mapped or not, because the store has been changed behind its back:
 * 0. -EBUSY: it is modified, and stays. Waits while it is BUSY or pinned. May sleep.
 */
int object_drop_page(struct object *object, pgoff_t index);

/*
 * Drops unmapped, unmodified pages until at most @keep are left (an unused file's). If none is left and
 * there are no references, the object is released: the caller does not look at it again. Never sleeps.
 */
void object_drop_pages(struct object *object, unsigned keep);

struct block_device;
/* The object whose pages are the sectors of @device (one a device, made at the first call). */
struct object *object_of_device(struct block_device *device);

/*
 * For file pagers: starts the transfer of @frame (BUSY) in pieces: @sectors sectors at @sector of @device
 * to or from byte @offset of the frame. Call frame_io_begin() first and frame_io_end() last: frame_done()
 * is called when all pieces and frame_io_end() are through. After a read, frame_done() clears the page's
 * bytes past object->size.
 */
void frame_io_begin(struct frame *frame);
void frame_io_part(struct frame *frame, struct block_device *device, sector_t sector, unsigned offset,
                   unsigned sectors, int cause);
void frame_io_end(struct frame *frame, int error);

#endif
