/* SPDX-License-Identifier: MIT */
/**
 * @file lock.h
 * Two runs that make the same tree would take each other's files for their own.
 */
#ifndef US_CORE_LOCK_H
#define US_CORE_LOCK_H

#include <stdbool.h>

struct usync_job;

/**
 * Lock the directory FD, JOB's destination, until us_unlock_destination() or the end of the process (flock(2)): against
 * all other runs when WHOLE, for all of its tree is made; else against those that make all of it, for several may each
 * put their own entries into one directory.  Where the file system has no such locks there is none.
 *
 * @return 0; -EBUSY when another run has it; or another negative errno, for something broke.
 */
int us_lock_destination(struct usync_job *job, int fd, bool whole);

/** Have it for this run alone, if no other has a share in it.  @return false when one has, or there is no lock. */
bool us_lock_whole(struct usync_job *job);

/** True for an answer of flock(2) or fcntl(2) that says that something broke, and not that there are no locks here. */
bool us_lock_broke(int error);

/** Give it back, if there is one. */
void us_unlock_destination(struct usync_job *job);

#endif /* US_CORE_LOCK_H */
