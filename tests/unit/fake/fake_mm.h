/*
 * A machine for mm on the host: memory at the addresses of the direct map, a processor that walks the page
 * tables of arch/x86/pmap.c through a TLB, threads that are coroutines, disks in memory that complete when
 * nobody is ready to run, files, and a panic that a test can expect.
 *
 * Everything is deterministic. With a seed other than 0 (fake_seed) the order of threads and of the disk's
 * completions is drawn from it; a failure prints it.
 */
#ifndef TESTS_FAKE_MM_H
#define TESTS_FAKE_MM_H

#include "drivers/block.h"
#include "lib/log.h"
#include "lib/types.h"
#include "lib/wait.h"
#include "mm/object.h"

#include <setjmp.h>

struct frame;
struct pmap;
struct space;
struct thread;

/* --- the machine: fake_mm_machine.c --- */

/* RAM of @frames frames, the first FAKE_RAM_HOLE of which are not usable, as if a kernel lay there. */
void fake_ram_create(pfn_t frames);
#define FAKE_RAM_HOLE 3u

/* RAM, and vm_init() with vm_options as they are: @usable frames, of which @pageable (0: all). */
void fake_boot(pfn_t usable, pfn_t pageable);

/* A space of program @owner_pid, with @pages private pages at @address. */
struct space *fake_space(int owner_pid, vaddr_t address, unsigned pages);
/* Nothing is left in the pool: all that is CLEAN gives its frame away, and all frames are FREE again. */
void fake_empty_pool(void);

void fake_seed(uint32_t seed);
uint32_t fake_random(void);
/* 0 to @below - 1. */
uint32_t fake_random_below(uint32_t below);
/* True in @percent of 100 cases. */
bool fake_chance(unsigned percent);

extern unsigned fake_log_lines;
extern char fake_log_last[256];

/* Runs @statement, which must panic with a message that contains @text. In a test's main thread only. */
#define EXPECT_PANIC(text, statement)                                                                        \
    do {                                                                                                     \
        if (setjmp(*fake_panic_expect()) == 0) {                                                             \
            statement;                                                                                       \
            ck_abort_msg("no panic: %s", #statement);                                                        \
        }                                                                                                    \
        ck_assert_msg(strstr(fake_panic_text, text) != NULL, "another panic: %s", fake_panic_text);          \
    } while (0)

jmp_buf *fake_panic_expect(void);
extern char fake_panic_text[256];

/* --- the processor: fake_mm_mmu.c --- */

/*
 * The bytes at @address as a program would reach them now, with Accessed and Dirty set as the processor sets
 * them, or NULL where it would fault. Panics if the page tables lead to a frame that nobody may look at.
 */
void *fake_mmu(struct pmap *pmap, vaddr_t address, bool write);
/* The frame that is mapped at @address, where one must be. */
struct frame *fake_frame_at(struct pmap *pmap, vaddr_t address);

/* --- threads: fake_mm_sched.c --- */

/* @entry runs as soon as somebody sleeps. @space: what vm_kill_largest() measures, or NULL. */
struct thread *fake_thread(void (*entry)(void *), void *argument, struct space *space);
/* Lets others run; with a seed also the disk and the clock may move on. */
void fake_yield(void);
/* Until every thread but daemons has ended. */
void fake_join(void);
/* Until nobody is ready and no transfer is under way. */
void fake_settle(void);
/* Tells a thread to die, as a fatal signal would. */
void fake_kill(struct thread *thread);
/* The space of the running thread is @space from now on. */
void fake_set_space(struct space *space);
void fake_tick(unsigned ticks);

extern unsigned fake_kills;       /* by vm_kill_largest() */
extern unsigned fake_check_every; /* vm_check() at one in so many switches; 0: never */
extern unsigned fake_switches;

/* --- disks: fake_mm_disk.c --- */

struct fake_disk {
    struct block_device device;
    uint8_t *data;
};

struct fake_disk *fake_disk_create(const char *name, sector_t sectors);

enum fake_disk_order { DISK_FIFO, DISK_LIFO, DISK_RANDOM };
extern enum fake_disk_order fake_disk_order;
/* Asked once for each transfer when it ends: true makes it fail. NULL: none does. */
extern bool (*fake_disk_fails)(const struct bio *bio);
extern unsigned fake_disk_pending;  /* transfers submitted and not completed */
extern unsigned fake_disk_requests; /* runs of neighbouring sectors, as far as they were submitted together */
extern unsigned fake_disk_bios_free; /* the pool; a test may make it smaller */

/* Ends one transfer that may be next; false: there is none (or all are held back by a plug). */
bool fake_disk_complete_one(void);

/* Writes a version 1 swap header as mkswap does, for @slots slots with the header's, and @bad bad pages. */
void fake_mkswap(struct fake_disk *disk, slot_t slots, const uint32_t *bad, unsigned bad_count);
/* A disk of @slots slots with such a header and no bad pages, in use as the swap area. */
void fake_swap(const char *name, slot_t slots);

/* --- files: fake_mm_file.c --- */

/* A file of @size bytes, which lies on @disk from @sector on, without gaps; refs 1. */
struct fake_file {
    struct object object;
    struct fake_disk *disk;
    sector_t sector;
    unsigned sleeps;    /* percent of prepare() calls that sleep */
    unsigned map_reads; /* … and so many more that must, before anything is known */
    int prepare_error;  /* what prepare() returns for PAGE_WRITE, if not 0 */
    unsigned gets, puts, put_pages, unused, released;
};

void fake_file_init(struct fake_file *file, struct fake_disk *disk, sector_t sector, uint64_t size);

/* A file without a disk (mm/memobject.h), of zeros; refs 1. */
void fake_memory_init(struct fake_file *file, uint64_t size);

#endif
