/* mm as a whole: the options and the order of its start. */
#include "mm/vm.h"

#include "lib/deferred.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mm/frame.h"
#include "mm/heap.h"
#include "mm/loadcontrol.h"
#include "mm/pageout.h"
#include "mm/policy.h"
#include "mm/readahead.h"
#include "mm/scope.h"
#include "mm/trace.h"

struct vm_options vm_options = {
    .policy = POLICY_DEFAULT,
    .cluster = 32,
    .unit = 1,
    .around = 16,
    .readahead = READAHEAD_MAX,
    .check = 0,
    .early_clean = true,
};

void vm_init(void) {
    const struct policy *policy = policy_find(vm_options.policy);

    if (policy == NULL || policy->needs_future) {
        klog("mm: no policy is called '%s' (there are: %s); using %s", vm_options.policy, POLICY_NAMES,
             POLICY_DEFAULT);
        policy = policy_find(POLICY_DEFAULT);
    }
    heap_init();
    trace_init(vm_options.trace, vm_options.trace_events);
    frame_init(vm_options.frames);
    trace_tell_frames(); /* before the first is taken, for the policy's memory */
    if (set_start(&set_global, policy, 0) != 0)
        panic("no memory for the policy %s", policy->name);
    list_add_tail(&sets, &set_global.link);
}

void vm_start(void) {
    if (vm_options.unit > 1) {
        vm_options.cluster = MAX(vm_options.cluster, vm_options.unit);
        vm_options.early_clean = false; /* it would tear units apart */
    }
    pageout_start();
    if (loadcontrol_set(vm_options.loadcontrol) != 0)
        klog("mm: no memory for load control");
}

/* --- every tick --- */

/*
 * A unit of virtual time, which passes only while a program runs. Policies look at page tables, so this is
 * not done in the interrupt.
 */
static int ticked_pid; /* whose program ran at the last tick */

static void tick_sets(void) {
    scope_tick(ticked_pid);
}

static struct deferred tick_work = {.function = tick_sets};
static struct deferred check_work = {.function = vm_check};
static unsigned ticks_to_check;

void vm_tick(void) {
    trace_tick = time_cycles();
    ticked_pid = vm_current_pid();
    loadcontrol_tick(vm_current_space());
    if (ticked_pid != 0)
        deferred_queue(&tick_work);
    if (vm_options.check <= 1 || ++ticks_to_check < vm_options.check)
        return;
    ticks_to_check = 0;
    deferred_queue(&check_work);
}
