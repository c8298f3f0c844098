/*
 * execve: a new program in the process.
 *
 * The new image is built in a space of its own while the old one is kept: argument strings are copied into
 * kernel pages (exec_strings.c), because they lie in the old space; then this thread borrows the new space,
 * maps the program's segments and fills the stack (exec_stack.c) by ordinary user copies. Only when nothing
 * can fail any more does the process change over, alone; any failure before leaves it as it was.
 *
 * No page of the program is read here, apart from its header and the page in which its data ends: segments
 * are mapped from the file's object, and faults read what is touched (mm/load.c has the other way,
 * load=swap).
 *
 * Source: System V ABI, Intel386 supplement, chapters 4 and 5 (object files, program loading); execve(2).
 */
#include "arch/x86/abi.h"
#include "arch/x86/memory.h"
#include "arch/x86/time.h"
#include "arch/x86/usercopy.h"
#include "kernel/descriptor.h"
#include "kernel/elf.h"
#include "kernel/exec_stack.h"
#include "kernel/exec_strings.h"
#include "kernel/process.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mm/counters.h"
#include "mm/fault_times.h"
#include "mm/heap.h"
#include "mm/load.h"
#include "mm/reftrace.h"
#include "mm/scope.h"
#include "mm/trace.h"

#include <linux/stat.h>

#define SCRIPT_DEPTH_MAX 4
#define STACK_TOP        USER_TOP
#define STACK_GAP        (1u << 20) /* kept free below the stack, so that running over it is noticed */
#define PIE_BASE         ((vaddr_t)0x08000000u)

struct image {
    struct vnode *vnode; /* a reference */
    char *page;          /* its first page */
    size_t page_bytes;
    struct strings strings;
    struct elf_image elf;
    vaddr_t bias;
};

/* --- finding the program --- */

static int open_executable(const char *path, struct vnode **found) {
    struct vnode *cwd = working_directory(), *vnode;
    int error = path_walk(cwd, path, 0, &vnode);
    vnode_unref(cwd);
    if (error)
        return error;
    if (!S_ISREG(vnode->mode) || !vnode->has_pages || !(vnode->mode & 0111)) {
        vnode_unref(vnode);
        return -EACCES;
    }
    error = vnode_run_begin(vnode);
    if (error)
        vnode_unref(vnode);
    *found = vnode;
    return error;
}

static void close_executable(struct vnode *vnode) {
    if (!vnode)
        return;
    vnode_run_end(vnode);
    vnode_unref(vnode);
}

/* Opens @path in place of what the image refers to now, and reads its first page. */
static int image_open(struct image *image, const char *path) {
    struct vnode *vnode;
    int error = open_executable(path, &vnode);
    if (error)
        return error;
    close_executable(image->vnode);
    image->vnode = vnode;
    long bytes = vnode_read_kernel(vnode, image->page, PAGE_SIZE, 0);
    if (bytes < 0)
        return (int)bytes;
    image->page_bytes = (size_t)bytes;
    return 0;
}

/*
 * Cuts the "#!" line in the image's first page into interpreter and argument (NULL: none), in place.
 * False: not a script, or the line does not end in this page.
 */
static bool parse_script(struct image *image, char **interpreter, char **argument) {
    if (image->page_bytes < 3 || memcmp(image->page, "#!", 2) != 0)
        return false;
    char *end = memchr(image->page, '\n', image->page_bytes);
    if (!end)
        return false;
    while (end[-1] == ' ' || end[-1] == '\t')
        end--;
    *end = '\0';
    char *at = image->page + 2;
    while (*at == ' ' || *at == '\t')
        at++;
    *interpreter = at;
    while (*at != '\0' && *at != ' ' && *at != '\t')
        at++;
    *argument = NULL;
    if (*at != '\0') {
        *at++ = '\0';
        while (*at == ' ' || *at == '\t')
            at++;
        *argument = at;
    }
    return **interpreter != '\0';
}

