/*
 * PCI configuration space by configuration mechanism 1: enough to find a controller and to let it use the
 * bus. Any context, though finding walks all buses and belongs in start-up.
 */
#ifndef DRIVERS_PCI_H
#define DRIVERS_PCI_H

#include "lib/types.h"

struct pci_function {
    uint8_t bus, device, function;
};

/* Registers of the configuration header that drivers ask for. */
enum pci_register {
    PCI_VENDOR = 0x00,  /* 16 bits; 0xFFFF: nothing there */
    PCI_DEVICE = 0x02,  /* 16 bits */
    PCI_COMMAND = 0x04, /* 16 bits, enum pci_command */
    PCI_PROG_IF = 0x09, /* 8 bits */
    PCI_SUBCLASS = 0x0A,
    PCI_CLASS = 0x0B,
    PCI_HEADER_TYPE = 0x0E,
    PCI_BAR0 = 0x10, /* 32 bits; the others follow */
    PCI_SECONDARY_BUS = 0x19,
};

enum pci_command { PCI_COMMAND_IO = 1, PCI_COMMAND_MEMORY = 2, PCI_COMMAND_BUS_MASTER = 4 };

/* The first function of this class, in order of bus, device and function. False: there is none. */
bool pci_find_class(uint8_t class_code, uint8_t subclass, struct pci_function *found);

uint8_t pci_read8(struct pci_function function, uint8_t offset);
uint16_t pci_read16(struct pci_function function, uint8_t offset);
uint32_t pci_read32(struct pci_function function, uint8_t offset);
void pci_write16(struct pci_function function, uint8_t offset, uint16_t value);

/* The first port of base address register @bar (0-5), or 0 when it names no ports. */
uint16_t pci_port_base(struct pci_function function, unsigned bar);

/* Allows the function to answer at its ports and to read and write memory. False: it will not. */
bool pci_enable_bus_master(struct pci_function function);

#endif
