/*
 * vm_check(): recounts the world of mm from scratch and panics, naming the invariant, where the books
 * disagree.
 *
 * Each function below is one or two invariants of the design, written as the code that recounts it. It runs
 * at safe points only (no thread is in the middle of mm, except asleep), so every invariant holds whole.
 * Anonymous pages are in mm/check_anons.c, what is under way and who waits for it in mm/check_io.c, what pages
 * contain in mm/check_contents.c.
 *
 * Source of the idea: Plan 9's checkpagerefs; 4.4BSD's INVARIANTS.
 */
#include "mm/check.h"

#include "arch/x86/pmap.h"
#include "arch/x86/time.h"
#include "lib/log.h"
#include "mm/amap.h"
#include "mm/anon.h"
#include "mm/areatree.h"
#include "mm/counters.h"
#include "mm/frame.h"
#include "mm/object.h"
#include "mm/pageout.h"
#include "mm/policy.h"
#include "mm/space.h"
#include "mm/swap.h"
#include "mm/vm.h"

/* --- frames: states and lists --- */

static void check_list(struct list *head, enum frame_state state, pfn_t *found) {
    list_for_each (frame, head, struct frame, link) {
        CHECK(frame->state == state, "frame %u is in state %u on the list of state %u", check_number(frame),
              frame->state, state);
        CHECK(frame->link.next->prev == &frame->link, "list of state %u is torn at frame %u", state,
              check_number(frame));
        ++*found;
        CHECK(*found <= frame_total, "the list of state %u has no end", state);
    }
}

/*
 * A policy's lists hold the ACTIVE frames of its set, and as many as it counts; its hand is on one of them. What it
 * keeps beside that it counts again itself.
 */
static void check_sets(pfn_t *listed) {
    list_for_each (set, &sets, struct set, link) {
        pfn_t before = *listed, hot = 0;
        const char *wrong;

        check_list(&set->frames, FRAME_ACTIVE, listed);
        check_list(&set->hot, FRAME_ACTIVE, &hot);
        *listed += hot;
        CHECK(*listed - before == set->count && hot == set->hot_count,
              "a set of policy %s counts %u frames (%u hot) and lists %u (%u)", set->policy->name,
              (unsigned)set->count, (unsigned)set->hot_count, (unsigned)(*listed - before), (unsigned)hot);
        if (set->hand != NULL)
            CHECK(set->hand->state == FRAME_ACTIVE && set->hand->set == set,
                  "the hand is on frame %u, which is not ACTIVE in its set", check_number(set->hand));
        wrong = set->policy->check == NULL ? NULL : set->policy->check(set);
        CHECK(wrong == NULL, "the books of policy %s: %s", set->policy->name, wrong);
    }
}

/* Quotas are met when the machine has been idle for a while. */
static void check_quotas(void) {
    list_for_each (set, &sets, struct set, link)
        CHECK(set == &set_global || set->traced || set->quota == 0 || set_frames(set) <= set->quota,
              "a set of policy %s has %u frames, its quota is %u", set->policy->name,
              (unsigned)set_frames(set), (unsigned)set->quota);
}

/* Every frame is in exactly one state, on exactly that state's list, the counts summing to the total. */
static void check_states(void) {
    pfn_t by_state[FRAME_STATES] = {0}, sum = 0, available = 0;

    for (pfn_t n = 0; n < frame_total; n++) {
        CHECK(frame_table[n].state < FRAME_STATES, "frame %u is in no state", (unsigned)n);
        by_state[frame_table[n].state]++;
        available += frame_table[n].pageable &&
                     (frame_table[n].state == FRAME_FREE || frame_table[n].state == FRAME_CLEAN);
    }
    for (unsigned s = 0; s < FRAME_STATES; s++) {
        pfn_t listed = 0;

        if (s == FRAME_ACTIVE) {
            check_sets(&listed);
        } else {
            check_list(frame_list(s), s, &listed);
            if (s == FRAME_FREE)
                check_list(frame_list_kernel_share(), s, &listed);
        }
        CHECK(listed == by_state[s] && listed == frame_count(s), "state %u: %u frames, %u listed, %u counted",
              s, (unsigned)by_state[s], (unsigned)listed, (unsigned)frame_count(s));
        sum += listed;
    }
    CHECK(sum == frame_total, "%u frames of %u have a state", (unsigned)sum, (unsigned)frame_total);
    CHECK(available == frames_available(), "%u frames are available, %u counted", (unsigned)available,
          (unsigned)frames_available());
}

