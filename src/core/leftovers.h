/* SPDX-License-Identifier: MIT */
/**
 * @file leftovers.h
 * Temporary files that a run could not remove because it was killed: the next run into the same destination does.
 *
 * A run that makes its first temporary file makes a mark in the destination before, and removes it at its end.  So a
 * run that finds a mark, and has the destination for itself (lock.h), looks through all directories that it comes to;
 * others pay nothing for it.  Runs into directories above or below may be under way at the same time: what they have
 * is spared (tempname.h).
 */
#ifndef US_CORE_LEFTOVERS_H
#define US_CORE_LEFTOVERS_H

#include <stdbool.h>

struct us_dir;
struct us_worker;
struct usync_job;

/** The mark's name, in the root of the destination. */
#define US_LEFTOVERS_MARK ".uring-sync.run"

/** JOB's destination is open and locked, and its journal, if any, is read: find out whether it has to look. */
void us_leftovers_begin(struct usync_job *job);

/**
 * NAME in DIR is an entry of the source: should it have the mark's name, the mark is what the user wants there, and
 * stays.
 */
void us_leftovers_meet(struct usync_job *job, const struct us_dir *dir, const char *name);

/**
 * A temporary file is about to be made in DIR, which is pinned until it is gone, or (NULL) in the directory of
 * --temp-dir.
 */
void us_leftovers_announce(struct usync_job *job, struct us_dir *dir);

/** The temporary file NAME of an earlier run in DIRFD is this run's from now on, until that descriptor is closed. */
void us_leftovers_adopt(int dirfd, const char *name);

/**
 * Remove what earlier runs left in DIR, which exists and into which this run has not written yet; FD is its
 * destination.
 */
void us_leftovers_sweep(struct us_worker *worker, const struct us_dir *dir, int fd);

/**
 * Remove the temporary file NAME of this run from DIRFD.  One that can't be is left for the next run to find.
 *
 * @return 0, also when there is none, or a negative errno.
 */
int us_leftovers_remove(struct usync_job *job, int dirfd, const char *name);

/**
 * True when NAME in DIRFD, a directory of the destination, is in use by this run, or will be, or by another that lives.
 */
bool us_leftovers_is_used(const struct usync_job *job, int dirfd, const char *name);

/**
 * Remove NAME from DIRFD, which keeps its modification time: it is complete already.
 *
 * @return 0 or a negative errno: of the removal, or of the time.
 */
int us_leftovers_unlink(int dirfd, const char *name);

/** The workers have ended: remove the mark, unless there is something left to be found by it. */
void us_leftovers_end(struct usync_job *job);

#endif /* US_CORE_LEFTOVERS_H */
