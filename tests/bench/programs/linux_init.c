/*
 * linux_init: the first process of the Linux that Faultline is compared with. It loads the disk's modules, mounts the
 * disk, adds swap, takes away memory until only so much is left to programs, and runs one command:
 *
 *     … BENCH_KIB=16384 -- COMMAND ARGUMENT...     at the end of the kernel's command line
 *
 * Memory is taken away by a process that locks it. What is left is reckoned in Linux's favour: its free pages and
 * those it can evict, less the reserve (the zones' high watermarks) that it keeps while memory is short.
 *
 * The end of the command ends the machine by QEMU's isa-debug-exit, with the value Faultline writes there.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define EXIT_PORT 0xF4
#define EXIT_DONE 16 /* as in arch/x86/machine.h; QEMU makes it 33 */

static void complain(const char *what) {
    printf("init: %s: %s\n", what, strerror(errno));
}

static void write_file(const char *path, const char *text) {
    int file = open(path, O_WRONLY);

    if (file < 0 || write(file, text, strlen(text)) < 0)
        complain(path);
    close(file);
}

/* --- the machine --- */

/* In the order of the list, each after those it needs. */
static void load_modules(void) {
    FILE *list = fopen("/modules/list", "r");
    char path[256] = "/modules/";
    size_t prefix = strlen(path);

    while (list != NULL && fgets(path + prefix, (int)(sizeof(path) - prefix), list) != NULL) {
        path[strcspn(path, "\n")] = '\0';
        int file = open(path, O_RDONLY);

        if (syscall(SYS_finit_module, file, "", 0) != 0)
            complain(path);
        close(file);
    }
    if (list != NULL)
        fclose(list);
}

static void prepare(void) {
    mkdir("/dev", 0755), mkdir("/proc", 0755), mkdir("/sys", 0755), mkdir("/mnt", 0755);
    if (mount("dev", "/dev", "devtmpfs", 0, NULL) != 0 || mount("proc", "/proc", "proc", 0, NULL) != 0 ||
        mount("sys", "/sys", "sysfs", 0, NULL) != 0)
        complain("mount");
    load_modules();
    for (unsigned i = 0; i < 200 && access("/dev/sda2", F_OK) != 0; i++)
        usleep(20000);
    if (mount("/dev/sda1", "/mnt", "ext2", MS_NOATIME, NULL) != 0)
        complain("/dev/sda1");
    if (mount("proc", "/mnt/proc", "proc", 0, NULL) != 0)
        complain("/mnt/proc");
    if (swapon("/dev/sda2", 0) != 0)
        complain("/dev/sda2");
    write_file("/sys/block/sda/queue/scheduler", "none");
    write_file("/proc/sys/vm/watermark_boost_factor",
               "0"); /* fragmentation would raise the reserve at times */
    sync();
    write_file("/proc/sys/vm/drop_caches", "3");
}

/* --- memory --- */

/* The sum of the numbers behind @key where it begins a line of the file (white space aside). */
static long sum_of(const char *path, const char *key) {
    FILE *file = fopen(path, "r");
    char line[256], word[64];
    long sum = 0, number;

    while (file != NULL && fgets(line, sizeof(line), file) != NULL)
        if (sscanf(line, " %63s %ld", word, &number) == 2 && strcmp(word, key) == 0)
            sum += number;
    if (file != NULL)
        fclose(file);
    return sum;
}

static long kib_left(void) {
    static const char *const pages[] = {"nr_free_pages", "nr_zone_inactive_anon", "nr_zone_active_anon",
                                        "nr_zone_inactive_file", "nr_zone_active_file"};
    long left = -sum_of("/proc/zoneinfo", "high");

    for (unsigned i = 0; i < sizeof(pages) / sizeof(*pages); i++)
        left += sum_of("/proc/vmstat", pages[i]);
    return left * 4;
}

static void hold_memory(long leave, int ready) {
    long over;

    write_file("/proc/self/oom_score_adj", "-1000");
    while ((over = kib_left() - leave) >= 4) {
        long piece = over / 2 < 4 ? 4 : over / 2 > 1024 ? 1024 : over / 2 & ~3L;
        void *at =
            mmap(NULL, (size_t)piece * 1024, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (at == MAP_FAILED || mlock(at, (size_t)piece * 1024) != 0)
            break;
    }
    if (write(ready, "", 1) != 1)
        complain("pipe");
    for (;;)
        pause();
}

static void leave_memory(long kib) {
    int ready[2];
    char byte;

    if (kib <= 0)
        return;
    if (pipe(ready) != 0)
        complain("pipe");
    if (fork() == 0)
        hold_memory(kib, ready[1]);
    if (read(ready[0], &byte, 1) != 1)
        complain("pipe");
    close(ready[0]);
    close(ready[1]);
}

/* --- the command --- */

static int run(char **command) {
    int status = -1;
    pid_t child = fork();

    if (child == 0) {
        if (chroot("/mnt") != 0 || chdir("/") != 0)
            complain("/mnt");
        execv(command[0], command);
        complain(command[0]);
        _exit(127);
    }
    while (child > 0 && waitpid(child, &status, 0) != child)
        ;
    return status;
}

int main(int argc, char **argv) {
    const char *kib = getenv("BENCH_KIB");

    setvbuf(stdout, NULL, _IOLBF, 0);
    while (argc > 1 && argv[1][0] != '/')
        argv++, argc--; /* words that the kernel did not know */
    prepare();
    leave_memory(kib == NULL ? 0 : atol(kib));
    int status = argc > 1 ? run(argv + 1) : -1;

    printf("EXIT %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : 255);
    fflush(stdout);
    tcdrain(1);
    if (iopl(3) == 0)
        outb(EXIT_DONE, EXIT_PORT);
    return 1;
}
