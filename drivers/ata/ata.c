/*
 * ATA disks on the two channels of a PC (PIIX and its like): the life of a command.
 *
 *     block layer: start() -> the channel is free? -> ata_start_command() -> the drive
 *                                                                              | interrupt
 *                     block_complete() <- ata_finish() <- interrupt handler <---+
 *                                             ^                | error, time-out
 *                                             +-- recover.c <--+
 *
 * The two drives of a channel share its registers and its interrupt, so a channel does one command at a
 * time; when both have requests they take turns. Everything runs with interrupts disabled, in start(), in the
 * interrupt handler or in the timer tick, and nothing here waits for more than a moment: what takes time ends
 * with an interrupt, and what should not take time has a deadline.
 *
 * An interrupt that nobody expects (another device on the line, the end of a command that a reset has cut
 * off, noise) is acknowledged and otherwise ignored.
 *
 * Source: see channel.h.
 */
#include "drivers/ata/ata.h"

#include "arch/x86/irq.h"
#include "arch/x86/time.h"
#include "drivers/ata/channel.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "mm/counters.h"

enum { CLASS_STORAGE = 0x01, SUBCLASS_IDE = 0x01 };

/* How long a command may take without a sign of life: a disk may have to spin up, or to empty its cache. */
enum { COMMAND_SECONDS = 10, FLUSH_SECONDS = 30 };

enum { DEVICE_LBA = 0xE0 /* with the two bits that were once always set */, DEVICE_UNIT_SHIFT = 4 };
enum { LBA28_END = 1 << 28 };

/* Where the two channels have been since the AT. */
struct ata_channel ata_channels[2] = {
    {.number = 0, .command = 0x1F0, .control = 0x3F6},
    {.number = 1, .command = 0x170, .control = 0x376},
};
static const unsigned channel_irq[2] = {14, 15};

/* --- the registers --- */

/* Four reads of a port on the old bus clock take 400 ns at least. */
void ata_delay(struct ata_channel *channel) {
    for (unsigned i = 0; i < 4; i++)
        ata_alternate_status(channel);
}

void ata_select(struct ata_channel *channel, unsigned unit) {
    ata_out(channel, ATA_DEVICE, DEVICE_LBA | unit << DEVICE_UNIT_SHIFT);
    ata_delay(channel);
}

uint8_t ata_wait_brief(struct ata_channel *channel, uint8_t mask, uint8_t value) {
    enum { READS = 2000 }; /* of half a microsecond or so */
    uint8_t status = ata_alternate_status(channel);

    for (unsigned i = 0; i < READS && (status & mask) != value; i++)
        status = ata_alternate_status(channel);
    return status;
}

/* --- starting a command --- */

/* A long request or a far one; the block layer asks for neither of a drive that knows 28 bits only. */
static bool needs_lba48(const struct block_request *request) {
    return request->sectors > ATA_MAX_SECTORS28 || (uint64_t)request->sector + request->sectors > LBA28_END;
}

/* The address, 28 bits: eight in each of three registers, four in the device register. */
static void write_address(struct ata_channel *channel, const struct ata_drive *drive,
                          const struct block_request *request) {
    sector_t sector = request->sector;

    ata_out(channel, ATA_COUNT, request->sectors & 0xFF); /* 256 is written as 0 */
    ata_out(channel, ATA_LBA_LOW, sector & 0xFF);
    ata_out(channel, ATA_LBA_MID, sector >> 8 & 0xFF);
    ata_out(channel, ATA_LBA_HIGH, sector >> 16 & 0xFF);
    ata_out(channel, ATA_DEVICE, DEVICE_LBA | drive->unit << DEVICE_UNIT_SHIFT | (sector >> 24 & 0xF));
}

/* 48 bits: each register is two deep, and takes the high byte first. */
static void write_address48(struct ata_channel *channel, const struct ata_drive *drive,
                            const struct block_request *request) {
    sector_t sector = request->sector;

    ata_out(channel, ATA_COUNT, request->sectors >> 8);
    ata_out(channel, ATA_LBA_LOW, sector >> 24);
    ata_out(channel, ATA_LBA_MID, 0);
    ata_out(channel, ATA_LBA_HIGH, 0);
    ata_out(channel, ATA_COUNT, request->sectors & 0xFF);
    ata_out(channel, ATA_LBA_LOW, sector & 0xFF);
    ata_out(channel, ATA_LBA_MID, sector >> 8 & 0xFF);
    ata_out(channel, ATA_LBA_HIGH, sector >> 16 & 0xFF);
    ata_out(channel, ATA_DEVICE, DEVICE_LBA | drive->unit << DEVICE_UNIT_SHIFT);
}

