/*
 * Programmed I/O: the processor itself moves every word through the data port. READ and WRITE MULTIPLE move
 * a block of sectors for each interrupt (the drive's `multiple`, 16 at most) instead of one sector, which
 * is what makes PIO bearable: a 4 KiB page is one interrupt instead of eight.
 *
 * A block need not end where a bio ends, so the transfer is a cursor over the request's bios.
 *
 * Source: ATA/ATAPI-6, 9.5 and 9.6 (PIO data-in and data-out protocols), 8.26 and 8.66 (the commands).
 */
#include "arch/x86/memory.h"
#include "drivers/ata/channel.h"
#include "lib/log.h"

void pio_prepare(struct ata_channel *channel, const struct block_request *request) {
    channel->bio = list_first(&request->bios, struct bio, link);
    channel->bio_sector = 0;
    channel->sectors_left = request->sectors;
}

/* The port of the standard is 16 bits wide; a PCI controller splits 32 bits in two, at half the price. */
static void move(struct ata_channel *channel, uint8_t *memory, unsigned sectors, bool write) {
    uint16_t port = (uint16_t)(channel->command + ATA_DATA);
    size_t bytes = sectors * SECTOR_SIZE;

    if (write && channel->wide)
        port_out_string32(port, memory, bytes / 4);
    else if (write)
        port_out_string16(port, memory, bytes / 2);
    else if (channel->wide)
        port_in_string32(port, memory, bytes / 4);
    else
        port_in_string16(port, memory, bytes / 2);
}

/* The drive expects whole blocks, except that the last is as short as what is left. */
void pio_move_block(struct ata_channel *channel, bool write) {
    unsigned block = MIN(channel->active->multiple, channel->sectors_left);

    channel->sectors_left -= block;
    while (block > 0) {
        struct bio *bio = channel->bio;
        unsigned sectors = MIN(block, bio->sectors - channel->bio_sector);

        move(channel, (uint8_t *)phys_to_pointer(bio->address) + channel->bio_sector * SECTOR_SIZE, sectors,
             write);
        block -= sectors;
        channel->bio_sector += sectors;
        if (channel->bio_sector == bio->sectors) {
            channel->bio = list_next(bio, struct bio, link);
            channel->bio_sector = 0;
        }
    }
}
