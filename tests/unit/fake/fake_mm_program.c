/* Random programs: see fake_mm_program.h. */
#include "fake_mm_program.h"

#include "lib/errno.h"
#include "lib/string.h"
#include "mm/anon.h"
#include "mm/counters.h"
#include "mm/fault.h"
#include "mm/frame.h"
#include "mm/memobject.h"
#include "mm/space.h"
#include "mm/swap.h"
#include "mm/swapper.h"
#include "mm/vm.h"

#include <stdlib.h>

#define CELLS      8u
#define CELL_BYTES (PAGE_SIZE / CELLS)

/* The part of an address space that the model knows: a heap, room for mappings, a stack. */
#define WINDOW_START ((vaddr_t)0x10000000)
#define HEAP_PAGES   64u
#define MAP_PAGES    512u
#define STACK_PAGES  64u
#define WINDOW_PAGES (HEAP_PAGES + MAP_PAGES + STACK_PAGES)
#define MAP_START    (WINDOW_START + HEAP_PAGES * PAGE_SIZE)
#define MAP_END      (MAP_START + MAP_PAGES * PAGE_SIZE)
#define STACK_AWAY   ((vaddr_t)0x1000000) /* stacks do not grow to where others are near */
#define STACK_START  (MAP_END + STACK_AWAY)
#define WINDOW_END   (STACK_START + STACK_PAGES * PAGE_SIZE)
#define DISK_PAGES   256u /* room for a file */

/* Pages that several mappings may show: a file's, or shared anonymous memory's. */
struct store {
    struct fake_file *file; /* NULL: anonymous */
    unsigned pages;
    uint32_t *tags; /* CELLS a page */
    struct store *next;
};

/* What a program expects at a page. */
struct expected {
    bool mapped, shared;
    bool own;  /* a private page that has been written to: `tags` counts, not the store's */
    bool free; /* given back by ADVISE_FREE: it may read as zeros, until it is written to */
    uint8_t rights;
    uint32_t index;      /* in the store */
    struct store *store; /* NULL: private anonymous */
    uint32_t tags[CELLS];
};

struct program {
    struct space *space;
    unsigned steps;
    unsigned mapped;
    struct expected pages[WINDOW_PAGES];
};

unsigned program_accesses, program_operations, program_deaths;

static struct program_options options;
static struct fake_file files[PROGRAM_FILES];
static struct store *stores; /* all, the files' last */
static unsigned alive, forks_left;
static uint32_t next_tag;

/* --- cells --- */

static uint32_t cell_word(uint32_t tag, unsigned i) {
    return tag == 0 ? 0 : i == 0 ? tag : tag * 2654435761u + i;
}

static void cell_fill(void *cell, uint32_t tag) {
    uint32_t *word = cell;

    for (unsigned i = 0; i < CELL_BYTES / sizeof(*word); i++)
        word[i] = cell_word(tag, i);
}

static bool cell_holds(const void *cell, uint32_t tag) {
    const uint32_t *word = cell;

    for (unsigned i = 0; i < CELL_BYTES / sizeof(*word); i++)
        if (word[i] != cell_word(tag, i))
            return false;
    return true;
}

/* --- stores --- */

static struct store *store_create(struct fake_file *file, unsigned pages) {
    struct store *store = calloc(1, sizeof(*store));

    store->file = file;
    store->pages = pages;
    store->tags = calloc(pages * CELLS, sizeof(uint32_t));
    store->next = stores;
    stores = store;
    return store;
}

/* Bytes past the end of the file read as zeros, and are not written. */
static bool cell_is_in(const struct store *store, uint32_t index, unsigned cell) {
    return store->file == NULL ||
           (uint64_t)index * PAGE_SIZE + (cell + 1) * CELL_BYTES <= store->file->object.size;
}

static void create_memory_files(void) {
    for (unsigned f = options.files; f < options.files + options.memory_files; f++) {
        fake_memory_init(&files[f], (uint64_t)options.file_pages * PAGE_SIZE);
        store_create(&files[f], options.file_pages);
    }
}