static enum ata_command transfer_command(const struct ata_drive *drive, bool write, bool lba48) {
    if (drive->dma && lba48)
        return write ? ATA_WRITE_DMA_EXT : ATA_READ_DMA_EXT;
    if (drive->dma)
        return write ? ATA_WRITE_DMA : ATA_READ_DMA;
    if (drive->multiple > 1 && lba48)
        return write ? ATA_WRITE_MULTIPLE_EXT : ATA_READ_MULTIPLE_EXT;
    if (drive->multiple > 1)
        return write ? ATA_WRITE_MULTIPLE : ATA_READ_MULTIPLE;
    if (lba48)
        return write ? ATA_WRITE_EXT : ATA_READ_EXT;
    return write ? ATA_WRITE : ATA_READ;
}

static void set_deadline(struct ata_channel *channel) {
    unsigned seconds = channel->active->request->flush ? FLUSH_SECONDS : COMMAND_SECONDS;

    channel->deadline = time_ticks() + seconds * TICKS_PER_SECOND;
}

static void start_flush(struct ata_channel *channel, const struct ata_drive *drive) {
    channel->by_dma = false;
    ata_out(channel, ATA_COMMAND, drive->can_flush_ext ? ATA_FLUSH_EXT : ATA_FLUSH);
}

static void start_dma(struct ata_channel *channel, const struct block_request *request,
                      enum ata_command command) {
    channel->by_dma = true;
    dma_prepare(channel, request);
    ata_out(channel, ATA_COMMAND, command);
    dma_start(channel, request);
}

/* A read is moved when the drive interrupts; a write's first block goes at once, without an interrupt. */
static void start_pio(struct ata_channel *channel, const struct block_request *request,
                      enum ata_command command) {
    channel->by_dma = false;
    pio_prepare(channel, request);
    ata_out(channel, ATA_COMMAND, command);
    if (!request->write)
        return;
    ata_delay(channel);
    uint8_t status = ata_wait_brief(channel, ATA_BUSY | ATA_REQUEST, ATA_REQUEST);

    if ((status & (ATA_BUSY | ATA_REQUEST)) != ATA_REQUEST)
        ata_fail(channel, status, (status & (ATA_FAILED | ATA_FAULT)) != 0 ? NULL : "no data request");
    else
        pio_move_block(channel, true);
}

void ata_start_command(struct ata_channel *channel) {
    struct ata_drive *drive = channel->active;
    struct block_request *request = drive->request;
    bool lba48 = needs_lba48(request);

    request->tries++;
    set_deadline(channel);
    ata_select(channel, drive->unit);
    uint8_t status = ata_wait_brief(channel, ATA_BUSY | ATA_REQUEST, 0);

    if ((status & (ATA_BUSY | ATA_REQUEST)) != 0) {
        ata_fail(channel, status, "not ready");
        return;
    }
    if (request->flush) {
        start_flush(channel, drive);
        return;
    }
    if (lba48)
        write_address48(channel, drive, request);
    else
        write_address(channel, drive, request);
    if (drive->dma)
        start_dma(channel, request, transfer_command(drive, request->write, lba48));
    else
        start_pio(channel, request, transfer_command(drive, request->write, lba48));
}

/* Gives a free channel to a drive that has a request; the one that had it last comes second. */
static void channel_next(struct ata_channel *channel) {
    for (unsigned i = 1; i <= 2 && channel->active == NULL; i++) {
        struct ata_drive *drive = &channel->drives[(channel->last + i) % 2];

        if (drive->request == NULL || drive->dead)
            continue;
        channel->active = drive;
        channel->last = drive->unit;
        ata_start_command(channel);
    }
}

static void drive_start(struct block_device *disk, struct block_request *request) {
    struct ata_drive *drive = disk->data;

    ASSERT(!irq_enabled());
    ASSERT(drive->request == NULL);
    drive->request = request;
    channel_next(drive->channel);
}

/* --- the end of a command --- */

static void return_request(struct ata_drive *drive, int error) {
    struct block_request *request = drive->request;

    drive->request = NULL;
    block_complete(&drive->disk, request, error);
}

/* The other drive first, or this one's next request would take the channel again at once. */
void ata_finish(struct ata_channel *channel, int error) {
    struct ata_drive *drive = channel->active;
    struct block_request *request = drive->request;

    channel->active = NULL;
    drive->request = NULL;
    channel_next(channel);
    block_complete(&drive->disk, request, error);
}

