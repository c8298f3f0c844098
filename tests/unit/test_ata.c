/*
 * The ATA driver over a drive of a few registers: which command a request becomes, with 28-bit and with 48-bit
 * addresses, what the bus master's table says, and how an error ends. The drive moves the bytes that the table names.
 *
 * links: drivers/ata/ lib/print.c lib/string.c tests/unit/fake/fake_panic.c tests/unit/fake/fake_log.c
 */
#include "arch/x86/time.h"
#include "drivers/ata/ata.h"
#include "drivers/ata/channel.h"
#include "fake/arch/x86/irq.h"
#include "fake/arch/x86/memory.h"
#include "lib/errno.h"
#include "mm/counters.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUS_BASE = 0xC000, COMMAND_PORTS = 0x1F0, CONTROL_PORT = 0x3F6 };
enum { DISK_SECTORS = 2048, LONG_PAGES = 128 };

/* --- the drive --- */

static struct {
    bool lba48, has_dma;
    uint64_t first;          /* sector on the drive that data[0] is; others have no data */
    uint64_t bad;            /* a transfer that touches it fails */
    uint8_t registers[8][2]; /* [1]: what was written before */
    uint16_t id[256];
    uint8_t status, error;
    uint8_t bus_command, bus_status;
    uint32_t table;
    uint8_t command; /* the transfer under way, and all there have been */
    unsigned commands, sectors;
    uint64_t sector;
    uint8_t data[DISK_SECTORS][SECTOR_SIZE];
} drive;

static void (*handler)(void *data);
static void *handler_data;
static struct block_device *disk; /* as it was registered */
static unsigned completed;
static int completed_error;

static void set_identity(void) {
    memset(drive.id, 0, sizeof(drive.id));
    drive.id[49] = 1 << 8 | 1 << 9; /* DMA, LBA */
    drive.id[60] = 0xFFFF;
    drive.id[61] = 0x0FFF;
    drive.id[83] = (uint16_t)(1 << 14 | 1 << 12 | (drive.lba48 ? 1 << 10 | 1 << 13 : 0));
    drive.id[88] = drive.has_dma ? 0x2020 : 0;
    drive.id[101] = 0x4000; /* 2^30 sectors by 48 bits */
}

static bool is_ext(uint8_t command) {
    return command == ATA_READ_DMA_EXT || command == ATA_WRITE_DMA_EXT;
}

static bool is_write(uint8_t command) {
    return command == ATA_WRITE_DMA || command == ATA_WRITE_DMA_EXT;
}

/* What the registers say, read as the command reads them. */
static void take_address(bool ext) {
    uint8_t(*r)[2] = drive.registers;
    uint64_t low = r[ATA_LBA_LOW][0] | (uint64_t)r[ATA_LBA_MID][0] << 8 | (uint64_t)r[ATA_LBA_HIGH][0] << 16;
    uint64_t high = r[ATA_LBA_LOW][1] | (uint64_t)r[ATA_LBA_MID][1] << 8 | (uint64_t)r[ATA_LBA_HIGH][1] << 16;

    drive.sector = ext ? low | high << 24 : low | (uint64_t)(r[ATA_DEVICE][0] & 0xF) << 24;
    drive.sectors = ext ? r[ATA_COUNT][0] | (unsigned)r[ATA_COUNT][1] << 8 : r[ATA_COUNT][0];
    if (drive.sectors == 0)
        drive.sectors = ext ? 65536 : 256;
}

static void take_command(uint8_t command) {
    drive.status = ATA_READY;
    drive.command = 0;
    if (command == ATA_IDENTIFY)
        drive.status |= ATA_REQUEST;
    else if (command != ATA_SET_MULTIPLE) {
        ck_assert_msg(drive.lba48 || !is_ext(command), "a 48-bit command for a drive that has none");
        drive.command = command;
        drive.commands++;
        take_address(is_ext(command));
        drive.status |= ATA_BUSY;
    }
}

