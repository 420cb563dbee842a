/* SPDX-License-Identifier: MIT */
/*
 *	workers: times --- every tick ---> sum --- what is new ---> us_policy_judge()
 *	   ^                                                             |
 *	   |   kinds for the ring (workers were asked for, or there can be no more)
 *	   +---------------------------------------------------------- slow kinds
 *	   |   narrow windows, workers started or put to sleep            |
 *	   +------------------------------------------------------ us_policy_grow()
 *
 * Which of the two ways was found by measurement: a call on the ring that waits takes a kernel thread as well, and more
 * processor time than a thread of one's own; but with few workers it is all there is.
 */
#include "core/tune.h"

#include "base/clock.h"
#include "base/hist.h"
#include "base/thread.h"
#include "base/us.h"
#include "core/feed.h"
#include "core/job.h"
#include "core/policy.h"
#include "core/report.h"
#include "core/worker.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/** So many changes of a kind are told; one that goes back and forth does not fill the screen. */
#define NOTES_MAX 2u

/** One kind of call on one side. */
struct watched {
	struct us_policy_kind policy;
	struct us_hist_sum seen; /**< What was looked at already. */
	uint64_t median_ns;      /**< Of the last look. */
	unsigned int nr_notes;
};

struct us_tune {
	struct usync_job *job;
	pthread_t thread;
	bool is_started;
	bool stop; /**< Guarded by lock. */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct watched watched[US_OP_SIDES][US_OP_NR];
	struct us_policy_growth growth;
	unsigned int nr_ticks; /**< Up to US_POLICY_TICKS. */
	bool is_calm;          /**< No kind is slow. */
	unsigned int told;     /**< The most workers that were told of. */
	atomic_uint slow_kinds[US_OP_SIDES]; /**< US_OP_BIT of them, for us_tune_is_async(). */
};

/** Those whose slowness asks for more workers.  A write waits for the disk: more of them do not make that faster. */
#define GROWS_KINDS \
	(US_OP_BIT(US_OP_OPENAT) | US_OP_BIT(US_OP_STATX) | US_OP_BIT(US_OP_MKDIRAT) | US_OP_BIT(US_OP_CLOSE))

/** Those that always are on the ring, or not at all. */
#define FIXED_KINDS (US_OP_BIT(US_OP_READ) | US_OP_BIT(US_OP_SPLICE))

const char *us_tune_side(enum us_op_side side)
{
	return side == US_OP_SRC ? "source" : "destination";
}

const char *us_tune_name(enum us_op_side side, enum us_op_kind kind)
{
	static const char *const names[US_OP_NR] = {
		[US_OP_OPENAT] = "open", [US_OP_STATX] = "stat",     [US_OP_MKDIRAT] = "mkdir", [US_OP_READ] = "read",
		[US_OP_WRITE] = "write", [US_OP_SPLICE] = "splice", [US_OP_CLOSE] = "close",
	};

	return side == US_OP_DST && kind == US_OP_OPENAT ? "create" : names[kind];
}

void us_tune_collect(const struct usync_job *job, enum us_op_side side, enum us_op_kind kind, struct us_hist_sum *sum)
{
	const struct us_worker *workers = atomic_load(&job->workers);
	unsigned int nr = atomic_load(&job->nr_made);

	*sum = (struct us_hist_sum){0};
	for (unsigned int i = 0; workers != NULL && i < nr; i++) {
		us_hist_collect(&workers[i].times.kinds[side][kind], sum);
	}
}

bool us_tune_is_async(const struct usync_job *job, enum us_op_side side, enum us_op_kind kind)
{
	bool is_fixed = (FIXED_KINDS & US_OP_BIT(kind)) != 0;
	bool has_ring = job->io_mode != US_IO_SYNC && !atomic_load(&job->ring_noted);

	if (has_ring && (is_fixed || job->io_mode == US_IO_ASYNC)) {
		return true;
	}
	return job->tune != NULL && (atomic_load(&job->tune->slow_kinds[side]) & US_OP_BIT(kind)) != 0;
}

/** True when slow calls are to be answered by more workers. */
static bool may_grow(const struct us_tune *tune)
{
	return tune->growth.max > tune->growth.base;
}

/** Tell the user that a kind is slow, or is no more. */
static void note_kind(struct us_tune *tune, enum us_op_side side, enum us_op_kind kind)
{
	struct watched *watched = &tune->watched[side][kind];

	if (watched->nr_notes++ >= NOTES_MAX) {
		return;
	}
	us_report_note(tune->job, "%s: %s takes %.3f ms (median): %s", us_tune_side(side),
	               us_tune_name(side, kind), (double)watched->median_ns / 1e6,
	               watched->policy.is_slow ? "async" : "inline");
}

