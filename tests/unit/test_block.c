/*
 * The block queue's order and merging, the partition table, and the block layer over a disk in memory.
 *
 * links: drivers/block.c drivers/block_queue.c drivers/block_transfer.c drivers/partition.c lib/deferred.c lib/print.c
 * links: lib/string.c
 * links: tests/unit/fake/fake_block.c tests/unit/fake/fake_panic.c tests/unit/fake/fake_log.c
 */
#include "drivers/block_queue.h"
#include "drivers/partition.h"
#include "fake_block.h"
#include "lib/errno.h"
#include "mm/counters.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdlib.h>

/* --- the queue alone --- */

enum { MAX_SECTORS = 64, MAX_SEGMENTS = 8 };

static struct block_queue queue;
static struct block_device whole_disk = {.sectors = UINT32_MAX};
static struct block_request request;

static void setup_queue(void) {
    block_queue_init(&queue);
}

static void add(struct bio *bio, sector_t sector, unsigned sectors, bool write) {
    *bio =
        (struct bio){.device = &whole_disk, .sector = sector, .sectors = (uint16_t)sectors, .write = write};
    list_init(&bio->link);
    block_queue_add(&queue, bio);
}

static bool take(void) {
    return block_queue_take(&queue, MAX_SECTORS, MAX_SEGMENTS, &request);
}

/* The next request is exactly @sectors at @sector. */
static void expect(sector_t sector, unsigned sectors, bool write) {
    ck_assert(take());
    ck_assert_uint_eq(request.sector, sector);
    ck_assert_uint_eq(request.sectors, sectors);
    ck_assert(request.write == write);
    ck_assert(!request.flush);
}

static void expect_empty(void) {
    ck_assert(!take());
    ck_assert_uint_eq(queue.length, 0);
}

START_TEST(elevator_goes_up_and_wraps_to_the_lowest) {
    struct bio bios[5];

    add(&bios[0], 500, 8, false);
    expect(500, 8, false);
    add(&bios[1], 100, 8, false);
    add(&bios[2], 900, 8, false);
    add(&bios[3], 600, 8, false);
    add(&bios[4], 300, 8, false);
    expect(600, 8, false);
    expect(900, 8, false);
    expect(100, 8, false);
    expect(300, 8, false);
    expect_empty();
}
END_TEST

START_TEST(sector_just_served_waits_for_the_next_sweep) {
    struct bio bios[4];

    add(&bios[0], 100, 8, false);
    expect(100, 8, false);
    add(&bios[1], 100, 8, false);
    add(&bios[2], 200, 8, false);
    expect(200, 8, false);
    expect(100, 8, false);
    expect_empty();
}
END_TEST

START_TEST(neighbours_merge_whatever_the_order_of_submission) {
    struct bio bios[4];

    add(&bios[0], 108, 8, true);
    add(&bios[1], 116, 8, true); /* behind it */
    add(&bios[2], 100, 8, true); /* in front of it */
    add(&bios[3], 124, 2, true);
    expect(100, 26, true);
    ck_assert_ptr_eq(list_first(&request.bios, struct bio, link), &bios[2]);
    ck_assert_ptr_eq(list_last(&request.bios, struct bio, link), &bios[3]);
    expect_empty();
}
END_TEST

START_TEST(gaps_and_directions_part_requests) {
    struct bio bios[4];

    add(&bios[0], 100, 8, false);
    add(&bios[1], 108, 8, true);
    add(&bios[2], 116, 8, true);
    add(&bios[3], 125, 8, true);
    expect(100, 8, false);
    expect(108, 16, true);
    expect(125, 8, true);
    expect_empty();
}
END_TEST

START_TEST(requests_end_at_the_limits) {
    struct bio bios[20];

    for (unsigned i = 0; i < 20; i++)
        add(&bios[i], i * 8, 8, false);
    expect(0, MAX_SEGMENTS * 8, false); /* both limits are 64 sectors here */
    expect(64, 64, false);
    expect(128, 32, false);
    for (unsigned i = 0; i < 20; i++)
        add(&bios[i], 1000 + i, 1, false);
    expect(1000, MAX_SEGMENTS, false); /* limit of bios */
    expect(1008, MAX_SEGMENTS, false);
    expect(1016, 4, false);
    expect_empty();
}
END_TEST

