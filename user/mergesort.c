/*
 * mergesort: a merge sort whose halves are sorted by child processes, which send their sorted numbers up
 * through pipes. All leaves sort at the same time and the merging nodes stream: many processes, each with
 * a working set of its own, and a parent that needs little.
 */
#include "user/lib/program.h"

#include "user/lib/pattern.h"

static const char usage[] = "mergesort [SIZE [LEVELS [SEED]]]\n"
                            "  sorts SIZE bytes (standard 4M) of random numbers in 2^LEVELS (2) processes";

enum { BUFFER_WORDS = 1024 };

/* --- a leaf: sorts in memory --------------------------------------------------------------------- */

/* Merges a[0..middle) and a[middle..count), by way of @spare. */
static void merge_halves(uint32_t *a, size_t middle, size_t count, uint32_t *spare) {
    memcpy(spare, a, middle * sizeof(*a));
    size_t left = 0, right = middle, to = 0;
    while (left < middle) {
        bool take_right = right < count && a[right] < spare[left];
        a[to++] = take_right ? a[right++] : spare[left++];
    }
}

static void sort(uint32_t *a, size_t count, uint32_t *spare) {
    if (count < 2)
        return;
    size_t middle = count / 2;
    sort(a, middle, spare);
    sort(a + middle, count - middle, spare);
    merge_halves(a, middle, count, spare);
}

/* Numbers @first to @first + @count of the input, sorted, into @out. */
static void run_leaf(uint32_t first, size_t count, uint32_t seed, int out) {
    uint32_t *numbers = allocate_pages((count + 1) * sizeof(*numbers));
    pattern_fill(numbers, first, count, seed);
    sort(numbers, count, allocate_pages((count / 2 + 1) * sizeof(*numbers)));
    write_all(out, numbers, count * sizeof(*numbers));
}

/* --- a stream of numbers from a child ------------------------------------------------------------ */

struct stream {
    int descriptor;
    int pid;
    size_t left; /* numbers not handed out yet */
    size_t at, filled;
    uint32_t buffer[BUFFER_WORDS];
};

static bool stream_peek(struct stream *s, uint32_t *number) {
    if (s->left == 0)
        return false;
    if (s->at == s->filled) {
        s->filled = s->left < BUFFER_WORDS ? s->left : BUFFER_WORDS;
        s->at = 0;
        read_all(s->descriptor, s->buffer, s->filled * sizeof(uint32_t));
    }
    *number = s->buffer[s->at];
    return true;
}

static void stream_next(struct stream *s) {
    s->at++;
    s->left--;
}

static void stream_close(struct stream *s) {
    char extra;
    if (read(s->descriptor, &extra, 1) != 0)
        fail("a child sent more than it should");
    close(s->descriptor);
    int status = wait_for(s->pid);
    if (status != 0)
        fail("a child ended with status %d", status);
}

/* The smaller of the two streams' first numbers; false when both are empty. */
static bool merge_next(struct stream *a, struct stream *b, uint32_t *number) {
    uint32_t x, y;
    bool have_x = stream_peek(a, &x), have_y = stream_peek(b, &y);
    if (!have_x && !have_y)
        return false;
    bool take_x = have_x && (!have_y || x <= y);
    *number = take_x ? x : y;
    stream_next(take_x ? a : b);
    return true;
}

/* --- the tree ------------------------------------------------------------------------------------ */

static void run_node(unsigned levels, uint32_t first, size_t count, uint32_t seed, int out);

/* A child that sorts its part and writes it into a pipe whose other end is in @s. */
static void start_child(struct stream *s, unsigned levels, uint32_t first, size_t count, uint32_t seed) {
    int ends[2];
    if (pipe(ends) < 0)
        fail_errno("pipe");
    *s = (struct stream){.descriptor = ends[0], .left = count};
    s->pid = fork_checked();
    if (s->pid == 0) {
        close(ends[0]);
        run_node(levels, first, count, seed, ends[1]);
        exit(0);
    }
    close(ends[1]);
}

static void start_children(struct stream streams[2], unsigned levels, uint32_t first, size_t count,
                           uint32_t seed) {
    start_child(&streams[0], levels - 1, first, count / 2, seed);
    start_child(&streams[1], levels - 1, first + (uint32_t)(count / 2), count - count / 2, seed);
}

static void run_node(unsigned levels, uint32_t first, size_t count, uint32_t seed, int out) {
    if (levels == 0) {
        run_leaf(first, count, seed, out);
        return;
    }
    struct stream streams[2];
    start_children(streams, levels, first, count, seed);
    uint32_t buffer[BUFFER_WORDS], number;
    size_t filled = 0;
    while (merge_next(&streams[0], &streams[1], &number)) {
        buffer[filled++] = number;
        if (filled == BUFFER_WORDS) {
            write_all(out, buffer, sizeof(buffer));
            filled = 0;
        }
    }
    write_all(out, buffer, filled * sizeof(uint32_t));
    stream_close(&streams[0]);
    stream_close(&streams[1]);
}

int main(int argc, char **argv) {
    program_start(argc, argv, "mergesort", usage);
    size_t size = size_argument(argc, argv, 1, "SIZE", 4u << 20, PAGE, 1u << 30);
    unsigned levels = number_argument(argc, argv, 2, "LEVELS", 2, 1, 6);
    unsigned seed = number_argument(argc, argv, 3, "SEED", 1, 0, UINT32_MAX);
    size_t count = size / sizeof(uint32_t);

    uint32_t sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += pattern_word(seed, (uint32_t)i);

    struct stream streams[2];
    start_children(streams, levels, 0, count, seed);
    uint32_t number, previous = 0, checksum = CHECKSUM_START;
    size_t received = 0;
    for (; merge_next(&streams[0], &streams[1], &number); received++) {
        if (number < previous)
            fail("number %zu is out of order: %08x after %08x", received, number, previous);
        previous = number;
        sum -= number;
        checksum = checksum_add(checksum, number);
    }
    stream_close(&streams[0]);
    stream_close(&streams[1]);
    if (received != count || sum != 0)
        fail("sorted, but not the numbers that were there");
    printf("mergesort: %zu numbers sorted by %u processes, checksum %08x\n", count, 1u << levels, checksum);
    return 0;
}
