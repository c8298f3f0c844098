/*
 * Waiting for files by epoll: what is reported, in which order, what closing takes away, and what is refused.
 */
#include "user/semantics/facts.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { SOON_US = 30000, LONG_MS = 300000 };

static int set, ends[2], other[2];

static void begin(void) {
    set = epoll_create1(EPOLL_CLOEXEC);
    if (pipe(ends) != 0 || pipe(other) != 0)
        fail_errno("pipe");
}

static long change(int operation, int file, uint32_t events, uint64_t data) {
    struct epoll_event event = {.events = events, .data.u64 = data};
    return epoll_ctl(set, operation, file, &event);
}

/* What is reported at once, as "number: data/events …". */
static const char *reported(int most, int milliseconds) {
    static char text[200];
    struct epoll_event events[8];
    int ready = epoll_wait(set, events, most, milliseconds),
        length = snprintf(text, sizeof(text), "%d", ready);
    for (int i = 0; i < ready; i++)
        length += snprintf(text + length, sizeof(text) - (size_t)length, " %llx/%x",
                           (unsigned long long)events[i].data.u64, events[i].events);
    return text;
}

static void reports(void) {
    begin();
    fact("epoll_wait of nothing", "%s", reported(8, 0));
    fact_call("EPOLL_CTL_ADD", change(EPOLL_CTL_ADD, ends[0], EPOLLIN, 0x123456789abcdef0));
    fact("an empty pipe", "%s", reported(8, 0));
    write(ends[1], "xy", 2);
    fact("a pipe with bytes in it", "%s", reported(8, 0));
    fact("the same, since they are still there", "%s", reported(8, 10));
    fact_call("EPOLL_CTL_MOD", change(EPOLL_CTL_MOD, ends[0], 0, 2));
    fact("nothing wanted of it", "%s", reported(8, 0));
    change(EPOLL_CTL_MOD, ends[0], EPOLLIN | EPOLLONESHOT, 3);
    fact("once", "%s", reported(8, 0));
    fact("and no more", "%s", reported(8, 0));
    change(EPOLL_CTL_MOD, ends[0], EPOLLIN | EPOLLONESHOT, 4);
    fact("once more", "%s", reported(8, 0));
    fact_call("the other end, too", change(EPOLL_CTL_ADD, ends[1], EPOLLOUT, 5));
    fact("room in a pipe", "%s", reported(8, 0));
    change(EPOLL_CTL_MOD, ends[0], EPOLLIN, 6);
    fact("two, one of them asked for", "%d", epoll_wait(set, (struct epoll_event[1]){{0}}, 1, 0));
    fact("both", "%.1s", reported(8, 0));
    close(ends[1]);
    fact("the writing end closed", "%s", reported(8, 0));
    fact_call("EPOLL_CTL_DEL", epoll_ctl(set, EPOLL_CTL_DEL, ends[0], NULL));
    fact("nothing left", "%s", reported(8, 0));
}

static void endings(void) {
    begin();
    change(EPOLL_CTL_ADD, ends[0], EPOLLIN, 1);
    write(ends[1], "x", 1);
    int twin = dup(ends[0]);
    close(ends[0]);
    fact("a descriptor closed, its twin not", "%s", reported(8, 0));
    close(twin);
    fact("both closed", "%s", reported(8, 0));
    change(EPOLL_CTL_ADD, other[1], EPOLLIN, 2);
    close(other[0]);
    fact("a pipe that nobody reads", "%s", reported(8, 0));
}

/* Edges: what has come since the last report counts, not what there is. */
static void edges(void) {
    begin();
    change(EPOLL_CTL_ADD, ends[0], EPOLLIN | EPOLLET, 1);
    fact("EPOLLET of an empty pipe", "%s", reported(8, 0));
    write(ends[1], "xy", 2);
    fact("bytes have come", "%s", reported(8, 0));
    fact("and are still there", "%s", reported(8, 10));
    write(ends[1], "z", 1);
    fact("more have come", "%s", reported(8, 0));
    char byte;
    read(ends[0], &byte, 1);
    fact("one is read, two are left", "%s", reported(8, 10));
    change(EPOLL_CTL_MOD, ends[0], EPOLLIN | EPOLLET, 2);
    fact("the interest is changed", "%s", reported(8, 0));
    write(ends[1], "z", 1);
    change(EPOLL_CTL_MOD, ends[0], EPOLLIN | EPOLLET | EPOLLONESHOT, 3);
    fact("and changed to once", "%s", reported(8, 0));
    write(ends[1], "z", 1);
    fact("once is once", "%s", reported(8, 10));
    change(EPOLL_CTL_MOD, ends[0], EPOLLIN | EPOLLET, 4);
    struct pollfd whole_set = {.fd = set, .events = POLLIN};
    fact("the set, asked by poll", "%d", poll(&whole_set, 1, 0));
    reported(8, 0);
    fact("the set, when all has been told", "%d", poll(&whole_set, 1, 0));
    close(ends[1]);
    fact("the writing end is closed", "%s", reported(8, 0));
    fact("and has been told of", "%s", reported(8, 10));
}