START_TEST(read_does_not_pass_an_earlier_overlapping_write) {
    struct bio bios[2];

    add(&bios[0], 104, 8, true);
    add(&bios[1], 100, 8, false); /* lower, so the elevator would take it first */
    expect(104, 8, true);
    expect(100, 8, false);
    expect_empty();
}
END_TEST

START_TEST(write_does_not_pass_earlier_overlapping_bios) {
    struct bio bios[5];

    add(&bios[0], 104, 8, false);
    add(&bios[1], 100, 8, true);
    add(&bios[2], 96, 8, true); /* overlaps only bios[1], which is held itself */
    expect(104, 8, false);
    expect(100, 8, true);
    expect(96, 8, true);
    expect_empty();
}
END_TEST

START_TEST(overlapping_reads_and_apart_writes_are_free) {
    struct bio bios[3];

    add(&bios[0], 104, 8, false);
    add(&bios[1], 100, 8, false);
    add(&bios[2], 50, 8, true);
    expect(100, 8, false);
    expect(104, 8, false);
    expect(50, 8, true);
    expect_empty();
}
END_TEST

/* Reads before writes; but every third request is a write, if one is ready. */
START_TEST(reads_go_first_and_writes_are_not_forgotten) {
    struct bio bios[8];

    for (unsigned i = 0; i < 5; i++)
        add(&bios[i], 500 + 100 * i, 8, false);
    for (unsigned i = 5; i < 8; i++)
        add(&bios[i], 10 * i, 8, true);
    expect(500, 8, false);
    expect(600, 8, false);
    expect(50, 8, true);
    expect(700, 8, false);
    expect(800, 8, false);
    expect(60, 8, true);
    expect(900, 8, false);
    expect(70, 8, true);
    expect_empty();
}
END_TEST

START_TEST(flush_waits_for_earlier_writes_only) {
    struct bio bios[4];

    add(&bios[0], 500, 8, true);
    add(&bios[1], 300, 8, false);
    add(&bios[2], 0, 0, false); /* the flush */
    add(&bios[3], 900, 8, true);
    expect(300, 8, false);
    expect(500, 8, true);
    ck_assert(take());
    ck_assert(request.flush);
    expect(900, 8, true);
    expect_empty();
}
END_TEST

START_TEST(bios_put_back_go_next_each_alone) {
    struct bio bios[5];
    struct block_request failed;

    add(&bios[0], 100, 8, true);
    add(&bios[1], 108, 8, true);
    add(&bios[2], 116, 8, true);
    ck_assert(block_queue_take(&queue, MAX_SECTORS, MAX_SEGMENTS, &failed));
    add(&bios[3], 200, 8, true);
    add(&bios[4], 0, 0, false); /* a flush: after the writes that failed, too */
    block_queue_put_back(&queue, &failed);
    expect(100, 8, true);
    expect(108, 8, true);
    expect(116, 8, true);
    expect(200, 8, true);
    ck_assert(take());
    ck_assert(request.flush);
    expect_empty();
}
END_TEST

/*
 * Random traffic on a few sectors, much overlapping: each sector must see its writes in the order of
 * submission, and each read must see the writes submitted before it and no others.
 */