static void create_files(void) {
    struct fake_disk *disk = fake_disk_create("hda1", options.files * DISK_PAGES * SECTORS_PER_PAGE + 1);

    memset(disk->data, 0x77, (size_t)disk->device.sectors * SECTOR_SIZE);
    for (unsigned f = 0; f < options.files; f++) {
        sector_t sector = f * DISK_PAGES * SECTORS_PER_PAGE;
        uint64_t size = (uint64_t)options.file_pages * PAGE_SIZE - (f % 2) * 3 * CELL_BYTES;
        struct store *store = store_create(&files[f], options.file_pages);

        fake_file_init(&files[f], disk, sector, size);
        files[f].sleeps = options.file_sleeps;
        for (unsigned cell = 0; cell < options.file_pages * CELLS; cell++) {
            if (!cell_is_in(store, cell / CELLS, cell % CELLS))
                continue;
            store->tags[cell] = ++next_tag;
            cell_fill(disk->data + (size_t)sector * SECTOR_SIZE + cell * CELL_BYTES, next_tag);
        }
    }
}

static struct store *some_file(void) {
    unsigned nth = fake_random_below(options.files + options.memory_files);
    struct store *store = stores;

    while (store->file == NULL || store->file != &files[nth])
        store = store->next;
    return store;
}

/* --- what must be where --- */

static vaddr_t address_of(unsigned page) {
    vaddr_t address = WINDOW_START + (vaddr_t)page * PAGE_SIZE;

    return address < MAP_END ? address : address + STACK_AWAY;
}

static uint32_t *tags_of(struct expected *page) {
    return page->store == NULL || page->own ? page->tags : &page->store->tags[page->index * CELLS];
}

static void forget(struct program *program, unsigned first, unsigned count) {
    for (unsigned i = first; i < first + count; i++) {
        program->mapped -= program->pages[i].mapped;
        program->pages[i] = (struct expected){.mapped = false};
    }
}

/* After an error in the middle: what is not mapped any more. */
static void forget_unmapped(struct program *program) {
    for (unsigned i = 0; i < HEAP_PAGES + MAP_PAGES; i++)
        if (program->pages[i].mapped && space_find(program->space, address_of(i)) == NULL)
            forget(program, i, 1);
}

static unsigned some_mapped(struct program *program, unsigned below) {
    unsigned page = fake_random_below(below);

    for (unsigned tries = 0; tries < below; tries++, page = (page + 1) % below)
        if (program->pages[page].mapped)
            return page;
    return below;
}

/* --- access --- */

static enum fault_result reach(struct program *program, vaddr_t address, bool write, void **bytes) {
    for (unsigned tries = 0; tries < 100000; tries++) {
        enum fault_result result;

        *bytes = fake_mmu(&program->space->pmap, address, write);
        if (*bytes != NULL)
            return FAULT_OK;
        result = vm_fault(program->space, address, write ? FAULT_WRITE : FAULT_READ);
        if (result == FAULT_BUSERR && options.read_errors)
            continue; /* reported; the next try may succeed */
        if (result != FAULT_OK)
            return result;
    }
    panic("program: %p cannot be reached", (void *)address);
}

/*
 * The first write to a private page of a file has copied the file's page as it was at that moment, which may
 * be before the last writes of others: each cell holds what its place in the file has held at some time.
 */
static void adopt_copy(struct expected *page, const uint8_t *cells) {
    const uint32_t *current = &page->store->tags[page->index * CELLS];

    for (unsigned c = 0; c < CELLS; c++) {
        uint32_t tag = ((const uint32_t *)(const void *)(cells + c * CELL_BYTES))[0];

        if (tag > current[c] || !cell_holds(cells + c * CELL_BYTES, tag))
            panic("program: a private copy is not of its page");
        page->tags[c] = tag;
    }
    page->own = true;
}

static bool is_all_zeros(const uint8_t *cells) {
    for (unsigned c = 0; c < CELLS; c++)
        if (!cell_holds(cells + c * CELL_BYTES, 0))
            return false;
    return true;
}

/* A private map of a file in memory that looked at a hole has kept the zeros that it saw. */
static void adopt_hole(struct expected *page, const uint8_t *cells) {
    if (page->shared || page->own || page->store == NULL || page->store->file->disk != NULL ||
        !is_all_zeros(cells))
        return;
    memset(page->tags, 0, sizeof(page->tags));
    page->own = true;
}

