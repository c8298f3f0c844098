/*
 * elffuzz: programs that are none. Good images, one of our own making and one of the programs that there are, are
 * damaged in one place or several by a seeded choice: words of the ELF header and of the program headers, sizes
 * and addresses at the ends of their ranges, the kernel's addresses, segments over each other, files cut short,
 * and first lines of scripts. Each is run: execve must refuse it with an errno, or the process ends by itself or
 * by a signal. What comes of it is printed as counts:
 *
 *     elffuzz result ENOEXEC 312          elffuzz end signal-11 101         elffuzz total images 1000
 *
 * Whether the kernel has kept its own is for whoever reads its counters afterwards.
 */
#include "user/lib/program.h"

#include "user/lib/pattern.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

static const char usage[] = "elffuzz [SEED [IMAGES]]\n"
                            "  runs IMAGES (standard 500) damaged programs, chosen by SEED (1)";

enum { IMAGE_MAX = 1 << 20, OWN_BYTES = 3 * PAGE, SEGMENTS = 3, ERRORS = 134 };

static unsigned char image[IMAGE_MAX];
static size_t image_bytes;
static struct generator random_numbers;
static unsigned refused[ERRORS], signals[128], exits;

static uint32_t pick(uint32_t n) {
    return generator_below(&random_numbers, n);
}

/* --- good images --------------------------------------------------------------------------------- */

/* Text, data with .bss, and a stack's permissions; all that it does is to exit. */
static void make_own(void) {
    static const unsigned char code[] = {0x31, 0xDB, 0x31, 0xC0, 0x40, 0xCD, 0x80}; /* exit(0) */
    const Elf32_Ehdr header = {
        .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS32, ELFDATA2LSB, EV_CURRENT},
        .e_type = ET_EXEC,
        .e_machine = EM_386,
        .e_version = EV_CURRENT,
        .e_entry = 0x08048000 + 0x200,
        .e_phoff = sizeof(header),
        .e_ehsize = sizeof(header),
        .e_phentsize = sizeof(Elf32_Phdr),
        .e_phnum = SEGMENTS,
    };
    const Elf32_Phdr segments[SEGMENTS] = {
        {PT_LOAD, 0, 0x08048000, 0x08048000, PAGE, PAGE, PF_R | PF_X, PAGE},
        {PT_LOAD, PAGE, 0x08049000, 0x08049000, PAGE + 100, 3 * PAGE, PF_R | PF_W, PAGE},
        {PT_GNU_STACK, 0, 0, 0, 0, 0, PF_R | PF_W, 16},
    };
    memset(image, 0, OWN_BYTES);
    memcpy(image, &header, sizeof(header));
    memcpy(image + sizeof(header), segments, sizeof(segments));
    memcpy(image + 0x200, code, sizeof(code));
    image_bytes = OWN_BYTES;
}

static void take_existing(const char *path) {
    int file = open(path, O_RDONLY);
    ssize_t bytes = file < 0 ? -1 : read(file, image, IMAGE_MAX);
    if (bytes <= 0)
        fail_errno("%s", path);
    close(file);
    image_bytes = (size_t)bytes;
}

/* --- damage -------------------------------------------------------------------------------------- */

/* Addresses, sizes and offsets that may be mistaken for good ones. */
static uint32_t odd_word(uint32_t before) {
    static const uint32_t words[] = {0,          1,          2,          3,          0x1F,       0x20,
                                     0x34,       0xFFF,      0x1000,     0x1001,     0x10000,    0x08048000,
                                     0x08049000, 0x0804A064, 0x40000000, 0x7FFFFFFF, 0x80000000, 0xBFFFE000,
                                     0xBFFFF000, 0xBFFFFFFF, 0xC0000000, 0xC0100000, 0xFFFFF000, 0xFFFFFFFF};
    switch (pick(4)) {
    case 0:
        return generator_next(&random_numbers);
    case 1:
        return before + (1u << pick(32)) * (pick(2) ? 1 : -1u);
    default:
        return words[pick(COUNT_OF(words))];
    }
}

static void damage_word(size_t at, size_t bytes) {
    uint32_t word = 0;
    if (at + bytes > image_bytes)
        return;
    memcpy(&word, image + at, bytes);
    word = odd_word(word);
    memcpy(image + at, &word, bytes);
}

static void damage_header(void) {
    static const struct {
        uint8_t at, bytes;
    } fields[] = {{16, 2}, {18, 2}, {20, 4}, {24, 4}, {28, 4}, {36, 4},
                  {40, 2}, {42, 2}, {44, 2}, {4, 1},  {0, 4}};
    unsigned field = pick(COUNT_OF(fields));
    damage_word(fields[field].at, fields[field].bytes);
}

static size_t segment_place(unsigned number) {
    Elf32_Ehdr header;
    memcpy(&header, image, sizeof(header));
    return header.e_phoff % IMAGE_MAX + number * sizeof(Elf32_Phdr);
}

static void damage_segment(void) {
    damage_word(segment_place(pick(4)) + pick(8) * sizeof(uint32_t), sizeof(uint32_t));
}

