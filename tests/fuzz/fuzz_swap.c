/*
 * mkswap's header, and the use of the area that it describes. Input: the first page, of which what is missing is
 * zero; the magic at its end is put there. Each input in a process of its own, as an area is started once.
 *
 * links: mm/ mm/policy/ arch/x86/pmap.c lib/print.c lib/string.c
 * links: tests/unit/fake/fake_mm_machine.c tests/unit/fake/fake_mm_mmu.c tests/unit/fake/fake_mm_sched.c
 * links: tests/unit/fake/fake_mm_disk.c tests/unit/fake/fake_mm_file.c
 */
#include "fake_mm.h"
#include "lib/string.h"
#include "mm/swap.h"
#include "mm/vm.h"
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FRAMES = 200, DISK_SLOTS = 300, MAGIC_OFFSET = PAGE_SIZE - 10 };

static void use_area(const uint8_t *data, size_t bytes) {
    vm_options.check = 1;
    fake_boot(FRAMES, 0);
    struct fake_disk *disk = fake_disk_create("hda2", DISK_SLOTS * SECTORS_PER_PAGE);
    memset(disk->data, 0, PAGE_SIZE);
    memcpy(disk->data + MAGIC_OFFSET, "SWAPSPACE2", 10);
    memcpy(disk->data, data, MIN(bytes, (size_t)PAGE_SIZE));
    int error = swap_start(&disk->device);
    if (error != 0) {
        MUST(error == -EINVAL && swap_total() == 0 && swap_free_slots() == 0);
        return;
    }
    slot_t bad = DISK_SLOTS - 1 - swap_total();
    MUST(swap_total() < DISK_SLOTS && swap_free_slots() == swap_total() && bad < DISK_SLOTS);
    MUST(swap_slots_used() == 0);
    slot_t usable = 0;
    for (slot_t slot = 1; slot < DISK_SLOTS - bad; slot++)
        usable += !swap_slot_used(slot);
    MUST(usable <= swap_total());
}

const unsigned long fuzz_runs = 80;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    int status, pid = fork();
    if (pid == 0) {
        use_area(data, bytes);
        _exit(0);
    }
    while (pid > 0 && waitpid(pid, &status, 0) < 0)
        MUST(errno == EINTR); /* libFuzzer's clock */
    MUST(pid > 0 && status == 0);
    return 0;
}

size_t fuzz_example(unsigned number, uint8_t *data, size_t room) {
    uint32_t *words = (uint32_t *)(void *)data;
    if (number >= 3 || room < PAGE_SIZE)
        return 0;
    memset(data, 0, PAGE_SIZE);
    memcpy(data + MAGIC_OFFSET, "SWAPSPACE2", 10);
    words[256] = 1;              /* version */
    words[257] = DISK_SLOTS - 1; /* last page */
    words[258] = number * 300;   /* bad pages */
    for (unsigned i = 0; i < 600; i++)
        words[384 + i % 600] = number == 0 ? 0 : i % DISK_SLOTS;
    return number == 0 ? 1600 : PAGE_SIZE;
}