/* Has the page given back been taken? All of it, or nothing. */
static void look_if_freed(struct expected *page, const uint8_t *cells, bool write) {
    bool taken = is_all_zeros(cells);

    if (taken)
        memset(page->tags, 0, sizeof(page->tags));
    page->free = !taken && !write;
}

static enum fault_result required(const struct expected *page, bool write) {
    if (!page->mapped)
        return FAULT_MAPERR;
    if (write ? !(page->rights & AREA_WRITE) : !(page->rights & AREA_PROTECTION))
        return FAULT_ACCERR;
    return FAULT_OK;
}

static void access_cell(struct program *program, unsigned number, unsigned cell, bool write) {
    struct expected *page = &program->pages[number];
    vaddr_t address = address_of(number) + cell * CELL_BYTES;
    void *bytes;
    enum fault_result result;

    if (write && page->store != NULL && !cell_is_in(page->store, page->index, cell))
        write = false;
    program_accesses++;
    result = reach(program, address, write, &bytes);
    if (result == FAULT_KILLED || (result == FAULT_BUSERR && options.write_errors))
        return;
    if (result == FAULT_BUSERR && vm_options.swap_static && options.short_of_memory)
        return; /* no place on swap */
    if (result == FAULT_BUSERR && vm_options.commit_strict && page->shared && page->store->file != NULL &&
        page->store->file->disk == NULL)
        return; /* a file in memory that may not have one page more */
    if (result == FAULT_MAPERR && vm_options.commit_strict && number >= HEAP_PAGES + MAP_PAGES &&
        space_find(program->space, address) == NULL)
        return; /* the stack may not grow to there */
    if (result != required(page, write))
        panic("program: %s at %p: result %d, not %d", write ? "write" : "read", (void *)address, result,
              required(page, write));
    if (result != FAULT_OK)
        return;
    if (write && page->store != NULL && !page->shared && !page->own)
        adopt_copy(page, (uint8_t *)bytes - cell * CELL_BYTES);
    if (page->free)
        look_if_freed(page, (uint8_t *)bytes - cell * CELL_BYTES, write);
    if (!cell_holds(bytes, tags_of(page)[cell]))
        adopt_hole(page, (uint8_t *)bytes - cell * CELL_BYTES);
    uint32_t *tag = &tags_of(page)[cell];
    if (!cell_holds(bytes, *tag))
        panic("program: %p holds tag %u (page %u, cell %u), not %u", (void *)address, *(uint32_t *)bytes,
              number, cell, *tag);
    if (write) {
        *tag = ++next_tag;
        cell_fill(bytes, *tag);
    }
}

static void touch_some(struct program *program) {
    unsigned page = some_mapped(program, WINDOW_PAGES);

    if (page < WINDOW_PAGES)
        access_cell(program, page, fake_random_below(CELLS), fake_chance(50));
}

/* Page after page, up or down, as read-ahead likes it. */
static void sweep(struct program *program) {
    unsigned page = some_mapped(program, WINDOW_PAGES), length = 1 + fake_random_below(40);
    bool down = fake_chance(30), write = fake_chance(40);

    for (; length > 0 && page < WINDOW_PAGES && program->pages[page].mapped; length--) {
        access_cell(program, page, fake_random_below(CELLS), write);
        if (down && page == 0)
            return;
        page = down ? page - 1 : page + 1;
    }
}

/* A word into every page that may be written to. */
static void use_everything(struct program *program) {
    for (unsigned page = 0; page < WINDOW_PAGES && !wait_killed(); page++)
        if (program->pages[page].mapped && (program->pages[page].rights & AREA_WRITE))
            access_cell(program, page, fake_random_below(CELLS), true);
}

/* Anywhere, mapped or not. */
static void touch_anything(struct program *program) {
    unsigned page = fake_random_below(WINDOW_PAGES - STACK_PAGES);

    access_cell(program, page, fake_random_below(CELLS), fake_chance(50));
}

/* --- system calls --- */

static void expect_success(const char *what, int result) {
    if (result != 0 && !wait_killed() && !(options.short_of_memory && result == -ENOMEM))
        panic("program: %s: %d", what, result);
}

