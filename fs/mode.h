/* Linux's st_mode: S_IFMT, S_ISDIR(), …. On the host the C library's header hides the UAPI one's. */
#ifndef FS_MODE_H
#define FS_MODE_H

#ifdef FAULTLINE_HOST
#include <sys/stat.h>
#else
#include <linux/stat.h>
#endif

#endif
