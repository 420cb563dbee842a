/* SPDX-License-Identifier: MIT */
/**
 * @file progress_head.h
 * Which copy a journal is of: its sources, its destination, and the options that decide what a complete file is.
 */
#ifndef US_CORE_PROGRESS_HEAD_H
#define US_CORE_PROGRESS_HEAD_H

#include <stddef.h>

struct usync_job;

/**
 * JOB's, as items that each end with a NUL.
 *
 * @return to be freed by the caller; NULL without memory.
 */
char *us_progress_head(const struct usync_job *job, size_t *length);

/**
 * Why the head of the journal just read, in job->progress, is not JOB's: one line.
 *
 * @return to be freed by the caller; NULL without memory.
 */
char *us_progress_describe_other(const struct usync_job *job);

#endif /* US_CORE_PROGRESS_HEAD_H */
