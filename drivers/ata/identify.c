/*
 * Which drives there are, and what each can do: the IDENTIFY DEVICE command, whose answer is a sector of 256
 * words. Done once, at boot, by polling with the channel's interrupt off, as the answer decides whether there
 * will be anything to interrupt.
 *
 * An absent drive shows as a floating bus (all ones), as a status of zero, or by not answering. A CD-ROM
 * refuses the command and leaves the signature of a packet device in the address registers.
 *
 * Source: ATA/ATAPI-6, 8.15 (IDENTIFY DEVICE), 9.12 (signatures), 8.46 (SET MULTIPLE MODE).
 */
#include "arch/x86/time.h"
#include "drivers/ata/channel.h"
#include "lib/log.h"
#include "lib/string.h"

/* Words of the answer. */
enum {
    ID_MODEL = 27,
    ID_MODEL_END = 47,
    ID_MULTIPLE = 47,
    ID_CAPABILITIES = 49,
    ID_SECTORS28 = 60,
    ID_MULTIWORD_DMA = 63,
    ID_COMMANDS = 83,
    ID_ULTRA_DMA = 88,
    ID_SECTORS48 = 100,
    ID_WORDS = 256,
};
enum { CAPABLE_DMA = 1 << 8, CAPABLE_LBA = 1 << 9 };
enum {
    COMMANDS_VALID_MASK = 3 << 14,
    COMMANDS_VALID = 1 << 14,
    COMMANDS_LBA48 = 1 << 10,
    COMMANDS_FLUSH = 1 << 12,
    COMMANDS_FLUSH_EXT = 1 << 13,
};
enum { DMA_MODE_SELECTED = 0x7F00 }; /* of either word: one of the modes has been chosen, by the BIOS */

enum { IDENTIFY_SECONDS = 2 };

enum answer { ANSWER_NONE, ANSWER_DISK, ANSWER_PACKET_DEVICE };

/* Waits, thread context, until the drive is not busy. False: it stayed so for @seconds. */
static bool wait_not_busy(struct ata_channel *channel, unsigned seconds) {
    uint64_t deadline = time_ticks() + seconds * TICKS_PER_SECOND;

    while ((ata_alternate_status(channel) & ATA_BUSY) != 0) {
        if (time_ticks() > deadline)
            return false;
    }
    return true;
}

static bool packet_signature(struct ata_channel *channel) {
    uint8_t mid = ata_in(channel, ATA_LBA_MID);
    uint8_t high = ata_in(channel, ATA_LBA_HIGH);

    return (mid == 0x14 && high == 0xEB) || (mid == 0x69 && high == 0x96);
}

/* Asks drive @unit; its answer goes into @id. */
static enum answer identify(struct ata_channel *channel, unsigned unit, uint16_t id[ID_WORDS]) {
    ata_select(channel, unit);
    if (ata_alternate_status(channel) == ATA_FLOATING || !wait_not_busy(channel, IDENTIFY_SECONDS))
        return ANSWER_NONE;
    ata_out(channel, ATA_COMMAND, ATA_IDENTIFY);
    ata_delay(channel);
    if (ata_alternate_status(channel) == 0 || !wait_not_busy(channel, IDENTIFY_SECONDS))
        return ANSWER_NONE;
    uint8_t status = ata_status(channel);

    if ((status & (ATA_FAILED | ATA_REQUEST)) != ATA_REQUEST)
        return packet_signature(channel) ? ANSWER_PACKET_DEVICE : ANSWER_NONE;
    port_in_string16((uint16_t)(channel->command + ATA_DATA), id, ID_WORDS);
    return ANSWER_DISK;
}

/* Sectors on the drive, as many as a sector_t can number. */
static sector_t capacity(const struct ata_drive *drive, const uint16_t *id) {
    if (!drive->lba48)
        return id[ID_SECTORS28] | (sector_t)id[ID_SECTORS28 + 1] << 16;
    if (id[ID_SECTORS48 + 2] != 0 || id[ID_SECTORS48 + 3] != 0)
        return UINT32_MAX;
    return id[ID_SECTORS48] | (sector_t)id[ID_SECTORS48 + 1] << 16;
}

