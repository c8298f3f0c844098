/*
 * What every program of user/ begins with: its name and usage text, arguments that are sizes and numbers,
 * and the two ways of ending badly.
 *
 * Include this header first: it says which interfaces of the C library the programs use.
 *
 * Exit status of all programs: 0 all data checked and right; 1 something was wrong; 2 bad arguments.
 * Programs print nothing that changes from run to run (no address, time or pid), because what they print
 * on a Linux host is what they must print in the guest.
 */
#ifndef USER_LIB_PROGRAM_H
#define USER_LIB_PROGRAM_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#ifndef _FILE_OFFSET_BITS
#define _FILE_OFFSET_BITS 64
#endif

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAGE         4096u /* bytes; the page size of the i386 */
#define SECTOR       512u  /* bytes; at least one word in each is checked */
#define COUNT_OF(a)  (sizeof(a) / sizeof((a)[0]))
#define NO_RETURN    __attribute__((noreturn))
#define FORMAT(f, a) __attribute__((format(printf, f, a)))

/* Notes name and usage text (lines without the leading "usage: "); answers -h and --help and ends. */
void program_start(int argc, char **argv, const char *name, const char *usage);

/* Bad arguments: message and usage text on standard error, exit status 2. */
NO_RETURN void usage_error(const char *format, ...) FORMAT(1, 2);

/* Wrong data or a system call that failed: message on standard error, exit status 1. */
NO_RETURN void fail(const char *format, ...) FORMAT(1, 2);

/* As fail, with the text of errno behind the message. */
NO_RETURN void fail_errno(const char *format, ...) FORMAT(1, 2);

/*
 * The argument @argv[@index], or @standard when there are not so many. A size may end in K, M or G
 * (powers of 1024) and is in bytes. Outside [@least, @most]: usage_error, which names @what.
 */
size_t size_argument(int argc, char **argv, int index, const char *what, size_t standard, size_t least,
                     size_t most);
unsigned number_argument(int argc, char **argv, int index, const char *what, unsigned standard,
                         unsigned least, unsigned most);

/* A signal by its number, or by its name without "SIG"; -1 if there is none such. */
int signal_by_name(const char *text);

/* Zeroed pages from mmap(MAP_PRIVATE | MAP_ANONYMOUS); fails the program when there are none. */
void *allocate_pages(size_t bytes);

/* write(2) and read(2) until all is done; fail the program on an error or (reading) an early end. */
void write_all(int descriptor, const void *data, size_t bytes);
void read_all(int descriptor, void *data, size_t bytes);

/* fork(2) with buffered output flushed first, so that no line appears twice. Never returns -1. */
int fork_checked(void);

/* Waits for @pid: its exit status, or 128 + the signal that killed it. */
int wait_for(int pid);

#endif
