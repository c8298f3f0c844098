/*
 * Scope of replacement.
 *
 * Global (the default): all pages are in one set, and a fault may cost another process its page. Frames go
 * where the faults are, and one process can push all others out.
 *
 * Local: each process has a set of its own with a quota. When a fault finds the set full, its own policy names
 * the victim there and then; it leaves for the pool like any other. What a process suffers depends on its
 * quota alone. How the quotas are found (boot word quota=):
 *
 *     equal          m frames, n processes: m / n each
 *     proportional   by size: s / S * m, with s the pages of the process's areas, S their sum
 *     N              a fixed number of frames for each
 *     pff            by page-fault frequency: between two bounds on the number of faults in a period of its
 *                    own virtual time nothing changes; above, the quota grows while there are frames left to
 *                    share; below, it shrinks
 *
 * m is what is pageable without the pool and an eighth for pages that belong to no process (files that system
 * calls read, and what is left of programs that have ended). These are in the global set.
 *
 * A process may be given a policy of its own (/proc/PID/policy); then it has a set and a quota also while
 * replacement is global, and the others share the rest.
 *
 * The paging daemon works as before. It takes its victims from the set that is furthest above its quota.
 *
 * Sources: Silberschatz, "Operating System Concepts", 10.5 (allocation of frames), 10.6.3; Chu and Opderbeck,
 * "The page fault frequency replacement algorithm" (1972).
 */
#include "mm/scope.h"

#include "lib/errno.h"
#include "lib/log.h"
#include "mm/frame.h"
#include "mm/heap.h"
#include "mm/pageout.h"
#include "mm/policy.h"
#include "mm/space.h"
#include "mm/unit.h"
#include "mm/vm.h"

#define QUOTA_PERIOD   16u /* ticks of virtual time from one look to the next */
#define PFF_HIGH       24u /* faults in that time: more, and the quota grows by an eighth */
#define PFF_LOW        4u  /* fewer, and it shrinks by a sixteenth */
#define SHARED_EIGHTHS 1u  /* of all frames, for pages of no process */

static bool has_own_set(const struct space *space) {
    return space->set != &set_global;
}

/* --- quotas --- */

static pgoff_t space_pages(const struct space *space) {
    pgoff_t pages = 0;

    list_for_each (area, &space->areas, struct area, link)
        pages += area->pages;
    return pages;
}

/* Frames that processes may share among them. */
static pfn_t frames_to_share(void) {
    pfn_t pageable = frames_pageable(), kept = pageout_high_mark() + pageable * SHARED_EIGHTHS / 8;

    return pageable > kept ? pageable - kept : 0;
}

/*
 * After each period of the process's own time: more than PFF_HIGH faults in it, and it gets more frames, as far as
 * @room of those to be shared are left; fewer than PFF_LOW, and it gives some back.
 */
static pfn_t pff_quota(struct space *space, pfn_t room) {
    struct set *set = space->set;
    uint32_t faults = space->faults.major + space->faults.minor, since = faults - set->faults_seen;
    pfn_t quota = set->quota;

    if (set->now - set->looked < QUOTA_PERIOD)
        return quota;
    set->looked = set->now;
    set->faults_seen = faults;
    if (since > PFF_HIGH)
        return quota + MIN(quota / 8 + 1, room);
    return since < PFF_LOW ? quota - quota / 16 : quota;
}

/* The sum of the quotas as they are. */
static pfn_t quotas_given(void) {
    pfn_t given = 0;

    list_for_each (space, &spaces, struct space, link)
        if (has_own_set(space) && !space->load.out)
            given += space->set->quota;
    return given;
}

static pfn_t quota_of(struct space *space, pfn_t frames, unsigned spaces_total, uint64_t pages_total) {
    switch (vm_options.quota) {
    case QUOTA_FIXED:
        return vm_options.quota_fixed;
    case QUOTA_PROPORTIONAL:
        return (pfn_t)((uint64_t)frames * space_pages(space) / MAX(pages_total, 1u));
    case QUOTA_PFF:
        if (space->set->quota != 0)
            return pff_quota(space, frames - MIN(quotas_given(), frames));
        break;
    case QUOTA_EQUAL:
        break;
    }
    return frames / spaces_total;
}

/* A process that is new has its share at once: then all have the less, in proportion. */
static void shrink_to(pfn_t frames, pfn_t given) {
    list_for_each (space, &spaces, struct space, link)
        if (has_own_set(space) && !space->load.out)
            space->set->quota = MAX((pfn_t)((uint64_t)space->set->quota * frames / given), QUOTA_LEAST);
}

/* The global set's quota is what the others leave. Processes that are swapped out need none. */
void scope_divide(void) {
    pfn_t frames = frames_to_share(), given;
    uint64_t pages = 0;
    unsigned total = 0;

    list_for_each (space, &spaces, struct space, link) {
        if (space->load.out)
            continue;
        total++;
        pages += space_pages(space);
    }
    list_for_each (space, &spaces, struct space, link) {
        if (!has_own_set(space) || space->load.out)
            continue;
        pfn_t quota = quota_of(space, frames, total, pages); /* once: it counts faults since the last time */
        space->set->quota = MAX(quota, QUOTA_LEAST);
    }
    given = quotas_given();
    if (vm_options.quota == QUOTA_PFF && given > frames)
        shrink_to(frames, given);
    frames = frames_pageable() - pageout_high_mark();
    set_global.quota = given == 0 ? 0 : frames - MIN(given, frames);
    if (!scope_quotas_met())
        pageout_trim();
}

