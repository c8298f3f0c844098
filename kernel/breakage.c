/*
 * Debug builds (make DEBUG=1): things done wrong on purpose, one a boot, chosen by the boot word break=NAME.
 * Each must end in a panic that says what is wrong; tests/hygiene/run looks at them all.
 */
#ifdef FAULTLINE_DEBUG

#include "kernel/debug.h"

#include "arch/x86/irq.h"
#include "arch/x86/memory.h"
#include "arch/x86/paging.h"
#include "kernel/thread.h"
#include "lib/deferred.h"
#include "lib/log.h"
#include "lib/string.h"
#include "lib/wait.h"
#include "mm/anon.h"
#include "mm/frame.h"
#include "mm/heap.h"
#include "mm/policy.h"

static volatile int number; /* 0; volatile, so that no compiler sees what comes */
static volatile bool sleep_in_interrupt, recurse_in_interrupt;

/* --- undefined behaviour --- */

static void break_shift(void) {
    number = 1 << (number + 40);
}

static void break_overflow(void) {
    number = 0x7FFFFFFF;
    number = number + 1; // cppcheck-suppress integerOverflow
}

static void break_bounds(void) {
    static int table[4] = {1};

    number = table[number + 4];
}

static void break_null(void) {
    struct thread *volatile nobody = NULL;

    nobody->id = 1; // cppcheck-suppress nullPointer
}

static void break_divide(void) {
    number = 5 / number;
}

/* --- stacks --- */

static __attribute__((noinline)) void overrun(char *array, unsigned bytes) {
    memset(array, 'x', bytes);
}

static void break_stack(void) {
    char array[16];

    overrun(array, sizeof(array) + 12 + (unsigned)number);
}

/* Until the stack runs into its guard page. */
static __attribute__((noinline)) int recurse(int depth) {
    volatile int here = depth;

    if (number == 0)
        here += recurse(depth + 1);
    return here;
}

static void break_recursion(void) {
    recurse(0);
}

/* The same on the stack of whoever is interrupted, with interrupts disabled. */
static void break_recursion_in_interrupt(void) {
    recurse_in_interrupt = true;
    while (recurse_in_interrupt)
        thread_yield();
}

/* Neither the kernel nor its way to report anything is mapped any more. */
static void break_reset(void) {
    directory_load(pointer_to_phys(kpage_alloc()));
}

/* Waits for what the machine's monitor sends. */
static void break_wait(void) {
    for (klog("break: waits"); number == 0;)
        thread_yield();
}

/* --- the heap and frames --- */

static void break_redzone(void) {
    char *block = kmalloc(20);

    block[20 + number] = 1;
    kfree(block);
}

static void break_freed_block(void) {
    char *other = kmalloc(40),
         *block = kmalloc(40); /* as long as there is another, the frame is the heap's */

    kfree(block);
    block[20] = other[0] + 1;
    for (;;)
        kmalloc(40);
}

static void break_double_free(void) {
    char *block = kmalloc(40), *other = kmalloc(40);

    kfree(block);
    kfree(block);
    kfree(other);
}

static void break_freed_frame(void) {
    char *page = kpage_alloc();

    kpage_free(page);
    page[1000] = 1;
    for (;;)
        kpage_alloc();
}

/* --- sleeping, interrupts, locks --- */

static void break_atomic(void) {
    no_sleep_begin();
    kfree(kmalloc(40));
}

static void sleeps(void) {
    kfree(kmalloc(40));
}

static void break_deferred(void) {
    static struct deferred work = {.function = sleeps};

    deferred_queue(&work);
    deferred_run();
}

static void break_interrupt(void) {
    sleep_in_interrupt = true;
    while (sleep_in_interrupt)
        thread_yield();
}

static void break_irq_state(void) {
    irq_disable();
    deferred_run();
}

static void break_mutex(void) {
    static struct mutex mutex;

    mutex_lock(&mutex);
    thread_exit();
}

/* A page is BUSY, and nobody has asked a disk for it. */
static void break_wake_up(void) {
    struct frame *frame = frame_take(USE_USER);

    anon_create(frame);
    frame_activate(frame, &set_global);
    frame_start_io(frame, false);
    frame_wait(frame);
}

/* --- which --- */

static const struct breakage {
    const char *name;
    void (*run)(void);
} breakages[] = {
    {"shift", break_shift},
    {"overflow", break_overflow},
    {"bounds", break_bounds},
    {"null", break_null},
    {"divide", break_divide},
    {"stack", break_stack},
    {"recursion", break_recursion},
    {"recursion-in-interrupt", break_recursion_in_interrupt},
    {"reset", break_reset},
    {"wait", break_wait},
    {"redzone", break_redzone},
    {"freed-block", break_freed_block},
    {"double-free", break_double_free},
    {"freed-frame", break_freed_frame},
    {"atomic", break_atomic},
    {"deferred", break_deferred},
    {"interrupt", break_interrupt},
    {"irq-state", break_irq_state},
    {"mutex", break_mutex},
    {"wake-up", break_wake_up},
};

static const struct breakage *chosen;

bool breakage_choose(const char *name) {
    for (size_t i = 0; i < ARRAY_SIZE(breakages); i++) {
        if (strcmp(breakages[i].name, name) == 0) {
            chosen = &breakages[i];
            return true;
        }
    }
    return false;
}

void breakage_run(void) {
    if (chosen != NULL)
        chosen->run();
}

void breakage_tick(void) {
    if (sleep_in_interrupt)
        may_sleep();
    if (recurse_in_interrupt)
        recurse(0);
}

#endif
