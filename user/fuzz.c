/*
 * fuzz: system calls with random arguments, in processes that are started again and again. The parent only
 * watches: rounds that stand still are continued or killed, what they leave behind is cleared away, and the
 * outcome is printed, a fact a line:
 *
 *     fuzz total calls 20000             fuzz result EFAULT 5112
 *     fuzz total rounds 201              fuzz call read 96
 *     fuzz end signal-11 12              fuzz total strange 0
 *
 * A wrong kernel shows itself by a panic, a hang, a result that is no result (strange), or by what is missing
 * afterwards. For machines that may be lost: it is root's arguments that are chosen at random.
 *
 * Source of the idea (structured arguments, page ends, a second thread): D. Jones, trinity; Google, syzkaller.
 */
#include "user/fuzz/fuzz.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>

static const char usage[] =
    "fuzz [-v] [-c CALL] [-r ROUND] [SEED [CALLS]]\n"
    "  at least CALLS (standard 10000) system calls by SEED (standard 1)\n"
    "  -c: this call only; -r: this round only; -v: tells each call before it is made\n"
    "fuzz --list: names of the calls that it knows";

struct tally *tally;
struct options options = {.seed = 1, .count = 10000};

enum { PATIENCE = 30, GLANCE_MS = 20, PIDS_MAX = 256 }; /* glances without progress until a round is killed */

static struct slot {
    int pid; /* 0: none */
    uint32_t progress;
    unsigned patience;
} slots[SLOTS];

static struct { uint32_t rounds, exits, overdue, signals[128]; } ends;

static int pids_at_start[PIDS_MAX];
static unsigned pid_count;

/* --- rounds -------------------------------------------------------------------------------------- */

/* The last slot's files are in memory, the others' on the disk. */
static const char *slot_directory(unsigned slot) {
    static char name[40];
    snprintf(name, sizeof(name), "%s/fuzz.d/%u", slot == SLOTS - 1 ? "/dev/shm" : "", slot);
    return name;
}

static void start_round(unsigned slot, uint32_t round) {
    tally->progress[slot] = 0;
    int pid = fork();
    if (pid < 0)
        return; /* no memory at present: again at the next glance */
    if (pid == 0) {
        if (chdir(slot_directory(slot)) != 0)
            _exit(4);
        round_run(round, slot);
    }
    slots[slot] = (struct slot){.pid = pid};
    ends.rounds++;
}

static void note_end(int status) {
    if (WIFSIGNALED(status))
        ends.signals[WTERMSIG(status)]++;
    else
        ends.exits++;
}

static void reap(void) {
    int status, pid;
    while ((pid = waitpid(-1, &status, WNOHANG | WUNTRACED)) > 0) {
        if (WIFSTOPPED(status)) {
            kill(pid, SIGCONT);
            continue;
        }
        for (unsigned i = 0; i < SLOTS; i++)
            if (slots[i].pid == pid) {
                kill(-pid, SIGKILL); /* its children */
                slots[i].pid = 0;
                note_end(status);
            }
    }
}

static void watch(struct slot *slot, uint32_t progress) {
    slot->patience = progress == slot->progress ? slot->patience + 1 : 0;
    slot->progress = progress;
    if (slot->patience != PATIENCE)
        return;
    ends.overdue++;
    kill(slot->pid, SIGKILL);
}

static uint32_t calls_made(void) {
    uint32_t sum = 0;
    for (unsigned i = 0; i < NUMBERS; i++)
        sum += tally->calls[i];
    return sum;
}

static bool any_running(void) {
    for (unsigned i = 0; i < SLOTS; i++)
        if (slots[i].pid != 0)
            return true;
    return false;
}

static void run_rounds(void) {
    const struct timespec glance = {.tv_nsec = GLANCE_MS * 1000000};
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, NULL);
    uint32_t round = 0;
    for (;;) {
        bool more = options.only_one ? round == 0 : calls_made() < options.count;
        for (unsigned i = 0; i < SLOTS && more; i++)
            if (slots[i].pid == 0 && !(options.only_one && i > 0))
                start_round(i, options.only_one ? options.only_one + round++ : ++round);
        if (!more && !any_running())
            return;
        bool ended = sigtimedwait(&child, NULL, &glance) == SIGCHLD;
        reap();
        for (unsigned i = 0; i < SLOTS && !ended; i++)
            if (slots[i].pid != 0)
                watch(&slots[i], tally->progress[i]);
    }
}

/* --- clearing up --------------------------------------------------------------------------------- */

/* Calls visit(pid) for every process; how many there are. */
static unsigned all_processes(void (*visit)(int pid)) {
    DIR *directory = opendir("/proc");
    unsigned count = 0;
    if (directory == NULL)
        fail_errno("/proc");
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        int pid = atoi(entry->d_name);
        if (pid > 0) {
            count++;
            visit(pid);
        }
    }
    closedir(directory);
    return count;
}

