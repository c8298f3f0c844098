/*
 * Who has a secret: writes it wherever the kernel keeps bytes for a program, and leaves without tidying up.
 */
#include "user/secrets/secrets.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

static void fill_memory(unsigned pages) {
    char *memory = allocate_pages(pages * PAGE);
    memset(memory, secret, pages * PAGE); /* most of it goes to swap */
    char *top = sbrk(16 * PAGE);
    memset(top, secret, 16 * PAGE);
    char stack[16 * PAGE];
    memset(stack, secret, sizeof(stack));
    __asm__ volatile("" : : "r"(stack) : "memory");
    int segment = shmget(IPC_PRIVATE, 16 * PAGE, 0600);
    char *shared = shmat(segment, NULL, 0);
    if (segment >= 0 && shared != (void *)-1)
        memset(shared, secret, 16 * PAGE);
    shmctl(segment, IPC_RMID, NULL);
}

/* Through the page cache, a mapping past the end, and without the cache; then the files are gone. */
static void fill_file(const char *name, int flags, unsigned pages) {
    int file = open(name, O_RDWR | O_CREAT | O_TRUNC | flags, 0600);
    char *page = allocate_pages(PAGE);
    if (file < 0)
        return; /* no O_DIRECT here */
    memset(page, secret, PAGE);
    for (unsigned i = 0; i < pages; i++)
        write_all(file, page, PAGE);
    if (fsync(file) != 0 || ftruncate(file, PAGE + 10) != 0)
        fail_errno("%s", name);
    char *tail = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (tail == MAP_FAILED)
        fail_errno("mmap");
    memset(tail, secret, 2 * PAGE); /* also where the file is no more */
    munmap(tail, 2 * PAGE);
    close(file);
    unlink(name);
    munmap(page, PAGE);
}

static void fill_pipe(void) {
    int ends[2];
    char bytes[PAGE];
    memset(bytes, secret, sizeof(bytes));
    if (pipe2(ends, O_NONBLOCK) != 0)
        fail_errno("pipe");
    while (write(ends[1], bytes, sizeof(bytes)) > 0)
        ;
}

/* Names and arguments are copied into the kernel's own pages. */
static void fill_kernel_pages(void) {
    char name[4 * PAGE];
    memset(name, secret, sizeof(name));
    name[sizeof(name) - 1] = '\0';
    char *argv[] = {name, name, NULL};
    access(name + sizeof(name) - PAGE, F_OK);
    execve("/missing", argv, argv);
    memfd_create(name + sizeof(name) - 200, 0);
}

static void on_signal(int number) {
    (void)number;
}

/* All of the x87's and SSE's registers. */
static void fill_fpu(void) {
    unsigned char image[512] __attribute__((aligned(16)));
    memset(image, 0, sizeof(image));
    __asm__ volatile("fxsave %0" : "=m"(image));
    memset(image + 32, secret, 256);
    image[4] = 0xFF; /* tags: all in use */
    __asm__ volatile("fxrstor %0" : : "m"(image));
}

void clear_fpu(void) {
    unsigned char image[512] __attribute__((aligned(16)));
    memset(image, 0, sizeof(image));
    image[0] = 0x7F, image[1] = 3;
    image[24] = 0x80, image[25] = 0x1F;
    __asm__ volatile("fxrstor %0" : : "m"(image));
}

/*
 * Calls that copy much from the program onto the kernel's stack, and go deep: a signal with the FPU's registers
 * full, vectors, polled descriptors, and arguments that are the secret.
 */
void soil_kernel_stack(void) {
    uint32_t word = secret * 0x01010101u;
    static long no_time[2];
    char bytes[1024];
    memset(bytes, secret, sizeof(bytes));
    signal(SIGUSR2, on_signal);
    fill_fpu();
    raise(SIGUSR2);
    fill_fpu();
    clear_fpu();
    syscall(SYS_poll, bytes, 60, 0);
    syscall(SYS_writev, -1, bytes, 8);
    syscall(SYS_readv, 0, bytes, 0);
    syscall(SYS_rt_sigprocmask, 77, bytes, NULL, 8);
    syscall(SYS__newselect, 8 * 32, bytes, bytes, bytes, no_time);
    syscall(SYS_statx, word, bytes, word, word & 0x7FFFFFFF, word);
    syscall(SYS_openat, word, bytes, word, word, word, word);
    syscall(SYS_mmap, bytes);
    syscall(SYS_clone, 0x80000000u, word, word, word, word);
    syscall(SYS_futex, word, word, word, word, word, word);
    bytes[60] = '\0';
    syscall(SYS_mkdir, bytes, 0);
    syscall(SYS_rmdir, bytes);
}

void soil_frames(unsigned pages) {
    int pid = fork_checked();
    if (pid == 0) {
        memset(allocate_pages(pages * PAGE), secret, pages * PAGE);
        _exit(0);
    }
    if (wait_for(pid) != 0)
        fail("who soils frames has ended badly");
}

void victim(unsigned pages) {
    int pid = fork_checked();
    if (pid == 0) {
        fill_file("secrets.a", 0, 64);
        fill_file("secrets.b", O_DIRECT, 64);
        fill_file("/dev/shm/secrets", 0, 64);
        fill_pipe();
        fill_kernel_pages();
        soil_kernel_stack();
        fill_memory(pages);
        fill_fpu();
        _exit(0);
    }
    if (wait_for(pid) != 0)
        fail("the victim has ended badly");
}