START_TEST(random_traffic_reads_what_was_last_written) {
    enum { BIOS = 96, SECTORS = 60, ROUNDS = 400 };
    static struct bio bios[BIOS];
    static uint32_t written[SECTORS]; /* by order of submission: number of the last bio that wrote it */
    static uint32_t on_disk[SECTORS];
    static uint32_t expected[BIOS][SECTORS_PER_PAGE];
    unsigned submitted = 0, served = 0;

    srand((unsigned)_i + 1);
    for (unsigned round = 0; round < ROUNDS || served < submitted; round++) {
        bool room = submitted - served < BIOS / 2;

        if (round < ROUNDS && room && rand() % 3 != 0) {
            struct bio *bio = NULL;
            unsigned n = 0;

            for (n = 0; n < BIOS && bios[n].data != NULL; n++)
                continue;
            bio = &bios[n];
            unsigned sectors = 1 + (unsigned)rand() % SECTORS_PER_PAGE;
            unsigned sector = (unsigned)rand() % (SECTORS - sectors + 1);

            add(bio, sector, sectors, rand() % 2);
            bio->data = bio;
            submitted++;
            for (unsigned i = 0; i < sectors; i++) {
                if (bio->write)
                    written[sector + i] = submitted;
                expected[n][i] = written[sector + i];
            }
            continue;
        }
        if (!take())
            continue;
        uint32_t at = request.sector;

        while (!list_empty(&request.bios)) {
            struct bio *bio = list_first(&request.bios, struct bio, link);

            ck_assert_uint_eq(bio->sector, at);
            ck_assert(bio->write == request.write);
            for (unsigned i = 0; i < bio->sectors; i++, at++) {
                if (bio->write)
                    on_disk[at] = expected[bio - bios][i];
                else
                    ck_assert_uint_eq(on_disk[at], expected[bio - bios][i]);
            }
            list_remove(&bio->link);
            bio->data = NULL;
            served++;
        }
        ck_assert_uint_eq(at, request.sector + request.sectors);
    }
    expect_empty();
    ck_assert_mem_eq(written, on_disk, sizeof(written));
    memset(written, 0, sizeof(written));
    memset(on_disk, 0, sizeof(on_disk));
}
END_TEST

/* However many bios arrive just ahead of the elevator, it moves on. */
START_TEST(no_bio_starves) {
    enum { FAR = 2000 };
    struct bio far, near[2];
    unsigned requests = 0;

    add(&near[0], 0, 1, false);
    add(&far, FAR, 1, true); /* another direction, so that it does not merge */
    for (sector_t sector = 0; take() && request.sector != FAR; requests++) {
        sector = request.sector + request.sectors;
        add(&near[requests % 2], sector, 1, false);
    }
    ck_assert_uint_le(requests, FAR);
}
END_TEST

/* --- the partition table --- */

static uint8_t mbr[SECTOR_SIZE];
static struct partition table[PARTITIONS_MAX];

static void put_le32(uint8_t *to, uint32_t value) {
    for (unsigned i = 0; i < 4; i++)
        to[i] = (uint8_t)(value >> 8 * i);
}

static void set_entry(unsigned index, uint8_t type, sector_t start, sector_t sectors) {
    uint8_t *entry = mbr + 446 + 16 * index;

    entry[4] = type;
    put_le32(entry + 8, start);
    put_le32(entry + 12, sectors);
}

static void setup_mbr(void) {
    memset(mbr, 0, sizeof(mbr));
    mbr[510] = 0x55;
    mbr[511] = 0xAA;
}

START_TEST(partitions_are_read) {
    set_entry(0, 0x83, 2048, 1000);
    set_entry(2, 0x82, 3048, 952);
    ck_assert_int_eq(partition_parse("hda", mbr, 4000, table), 2);
    ck_assert_uint_eq(table[0].start, 2048);
    ck_assert_uint_eq(table[0].sectors, 1000);
    ck_assert_uint_eq(table[0].type, 0x83);
    ck_assert_uint_eq(table[1].sectors, 0);
    ck_assert_uint_eq(table[2].type, 0x82);
}
END_TEST

START_TEST(disk_without_signature_has_no_table) {
    set_entry(0, 0x83, 2048, 1000);
    mbr[511] = 0;
    ck_assert_int_eq(partition_parse("hda", mbr, 4000, table), -EINVAL);
    ck_assert_uint_eq(table[0].sectors, 0);
}
END_TEST

