/* ATA disks on the two channels of a PC: see ata.c. */
#ifndef DRIVERS_ATA_ATA_H
#define DRIVERS_ATA_ATA_H

#include "lib/types.h"

/*
 * Finds the disks and registers them with the block layer as hda (first channel, drive 0) to hdd. @dma:
 * transfer by bus-master DMA where controller and drive can (boot word ata=dma), else by PIO. At boot, after
 * block_init(), in a thread, with interrupts enabled and the clock running.
 */
void ata_init(bool dma);

#endif