/* --- sets of their own --- */

/* About the frames that a new process will have. What its policy remembers of pages that are gone is sized by it. */
static pfn_t expected_quota(void) {
    unsigned total = 1;

    if (vm_options.quota == QUOTA_FIXED)
        return MAX(vm_options.quota_fixed, QUOTA_LEAST);
    list_for_each (space, &spaces, struct space, link)
        total++;
    return MAX(frames_to_share() / total, QUOTA_LEAST);
}

static int give_own_set(struct space *space, const struct policy *policy) {
    struct set *set = kmalloc_try(sizeof(*set));

    if (set == NULL)
        return -ENOMEM;
    if (set_start(set, policy, expected_quota()) != 0) {
        kfree(set);
        return -ENOMEM;
    }
    list_add_tail(&sets, &set->link);
    space->set = set;
    return 0;
}

void scope_enter(struct space *space) {
    space->set = &set_global;
    if (vm_options.scope == SCOPE_LOCAL && give_own_set(space, set_global.policy) != 0)
        klog("scope: no memory for a set of its own: a process replaces globally");
    scope_divide();
}

void scope_leave(struct space *space) {
    struct set *set = space->set;

    if (!has_own_set(space))
        return;
    space->set = &set_global;
    space->own_policy = NULL;
    frames_change_set(set, &set_global);
    list_remove(&set->link);
    set_stop(set);
    kfree(set);
}

/* The space's pages that only it has mapped move to its own set. */
static void move_pages(struct space *space) {
    for (pfn_t n = 0; n < frame_total; n++) {
        struct frame *frame = &frame_table[n];

        if ((frame->state == FRAME_ACTIVE || frame->state == FRAME_PINNED) && frame->set == &set_global &&
            frame->map.space == space && frame->map.next == NULL)
            frame_change_set(frame, space->set);
    }
}

int scope_set_policy(struct space *space, const struct policy *policy) {
    bool had_set = has_own_set(space);
    int error = had_set ? set_change_policy(space->set, policy) : give_own_set(space, policy);

    if (error != 0)
        return error;
    space->own_policy = policy;
    if (!had_set) {
        move_pages(space);
        scope_divide();
    }
    return 0;
}

void scope_inherit(struct space *space, const struct space *from) {
    if (from->own_policy != NULL && scope_set_policy(space, from->own_policy) != 0)
        klog("scope: no memory for a set of its own: a process replaces as the others");
}

int scope_set_policy_of_all(const struct policy *policy) {
    int result = 0;

    list_for_each (space, &spaces, struct space, link)
        space->own_policy = NULL;
    list_for_each (set, &sets, struct set, link) {
        int error = set->traced ? 0 : set_change_policy(set, policy);

        result = error != 0 ? error : result;
    }
    return result;
}

/* --- changes while programs run --- */

int scope_change(enum scope scope) {
    int result = 0;

    vm_options.scope = scope;
    list_for_each (space, &spaces, struct space, link) {
        int error = 0;

        if (scope == SCOPE_GLOBAL)
            scope_leave(space);
        else if (!has_own_set(space) && (error = give_own_set(space, set_global.policy)) == 0)
            move_pages(space);
        result = error != 0 ? error : result;
    }
    scope_divide();
    return result;
}

/* --- victims --- */

void scope_make_room(struct space *space) {
    struct set *set = space->set;

    if (!has_own_set(space) || set->quota == 0)
        return;
    pfn_t unit = vm_options.unit > 1 ? unit_pages(set) : 1;

    /* Above the quota by much (it has just shrunk): a few at a time, the rest is the daemon's. */
    for (unsigned i = 0; i < 4 && set_frames(set) + unit > set->quota; i++)
        if (!pageout_evict_from(set))
            return;
}

pfn_t scope_room(const struct space *space) {
    const struct set *set = space->set;

    if (!has_own_set(space) || set->quota == 0)
        return frames_pageable();
    return set->quota - MIN(set_frames(set), set->quota);
}

/* The set has more frames than its quota, and a limit of its own. */
static bool is_above(const struct set *set) {
    return set != &set_global && !set->traced && set->quota != 0 && set_frames(set) > set->quota;
}

bool scope_quotas_met(void) {
    list_for_each (set, &sets, struct set, link)
        if (is_above(set))
            return false;
    return true;
}

bool scope_trim(void) {
    list_for_each (set, &sets, struct set, link)
        while (is_above(set))
            if (!pageout_evict_from(set))
                return false;
    return true;
}

/* Frames above the quota, negative below; a set without one takes what it can get. */
static int32_t excess(const struct set *set) {
    return (int32_t)(set_frames(set) - set->quota);
}

struct set *scope_victim_set(void) {
    struct set *worst = &set_global;

    list_for_each (set, &sets, struct set, link)
        if (!set->traced && set->count > 0 && (worst->count == 0 || excess(set) > excess(worst)))
            worst = set;
    return worst;
}

/* --- time --- */

static struct space *space_of(int pid) {
    list_for_each (space, &spaces, struct space, link)
        if (space->owner_pid == pid)
            return space;
    return NULL;
}

void scope_tick(int pid) {
    static unsigned ticks;
    struct space *space = space_of(pid);

    set_tick(space == NULL ? &set_global : space->set);
    if (++ticks % QUOTA_PERIOD == 0)
        scope_divide();
}
