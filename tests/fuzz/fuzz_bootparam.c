/*
 * The kernel's command line. Input: its characters.
 *
 * links: kernel/bootparam.c lib/print.c lib/string.c
 */
#include "kernel/bootparam.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/policy.h"
#include "mm/vm.h"
#include "tests/fuzz/fuzz.h"

struct vm_options vm_options;

const struct policy policy_clock = {.name = "clock"};

const struct policy *policy_find(const char *name) {
    return strcmp(name, "clock") == 0 ? &policy_clock : NULL;
}

static unsigned complaints;

static void complain(const char *text) {
    MUST(strlen(text) > 0);
    complaints++;
}

const unsigned long fuzz_runs = 20000;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    char *line = calloc(1, bytes + 1);
    memcpy(line, data, bytes);
    boot_options = (struct boot_options){.init = "/sbin/init", .ata = "dma"};
    vm_options = (struct vm_options){.policy = "clock", .cluster = 16};
    complaints = 0;
    int result = bootparam_parse(line, complain);
    MUST(result == (complaints > 0 ? -EINVAL : 0));
    MUST(boot_options.argument_count >= 0 && boot_options.argument_count <= INIT_ARGUMENTS_MAX);
    size_t sum = strlen(boot_options.init) + strlen(boot_options.ata); /* all of them end */
    for (int i = 0; i < boot_options.argument_count; i++)
        sum += strlen(boot_options.arguments[i]);
    MUST(sum < 70000 + bytes);
    MUST(vm_options.cluster >= 1 && vm_options.cluster <= 32 && vm_options.readahead <= 32);
    MUST(vm_options.prepage <= 1024 && vm_options.pool_low <= vm_options.pool_high);
    free(line);
    return 0;
}

size_t fuzz_example(unsigned number, uint8_t *data, size_t room) {
    static const char *const lines[] = {
        "frames=500 policy=clock pool=10,20 cluster=8 readahead=0 check=25 -- sh -c %41%20b",
        "faultline.elf scope=local quota=pff swap=static load=file,swap ata=pio root=hda1 init=/bin/sh",
        "quota=12 prepage=1024 commit=strict trace=fault,disk,5000 \"a b\"=c\\ d -- a \"b c\" %ZZ %",
    };
    if (number >= sizeof(lines) / sizeof(lines[0]) || room < 200)
        return 0;
    memcpy(data, lines[number], strlen(lines[number]));
    return strlen(lines[number]);
}