static void map_some(struct program *program) {
    struct map_request request = {.flags = AREA_READ | AREA_WRITE | AREA_MAYWRITE};
    unsigned pages = 1 + fake_random_below(options.map_pages), first;
    struct store *store = NULL;
    bool shared = fake_chance(35);
    vaddr_t address;

    if (fake_chance(45) && options.files > 0) {
        store = some_file();
        request.object = &store->file->object;
        request.object_offset = fake_random_below(store->pages);
        pages = MIN(pages, store->pages - request.object_offset);
    }
    if (program->mapped + pages > options.pages)
        return;
    if (shared)
        request.flags |= AREA_SHARED;
    if (fake_chance(20))
        request.flags &= ~(unsigned)AREA_WRITE;
    request.length = pages * PAGE_SIZE - fake_random_below(PAGE_SIZE);
    request.populate = (store == NULL || shared) && fake_chance(5); /* else it makes private copies */
    if (fake_chance(30)) {
        request.fixed = true;
        request.address = MAP_START + (vaddr_t)fake_random_below(MAP_PAGES - pages + 1) * PAGE_SIZE;
    }
    int result = space_map(program->space, &request, &address);
    if (result == -ENOMEM && !request.fixed)
        return; /* no gap of that size */
    if (result != 0) {
        expect_success("map", result);
        forget_unmapped(program); /* a fixed place may have been emptied before */
        return;
    }
    if (address < MAP_START || address + pages * PAGE_SIZE > MAP_END) {
        expect_success("unmap", space_unmap(program->space, address, pages * PAGE_SIZE));
        return;
    }
    first = (unsigned)((address - WINDOW_START) / PAGE_SIZE);
    forget(program, first, pages);
    if (store == NULL && shared)
        store = store_create(NULL, pages);
    for (unsigned i = 0; i < pages; i++)
        program->pages[first + i] = (struct expected){.mapped = true,
                                                      .shared = shared,
                                                      .rights = request.flags & AREA_PROTECTION,
                                                      .store = store,
                                                      .index = request.object_offset + i};
    program->mapped += pages;
}

/* A range that begins at a mapped page outside heap and stack. False: there is none. */
static bool some_range(struct program *program, unsigned *first, unsigned *count) {
    *first = some_mapped(program, HEAP_PAGES + MAP_PAGES);
    if (*first < HEAP_PAGES || *first == HEAP_PAGES + MAP_PAGES)
        return false;
    *count = 1 + fake_random_below(MIN(options.map_pages, HEAP_PAGES + MAP_PAGES - *first));
    return true;
}

static void unmap_some(struct program *program) {
    unsigned first, count;

    if (!some_range(program, &first, &count))
        return;
    int result = space_unmap(program->space, address_of(first), count * PAGE_SIZE);
    expect_success("unmap", result);
    if (result == 0)
        forget(program, first, count);
}

/* After an error that does not say how much was done: the pages at the start that have got their rights. */
static unsigned protected_pages(struct program *program, unsigned first, unsigned most, unsigned rights) {
    unsigned done = 0;

    for (; done < most; done++) {
        struct area *area = space_find(program->space, address_of(first + done));

        if (area == NULL || (area->flags & AREA_PROTECTION) != rights)
            break;
    }
    return done;
}

static void protect_some(struct program *program) {
    static const unsigned rights[] = {0, AREA_READ, AREA_READ | AREA_WRITE, AREA_READ | AREA_WRITE,
                                      AREA_READ | AREA_EXEC};
    unsigned first, count, chosen = rights[fake_random_below(ARRAY_SIZE(rights))], whole = 0;

    if (!some_range(program, &first, &count))
        return;
    while (whole < count && program->pages[first + whole].mapped)
        whole++;
    int result = space_protect(program->space, address_of(first), count * PAGE_SIZE, chosen);
    if (whole == count)
        expect_success("protect", result);
    else if (result != -ENOMEM) /* what lies before the hole is done all the same */
        panic("program: protecting a hole: %d", result);
    if (result != 0 && (whole == count || options.short_of_memory))
        whole = protected_pages(program, first, whole, chosen);
    for (unsigned i = first; i < first + whole; i++)
        program->pages[i].rights = (uint8_t)chosen;
}

static bool is_locked(struct program *program, unsigned page) {
    return space_find(program->space, address_of(page))->flags & AREA_LOCKED;
}

