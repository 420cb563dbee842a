/* SPDX-License-Identifier: MIT */
/**
 * @file feed.h
 * What is to be done next: a deque of tasks for each worker, and stealing between them.
 *
 * A worker puts its tasks on top of its own deque and takes them from there, so that it goes through the
 * tree depth first, near to where it just was.  A worker without tasks takes the bottom one of another, which is
 * the largest: a directory near the root or, only when no other has one, the slice that its owner would come to
 * last.
 */
#ifndef US_CORE_FEED_H
#define US_CORE_FEED_H

#include "core/listing.h"

#include <stdbool.h>

struct us_dir;
struct us_feed;
struct us_large;

/** What a task is. */
enum us_task_kind {
	US_TASK_DIR,   /**< Open and list a directory. */
	US_TASK_MORE,  /**< Go on listing an open one. */
	US_TASK_SLICE, /**< Copy the entries of a slice. */
	US_TASK_LARGE, /**< Help with a large file. */
};

struct us_task {
	enum us_task_kind kind;
	union {
		struct us_dir *dir;
		struct us_slice slice;
		struct us_large *large; /**< A reference (large.h). */
	};
};

/** What us_feed_next() came to. */
enum us_feed_state {
	US_FEED_TASK,  /**< Here is one. */
	US_FEED_EMPTY, /**< None now; more may come. */
	US_FEED_END,   /**< None will come. */
};

/** @return a feed for NR workers at most, of which ACTIVE are so from the beginning, or NULL without memory. */
struct us_feed *us_feed_new(unsigned int nr, unsigned int active);
void us_feed_free(struct us_feed *feed);

/** Put TASK on top of WORKER's deque.  Any thread.  @return 0 or -ENOMEM. */
int us_feed_push(struct us_feed *feed, unsigned int worker, const struct us_task *task);

/**
 * Take a task for WORKER: the top one of its own, else the bottom one of another, directories before slices.
 *
 * @param wait  When there is none, sleep until there is or the end has come.
 */
enum us_feed_state us_feed_next(struct us_feed *feed, unsigned int worker, bool wait,
                                struct us_task *task);

/**
 * Workers from NR on get no task until the number is raised again; what they have in their deques is for the others.
 * Workers that were not active before find nothing in theirs.
 */
void us_feed_set_active(struct us_feed *feed, unsigned int nr);

/** Workers that sleep for want of tasks, roughly. */
unsigned int us_feed_idle(const struct us_feed *feed);

/** No more tasks: all that wait are told so.  Tasks still there stay takeable. */
void us_feed_end(struct us_feed *feed);

/** True when a worker sleeps for want of tasks: a good time to share what one has. */
bool us_feed_is_wanting(const struct us_feed *feed);

/**
 * For a worker that can't sleep in us_feed_next(), for it has other things to wait for: from now on the descriptor that
 * is returned polls as readable when there may be a task, or the end has come.  Until us_feed_unwatch() the worker
 * counts as one that sleeps.
 *
 * @return -1 when there is a task, or the end has come, already, or there is no such descriptor.
 */
int us_feed_watch(struct us_feed *feed);

/** The worker is awake.  FD is what us_feed_watch() gave; READABLE what poll(2) said of it. */
void us_feed_unwatch(struct us_feed *feed, int fd, bool readable);

/** Tasks in all deques, roughly. */
unsigned int us_feed_length(const struct us_feed *feed);

#endif /* US_CORE_FEED_H */
