/* Memory, randomness, the log and panic of fake_mm.h. */
#include "fake_mm.h"

#include "arch/x86/machine.h"
#include "arch/x86/memory.h"
#include "arch/x86/time.h"
#include "lib/print.h"
#include "lib/string.h"
#include "mm/frame.h"
#include "mm/space.h"
#include "mm/vm.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

/* --- memory --- */

static struct memory_range ram;

void fake_ram_create(pfn_t frames) {
    size_t bytes = (size_t)frames * PAGE_SIZE;
    void *there =
        mmap((void *)FAKE_RAM, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

    ASSERT(there == (void *)FAKE_RAM);
    memset(there, 0xA5, bytes); /* memory is not zero when a machine starts */
    ram = (struct memory_range){FAKE_RAM_HOLE * PAGE_SIZE, (paddr_t)bytes};
}

const struct memory_range *machine_memory(unsigned *count) {
    *count = 1;
    return &ram;
}

paddr_t machine_memory_end(void) {
    return ram.end;
}

/* Never freed, like the machine's; the pointers are kept so that no leak is reported. */
void *machine_boot_alloc(size_t bytes) {
    static void *kept[16];
    static unsigned count;

    ASSERT(count < ARRAY_SIZE(kept));
    return kept[count++] = calloc(1, bytes);
}

static uint64_t cycles;

uint64_t time_cycles(void) {
    return cycles += 1000;
}

uint64_t time_counter(void) {
    return time_cycles();
}

bool time_has_counter(void) {
    return true;
}

void time_cycle_rate(uint64_t *first, uint32_t *scale) {
    *first = 0;
    *scale = 0;
}

void page_clear(void *page) {
    ASSERT(((uintptr_t)page & PAGE_MASK) == 0);
    memset(page, 0, PAGE_SIZE);
}

void page_copy(void *to, const void *from) {
    ASSERT((((uintptr_t)to | (uintptr_t)from) & PAGE_MASK) == 0);
    memcpy(to, from, PAGE_SIZE);
}

void fake_boot(pfn_t usable, pfn_t pageable) {
    fake_ram_create(usable + FAKE_RAM_HOLE);
    vm_options.frames = pageable;
    vm_init();
}

struct space *fake_space(int owner_pid, vaddr_t address, unsigned pages) {
    vaddr_t at;
    struct map_request request = {.address = address,
                                  .length = pages * PAGE_SIZE,
                                  .flags = AREA_READ | AREA_WRITE | AREA_MAYWRITE,
                                  .fixed = true};
    struct space *space = space_create();

    ASSERT(space != NULL);
    space->owner_pid = owner_pid;
    ASSERT(space_map(space, &request, &at) == 0);
    return space;
}

void fake_empty_pool(void) {
    struct frame *frame, *taken = NULL; /* a chain by the frames' first words */

    while ((frame = frame_take(USE_PAGEOUT)) != NULL) {
        *(struct frame **)frame_data(frame) = taken;
        taken = frame;
    }
    while ((frame = taken) != NULL) {
        taken = *(struct frame **)frame_data(frame);
        frame_release(frame);
    }
    fake_settle();
}

/* --- chance --- */

static uint32_t seed_given;
static uint64_t chance_state = 1;

void fake_seed(uint32_t seed) {
    seed_given = seed;
    chance_state = seed * 2654435761u + 1u;
}

/* Xorshift (Marsaglia, 2003), its middle bits. */
uint32_t fake_random(void) {
    chance_state ^= chance_state << 13;
    chance_state ^= chance_state >> 7;
    chance_state ^= chance_state << 17;
    return (uint32_t)(chance_state >> 16);
}

uint32_t fake_random_below(uint32_t below) {
    ASSERT(below > 0);
    return seed_given == 0 ? 0 : fake_random() % below;
}

bool fake_chance(unsigned percent) {
    return seed_given != 0 && fake_random() % 100 < percent;
}

/* --- the log and panic --- */

unsigned fake_log_lines;
char fake_log_last[256];
char fake_panic_text[256];
void (*log_screen)(const char *text);

static jmp_buf panic_jump;
static struct thread *panic_expected_by;
static bool panic_expected;

void klog(const char *format, ...) {
    va_list args;

    va_start(args, format);
    print_to_v(fake_log_last, sizeof(fake_log_last), format, args);
    va_end(args);
    fake_log_lines++;
    if (getenv("FAKE_LOG") != NULL)
        fprintf(stderr, "%s\n", fake_log_last);
}

jmp_buf *fake_panic_expect(void) {
    panic_expected = true;
    panic_expected_by = wait_self();
    return &panic_jump;
}

NORETURN void panic(const char *format, ...) {
    va_list args;

    va_start(args, format);
    print_to_v(fake_panic_text, sizeof(fake_panic_text), format, args);
    va_end(args);
    if (panic_expected && panic_expected_by == wait_self()) {
        panic_expected = false;
        longjmp(panic_jump, 1);
    }
    fprintf(stderr, "panic: %s (seed %u)\n", fake_panic_text, (unsigned)seed_given);
    abort();
}

/* --- frames --- */

void *frame_data(const struct frame *frame) {
    return phys_to_pointer(frame_address(frame));
}
