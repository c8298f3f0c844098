/* Port input and output: the instructions behind arch/x86/port.h. */
#include "arch/x86/port.h"

uint8_t port_in8(uint16_t port) {
    uint8_t value;
    asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

uint16_t port_in16(uint16_t port) {
    uint16_t value;
    asm volatile("inw %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

uint32_t port_in32(uint16_t port) {
    uint32_t value;
    asm volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

void port_out8(uint16_t port, uint8_t value) {
    asm volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

void port_out16(uint16_t port, uint16_t value) {
    asm volatile("outw %0, %1" : : "a"(value), "Nd"(port));
}

void port_out32(uint16_t port, uint32_t value) {
    asm volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

void port_in_string16(uint16_t port, void *to, size_t count) {
    asm volatile("rep insw" : "+D"(to), "+c"(count) : "d"(port) : "memory");
}

void port_in_string32(uint16_t port, void *to, size_t count) {
    asm volatile("rep insl" : "+D"(to), "+c"(count) : "d"(port) : "memory");
}

void port_out_string16(uint16_t port, const void *from, size_t count) {
    asm volatile("rep outsw" : "+S"(from), "+c"(count) : "d"(port) : "memory");
}

void port_out_string32(uint16_t port, const void *from, size_t count) {
    asm volatile("rep outsl" : "+S"(from), "+c"(count) : "d"(port) : "memory");
}
