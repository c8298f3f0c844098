/*
 * /proc's files about memory, in Linux's formats: where a process's areas are (maps), what is in them (smaps),
 * and, page by page, the lecture's "valid: frame; invalid: disk block" (pagemap).
 *
 * What is "resident" here is what has a page-table entry. A page that is in the available pool has lost its
 * entry and not yet its frame: smaps counts it as Pool, a line that Linux does not have, and pagemap shows its
 * slot if it has one, else its frame.
 *
 * Source: proc(5); Linux's Documentation/admin-guide/mm/pagemap.rst for the bits.
 */
#include "arch/x86/memory.h"
#include "fs/vnode.h"
#include "kernel/process.h"
#include "kernel/procfs.h"
#include "kernel/shm.h"
#include "lib/errno.h"
#include "lib/print.h"
#include "lib/string.h"
#include "mm/amap.h"
#include "mm/anon.h"
#include "mm/frame.h"
#include "mm/heap.h"

/* --- a page of an area --- */

/* The anonymous page there, the area's own or one of a memory object; or NULL. */
static struct anon *anon_at(const struct area *area, pgoff_t page) {
    const struct object *object = area->object;
    struct anon *anon = area->amap ? amap_get(area->amap, area->amap_offset + page) : NULL;
    if (!anon && object && object->amap && area->object_offset + page < object->amap->pages)
        anon = amap_get(object->amap, area->object_offset + page);
    return anon;
}

/* Private memory of programs; not file pages, not shared memory. */
static bool is_private_anonymous(const struct area *area, pgoff_t page) {
    return !(area->flags & AREA_SHARED) && area->amap && amap_get(area->amap, area->amap_offset + page);
}

static unsigned count_mappings(const struct frame *frame) {
    unsigned mappings = 0;
    if (frame->state != FRAME_KERNEL && frame_mapped(frame))
        for (const struct mapping *m = &frame->map; m; m = m->next)
            mappings++;
    return mappings;
}

/* --- maps --- */

/* What a line of maps needs, copied, because finding the path may sleep and the area may go. */
struct map_line {
    vaddr_t start, end;
    unsigned flags;
    uint64_t offset;
    struct object *object; /* referenced; or NULL */
};

static void name_map(const struct map_line *line, struct vnode *vnode, char *path) {
    int32_t key;
    path[0] = 0;
    if (vnode && path_of(vnode, path, PATH_MAX_BYTES) < 0)
        str_copy(path, "(deleted)", PATH_MAX_BYTES);
    else if (line->object && !vnode && shm_key_of(line->object, &key))
        print_to(path, PATH_MAX_BYTES, "/SYSV%08x (deleted)", (unsigned)key);
    else if (line->flags & (AREA_HEAP | AREA_GROWSDOWN))
        str_copy(path, line->flags & AREA_HEAP ? "[heap]" : "[stack]", PATH_MAX_BYTES);
}

static void print_map_line(struct text *text, const struct map_line *line, char *path) {
    struct vnode_attributes attributes = {0};
    struct vnode *vnode = line->object ? vnode_if_file(line->object) : NULL;
    if (vnode)
        vnode_get_attributes(vnode, &attributes);
    name_map(line, vnode, path);
    unsigned device = (unsigned)attributes.device;
    text_print(text, "%08x-%08x %c%c%c%c %08x %02x:%02x %-10u", (unsigned)line->start, (unsigned)line->end,
               line->flags & AREA_READ ? 'r' : '-', line->flags & AREA_WRITE ? 'w' : '-',
               line->flags & AREA_EXEC ? 'x' : '-', line->flags & AREA_SHARED ? 's' : 'p',
               (unsigned)line->offset, device >> 8 & 0xfff, device & 0xff, (unsigned)attributes.inode);
    text_print(text, "%s%s\n", *path ? " " : "", path);
}

typedef void area_printer(struct text *text, struct space *space, struct area *area, void *data);