static void discard_some(struct program *program) {
    unsigned first, count;

    if (!some_range(program, &first, &count))
        return;
    for (unsigned i = 0; i < count; i++)
        if (!program->pages[first + i].mapped)
            count = i;
    int result = space_discard(program->space, address_of(first), count * PAGE_SIZE);
    if (result != -EINVAL) /* some of it is locked: what lies before is discarded */
        expect_success("discard", result);
    for (unsigned i = first; i < first + count && !(result != 0 && is_locked(program, i)); i++) {
        struct expected *page = &program->pages[i];

        if (page->shared)
            continue;
        page->own = page->free = false;
        memset(page->tags, 0, sizeof(page->tags));
    }
}

static void sync_some(struct program *program) {
    unsigned first, count;
    int result;

    if (!some_range(program, &first, &count))
        return;
    for (unsigned i = 0; i < count; i++)
        if (!program->pages[first + i].mapped)
            count = i;
    result = space_sync(program->space, address_of(first), count * PAGE_SIZE, fake_chance(70));
    if (!(options.write_errors && result == -EIO))
        expect_success("sync", result);
}

/* Advice that changes nothing but the time things take. */
static void advise_some(struct program *program) {
    static const enum advice advices[] = {ADVISE_NORMAL,   ADVISE_SEQUENTIAL, ADVISE_RANDOM,
                                          ADVISE_WILLNEED, ADVISE_COLD,       ADVISE_PAGEOUT};
    unsigned first, count;
    int result;

    if (!some_range(program, &first, &count))
        return;
    result = space_advise(program->space, address_of(first), count * PAGE_SIZE,
                          advices[fake_random_below(ARRAY_SIZE(advices))]);
    if (result != -EINVAL && result != -ENOMEM) /* locked; a hole */
        expect_success("advise", result);
}

static void give_back_some(struct program *program) {
    unsigned first, count;

    if (!some_range(program, &first, &count))
        return;
    for (unsigned i = 0; i < count; i++) {
        struct expected *page = &program->pages[first + i];

        if (!page->mapped || page->shared || page->store != NULL || is_locked(program, first + i))
            count = i;
    }
    if (count == 0)
        return;
    expect_success("give back",
                   space_advise(program->space, address_of(first), count * PAGE_SIZE, ADVISE_FREE));
    for (unsigned i = first; i < first + count; i++)
        program->pages[i].free = true;
}

/* A few pages; more than memory can spare is refused. Private pages of files would be copied by it. */
static void lock_some(struct program *program) {
    unsigned first, count;

    if (!some_range(program, &first, &count))
        return;
    count = MIN(count, 4u);
    for (unsigned i = 0; i < count; i++) {
        struct expected *page = &program->pages[first + i];

        if (!page->mapped || (page->store != NULL && !page->shared) || !(page->rights & AREA_READ))
            count = i;
    }
    if (count == 0)
        return;
    int result = space_lock(program->space, address_of(first), count * PAGE_SIZE, fake_chance(50));
    if (result != -ENOMEM && !(options.read_errors || options.write_errors))
        expect_success("lock", result);
}

static void unlock_some(struct program *program) {
    unsigned first, count, mapped = 0;

    if (!some_range(program, &first, &count))
        return;
    while (mapped < count && program->pages[first + mapped].mapped)
        mapped++;
    expect_success("unlock", space_unlock(program->space, address_of(first), mapped * PAGE_SIZE));
}

/* Moves or resizes pages that one mapping made. */
static void remap_some(struct program *program) {
    unsigned first, count, old_count = 1;
    struct expected moved[WINDOW_PAGES];
    vaddr_t result;

    if (!some_range(program, &first, &count))
        return;
    struct area *area = space_find(program->space, address_of(first));
    if (area == NULL || area->object != NULL || (area->flags & AREA_SHARED))
        return; /* what lies behind their end is another story */
    old_count = MIN(count, (unsigned)((area_end(area) - address_of(first)) / PAGE_SIZE));
    count = 1 + fake_random_below(options.map_pages);
    if (program->mapped + count > options.pages)
        return;
    struct expected fresh = {.mapped = true, .rights = program->pages[first].rights};
    int error = space_remap(program->space, address_of(first), old_count * PAGE_SIZE, count * PAGE_SIZE,
                            fake_chance(80), 0, &result);
    if (error != 0) {
        bool too_much_locked = error == -EAGAIN && is_locked(program, first);
        if (error != -ENOMEM && !too_much_locked)
            expect_success("remap", error);
        if (count < old_count)
            panic("program: shrinking failed");
        return;
    }
    memcpy(moved, &program->pages[first], old_count * sizeof(moved[0]));
    forget(program, first, old_count);
    if (result < MAP_START || result + count * PAGE_SIZE > MAP_END) {
        expect_success("unmap", space_unmap(program->space, result, count * PAGE_SIZE));
        return;
    }
    first = (unsigned)((result - WINDOW_START) / PAGE_SIZE);
    forget(program, first, count);
    for (unsigned i = 0; i < count; i++)
        program->pages[first + i] = i < old_count ? moved[i] : fresh;
    program->mapped += count;
}

