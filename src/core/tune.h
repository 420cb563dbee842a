/* SPDX-License-Identifier: MIT */
/**
 * @file tune.h
 * A thread that looks at how long the calls of all workers take, and lets the job follow (policy.h): a kind of call
 * that is slow on one side is made by many at a time, in further workers or, where there can be none, on the rings.
 */
#ifndef US_CORE_TUNE_H
#define US_CORE_TUNE_H

#include "sys/op.h"

#include <stdbool.h>

struct us_hist_sum;
struct usync_job;

/**
 * Make ready, where job->io_mode is auto and both sides are on this machine; without memory the job goes on as it
 * begins.  Before the workers start.
 */
void us_tune_init(struct usync_job *job);

/** Start the thread. */
void us_tune_start(struct usync_job *job);

/** End the thread: from here on no worker is made.  Nothing when there is none. */
void us_tune_stop(struct usync_job *job);
void us_tune_free(struct usync_job *job);

/** What is known of how long the calls of KIND on SIDE take.  Any thread, as long as there are workers. */
void us_tune_collect(const struct usync_job *job, enum us_op_side side, enum us_op_kind kind,
                     struct us_hist_sum *sum);

/** True when others go on while calls of KIND on SIDE wait.  Any thread. */
bool us_tune_is_async(const struct usync_job *job, enum us_op_side side, enum us_op_kind kind);

/** What a side is called in messages. */
const char *us_tune_side(enum us_op_side side);

/** What a kind of call on a side is called in messages. */
const char *us_tune_name(enum us_op_side side, enum us_op_kind kind);

#endif /* US_CORE_TUNE_H */
