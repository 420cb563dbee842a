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

/** What a task is. */
enum us_task_kind {
	US_TASK_DIR,   /**< Open and list a directory. */
	US_TASK_MORE,  /**< Go on listing an open one. */
	US_TASK_SLICE, /**< Copy the entries of a slice. */
};

struct us_task {
	enum us_task_kind kind;
	union {
		struct us_dir *dir;
		struct us_slice slice;
	};
};

/** What us_feed_next() came to. */
enum us_feed_state {
	US_FEED_TASK,  /**< Here is one. */
	US_FEED_EMPTY, /**< None now; more may come. */
	US_FEED_END,   /**< None will come. */
};

/** @return a feed for NR workers, or NULL without memory. */
struct us_feed *us_feed_new(unsigned int nr);
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

/** No more tasks: all that wait are told so.  Tasks still there stay takeable. */
void us_feed_end(struct us_feed *feed);

/** True when a worker sleeps for want of tasks: a good time to share what one has. */
bool us_feed_is_wanting(const struct us_feed *feed);

/** Tasks in all deques, roughly. */
unsigned int us_feed_length(const struct us_feed *feed);

#endif /* US_CORE_FEED_H */
