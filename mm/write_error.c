/*
 * Failed writes of an object's pages, and who has been told of them.
 *
 * A write often fails when nobody is there to hear it: the paging daemon started it, long after the program's
 * write() returned. So the object counts its failures, and each open file description has a cursor that says
 * how many it has been told of. fsync and msync tell what is new to their cursor, once: two programs that
 * have the file open both hear of the same failure, and neither hears of it twice.
 *
 *     failures of the object      1       2       3
 *     cursor A, opened early   ^--------------------- told of 3 at its next fsync, then of nothing
 *     cursor B, has just asked                    ^
 *
 * A failure that nobody has been told of yet is told to whoever opens the file next: that may be the program
 * that looks after the crash of the one that wrote.
 *
 * The page itself stays in memory, modified, and is written again at the next chance; so a fsync that returns
 * 0 after one that failed means that the data are on the disk.
 *
 * Source: Linux's errseq_t (Documentation/core-api/errseq.rst) and what fsync(2) says of EIO.
 */
#include "mm/object.h"

#include "lib/log.h"
#include "mm/heap.h"

void object_write_failed(struct object *object, int error) {
    object->write_error = error;
    object->write_errors++;
    object->write_error_told = false;
    if (object->pager->write_failed != NULL)
        object->pager->write_failed(object, error);
}

struct error_cursor *error_cursor_create(const struct object *object) {
    struct error_cursor *cursor = kmalloc(sizeof(*cursor));

    if (cursor == NULL)
        return NULL;
    cursor->refs = 1;
    cursor->told = object->write_errors;
    if (object->write_errors != 0 && !object->write_error_told)
        cursor->told--;
    return cursor;
}

void error_cursor_ref(struct error_cursor *cursor) {
    if (cursor != NULL)
        cursor->refs++;
}

void error_cursor_unref(struct error_cursor *cursor) {
    if (cursor == NULL)
        return;
    ASSERT(cursor->refs > 0);
    if (--cursor->refs == 0)
        kfree(cursor);
}

int object_tell_errors(struct object *object, struct error_cursor *cursor) {
    if (cursor == NULL || cursor->told == object->write_errors)
        return 0;
    cursor->told = object->write_errors;
    object->write_error_told = true;
    return object->write_error;
}
