/*
 * marked: runs a program between the two marks of tests/bench/counter.c, so that the plugin counts what it and the
 * kernel on its behalf retire.
 *
 *     marked PROGRAM [ARGUMENT …]
 */
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv) {
    int status = 1;

    if (argc < 2)
        return 2;
    __asm__ volatile("xchg %%bx, %%bx" ::: "memory");
    int pid = fork();
    if (pid == 0) {
        execvp(argv[1], argv + 1);
        _exit(127);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return 1;
    __asm__ volatile("xchg %%cx, %%cx" ::: "memory");
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