/** Look at what is new of one kind. */
static void look(struct us_tune *tune, enum us_op_side side, enum us_op_kind kind)
{
	struct watched *watched = &tune->watched[side][kind];
	struct us_hist_sum sum;
	struct us_hist_sum since;
	bool is_far = atomic_load_explicit(&tune->job->is_far[side], memory_order_relaxed);

	us_tune_collect(tune->job, side, kind, &sum);
	if (sum.nr - watched->seen.nr < us_policy_samples(&watched->policy, is_far)) {
		return;
	}
	since = us_hist_since(&sum, &watched->seen);
	watched->seen = sum;
	watched->median_ns = us_hist_quantile(&since, 50);
	if (us_policy_judge(&watched->policy, since.nr, watched->median_ns, is_far)) {
		note_kind(tune, side, kind);
	}
}

/** Make and start the workers up to NR. @return how many there are. */
static unsigned int start_workers(struct usync_job *job, unsigned int nr)
{
	for (unsigned int i = atomic_load(&job->nr_made); i < nr; i++) {
		struct us_worker *worker = &job->workers[i];
		int ret = us_worker_init(worker, job, i, true);

		if (ret == 0) {
			atomic_store(&job->nr_made, i + 1);
			ret = us_worker_start(worker);
		}
		if (ret < 0) {
			us_report_note(job, "only %u workers could be started: %s", i, strerrordesc_np(-ret));
			return i;
		}
	}
	return nr;
}

/** Calls of all workers so far. */
static uint64_t all_calls(const struct usync_job *job)
{
	const struct us_worker *workers = atomic_load(&job->workers);
	unsigned int nr = atomic_load(&job->nr_made);
	uint64_t calls = 0;

	for (unsigned int i = 0; workers != NULL && i < nr; i++) {
		calls += atomic_load_explicit(&workers[i].times.calls, memory_order_relaxed);
	}
	return calls;
}

/** Directories that files are being copied in, and those that were found and are not listed yet. */
static uint64_t dirs_in_hand(const struct usync_job *job)
{
	const struct us_worker *workers = atomic_load(&job->workers);
	unsigned int nr = atomic_load(&job->nr_made);
	uint64_t listed = 0;
	uint64_t found = 0;

	for (unsigned int i = 0; workers != NULL && i < nr; i++) {
		listed += atomic_load_explicit(&workers[i].counts.listed_dirs, memory_order_relaxed);
	}
	for (unsigned int i = 0; workers != NULL && i < nr; i++) {
		found += atomic_load_explicit(&workers[i].counts.found_dirs, memory_order_relaxed);
	}
	return found - us_min(listed, found) + atomic_load_explicit(&job->nr_listings, memory_order_relaxed);
}

/** When the job began, if a side of it is far away; else 0. */
static uint64_t far_since(const struct usync_job *job)
{
	bool is_far = atomic_load(&job->is_far[US_OP_SRC]) || atomic_load(&job->is_far[US_OP_DST]);

	return is_far ? atomic_load(&job->started_ns) : 0;
}

/** Have as many workers as the slow calls ask for. */
static void grow(struct us_tune *tune, uint64_t slow_ns)
{
	struct usync_job *job = tune->job;
	struct us_policy_view view = {.now_ns = us_clock_ns(),
	                              .far_ns = far_since(job),
	                              .slow_ns = slow_ns,
	                              .calls = all_calls(job),
	                              .idle = us_feed_idle(job->feed)};
	unsigned int before = tune->growth.target;
	unsigned int target = us_policy_grow(&tune->growth, &view);
	unsigned int sharers;
	bool is_narrow;

	/* While it is being tried, too, or nothing is left for those that come. */
	is_narrow = slow_ns > 0 && !(tune->growth.is_settled && target == tune->growth.base);
	sharers = tune->watched[US_OP_DST][US_OP_OPENAT].policy.is_slow ? us_policy_sharers(target, dirs_in_hand(job))
	                                                                : target;
	atomic_store_explicit(&job->max_sharers, sharers, memory_order_relaxed);
	atomic_store_explicit(&job->narrow, is_narrow, memory_order_relaxed);
	if (target == before) {
		return;
	}
	if (start_workers(job, target) < target) {
		tune->growth.max = us_max(atomic_load(&job->nr_made), tune->growth.base);
		target = us_min(target, tune->growth.max);
		tune->growth.target = target;
	}
	us_feed_set_active(job->feed, target);
	if (target > tune->told) {
		tune->told = target;
		us_report_note(job, "jobs=%u, because calls are slow", target);
	}
}

