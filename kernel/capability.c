/*
 * Capabilities: what a thread may do because it is root's, one right at a time. Everybody here is root, but a
 * thread can give rights up, for itself and for those it makes, until exec, which gives root everything back.
 *
 * Those that decide anything: CAP_IPC_LOCK (not bound by RLIMIT_MEMLOCK), CAP_SYS_RESOURCE (raises hard limits),
 * CAP_SYS_BOOT (ends the machine). The others are kept and shown, and nobody asks for them, as there are no
 * other users to be protected.
 *
 * Source: capabilities(7), capget(2).
 */
#include "kernel/capability.h"
#include "arch/x86/usercopy.h"
#include "kernel/process.h"
#include "kernel/syscall.h"
#include "lib/errno.h"

#include <linux/capability.h>

void capabilities_for_exec(struct capabilities *capabilities) {
    capabilities->permitted = capabilities->effective = CAPABILITIES_ALL;
}

bool capable(unsigned capability) {
    return thread_current->capabilities.effective >> capability & 1;
}

/* Sets as the calls pass them: words of 32 capabilities, one of them in version 1, two in the others. */
struct words {
    struct __user_cap_data_struct word[2];
};

/*
 * Reads the header that both calls begin with, and how many words of each set follow. A version that is not known
 * is -EINVAL, and the caller is told one that is.
 */
static int read_header(vaddr_t user_header, int *pid, size_t *bytes) {
    struct __user_cap_header_struct header;
    if (user_read(&header, user_header, sizeof header))
        return -EFAULT;
    *pid = header.pid;
    switch (header.version) {
    case _LINUX_CAPABILITY_VERSION_1:
        *bytes = sizeof(struct __user_cap_data_struct);
        return 0;
    case _LINUX_CAPABILITY_VERSION_2:
    case _LINUX_CAPABILITY_VERSION_3:
        *bytes = sizeof(struct words);
        return 0;
    default:
        header.version = _LINUX_CAPABILITY_VERSION_3;
        return user_write(user_header, &header.version, sizeof header.version) ? -EFAULT : -EINVAL;
    }
}

static const struct thread *find_thread(int id) {
    if (id == 0)
        return thread_current;
    list_for_each (thread, &threads, struct thread, all) {
        if (thread->id == id && thread->process)
            return thread;
    }
    return NULL;
}

/* Without @user_data it is asked for the version only. */
long sys_capget(vaddr_t user_header, vaddr_t user_data) {
    int pid;
    size_t bytes;
    int error = read_header(user_header, &pid, &bytes);
    if (error || !user_data)
        return error == -EINVAL && !user_data ? 0 : error;
    if (pid < 0)
        return -EINVAL;
    const struct thread *thread = find_thread(pid);
    if (!thread)
        return -ESRCH;
    const struct capabilities *own = &thread->capabilities;
    struct words words;
    for (unsigned i = 0; i < 2; i++) {
        words.word[i].effective = (uint32_t)(own->effective >> 32 * i);
        words.word[i].permitted = (uint32_t)(own->permitted >> 32 * i);
        words.word[i].inheritable = (uint32_t)(own->inheritable >> 32 * i);
    }
    return user_write(user_data, &words, bytes) ? -EFAULT : 0;
}

/* Never more than was permitted, and nothing in effect that is not. */
static int change(const struct capabilities *wanted) {
    struct capabilities *own = &thread_current->capabilities;
    uint64_t may_inherit = capable(CAP_SETPCAP) ? CAPABILITIES_ALL : own->inheritable | own->permitted;
    if ((wanted->inheritable & ~may_inherit) || (wanted->permitted & ~own->permitted) ||
        (wanted->effective & ~wanted->permitted))
        return -EPERM;
    *own = *wanted;
    return 0;
}

/* For oneself alone. */
long sys_capset(vaddr_t user_header, vaddr_t user_data) {
    struct words words = {0};
    struct capabilities wanted = {0};
    int pid;
    size_t bytes;
    int error = read_header(user_header, &pid, &bytes);
    if (error)
        return error;
    if (pid != 0 && pid != thread_current->id)
        return -EPERM;
    if (user_read(&words, user_data, bytes))
        return -EFAULT;
    for (unsigned i = 0; i < 2; i++) {
        wanted.effective |= (uint64_t)words.word[i].effective << 32 * i;
        wanted.permitted |= (uint64_t)words.word[i].permitted << 32 * i;
        wanted.inheritable |= (uint64_t)words.word[i].inheritable << 32 * i;
    }
    wanted.effective &= CAPABILITIES_ALL; /* a program may ask for what nobody has: it is not counted */
    wanted.permitted &= CAPABILITIES_ALL;
    wanted.inheritable &= CAPABILITIES_ALL;
    return change(&wanted);
}
