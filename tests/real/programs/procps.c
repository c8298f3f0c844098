/*
 * procps: what ps, top, free, vmstat and uptime read of /proc, read by their own library, libproc2, and compared
 * with what this program knows itself: its own numbers, the lines of the files, and what it has just done. What is
 * printed is the same on every machine where all is as it should be.
 */
#include <libproc2/meminfo.h>
#include <libproc2/misc.h>
#include <libproc2/pids.h>
#include <libproc2/stat.h>
#include <libproc2/vmstat.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 4096, TOUCHED = 300, FEW = 64 };

/* What libproc2 would ask of systemd about sessions; nobody is logged in here. */
int sd_pid_get_machine_name(pid_t pid, char **name);
int sd_pid_get_owner_uid(pid_t pid, uid_t *uid);
int sd_pid_get_session(pid_t pid, char **session);
int sd_pid_get_slice(pid_t pid, char **slice);
int sd_pid_get_unit(pid_t pid, char **unit);
int sd_pid_get_user_unit(pid_t pid, char **unit);
int sd_session_get_seat(const char *session, char **seat);
int sd_uid_get_state(uid_t uid, char **state);
#define UNKNOWN (-61) /* -ENODATA */
int sd_pid_get_machine_name(pid_t pid, char **name) {
    return (void)pid, (void)name, UNKNOWN;
}
int sd_pid_get_owner_uid(pid_t pid, uid_t *uid) {
    return (void)pid, (void)uid, UNKNOWN;
}
int sd_pid_get_session(pid_t pid, char **session) {
    return (void)pid, (void)session, UNKNOWN;
}
int sd_pid_get_slice(pid_t pid, char **slice) {
    return (void)pid, (void)slice, UNKNOWN;
}
int sd_pid_get_unit(pid_t pid, char **unit) {
    return (void)pid, (void)unit, UNKNOWN;
}
int sd_pid_get_user_unit(pid_t pid, char **unit) {
    return (void)pid, (void)unit, UNKNOWN;
}
int sd_session_get_seat(const char *session, char **seat) {
    return (void)session, (void)seat, UNKNOWN;
}
int sd_uid_get_state(uid_t uid, char **state) {
    return (void)uid, (void)state, UNKNOWN;
}

static bool all_good = true;

static void expect(bool good, const char *what) {
    printf("%s: %s\n", what, good ? "as it should be" : "WRONG");
    all_good &= good;
}

static bool near(unsigned long a, unsigned long b, unsigned long by) {
    return a <= b + by && b <= a + by;
}

/* The number behind "@name:" in /proc/meminfo, in KiB. */
static unsigned long line_of_meminfo(const char *name) {
    char line[128];
    unsigned long value = 0;
    FILE *file = fopen("/proc/meminfo", "r");

    while (file && fgets(line, sizeof(line), file))
        if (strncmp(line, name, strlen(name)) == 0 && line[strlen(name)] == ':')
            value = strtoul(line + strlen(name) + 1, NULL, 10);
    if (file)
        fclose(file);
    return value;
}

static void meminfo(void) {
    struct meminfo_info *info = NULL;

    if (procps_meminfo_new(&info) != 0) {
        expect(false, "meminfo can be read");
        return;
    }
    unsigned long total = MEMINFO_GET(info, MEMINFO_MEM_TOTAL, ul_int);
    unsigned long used = MEMINFO_GET(info, MEMINFO_MEM_USED, ul_int);
    unsigned long unused = MEMINFO_GET(info, MEMINFO_MEM_FREE, ul_int);
    unsigned long cached = MEMINFO_GET(info, MEMINFO_MEM_CACHED_ALL, ul_int);
    unsigned long available = MEMINFO_GET(info, MEMINFO_MEM_AVAILABLE, ul_int);
    unsigned long swap = MEMINFO_GET(info, MEMINFO_SWAP_TOTAL, ul_int);
    unsigned long swap_used = MEMINFO_GET(info, MEMINFO_SWAP_USED, ul_int);

    expect(total > 0 && total == line_of_meminfo("MemTotal"), "free: total memory");
    expect(used > 0 && used + unused <= total, "free: used and free");
    expect(available > 0 && available <= total && cached <= total, "free: cached and available");
    expect(swap == line_of_meminfo("SwapTotal") && swap_used <= swap, "free: swap");
    procps_meminfo_unref(&info);
}

static unsigned long vmstat_of(enum vmstat_item item) {
    struct vmstat_info *info = NULL;
    unsigned long value = 0;

    if (procps_vmstat_new(&info) == 0) {
        struct vmstat_result *result = procps_vmstat_get(info, item);
        value = result ? result->result.ul_int : 0;
        procps_vmstat_unref(&info);
    }
    return value;
}