/* The owner points back. */
static void check_owner(struct frame *frame) {
    if (frame->owner == OWNER_ANON)
        CHECK(frame->anon->frame == frame, "frame %u: its anon has another frame", check_number(frame));
    else if (frame->owner == OWNER_OBJECT)
        CHECK(object_lookup(frame->object, frame->index) == frame,
              "frame %u: its object has another page %u there", check_number(frame), (unsigned)frame->index);
}

static void check_pool(const struct frame *frame, bool mapped) {
    CHECK(frame->owner != OWNER_NONE && !mapped, "pool frame %u is mapped or nobody's", check_number(frame));
}

/* Frames that are said to be all zeros are; every 32nd is read, another at each check. */
static void check_zeroed(const struct frame *frame) {
    const uint32_t *words = frame_data(frame);

    if (!frame->zeroed || (frame_number(frame) + counters[COUNT_VM_CHECKS]) % 32 != 0)
        return;
    for (unsigned i = 0; i < PAGE_SIZE / sizeof(*words); i++)
        CHECK(words[i] == 0, "zeroed frame %u is not", check_number(frame));
}

/*
 * FREE: nobody's. Pool: owned, unmapped; CLEAN: unmodified and, if an anon's, with a slot; DIRTY: modified.
 * Pins and transfers are where the state says so and nowhere else.
 */
static void check_one_state(struct frame *frame) {
    bool mapped = frame_mapped(frame);

    CHECK(!frame->zeroed || frame->state == FRAME_FREE, "frame %u is in use and marked as zeroed",
          check_number(frame));
    switch (frame->state) {
    case FRAME_FREE:
        CHECK(frame->owner == OWNER_NONE && !mapped && frame->pins == 0, "FREE frame %u is in use",
              check_number(frame));
        check_zeroed(frame);
        CHECK(!frame->modified && !frame->prefetched && frame->sectors == 0,
              "FREE frame %u keeps its last owner's bits", check_number(frame));
        break;
    case FRAME_CLEAN:
        CHECK(!frame->modified, "CLEAN frame %u is modified", check_number(frame));
        if (frame->owner == OWNER_ANON) {
            CHECK(frame->anon->slot != 0 || frame->anon->lazily_free, "CLEAN frame %u: its anon has no slot",
                  check_number(frame));
        }
        check_pool(frame, mapped);
        break;
    case FRAME_DIRTY:
        CHECK(frame->modified, "DIRTY frame %u is not modified", check_number(frame));
        check_pool(frame, mapped);
        break;
    case FRAME_BUSY:
        CHECK(!mapped, "BUSY frame %u is mapped", check_number(frame));
        break;
    case FRAME_ACTIVE:
        CHECK(frame->owner != OWNER_NONE && frame->set != NULL, "ACTIVE frame %u is nobody's",
              check_number(frame));
        break;
    case FRAME_PINNED:
        CHECK(frame->pins > 0 || frame->locks > 0, "PINNED frame %u has no pins", check_number(frame));
        break;
    default:
        break;
    }
    if (frame->state != FRAME_PINNED && frame->state != FRAME_KERNEL)
        CHECK(frame->pins == 0 && frame->locks == 0, "frame %u in state %u has %u pins", check_number(frame),
              frame->state, frame->pins);
    if (frame->state != FRAME_BUSY)
        CHECK(frame->io_parts == 0 && !frame->io_write, "frame %u in state %u has a transfer",
              check_number(frame), frame->state);
}

