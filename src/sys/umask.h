/* SPDX-License-Identifier: MIT */
/**
 * @file umask.h
 * The umask of this process, read without setting it.
 */
#ifndef US_SYS_UMASK_H
#define US_SYS_UMASK_H

#include <sys/types.h>

/**
 * The calling thread's umask, from /proc/thread-self/status (proc(5), Linux 4.7).
 *
 * @return 0 or a negative errno, then *MASK is unchanged.
 */
int us_umask_get(mode_t *mask);

#endif /* US_SYS_UMASK_H */
