/* SPDX-License-Identifier: MIT */
/**
 * @file lease.h
 * Opening regular files that someone else may have a lease on (fcntl(2), F_SETLEASE): file servers do, for what their
 * clients hold.
 */
#ifndef US_CORE_LEASE_H
#define US_CORE_LEASE_H

#include <sys/types.h>

struct usync_job;

/**
 * openat(2) with O_NONBLOCK and O_NOCTTY beside FLAGS, so that a FIFO in the file's place is not waited for; a lease
 * is, until its holder has given it back, or the kernel has taken it away; after a second that is noted.  What was
 * opened has to be looked at: it may be of any kind.
 *
 * @return the descriptor; -ECANCELED when JOB was to stop meanwhile; -EAGAIN when nobody ended the lease; -errno.
 */
int us_lease_open(struct usync_job *job, int dirfd, const char *path, int flags, mode_t mode);

#endif /* US_CORE_LEASE_H */
