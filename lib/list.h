/*
 * Intrusive doubly linked circular lists. A `struct list` is both the head and the link; an element
 * embeds one link for each list it can be on. An unlinked link points to itself (list_init).
 */
#ifndef LIB_LIST_H
#define LIB_LIST_H

#include "lib/types.h"

struct list {
    struct list *next, *prev;
};

#define LIST_INITIALIZER(name)                                                                               \
    { &(name), &(name) }

static inline void list_init(struct list *l) {
    l->next = l->prev = l;
}

static inline bool list_empty(const struct list *l) {
    return l->next == l;
}

/* Puts @item just before @position; with a head as @position: at the tail of the list. */
static inline void list_insert_before(struct list *position, struct list *item) {
    item->next = position;
    item->prev = position->prev;
    position->prev->next = item;
    position->prev = item;
}

static inline void list_add_tail(struct list *head, struct list *item) {
    list_insert_before(head, item);
}

static inline void list_add_head(struct list *head, struct list *item) {
    list_insert_before(head->next, item);
}

/* Unlinks @item and leaves it pointing to itself, so that list_empty(item) tells it is on no list. */
static inline void list_remove(struct list *item) {
    item->prev->next = item->next;
    item->next->prev = item->prev;
    list_init(item);
}

/* Moves @first to @last, neighbours of one list in this order, to the tail of list @head. */
static inline void list_move_run(struct list *head, struct list *first, struct list *last) {
    first->prev->next = last->next;
    last->next->prev = first->prev;
    first->prev = head->prev;
    last->next = head;
    head->prev->next = first;
    head->prev = last;
}

/* Moves all of list @from to the tail of list @head. */
static inline void list_move_all(struct list *head, struct list *from) {
    if (!list_empty(from))
        list_move_run(head, from->next, from->prev);
}

#define list_entry(link, type, member) container_of(link, type, member)
#define list_first(head, type, member) list_entry((head)->next, type, member)
#define list_last(head, type, member)  list_entry((head)->prev, type, member)
#define list_next(item, type, member)  list_entry((item)->member.next, type, member)

#define list_for_each(item, head, type, member)                                                              \
    for (type *item = list_first(head, type, member); &item->member != (head);                               \
         item = list_next(item, type, member))

/* As list_for_each, but the body may unlink or free @item (and nothing else of the list). */
#define list_for_each_safe(item, head, type, member)                                                         \
    for (type *item = list_first(head, type, member), *item##_next = list_next(item, type, member);          \
         &item->member != (head); item = item##_next, item##_next = list_next(item, type, member))

#endif