/** Look at all kinds, and follow, if there is a way to. */
static void look_at_all(struct us_tune *tune)
{
	uint64_t slow_ns = 0;

	tune->is_calm = true;
	if (!may_grow(tune) && atomic_load(&tune->job->ring_noted)) {
		return; /* No more workers, and no ring. */
	}
	for (enum us_op_side side = 0; side < US_OP_SIDES; side++) {
		unsigned int slow = 0;

		for (enum us_op_kind kind = 0; kind < US_OP_NR; kind++) {
			const struct watched *watched = &tune->watched[side][kind];

			if ((FIXED_KINDS & US_OP_BIT(kind)) != 0) {
				continue;
			}
			look(tune, side, kind);
			if (!watched->policy.is_slow) {
				continue;
			}
			slow |= US_OP_BIT(kind);
			tune->is_calm = false;
			if ((GROWS_KINDS & US_OP_BIT(kind)) != 0) {
				slow_ns = us_max(slow_ns, watched->median_ns);
			}
		}
		atomic_store(&tune->slow_kinds[side], slow);
		if (!may_grow(tune)) {
			atomic_store_explicit(&tune->job->async_kinds[side], slow, memory_order_relaxed);
		}
	}
	if (may_grow(tune)) {
		grow(tune, slow_ns);
	}
}

/** Sleep for a tick. @return false when it is to end. */
static bool wait_tick(struct us_tune *tune)
{
	struct timespec until;
	bool stop;
	bool is_short = !tune->is_calm || tune->nr_ticks < US_POLICY_TICKS;
	uint64_t ns = us_clock_ns() + (is_short ? US_POLICY_TICK_NS : US_POLICY_TICK_CALM_NS);

	tune->nr_ticks = us_min(tune->nr_ticks + 1, US_POLICY_TICKS);
	until = (struct timespec){.tv_sec = (time_t)(ns / 1000000000u), .tv_nsec = (long)(ns % 1000000000u)};
	pthread_mutex_lock(&tune->lock);
	while (!tune->stop && pthread_cond_timedwait(&tune->changed, &tune->lock, &until) != ETIMEDOUT) {
		continue;
	}
	stop = tune->stop;
	pthread_mutex_unlock(&tune->lock);
	return !stop;
}

/** The thread. */
static void *tune_main(void *arg)
{
	struct us_tune *tune = arg;

	while (wait_tick(tune)) {
		look_at_all(tune);
	}
	return NULL;
}

void us_tune_init(struct usync_job *job)
{
	struct us_tune *tune;
	pthread_condattr_t attr;
	cpu_set_t cpus;

	if (job->io_mode != US_IO_AUTO || job->link != NULL) {
		return; /* Or each worker has a connection, and waits for that. */
	}
	tune = calloc(1, sizeof(*tune));
	if (tune == NULL) {
		return;
	}
	tune->job = job;
	tune->growth = (struct us_policy_growth){.base = job->nr_workers,
	                                         .max = job->max_workers,
	                                         .cpus = 1,
	                                         .target = job->nr_workers};
	if (sched_getaffinity(0, sizeof(cpus), &cpus) == 0) {
		tune->growth.cpus = (unsigned int)CPU_COUNT(&cpus);
	}
	pthread_mutex_init(&tune->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&tune->changed, &attr);
	pthread_condattr_destroy(&attr);
	job->tune = tune;
}

void us_tune_start(struct usync_job *job)
{
	struct us_tune *tune = job->tune;
	int ret;

	if (tune == NULL) {
		return;
	}
	ret = us_thread_start(&tune->thread, tune_main, tune);
	tune->is_started = ret == 0;
	if (ret < 0) {
		us_report_note(job, "can not see how long calls take: %s", strerrordesc_np(-ret));
	}
}

void us_tune_stop(struct usync_job *job)
{
	struct us_tune *tune = job->tune;

	if (tune == NULL || !tune->is_started) {
		return;
	}
	pthread_mutex_lock(&tune->lock);
	tune->stop = true;
	pthread_cond_signal(&tune->changed);
	pthread_mutex_unlock(&tune->lock);
	pthread_join(tune->thread, NULL);
	tune->is_started = false;
}

void us_tune_free(struct usync_job *job)
{
	if (job->tune == NULL) {
		return;
	}
	pthread_mutex_destroy(&job->tune->lock);
	pthread_cond_destroy(&job->tune->changed);
	free(job->tune);
	job->tune = NULL;
}
