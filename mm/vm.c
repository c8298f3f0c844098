/* mm as a whole: the options and the order of its start. */
#include "mm/vm.h"

#include "lib/deferred.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mm/frame.h"
#include "mm/heap.h"
#include "mm/pageout.h"
#include "mm/policy.h"

struct vm_options vm_options = {
    .policy = "clock",
    .cluster = 32,
    .readahead = 15,
    .check = 0,
    .early_clean = true,
};

void vm_init(void) {
    const struct policy *policy = policy_find(vm_options.policy);

    if (policy == NULL) {
        klog("mm: no policy is called '%s' (there are: %s); using clock", vm_options.policy, policy_names());
        policy = &policy_clock;
    }
    set_init(&set_global, policy);
    heap_init();
    frame_init(vm_options.frames);
}

void vm_start(void) {
    pageout_start();
}

static struct deferred check_work = {.function = vm_check};
static unsigned ticks_to_check;

void vm_tick(void) {
    if (vm_options.check <= 1 || ++ticks_to_check < vm_options.check)
        return;
    ticks_to_check = 0;
    deferred_queue(&check_work);
}
