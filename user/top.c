/*
 * top: who has the memory and who faults: for each process what is resident and on swap, and its minor and major
 * faults and processor time in the last interval, from /proc/PID/stat and status.
 */
#include "user/lib/program.h"

#include <dirent.h>

static const char usage[] =
    "top [SECONDS [TIMES]]\n"
    "  processes with most faults first, every SECONDS (standard 1), TIMES (standard 1) times;\n"
    "  SECONDS 0: since each began";

enum { PROCESSES_MOST = 1024 };

struct sample {
    int pid;
    char name[24], state;
    unsigned long minor, major, ticks, resident, swapped; /* KiB */
};

struct samples {
    unsigned count;
    struct sample list[PROCESSES_MOST];
};

static struct samples before, now;

/* The number behind @key in /proc/PID/status. */
static unsigned long status_value(int pid, const char *key) {
    char path[64], line[256];
    unsigned long value = 0;
    snprintf(path, sizeof(path), "/proc/%d/status", pid);
    FILE *status = fopen(path, "r");
    while (status != NULL && fgets(line, sizeof(line), status) != NULL)
        if (strncmp(line, key, strlen(key)) == 0)
            sscanf(line + strlen(key), "%lu", &value);
    if (status != NULL)
        fclose(status);
    return value;
}

/* False: the process is gone. */
static bool take_sample(int pid, struct sample *sample) {
    char path[64], line[1024];
    unsigned long user, kernel;
    *sample = (struct sample){.pid = pid};
    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    FILE *stat = fopen(path, "r");
    if (stat == NULL)
        return false;
    bool got = fgets(line, sizeof(line), stat) != NULL;
    fclose(stat);
    char *name = strchr(line, '('), *end = strrchr(line, ')');
    if (!got || name == NULL || end == NULL)
        return false;
    snprintf(sample->name, sizeof(sample->name), "%.*s", (int)(end - name - 1), name + 1);
    if (sscanf(end + 1, " %c %*d %*d %*d %*d %*d %*u %lu %*u %lu %*u %lu %lu", &sample->state, &sample->minor,
               &sample->major, &user, &kernel) != 5)
        return false;
    sample->ticks = user + kernel;
    sample->resident = status_value(pid, "VmRSS:");
    sample->swapped = status_value(pid, "VmSwap:");
    return true;
}

static void take_samples(struct samples *samples) {
    DIR *proc = opendir("/proc");
    if (proc == NULL)
        fail_errno("/proc");
    samples->count = 0;
    for (struct dirent *entry; (entry = readdir(proc)) != NULL && samples->count < PROCESSES_MOST;) {
        int pid = atoi(entry->d_name);
        if (pid > 0 && take_sample(pid, &samples->list[samples->count]))
            samples->count++;
    }
    closedir(proc);
}

static const struct sample *sample_of(const struct samples *samples, int pid) {
    static const struct sample none;
    for (unsigned i = 0; i < samples->count; i++)
        if (samples->list[i].pid == pid)
            return &samples->list[i];
    return &none;
}

static unsigned long faults_since(const struct sample *sample) {
    const struct sample *old = sample_of(&before, sample->pid);
    return sample->minor - old->minor + 1000 * (sample->major - old->major);
}

static int by_faults(const void *a, const void *b) {
    unsigned long x = faults_since(a), y = faults_since(b);
    return x < y ? 1 : x > y ? -1 : ((const struct sample *)a)->pid - ((const struct sample *)b)->pid;
}

static void print_samples(unsigned seconds) {
    unsigned long resident = 0, swapped = 0;
    long hertz = sysconf(_SC_CLK_TCK);
    qsort(now.list, now.count, sizeof(now.list[0]), by_faults);
    for (unsigned i = 0; i < now.count; i++) {
        resident += now.list[i].resident;
        swapped += now.list[i].swapped;
    }
    printf("%u processes, %lu KiB resident, %lu KiB on swap\n", now.count, resident, swapped);
    printf("%6s %-16s %c %9s %9s %9s %9s %7s\n", "PID", "NAME", 'S', "RSS KiB", "SWAP KiB",
           seconds ? "MINOR/s" : "MINOR", seconds ? "MAJOR/s" : "MAJOR", seconds ? "CPU %" : "CPU s");
    for (unsigned i = 0; i < now.count; i++) {
        const struct sample *sample = &now.list[i], *old = sample_of(&before, sample->pid);
        double every = seconds ? seconds : 1,
               cpu = (double)(sample->ticks - old->ticks) / (double)hertz / every;
        printf("%6d %-16s %c %9lu %9lu %9.0f %9.0f %7.1f\n", sample->pid, sample->name, sample->state,
               sample->resident, sample->swapped, (double)(sample->minor - old->minor) / every,
               (double)(sample->major - old->major) / every, seconds ? cpu * 100 : cpu);
    }
    printf("\n");
    fflush(stdout);
}

int main(int argc, char **argv) {
    program_start(argc, argv, "top", usage);
    unsigned seconds = number_argument(argc, argv, 1, "SECONDS", 1, 0, 86400);
    unsigned times = number_argument(argc, argv, 2, "TIMES", 1, 1, 1000000);
    if (seconds > 0)
        take_samples(&now);
    for (unsigned i = 0; i < times; i++) {
        if (seconds > 0)
            before = now;
        sleep(seconds);
        take_samples(&now);
        print_samples(seconds);
    }
    return 0;
}
