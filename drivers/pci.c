/*
 * PCI configuration space, mechanism 1: the address of a register goes to one port, its value comes through
 * another. Between the two accesses nobody else may use them, hence the disabled interrupts.
 *
 * Source: PCI Local Bus Specification 3.0, 3.2.2.3.2 (mechanism), 6.1 (header), 6.2.5.1 (base addresses);
 * PCI-to-PCI Bridge Architecture Specification, 3.2 (bridge header).
 */
#include "drivers/pci.h"

#include "arch/x86/irq.h"
#include "arch/x86/port.h"

enum { CONFIG_ADDRESS = 0xCF8, CONFIG_DATA = 0xCFC };
enum { DEVICES_PER_BUS = 32, FUNCTIONS_PER_DEVICE = 8, NO_VENDOR = 0xFFFF };
enum { HEADER_MULTIFUNCTION = 0x80, HEADER_LAYOUT = 0x7F, LAYOUT_BRIDGE = 1 };
enum { BAR_IS_PORTS = 1, BAR_PORT_MASK = 0xFFFC };

static uint32_t register_address(struct pci_function function, uint8_t offset) {
    return 0x80000000u | (uint32_t)function.bus << 16 | (uint32_t)function.device << 11 |
           (uint32_t)function.function << 8 | (offset & 0xFCu);
}

uint32_t pci_read32(struct pci_function function, uint8_t offset) {
    unsigned state = irq_save();

    port_out32(CONFIG_ADDRESS, register_address(function, offset));
    uint32_t value = port_in32(CONFIG_DATA);

    irq_restore(state);
    return value;
}

uint16_t pci_read16(struct pci_function function, uint8_t offset) {
    return (uint16_t)(pci_read32(function, offset) >> (offset & 2) * 8);
}

uint8_t pci_read8(struct pci_function function, uint8_t offset) {
    return (uint8_t)(pci_read32(function, offset) >> (offset & 3) * 8);
}

/* A 16-bit access, not a 32-bit one with the old other half: some other halves clear bits when written. */
void pci_write16(struct pci_function function, uint8_t offset, uint16_t value) {
    unsigned state = irq_save();

    port_out32(CONFIG_ADDRESS, register_address(function, offset));
    port_out16(CONFIG_DATA + (offset & 2), value);
    irq_restore(state);
}

static bool is_class(struct pci_function function, uint8_t class_code, uint8_t subclass) {
    return pci_read8(function, PCI_CLASS) == class_code && pci_read8(function, PCI_SUBCLASS) == subclass;
}

static bool find_on_bus(uint8_t bus, uint8_t class_code, uint8_t subclass, struct pci_function *found);

/* Looks at one function and, when it is a bridge, at the bus behind it. */
static bool find_in(struct pci_function function, uint8_t class_code, uint8_t subclass,
                    struct pci_function *found) {
    if (is_class(function, class_code, subclass)) {
        *found = function;
        return true;
    }
    if ((pci_read8(function, PCI_HEADER_TYPE) & HEADER_LAYOUT) != LAYOUT_BRIDGE)
        return false;
    uint8_t behind = pci_read8(function, PCI_SECONDARY_BUS);

    /* Buses are numbered downwards from the root; a bridge that leads back up was never set up. */
    return behind > function.bus && find_on_bus(behind, class_code, subclass, found);
}

static bool find_on_bus(uint8_t bus, uint8_t class_code, uint8_t subclass, struct pci_function *found) {
    for (unsigned slot = 0; slot < DEVICES_PER_BUS; slot++) {
        struct pci_function function = {.bus = bus, .device = (uint8_t)slot};

        if (pci_read16(function, PCI_VENDOR) == NO_VENDOR)
            continue;
        bool many = pci_read8(function, PCI_HEADER_TYPE) & HEADER_MULTIFUNCTION;

        for (unsigned i = 0; i < (many ? FUNCTIONS_PER_DEVICE : 1); i++) {
            function.function = (uint8_t)i;
            if (pci_read16(function, PCI_VENDOR) != NO_VENDOR &&
                find_in(function, class_code, subclass, found))
                return true;
        }
    }
    return false;
}

bool pci_find_class(uint8_t class_code, uint8_t subclass, struct pci_function *found) {
    return find_on_bus(0, class_code, subclass, found);
}

uint16_t pci_port_base(struct pci_function function, unsigned bar) {
    uint32_t value = pci_read32(function, (uint8_t)(PCI_BAR0 + 4 * bar));

    return value & BAR_IS_PORTS ? value & BAR_PORT_MASK : 0;
}

bool pci_enable_bus_master(struct pci_function function) {
    const uint16_t wanted = PCI_COMMAND_IO | PCI_COMMAND_BUS_MASTER;

    pci_write16(function, PCI_COMMAND, pci_read16(function, PCI_COMMAND) | wanted);
    return (pci_read16(function, PCI_COMMAND) & wanted) == wanted;
}