static void edges_of_room(void) {
    static char pages[16 * PAGE];
    begin();
    fcntl(ends[1], F_SETFL, O_NONBLOCK);
    change(EPOLL_CTL_ADD, ends[1], EPOLLOUT | EPOLLET, 1);
    fact("EPOLLET of a pipe with room", "%s", reported(8, 0));
    write(ends[1], "x", 1);
    fact("still with room", "%s", reported(8, 10));
    while (write(ends[1], pages, PAGE) > 0)
        ;
    fact("filled", "%s", reported(8, 10));
    for (int left = 3 * (int)PAGE; left > 0;)
        left -= (int)read(ends[0], pages, (size_t)left);
    fact("there is room again", "%s", reported(8, 0));
    read(ends[0], pages, PAGE);
    fact("there is more of it", "%s", reported(8, 10));
    close(ends[0]);
    fact("nobody reads any more", "%s", reported(8, 0));
    fact("told of that too", "%s", reported(8, 10));
    change(EPOLL_CTL_ADD, other[0], EPOLLIN | EPOLLOUT | EPOLLET, 2);
    change(EPOLL_CTL_ADD, other[1], EPOLLIN | EPOLLOUT | EPOLLET, 3);
    fact("each end has what is its own", "%s", reported(8, 0));
    write(other[1], "x", 1);
    fact("the reading end", "%s", reported(8, 0));
    change(EPOLL_CTL_MOD, other[1], EPOLLET, 4);
    fact("nothing wanted of an end", "%s", reported(8, 0));
    close(other[0]);
    fact("but its error", "%s", reported(8, 0));
}

static int write_soon(void *unused) {
    (void)unused;
    usleep(SOON_US);
    return write(other[1], "x", 1) == 1 ? 0 : 1;
}

static void sleeping(void) {
    begin();
    change(EPOLL_CTL_ADD, ends[0], EPOLLIN, 1);
    change(EPOLL_CTL_ADD, other[0], EPOLLIN, 2);
    int child = fork_checked();
    if (child == 0)
        _exit(write_soon(NULL));
    fact("asleep until a byte comes", "%s", reported(8, LONG_MS));
    wait_for(child);
    child = fork_checked();
    if (child == 0) {
        usleep(SOON_US);
        _exit(change(EPOLL_CTL_ADD, ends[1], EPOLLOUT, 3) != 0);
    }
    char byte;
    read(other[0], &byte, 1);
    fact("asleep until a child adds what is ready", "%s", reported(8, LONG_MS));
    wait_for(child);
    epoll_ctl(set, EPOLL_CTL_DEL, ends[1], NULL);
    fact("a wait that is over", "%s", reported(8, 20));
    change(EPOLL_CTL_MOD, other[0], EPOLLIN | EPOLLET, 2);
    child = fork_checked();
    if (child == 0)
        _exit(write_soon(NULL));
    fact("asleep until there is an edge", "%s", reported(8, LONG_MS));
    wait_for(child);
    signal(SIGCHLD, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    fact("epoll_pwait", "%d", epoll_pwait(set, (struct epoll_event[1]){{0}}, 1, 1, &none));
}

static void refusals(void) {
    begin();
    int regular = open("/proc/self/exe", O_RDONLY);
    struct epoll_event event = {.events = EPOLLIN};
    fact_call("epoll_create of nothing", epoll_create(0));
    fact_true("epoll_create", epoll_create(1) >= 0);
    fact_call("epoll_create1 with unknown flags", epoll_create1(1));
    struct stat about;
    fact_call("fstat of a set", fstat(set, &about));
    fact("its mode", "%o", about.st_mode);
    fact_true("FD_CLOEXEC", fcntl(set, F_GETFD) == FD_CLOEXEC);
    change(EPOLL_CTL_ADD, ends[0], EPOLLIN, 1);
    fact_call("a file twice", change(EPOLL_CTL_ADD, ends[0], EPOLLIN, 1));
    fact_call("a change of what is not there", change(EPOLL_CTL_MOD, ends[1], EPOLLIN, 1));
    fact_call("the end of what is not there", change(EPOLL_CTL_DEL, ends[1], EPOLLIN, 1));
    fact_call("an unknown operation", change(17, ends[0], EPOLLIN, 1));
    fact_call("a regular file", change(EPOLL_CTL_ADD, regular, EPOLLIN, 1));
    fact_call("a set to itself", change(EPOLL_CTL_ADD, set, EPOLLIN, 1));
    fact_call("no file", change(EPOLL_CTL_ADD, 60, EPOLLIN, 1));
    fact_call("no set", epoll_ctl(61, EPOLL_CTL_ADD, ends[0], &event));
    fact_call("to a file that is no set", epoll_ctl(ends[1], EPOLL_CTL_ADD, ends[0], &event));
    fact_call("from nowhere", epoll_ctl(set, EPOLL_CTL_MOD, ends[0], (void *)nowhere()));
    fact_call("epoll_wait for nothing", epoll_wait(set, &event, 0, 0));
    fact_call("epoll_wait of no set", epoll_wait(ends[0], &event, 1, 0));
    write(ends[1], "x", 1);
    fact_call("epoll_wait to nowhere", epoll_wait(set, (void *)nowhere(), 1, 0));
    fact("it was not told", "%s", reported(8, 0));
}

static const struct group groups[] = {
    {"reports", reports}, {"edges", edges},       {"edges of room", edges_of_room},
    {"endings", endings}, {"sleeping", sleeping}, {"refusals", refusals},
};
THEME(waiting, "waiting for files by epoll", groups);
