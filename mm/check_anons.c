/*
 * vm_check(): anonymous pages. Every reference to an anon, an amap or a slot is counted again from the areas
 * and objects down, and must come to what the books say; so must the promises of memory (mm/commit.c).
 *
 * Source: Cranor and Parulkar, "The UVM Virtual Memory System" (USENIX 1999), for anons and amaps and who
 * counts whom; the recount is as in mm/check.c.
 */
#include "lib/log.h"
#include "mm/amap.h"
#include "mm/anon.h"
#include "mm/area.h"
#include "mm/check.h"
#include "mm/commit.h"
#include "mm/frame.h"
#include "mm/object.h"
#include "mm/space.h"
#include "mm/swap.h"
#include "mm/vm.h"

static void for_each_amap(void (*visit)(struct amap *amap, void *data), void *data) {
    list_for_each (space, &spaces, struct space, link) {
        list_for_each (area, &space->areas, struct area, link) {
            if (area->amap != NULL)
                visit(area->amap, data);
        }
    }
    list_for_each (object, &objects, struct object, link) {
        if (object->amap != NULL)
            visit(object->amap, data);
    }
}

static void for_each_anon(struct amap *amap, void (*visit)(struct anon *anon, void *data), void *data) {
    for (pgoff_t i = amap_next(amap, 0, amap->pages); i < amap->pages;
         i = amap_next(amap, i + 1, amap->pages))
        visit(amap_get(amap, i), data);
}

static void zero_anon(struct anon *anon, void *data) {
    (void)data;
    anon->recount = 0;
}

static void zero_amap(struct amap *amap, void *data) {
    amap->recount = 0;
    for_each_anon(amap, zero_anon, data);
}

struct anon_sums {
    uint32_t anons, slots, entries;
    pgoff_t promised;
    struct amap_sum each; /* of the amaps with AMAP_PROMISED_EACH */
};

/* A slot, and a place in a run, belong to one anon only. */
static void check_slots(const struct anon *anon) {
    if (anon->slot != 0)
        CHECK(swap_recount(anon->slot), "slot %u is named by anon %p and by another", (unsigned)anon->slot,
              (const void *)anon);
    if (anon->home != 0 && anon->home != anon->slot)
        CHECK(swap_recount(anon->home), "the place %u of anon %p is another's too", (unsigned)anon->home,
              (const void *)anon);
}

/* A live anon has a frame or a slot, and its slot is marked used. */
static void count_anon(struct anon *anon, void *data) {
    struct anon_sums *sums = data;

    sums->entries++;
    if (anon->recount++ > 0)
        return;
    sums->anons++;
    CHECK(anon->frame != NULL || anon->slot != 0 || anon->lazily_free, "anon %p has neither frame nor slot",
          (void *)anon);
    if (anon->slot != 0) {
        sums->slots += anon->slot != anon->home; /* a home is counted with its run */
        CHECK(swap_slot_used(anon->slot), "slot %u of anon %p is marked free", (unsigned)anon->slot,
              (void *)anon);
    }
    check_slots(anon);
    CHECK(!anon->lazily_free || anon->slot == 0, "anon %p may be forgotten and has slot %u", (void *)anon,
          (unsigned)anon->slot);
    if (anon->frame != NULL)
        CHECK(anon->frame->anon == anon && anon->frame->owner == OWNER_ANON,
              "anon %p: its frame is not its own", (void *)anon);
}

static void count_amap(struct amap *amap, void *data) {
    uint32_t before = ((struct anon_sums *)data)->entries;

    if (amap->recount++ > 0)
        return;
    if (amap->promised == AMAP_PROMISED_EACH) {
        ((struct anon_sums *)data)->each.used += amap->used;
        ((struct anon_sums *)data)->each.bytes += amap->bytes;
    }
    ((struct anon_sums *)data)->promised +=
        amap->promised == AMAP_PROMISED_EACH ? amap->used : amap->promised;
    for_each_anon(amap, count_anon, data);
    for (pgoff_t chunk = 0; vm_options.swap_static && chunk < amap->pages / AMAP_CHUNK; chunk++)
        ((struct anon_sums *)data)->slots += amap_home_run(amap, chunk) != 0 ? AMAP_CHUNK : 0;
    CHECK(((struct anon_sums *)data)->entries - before == amap->used, "amap %p counts %u entries",
          (void *)amap, (unsigned)amap->used);
}

static void compare_anon(struct anon *anon, void *data) {
    (void)data;
    CHECK(anon->recount == anon->refs, "anon %p has %u references and counts %u", (void *)anon, anon->recount,
          (unsigned)anon->refs);
}

static void compare_amap(struct amap *amap, void *data) {
    CHECK(amap->recount == amap->refs, "amap %p has %u references and counts %u", (void *)amap,
          (unsigned)amap->recount, amap->refs);
    for_each_anon(amap, compare_anon, data);
}

static void count_orphans(enum frame_state state, struct anon_sums *sums) {
    list_for_each (frame, frame_list(state), struct frame, link) {
        if (frame->owner == OWNER_ANON && frame->anon->refs == 0) {
            sums->anons++;
            sums->slots += frame->anon->slot != 0 && frame->anon->slot != frame->anon->home;
            check_slots(frame->anon);
        }
    }
}

static pgoff_t promised_to_areas(void) {
    pgoff_t pages = 0;

    list_for_each (space, &spaces, struct space, link) {
        list_for_each (area, &space->areas, struct area, link) {
            pages += area->flags & AREA_PROMISED ? area->pages : 0;
        }
    }
    return pages;
}

/* Recounted references agree; each used slot is named by exactly one anon or lies in a reserved run. */
void check_anons(void) {
    struct anon_sums sums = {.promised = promised_to_areas()};

    swap_recount_begin();
    for_each_amap(zero_amap, NULL);
    for_each_amap(count_amap, &sums);
    for_each_amap(compare_amap, NULL);
    /* Anons that everybody has dropped live until their transfer ends. */
    count_orphans(FRAME_BUSY, &sums);
    count_orphans(FRAME_PINNED, &sums);
    CHECK(sums.anons == anon_count, "%u anons are named, %u exist", (unsigned)sums.anons,
          (unsigned)anon_count);
    sums.slots -= swap_kept(); /* in a run, and an anon's own or bad */
    CHECK(sums.promised == commit_promised(), "%u pages are promised, %u counted", (unsigned)sums.promised,
          (unsigned)commit_promised());
    CHECK(sums.each.used == amaps_promised_each.used && sums.each.bytes == amaps_promised_each.bytes,
          "%u pages with %u bytes of heap are promised each, %u with %u counted", (unsigned)sums.each.used,
          (unsigned)sums.each.bytes, (unsigned)amaps_promised_each.used, (unsigned)amaps_promised_each.bytes);
    CHECK(sums.slots == swap_slots_used(), "%u slots are named, %u are in use", (unsigned)sums.slots,
          (unsigned)swap_slots_used());
}
