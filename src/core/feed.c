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
 * What is asked once a file (nr_waiting) lies apart from what changes with each task (length).
 *
 * Who finds all deques empty sleeps on the feed's condition.  A pusher looks at nr_waiting after its push
 * and a sleeper looks at length after announcing itself, both in sequentially consistent order: one of the
 * two sees the other.
 *
 * Workers that are not active sleep on a condition of their own: what wakes one for a task must not wake one of these.
 */
#include "core/feed.h"

#include "base/us.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

/** Room in a new deque; a power of two, as all sizes of it. */
#define DEQUE_FIRST 64u

struct deque {
	pthread_mutex_t lock;
	struct us_task *tasks;
	unsigned int size;
	unsigned int bottom; /**< Index of the oldest task, modulo size. */
	atomic_uint length; /**< Changed under the lock; looked at without it, too. */
} __attribute__((aligned(64)));

struct us_feed {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	pthread_cond_t activated;
	atomic_uint nr_active;  /**< Workers that get tasks. */
	atomic_uint nr_ever;    /**< Workers that did at any time: what thieves look through. */
	atomic_uint nr_waiting;
	atomic_bool ended;
	_Atomic int event_fd;   /**< Tells of new tasks, once someone has watched; -1 before. */
	unsigned int nr;
	atomic_uint length __attribute__((aligned(64))); /**< Tasks in all deques. */
	struct deque deques[];
};

struct us_feed *us_feed_new(unsigned int nr, unsigned int active)
{
	size_t size = sizeof(struct us_feed) + nr * sizeof(struct deque);
	struct us_feed *feed = aligned_alloc(64, (size + 63) & ~(size_t)63);

	if (feed == NULL) {
		return NULL;
	}
	*feed = (struct us_feed){.nr = nr, .nr_active = active, .nr_ever = active, .event_fd = -1};
	pthread_mutex_init(&feed->lock, NULL);
	pthread_cond_init(&feed->changed, NULL);
	pthread_cond_init(&feed->activated, NULL);
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
	if (feed->event_fd >= 0) {
		close(feed->event_fd);
	}
	pthread_cond_destroy(&feed->changed);
	pthread_cond_destroy(&feed->activated);
	pthread_mutex_destroy(&feed->lock);
	free(feed);
}

/** Make room for one more task; the deque's lock is held. */
static int grow(struct deque *deque)
{
	unsigned int length = atomic_load_explicit(&deque->length, memory_order_relaxed);
	unsigned int size = deque->size > 0 ? deque->size * 2 : DEQUE_FIRST;
	struct us_task *tasks;

	if (length < deque->size) {
		return 0;
	}
	tasks = malloc(size * sizeof(*tasks));
	if (tasks == NULL) {
		return -ENOMEM;
	}
	for (unsigned int i = 0; i < length; i++) {
		tasks[i] = deque->tasks[(deque->bottom + i) & (deque->size - 1)];
	}
	free(deque->tasks);
	deque->tasks = tasks;
	deque->size = size;
	deque->bottom = 0;
	return 0;
}

/** Wake NR of those that watch. */
static void ring_bell(struct us_feed *feed, uint64_t nr)
{
	int fd = atomic_load(&feed->event_fd);

	if (fd >= 0 && write(fd, &nr, sizeof(nr)) < 0) {
		return; /* It is full of bells that no one has heard yet. */
	}
}

int us_feed_push(struct us_feed *feed, unsigned int worker, const struct us_task *task)
{
	struct deque *deque = &feed->deques[worker];
	unsigned int length;
	int ret;

	pthread_mutex_lock(&deque->lock);
	ret = grow(deque);
	if (ret == 0) {
		length = atomic_load_explicit(&deque->length, memory_order_relaxed);
		deque->tasks[(deque->bottom + length) & (deque->size - 1)] = *task;
		atomic_store_explicit(&deque->length, length + 1, memory_order_relaxed);
		atomic_fetch_add(&feed->length, 1); /* Before a thief can take it and count it off. */
	}
	pthread_mutex_unlock(&deque->lock);
	if (ret < 0) {
		return ret;
	}
	if (atomic_load(&feed->nr_waiting) > 0) {
		pthread_mutex_lock(&feed->lock);
		pthread_cond_signal(&feed->changed);
		ring_bell(feed, 1);
		pthread_mutex_unlock(&feed->lock);
	}
	return 0;
}

/** Which task of a deque is wanted. */
enum place {
	TOP,
	BOTTOM,
	BOTTOM_DIR, /**< The bottom one, if that is a directory. */
};

