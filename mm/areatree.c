/*
 * A search tree over the areas of a space, so that a fault among a thousand areas takes ten steps and not five
 * hundred. It is a treap: a binary tree by address and at the same time a heap by priorities that are as good as
 * random, which keeps it about as deep as a balanced tree whatever the order of insertion, without any balancing.
 *
 * The key is the area's start. It may move (a stack grows downwards), as long as the order of the areas stays.
 *
 * Source: Seidel and Aragon, "Randomized search trees" (1996).
 */
#include "mm/areatree.h"

#include "mm/space.h"

/* Marsaglia's xorshift: neighbours in time are not neighbours in rank. */
static uint32_t next_priority(void) {
    static uint32_t state = 1;

    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
}

/* Takes @tree apart into the areas below @start and those above. */
static void split(struct area *tree, vaddr_t start, struct area **below, struct area **above) {
    while (tree != NULL) {
        if (tree->start < start) {
            *below = tree;
            below = &tree->right;
            tree = tree->right;
        } else {
            *above = tree;
            above = &tree->left;
            tree = tree->left;
        }
    }
    *below = *above = NULL;
}

/* The tree of both; all of @below lies below all of @above. */
static struct area *join(struct area *below, struct area *above) {
    struct area *root, **place = &root;

    while (below != NULL && above != NULL) {
        if (below->priority > above->priority) {
            *place = below;
            place = &below->right;
            below = below->right;
        } else {
            *place = above;
            place = &above->left;
            above = above->left;
        }
    }
    *place = below != NULL ? below : above;
    return root;
}

void areatree_insert(struct area **root, struct area *area) {
    area->priority = next_priority();
    while (*root != NULL && (*root)->priority >= area->priority)
        root = area->start < (*root)->start ? &(*root)->left : &(*root)->right;
    split(*root, area->start, &area->left, &area->right);
    *root = area;
}

void areatree_remove(struct area **root, struct area *area) {
    while (*root != area)
        root = area->start < (*root)->start ? &(*root)->left : &(*root)->right;
    *root = join(area->left, area->right);
}

struct area *areatree_at_or_below(struct area *root, vaddr_t address) {
    struct area *best = NULL;

    while (root != NULL) {
        if (root->start <= address) {
            best = root;
            root = root->right;
        } else {
            root = root->left;
        }
    }
    return best;
}