static void flush_interrupt(struct ata_channel *channel, uint8_t status) {
    bool failed = (status & (ATA_FAILED | ATA_FAULT)) != 0;

    /* A drive that does not know the command has no cache to flush. */
    if (failed && channel->active->can_flush)
        ata_refused(channel, status);
    else
        ata_finish(channel, 0);
}

static void dma_interrupt(struct ata_channel *channel, uint8_t status, bool engine_good) {
    if ((status & (ATA_FAILED | ATA_FAULT)) != 0)
        ata_refused(channel, status);
    else if (!engine_good || (status & ATA_REQUEST) != 0)
        ata_fail(channel, status, "bus master failed");
    else
        ata_finish(channel, 0);
}

/* A read's block is there, or a write's block is on the disk and the next is wanted. */
static void pio_interrupt(struct ata_channel *channel, uint8_t status) {
    bool write = channel->active->request->write;

    if ((status & (ATA_FAILED | ATA_FAULT)) != 0) {
        ata_refused(channel, status);
        return;
    }
    if (channel->sectors_left > 0) {
        if ((status & ATA_REQUEST) == 0) {
            ata_fail(channel, status, "no data request");
            return;
        }
        pio_move_block(channel, write);
        set_deadline(channel);
        if (write || channel->sectors_left > 0)
            return;
    }
    ata_finish(channel, 0);
}

static void interrupt(void *data) {
    struct ata_channel *channel = data;

    count(COUNT_BLK_INTERRUPTS);
    if (channel->active == NULL || channel->state != ATA_RUNNING) {
        ata_status(channel);
        return;
    }
    if ((channel->by_dma && !dma_interrupted(channel)) || (ata_alternate_status(channel) & ATA_BUSY) != 0)
        return;
    bool engine_good = channel->by_dma ? dma_stop(channel) : true;
    uint8_t status = ata_status(channel);

    if (channel->active->request->flush)
        flush_interrupt(channel, status);
    else if (channel->by_dma)
        dma_interrupt(channel, status, engine_good);
    else
        pio_interrupt(channel, status);
}

/* --- the clock --- */

/* Each drive's tick; the channel's work is done in that of its first disk. */
static void drive_tick(struct block_device *disk) {
    struct ata_drive *drive = disk->data;
    struct ata_channel *channel = drive->channel;

    if (drive->unit == 0 || !channel->drives[0].present)
        ata_channel_tick(channel);
    if (drive->dead && drive->request != NULL && channel->active != drive)
        return_request(drive, -EIO);
}

/* --- start-up --- */

static const struct block_driver ata_driver = {
    .start = drive_start,
    .tick = drive_tick,
    .max_sectors = ATA_MAX_SECTORS28,
    .max_segments = ATA_MAX_SEGMENTS,
};

/* With 48-bit commands, and without the processor, which would be kept the longer from everything else. */
static const struct block_driver ata_driver48 = {
    .start = drive_start,
    .tick = drive_tick,
    .max_sectors = ATA_MAX_SECTORS48,
    .max_segments = ATA_MAX_SEGMENTS,
};

static void channel_init(struct ata_channel *channel, bool dma) {
    port_out8(channel->control, ATA_NO_INTERRUPT);
    ata_identify_drives(channel, dma && channel->bus_base != 0);
    if (!channel->drives[0].present && !channel->drives[1].present)
        return;
    irq_install(channel_irq[channel->number], interrupt, channel);
    port_out8(channel->control, 0);
}

/* False: there is no such drive. */
static bool register_drive(struct ata_drive *drive) {
    if (!drive->present)
        return false;
    drive->disk.driver = drive->lba48 && drive->dma ? &ata_driver48 : &ata_driver;
    drive->disk.data = drive;
    block_register(&drive->disk);
    return true;
}

void ata_init(bool dma) {
    struct pci_function controller;

    if (pci_find_class(CLASS_STORAGE, SUBCLASS_IDE, &controller)) {
        ata_channels[0].wide = ata_channels[1].wide = true;
        dma = dma && dma_setup(controller);
    } else {
        klog("ata: no PCI IDE controller: using PIO at the ports of old");
        dma = false;
    }
    for (unsigned i = 0; i < 2; i++)
        channel_init(&ata_channels[i], dma);
    unsigned found = 0;

    for (unsigned i = 0; i < 2; i++) {
        found += register_drive(&ata_channels[i].drives[0]);
        found += register_drive(&ata_channels[i].drives[1]);
    }
    if (found == 0)
        klog("ata: no disk found");
}