/* --- the reverse map --- */

struct walk {
    struct space *space;
    uint32_t entries;
};

static bool has_mapping(const struct frame *frame, const struct space *space, vaddr_t address) {
    for (const struct mapping *m = &frame->map; m != NULL; m = m->next)
        if (m->space == space && m->address == address)
            return true;
    return false;
}

/* The page the area says is there: its frame, and whether it may be written to through this area. */
static struct frame *expected_frame(struct area *area, vaddr_t address, bool *writable) {
    pgoff_t page = area_page(area, address);
    struct anon *anon = area->amap == NULL ? NULL : amap_get(area->amap, area->amap_offset + page);
    bool shared = area->flags & AREA_SHARED;

    *writable = (area->flags & AREA_WRITE) && (shared || (anon != NULL && anon->refs == 1));
    if (anon == NULL && area->object != NULL && area->object->amap != NULL)
        anon = amap_get(area->object->amap, area->object_offset + page); /* a private map's, read only */
    if (anon != NULL)
        return anon->frame;
    return area->object == NULL ? NULL : object_lookup(area->object, area->object_offset + page);
}

/*
 * A present entry has its mapping, shows the page the area has there, and is writable only where it may be.
 */
static void check_entry(vaddr_t address, pfn_t pfn, unsigned bits, void *data) {
    struct walk *walk = data;
    struct area *area = space_find(walk->space, address);
    bool writable;

    walk->entries++;
    CHECK(pfn < frame_total, "pid %d: entry at %p shows no frame", walk->space->owner_pid, (void *)address);
    CHECK(has_mapping(&frame_table[pfn], walk->space, address), "pid %d: frame %u lacks the mapping at %p",
          walk->space->owner_pid, (unsigned)pfn, (void *)address);
    CHECK(area != NULL && (area->flags & AREA_PROTECTION),
          "pid %d: entry at %p is in no area that may be used", walk->space->owner_pid, (void *)address);
    CHECK(expected_frame(area, address, &writable) == &frame_table[pfn], "pid %d: entry at %p shows frame %u",
          walk->space->owner_pid, (void *)address, (unsigned)pfn);
    CHECK(writable || !(bits & PMAP_WRITABLE), "pid %d: entry at %p must not be writable",
          walk->space->owner_pid, (void *)address);
}

/* Present entries and mappings are a bijection. */
static void check_mappings(void) {
    uint32_t entries = 0, mappings = 0;

    list_for_each (space, &spaces, struct space, link) {
        struct walk walk = {space, 0};

        pmap_walk(&space->pmap, check_entry, &walk);
        CHECK(walk.entries == space->pmap.resident, "pid %d: %u entries, %u counted", space->owner_pid,
              (unsigned)walk.entries, (unsigned)space->pmap.resident);
        entries += walk.entries;
    }
    for (pfn_t n = 0; n < frame_total; n++)
        if (frame_table[n].state != FRAME_KERNEL && frame_mapped(&frame_table[n]))
            for (struct mapping *m = &frame_table[n].map; m != NULL; m = m->next)
                mappings++;
    CHECK(entries == mappings, "%u entries, %u mappings", (unsigned)entries, (unsigned)mappings);
}

/* --- objects and areas --- */

static uint32_t check_object_pages(struct object *object) {
    uint32_t listed = 0;

    list_for_each (frame, &object->pages, struct frame, siblings) {
        CHECK(frame->owner == OWNER_OBJECT && frame->object == object, "frame %u is on another object's list",
              check_number(frame));
        listed++;
        CHECK(listed <= object->resident, "an object of pager %s lists more than the %u pages it counts",
              object->pager->name, object->resident);
    }
    CHECK(listed == object->resident, "an object of pager %s lists %u pages and counts %u",
          object->pager->name, (unsigned)listed, object->resident);
    return listed;
}

static void count_reference(struct object *object) {
    object->recount++;
}

/*
 * References: of areas, of files, names and the like, and of threads in the middle of something. Where there are none
 * of the last, the others are all.
 */
