/* SPDX-License-Identifier: MIT */
/**
 * @file mirror.h
 * --delete: what the source does not have goes from the destination.
 *
 * A directory is gone through once its source has been listed to the end without an error.  An entry goes only when the
 * source answers that there is none of its name; one that a filter leaves out stays.
 */
#ifndef US_CORE_MIRROR_H
#define US_CORE_MIRROR_H

#include <stdbool.h>
#include <stdint.h>

struct statx;
struct us_dir;
struct us_worker;
struct usync_job;

/**
 * FD is a file of the job's own, its journal or its sums, or of its caller's: wherever that lies, it is not deleted.
 * Called before the workers start.
 *
 * @return 0 or a negative errno.
 */
int us_mirror_spare(struct usync_job *job, int fd);

/** True when what STX tells of is in use: such a file, or a directory of the job's options, or a source. */
bool us_mirror_spares(const struct usync_job *job, const struct statx *stx);

/** Delete what is in the destination of DIR, which is pinned, and not in its source. */
void us_mirror_dir(struct us_worker *worker, struct us_dir *dir);

/**
 * Delete NAME with all in it from the destination of DIR, for something of another kind is to stand there.
 *
 * NAME itself is replaced: that is not one of the deletions that are allowed and counted, but all in it are.
 *
 * @param[in,out] what  What can't be done; set when that can be told better.
 * @return 0 when it is gone, or a negative errno: -ENOTEMPTY when some of it had to stay.
 */
int us_mirror_make_way(struct us_worker *worker, struct us_dir *dir, const char *name, const char **what);

/**
 * The same for those of the NAMES (LENGTH bytes, each with its NUL) that the destination of DIR, which is pinned, has:
 * the source is known to have none of them.
 */
void us_mirror_names(struct us_worker *worker, struct us_dir *dir, const char *names, uint32_t length);

#endif /* US_CORE_MIRROR_H */