/* Static memory lies together, so the upper half of an address is that of any of it. */
static uint8_t *memory_at(uint32_t physical) {
    return (uint8_t *)(((uintptr_t)&drive & ~(uintptr_t)UINT32_MAX) | (uint32_t)(physical + DIRECT_MAP_BASE));
}

/* The bus master moves what the table says, which must be as much as the drive was asked for. */
static void move_all(void) {
    struct {
        uint32_t address;
        uint16_t bytes, flags;
    } entry;
    uint32_t at = drive.table;
    unsigned offset = 0;
    uint8_t *bytes = drive.data[drive.sector - drive.first];

    do {
        memcpy(&entry, memory_at(at), sizeof(entry));
        ck_assert_uint_eq(at >> 16, drive.table >> 16); /* neither table nor region crosses 64 KiB */
        ck_assert_uint_eq(entry.address >> 16, (entry.address + entry.bytes - 1) >> 16);
        ck_assert_uint_le(offset + entry.bytes, drive.sectors * SECTOR_SIZE);
        if (is_write(drive.command))
            memcpy(bytes + offset, memory_at(entry.address), entry.bytes);
        else
            memcpy(memory_at(entry.address), bytes + offset, entry.bytes);
        offset += entry.bytes;
        at += sizeof(entry);
    } while ((entry.flags & 0x8000) == 0);
    ck_assert_uint_eq(offset, drive.sectors * SECTOR_SIZE);
}

/* The transfer ends, and the drive interrupts. */
static void drive_interrupt(void) {
    bool failed = drive.bad >= drive.sector && drive.bad < drive.sector + drive.sectors;

    ck_assert_uint_ne(drive.command, 0);
    ck_assert((drive.bus_command & 1) != 0);
    drive.status = ATA_READY | (failed ? ATA_FAILED : 0);
    drive.error = failed ? ATA_ERROR_ABORTED : 0;
    if (!failed)
        move_all();
    drive.command = 0;
    drive.bus_status = 0x64;
    handler(handler_data);
}

/* --- the machine --- */

uint32_t counters[COUNT_TOTAL];

/* There is no second drive: its status is 0, and commands to it are lost. */
static bool second_selected(void) {
    return (drive.registers[ATA_DEVICE][0] & 0x10) != 0;
}

uint8_t port_in8(uint16_t port) {
    if (port >= BUS_BASE)
        return port == BUS_BASE + 2 ? drive.bus_status : drive.bus_command;
    if (port == COMMAND_PORTS + ATA_STATUS || port == CONTROL_PORT)
        return second_selected() ? 0 : drive.status;
    if (port == COMMAND_PORTS + ATA_ERROR)
        return drive.error;
    return port < COMMAND_PORTS ? (uint8_t)ATA_FLOATING : 0; /* nor a second channel */
}

void port_out8(uint16_t port, uint8_t value) {
    if (port >= BUS_BASE) {
        if (port == BUS_BASE)
            drive.bus_command = value;
        else if (port == BUS_BASE + 2)
            drive.bus_status &= (uint8_t) ~(value & 6);
    } else if (port == COMMAND_PORTS + ATA_COMMAND) {
        if (!second_selected())
            take_command(value);
    } else if (port > COMMAND_PORTS && port < COMMAND_PORTS + 7) {
        drive.registers[port - COMMAND_PORTS][1] = drive.registers[port - COMMAND_PORTS][0];
        drive.registers[port - COMMAND_PORTS][0] = value;
    }
}

void port_out32(uint16_t port, uint32_t value) {
    ck_assert_uint_eq(port, BUS_BASE + 4);
    drive.table = value;
}

void port_in_string16(uint16_t port UNUSED, void *to, size_t count) {
    memcpy(to, drive.id, count * 2);
    drive.status = ATA_READY;
}

void port_in_string32(uint16_t port UNUSED, void *to UNUSED, size_t count UNUSED) {
}

