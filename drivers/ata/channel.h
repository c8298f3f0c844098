/*
 * What the files of the ATA driver share: a channel with its registers, its two drives and the command under
 * way on it. Private to drivers/ata.
 *
 *     ata.c        commands: start, interrupt, end
 *     dma.c        the bus master: scatter/gather transfers without the processor
 *     pio.c        READ and WRITE MULTIPLE: transfers by the processor, a block an interrupt
 *     recover.c    errors and time-outs: try again or give up; reset, restore
 *     identify.c   which drives there are and what they can do
 *
 * All functions below run with interrupts disabled, unless they say otherwise.
 *
 * Source: ATA/ATAPI-6 (T13/1410D): 7 (registers), 8 (commands), 9 (protocols); Intel 82371AB (PIIX4)
 * datasheet, 2.7 and "Programming Interface for Bus Master IDE Controller" rev. 1.0 (bus master).
 */
#ifndef DRIVERS_ATA_CHANNEL_H
#define DRIVERS_ATA_CHANNEL_H

#include "arch/x86/port.h"
#include "drivers/block.h"
#include "drivers/pci.h"

/* Offsets from the command ports. */
enum ata_register {
    ATA_DATA = 0,
    ATA_ERROR = 1, /* reading */
    ATA_FEATURES = 1,
    ATA_COUNT = 2,
    ATA_LBA_LOW = 3,
    ATA_LBA_MID = 4,
    ATA_LBA_HIGH = 5,
    ATA_DEVICE = 6,
    ATA_STATUS = 7, /* reading; also takes back the drive's interrupt */
    ATA_COMMAND = 7,
};

/* The control port: written, device control; read, the status without taking back the interrupt. */
enum ata_control { ATA_NO_INTERRUPT = 0x02, ATA_SOFT_RESET = 0x04 };

enum ata_status {
    ATA_BUSY = 0x80,
    ATA_READY = 0x40,
    ATA_FAULT = 0x20,
    ATA_REQUEST = 0x08, /* DRQ: the drive wants data to be moved */
    ATA_FAILED = 0x01,  /* ERR: see the error register */
    ATA_FLOATING = 0xFF /* nobody drives the bus */
};

enum ata_error {
    ATA_ERROR_CRC = 0x80,
    ATA_ERROR_DATA = 0x40,
    ATA_ERROR_ADDRESS = 0x10,
    ATA_ERROR_ABORTED = 0x04,
};

enum ata_command {
    ATA_READ = 0x20,
    ATA_READ_EXT = 0x24,
    ATA_READ_DMA_EXT = 0x25,
    ATA_READ_MULTIPLE_EXT = 0x29,
    ATA_WRITE = 0x30,
    ATA_WRITE_EXT = 0x34,
    ATA_WRITE_DMA_EXT = 0x35,
    ATA_WRITE_MULTIPLE_EXT = 0x39,
    ATA_READ_MULTIPLE = 0xC4,
    ATA_WRITE_MULTIPLE = 0xC5,
    ATA_SET_MULTIPLE = 0xC6,
    ATA_READ_DMA = 0xC8,
    ATA_WRITE_DMA = 0xCA,
    ATA_FLUSH = 0xE7,
    ATA_FLUSH_EXT = 0xEA,
    ATA_IDENTIFY = 0xEC,
};

enum {
    ATA_MAX_SECTORS28 = 256,  /* of a command with 28-bit addresses: what it can count */
    ATA_MAX_SECTORS48 = 1024, /* of one with 48, which could count 65,536; but others wait meanwhile */
    ATA_MAX_SEGMENTS = 128,   /* bios of a command: entries of the bus master's table */
    ATA_MAX_MULTIPLE = 16,    /* sectors of a PIO block */
    ATA_MAX_TRIES = 3,
};

struct ata_channel;

struct ata_drive {
    struct block_device disk;
    struct ata_channel *channel;
    unsigned unit; /* 0 or 1 on the channel */
    bool present;
    bool lba48;
    bool dma;
    bool can_flush;                /* says that it knows FLUSH CACHE */
    bool can_flush_ext;            /* … and its 48-bit kin */
    bool dead;                     /* never came back from a reset: everything fails at once */
    unsigned multiple;             /* sectors a PIO interrupt moves; 1: the single-sector commands are used */
    struct block_request *request; /* the block layer's: waiting for the channel, or active on it */
};

