/* System V shared memory: see kernel/shm.c. The system calls are in kernel/syscall.h. */
#ifndef KERNEL_SHM_H
#define KERNEL_SHM_H

#include "lib/types.h"

struct object;

/* A segment's key, for /proc/PID/maps ("/SYSV" and the key). False: the object is none. */
bool shm_key_of(const struct object *object, int32_t *key);

/* What /proc/sysvipc/shm tells of a segment. */
struct shm_line {
    int32_t key;
    int id;
    unsigned mode; /* permission bits, and Linux's SHM_DEST, SHM_LOCKED */
    size_t bytes;
    int creator, last; /* pids */
    unsigned attached; /* areas that show it */
    uint32_t uid, gid, attach_time, detach_time, change_time;
    pgoff_t resident, swapped;
};

/* The segment in place @index of the table. False: there is none. Never sleeps. */
bool shm_describe(unsigned index, struct shm_line *line);
#define SHM_SEGMENTS_MAX 128u

/* For the checker: a reference of each segment's own, as long as it has not been removed. */
void shm_count_references(void (*count)(struct object *object));

#endif