/** Take the task that stands at PLACE, if there is one. */
static bool take(struct us_feed *feed, struct deque *deque, enum place place, struct us_task *task)
{
	unsigned int at;
	unsigned int length = atomic_load_explicit(&deque->length, memory_order_relaxed);
	bool found = false;

	if (length == 0) {
		return false; /* Who looks for something to steal must not take locks that others want. */
	}
	pthread_mutex_lock(&deque->lock);
	length = atomic_load_explicit(&deque->length, memory_order_relaxed);
	if (length > 0) {
		at = deque->bottom + (place == TOP ? length - 1 : 0);
		*task = deque->tasks[at & (deque->size - 1)];
		found = place != BOTTOM_DIR || task->kind == US_TASK_DIR || task->kind == US_TASK_MORE;
	}
	if (found) {
		atomic_store_explicit(&deque->length, length - 1, memory_order_relaxed);
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
	unsigned int nr = us_max(atomic_load_explicit(&feed->nr_ever, memory_order_relaxed), worker + 1);

	for (unsigned int i = 1; i < nr && atomic_load(&feed->length) > 0; i++) {
		if (take(feed, &feed->deques[(worker + i) % nr], place, task)) {
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

/** Sleep until WORKER is active or the end has come. */
static void wait_active(struct us_feed *feed, unsigned int worker)
{
	pthread_mutex_lock(&feed->lock);
	while (worker >= atomic_load(&feed->nr_active) && !atomic_load(&feed->ended)) {
		pthread_cond_wait(&feed->activated, &feed->lock);
	}
	pthread_mutex_unlock(&feed->lock);
}

enum us_feed_state us_feed_next(struct us_feed *feed, unsigned int worker, bool wait,
                                struct us_task *task)
{
	for (;;) {
		bool ended = atomic_load(&feed->ended); /* Before the look: what was pushed first is seen. */

		if (!ended && worker >= atomic_load_explicit(&feed->nr_active, memory_order_relaxed)) {
			if (!wait) {
				return US_FEED_EMPTY;
			}
			wait_active(feed, worker);
			continue;
		}
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
		while (atomic_load(&feed->length) == 0 && !atomic_load(&feed->ended) &&
		       worker < atomic_load(&feed->nr_active)) {
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
	pthread_cond_broadcast(&feed->activated);
	ring_bell(feed, UINT32_MAX);
	pthread_mutex_unlock(&feed->lock);
}

/** The descriptor, made by the first to ask. */
static int event_fd(struct us_feed *feed)
{
	int fd = atomic_load(&feed->event_fd);

	if (fd >= 0) {
		return fd;
	}
	pthread_mutex_lock(&feed->lock);
	fd = atomic_load(&feed->event_fd);
	if (fd < 0) {
		fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE);
		atomic_store(&feed->event_fd, fd);
	}
	pthread_mutex_unlock(&feed->lock);
	return fd;
}

int us_feed_watch(struct us_feed *feed)
{
	int fd = event_fd(feed);

	if (fd < 0) {
		return -1;
	}
	atomic_fetch_add(&feed->nr_waiting, 1);
	if (atomic_load(&feed->length) > 0 || atomic_load(&feed->ended)) {
		us_feed_unwatch(feed, fd, false);
		return -1;
	}
	return fd;
}

void us_feed_unwatch(struct us_feed *feed, int fd, bool readable)
{
	uint64_t bell;

	atomic_fetch_sub(&feed->nr_waiting, 1);
	if (readable && read(fd, &bell, sizeof(bell)) < 0) {
		return; /* Another one has taken it. */
	}
}

void us_feed_set_active(struct us_feed *feed, unsigned int nr)
{
	pthread_mutex_lock(&feed->lock);
	atomic_store(&feed->nr_active, nr);
	atomic_store(&feed->nr_ever, us_max(atomic_load(&feed->nr_ever), nr));
	pthread_cond_broadcast(&feed->activated);
	pthread_cond_broadcast(&feed->changed);
	pthread_mutex_unlock(&feed->lock);
}

unsigned int us_feed_idle(const struct us_feed *feed)
{
	return atomic_load_explicit(&feed->nr_waiting, memory_order_relaxed);
}

bool us_feed_is_wanting(const struct us_feed *feed)
{
	unsigned int waiting = atomic_load_explicit(&feed->nr_waiting, memory_order_relaxed);

	/* Those that were told of a task may not have woken up to take it yet. */
	return waiting > 0 && waiting > us_feed_length(feed);
}

unsigned int us_feed_length(const struct us_feed *feed)
{
	return atomic_load_explicit(&feed->length, memory_order_relaxed);
}
