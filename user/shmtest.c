/*
 * shmtest: shared memory, System V's and /dev/shm's. The facts are printed, a line each, and are the same on
 * a Linux host; the paging run fills a segment larger than memory from one process and checks it from
 * another.
 */
#include "user/lib/program.h"

#include "user/lib/pattern.h"
#include "user/lib/result.h"

#include <fcntl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>

static const char usage[] =
    "shmtest sysv | files | paging [SIZE [ROUNDS]]\n"
    "  sysv: facts of shmget and its family; files: of /dev/shm\n"
    "  paging: two processes change SIZE bytes (standard 4M) in turn, ROUNDS (3) times";

#define BYTES 10000u /* three pages, the last in part */
#define WORDS (PAGE / sizeof(uint32_t))

static long attached(int id) {
    struct shmid_ds status;
    return shmctl(id, IPC_STAT, &status) < 0 ? -1 : (long)status.shm_nattch;
}

static char *attach(int id, const void *address, int flags) {
    char *memory = shmat(id, address, flags);
    if (memory == (char *)-1)
        fail_errno("shmat");
    return memory;
}

/* --- System V --- */

/* A key that nobody has, whatever else runs on the machine. */
static key_t free_key(void) {
    key_t key = 0x5f000000 + getpid();
    while (shmget(key, 0, 0) >= 0)
        key += 0x10000;
    return key;
}

static void keys(void) {
    key_t key = free_key();
    print_result("shmget of a key that is not there", shmget(key, BYTES, 0));
    print_result("shmget of no bytes", shmget(key, 0, IPC_CREAT | 0600));
    int id = shmget(key, BYTES, IPC_CREAT | IPC_EXCL | 0640);
    print_whether("made", id >= 0);
    print_result("made again with IPC_EXCL", shmget(key, BYTES, IPC_CREAT | IPC_EXCL | 0600));
    print_whether("found", shmget(key, BYTES, 0) == id && shmget(key, 0, IPC_CREAT) == id);
    print_result("found, but larger", shmget(key, BYTES + PAGE, 0));
    struct shmid_ds status;
    print_result("IPC_STAT", shmctl(id, IPC_STAT, &status));
    printf("size %zu, mode %o, attached %u\n", (size_t)status.shm_segsz, (unsigned)status.shm_perm.mode,
           (unsigned)status.shm_nattch);
    print_whether("key and creator", status.shm_perm.__key == key && status.shm_cpid == getpid());
    status.shm_perm.mode = 0600;
    print_result("IPC_SET", shmctl(id, IPC_SET, &status));
    print_result("IPC_STAT", shmctl(id, IPC_STAT, &status));
    printf("mode %o\n", (unsigned)status.shm_perm.mode);
    print_result("unknown command", shmctl(id, 77, &status));
    print_result("IPC_RMID", shmctl(id, IPC_RMID, NULL));
    print_result("removed again", shmctl(id, IPC_RMID, NULL));
    print_result("shmat of a removed one", (long)shmat(id, NULL, 0));
    print_result("shmget of a removed one", shmget(key, BYTES, 0));
    int first = shmget(IPC_PRIVATE, 1, 0600), second = shmget(IPC_PRIVATE, 1, 0600);
    print_whether("IPC_PRIVATE is always a new one", first >= 0 && second >= 0 && first != second);
    shmctl(first, IPC_RMID, NULL);
    shmctl(second, IPC_RMID, NULL);
}

static void places(void) {
    int id = shmget(IPC_PRIVATE, BYTES, 0600);
    char *memory = attach(id, NULL, 0), *other = attach(id, NULL, 0);
    print_result("attached twice", attached(id));
    print_whether("zeros at first", memory[0] == 0 && memory[BYTES - 1] == 0);
    strcpy(memory + PAGE, "one memory");
    printf("seen at the other place: %s\n", other + PAGE);
    print_result("shmat where something is", (long)shmat(id, memory, 0));
    print_result("shmat at no page's start", (long)shmat(id, memory + 100, 0));
    print_result("SHM_REMAP anywhere", (long)shmat(id, NULL, SHM_REMAP));
    print_whether("SHM_REMAP with SHM_RND", shmat(id, other + 100, SHM_REMAP | SHM_RND) == other);
    print_result("attached", attached(id));
    print_result("shmdt of the middle", shmdt(memory + PAGE));
    print_result("shmdt", shmdt(other));
    print_result("shmdt again", shmdt(other));
    print_whether("shmat where there is room", shmat(id, other, 0) == other);
    print_result("munmap of the middle", munmap(other + PAGE, PAGE));
    print_result("attached, in pieces", attached(id));
    print_result("shmdt takes both pieces", shmdt(other));
    print_result("attached", attached(id));
    char *reader = attach(id, NULL, SHM_RDONLY);
    printf("read only: %s\n", reader + PAGE);
    print_result("mprotect of a read-only attach", mprotect(reader, PAGE, PROT_READ | PROT_WRITE));
    int pid = fork_checked();
    if (pid == 0) {
        reader[0] = 1;
        exit(0);
    }
    print_result("a store there ends with status", wait_for(pid));
    shmctl(id, IPC_RMID, NULL);
    print_result("attached after IPC_RMID", attached(id));
    print_whether("attached once more by its id", shmat(id, NULL, 0) != (void *)-1);
    print_result("attached", attached(id));
}

