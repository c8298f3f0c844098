/* Who may use the terminal: sessions and their foreground. See job_control.c. Thread context. */
#ifndef KERNEL_JOB_CONTROL_H
#define KERNEL_JOB_CONTROL_H

#include "lib/types.h"

/* @signal to the group in the foreground, if there is one. Never sleeps. */
void job_control_signal(int signal);

/*
 * May the running process do what only the foreground may? If not, its group gets @signal, which normally
 * stops it, and the call is run again when it goes on: -EINTR. One that will not be stopped: -EIO.
 */
int job_control_check(int signal);
/* The same for changes of the terminal, which a process that refuses the signal may make. */
int job_control_check_change(void);

/* The running process has opened the terminal: a session's leader without one gets it. Never sleeps. */
void job_control_offer(void);

/* TIOCGPGRP, TIOCSPGRP, TIOCGSID, TIOCSCTTY, TIOCNOTTY; -ENOTTY for all else. */
int job_control_ioctl(unsigned request, vaddr_t argument);

#endif
