/*
 * listwalk: walks a linked list whose nodes are a stride apart, in address order or shuffled. Each step
 * depends on the last, so nothing can be fetched ahead by the program; with a stride of a page or more
 * every step is another page.
 */
#include "user/lib/program.h"

#include "user/lib/pattern.h"

static const char usage[] = "listwalk [SIZE [STRIDE [WALKS [shuffled|ordered]]]]\n"
                            "  WALKS (standard 3) walks over a list of one node in each STRIDE (4K) bytes\n"
                            "  of SIZE (8M) bytes, adding to each node on the way";

struct node {
    struct node *next;
    uint32_t number, value;
};

/* The order of the nodes: a permutation of 0..count-1 (Fisher and Yates; Knuth, vol. 2, 3.4.2). */
static uint32_t *make_order(uint32_t count, bool shuffled) {
    uint32_t *order = allocate_pages(count * sizeof(*order));
    struct generator g = generator_start(1);
    for (uint32_t i = 0; i < count; i++)
        order[i] = i;
    for (uint32_t i = count; shuffled && i > 1; i--) {
        uint32_t j = generator_below(&g, i), number = order[j];
        order[j] = order[i - 1];
        order[i - 1] = number;
    }
    return order;
}

static struct node *make_list(size_t stride, const uint32_t *order, uint32_t count, char *memory) {
    for (uint32_t i = 0; i < count; i++) {
        struct node *node = (struct node *)(memory + (size_t)order[i] * stride);
        struct node *next = i + 1 < count ? (struct node *)(memory + (size_t)order[i + 1] * stride) : NULL;
        *node = (struct node){.next = next, .number = i, .value = scramble(i)};
    }
    return (struct node *)(memory + (size_t)order[0] * stride);
}

int main(int argc, char **argv) {
    program_start(argc, argv, "listwalk", usage);
    size_t size = size_argument(argc, argv, 1, "SIZE", 8u << 20, PAGE, 2u << 30);
    size_t stride = size_argument(argc, argv, 2, "STRIDE", PAGE, sizeof(struct node), size);
    unsigned walks = number_argument(argc, argv, 3, "WALKS", 3, 1, 1000000);
    const char *order_name = argc > 4 ? argv[4] : "shuffled";
    if (strcmp(order_name, "shuffled") != 0 && strcmp(order_name, "ordered") != 0)
        usage_error("\"%s\" is neither shuffled nor ordered", order_name);
    stride -= stride % sizeof(struct node *);

    uint32_t count = size / stride;
    uint32_t *order = make_order(count, strcmp(order_name, "shuffled") == 0);
    struct node *list = make_list(stride, order, count, allocate_pages(size));
    for (unsigned walk = 0; walk < walks; walk++) {
        uint32_t i = 0, checksum = CHECKSUM_START;
        for (struct node *node = list; node != NULL; node = node->next, i++) {
            if (node->number != i || node->value != scramble(i) + walk)
                fail("walk %u: node %u holds %u, %08x", walk + 1, i, node->number, node->value);
            checksum = checksum_add(checksum, node->value++);
        }
        if (i != count)
            fail("walk %u: the list ends after %u nodes of %u", walk + 1, i, count);
        printf("listwalk: walk %u: %u nodes, checksum %08x\n", walk + 1, count, checksum);
    }
    return 0;
}
