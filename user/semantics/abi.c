/*
 * How a program starts, and what it finds around it: the stack that it is given, thread-local storage, the
 * processor's features, devices and /proc. C libraries trust all of this without asking.
 */
#include "user/semantics/facts.h"

#include <asm/ldt.h>
#include <cpuid.h>
#include <elf.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <termios.h>

/* --- the stack at the start ---------------------------------------------------------------------- */

extern char etext[]; /* the linker's: the end of the text */

/* argc, the arguments, 0, the environment, 0, pairs of the auxiliary vector up to (0, 0); strings above. */
static void first_stack(void) {
    uintptr_t argc = 0, *before = (uintptr_t *)environ - 1; /* the 0 behind the arguments */
    while (argc < 1000 && *(before - 1 - argc) != argc)
        argc++;
    char **start = (char **)(before - 1 - argc), **argv = start + 1;
    fact_true("the first stack pointer is a multiple of 16", (uintptr_t)start % 16 == 0);
    fact_true("argc, the arguments, a 0, the environment", argc >= 1 && argc < 20 && argv[argc] == NULL);
    char **end = environ;
    while (*end != NULL)
        end++;
    const Elf32_auxv_t *pair = (Elf32_auxv_t *)(void *)(end + 1);
    while (pair->a_type != AT_NULL)
        pair++;
    fact_true("the strings are above the auxiliary vector", argv[0] > (char *)pair);
}

static void auxiliary_vector(void) {
    const Elf32_Phdr *header = (Elf32_Phdr *)getauxval(AT_PHDR);
    fact("AT_PHENT, AT_PAGESZ", "%lu, %lu", getauxval(AT_PHENT), getauxval(AT_PAGESZ));
    fact_true("AT_PHDR leads to program headers, AT_PHNUM many",
              getauxval(AT_PHNUM) >= 4 && (header->p_type == PT_LOAD || header->p_type == PT_PHDR));
    fact_true("AT_ENTRY is in the text", getauxval(AT_ENTRY) < (uintptr_t)etext);
    fact_true("AT_BASE is 0 in a static program", getauxval(AT_BASE) == 0);
    const unsigned char *random = (unsigned char *)getauxval(AT_RANDOM);
    unsigned bits = 0;
    for (unsigned i = 0; i < 16; i++)
        bits |= random[i];
    fact_true("AT_RANDOM leads to 16 bytes that are not all 0", bits != 0);
    fact_true("AT_SYSINFO and AT_SYSINFO_EHDR are both there, or neither",
              (getauxval(AT_SYSINFO) != 0) == (getauxval(AT_SYSINFO_EHDR) != 0));
    char path[200] = "";
    ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);
    fact_true("/proc/self/exe leads to the program",
              length > 0 && strcmp(strrchr(path, '/'), "/semantics") == 0);
}

/* --- what the loader has made -------------------------------------------------------------------- */

static char zeroed[3 * PAGE + 100];
static int initialised[2000] = {1, 2, 3, [1999] = 4};
static const int constant = 42;

static void image(void) {
    fact_true("data not in the file is zero, from the middle of a page on",
              all_bytes(zeroed, sizeof(zeroed), 0));
    fact("data in the file", "%d %d %d %d", initialised[0], initialised[2], initialised[1000],
         initialised[1999]);
    fact("a store to data", "%s", writing(&initialised[500]));
    fact("a store to constants", "%s", writing((void *)(uintptr_t)&constant));
}

/* --- segments and floating point ----------------------------------------------------------------- */

static uint32_t segment_data = 0x12345678;

static uint32_t read_by_fs(void) {
    uint32_t value;
    __asm__ volatile("movl %%fs:0, %0" : "=r"(value));
    return value;
}

