/*
 * When a command fails or does not end: try again, at most ATA_MAX_TRIES times in all; then the block layer
 * gets -EIO.
 *
 * A drive that says "error" has ended the command in order and takes the next one: nothing needs a reset. Nor
 * is a request of several bios tried again as it is: the block layer gives each to the drive alone, so a bad
 * sector among good ones costs its own bio three tries and the others one.
 *
 * A drive that says nothing in time, or that wants data moved when it should not, or a bus master that failed,
 * needs a reset of the channel, after which the drives get their settings back.
 *
 * A reset takes from milliseconds to half a minute (a disk that spins up), and nobody may wait that long
 * with interrupts disabled, so recovery is a state machine whose clock is the timer tick: each tick does one
 * short step and looks whether the drive is ready for the next.
 *
 *     RUNNING --disorder, or the deadline has passed--> ASSERT_RESET -> RELEASE_RESET -> AWAIT_READY --+
 *        ^                                                                                           |
 *        +---- try again, or give up <---- RESTORE: SET MULTIPLE MODE, each drive <------------------+
 *
 * The active request keeps the channel meanwhile, and requests for the other drive wait for it. A drive that
 * stays busy after a reset is dead: it will not be asked again, and all its requests fail at once.
 *
 * Source: ATA/ATAPI-6, 9.2 (software reset protocol, 31 seconds), 9.16 (settings after a reset).
 */
#include "arch/x86/time.h"
#include "drivers/ata/channel.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "mm/counters.h"

enum { RESET_SECONDS = 31, RESTORE_SECONDS = 2 };

static const char *error_name(uint8_t status, uint8_t error) {
    if ((status & ATA_FAULT) != 0)
        return "device fault";
    if ((error & ATA_ERROR_CRC) != 0)
        return "bad CRC on the cable";
    if ((error & ATA_ERROR_DATA) != 0)
        return "uncorrectable data";
    if ((error & ATA_ERROR_ADDRESS) != 0)
        return "sector not found";
    if ((error & ATA_ERROR_ABORTED) != 0)
        return "aborted";
    return "no reason given";
}

static void log_failure(const struct ata_drive *drive, uint8_t status, const char *cause) {
    const struct block_request *request = drive->request;
    uint8_t error = (status & ATA_FAILED) != 0 ? ata_in(drive->channel, ATA_ERROR) : 0;
    const char *name = cause != NULL ? cause : error_name(status, error);

    if (request->flush)
        klog("ata: %s: flush failed: status 0x%02x error 0x%02x (%s), try %u of %u", drive->disk.name, status,
             error, name, request->tries, ATA_MAX_TRIES);
    else
        klog("ata: %s: %s of %u sectors at %u failed: status 0x%02x error 0x%02x (%s), try %u of %u",
             drive->disk.name, request->write ? "write" : "read", request->sectors, (unsigned)request->sector,
             status, error, name, request->tries, ATA_MAX_TRIES);
}

void ata_fail(struct ata_channel *channel, uint8_t status, const char *cause) {
    ASSERT(channel->active != NULL && channel->state == ATA_RUNNING);
    log_failure(channel->active, status, cause);
    channel->state = ATA_ASSERT_RESET;
}

static void give_up(struct ata_channel *channel) {
    const struct ata_drive *drive = channel->active;
    const struct block_request *request = drive->request;

    klog("ata: %s: %s of %u sectors at %u given up after %u tries", drive->disk.name,
         request->flush   ? "flush"
         : request->write ? "write"
                          : "read",
         request->sectors, (unsigned)request->sector, request->tries);
    ata_finish(channel, -EIO);
}

static bool may_try_again(const struct ata_drive *drive) {
    return !drive->dead && drive->request->tries < ATA_MAX_TRIES;
}

/* More than one bio: the block layer will try each alone. */
static bool can_be_split(const struct block_request *request) {
    return request->bios.next != request->bios.prev;
}

