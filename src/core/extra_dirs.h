/* SPDX-License-Identifier: MIT */
/**
 * @file extra_dirs.h
 * Directories that options name, beside sources and destination: --link-dest, --temp-dir.  A relative path leads
 * from the destination, as in rsync(1).
 */
#ifndef US_CORE_EXTRA_DIRS_H
#define US_CORE_EXTRA_DIRS_H

#include "core/dir.h"

struct usync_job;

/**
 * Open what the options name.  A reference that does not exist is a warning: the first snapshot has none.
 *
 * @param root   The destination directory, not open yet: gets the references.
 * @param dst_fd What will be its descriptor, or -1 where a dry run has none.
 * @return 0, or a negative errno, with the path that it is about in WRONG, which is the job's (NULL: no memory).
 */
int us_extra_dirs_open(struct usync_job *job, struct us_dir *root, int dst_fd, const char **wrong);

/** Close what is still open of them: the references are the root's. */
void us_extra_dirs_close(struct usync_job *job);

#endif /* US_CORE_EXTRA_DIRS_H */