static void remember(int pid) {
    if (pid_count < PIDS_MAX)
        pids_at_start[pid_count++] = pid;
}

static void kill_stranger(int pid) {
    for (unsigned i = 0; i < pid_count; i++)
        if (pids_at_start[i] == pid)
            return;
    kill(pid, SIGKILL);
}

/* What has escaped from its round's process group. Whoever does not die is the test's hang. */
static void kill_strangers(void) {
    const struct timespec glance = {.tv_nsec = GLANCE_MS * 1000000};
    while (all_processes(kill_stranger) > pid_count) {
        reap();
        nanosleep(&glance, NULL);
    }
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *place) {
    (void)status;
    (void)type;
    if (place->level > 0)
        remove(path);
    return 0;
}

static void remove_under(const char *path) {
    nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void remove_segments(void) {
    struct shmid_ds status;
    struct shm_info info;
    int highest = shmctl(0, SHM_INFO, (struct shmid_ds *)(void *)&info);
    for (int i = 0; i <= highest; i++) {
        int id = shmctl(i, SHM_STAT, &status);
        if (id >= 0)
            shmctl(id, IPC_RMID, NULL);
    }
}

static void clear_up(const struct termios *terminal) {
    kill_strangers();
    if (chdir("/") != 0)
        fail_errno("/");
    remove_under("/fuzz.d");
    rmdir("/fuzz.d");
    remove_under("/dev/shm");
    remove_segments();
    sync();
    tcsetattr(STDOUT_FILENO, TCSANOW, terminal);
}

/* --- report -------------------------------------------------------------------------------------- */

static void report(void) {
    printf("\nfuzz total seed %u\nfuzz total calls %u\n", options.seed, calls_made());
    printf("fuzz total rounds %u\nfuzz total strange %u\n", ends.rounds, tally->strange);
    printf("fuzz end exit %u\nfuzz end overdue %u\n", ends.exits, ends.overdue);
    for (unsigned i = 0; i < COUNT_OF(ends.signals); i++)
        if (ends.signals[i] > 0)
            printf("fuzz end signal-%u %u\n", i, ends.signals[i]);
    for (unsigned i = 0; i < ERRORS; i++)
        if (tally->errors[i] > 0)
            printf("fuzz result %s %u\n", i == 0 ? "ok" : strerrorname_np((int)i), tally->errors[i]);
    for (unsigned i = 0; i < call_count; i++)
        printf("fuzz call %s %u\n", calls[i].name, tally->calls[calls[i].number]);
}

static void read_options(int argc, char **argv) {
    int option;
    if (argc > 1 && strcmp(argv[1], "--list") == 0) {
        for (unsigned i = 0; i < call_count; i++)
            puts(calls[i].name);
        exit(0);
    }
    while ((option = getopt(argc, argv, "vc:r:")) != -1) {
        if (option == 'v')
            options.tell = true;
        else if (option == 'c')
            options.only = optarg;
        else if (option == 'r')
            options.only_one = (uint32_t)strtoul(optarg, NULL, 10);
        else
            usage_error("what is this?");
    }
    argc -= optind - 1;
    argv += optind - 1;
    options.seed = number_argument(argc, argv, 1, "SEED", 1, 0, UINT32_MAX);
    options.count = number_argument(argc, argv, 2, "CALLS", 10000, 1, 1u << 30);
    bool known = options.only == NULL;
    for (unsigned i = 0; i < call_count && !known; i++)
        known = strcmp(calls[i].name, options.only) == 0;
    if (!known)
        usage_error("no call %s", options.only);
}

int main(int argc, char **argv) {
    struct utsname machine;
    struct termios terminal;
    program_start(argc, argv, "fuzz", usage);
    read_options(argc, argv);
    if (uname(&machine) != 0 || strstr(machine.release, "faultline") == NULL)
        fail("this is a machine that somebody needs");
    static const int ignored[] = {SIGHUP, SIGINT, SIGQUIT, SIGTTIN, SIGTTOU, SIGTSTP};
    for (unsigned i = 0; i < COUNT_OF(ignored); i++)
        signal(ignored[i], SIG_IGN);
    tcgetattr(STDOUT_FILENO, &terminal);
    all_processes(remember);
    tally = lonely_pages((sizeof(*tally) + PAGE - 1) / PAGE, MAP_SHARED);
    for (unsigned i = 0; i < SLOTS; i++) {
        (void)!mkdir("/fuzz.d", 0755);
        (void)!mkdir("/dev/shm/fuzz.d", 0755);
        if (mkdir(slot_directory(i), 0755) != 0)
            fail_errno("%s", slot_directory(i));
    }
    run_rounds();
    clear_up(&terminal);
    report();
    return 0;
}