/* Waits for a byte from the other process, or sends it one. */
static void await(int pipe_end) {
    char byte;
    read_all(pipe_end, &byte, 1);
}

static void tell(int pipe_end) {
    write_all(pipe_end, "", 1);
}

static void processes(void) {
    int id = shmget(IPC_PRIVATE, BYTES, 0600), down[2], up[2];
    char *memory = attach(id, NULL, 0);
    if (pipe(down) < 0 || pipe(up) < 0)
        fail_errno("pipe");
    int pid = fork_checked();
    if (pid == 0) {
        strcpy(memory + 2 * PAGE, "from the child");
        tell(up[1]);
        await(down[0]);
        execlp("shmtest", "shmtest", "-h", (char *)NULL); /* exec detaches; -h prints on its own stdout */
        _exit(1);
    }
    await(up[0]);
    print_result("attached after fork", attached(id));
    printf("said: %s\n", memory + 2 * PAGE);
    shmctl(id, IPC_RMID, NULL);
    print_result("attached after IPC_RMID", attached(id));
    tell(down[1]);
    print_result("child", wait_for(pid));
    print_result("attached after exec and exit", attached(id));
    printf("still there: %s\n", memory + 2 * PAGE);
    print_result("shmdt", shmdt(memory));
    print_result("gone with the last", attached(id));
}

/* --- /dev/shm --- */

static void names(void) {
    char name[40], path[60], other[60];
    snprintf(name, sizeof(name), "/shmtest-%d", (int)getpid());
    snprintf(path, sizeof(path), "/dev/shm%s", name);
    snprintf(other, sizeof(other), "/dev/shm%s-b", name);
    struct stat status;
    print_result("shm_open of what is not there", shm_open(name, O_RDWR, 0));
    int fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
    print_whether("shm_open", fd >= 0);
    print_result("shm_open with O_EXCL", shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600));
    print_result("ftruncate", ftruncate(fd, BYTES));
    fstat(fd, &status);
    printf("size %d, blocks %d, links %d, mode %o\n", (int)status.st_size, (int)status.st_blocks,
           (int)status.st_nlink, (unsigned)status.st_mode);
    print_result("link", link(path, other));
    print_result("rename to its own link", rename(path, other));
    print_result("unlink", unlink(other));
    print_result("rename", rename(path, other));
    print_result("stat of the old name", stat(path, &status));
    print_result("stat of the new one", stat(other, &status));
    print_result("symlink", symlink("nowhere", path));
    char target[20];
    print_result("readlink", readlink(path, target, sizeof(target)));
    print_result("stat through it", stat(path, &status));
    print_result("shm_unlink", shm_unlink(name));
    print_result("mkdir", mkdir(path, 0700));
    print_result("unlink of a directory", unlink(path) < 0 && (errno == EISDIR || errno == EPERM) ? 0 : 1);
    snprintf(target, sizeof(target), "%s", "x");
    char inner[100];
    snprintf(inner, sizeof(inner), "%s/inner", path);
    print_result("rename into it", rename(other, inner));
    print_result("rename of a directory into itself", rename(path, inner));
    print_result("rmdir of a full directory", rmdir(path));
    print_result("unlink in it", unlink(inner));
    print_result("rmdir", rmdir(path));
    close(fd);
}

static void contents(void) {
    char name[40], text[16] = "";
    snprintf(name, sizeof(name), "/shmtest-%d", (int)getpid());
    int fd = shm_open(name, O_RDWR | O_CREAT, 0600);
    print_result("shm_unlink while open", shm_unlink(name));
    ftruncate(fd, 3 * PAGE);
    char *shared = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    char *copy = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    strcpy(shared + PAGE, "by the mapping");
    print_result("pread", pread(fd, text, sizeof(text), PAGE));
    printf("read: %s\n", text);
    print_result("pwrite", pwrite(fd, "by a write", 11, 2 * PAGE));
    printf("mapped: %s, private: %s\n", shared + 2 * PAGE, copy + 2 * PAGE);
    strcpy(copy + 2 * PAGE, "by the private map");
    printf("mapped: %s, private: %s\n", shared + 2 * PAGE, copy + 2 * PAGE);
    print_result("read of a hole", pread(fd, text, sizeof(text), 0));
    print_whether("it is zeros", text[0] == 0 && text[15] == 0);
    struct stat status;
    fstat(fd, &status);
    printf("blocks %d\n", (int)status.st_blocks);
    int pid = fork_checked();
    if (pid == 0) {
        shared[3 * PAGE] = 1;
        exit(0);
    }
    print_result("a store past the end ends with status", wait_for(pid));
    print_result("ftruncate", ftruncate(fd, PAGE + 2));
    printf("cut: %s\n", shared + PAGE);
    print_result("ftruncate", ftruncate(fd, 3 * PAGE));
    printf("and grown: %s, %d, private: %s\n", shared + PAGE, shared[2 * PAGE], copy + 2 * PAGE);
    print_result("msync", msync(shared, 3 * PAGE, MS_SYNC));
    print_result("fsync", fsync(fd));
    struct statvfs space;
    print_result("statvfs", fstatvfs(fd, &space));
    print_whether("it has room, in pages",
                  space.f_bsize == PAGE && space.f_bfree > 0 && space.f_bfree < space.f_blocks);
}

