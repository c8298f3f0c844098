/*
 * Bus-master DMA: the disk's data goes to memory and from it without the processor, which gives one command
 * and gets one interrupt. The controller reads where the memory is from a table of physical region
 * descriptors (PRDs), an entry a bio: so a cluster of pages from all over memory is one command.
 *
 * The table's rules: aligned to 4 bytes and not crossing 64 KiB (it is aligned to its size); a region does
 * not cross 64 KiB either (a bio does not cross a page), begins at an even address, and a bit marks the last.
 *
 * Order of a transfer, from the programming interface: table and direction; clear the old interrupt and
 * error bits; command to the drive; start the engine; interrupt; stop the engine; only then look at the
 * drive's status. QEMU's engine shows no error when the drive shows one, and real ones may not either:
 * a transfer is good when both say so.
 *
 * Source: Intel, "Programming Interface for Bus Master IDE Controller" rev. 1.0; 82371AB datasheet, 2.7.
 */
#include "arch/x86/memory.h"
#include "drivers/ata/channel.h"
#include "lib/log.h"

enum { PROG_IF_NATIVE = 0x05, PROG_IF_BUS_MASTER = 0x80 };
enum { BUS_MASTER_BAR = 4, BUS_MASTER_PORTS = 8 /* of a channel */ };

/* Offsets from a channel's bus-master ports. */
enum { BM_COMMAND = 0, BM_STATUS = 2, BM_TABLE = 4 };
enum { BM_START = 0x01, BM_TO_MEMORY = 0x08 };
enum {
    BM_ACTIVE = 0x01,
    BM_ERROR = 0x02,     /* writing 1 clears it */
    BM_INTERRUPT = 0x04, /* writing 1 clears it */
    BM_CAPABLE = 0x60,   /* set by the BIOS for each drive: written back as they are */
    BM_SIMPLEX = 0x80,   /* only one channel at a time */
};

/* Physical region descriptor, as the controller reads it. */
struct prd {
    uint32_t address;
    uint16_t bytes; /* 0 would mean 64 KiB */
    uint16_t flags;
};
enum { PRD_LAST = 0x8000 };

static struct prd tables[2][ATA_MAX_SEGMENTS] __attribute__((aligned(ATA_MAX_SEGMENTS * sizeof(struct prd))));

static uint8_t bus_in(const struct ata_channel *channel, unsigned which) {
    return port_in8((uint16_t)(channel->bus_base + which));
}

static void bus_out(const struct ata_channel *channel, unsigned which, unsigned value) {
    port_out8((uint16_t)(channel->bus_base + which), (uint8_t)value);
}

/* NULL, or why the function cannot be used. */
static const char *unusable(struct pci_function function) {
    uint8_t interface = pci_read8(function, PCI_PROG_IF);

    if ((interface & PROG_IF_BUS_MASTER) == 0)
        return "the controller is no bus master";
    if ((interface & PROG_IF_NATIVE) != 0)
        return "the controller is in native mode";
    if (pci_port_base(function, BUS_MASTER_BAR) == 0)
        return "the bus master has no ports";
    if (!pci_enable_bus_master(function))
        return "bus mastering cannot be enabled";
    return NULL;
}

bool dma_setup(struct pci_function function) {
    const char *reason = unusable(function);

    if (reason != NULL) {
        klog("ata: %s: using PIO", reason);
        return false;
    }
    uint16_t base = pci_port_base(function, BUS_MASTER_BAR);
    bool simplex = (port_in8((uint16_t)(base + BM_STATUS)) & BM_SIMPLEX) != 0;

    for (unsigned i = 0; i < (simplex ? 1 : 2); i++) {
        ata_channels[i].bus_base = (uint16_t)(base + i * BUS_MASTER_PORTS);
        ata_channels[i].table = tables[i];
    }
    return true;
}

void dma_prepare(struct ata_channel *channel, const struct block_request *request) {
    struct prd *entry = channel->table;

    list_for_each (bio, &request->bios, struct bio, link) {
        ASSERT(entry < channel->table + ATA_MAX_SEGMENTS);
        entry->address = bio->address;
        entry->bytes = (uint16_t)(bio->sectors * SECTOR_SIZE);
        entry->flags = bio->link.next == &request->bios ? PRD_LAST : 0;
        entry++;
    }
    port_out32((uint16_t)(channel->bus_base + BM_TABLE), pointer_to_phys(channel->table));
    bus_out(channel, BM_COMMAND, request->write ? 0 : BM_TO_MEMORY);
    bus_out(channel, BM_STATUS, (bus_in(channel, BM_STATUS) & BM_CAPABLE) | BM_ERROR | BM_INTERRUPT);
}

void dma_start(struct ata_channel *channel, const struct block_request *request) {
    bus_out(channel, BM_COMMAND, (request->write ? 0 : BM_TO_MEMORY) | BM_START);
}

bool dma_interrupted(struct ata_channel *channel) {
    return (bus_in(channel, BM_STATUS) & BM_INTERRUPT) != 0;
}

bool dma_stop(struct ata_channel *channel) {
    uint8_t status = bus_in(channel, BM_STATUS);

    bus_out(channel, BM_COMMAND, 0);
    bus_out(channel, BM_STATUS, (status & BM_CAPABLE) | BM_ERROR | BM_INTERRUPT);
    return (status & (BM_ACTIVE | BM_ERROR)) == 0;
}