/* C libraries have their thread's data behind %gs; another segment is put into %fs, for the switches to keep. */
static void thread_area(void) {
    struct user_desc area = {.entry_number = (unsigned)-1,
                             .base_addr = (uintptr_t)&segment_data,
                             .limit = 0xfffff,
                             .seg_32bit = 1,
                             .limit_in_pages = 1,
                             .useable = 1};
    fact_call("set_thread_area of any entry", syscall(SYS_set_thread_area, &area));
    fact_true("the entry's number is written back", area.entry_number != (unsigned)-1);
    uint16_t selector = (uint16_t)(area.entry_number * 8 + 3);
    __asm__ volatile("movw %0, %%fs" : : "r"(selector));
    fact("what the segment shows", "%x", read_by_fs());
    int pid = fork_checked();
    if (pid == 0) {
        for (unsigned i = 0; i < 50; i++)
            sched_yield();
        _exit(read_by_fs() == 0x12345678 ? 0 : 1);
    }
    for (unsigned i = 0; i < 50; i++)
        sched_yield();
    fact("after switches, and in a child", "%x, %d", read_by_fs(), wait_for(pid));
    area.entry_number = 3;
    fact_call("set_thread_area of the kernel's entries", syscall(SYS_set_thread_area, &area));
    area.entry_number = (unsigned)-1;
    syscall(SYS_set_thread_area, &area);
    area.entry_number = (unsigned)-1;
    fact_call("set_thread_area when all are taken", syscall(SYS_set_thread_area, &area));
    fact_call("set_thread_area from nowhere", syscall(SYS_set_thread_area, nowhere()));
}

/* --- a stack segment of one's own ---------------------------------------------------------------- */

static struct user_desc own = {.limit = 0xFFFFF, .seg_32bit = 1, .limit_in_pages = 1, .useable = 1};
static struct user_desc taken_away = {.read_exec_only = 1, .seg_not_present = 1};
static unsigned in_handler;

/* ss is the program's descriptor over a system call: what it is afterwards. */
static unsigned call_on_own_stack_segment(uint32_t number, uint32_t first, uint32_t second) {
    unsigned after, selector = own.entry_number << 3 | 3;
    __asm__ volatile("movl %%ss, %%esi; movl %4, %%ss; int $0x80; movl %%ss, %0; movl %%esi, %%ss"
                     : "=&c"(after), "+a"(number)
                     : "b"(first), "0"(second), "r"(selector)
                     : "esi", "memory");
    return after;
}

static void take_away(void *unused) {
    (void)unused;
    call_on_own_stack_segment(SYS_set_thread_area, (uint32_t)(uintptr_t)&taken_away, 0);
}

static void note_stack_segment(int number) {
    (void)number;
    __asm__ volatile("movl %%ss, %0" : "=r"(in_handler));
}

static void stack_segment(void) {
    unsigned usual;
    __asm__ volatile("movl %%ss, %0" : "=r"(usual));
    own.entry_number = (unsigned)-1;
    fact_call("a flat entry for a stack", syscall(SYS_set_thread_area, &own));
    unsigned selector = own.entry_number << 3 | 3;
    fact_true("a stack segment is kept over a system call",
              call_on_own_stack_segment(SYS_getpid, 0, 0) == selector);
    signal(SIGUSR1, note_stack_segment);
    fact_true("and over a signal",
              call_on_own_stack_segment(SYS_kill, (uint32_t)getpid(), SIGUSR1) == selector);
    fact_true("whose handler has the usual one", in_handler == usual);
    taken_away.entry_number = own.entry_number;
    struct trap trap = provoke(take_away, NULL);
    fact("its descriptor taken away", "%s", trap_name(&trap));
    fact_true("and the program goes on", getpid() > 0);
}

static void processor(void) {
    unsigned a, b, c, d;
    __cpuid(1, a, b, c, d);
    fact("CPUID says FPU, FXSR, SSE, SSE2", "%d%d%d%d", d & 1, d >> 24 & 1, d >> 25 & 1, d >> 26 & 1);
    __asm__ volatile("pushf; orl $0x200000, (%%esp); popf; pushf; popl %0" : "=r"(a) : : "cc");
    fact("the flag that tells that there is CPUID can be set", "%d", a >> 21 & 1);
    __asm__ volatile("pushf; andl $~0x200000, (%%esp); popf" : : : "cc");
    struct utsname name;
    uname(&name);
    fact_true("uname", strcmp(name.sysname, "Linux") == 0 && name.machine[0] != 0);
}

