/* Port input and output; only drivers call these. */
#ifndef ARCH_X86_PORT_H
#define ARCH_X86_PORT_H

#include "lib/types.h"

uint8_t port_in8(uint16_t port);
uint16_t port_in16(uint16_t port);
uint32_t port_in32(uint16_t port);
void port_out8(uint16_t port, uint8_t value);
void port_out16(uint16_t port, uint16_t value);
void port_out32(uint16_t port, uint32_t value);
/* @count units from or to one port, as the string instructions do. */
void port_in_string16(uint16_t port, void *to, size_t count);
void port_in_string32(uint16_t port, void *to, size_t count);
void port_out_string16(uint16_t port, const void *from, size_t count);
void port_out_string32(uint16_t port, const void *from, size_t count);

#endif
