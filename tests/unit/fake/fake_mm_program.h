/*
 * Random programs for mm: several spaces that read, write, map, unmap, protect, move, fork and die, while a
 * model says what every byte must be. The programs are threads of fake_mm_sched.c, so faults, page-out and
 * the disk interleave as the seed wills.
 *
 * A page is CELLS cells. A cell holds a tag (0: zeros) and bytes that follow from it, so a wrong byte, a page
 * in a wrong place and a lost write are all seen, whichever cell is looked at.
 */
#ifndef TESTS_FAKE_MM_PROGRAM_H
#define TESTS_FAKE_MM_PROGRAM_H

#include "fake_mm.h"

struct program_options {
    unsigned steps;     /* of each program */
    unsigned programs;  /* at the same time, at most */
    unsigned forks;     /* in all */
    unsigned map_pages; /* of one mapping, at most */
    unsigned pages;     /* mapped by one program, at most */
    unsigned files;     /* on disk; at most PROGRAM_FILES with those in memory */
    unsigned memory_files;
    unsigned file_pages;  /* of each */
    unsigned file_sleeps; /* percent of prepare() calls that sleep */
    bool short_of_memory; /* -ENOMEM and kills are in order */
    bool read_errors;     /* faults may end in FAULT_BUSERR */
    bool swapping;        /* they are swapped out and in whole, now and then */
    bool greedy;          /* use what they have got, all of it, again and again */
    bool write_errors;    /* writing to a file may fail; its pages stay in memory */
};

#define PROGRAM_FILES 5u

/* Of most tests; steps and what is special come before or behind. */
#define ORDINARY_PROGRAMS                                                                                    \
    .programs = 5, .forks = 10, .map_pages = 40, .pages = 300, .files = 3, .memory_files = 2,                \
    .file_pages = 60, .file_sleeps = 20

/* The machine of random run @seed, from 0: threads and transfers in an order of its own, vm_check() now and then. */
void fake_random_machine(int seed);

/* Runs programs until all have ended, then checks that files are right on disk and that nothing is left. */
void programs_run(const struct program_options *options);

extern unsigned program_accesses, program_operations, program_deaths;

#endif