void ata_refused(struct ata_channel *channel, uint8_t status) {
    struct ata_drive *drive = channel->active;

    if ((status & (ATA_BUSY | ATA_REQUEST)) != 0) {
        ata_fail(channel, status, NULL);
        return;
    }
    log_failure(drive, status, NULL);
    if (can_be_split(drive->request)) {
        ata_finish(channel, -EIO);
    } else if (may_try_again(drive)) {
        count(COUNT_BLK_RETRIES);
        ata_start_command(channel);
    } else {
        give_up(channel);
    }
}

static void assert_reset(struct ata_channel *channel) {
    if (channel->bus_base != 0)
        dma_stop(channel);
    count(COUNT_BLK_RESETS);
    port_out8(channel->control, ATA_SOFT_RESET);
    channel->state = ATA_RELEASE_RESET;
}

static void release_reset(struct ata_channel *channel) {
    port_out8(channel->control, 0);
    channel->deadline = time_ticks() + RESET_SECONDS * TICKS_PER_SECOND;
    channel->state = ATA_AWAIT_READY;
}

/* The settings are back: the active request again, unless it has had its tries. */
static void resume(struct ata_channel *channel) {
    channel->state = ATA_RUNNING;
    if (may_try_again(channel->active)) {
        count(COUNT_BLK_RETRIES);
        ata_start_command(channel);
    } else {
        give_up(channel);
    }
}

static void declare_dead(struct ata_drive *drive) {
    if (drive->present && !drive->dead)
        klog("ata: %s: does not come back from a reset: given up", drive->disk.name);
    drive->dead = true;
}

static void await_ready(struct ata_channel *channel) {
    channel->restoring = 0;
    channel->restore_sent = false;
    for (unsigned unit = 0; unit < 2; unit++) {
        struct ata_drive *drive = &channel->drives[unit];

        if (!drive->present || drive->dead)
            continue;
        ata_select(channel, unit);
        if ((ata_alternate_status(channel) & ATA_BUSY) == 0)
            continue;
        if (time_ticks() < channel->deadline)
            return;
        declare_dead(drive);
    }
    channel->state = ATA_RESTORE;
}

/* The answer to SET MULTIPLE MODE. False: not there yet. */
static bool restore_answered(struct ata_channel *channel, struct ata_drive *drive) {
    if ((ata_alternate_status(channel) & ATA_BUSY) != 0) {
        if (time_ticks() < channel->deadline)
            return false;
        declare_dead(drive);
    } else if ((ata_status(channel) & (ATA_FAILED | ATA_FAULT)) != 0) {
        drive->multiple = 1;
    }
    return true;
}

/* One drive a call; the last one resumes. */
static void restore(struct ata_channel *channel) {
    struct ata_drive *drive = &channel->drives[channel->restoring];

    if (channel->restore_sent) {
        if (!restore_answered(channel, drive))
            return;
        channel->restore_sent = false;
        channel->restoring++;
    } else if (drive->present && !drive->dead && drive->multiple > 1) {
        ata_select(channel, drive->unit);
        ata_out(channel, ATA_COUNT, drive->multiple);
        ata_out(channel, ATA_COMMAND, ATA_SET_MULTIPLE);
        channel->deadline = time_ticks() + RESTORE_SECONDS * TICKS_PER_SECOND;
        channel->restore_sent = true;
    } else {
        channel->restoring++;
    }
    if (channel->restoring == 2)
        resume(channel);
}

static void check_deadline(struct ata_channel *channel) {
    if (channel->active == NULL || time_ticks() < channel->deadline)
        return;
    count(COUNT_BLK_TIMEOUTS);
    ata_fail(channel, ata_alternate_status(channel), "timed out");
}

void ata_channel_tick(struct ata_channel *channel) {
    switch (channel->state) {
    case ATA_RUNNING:
        check_deadline(channel);
        break;
    case ATA_ASSERT_RESET:
        assert_reset(channel);
        break;
    case ATA_RELEASE_RESET:
        release_reset(channel);
        break;
    case ATA_AWAIT_READY:
        await_ready(channel);
        break;
    case ATA_RESTORE:
        restore(channel);
        break;
    }
}
