/*
 * Trace files as build/trace reads them. Input: a file.
 *
 * links: tools/trace/file.c
 */
#define _GNU_SOURCE
#include "tests/fuzz/fuzz.h"
#include "tools/trace/file.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Every field of every event, as those who print them look at them. */
static void check_file(const struct file *file) {
    uint64_t before = 0;
    MUST(file->kind_count <= KINDS_MOST);
    for (size_t i = 0; i < file->count; i++) {
        const struct event *event = &file->events[i];
        MUST(event->time >= before);
        before = event->time;
        MUST(event->kind == TRACE_LOST || event->number < file->kind_count);
        for (unsigned field = 0; field < FIELDS; field++)
            event_field(event, field);
    }
    for (unsigned i = 0; i < file->kind_count; i++) {
        MUST(memchr(file->kinds[i].name, '\0', sizeof(file->kinds[i].name)) != NULL);
        kind_field(&file->kinds[i], "page");
    }
}

/* The reader says on stderr what is wrong with each file: so many words are not for the terminal. */
static bool read_quietly(struct file *file, const char *path) {
    static int null = -1, terminal = -1;
    if (null < 0)
        null = open("/dev/null", O_WRONLY), terminal = dup(STDERR_FILENO);
    dup2(null, STDERR_FILENO);
    bool good = file_read(file, path);
    dup2(terminal, STDERR_FILENO);
    return good;
}

const unsigned long fuzz_runs = 1500;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    struct file file;
    char path[40];
    int memory = memfd_create("trace", 0);
    MUST(memory >= 0 && write(memory, data, bytes) == (ssize_t)bytes);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", memory);
    if (read_quietly(&file, path))
        check_file(&file);
    file_close(&file);
    close(memory);
    return 0;
}

size_t fuzz_example(unsigned number, uint8_t *data, size_t room) {
    static const char text[] =
        "kind FAULT fault-begin kind frame address code -\n"
        "kind DISK disk-start write - - sector sectors\ncounter pgfault\npolicy clock\n";
    enum { EVENTS = 30 };
    struct {
        struct trace_header header;
        struct trace_event events[EVENTS];
    } image = {.header = {.magic = TRACE_MAGIC,
                          .version = TRACE_VERSION,
                          .header_bytes = sizeof(image.header),
                          .event_bytes = sizeof(struct trace_event),
                          .events = 256,
                          .frames = 100,
                          .written = EVENTS,
                          .cycle_first = 1000,
                          .cycle_scale = number == 0 ? 2u << 22 : 0,
                          .text_bytes = sizeof(text) - 1}};
    memcpy(image.header.text, text, sizeof(text));
    for (unsigned i = 0; i < EVENTS; i++)
        image.events[i] = (struct trace_event){
            .time = 1000 + 10 * i, .sequence = i, .kind = i % 2, .address = i * 4096, .frame = i};
    if (number >= 2 || room < sizeof(image))
        return 0;
    memcpy(data, &image, sizeof(image));
    return sizeof(image);
}