/* The largest block the drive takes: a power of two, as SET MULTIPLE MODE asks for. */
static unsigned largest_multiple(const uint16_t *id) {
    unsigned most = MIN(id[ID_MULTIPLE] & 0xFFu, (unsigned)ATA_MAX_MULTIPLE);
    unsigned multiple = 1;

    while (multiple * 2 <= most)
        multiple *= 2;
    return multiple;
}

static void read_abilities(struct ata_drive *drive, const uint16_t *id, bool dma) {
    uint16_t commands = id[ID_COMMANDS];

    if ((commands & COMMANDS_VALID_MASK) != COMMANDS_VALID)
        commands = 0;
    drive->lba48 = (commands & COMMANDS_LBA48) != 0;
    drive->can_flush = (commands & COMMANDS_FLUSH) != 0;
    drive->can_flush_ext = drive->lba48 && (commands & COMMANDS_FLUSH_EXT) != 0;
    drive->dma = dma && (id[ID_CAPABILITIES] & CAPABLE_DMA) != 0 &&
                 ((id[ID_MULTIWORD_DMA] | id[ID_ULTRA_DMA]) & DMA_MODE_SELECTED) != 0;
    drive->multiple = largest_multiple(id);
    drive->disk.sectors = capacity(drive, id);
}

/* SET MULTIPLE MODE; a drive that refuses is driven a sector at a time. */
static void set_multiple(struct ata_drive *drive) {
    struct ata_channel *channel = drive->channel;

    if (drive->multiple == 1)
        return;
    ata_out(channel, ATA_COUNT, drive->multiple);
    ata_out(channel, ATA_COMMAND, ATA_SET_MULTIPLE);
    ata_delay(channel);
    if (!wait_not_busy(channel, IDENTIFY_SECONDS) || (ata_status(channel) & (ATA_FAILED | ATA_FAULT)) != 0)
        drive->multiple = 1;
}

/* The model's name: two characters a word, the first in the high byte, padded with blanks. */
static void model_name(const uint16_t *id, char name[2 * (ID_MODEL_END - ID_MODEL) + 1]) {
    unsigned length = 0;

    for (unsigned word = ID_MODEL; word < ID_MODEL_END; word++) {
        name[length++] = (char)(id[word] >> 8);
        name[length++] = (char)id[word];
    }
    while (length > 0 && (name[length - 1] == ' ' || name[length - 1] == '\0'))
        length--;
    name[length] = '\0';
}

static void accept_disk(struct ata_drive *drive, const uint16_t *id, bool dma) {
    char model[2 * (ID_MODEL_END - ID_MODEL) + 1];

    model_name(id, model);
    if ((id[ID_CAPABILITIES] & CAPABLE_LBA) == 0) {
        klog("ata: %s: %s: has no LBA addresses: skipped", drive->disk.name, model);
        return;
    }
    read_abilities(drive, id, dma);
    set_multiple(drive);
    drive->present = true;
    klog("ata: %s: %s, LBA%s, %s, %u sectors a PIO block", drive->disk.name, model,
         drive->lba48 ? "48" : "28", drive->dma ? "bus-master DMA" : "PIO", drive->multiple);
    if (dma && !drive->dma)
        klog("ata: %s: has no DMA mode set: using PIO", drive->disk.name);
}

void ata_identify_drives(struct ata_channel *channel, bool dma) {
    static uint16_t id[ID_WORDS];

    for (unsigned unit = 0; unit < 2; unit++) {
        struct ata_drive *drive = &channel->drives[unit];
        const char name[] = {'h', 'd', (char)('a' + channel->number * 2 + unit), '\0'};

        drive->channel = channel;
        drive->unit = unit;
        str_copy(drive->disk.name, name, sizeof(drive->disk.name));
        switch (identify(channel, unit, id)) {
        case ANSWER_DISK:
            accept_disk(drive, id, dma);
            break;
        case ANSWER_PACKET_DEVICE:
            klog("ata: %s: a packet device (CD-ROM): skipped", drive->disk.name);
            break;
        case ANSWER_NONE:
            break;
        }
    }
}
