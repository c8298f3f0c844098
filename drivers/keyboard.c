/*
 * The PS/2 keyboard behind the 8042 controller, which translates to scan code set 1: one byte a key, bit 7
 * set when it is released; keys that the first PC did not have follow a byte E0.
 *
 * Source: IBM PS/2 "Keyboard and auxiliary device controller" reference; scan code set 1 of the PC/AT.
 */
#include "drivers/keyboard.h"

#include "arch/x86/irq.h"
#include "arch/x86/port.h"
#include "lib/string.h"

enum {
    KEYBOARD_IRQ = 1,
    CONTROLLER_DATA = 0x60,
    CONTROLLER_STATUS = 0x64,
    STATUS_OUTPUT_FULL = 0x01,
    STATUS_FROM_MOUSE = 0x20,
    STALE_BYTES_MAX = 32,

    CODE_RELEASED = 0x80,
    CODE_EXTENDED = 0xE0,
    CODE_PAUSE = 0xE1, /* two more bytes follow, which mean nothing else */
    CODE_CONTROL = 0x1D,
    CODE_LEFT_SHIFT = 0x2A,
    CODE_RIGHT_SHIFT = 0x36,
    CODE_ALT = 0x38,
    CODE_CAPS_LOCK = 0x3A,
    CODE_ENTER = 0x1C,
    CODE_SLASH = 0x35,

    DELETE = 0x7F,
    ESCAPE = 0x1B,
};

/* Characters by scan code, without and with shift; 0: none. */
static const char plain[] = "\0\033"
                            "1234567890-=\177\t"
                            "qwertyuiop[]\r\0"
                            "asdfghjkl;'`\0\\"
                            "zxcvbnm,./\0*\0 "
                            "\0\0\0\0\0\0\0\0\0\0\0\0\0" /* locks and function keys */
                            "789-456+1230.";             /* keypad */
static const char shifted[] = "\0\033"
                              "!@#$%^&*()_+\177\t"
                              "QWERTYUIOP{}\r\0"
                              "ASDFGHJKL:\"~\0|"
                              "ZXCVBNM<>?\0*\0 "
                              "\0\0\0\0\0\0\0\0\0\0\0\0\0"
                              "789-456+1230.";

/* Keys that send a sequence: the extended ones, and the function keys. */
static const struct sequence {
    uint8_t code;
    bool extended;
    const char *bytes;
} sequences[] = {
    {0x48, true, "\033[A"},    {0x50, true, "\033[B"},    {0x4D, true, "\033[C"},
    {0x4B, true, "\033[D"},    {0x47, true, "\033[1~"},   {0x52, true, "\033[2~"},
    {0x53, true, "\033[3~"},   {0x4F, true, "\033[4~"},   {0x49, true, "\033[5~"},
    {0x51, true, "\033[6~"},   {0x3B, false, "\033[[A"},  {0x3C, false, "\033[[B"},
    {0x3D, false, "\033[[C"},  {0x3E, false, "\033[[D"},  {0x3F, false, "\033[[E"},
    {0x40, false, "\033[17~"}, {0x41, false, "\033[18~"}, {0x42, false, "\033[19~"},
    {0x43, false, "\033[20~"}, {0x44, false, "\033[21~"}, {0x57, false, "\033[23~"},
    {0x58, false, "\033[24~"},
};

static struct {
    bool shift, control, alt, caps_lock;
    bool extended;      /* the last byte was E0 */
    unsigned skip;      /* bytes of the pause key still to come */
    uint8_t typed[256]; /* ring, shared with the interrupt handler */
    uint32_t in, out;
} keyboard;

static struct deferred *on_typed;

/* --- in the interrupt --- */

static void type(uint8_t byte) {
    if (keyboard.in - keyboard.out < sizeof(keyboard.typed))
        keyboard.typed[keyboard.in++ % sizeof(keyboard.typed)] = byte;
    deferred_queue(on_typed);
}

static bool type_sequence(uint8_t code, bool extended) {
    for (unsigned i = 0; i < ARRAY_SIZE(sequences); i++) {
        if (sequences[i].code != code || sequences[i].extended != extended)
            continue;
        for (const char *byte = sequences[i].bytes; *byte != '\0'; byte++)
            type((uint8_t)*byte);
        return true;
    }
    return false;
}

static char character_of(uint8_t code) {
    if (code >= sizeof(plain))
        return '\0';
    char character = keyboard.shift ? shifted[code] : plain[code];
    bool letter = (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z');

    return letter && keyboard.caps_lock ? (char)(character ^ 0x20) : character;
}

/* With control: ^@ to ^_, and ^? for the question mark, as on every terminal. */
static uint8_t control_of(char character) {
    if (character == '?')
        return DELETE;
    if (character == ' ')
        return 0;
    return character >= '@' && character <= '~' ? character & 0x1F : (uint8_t)character;
}

static void type_key(uint8_t code, bool extended) {
    if (type_sequence(code, extended) || (extended && code != CODE_ENTER && code != CODE_SLASH))
        return;
    char character = character_of(code);

    if (character == '\0')
        return;
    if (keyboard.alt)
        type(ESCAPE);
    type(keyboard.control ? control_of(character) : (uint8_t)character);
}

/* True when the key is one that changes the meaning of others. */
static bool modifier(uint8_t code, bool extended, bool pressed) {
    switch (code) {
    case CODE_LEFT_SHIFT:
    case CODE_RIGHT_SHIFT:
        if (!extended) /* an extended one is part of the print-screen key */
            keyboard.shift = pressed;
        return true;
    case CODE_CONTROL:
        keyboard.control = pressed;
        return true;
    case CODE_ALT:
        keyboard.alt = pressed;
        return true;
    case CODE_CAPS_LOCK:
        keyboard.caps_lock ^= pressed;
        return true;
    default:
        return false;
    }
}

static void scan_code(uint8_t byte) {
    if (keyboard.skip > 0) {
        keyboard.skip--;
        return;
    }
    if (byte == CODE_PAUSE) {
        keyboard.skip = 2;
        return;
    }
    if (byte == CODE_EXTENDED) {
        keyboard.extended = true;
        return;
    }
    uint8_t code = byte & (uint8_t)~CODE_RELEASED;
    bool pressed = (byte & CODE_RELEASED) == 0;
    bool extended = keyboard.extended;

    keyboard.extended = false;
    if (!modifier(code, extended, pressed) && pressed)
        type_key(code, extended);
}

static void interrupt(void *data UNUSED) {
    uint8_t status = port_in8(CONTROLLER_STATUS);

    if ((status & STATUS_OUTPUT_FULL) == 0)
        return;
    uint8_t byte = port_in8(CONTROLLER_DATA);

    if ((status & STATUS_FROM_MOUSE) == 0)
        scan_code(byte);
}

/* --- any context --- */

size_t keyboard_read(uint8_t *to, size_t size) {
    size_t taken = 0;
    unsigned state = irq_save();

    while (taken < size && keyboard.in != keyboard.out)
        to[taken++] = keyboard.typed[keyboard.out++ % sizeof(keyboard.typed)];
    irq_restore(state);
    return taken;
}

/* The BIOS has set controller and keyboard up; a byte it left behind would keep the interrupt from coming. */
void keyboard_init(struct deferred *typed) {
    on_typed = typed;
    irq_install(KEYBOARD_IRQ, interrupt, NULL);
    for (unsigned i = 0; i < STALE_BYTES_MAX; i++) {
        if ((port_in8(CONTROLLER_STATUS) & STATUS_OUTPUT_FULL) == 0)
            break;
        port_in8(CONTROLLER_DATA);
    }
}
