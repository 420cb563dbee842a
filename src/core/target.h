/* SPDX-License-Identifier: MIT */
/**
 * @file target.h
 * What the paths on the command line mean: checked, opened, and made the roots of the walk.
 */
#ifndef US_CORE_TARGET_H
#define US_CORE_TARGET_H

struct usync_job;

/**
 * Look at the job's sources and destination, refuse what would harm either, make the destination directory
 * where it is missing, and push the first tasks.  job->root, job->dst_root and the feed are set.
 *
 * @return 0, or a negative errno with job->error_text set.
 */
int us_target_open(struct usync_job *job);

#endif /* US_CORE_TARGET_H */