/* What scripts put in place of argv[0]: interpreter, its argument, and the script's path, innermost last. */
struct prefix {
    char *page; /* holds the strings */
    size_t used;
    const char *words[2 * SCRIPT_DEPTH_MAX + 1];
    unsigned count;
};

/* Puts a copy of @word in front of the others. */
static int prefix_push(struct prefix *prefix, const char *word) {
    size_t bytes = strlen(word) + 1;
    if (bytes > PAGE_SIZE - prefix->used)
        return -E2BIG;
    memmove(prefix->words + 1, prefix->words, prefix->count * sizeof prefix->words[0]);
    prefix->words[0] = memcpy(prefix->page + prefix->used, word, bytes);
    prefix->used += bytes;
    prefix->count++;
    return 0;
}

/* Opens the program that @path leads to through "#!" lines; @prefix gets what goes before the arguments. */
static int image_resolve(struct image *image, const char *path, struct prefix *prefix) {
    int error = image_open(image, path);
    for (int depth = 0; !error; depth++) {
        char *interpreter, *argument;
        if (!parse_script(image, &interpreter, &argument))
            return 0;
        if (depth == SCRIPT_DEPTH_MAX)
            return -ELOOP;
        if (depth == 0)
            error = prefix_push(prefix, path);
        if (!error && argument)
            error = prefix_push(prefix, argument);
        if (!error)
            error = prefix_push(prefix, interpreter);
        if (!error)
            error = image_open(image, prefix->words[0]);
    }
    return error;
}

/* --- mapping; the new space is current --- */

static int map_pages(struct space *space, vaddr_t start, vaddr_t end, unsigned flags, struct object *object,
                     pgoff_t offset) {
    if (start >= end)
        return 0;
    struct map_request request = {
        .address = start,
        .length = end - start,
        .flags = flags | AREA_MAYWRITE | AREA_IMAGE,
        .fixed = true,
        .object = object,
        .object_offset = offset,
    };
    vaddr_t address;
    return space_map(space, &request, &address);
}

/*
 * Zeroes the rest of the last file page, which belongs to the memory image but not to the file's part of
 * it. The page becomes a private copy.
 */
static int clear_tail(struct space *space, vaddr_t from, vaddr_t to, unsigned flags) {
    vaddr_t page = PAGE_DOWN(from);
    if (from == to)
        return 0;
    int error = space_protect(space, page, PAGE_SIZE, (flags & AREA_PROTECTION) | AREA_WRITE);
    if (!error && user_clear(from, to - from) > 0)
        error = -EIO;
    if (!error && !(flags & AREA_WRITE))
        error = space_protect(space, page, PAGE_SIZE, flags & AREA_PROTECTION);
    return error;
}

static int map_segment(struct space *space, const struct image *image, const struct elf_segment *segment) {
    vaddr_t start = image->bias + segment->address;
    vaddr_t file_end = start + segment->file_bytes, end = start + segment->memory_bytes;
    vaddr_t file_pages_end = segment->file_bytes > 0 ? PAGE_UP(file_end) : PAGE_DOWN(start);
    unsigned flags = (segment->read ? AREA_READ : 0u) | (segment->write ? AREA_WRITE : 0u) |
                     (segment->execute ? AREA_EXEC : 0u);
    int error = map_pages(space, PAGE_DOWN(start), file_pages_end, flags, &image->vnode->object,
                          segment->offset / PAGE_SIZE);
    if (!error)
        error = map_pages(space, file_pages_end, PAGE_UP(end), flags, NULL, 0);
    /* Only a segment that goes on beyond its file part needs zeroes there; text may show what follows it. */
    if (!error && segment->file_bytes > 0 && end > file_end)
        error = clear_tail(space, file_end, MIN(end, file_pages_end), flags);
    if (segment->execute && space->code_end < file_end) {
        space->code_start = space->code_start ? space->code_start : start;
        space->code_end = file_end;
    } else if (segment->write) {
        space->data_start = space->data_start ? space->data_start : start;
        space->data_end = file_end;
    }
    return error;
}

