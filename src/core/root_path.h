/* SPDX-License-Identifier: MIT */
/**
 * @file root_path.h
 * Whether the destination's path still leads, at the end, to the directory that was written to.
 *
 * All is written by way of descriptors, which go on working when the directory is renamed, removed or unmounted (umount
 * -l): without a last look a copy would be a success that is not where the user asked for it.
 */
#ifndef US_CORE_ROOT_PATH_H
#define US_CORE_ROOT_PATH_H

struct us_dir;
struct usync_job;

/** The destination of ROOT, if it has one, is open: remember which directory it is, and its path. */
void us_root_path_know(struct usync_job *job, const struct us_dir *root);

/** The workers have ended: stop JOB, as an error does, if the path leads elsewhere by now, or nowhere. */
void us_root_path_check(struct usync_job *job);

#endif /* US_CORE_ROOT_PATH_H */