/* The line of each area, then what @print says of it, if the area is still there. May sleep. */
static void print_areas(struct text *text, struct process *process, area_printer *print) {
    struct space *space = process->space;
    if (!space)
        return;
    space_ref(space); /* the process may be gone when memory for the path has been waited for */
    char *path = kpage_alloc();
    struct area *area;
    for (vaddr_t at = 0; path && (area = space_find_from(space, at)) != NULL;) {
        struct map_line line = {.start = area->start,
                                .end = area_end(area),
                                .flags = area->flags,
                                .offset = area->object ? (uint64_t)area->object_offset * PAGE_SIZE : 0,
                                .object = area->object};
        if (line.object)
            object_ref(line.object);
        print_map_line(text, &line, path);
        if (line.object)
            object_unref(line.object);
        area = print ? space_find(space, line.start) : NULL;
        if (area)
            print(text, space, area, NULL);
        at = line.end;
    }
    space_unref(space);
    kpage_free(path);
}

void print_maps(struct text *text, struct process *process) {
    print_areas(text, process, NULL);
}

/* --- smaps --- */

/* What the pages of an area are, in pages; proportional shares in 4096ths of a page. */
struct usage {
    uint32_t size, resident, shared_clean, shared_dirty, private_clean, private_dirty, referenced, anonymous,
        lazily_free, swapped, in_pool;
    uint64_t share, share_dirty, share_swapped, share_locked;
};

static void count_resident(struct usage *usage, const struct area *area, vaddr_t address, pfn_t pfn,
                           unsigned bits) {
    const struct frame *frame = &frame_table[pfn];
    pgoff_t page = area_page(area, address);
    unsigned mappings = count_mappings(frame);
    bool modified = frame->modified || (bits & PMAP_MODIFIED);
    uint32_t *kind = mappings > 1 ? modified ? &usage->shared_dirty : &usage->shared_clean
                     : modified   ? &usage->private_dirty
                                  : &usage->private_clean;
    usage->resident++;
    ++*kind;
    usage->share += PAGE_SIZE / mappings;
    usage->share_dirty += modified ? PAGE_SIZE / mappings : 0;
    usage->share_locked += area->flags & AREA_LOCKED ? PAGE_SIZE / mappings : 0;
    usage->referenced += frame->referenced || (bits & PMAP_REFERENCED);
    if (is_private_anonymous(area, page)) {
        usage->anonymous++;
        usage->lazily_free += frame->anon->lazily_free && !modified;
    }
}

/* SwapPss does not count shared memory, as on Linux. */
static void count_absent(struct usage *usage, const struct area *area, pgoff_t page) {
    const struct anon *anon = anon_at(area, page);
    if (!anon)
        return;
    if (!anon->frame && anon->slot) {
        usage->swapped++;
        usage->share_swapped += is_private_anonymous(area, page) ? PAGE_SIZE / anon->refs : 0;
    }
    usage->in_pool += anon->frame && !frame_mapped(anon->frame);
}

static void count_area(struct usage *usage, const struct space *space, const struct area *area) {
    usage->size += area->pages;
    for (pgoff_t page = 0; page < area->pages; page++) {
        vaddr_t address = area->start + ((vaddr_t)page << PAGE_SHIFT);
        pfn_t pfn;
        unsigned bits = pmap_query(&space->pmap, address, &pfn);
        if (bits)
            count_resident(usage, area, address, pfn, bits);
        else
            count_absent(usage, area, page);
    }
}

static void print_line(struct text *text, const char *name, uint32_t kib) {
    text_print(text, "%-15s %8u kB\n", name, kib);
}

static void print_pages(struct text *text, const char *name, uint32_t pages) {
    print_line(text, name, pages * KIB_PER_PAGE);
}

static void print_share(struct text *text, const char *name, uint64_t bytes) {
    print_line(text, name, (uint32_t)(bytes / 1024));
}

static void print_usage(struct text *text, const struct usage *usage) {
    print_pages(text, "Rss:", usage->resident);
    print_share(text, "Pss:", usage->share);
    print_share(text, "Pss_Dirty:", usage->share_dirty);
    print_pages(text, "Shared_Clean:", usage->shared_clean);
    print_pages(text, "Shared_Dirty:", usage->shared_dirty);
    print_pages(text, "Private_Clean:", usage->private_clean);
    print_pages(text, "Private_Dirty:", usage->private_dirty);
    print_pages(text, "Referenced:", usage->referenced);
    print_pages(text, "Anonymous:", usage->anonymous);
    print_pages(text, "LazyFree:", usage->lazily_free);
    print_pages(text, "Pool:", usage->in_pool);
    print_pages(text, "Swap:", usage->swapped);
    print_share(text, "SwapPss:", usage->share_swapped);
    print_share(text, "Locked:", usage->share_locked);
}

