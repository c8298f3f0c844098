/* help: the boot words, as the kernel's own table describes them, and the programs worth trying. */
#include "user/lib/program.h"

static const char programs[] =
    "Programs (each tells its arguments with -h):\n"
    "  pagedemo                     watch demand paging happen, with the numbers explained\n"
    "  vmstat top pmap              what the kernel counts, by the second; who faults; where memory is\n"
    "  fault-time PROGRAM           its page faults by kind, and how long they took\n"
    "  footprint PROGRAM            its memory at its most, and its faults\n"
    "  seqsweep randtouch matmul quicksort mergesort deeprec sparse segments listwalk sparsetext\n"
    "                               the classic paging loads; each checks all its data\n"
    "  cowtest forkload manyproc    many processes; copy-on-write\n"
    "  threads                      several threads in one memory, more than there is\n"
    "  eatmem reclaim overlap       memory's end; pages found again; paging while another computes\n"
    "  badaccess efault restart     accesses that must fail, and instructions that must restart\n"
    "  onein N FILE                 one memory reference in N is a page fault: what that costs\n"
    "  onefault                     one page fault of the kind you like, for `make tour`\n"
    "  filetest directtest          files: read, mapped, and past the cache (O_DIRECT)\n"
    "  semantics                    what is promised about memory, signals, threads, line by line\n"
    "  shmtest pagemap promises     shared memory; which frame or slot a page is in; promises of memory\n"
    "  sh ls cat wc echo cp mv rm mkdir sync sleep kill count help\n";

int main(int argc, char **argv) {
    program_start(argc, argv, "help", "help");
    FILE *words = fopen("/proc/bootparams", "r");
    if (words != NULL) {
        int c;
        printf("Boot words:\n");
        while ((c = getc(words)) != EOF)
            putchar(c);
        fclose(words);
        printf("\n");
    }
    fputs(programs, stdout);
    return 0;
}
