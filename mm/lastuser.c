/*
 * The last user of a file's pages. What programs have stored through shared mappings is written to the file when no
 * process uses the pages any more, or when somebody asks (msync, fsync, sync), and otherwise only under pressure:
 * as long as one process goes on storing, every write but the last is for nothing.
 *
 * A user is an area, whether it has touched the page or not, and whether or not it may store to it.
 *
 * Source: munmap(2), msync(2); POSIX leaves it to the system when the file is changed.
 */
#include "mm/area.h"

#include "mm/object.h"

/*
 * Pages [*first, *first + result) are the first of [*first, end) that no area shows; 0: there are none. *@used: some
 * area shows some page of the object.
 */
static pgoff_t unused_run(const struct object *object, pgoff_t *first, pgoff_t end, bool *used) {
    pgoff_t stop = end;
    bool moved;

    do {
        moved = false;
        stop = end;
        list_for_each (space, &spaces, struct space, link) {
            list_for_each (area, &space->areas, struct area, link) {
                pgoff_t start = area->object_offset;

                if (area->object != object)
                    continue;
                *used = true;
                if (start <= *first && *first - start < area->pages) {
                    *first = start + area->pages;
                    moved = true;
                } else if (start > *first) {
                    stop = MIN(stop, start);
                }
            }
        }
    } while (moved && *first < end);
    return *first < end ? stop - *first : 0;
}

/*
 * The area, which has left its space, was a user of a file's pages. Modified ones that nobody uses any more are sent
 * to the file; the others when their last user goes, who need not have been able to write to them.
 */
void area_send_unused(const struct area *area) {
    struct object *object = area->object;
    pgoff_t first = area->object_offset, end = first + area->pages, count;
    bool used = false;

    if (object->amap != NULL)
        return;
    if ((area->flags & AREA_SHARED) && (area->flags & AREA_MAYWRITE))
        object->owed = true;
    if (!object->owed)
        return;
    for (; (count = unused_run(object, &first, end, &used)) > 0; first += count)
        object_write_unmapped(object, first, count);
    object->owed = used;
}
