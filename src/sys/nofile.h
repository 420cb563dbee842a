/* SPDX-License-Identifier: MIT */
/**
 * @file nofile.h
 * How many descriptors this process may hold.
 */
#ifndef US_SYS_NOFILE_H
#define US_SYS_NOFILE_H

/**
 * Raise the soft limit of open files to the hard one and say what it is now (at most INT_MAX).
 * Programs that use select(2) do not like high descriptors; this one has none.
 */
unsigned int us_nofile_raise(void);

/** How many descriptors this process holds now, as far as /proc tells; a cautious guess otherwise. */
unsigned int us_nofile_used(void);

/**
 * Let the kernel make room for descriptors up to NR - 1 now, as far as the limit allows.  When a process of several
 * threads outgrows its table, the kernel waits for an RCU grace period each time it doubles it (tens of
 * milliseconds, and all threads that open meanwhile wait too); while there is one thread, it does not.
 */
void us_nofile_reserve(unsigned int nr);

#endif /* US_SYS_NOFILE_H */