/* Memory with a descriptor and no name. */
static void unnamed(void) {
    print_result("memfd_create, odd flags", memfd_create("x", 0x4000));
    int fd = memfd_create("shmtest", 0);
    struct stat status;
    print_result("ftruncate", ftruncate(fd, BYTES));
    fstat(fd, &status);
    printf("size %d, links %d, regular %d\n", (int)status.st_size, (int)status.st_nlink,
           S_ISREG(status.st_mode));
    char *memory = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    int pid = fork_checked();
    if (pid == 0) {
        pwrite(fd, "to the parent", 14, PAGE);
        exit(0);
    }
    wait_for(pid);
    close(fd);
    printf("seen: %s\n", memory + PAGE);
}

/* --- under pressure --- */

static uint32_t *paging_memory(const char *how, size_t size) {
    if (strcmp(how, "sysv") == 0) {
        int id = shmget(IPC_PRIVATE, size, 0600);
        if (id < 0)
            fail_errno("shmget of %zu bytes", size);
        uint32_t *memory = shmat(id, NULL, 0);
        shmctl(id, IPC_RMID, NULL);
        return memory;
    }
    char name[40];
    snprintf(name, sizeof(name), "/shmtest-%d", (int)getpid());
    int fd = shm_open(name, O_RDWR | O_CREAT, 0600);
    if (fd < 0 || ftruncate(fd, (off_t)size) < 0)
        fail_errno("/dev/shm%s", name);
    shm_unlink(name);
    uint32_t *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    return memory;
}

/* Each process checks what the other wrote, page by page, and writes its own over it. */
static void turn(uint32_t *memory, uint32_t pages, uint32_t number) {
    for (uint32_t page = 0; page < pages; page++) {
        if (number > 0)
            pattern_check(memory + page * WORDS, page * WORDS, WORDS, number, "shared page");
        pattern_fill(memory + page * WORDS, page * WORDS, WORDS, number + 1);
    }
}

static void paging(const char *how, size_t size, unsigned rounds) {
    uint32_t *memory = paging_memory(how, size);
    if (memory == (void *)-1)
        fail_errno("%s", how);
    int down[2], up[2];
    if (pipe(down) < 0 || pipe(up) < 0)
        fail_errno("pipe");
    int pid = fork_checked();
    close(pid == 0 ? down[1] : down[0]); /* or who waits for the other would not see it die */
    close(pid == 0 ? up[0] : up[1]);
    for (unsigned i = 0; i < rounds; i++) {
        if (pid == 0) {
            await(down[0]);
            turn(memory, size / PAGE, 2 * i + 1);
            tell(up[1]);
        } else {
            turn(memory, size / PAGE, 2 * i);
            tell(down[1]);
            await(up[0]);
        }
    }
    if (pid == 0)
        exit(0);
    int status = wait_for(pid);
    if (status != 0)
        fail("the other process ended with status %d", status);
    pattern_check(memory, 0, size / sizeof(*memory), 2 * rounds, "all");
    printf("%s: %u pages changed hands %u times; child %d\n", how, (unsigned)(size / PAGE), 2 * rounds,
           status);
}

int main(int argc, char **argv) {
    program_start(argc, argv, "shmtest", usage);
    const char *what = argc > 1 ? argv[1] : "";
    if (strcmp(what, "sysv") == 0) {
        keys();
        places();
        processes();
    } else if (strcmp(what, "files") == 0) {
        names();
        contents();
        unnamed();
    } else if (strcmp(what, "paging") == 0) {
        size_t size = size_argument(argc, argv, 2, "SIZE", 4u << 20, PAGE, 1u << 29);
        unsigned rounds = number_argument(argc, argv, 3, "ROUNDS", 3, 1, 1000);
        paging("sysv", size, rounds);
        paging("file", size, rounds);
    } else {
        usage_error("which test?");
    }
    return 0;
}