void port_out_string16(uint16_t port UNUSED, const void *from UNUSED, size_t count UNUSED) {
}

void port_out_string32(uint16_t port UNUSED, const void *from UNUSED, size_t count UNUSED) {
}

bool pci_find_class(uint8_t class_code UNUSED, uint8_t subclass UNUSED, struct pci_function *found) {
    *found = (struct pci_function){0, 1, 1};
    return true;
}

uint8_t pci_read8(struct pci_function function UNUSED, uint8_t offset UNUSED) {
    return 0x80; /* a bus master */
}

uint16_t pci_port_base(struct pci_function function UNUSED, unsigned bar UNUSED) {
    return BUS_BASE;
}

bool pci_enable_bus_master(struct pci_function function UNUSED) {
    return true;
}

uint64_t time_ticks(void) {
    static uint64_t ticks;

    return ticks++; /* so that waiting for a drive that is not there ends */
}

bool irq_enabled(void) {
    return false;
}

void irq_install(unsigned line UNUSED, void (*function)(void *data), void *data) {
    handler = function;
    handler_data = data;
}

int block_register(struct block_device *device) {
    ck_assert_ptr_null(disk);
    disk = device;
    return 0;
}

void block_complete(struct block_device *device, struct block_request *request UNUSED, int error) {
    ck_assert_ptr_eq(device, disk);
    completed++;
    completed_error = error;
}

/* --- the tests --- */