/* Linux's two letters for each flag that has a meaning here. */
static void print_flags(struct text *text, const struct area *area) {
    static const struct {
        unsigned flag;
        const char *letters;
    } flags[] = {
        {AREA_READ, "rd"},     {AREA_WRITE, "wr"},     {AREA_EXEC, "ex"},   {AREA_SHARED, "sh"},
        {AREA_MAYWRITE, "mw"}, {AREA_GROWSDOWN, "gd"}, {AREA_LOCKED, "lo"}, {AREA_NORESERVE, "nr"},
    };
    text_print(text, "VmFlags:");
    for (unsigned i = 0; i < ARRAY_SIZE(flags); i++)
        if (area->flags & flags[i].flag)
            text_print(text, " %s", flags[i].letters);
    text_print(text, "%s%s\n", area->advice == ADVICE_SEQUENTIAL ? " sr" : "",
               area->advice == ADVICE_RANDOM ? " rr" : "");
}

static void print_area_usage(struct text *text, struct space *space, struct area *area, void *data UNUSED) {
    struct usage usage = {0};
    count_area(&usage, space, area);
    print_pages(text, "Size:", usage.size);
    print_pages(text, "KernelPageSize:", 1);
    print_pages(text, "MMUPageSize:", 1);
    print_usage(text, &usage);
    print_flags(text, area);
}

void print_smaps(struct text *text, struct process *process) {
    print_areas(text, process, print_area_usage);
}

void print_smaps_rollup(struct text *text, struct process *process) {
    struct usage usage = {0};
    struct space *space = process->space;
    if (!space || list_empty(&space->areas))
        return;
    list_for_each (area, &space->areas, struct area, link) {
        count_area(&usage, space, area);
    }
    text_print(text, "%08x-%08x ---p 00000000 00:00 0          [rollup]\n",
               (unsigned)list_first(&space->areas, struct area, link)->start,
               (unsigned)area_end(list_last(&space->areas, struct area, link)));
    print_usage(text, &usage);
}

/* --- pagemap, kpagecount and kpageflags: 64 bits a page --- */

#define PAGEMAP_PRESENT    (1ull << 63) /* bits 0-54: the frame */
#define PAGEMAP_SWAPPED    (1ull << 62) /* bits 0-4: number of the swap area, 5-54: the slot */
#define PAGEMAP_SHARED     (1ull << 61) /* a file's page, or shared memory */
#define PAGEMAP_EXCLUSIVE  (1ull << 56) /* mapped here only */
#define PAGEMAP_SOFT_DIRTY (1ull << 55) /* as long as nobody clears it, of everything that is mapped */
#define PAGEMAP_SLOT_SHIFT 5

static uint64_t present_entry(const struct area *area, pgoff_t page, pfn_t pfn) {
    uint64_t entry = PAGEMAP_PRESENT | pfn;
    if (count_mappings(&frame_table[pfn]) == 1)
        entry |= PAGEMAP_EXCLUSIVE;
    return is_private_anonymous(area, page) ? entry : entry | PAGEMAP_SHARED;
}

static uint64_t absent_entry(const struct area *area, pgoff_t page) {
    const struct anon *anon = anon_at(area, page);
    uint64_t entry = is_private_anonymous(area, page) ? 0 : PAGEMAP_SHARED;
    if (!anon)
        return 0;
    if (anon->slot)
        return entry | PAGEMAP_SWAPPED | (uint64_t)anon->slot << PAGEMAP_SLOT_SHIFT;
    return anon->frame ? entry | PAGEMAP_PRESENT | frame_number(anon->frame) : 0;
}

static uint64_t pagemap_entry(struct space *space, vaddr_t address) {
    struct area *area = space_find(space, address);
    pfn_t pfn;
    if (!area)
        return 0;
    pgoff_t page = area_page(area, address);
    bool present = pmap_query(&space->pmap, address, &pfn);
    return PAGEMAP_SOFT_DIRTY | (present ? present_entry(area, page, pfn) : absent_entry(area, page));
}

