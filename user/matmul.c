/*
 * matmul: C = A B for square matrices. In the textbook's order of loops (ijk) each element of the result
 * walks down a column of B, a new page at every step once a row is longer than a page; in the order ikj
 * the same additions walk along rows. Same answer, different paging: the classic lesson in locality.
 *
 * The elements are small whole numbers, so that doubles are exact and both orders agree to the bit, and
 * the product is checked without computing it again: A (B r) = C r for a vector r.
 *
 * Source of the check: R. Freivalds, "Probabilistic machines can use less running time", 1977.
 */
#include "user/lib/program.h"

#include "user/lib/pattern.h"

static const char usage[] = "matmul [N [double|int [ijk|ikj]]]\n"
                            "  multiplies two N x N (standard 256) matrices of doubles (or ints),\n"
                            "  the loops in the order given (ijk)";

enum order { ORDER_IJK, ORDER_IKJ };

/*
 * Both element types share every line but the type: a macro makes the functions of each. Unsigned 32-bit
 * numbers wrap around, so they are exact too.
 */
#define DEFINE_MATMUL(name, type)                                                                            \
    static void name##_fill(type *m, size_t n, struct generator *g) {                                        \
        for (size_t i = 0; i < n * n; i++)                                                                   \
            m[i] = (type)generator_below(g, 1000);                                                           \
    }                                                                                                        \
                                                                                                             \
    static void name##_multiply(const type *a, const type *b, type *c, size_t n, enum order order) {         \
        for (size_t i = 0; i < n; i++) {                                                                     \
            for (size_t x = 0; x < n; x++) {                                                                 \
                if (order == ORDER_IJK) {                                                                    \
                    type sum = 0;                                                                            \
                    for (size_t k = 0; k < n; k++)                                                           \
                        sum += a[i * n + k] * b[k * n + x];                                                  \
                    c[i * n + x] = sum;                                                                      \
                } else {                                                                                     \
                    for (size_t j = 0; j < n; j++)                                                           \
                        c[i * n + j] += a[i * n + x] * b[x * n + j];                                         \
                }                                                                                            \
            }                                                                                                \
        }                                                                                                    \
    }                                                                                                        \
                                                                                                             \
    static void name##_apply(const type *m, const type *vector, type *result, size_t n) {                    \
        for (size_t i = 0; i < n; i++) {                                                                     \
            result[i] = 0;                                                                                   \
            for (size_t j = 0; j < n; j++)                                                                   \
                result[i] += m[i * n + j] * vector[j];                                                       \
        }                                                                                                    \
    }                                                                                                        \
                                                                                                             \
    static uint32_t name##_run(size_t n, enum order order) {                                                 \
        struct generator g = generator_start(1);                                                             \
        size_t bytes = n * n * sizeof(type);                                                                 \
        type *a = allocate_pages(bytes), *b = allocate_pages(bytes), *c = allocate_pages(bytes);             \
        name##_fill(a, n, &g);                                                                               \
        name##_fill(b, n, &g);                                                                               \
        name##_multiply(a, b, c, n, order);                                                                  \
                                                                                                             \
        type *r = allocate_pages(4 * n * sizeof(type));                                                      \
        type *br = r + n, *abr = br + n, *cr = abr + n;                                                      \
        for (size_t i = 0; i < n; i++)                                                                       \
            r[i] = (type)generator_below(&g, 100);                                                           \
        name##_apply(b, r, br, n);                                                                           \
        name##_apply(a, br, abr, n);                                                                         \
        name##_apply(c, r, cr, n);                                                                           \
        uint32_t checksum = CHECKSUM_START;                                                                  \
        for (size_t i = 0; i < n; i++)                                                                       \
            if (abr[i] != cr[i])                                                                             \
                fail("row %zu of the product is wrong", i);                                                  \
        for (size_t i = 0; i < n * n; i++)                                                                   \
            checksum = checksum_add(checksum, (uint32_t)c[i]);                                               \
        return checksum;                                                                                     \
    }

DEFINE_MATMUL(doubles, double)
DEFINE_MATMUL(ints, uint32_t)

int main(int argc, char **argv) {
    program_start(argc, argv, "matmul", usage);
    unsigned n = number_argument(argc, argv, 1, "N", 256, 1, 2048); /* sums stay below 2^53 / 100 */
    const char *type = argc > 2 ? argv[2] : "double";
    const char *order_name = argc > 3 ? argv[3] : "ijk";
    if (strcmp(order_name, "ijk") != 0 && strcmp(order_name, "ikj") != 0)
        usage_error("\"%s\" is no order of loops", order_name);
    enum order order = strcmp(order_name, "ijk") == 0 ? ORDER_IJK : ORDER_IKJ;

    uint32_t checksum;
    if (strcmp(type, "double") == 0)
        checksum = doubles_run(n, order);
    else if (strcmp(type, "int") == 0)
        checksum = ints_run(n, order);
    else
        usage_error("\"%s\" is neither double nor int", type);
    printf("matmul: %u x %u %ss, product checked, checksum %08x\n", n, n, type, checksum);
    return 0;
}