enum ata_state {
    ATA_RUNNING,
    /* What the next timer tick does, in the order of a recovery: see recover.c. */
    ATA_ASSERT_RESET,
    ATA_RELEASE_RESET,
    ATA_AWAIT_READY,
    ATA_RESTORE,
};

struct prd;

struct ata_channel {
    unsigned number;   /* 0 or 1 */
    uint16_t command;  /* first of the eight command ports */
    uint16_t control;  /* the control port */
    uint16_t bus_base; /* first of the eight bus-master ports, 0: no bus master */
    bool wide;         /* the data port takes 32 bits at a time: on PCI it does */
    struct prd *table; /* the bus master's scatter/gather table */
    struct ata_drive drives[2];

    enum ata_state state;
    struct ata_drive *active; /* whose command has the channel, recovery included; NULL: free */
    unsigned last;            /* unit that had the channel last: the other one goes first */
    bool by_dma;              /* the active command is a DMA one */
    uint64_t deadline;        /* tick at which patience ends, with the command or with the reset */
    unsigned restoring;       /* drives whose settings are restored, in ATA_RESTORE */
    bool restore_sent;        /* … and the command for the next one is under way */

    /* PIO: where the next word goes, and what is left of the active command. */
    struct bio *bio;
    unsigned bio_sector; /* in that bio */
    unsigned sectors_left;
};

extern struct ata_channel ata_channels[2];

static inline uint8_t ata_in(const struct ata_channel *channel, enum ata_register which) {
    return port_in8((uint16_t)(channel->command + which));
}

static inline void ata_out(const struct ata_channel *channel, enum ata_register which, unsigned value) {
    port_out8((uint16_t)(channel->command + which), (uint8_t)value);
}

/* Status without side effects: an interrupt that is pending stays so. */
static inline uint8_t ata_alternate_status(const struct ata_channel *channel) {
    return port_in8(channel->control);
}

/* Status, whose reading tells the drive that its interrupt has been seen. */
static inline uint8_t ata_status(const struct ata_channel *channel) {
    return ata_in(channel, ATA_STATUS);
}

/* --- ata.c --- */

/* Selects a drive and lets 400 ns pass, which it has to put its status on the bus. */
void ata_select(struct ata_channel *channel, unsigned unit);

/* Lets 400 ns pass: after a command, before which the status is not valid. */
void ata_delay(struct ata_channel *channel);

/*
 * Waits until the status bits of @mask are @value, for a time that an interrupt handler can afford (about a
 * millisecond). The status; the caller checks whether it is what was waited for.
 */
uint8_t ata_wait_brief(struct ata_channel *channel, uint8_t mask, uint8_t value);

/* Gives the active drive's request to the drive. Again, after a recovery. */
void ata_start_command(struct ata_channel *channel);

/* The active request is over: the other drive gets the channel, the block layer the result. */
void ata_finish(struct ata_channel *channel, int error);

/* --- recover.c --- */

/* The active command is in disorder, or has not ended: @cause, or what @status says. Starts recovery. */
void ata_fail(struct ata_channel *channel, uint8_t status, const char *cause);

/*
 * The drive has ended the active command with an error: tries again at once, or gives up. In the interrupt
 * handler only, as it may complete the request.
 */
void ata_refused(struct ata_channel *channel, uint8_t status);

/* Once a timer tick: time limits, and the next step of a recovery under way. */
void ata_channel_tick(struct ata_channel *channel);

/* --- identify.c --- */

/*
 * Fills in the drives that answer. Thread context, interrupts of the channel off; waits for seconds at
 * most.
 */
void ata_identify_drives(struct ata_channel *channel, bool dma);

/* --- dma.c --- */

/* Gives each channel the ports and table of the controller's bus master. False, with a log line: unusable. */
bool dma_setup(struct pci_function controller);

/* Describes the memory of @request to the bus master; then the drive gets its command; then dma_start(). */
void dma_prepare(struct ata_channel *channel, const struct block_request *request);
void dma_start(struct ata_channel *channel, const struct block_request *request);

/* True when the drive has interrupted since dma_prepare(). */
bool dma_interrupted(struct ata_channel *channel);

/* Stops the engine and takes back its interrupt. False: it failed or had not moved everything. */
bool dma_stop(struct ata_channel *channel);

/* --- pio.c --- */

/* Sets the cursor to the beginning of @request. */
void pio_prepare(struct ata_channel *channel, const struct block_request *request);

/* Moves the next block of the active command between its bios and the data port. DRQ is set. */
void pio_move_block(struct ata_channel *channel, bool write);

#endif
