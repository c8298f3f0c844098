/*
 * The units of the kernel, one type each, so that a signature tells frame numbers from addresses and
 * slots from sectors. All are plain integers: the compiler does not catch a mix-up, the reader does.
 */
#ifndef LIB_TYPES_H
#define LIB_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint32_t paddr_t;  /* physical address, bytes */
typedef uintptr_t vaddr_t; /* virtual address, bytes */
typedef uint32_t pfn_t;    /* physical frame number: paddr / PAGE_SIZE */
typedef uint32_t pgoff_t;  /* page number inside an object, an amap or an area */
typedef uint32_t slot_t;   /* page-sized slot of the swap area; slot 0 is its header */
typedef uint32_t sector_t; /* 512-byte sector of a disk or partition */

#define PAGE_SHIFT       12
#define PAGE_SIZE        4096u
#define PAGE_MASK        (PAGE_SIZE - 1u)
#define SECTOR_SIZE      512u
#define SECTORS_PER_PAGE (PAGE_SIZE / SECTOR_SIZE)

#define PAGE_DOWN(x) ((x) & ~(__typeof__(x))PAGE_MASK)
#define PAGE_UP(x)   (((x) + PAGE_MASK) & ~(__typeof__(x))PAGE_MASK)

#define ARRAY_SIZE(a)                       (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)                           ((a) < (b) ? (a) : (b))
#define MAX(a, b)                           ((a) > (b) ? (a) : (b))
#define container_of(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

#define PRINTF_LIKE(text, first) __attribute__((format(printf, text, first)))
#define NORETURN                 __attribute__((noreturn))
#define UNUSED                   __attribute__((unused))

#define ALWAYS_INLINE inline __attribute__((always_inline))

/*
 * A function that debuggers stop at (tools/gdb): it is called wherever the source calls it, with the arguments
 * of its declaration on the stack. Without this the compiler would inline, clone or specialise it.
 */
#if defined(__clang__)
#define STOP_POINT __attribute__((noinline, used))
#else
#define STOP_POINT __attribute__((noipa, used))
#endif

#endif