static void move_break(struct program *program) {
    unsigned old_pages = (unsigned)((PAGE_UP(program->space->brk) - WINDOW_START) / PAGE_SIZE);
    unsigned pages = fake_random_below(HEAP_PAGES);
    vaddr_t wanted = WINDOW_START + (vaddr_t)pages * PAGE_SIZE;
    vaddr_t result = space_brk(program->space, wanted);

    if (result != wanted) {
        expect_success("brk", -ENOMEM);
        return;
    }
    if (pages < old_pages)
        forget(program, pages, old_pages - pages);
    for (unsigned i = old_pages; i < pages; i++)
        program->pages[i] = (struct expected){.mapped = true, .rights = AREA_PROTECTION};
    program->mapped += pages > old_pages ? pages - old_pages : 0;
}

/* write(2) to a file that others may have mapped. */
static void write_file(void) {
    struct store *store = some_file();
    uint32_t index = fake_random_below(store->pages);
    unsigned cell = fake_random_below(CELLS);
    struct frame *frame;

    if (!cell_is_in(store, index, cell))
        return;
    int result = page_get(&store->file->object, index, PAGE_WRITE, &frame);
    if (result != 0) {
        if (!(options.read_errors && result == -EIO) && !(vm_options.commit_strict && result == -ENOSPC))
            expect_success("page_get", result);
        return;
    }
    uint8_t *bytes = (uint8_t *)frame_data(frame) + cell * CELL_BYTES;
    uint32_t *tag = &store->tags[index * CELLS + cell];
    if (!cell_holds(bytes, *tag))
        panic("program: file page %u, cell %u is not %u", index, cell, *tag);
    *tag = ++next_tag;
    cell_fill(bytes, *tag);
    if (fake_chance(30))
        fake_yield(); /* pinned, and somebody else runs */
    page_put_modified(frame, cell * CELL_BYTES, (cell + 1) * CELL_BYTES);
}

static void sleep_some(void) {
    struct waitq nobody = {NULL};

    wait_timeout(&nobody, 1 + fake_random_below(12));
}

/* Out of memory and back in, as load control does it. */
static void swap_whole(struct program *program) {
    swapper_out(program->space);
    if (fake_chance(50))
        sleep_some();
    swapper_in(program->space);
}

/* --- life --- */

static void program_main(void *argument);

static void program_spawn(struct program *program) {
    program->steps = options.steps;
    alive++;
    fake_thread(program_main, program, program->space);
}

static void fork_some(struct program *program) {
    if (alive >= options.programs || forks_left == 0)
        return;
    forks_left--;
    alive++; /* the place is taken while this one sleeps */
    struct space *space = space_fork(program->space);
    alive--;
    if (space == NULL) {
        expect_success("fork", -ENOMEM);
        return;
    }
    struct program *child = malloc(sizeof(*child));
    *child = *program;
    child->space = space;
    program_spawn(child);
}

static void one_step(struct program *program) {
    unsigned what = fake_random_below(1000);

    program_operations++;
    if (options.greedy && fake_chance(4))
        use_everything(program);
    if (options.swapping && fake_chance(2))
        swap_whole(program);
    else if (what < 700)
        touch_some(program);
    else if (what < 750)
        sweep(program);
    else if (what < 770)
        touch_anything(program);
    else if (what < 840)
        map_some(program);
    else if (what < 870)
        unmap_some(program);
    else if (what < 895)
        protect_some(program);
    else if (what < 910)
        discard_some(program);
    else if (what < 920)
        sync_some(program);
    else if (what < 935)
        remap_some(program);
    else if (what < 950)
        move_break(program);
    else if (what < 970 && options.files > 0)
        write_file();
    else if (what < 982)
        fork_some(program);
    else if (what < 985)
        sleep_some();
    else if (what < 990)
        advise_some(program);
    else if (what < 993)
        give_back_some(program);
    else if (what < 995)
        lock_some(program);
    else if (what < 997)
        unlock_some(program);
    else
        fake_yield();
}

