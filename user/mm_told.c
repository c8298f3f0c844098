/* mm_told: how much memory sysinfo says the machine has, in KiB; sorts and the like go by it. */
#include "user/lib/program.h"

#include <sys/sysinfo.h>

int main(int argc, char **argv) {
    struct sysinfo info;
    program_start(argc, argv, "mm_told", "mm_told\n  prints the memory that sysinfo tells, in KiB");
    if (sysinfo(&info) != 0)
        fail_errno("sysinfo");
    printf("%llu\n", (unsigned long long)info.totalram * info.mem_unit / 1024);
    return 0;
}
