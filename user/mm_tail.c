/*
 * mm_tail: stores to the part of a mapped file's last page that lies behind the file's end, and makes the page be
 * written. Afterwards someone looks at the disk: behind the end there must be zeroes.
 */
#include "user/lib/program.h"

#include <fcntl.h>
#include <sys/mman.h>

static const char usage[] =
    "mm_tail FILE\n  makes a file of 100 bytes, and stores behind its end by a mapping";

int main(int argc, char **argv) {
    enum { BYTES = 100 };
    program_start(argc, argv, "mm_tail", usage);
    if (argc != 2)
        usage_error("one argument, the file's name");
    int file = open(argv[1], O_RDWR | O_CREAT | O_TRUNC, 0644);
    if (file < 0 || ftruncate(file, BYTES) != 0)
        fail_errno("%s", argv[1]);
    char *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (page == MAP_FAILED)
        fail_errno("mmap");
    memset(page, 'S', PAGE);
    if (msync(page, PAGE, MS_SYNC) != 0)
        fail_errno("msync");
    memset(page + BYTES, 'T', PAGE - BYTES); /* again, for whoever writes it when the mapping goes */
    printf("mm_tail: done\n");
    return 0;
}
