/* SPDX-License-Identifier: MIT */
/*
 * Deques with stealing.
 *
 *	worker 0    bottom [ d0 | d1 | d2 | slice | slice ] top    <- push, pop by worker 0
 *	                     |
 *	                     +--> steal by worker 1, whose deque is empty
 *
 * A deque is an array used as a ring, under a lock of its own that its owner finds free nearly always.
 * Tasks are directories and runs of many files, so the locks are taken far less often than once a file.
 *
 * Who finds all deques empty sleeps on the feed's condition.  A pusher looks at nr_waiting after its push
 * and a sleeper looks at length after announcing itself, both in sequentially consistent order: one of the
 * two sees the other.
 */
#include "core/feed.h"

#include "base/us.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

/** Room in a new deque; a power of two, as all sizes of it. */
#define DEQUE_FIRST 64u

struct deque {
	pthread_mutex_t lock;
	struct us_task *tasks;
	unsigned int size;
	unsigned int bottom; /**< Index of the oldest task, modulo size. */
	unsigned int length;
} __attribute__((aligned(64)));

struct us_feed {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	atomic_uint length;     /**< Tasks in all deques. */
	atomic_uint nr_waiting;
	atomic_bool ended;
	unsigned int nr;
	struct deque deques[];
};

struct us_feed *us_feed_new(unsigned int nr)
{
	size_t size = sizeof(struct us_feed) + nr * sizeof(struct deque);
	struct us_feed *feed = aligned_alloc(64, (size + 63) & ~(size_t)63);

	if (feed == NULL) {
		return NULL;
	}
	*feed = (struct us_feed){.nr = nr};
	pthread_mutex_init(&feed->lock, NULL);
	pthread_cond_init(&feed->changed, NULL);
	for (unsigned int i = 0; i < nr; i++) {
		feed->deques[i] = (struct deque){0};
		pthread_mutex_init(&feed->deques[i].lock, NULL);
	}
	return feed;
}

void us_feed_free(struct us_feed *feed)
{
	if (feed == NULL) {
		return;
	}
	for (unsigned int i = 0; i < feed->nr; i++) {
		pthread_mutex_destroy(&feed->deques[i].lock);
		free(feed->deques[i].tasks);
	}
	pthread_cond_destroy(&feed->changed);
	pthread_mutex_destroy(&feed->lock);
	free(feed);
}

/** Make room for one more task; the deque's lock is held. */
static int grow(struct deque *deque)
{
	unsigned int size = deque->size > 0 ? deque->size * 2 : DEQUE_FIRST;
	struct us_task *tasks;

	if (deque->length < deque->size) {
		return 0;
	}
	tasks = malloc(size * sizeof(*tasks));
	if (tasks == NULL) {
		return -ENOMEM;
	}
	for (unsigned int i = 0; i < deque->length; i++) {
		tasks[i] = deque->tasks[(deque->bottom + i) & (deque->size - 1)];
	}
	free(deque->tasks);
	deque->tasks = tasks;
	deque->size = size;
	deque->bottom = 0;
	return 0;
}

int us_feed_push(struct us_feed *feed, unsigned int worker, const struct us_task *task)
{
	struct deque *deque = &feed->deques[worker];
	int ret;

	pthread_mutex_lock(&deque->lock);
	ret = grow(deque);
	if (ret == 0) {
		deque->tasks[(deque->bottom + deque->length++) & (deque->size - 1)] = *task;
		atomic_fetch_add(&feed->length, 1); /* Before a thief can take it and count it off. */
	}
	pthread_mutex_unlock(&deque->lock);
	if (ret < 0) {
		return ret;
	}
	if (atomic_load(&feed->nr_waiting) > 0) {
		pthread_mutex_lock(&feed->lock);
		pthread_cond_signal(&feed->changed);
		pthread_mutex_unlock(&feed->lock);
	}
	return 0;
}

/** Which task of a deque is wanted. */
enum place {
	TOP,
	BOTTOM,
	BOTTOM_DIR, /**< The bottom one, unless that is a slice. */
};

/** Take the task that stands at PLACE, if there is one. */
static bool take(struct us_feed *feed, struct deque *deque, enum place place, struct us_task *task)
{
	unsigned int at;
	bool found = false;

	pthread_mutex_lock(&deque->lock);
	if (deque->length > 0) {
		at = deque->bottom + (place == TOP ? deque->length - 1 : 0);
		*task = deque->tasks[at & (deque->size - 1)];
		found = place != BOTTOM_DIR || task->kind != US_TASK_SLICE;
	}
	if (found) {
		deque->length--;
		deque->bottom = (deque->bottom + (place != TOP)) & (deque->size - 1);
	}
	pthread_mutex_unlock(&deque->lock);
	if (found) {
		atomic_fetch_sub(&feed->length, 1);
	}
	return found;
}

/** Take from the next worker that has something at PLACE. */
static bool steal(struct us_feed *feed, unsigned int worker, enum place place, struct us_task *task)
{
	for (unsigned int i = 1; i < feed->nr && atomic_load(&feed->length) > 0; i++) {
		if (take(feed, &feed->deques[(worker + i) % feed->nr], place, task)) {
			return true;
		}
	}
	return false;
}

/** Take from the own deque, else a directory of another's, else a slice: that makes two share a directory. */
static bool try_next(struct us_feed *feed, unsigned int worker, struct us_task *task)
{
	if (take(feed, &feed->deques[worker], TOP, task) || steal(feed, worker, BOTTOM_DIR, task)) {
		return true;
	}
	if (!steal(feed, worker, BOTTOM, task)) {
		return false;
	}
	if (task->kind == US_TASK_SLICE) {
		atomic_store(&task->slice.listing->shared, true);
	}
	return true;
}

enum us_feed_state us_feed_next(struct us_feed *feed, unsigned int worker, bool wait,
                                struct us_task *task)
{
	for (;;) {
		bool ended = atomic_load(&feed->ended); /* Before the look: what was pushed first is seen. */

		if (try_next(feed, worker, task)) {
			return US_FEED_TASK;
		}
		if (ended) {
			return US_FEED_END;
		}
		if (!wait) {
			return US_FEED_EMPTY;
		}
		pthread_mutex_lock(&feed->lock);
		atomic_fetch_add(&feed->nr_waiting, 1);
		while (atomic_load(&feed->length) == 0 && !atomic_load(&feed->ended)) {
			pthread_cond_wait(&feed->changed, &feed->lock);
		}
		atomic_fetch_sub(&feed->nr_waiting, 1);
		pthread_mutex_unlock(&feed->lock);
	}
}

void us_feed_end(struct us_feed *feed)
{
	pthread_mutex_lock(&feed->lock);
	atomic_store(&feed->ended, true);
	pthread_cond_broadcast(&feed->changed);
	pthread_mutex_unlock(&feed->lock);
}

bool us_feed_is_wanting(const struct us_feed *feed)
{
	/* Those that were told of a task may not have woken up to take it yet. */
	return atomic_load_explicit(&feed->nr_waiting, memory_order_relaxed) > us_feed_length(feed);
}

unsigned int us_feed_length(const struct us_feed *feed)
{
	return atomic_load_explicit(&feed->length, memory_order_relaxed);
}