START_TEST(bad_entries_are_refused) {
    set_entry(0, 0x83, 2048, 1000);
    set_entry(1, 0x83, 3047, 10);  /* overlaps the first by a sector */
    set_entry(2, 0x83, 3900, 101); /* a sector too long */
    set_entry(3, 0x83, 0, 10);     /* the table itself */
    ck_assert_int_eq(partition_parse("hda", mbr, 4000, table), 1);
    for (unsigned i = 1; i < PARTITIONS_MAX; i++)
        ck_assert_uint_eq(table[i].sectors, 0);
    set_entry(1, 0x83, UINT32_MAX, UINT32_MAX); /* the sum does not fit in 32 bits */
    ck_assert_int_eq(partition_parse("hda", mbr, 4000, table), 1);
}
END_TEST

/* --- the block layer --- */

static uint8_t pages[32][PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
static unsigned done_count, done_errors;
static sector_t last_failed;

static void note_done(struct bio *bio, int error) {
    done_count++;
    if (error != 0) {
        done_errors++;
        last_failed = bio->sector;
    }
    bio_free(bio);
}

static void submit(struct block_device *device, sector_t sector, unsigned page, bool write) {
    struct bio *bio = bio_alloc();

    bio->device = device;
    bio->sector = sector;
    bio->sectors = SECTORS_PER_PAGE;
    bio->write = write;
    bio->cause = BLOCK_SWAP;
    bio->address = fake_physical(pages[page]);
    bio->done = note_done;
    bio_submit(bio);
}

/* A disk with one partition, 2048 sectors from 1024 on. Check runs each test in a process of its own. */
static void setup_disk(void) {
    setup_mbr();
    set_entry(0, 0x82, 1024, 2048);
    memcpy(fake_disk_data, mbr, sizeof(mbr));
    block_init();
    ck_assert_int_eq(block_register(&fake_disk), 0);
    fake_request_count = 0;
    memset(counters, 0, sizeof(counters));
}

START_TEST(disk_and_partitions_have_names) {
    struct block_device *partition = block_find("hda1");

    ck_assert_ptr_eq(block_find("hda"), &fake_disk);
    ck_assert_ptr_nonnull(partition);
    ck_assert_ptr_eq(block_find_type(0x82), partition);
    ck_assert_ptr_eq(partition->disk, &fake_disk);
    ck_assert_uint_eq(partition->start, 1024);
    ck_assert_ptr_null(block_find("hda2"));
    ck_assert_ptr_null(block_find_type(0x83));
}
END_TEST

/* Runs above and below each other, taken in between: the order is that of sectors, and runs stay whole. */
START_TEST(runs_find_their_places) {
    static const unsigned starts[] = {2000, 400, 1200, 80};

    submit(&fake_disk, 4000, 0, true); /* the disk is busy */
    for (unsigned run = 0; run < 4; run++)
        for (unsigned i = 0; i < 3; i++)
            submit(&fake_disk, starts[run] + i * SECTORS_PER_PAGE, 0, true);
    submit(&fake_disk, 1224, 0, true); /* goes on behind one that is not the latest */
    submit(&fake_disk, 1216, 0, true); /* over its neighbour: held back */
    fake_disk_run();
    ck_assert_uint_eq(fake_request_count, 6);
    ck_assert_uint_eq(fake_requests[1].sector, 80);
    ck_assert_uint_eq(fake_requests[2].sector, 400);
    ck_assert_uint_eq(fake_requests[3].sector, 1200);
    ck_assert_uint_eq(fake_requests[3].sectors, 4 * SECTORS_PER_PAGE);
    ck_assert_uint_eq(fake_requests[4].sector, 2000);
    ck_assert_uint_eq(fake_requests[5].sector, 1216);
    for (unsigned i = 1; i < 5; i++)
        ck_assert_uint_ge(fake_requests[i].bios, 3);
}
END_TEST

START_TEST(plugged_pages_become_one_request) {
    struct block_device *partition = block_find("hda1");

    block_plug();
    for (unsigned i = 0; i < 8; i++)
        submit(partition, i * SECTORS_PER_PAGE, i, true);
    ck_assert_uint_eq(fake_request_count, 0);
    ck_assert(!block_idle());
    block_unplug();
    fake_disk_run();
    ck_assert(block_idle());
    ck_assert_uint_eq(done_count, 8);
    ck_assert_uint_eq(fake_request_count, 1);
    ck_assert_uint_eq(fake_requests[0].sector, 1024);
    ck_assert_uint_eq(fake_requests[0].sectors, 64);
    ck_assert_uint_eq(fake_requests[0].bios, 8);
    ck_assert_uint_eq(counters[COUNT_BLK_WRITES], 1);
    ck_assert_uint_eq(counters[COUNT_BLK_MERGES], 7);
    ck_assert_uint_eq(counters[COUNT_BLK_SWAP_OUT], 8);
    ck_assert_uint_eq(counters[COUNT_BLK_WRITE_SECTORS], 64);
    ck_assert_uint_eq(counters[COUNT_PGPGOUT], 32);
}
END_TEST

/* The longest command goes to the disk while the rest of a run is still being submitted. */
START_TEST(a_plug_holds_back_one_command_and_no_more) {
    enum { COMMAND_PAGES = 32 };
    struct block_device *partition = block_find("hda1");

    block_plug();
    for (unsigned i = 0; i < COMMAND_PAGES - 1; i++)
        submit(partition, i * SECTORS_PER_PAGE, i % 8, true);
    ck_assert_uint_eq(fake_request_count, 0);
    for (unsigned i = COMMAND_PAGES - 1; i < 2 * COMMAND_PAGES; i++)
        submit(partition, i * SECTORS_PER_PAGE, i % 8, true);
    ck_assert_uint_eq(fake_request_count, 1);
    block_unplug();
    fake_disk_run();
    ck_assert_uint_eq(done_count, 2 * COMMAND_PAGES);
    ck_assert_uint_eq(fake_request_count, 2);
    for (unsigned i = 0; i < 2; i++)
        ck_assert_uint_eq(fake_requests[i].sectors, COMMAND_PAGES * SECTORS_PER_PAGE);
}
END_TEST

/* The disk becomes free while a run is being submitted: half of it now would make two requests of one. */
START_TEST(a_run_is_not_parted_by_the_end_of_the_command_before) {
    struct block_device *partition = block_find("hda1");

    submit(partition, 1000, 0, true);
    block_plug();
    for (unsigned i = 0; i < 8; i++) {
        if (i == 4)
            ck_assert(fake_disk_interrupt());
        submit(partition, i * SECTORS_PER_PAGE, i, true);
    }
    ck_assert_uint_eq(fake_request_count, 1);
    block_unplug();
    ck_assert_uint_eq(fake_request_count, 2);
    fake_disk_run();
    ck_assert_uint_eq(done_count, 9);
    ck_assert_uint_eq(fake_requests[1].bios, 8);
}
END_TEST

START_TEST(data_arrives_where_it_should) {
    memset(pages[0], 'a', PAGE_SIZE);
    memset(pages[1], 'b', PAGE_SIZE);
    block_plug();
    submit(&fake_disk, 100, 0, true);
    submit(&fake_disk, 108, 1, true);
    submit(&fake_disk, 104, 2, false); /* half of each */
    block_unplug();
    fake_disk_run();
    ck_assert_int_eq(pages[2][0], 'a');
    ck_assert_int_eq(pages[2][PAGE_SIZE / 2 - 1], 'a');
    ck_assert_int_eq(pages[2][PAGE_SIZE / 2], 'b');
    ck_assert_int_eq(pages[2][PAGE_SIZE - 1], 'b');
}
END_TEST

START_TEST(next_request_starts_in_the_interrupt) {
    submit(&fake_disk, 100, 0, false);
    submit(&fake_disk, 200, 1, false);
    ck_assert_uint_eq(fake_request_count, 1);
    ck_assert(fake_disk_interrupt());
    ck_assert_uint_eq(fake_request_count, 2); /* done() of the first has not run yet */
    ck_assert_uint_eq(done_count, 0);
    fake_disk_run();
    ck_assert_uint_eq(done_count, 2);
}
END_TEST

/* A disk's time is the requests', and that of bios behind a plug is told apart; time without either is nobody's. */
START_TEST(time_of_the_disk_is_counted) {
    fake_nanoseconds += 700000;
    submit(&fake_disk, 100, 0, false);
    fake_nanoseconds += 30000;
    ck_assert(fake_disk_interrupt());
    ck_assert_uint_eq(counters[COUNT_BLK_BUSY_US], 30);
    fake_nanoseconds += 700000;
    block_plug();
    submit(&fake_disk, 200, 1, false);
    fake_nanoseconds += 2000;
    submit(&fake_disk, 300, 2, false);
    fake_nanoseconds += 3000;
    block_unplug();
    ck_assert_uint_eq(counters[COUNT_BLK_HELD_US], 5);
    fake_nanoseconds += 20000;
    ck_assert(fake_disk_interrupt()); /* the second goes at once: nothing is held */
    fake_nanoseconds += 10000;
    ck_assert(fake_disk_interrupt());
    ck_assert_uint_eq(counters[COUNT_BLK_BUSY_US], 60);
    ck_assert_uint_eq(counters[COUNT_BLK_HELD_US], 5);
    fake_disk_run();
}
END_TEST

START_TEST(bad_sector_fails_its_own_bio_only) {
    fake_bad_sector = 117;
    block_plug();
    for (unsigned i = 0; i < 4; i++)
        submit(&fake_disk, 100 + i * 8, i, false);
    block_unplug();
    fake_disk_run();
    ck_assert_uint_eq(done_count, 4);
    ck_assert_uint_eq(done_errors, 1);
    ck_assert_uint_eq(last_failed, 116);
    ck_assert_uint_eq(fake_request_count, 5);
    ck_assert_uint_eq(counters[COUNT_BLK_ERRORS], 1);
    ck_assert_uint_eq(counters[COUNT_BLK_SWAP_IN], 3);
    ck_assert_uint_eq(counters[COUNT_BLK_READ_SECTORS], 24);
}
END_TEST

/* Who holds the plug sleeps, for one of the bios: its parts must go to the disk although nobody is there to unplug. */
START_TEST(a_request_is_split_while_the_plugs_holder_sleeps) {
    fake_bad_sector = 117;
    block_plug();
    for (unsigned i = 0; i < 4; i++)
        submit(&fake_disk, 100 + i * 8, i, false);
    block_before_sleep();
    fake_disk_run();
    ck_assert_uint_eq(done_count, 4);
    ck_assert_uint_eq(done_errors, 1);
    block_unplug();
}
END_TEST

START_TEST(out_of_range_fails_without_a_request) {
    struct block_device *partition = block_find("hda1");

    submit(partition, 2048 - 7, 0, true); /* would reach over the end by a sector */
    submit(partition, 2048, 0, true);
    submit(partition, UINT32_MAX - 3, 0, true); /* the sum wraps around */
    ck_assert_uint_eq(done_count, 0);           /* not from within bio_submit() */
    fake_disk_run();
    ck_assert_uint_eq(done_errors, 3);
    ck_assert_uint_eq(fake_request_count, 0);
    submit(partition, 2048 - 8, 0, true);
    fake_disk_run();
    ck_assert_uint_eq(done_errors, 3);
}
END_TEST

START_TEST(empty_pool_waits_for_the_disk) {
    block_plug(); /* even so */
    for (unsigned i = 0; i < 500; i++)
        submit(&fake_disk, i % 400 * 8, i % 32, false);
    block_unplug();
    fake_disk_run();
    ck_assert_uint_eq(done_count, 500);
}
END_TEST

START_TEST(transfer_takes_any_buffer) {
    char out[SECTOR_SIZE + 1], in[SECTOR_SIZE + 1];

    memset(out, 'x', sizeof(out));
    memset(in, 0, sizeof(in));
    ck_assert_int_eq(block_transfer(&fake_disk, 50, 1, out + 1, true), 0);
    ck_assert_int_eq(block_transfer(&fake_disk, 50, 1, in + 1, false), 0);
    ck_assert_mem_eq(in + 1, out + 1, SECTOR_SIZE);
    ck_assert_uint_eq(counters[COUNT_BLK_RAW_IN], 1);
    ck_assert_uint_eq(counters[COUNT_PGPGIN], 0); /* half a KiB so far */
    ck_assert_int_eq(block_transfer(&fake_disk, 51, 1, in, false), 0);
    ck_assert_uint_eq(counters[COUNT_PGPGIN], 1);
    fake_bad_sector = 50;
    ck_assert_int_eq(block_transfer(&fake_disk, 50, 1, in, false), -EIO);
    ck_assert_int_eq(block_transfer(&fake_disk, FAKE_DISK_SECTORS, 1, in, false), -EIO);
}
END_TEST

START_TEST(flush_follows_the_writes) {
    submit(&fake_disk, 100, 0, true);
    submit(&fake_disk, 200, 0, true);
    ck_assert_int_eq(block_flush(&fake_disk), 0);
    ck_assert_uint_eq(fake_request_count, 3);
    ck_assert(fake_requests[2].flush);
    ck_assert_uint_eq(counters[COUNT_BLK_WRITES], 2);
}
END_TEST

static TCase *test_case(const char *name, void (*setup)(void)) {
    TCase *made = tcase_create(name);

    tcase_add_checked_fixture(made, setup, NULL);
    return made;
}

static Suite *block_suite(void) {
    Suite *suite = suite_create("block");
    TCase *order = test_case("queue", setup_queue);
    TCase *partitions = test_case("partitions", setup_mbr);
    TCase *layer = test_case("layer", setup_disk);

    tcase_add_test(order, elevator_goes_up_and_wraps_to_the_lowest);
    tcase_add_test(order, sector_just_served_waits_for_the_next_sweep);
    tcase_add_test(order, neighbours_merge_whatever_the_order_of_submission);
    tcase_add_test(order, gaps_and_directions_part_requests);
    tcase_add_test(order, requests_end_at_the_limits);
    tcase_add_test(order, read_does_not_pass_an_earlier_overlapping_write);
    tcase_add_test(order, write_does_not_pass_earlier_overlapping_bios);
    tcase_add_test(order, overlapping_reads_and_apart_writes_are_free);
    tcase_add_test(order, reads_go_first_and_writes_are_not_forgotten);
    tcase_add_test(order, flush_waits_for_earlier_writes_only);
    tcase_add_test(order, bios_put_back_go_next_each_alone);
    tcase_add_loop_test(order, random_traffic_reads_what_was_last_written, 0, 20);
    tcase_add_test(order, no_bio_starves);
    tcase_add_test(partitions, partitions_are_read);
    tcase_add_test(partitions, disk_without_signature_has_no_table);
    tcase_add_test(partitions, bad_entries_are_refused);
    tcase_add_test(layer, disk_and_partitions_have_names);
    tcase_add_test(layer, runs_find_their_places);
    tcase_add_test(layer, plugged_pages_become_one_request);
    tcase_add_test(layer, a_plug_holds_back_one_command_and_no_more);
    tcase_add_test(layer, a_run_is_not_parted_by_the_end_of_the_command_before);
    tcase_add_test(layer, data_arrives_where_it_should);
    tcase_add_test(layer, next_request_starts_in_the_interrupt);
    tcase_add_test(layer, time_of_the_disk_is_counted);
    tcase_add_test(layer, bad_sector_fails_its_own_bio_only);
    tcase_add_test(layer, a_request_is_split_while_the_plugs_holder_sleeps);
    tcase_add_test(layer, out_of_range_fails_without_a_request);
    tcase_add_test(layer, empty_pool_waits_for_the_disk);
    tcase_add_test(layer, transfer_takes_any_buffer);
    tcase_add_test(layer, flush_follows_the_writes);
    suite_add_tcase(suite, order);
    suite_add_tcase(suite, partitions);
    suite_add_tcase(suite, layer);
    return suite;
}

int main(void) {
    return run_suite(block_suite());
}