static void check_object_refs(void) {
    bool all;

    list_for_each (object, &objects, struct object, link)
        object->recount = 0;
    list_for_each (space, &spaces, struct space, link) {
        list_for_each (area, &space->areas, struct area, link) {
            if (area->object != NULL)
                count_reference(area->object);
        }
    }
    all = vm_count_references(count_reference) && pageout_at_rest();
    count_add(COUNT_VM_CHECKS_AT_REST, all);
    list_for_each (object, &objects, struct object, link) {
        CHECK(object->recount <= object->refs, "an object of pager %s has %u references, and %u are held",
              object->pager->name, object->refs, object->recount);
        CHECK(!all || !object->pager->recounted || object->recount == object->refs,
              "an object of pager %s has %u references, and only %u are held", object->pager->name,
              object->refs, object->recount);
    }
}

static void check_objects(void) {
    uint32_t resident = 0;

    list_for_each (object, &objects, struct object, link)
        resident += check_object_pages(object);
    CHECK(resident == object_pages_resident, "%u object pages are listed, %u counted", (unsigned)resident,
          (unsigned)object_pages_resident);
    check_object_refs();
}

/* A page that has come with its unit is used, has left unused, or is here and waits for either. */
static void check_units(void) {
    uint32_t waiting = 0;

    for (pfn_t n = 0; n < frame_total; n++)
        waiting += frame_table[n].with_unit;
    CHECK(counters[COUNT_UNIT_PAGES] == counters[COUNT_UNIT_USED] + counters[COUNT_UNIT_UNUSED] + waiting,
          "%u pages came with their units, %u are here", (unsigned)counters[COUNT_UNIT_PAGES],
          (unsigned)waiting);
}

/* Who is swapped out is suspended, and one of its threads waits to bring it back. */
static void check_load(void) {
    list_for_each (space, &spaces, struct space, link) {
        const struct load *load = &space->load;

        CHECK(!load->out || (load->suspended && load->swapping), "pid %d is swapped out and not suspended",
              space->owner_pid);
    }
}

/* Areas are sorted, disjoint, aligned and found in the tree, and what they refer to has references. */
static void check_areas(void) {
    list_for_each (space, &spaces, struct space, link) {
        vaddr_t end = 0;

        list_for_each (area, &space->areas, struct area, link) {
            CHECK(area->start >= end && (area->start & PAGE_MASK) == 0 && area->pages > 0,
                  "pid %d: area at %p overlaps or is not aligned", space->owner_pid, (void *)area->start);
            end = area_end(area);
            CHECK(areatree_at_or_below(space->tree, end - 1) == area, "pid %d: area at %p is not in the tree",
                  space->owner_pid, (void *)area->start);
            if (area->amap != NULL)
                CHECK(area->amap_offset + area->pages <= area->amap->pages,
                      "pid %d: area at %p exceeds its amap", space->owner_pid, (void *)area->start);
        }
    }
}

void vm_check_books(void) {
    check_states();
    for (pfn_t n = 0; n < frame_total; n++) {
        check_owner(&frame_table[n]);
        check_one_state(&frame_table[n]);
    }
    check_contents();
    check_areas();
    check_load();
    if (pageout_settled())
        check_quotas();
    check_mappings();
    check_anons();
    check_objects();
    check_units();
}

void vm_check(void) {
    uint64_t start = time_nanoseconds();

    count(COUNT_VM_CHECKS);
    check_io();
    vm_check_books();
    count_add(COUNT_VM_CHECK_US, (uint32_t)((time_nanoseconds() - start) / 1000));
}

void vm_check_end(void) {
    if (!list_empty(&spaces))
        return; /* a process that hangs in a driver has been left behind */
    list_for_each (object, &objects, struct object, link)
        CHECK(!object->pager->of_files || object->amap != NULL || object->refs == 0,
              "%u references to a file of pager %s are left, of %u bytes", object->refs, object->pager->name,
              (unsigned)object->size);
}