static int map_program(struct space *space, struct image *image) {
    for (unsigned i = 0; i < image->elf.segment_count; i++) {
        int error = map_segment(space, image, &image->elf.segments[i]);
        if (error)
            return error;
    }
    space_set_brk(space, image->bias + image->elf.high);
    size_t stack = limit_stack();
    space->map_top =
        PAGE_DOWN(STACK_TOP - stack - STACK_GAP); /* mmap keeps away from where the stack will grow */
    return space_make_stack(space, STACK_TOP, stack);
}

/* --- the switch --- */

static int build_stack(struct space *space, const struct image *image, vaddr_t *stack) {
    struct exec_stack request = {
        .space = space,
        .top = STACK_TOP,
        .strings = &image->strings,
        .elf = &image->elf,
        .bias = image->bias,
    };
    int error = exec_build_stack(&request, stack);
    return error == -EFAULT ? -ENOMEM : error; /* the addresses are ours: there was no place for the pages */
}

static int parse_elf(struct image *image, const char *path) {
    const char *reason;
    int error =
        elf_parse(image->page, image->page_bytes, image->vnode->object.size, USER_TOP, &image->elf, &reason);
    if (error) {
        klog("exec: %s: %s", path, reason);
        return error;
    }
    image->bias = image->elf.position_independent ? PIE_BASE : 0;
    if (image->bias > STACK_TOP - limit_stack() - image->elf.high) {
        klog("exec: %s: larger than the address space", path);
        return -ENOMEM;
    }
    return 0;
}

/* Builds the new space, which this thread then uses while the process still has the old one; or errno. */
static int build_space(struct image *image, vaddr_t *stack) {
    struct space *space = space_create();
    if (!space)
        return -ENOMEM;
    space->owner_pid = process_current()->pid;
    process_borrow_space(space);
    int error = map_program(space, image);
    if (!error)
        error = load_image(space);
    if (!error)
        error = build_stack(space, image, stack);
    if (!error && wait_killed())
        error = -EINTR;
    if (error) {
        process_borrow_space(NULL);
        space_unref(space);
    } else {
        reftrace_exec(space, space->owner_pid);
    }
    return error;
}

static void close_on_exec(struct process *process) {
    for (int fd = 0; fd < FILES_MAX; fd++) {
        struct file *file = process->files[fd];
        if (!file || !(process->close_on_exec >> fd & 1))
            continue;
        process->files[fd] = NULL;
        descriptor_close(file);
    }
    process->close_on_exec = 0;
}

/* @path as /proc/PID/exe shows it: made absolute. NULL when there is no memory for it. */
static char *absolute_path(struct process *process, const char *path) {
    size_t length = strlen(path) + 1;
    char *text = kpage_alloc();
    char *absolute = NULL;
    int prefix = 0;
    if (text && path[0] != '/' && (prefix = path_of(process->cwd, text, PAGE_SIZE)) > 0 &&
        text[prefix - 1] != '/' && prefix < (int)PAGE_SIZE)
        text[prefix++] = '/';
    if (text && prefix >= 0)
        absolute = kmalloc((size_t)prefix + length);
    if (absolute) {
        memcpy(absolute, text, (size_t)prefix);
        memcpy(absolute + prefix, path, length);
    }
    kpage_free(text);
    return absolute;
}

static void set_names(struct process *process, const char *path) {
    const char *slash = strrchr(path, '/');
    str_copy(process->name, slash ? slash + 1 : path, sizeof process->name);
    trace_name(TRACE_EXEC, (uint32_t)process->pid, process->name);
    char *old = process->executable_path;
    process->executable_path = absolute_path(process, path);
    kfree(old);
}