static void touch_pages(void) {
    char *pages = mmap(NULL, TOUCHED * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    for (unsigned i = 0; pages != MAP_FAILED && i < TOUCHED; i++)
        pages[i * PAGE] = 1;
}

static void vmstat(void) {
    unsigned long faults = vmstat_of(VMSTAT_PGFAULT), in = vmstat_of(VMSTAT_PGPGIN);

    touch_pages();
    expect(vmstat_of(VMSTAT_PGFAULT) >= faults + TOUCHED, "vmstat: a fault for each page that is touched");
    expect(in > 0 && vmstat_of(VMSTAT_PGMAJFAULT) > 0, "vmstat: what came from the disk");
    expect(vmstat_of(VMSTAT_PGMAJFAULT) <= vmstat_of(VMSTAT_PGFAULT), "vmstat: major faults are faults");
}

static void stat(void) {
    struct stat_info *info = NULL;
    double up = 0, idle = 0, one, five, fifteen;

    if (procps_stat_new(&info) != 0) {
        expect(false, "stat can be read");
        return;
    }
    long now = (long)time(NULL), boot = (long)STAT_GET(info, STAT_SYS_TIME_OF_BOOT, ul_int);
    unsigned long long busy = STAT_GET(info, STAT_TIC_SUM_TOTAL, ull_int);
    expect(procps_uptime(&up, &idle) == 0 && up > 0, "uptime: a time");
    expect(boot <= now && near((unsigned long)(now - boot), (unsigned long)up, 2), "uptime: since the boot");
    expect(busy > 0 && STAT_GET(info, STAT_SYS_CTX_SWITCHES, ul_int) > 0, "vmstat: ticks and switches");
    expect(STAT_GET(info, STAT_SYS_PROC_CREATED, ul_int) > 0, "vmstat: forks");
    expect(procps_loadavg(&one, &five, &fifteen) == 0 && one >= 0, "uptime: the load");
    expect(procps_cpu_count() >= 1 && procps_hertz_get() == sysconf(_SC_CLK_TCK),
           "top: processors, ticks a second");
    procps_stat_unref(&info);
}

enum { PID, PARENT, NAME, STATE, THREADS, MINOR, MAJOR, RESIDENT, SIZE, STATUS_RESIDENT, USER, ITEMS };

static enum pids_item items[ITEMS] = {
    [PID] = PIDS_ID_PID,    [PARENT] = PIDS_ID_PPID,
    [NAME] = PIDS_CMD,      [STATE] = PIDS_STATE,
    [THREADS] = PIDS_NLWP,  [MINOR] = PIDS_FLT_MIN,
    [MAJOR] = PIDS_FLT_MAJ, [RESIDENT] = PIDS_MEM_RES,
    [SIZE] = PIDS_MEM_VIRT, [STATUS_RESIDENT] = PIDS_VM_RSS,
    [USER] = PIDS_ID_EUID,
};

static void self(struct pids_info *info) {
    unsigned pid = (unsigned)getpid();
    struct pids_fetch *found = procps_pids_select(info, &pid, 1, PIDS_SELECT_PID);
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    if (!found || found->counts->total != 1) {
        expect(false, "ps: this process");
        return;
    }
    struct pids_stack *stack = found->stacks[0];
    unsigned long minor = PIDS_VAL(MINOR, ul_int, stack, info), major = PIDS_VAL(MAJOR, ul_int, stack, info);
    unsigned long resident = PIDS_VAL(RESIDENT, ul_int, stack, info),
                  size = PIDS_VAL(SIZE, ul_int, stack, info);
    expect(PIDS_VAL(PID, s_int, stack, info) == getpid() && PIDS_VAL(PARENT, s_int, stack, info) == getppid(),
           "ps: pid and parent");
    expect(strcmp(PIDS_VAL(NAME, str, stack, info), "procps") == 0, "ps: the name");
    expect(PIDS_VAL(STATE, s_ch, stack, info) == 'R' && PIDS_VAL(THREADS, s_int, stack, info) == 1,
           "ps: one runs");
    expect(PIDS_VAL(USER, u_int, stack, info) == geteuid(), "ps: whose it is");
    expect(near(minor, (unsigned long)usage.ru_minflt, FEW) &&
               near(major, (unsigned long)usage.ru_majflt, FEW),
           "top: its faults");
    expect(resident > 0 && resident <= size, "top: what it has resident");
    expect(near(resident, PIDS_VAL(STATUS_RESIDENT, ul_int, stack, info), FEW * PAGE / 1024),
           "ps: statm and status agree");
}

static void everybody(struct pids_info *info) {
    struct pids_fetch *found = procps_pids_reap(info, PIDS_FETCH_TASKS_ONLY);
    bool parent = false, first = false;

    for (int i = 0; found && i < found->counts->total; i++) {
        parent |= PIDS_VAL(PID, s_int, found->stacks[i], info) == getppid();
        first |= PIDS_VAL(PID, s_int, found->stacks[i], info) == 1;
    }
    expect(found && found->counts->total >= 2 && parent && first, "ps: all processes");
    expect(found && found->counts->running >= 1 && found->counts->sleeping >= 1,
           "top: who runs and who sleeps");
}

int main(void) {
    struct pids_info *info = NULL;

    meminfo();
    vmstat();
    stat();
    expect(procps_pids_new(&info, items, ITEMS) == 0, "ps: processes can be read");
    if (info) {
        self(info);
        everybody(info);
    }
    return all_good ? 0 : 1;
}