/* The number of the first 64-bit record that the text has room for; what comes before it is skipped. */
static uint64_t first_record(struct text *text) {
    uint64_t first = text->skip / sizeof(uint64_t);
    text->skip -= first * sizeof(uint64_t);
    return first;
}

static void add_record(struct text *text, uint64_t record) {
    text_add(text, (const char *)&record, sizeof record);
}

void print_pagemap(struct text *text, struct process *process) {
    if (!process->space)
        return;
    for (uint64_t page = first_record(text); page < USER_TOP >> PAGE_SHIFT && text->used < text->room; page++)
        add_record(text, pagemap_entry(process->space, (vaddr_t)page << PAGE_SHIFT));
}

/* How many page-table entries show each frame. */
void print_kpagecount(struct text *text, struct process *process UNUSED) {
    for (uint64_t pfn = first_record(text); pfn < frame_total && text->used < text->room; pfn++)
        add_record(text, count_mappings(&frame_table[pfn]));
}

/* Linux's numbers of bits, <linux/kernel-page-flags.h>. */
enum {
    KPF_LOCKED = 0,
    KPF_REFERENCED = 2,
    KPF_UPTODATE = 3,
    KPF_DIRTY = 4,
    KPF_LRU = 5,
    KPF_ACTIVE = 6,
    KPF_SLAB = 7,
    KPF_WRITEBACK = 8,
    KPF_BUDDY = 10,
    KPF_MMAP = 11,
    KPF_ANON = 12,
    KPF_SWAPCACHE = 13,
    KPF_SWAPBACKED = 14,
    KPF_UNEVICTABLE = 18,
};

static uint64_t flag(unsigned bit, bool set) {
    return (uint64_t)set << bit;
}

/* What the kernel itself uses is all SLAB here, free frames are BUDDY; the pool is on the LRU, not active. */
static uint64_t flags_of_frame(const struct frame *frame) {
    bool busy = frame->state == FRAME_BUSY, anonymous = frame->owner == OWNER_ANON;
    if (frame->state == FRAME_KERNEL || frame->state == FRAME_FREE)
        return flag(frame->state == FRAME_FREE ? KPF_BUDDY : KPF_SLAB, true);
    return flag(KPF_LOCKED, busy) | flag(KPF_WRITEBACK, busy && frame->io_write) |
           flag(KPF_UPTODATE, !busy || frame->io_write) | flag(KPF_REFERENCED, frame->referenced) |
           flag(KPF_DIRTY, frame->modified) | flag(KPF_LRU, !busy && frame->state != FRAME_PINNED) |
           flag(KPF_ACTIVE, frame->state == FRAME_ACTIVE) | flag(KPF_MMAP, frame_mapped(frame)) |
           flag(KPF_ANON, anonymous) | flag(KPF_SWAPBACKED, anonymous) |
           flag(KPF_SWAPCACHE, anonymous && frame->anon->slot) |
           flag(KPF_UNEVICTABLE, frame->state == FRAME_PINNED);
}

void print_kpageflags(struct text *text, struct process *process UNUSED) {
    for (uint64_t pfn = first_record(text); pfn < frame_total && text->used < text->room; pfn++)
        add_record(text, flags_of_frame(&frame_table[pfn]));
}

/* --- System V shared memory --- */

void print_sysvipc_shm(struct text *text, struct process *process UNUSED) {
    struct shm_line line;
    text_print(text,
               "       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid"
               "      atime      dtime      ctime                   rss                  swap\n");
    for (unsigned i = 0; i < SHM_SEGMENTS_MAX; i++) {
        if (!shm_describe(i, &line))
            continue;
        text_print(text, "%10d %10d  %4o %21u %5d %5d  %5u %5u %5u     0     0 %10u %10u %10u", line.key,
                   line.id, line.mode, (unsigned)line.bytes, line.creator, line.last, line.attached, line.uid,
                   line.gid, line.attach_time, line.detach_time, line.change_time);
        text_print(text, " %21u %21u\n", (unsigned)line.resident * PAGE_SIZE,
                   (unsigned)line.swapped * PAGE_SIZE);
    }
}
