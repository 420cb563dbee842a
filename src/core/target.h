/* SPDX-License-Identifier: MIT */
/**
 * @file target.h
 * What the paths on the command line mean: checked, opened, and made the roots of the walk.
 */
#ifndef US_CORE_TARGET_H
#define US_CORE_TARGET_H

#include <stdbool.h>

struct statx;
struct usync_job;

/**
 * Look at the job's sources and destination, refuse what would harm either, make the destination directory
 * where it is missing, and push the first tasks.  job->root, job->dst_root and the feed are set.
 *
 * @return 0, or a negative errno with job->error_text set.
 */
int us_target_open(struct usync_job *job);

/** The same for a job whose destination is on another machine: only sources are looked at and opened. */
int us_target_open_sources(struct usync_job *job);

/**
 * The same for a job whose sources are on another machine.
 *
 * @param root        What their root is like.
 * @param is_virtual  There is none: they get names of their own in the destination.
 * @param is_one      With that: there is one, which is no directory.
 * @param[out] name   The name that this one gets instead of its own, to be freed by the caller; or NULL.
 */
int us_target_open_destination(struct usync_job *job, const struct statx *root, bool is_virtual, bool is_one,
                               char **name);

#endif /* US_CORE_TARGET_H */