static uint8_t pages[LONG_PAGES][PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
static struct bio bios[LONG_PAGES];
static struct block_request request;

/* Check runs each test in a process of its own. */
static void boot(bool lba48, bool has_dma) {
    drive.lba48 = lba48;
    drive.has_dma = has_dma;
    drive.bad = UINT64_MAX;
    drive.status = ATA_READY;
    set_identity();
    ata_init(true);
    ck_assert_ptr_nonnull(disk);
}

/* A request of @count pages at @sector, the last page first in memory, so that each has an entry of its own. */
static void start(sector_t sector, unsigned count, bool write) {
    request = (struct block_request){.sector = sector, .sectors = count * SECTORS_PER_PAGE, .write = write};
    list_init(&request.bios);
    request.segments = count;
    for (unsigned i = 0; i < count; i++) {
        bios[i] = (struct bio){.sectors = SECTORS_PER_PAGE, .write = write};
        bios[i].address = pointer_to_phys(pages[count - 1 - i]);
        list_add_tail(&request.bios, &bios[i].link);
    }
    disk->driver->start(disk, &request);
}

static void fill_pages(unsigned count, unsigned seed) {
    for (unsigned p = 0; p < count; p++)
        for (unsigned i = 0; i < PAGE_SIZE; i++)
            pages[p][i] = (uint8_t)(p * 31 + i / SECTOR_SIZE + i + seed);
}

START_TEST(a_long_request_is_one_48_bit_command) {
    boot(true, true);
    ck_assert_uint_eq(disk->sectors, 1u << 30);
    ck_assert_uint_eq(disk->driver->max_sectors, LONG_PAGES * SECTORS_PER_PAGE);
    ck_assert_uint_ge(disk->driver->max_segments, LONG_PAGES);
    fill_pages(LONG_PAGES, 1);
    start(1000, LONG_PAGES, true);
    drive.first = 1000;
    ck_assert_uint_eq(drive.command, ATA_WRITE_DMA_EXT);
    ck_assert_uint_eq(drive.sector, 1000);
    ck_assert_uint_eq(drive.sectors, 1024);
    drive_interrupt();
    for (unsigned p = 0; p < LONG_PAGES; p++)
        ck_assert_mem_eq(drive.data[p * SECTORS_PER_PAGE], pages[LONG_PAGES - 1 - p], PAGE_SIZE);
    memset(pages, 0, sizeof(pages));
    start(1000, LONG_PAGES, false);
    ck_assert_uint_eq(drive.command, ATA_READ_DMA_EXT);
    drive_interrupt();
    for (unsigned p = 0; p < LONG_PAGES; p++)
        ck_assert_mem_eq(drive.data[p * SECTORS_PER_PAGE], pages[LONG_PAGES - 1 - p], PAGE_SIZE);
    ck_assert_uint_eq(drive.commands, 2);
    ck_assert_uint_eq(completed, 2);
    ck_assert_int_eq(completed_error, 0);
}
END_TEST

START_TEST(a_short_one_has_28_bits) {
    boot(true, true);
    start(0x0ABCDEF0, 32, true);
    drive.first = 0x0ABCDEF0;
    ck_assert_uint_eq(drive.command, ATA_WRITE_DMA);
    ck_assert_uint_eq(drive.sector, 0x0ABCDEF0);
    ck_assert_uint_eq(drive.sectors, 256);
    drive_interrupt();
    ck_assert_uint_eq(completed, 1);
}
END_TEST

START_TEST(a_far_one_has_48_bits_however_short) {
    boot(true, true);
    start((1u << 28) - 4, 1, false); /* its end is behind the border */
    ck_assert_uint_eq(drive.command, ATA_READ_DMA_EXT);
    ck_assert_uint_eq(drive.sector, (1u << 28) - 4);
    ck_assert_uint_eq(drive.sectors, 8);
    drive.first = drive.sector;
    drive_interrupt();
    start(0x3ABCDEF0, 1, false);
    ck_assert_uint_eq(drive.sector, 0x3ABCDEF0);
}
END_TEST

START_TEST(a_drive_without_48_bits_is_asked_for_no_more_than_28_can_say) {
    boot(false, true);
    ck_assert_uint_eq(disk->sectors, 0x0FFFFFFF);
    ck_assert_uint_eq(disk->driver->max_sectors, 256);
    start(0, 32, true);
    ck_assert_uint_eq(drive.command, ATA_WRITE_DMA);
    drive_interrupt();
    ck_assert_uint_eq(completed, 1);
}
END_TEST

START_TEST(without_dma_requests_are_short) {
    boot(true, false);
    ck_assert_uint_eq(disk->driver->max_sectors, 256);
}
END_TEST

/* Several bios are returned at once, to be tried each alone; one alone is tried three times. */
START_TEST(errors_end_long_and_short_commands_alike) {
    boot(true, true);
    drive.bad = 500;
    start(0, LONG_PAGES, _i == 0);
    drive_interrupt();
    ck_assert_uint_eq(completed, 1);
    ck_assert_int_eq(completed_error, -EIO);
    ck_assert_uint_eq(drive.commands, 1);
    start(496, 1, _i == 0);
    for (unsigned try = 0; try < ATA_MAX_TRIES; try++) {
        ck_assert_uint_eq(completed, 1);
        drive_interrupt();
    }
    ck_assert_uint_eq(completed, 2);
    ck_assert_int_eq(completed_error, -EIO);
    ck_assert_uint_eq(counters[COUNT_BLK_RETRIES], ATA_MAX_TRIES - 1);
    start(504, 1, _i == 0); /* the next one is in order */
    drive_interrupt();
    ck_assert_int_eq(completed_error, 0);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("ata");
    TCase *commands = tcase_create("commands");

    tcase_add_test(commands, a_long_request_is_one_48_bit_command);
    tcase_add_test(commands, a_short_one_has_28_bits);
    tcase_add_test(commands, a_far_one_has_48_bits_however_short);
    tcase_add_test(commands, a_drive_without_48_bits_is_asked_for_no_more_than_28_can_say);
    tcase_add_test(commands, without_dma_requests_are_short);
    tcase_add_loop_test(commands, errors_end_long_and_short_commands_alike, 0, 2);
    suite_add_tcase(suite, commands);
    return run_suite(suite);
}