/* Every byte that is mapped, once more. */
static void look_at_everything(struct program *program) {
    for (unsigned page = 0; page < WINDOW_PAGES && !wait_killed(); page++)
        for (unsigned cell = 0; program->pages[page].mapped && cell < CELLS && !wait_killed(); cell++)
            access_cell(program, page, cell, false);
}

static void program_main(void *argument) {
    struct program *program = argument;

    while (program->steps-- > 0 && !wait_killed())
        one_step(program);
    look_at_everything(program);
    program_deaths += wait_killed();
    fake_set_space(NULL);
    space_unref(program->space);
    free(program);
    alive--;
}

static struct program *program_create(void) {
    struct program *program = calloc(1, sizeof(*program));
    struct space *space = space_create();

    ASSERT(space != NULL);
    program->space = space;
    space->map_top = MAP_END;
    space_set_brk(space, WINDOW_START);
    ASSERT(space_make_stack(space, WINDOW_END, STACK_PAGES * PAGE_SIZE) == 0);
    for (unsigned i = WINDOW_PAGES - STACK_PAGES; i < WINDOW_PAGES; i++)
        program->pages[i] = (struct expected){.mapped = true, .rights = AREA_PROTECTION};
    program->mapped = STACK_PAGES;
    return program;
}

/* --- the end --- */

static void check_file(struct store *store) {
    struct fake_file *file = store->file;
    const uint8_t *data = file->disk->data + (size_t)file->sector * SECTOR_SIZE;

    for (unsigned cell = 0; cell < store->pages * CELLS; cell++)
        if (cell_is_in(store, cell / CELLS, cell % CELLS) &&
            !cell_holds(data + cell * CELL_BYTES, store->tags[cell]))
            panic("program: page %u of a file is wrong on disk", cell / CELLS);
}

static void check_end(pfn_t kernel_frames) {
    const char *broken;

    fake_disk_fails = NULL;
    for (unsigned tries = 0; tries < 20; tries++)
        object_flush_all();
    fake_settle();
    vm_check();
    broken = counters_check();
    if (broken != NULL)
        panic("counters: %s", broken);
    for (struct store *store = stores; store != NULL; store = store->next) {
        if (store->file == NULL)
            continue;
        if (store->file->disk == NULL)
            memobject_destroy(&store->file->object);
        else
            check_file(store);
        if (store->file->object.refs != 1)
            panic("a file has %u references left", store->file->object.refs);
        object_drop_pages(&store->file->object, 0);
        ASSERT(store->file->object.resident == 0);
    }
    if (anon_count != 0 || swap_slots_used() != 0)
        panic("%u anons and %u slots are left", anon_count, (unsigned)swap_slots_used());
    if (frame_count(FRAME_KERNEL) != kernel_frames)
        panic("%u kernel frames, %u at the start", (unsigned)frame_count(FRAME_KERNEL),
              (unsigned)kernel_frames);
    if (frame_count(FRAME_FREE) + kernel_frames != frame_total)
        panic("%u frames are not FREE", (unsigned)(frame_total - kernel_frames - frame_count(FRAME_FREE)));
    while (stores != NULL) {
        struct store *store = stores;

        stores = store->next;
        free(store->tags);
        free(store);
    }
}

void fake_random_machine(int seed) {
    fake_seed((uint32_t)seed + 1);
    fake_disk_order = seed % 3;
    fake_check_every = 50;
}

void programs_run(const struct program_options *wanted) {
    pfn_t kernel_frames = frame_count(FRAME_KERNEL);

    options = *wanted;
    forks_left = options.forks;
    next_tag = 0;
    if (options.files > 0)
        create_files();
    create_memory_files();
    program_spawn(program_create());
    program_spawn(program_create());
    fake_join();
    check_end(kernel_frames);
}