/* One segment takes another's place, or becomes one that names an interpreter. */
static void overlap_segments(void) {
    size_t from = segment_place(pick(3)), to = segment_place(pick(3));
    if (from + sizeof(Elf32_Phdr) > image_bytes || to + sizeof(Elf32_Phdr) > image_bytes)
        return;
    memmove(image + to, image + from, sizeof(Elf32_Phdr));
    if (pick(2) == 0)
        damage_word(to + sizeof(uint32_t) * (1 + pick(5)), sizeof(uint32_t));
    uint32_t type = pick(8);
    if (pick(3) == 0)
        memcpy(image + to, &type, sizeof(type));
}

static void cut(void) {
    static const uint16_t sizes[] = {0,   1,   3,   4,     16,    51,   52,   53,  84,
                                     116, 147, 148, 0x1FF, 0x203, 4095, 4096, 4097};
    image_bytes = pick(2) ? sizes[pick(COUNT_OF(sizes))] : pick((uint32_t)image_bytes);
}

static void make_script(void) {
    static const char *const lines[] = {
        "#!/tmp/elffuzz.d/image\n",
        "#!\n",
        "#!",
        "#! \t \n",
        "#!/bin/echo",
        "#!/bin/echo a b c\n",
        "#!/bin\n",
        "#!/missing -x\n",
        "#!image\n",
        "#!/dev/null\n",
    };
    const char *line = lines[pick(COUNT_OF(lines))];
    image_bytes = strlen(line);
    memcpy(image, line, image_bytes);
    if (pick(3) == 0) { /* a line that is too long, or of odd bytes */
        image_bytes = pick(2 * PAGE) + 3;
        for (size_t i = 2; i < image_bytes; i++)
            image[i] = (unsigned char)(pick(50) ? 'a' : pick(256));
    }
}

static void damage(void) {
    unsigned times = 1 + pick(3);
    for (unsigned i = 0; i < times; i++) {
        switch (pick(12)) {
        case 0:
        case 1:
        case 2:
            damage_header();
            break;
        case 3:
            overlap_segments();
            break;
        case 4:
            cut();
            break;
        case 5:
            make_script();
            return;
        case 6:
            for (unsigned bytes = pick(30); bytes > 0 && image_bytes > 0; bytes--)
                image[pick(image_bytes < 512 ? (uint32_t)image_bytes : 512)] ^=
                    (unsigned char)(1u << pick(8));
            break;
        default:
            damage_segment();
        }
    }
}

/* --- running it ---------------------------------------------------------------------------------- */

static void write_image(void) {
    int file = open("image", O_WRONLY | O_CREAT | O_TRUNC, 0755);
    if (file < 0)
        fail_errno("image");
    write_all(file, image, image_bytes);
    close(file);
}

NO_RETURN static void child(int report) {
    char *argv[] = {"image", "argument", NULL}, *envp[] = {"NAME=value", NULL};
    int null = open("/dev/null", O_RDWR);
    for (int i = 0; i < 3; i++)
        dup2(null, i);
    setsid(); /* if it kills its group, that is itself */
    alarm(2); /* what runs astray may run for ever */
    execve("/tmp/elffuzz.d/image", argv, envp);
    int error = errno;
    (void)!write(report, &error, sizeof(error));
    _exit(0);
}

static void run_image(void) {
    int ends[2], error, status;
    if (pipe2(ends, O_CLOEXEC) != 0)
        fail_errno("pipe");
    int pid = fork_checked();
    if (pid == 0)
        child(ends[1]);
    close(ends[1]);
    bool was_refused = read(ends[0], &error, sizeof(error)) == (ssize_t)sizeof(error);
    close(ends[0]);
    if (waitpid(pid, &status, 0) != pid)
        fail_errno("waitpid");
    if (was_refused)
        refused[error > 0 && error < ERRORS ? error : 0]++;
    else if (WIFSIGNALED(status))
        signals[WTERMSIG(status)]++;
    else
        exits++;
}

static void report(uint32_t seed, unsigned images) {
    printf("elffuzz total seed %u\nelffuzz total images %u\n", seed, images);
    for (unsigned i = 0; i < ERRORS; i++)
        if (refused[i] > 0)
            printf("elffuzz result %s %u\n", i == 0 ? "strange" : strerrorname_np((int)i), refused[i]);
    printf("elffuzz end exit %u\n", exits);
    for (unsigned i = 0; i < COUNT_OF(signals); i++)
        if (signals[i] > 0)
            printf("elffuzz end signal-%u %u\n", i, signals[i]);
}

int main(int argc, char **argv) {
    program_start(argc, argv, "elffuzz", usage);
    uint32_t seed = number_argument(argc, argv, 1, "SEED", 1, 0, UINT32_MAX);
    unsigned images = number_argument(argc, argv, 2, "IMAGES", 500, 1, 1u << 24);
    if (mkdir("/tmp/elffuzz.d", 0755) != 0 || chdir("/tmp/elffuzz.d") != 0)
        fail_errno("/tmp/elffuzz.d");
    random_numbers = generator_start(seed);
    for (unsigned i = 0; i < images; i++) {
        if (i % 8 == 7)
            take_existing("/proc/self/exe");
        else
            make_own();
        damage();
        write_image();
        run_image();
    }
    unlink("image");
    if (chdir("/") != 0 || rmdir("/tmp/elffuzz.d") != 0)
        fail_errno("/tmp/elffuzz.d");
    report(seed, images);
    return 0;
}