/* The process's old space, if there is one, is let go; the new one, borrowed until now, takes its place. */
static void switch_space(struct process *process) {
    struct space *old = process->space;
    process->space = thread_current->borrowed;
    thread_current->borrowed = NULL;
    if (old && process->uses_parents_space)
        fault_times_fork(process->space, old);
    else if (old)
        fault_times_exec(process->space, old);
    if (old) {
        scope_inherit(process->space, old);
        process_count_faults(process, old);
        space_unref(old);
    }
}

/* The point of no return: nothing in here can fail. */
static void commit(struct image *image, const char *path) {
    struct process *process = process_current();
    struct vnode *old_executable = process->executable;
    process_end_other_threads();
    process->executable = image->vnode;
    image->vnode = NULL;
    close_on_exec(process);
    signal_reset_for_exec(process);
    context_reset_user_state(&thread_current->context);
    capabilities_for_exec(&thread_current->capabilities);
    thread_current->clear_tid = 0;
    set_names(process, path);
    switch_space(process);
    process_release_vfork(process);
    close_executable(old_executable);
}

/* --- both entrances --- */

/* Where argv and envp come from: kernel vectors (boot) or the program's. */
struct exec_source {
    const char *const *argv, *const *envp;
    vaddr_t user_argv, user_envp;
};

static int collect_strings(struct image *image, const struct prefix *prefix, const struct exec_source *source,
                           const char *path) {
    struct strings *strings = &image->strings;
    unsigned skip = prefix->count > 0 ? 1 : 0; /* a script's name stands for argv[0] */
    int error = 0;
    for (unsigned i = 0; i < prefix->count && !error; i++, strings->argc++)
        error = strings_add(strings, prefix->words[i]);
    if (!error)
        error = source->argv ? strings_add_vector(strings, source->argv, skip, &strings->argc)
                             : strings_add_user_vector(strings, source->user_argv, skip, &strings->argc);
    if (!error)
        error = source->envp ? strings_add_vector(strings, source->envp, 0, &strings->envc)
                             : strings_add_user_vector(strings, source->user_envp, 0, &strings->envc);
    return error ? error : strings_add(strings, path);
}

static int exec_image(struct image *image, const char *path, const struct exec_source *source,
                      struct trap_frame *frame) {
    struct prefix prefix = {.page = kpage_alloc()};
    vaddr_t stack;
    if (!prefix.page)
        return -ENOMEM;
    int error = image_resolve(image, path, &prefix);
    if (!error)
        error = collect_strings(image, &prefix, source, path);
    if (!error)
        error = parse_elf(image, path);
    if (!error)
        error = build_space(image, &stack);
    if (!error) {
        trap_frame_init_user(frame, image->bias + image->elf.entry, stack);
        commit(image, path);
    }
    kpage_free(prefix.page);
    return error;
}

static int exec_from(const char *path, const struct exec_source *source, struct trap_frame *frame) {
    uint64_t start = time_nanoseconds();
    struct image *image = kmalloc(sizeof *image);
    if (!image)
        return -ENOMEM;
    image->page = kpage_alloc();
    int error = image->page ? exec_image(image, path, source, frame) : -ENOMEM;
    strings_free(&image->strings);
    kpage_free(image->page);
    close_executable(image->vnode);
    kfree(image);
    count(COUNT_EXECS);
    counters[COUNT_EXEC_LAST_US] = (uint32_t)((time_nanoseconds() - start) / 1000);
    count_add(COUNT_EXEC_US, counters[COUNT_EXEC_LAST_US]);
    return error;
}

int exec_program(const char *path, const char *const *argv, const char *const *envp,
                 struct trap_frame *frame) {
    struct exec_source source = {.argv = argv, .envp = envp};
    return exec_from(path, &source, frame);
}

int exec_user(const char *path, vaddr_t argv, vaddr_t envp, struct trap_frame *frame) {
    struct exec_source source = {.user_argv = argv, .user_envp = envp};
    return exec_from(path, &source, frame);
}