/* --- files --------------------------------------------------------------------------------------- */

static void identities(void) {
    const char *name = some_named_file(100);
    int first = open(name, O_RDONLY), again = open(name, O_RDONLY), other = some_file(100);
    struct stat one, two, three;
    fstat(first, &one);
    fstat(again, &two);
    fstat(other, &three);
    unlink(name);
    fact_true("a file opened twice has one device and inode number",
              one.st_dev == two.st_dev && one.st_ino == two.st_ino);
    fact_true("another file has another", one.st_dev != three.st_dev || one.st_ino != three.st_ino);
    struct statx more;
    fact_call("statx of a descriptor, by an empty path",
              syscall(SYS_statx, first, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &more));
    fact_true("it says the same as fstat", more.stx_ino == one.st_ino && more.stx_size == 100 &&
                                               (more.stx_mask & STATX_SIZE) && more.stx_mode == one.st_mode);
}

static void devices(void) {
    struct termios settings;
    char bytes[32] = "", more[32];
    int null = open("/dev/null", O_RDWR), random = open("/dev/urandom", O_RDONLY), file = some_file(10);
    struct stat status;
    fact_call("TCGETS of a file", ioctl(file, TCGETS, &settings));
    fact_call("TCGETS of /dev/null", ioctl(null, TCGETS, &settings));
    fact("isatty of a file", "%d", isatty(file));
    fact_call("read of /dev/null", read(null, bytes, 10));
    fact_call("write to /dev/null", write(null, bytes, 10));
    read(random, bytes, sizeof(bytes));
    fact_call("read of /dev/urandom", read(random, more, sizeof(more)));
    fact_true("which is not the same twice", memcmp(bytes, more, sizeof(bytes)) != 0);
    fact_call("getrandom", syscall(SYS_getrandom, bytes, 16, 0));
    fact_true("/dev/shm is a directory", stat("/dev/shm", &status) == 0 && S_ISDIR(status.st_mode));
}

static void machine(void) {
    struct sysinfo info;
    char line[100] = "";
    fact_call("sysinfo", sysinfo(&info));
    fact_true("RAM is more than nothing, and more than is free",
              info.totalram > 0 && info.freeram <= info.totalram && info.mem_unit > 0);
    FILE *meminfo = fopen("/proc/meminfo", "r");
    fact_true("/proc/meminfo begins with MemTotal", meminfo != NULL &&
                                                        fgets(line, sizeof(line), meminfo) != NULL &&
                                                        strncmp(line, "MemTotal:", 9) == 0);
}

/* --- numbers ------------------------------------------------------------------------------------- */

static void numbers(void) {
    int file = some_file(3 * PAGE);
    char *second = (char *)syscall(SYS_mmap2, 0, PAGE, PROT_READ, MAP_SHARED, file, 1);
    fact("mmap2 with offset 1 is the second page", "%c", *second);
    fact_call("a system call that does not exist", syscall(9999));
    fact_true("a parent's id", getppid() > 0);
    errno = 0;
    long value;
    __asm__ volatile("int $0x80" : "=a"(value) : "a"(SYS_close), "b"(777) : "memory");
    fact("the raw result of a call that fails", "%ld", value);
}

static const struct group groups[] = {
    {"the first stack", first_stack},
    {"the auxiliary vector", auxiliary_vector},
    {"the image", image},
    {"thread areas", thread_area},
    {"a stack segment of one's own", stack_segment},
    {"the processor", processor},
    {"identities of files", identities},
    {"devices", devices},
    {"the machine", machine},
    {"numbers", numbers},
};
THEME(abi, "how a program starts, and what it finds around it", groups);
