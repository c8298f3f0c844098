/*
 * quicksort: sorts random numbers in place. Its partitions sweep from both ends at first, so it pages
 * heavily; once a part fits into memory it pages no more. The classic example of locality that grows.
 *
 * Source: C. A. R. Hoare, "Quicksort", 1962; median of three and the insertion sort for small parts:
 * R. Sedgewick, "Implementing quicksort programs", 1978.
 */
#include "user/lib/program.h"

#include "user/lib/pattern.h"

static const char usage[] = "quicksort [SIZE [SEED]]\n"
                            "  sorts SIZE bytes (standard 8M) of random 32-bit numbers";

enum { SMALL = 16 }; /* numbers; below this insertion sort is faster */

static void swap(uint32_t *a, uint32_t *b) {
    uint32_t t = *a;
    *a = *b;
    *b = t;
}

static void insertion_sort(uint32_t *a, size_t count) {
    for (size_t i = 1; i < count; i++) {
        uint32_t x = a[i];
        size_t j = i;
        for (; j > 0 && a[j - 1] > x; j--)
            a[j] = a[j - 1];
        a[j] = x;
    }
}

/* Puts the three in order: the middle one is the pivot, the outer two are sentinels of the scans. */
static uint32_t median_of_three(uint32_t *a, uint32_t *b, uint32_t *c) {
    if (*a > *b)
        swap(a, b);
    if (*b > *c)
        swap(b, c);
    if (*a > *b)
        swap(a, b);
    return *b;
}

/* Hoare's partition: on return no number before the result is greater than any from it on. */
static size_t partition(uint32_t *a, size_t count) {
    uint32_t pivot = median_of_three(&a[0], &a[(count - 1) / 2], &a[count - 1]);
    size_t i = 0, j = count - 1;
    for (;;) {
        while (a[i] < pivot)
            i++;
        while (a[j] > pivot)
            j--;
        if (i >= j)
            return j + 1;
        swap(&a[i++], &a[j--]);
    }
}

/* Recursion into the smaller part, a loop for the larger: the stack stays logarithmic. */
static void quicksort(uint32_t *a, size_t count) {
    while (count > SMALL) {
        size_t middle = partition(a, count);
        if (middle < count - middle) {
            quicksort(a, middle);
            a += middle;
            count -= middle;
        } else {
            quicksort(a + middle, count - middle);
            count = middle;
        }
    }
    insertion_sort(a, count);
}

/* A sum and an exclusive or do not depend on the order: sorting must not change them. */
struct invariant {
    uint32_t sum, parity;
};

static struct invariant fill(uint32_t *a, size_t count, uint32_t seed) {
    struct generator g = generator_start(seed);
    struct invariant v = {0, 0};
    for (size_t i = 0; i < count; i++) {
        a[i] = generator_next(&g);
        v.sum += a[i];
        v.parity ^= a[i];
    }
    return v;
}

/* Every number is looked at: in order, and the same numbers as before. Returns the ordered checksum. */
static uint32_t check(const uint32_t *a, size_t count, struct invariant before) {
    struct invariant after = {0, 0};
    uint32_t checksum = CHECKSUM_START;
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && a[i - 1] > a[i])
            fail("numbers %zu and %zu are out of order: %08x, %08x", i - 1, i, a[i - 1], a[i]);
        after.sum += a[i];
        after.parity ^= a[i];
        checksum = checksum_add(checksum, a[i]);
    }
    if (after.sum != before.sum || after.parity != before.parity)
        fail("sorted, but not the numbers that were there: sum %08x, was %08x", after.sum, before.sum);
    return checksum;
}

int main(int argc, char **argv) {
    program_start(argc, argv, "quicksort", usage);
    size_t size = size_argument(argc, argv, 1, "SIZE", 8u << 20, sizeof(uint32_t), 3u << 30);
    unsigned seed = number_argument(argc, argv, 2, "SEED", 1, 0, UINT32_MAX);

    size_t count = size / sizeof(uint32_t);
    uint32_t *numbers = allocate_pages(size);
    struct invariant before = fill(numbers, count, seed);
    printf("quicksort: %zu numbers, sum %08x\n", count, before.sum);
    quicksort(numbers, count);
    printf("quicksort: sorted, checksum %08x\n", check(numbers, count, before));
    return 0;
}
