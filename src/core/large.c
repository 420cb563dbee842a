/* SPDX-License-Identifier: MIT */
/*
 * A file on its way:
 *
 *	|  done  | taken | done | taken |    not taken    |
 *	         low                    next              size
 *
 * Ranges are handed out in order under the lock, one lock for each 32 MiB; all between is done without it.  Each begins
 * and ends at a multiple of US_BYPASS_ALIGN, so that no page belongs to two of them, and is copied by one worker from
 * its start to its end.
 *
 * A file that is made under its final name must not have its full size before it has all of its bytes: were the run
 * killed, the next might find that size and a time that is near enough (--modify-window, or the same tick of the clock)
 * and take it for complete.  So it is one byte too long until then, or its last range waits for the others.
 */
#include "core/large.h"

#include "base/us.h"
#include "core/feed.h"
#include "core/file.h"
#include "core/job.h"
#include "core/mover.h"
#include "core/pace.h"
#include "core/part.h"
#include "core/policy.h"
#include "core/report.h"
#include "core/worker.h"
#include "sys/call.h"
#include "sys/fstype.h"

#include <pthread.h>
#include <stdlib.h>

/** No range is being copied by a worker. */
#define NONE UINT64_MAX

struct us_large {
	pthread_mutex_t lock;
	pthread_cond_t changed;

	/* Guarded by the lock. */
	unsigned int refs;
	unsigned int nr_active; /**< Helpers at work. */
	bool closed;            /**< No more of them: the file is its owner's again. */
	uint64_t next;
	uint64_t low;
	const char *what;       /**< What failed. */
	uint64_t *starts;       /**< Of each worker's range, or NONE. */

	/* Set before others see it. */
	struct us_file *file;
	bool in_order;          /**< The owner copies it alone, from its start to its end. */
	bool last_waits;        /**< Its last range is begun when all others are done. */
	const struct us_large_plan *plan;
	unsigned int nr_workers;
	struct us_headway *headway;
	struct us_large_gate *gate; /**< NULL: as many as come may copy, for it is latency that they wait for. */
	bool entered;               /**< The owner is one of them. */

	struct us_mover mover;
	atomic_int error;           /**< The first one. */
	atomic_int src_error;       /**< The same of the source. */
};

void us_large_settle(struct usync_job *job)
{
	const struct usync_options *options = &job->options;
	struct us_large_plan *plan = &job->large;
	uint64_t request = options->chunk_size > 0 ? options->chunk_size : US_POLICY_LARGE_REQUEST;
	uint64_t range = options->journal != NULL || job->link != NULL ? US_POLICY_RANGE_JOURNAL : US_POLICY_RANGE;

	plan->by_kernel = options->copy == USYNC_COPY_CFR && job->link == NULL;
	plan->size = options->large_size > 0 ? options->large_size : US_POLICY_LARGE;
	plan->request = (uint32_t)us_bypass_up(us_pace_chunk(options->max_rate, (uint32_t)request));
	range = us_min(range, us_bypass_down(plan->size / 2));
	if (options->max_rate > 0) {
		range = us_min(range, (uint64_t)plan->request * 4);
	}
	plan->range = (uint32_t)us_max(range, (uint64_t)plan->request);
	if (options->journal != NULL && job->link == NULL) {
		plan->window = (uint64_t)plan->range * us_max(8u, job->nr_workers * 2);
	}
	if (job->link != NULL) {
		/*
		 * Its source and its sink are not on one machine: they share the ranges out (net/ranges.h); but what
		 * goes through a pipe goes in order.
		 */
		plan->sent = options->copy == USYNC_COPY_SPLICE ? 0 : plan->size;
		plan->size = 0;
	}
	job->large_gate = (struct us_large_gate){.most = job->nr_workers};
	if (options->jobs == 0) {
		job->large_gate.most = us_max(job->nr_workers / US_POLICY_JOBS_PER_CPU, US_POLICY_JOBS_MIN);
	}
	pthread_mutex_init(&job->large_gate.lock, NULL);
	pthread_cond_init(&job->large_gate.changed, NULL);
}

void us_large_release(struct usync_job *job)
{
	pthread_mutex_destroy(&job->large_gate.lock);
	pthread_cond_destroy(&job->large_gate.changed);
}

/**
 * Become one of those that copy large files.
 *
 * @param wait Until one of them leaves.
 * @return false when there are enough.
 */
static bool enter_gate(struct us_large_gate *gate, bool wait)
{
	bool entered;

	if (gate == NULL) {
		return true;
	}
	pthread_mutex_lock(&gate->lock);
	while (wait && gate->nr >= gate->most) {
		pthread_cond_wait(&gate->changed, &gate->lock);
	}
	entered = gate->nr < gate->most;
	gate->nr += entered;
	pthread_mutex_unlock(&gate->lock);
	return entered;
}

/** Make room for the next. */
static void leave_gate(struct us_large_gate *gate)
{
	if (gate == NULL) {
		return;
	}
	pthread_mutex_lock(&gate->lock);
	gate->nr--;
	pthread_cond_signal(&gate->changed);
	pthread_mutex_unlock(&gate->lock);
}

/** True when FILE is of the size from which on several workers copy one. */
static bool is_large(const struct usync_job *job, const struct us_file *file)
{
	return job->large.by_kernel || (job->large.size > 0 && file->stx.stx_size >= job->large.size);
}

/** True when FILE is to be copied in ranges. */
static bool is_wanted(const struct usync_job *job, const struct us_file *file)
{
	if (file->verdict != US_VERDICT_COPY || job->options.dry_run || file->offset >= file->stx.stx_size) {
		return false;
	}
	if (job->digests) {
		return job->large.size > 0 && file->stx.stx_size >= job->large.size;
	}
	return file->clone_rest || is_large(job, file);
}

uint64_t us_large_slack(const struct usync_job *job, const struct us_file *file)
{
	/* Whether it will be copied in ranges is not settled when this is asked; sums are taken in order. */
	if (job->link != NULL) {
		return file->slack;
	}
	return is_large(job, file) && !job->digests ? job->large.window : 0;
}

bool us_large_has_buffer(struct us_worker *worker)
{
	if (worker->large_buf == NULL) {
		worker->large_buf =
			aligned_alloc(US_BYPASS_ALIGN, (size_t)worker->job->large.request + US_BYPASS_ALIGN);
	}
	return worker->large_buf != NULL;
}

struct us_large *us_large_new(struct us_worker *worker, struct us_file *file)
{
	struct usync_job *job = worker->job;
	struct us_large *large;

	if (!is_wanted(job, file) || !us_large_has_buffer(worker)) {
		return NULL;
	}
	large = calloc(1, sizeof(*large));
	if (large == NULL) {
		return NULL;
	}
	large->starts = malloc(job->max_workers * sizeof(*large->starts));
	if (large->starts == NULL) {
		free(large);
		return NULL;
	}
	for (unsigned int i = 0; i < job->max_workers; i++) {
		large->starts[i] = NONE;
	}
	pthread_mutex_init(&large->lock, NULL);
	pthread_cond_init(&large->changed, NULL);
	large->refs = 1;
	large->file = file;
	large->in_order = file->digest != NULL || (file->clone_rest && !is_large(job, file));
	large->plan = &job->large;
	large->nr_workers = job->max_workers;
	large->next = us_bypass_down(file->offset);
	if (file->digest != NULL) {
		large->next = file->offset; /* Its sum has what is before that. */
	}
	large->low = large->next;
	large->headway = &job->headway;
	us_mover_init(&large->mover, file, file->digest, job->large.request);
	return large;
}

/** Free what no one refers to. */
static void destroy(struct us_large *large)
{
	us_mover_fini(&large->mover);
	pthread_mutex_destroy(&large->lock);
	pthread_cond_destroy(&large->changed);
	free(large->starts);
	free(large);
}

void us_large_put(struct us_large *large)
{
	unsigned int refs;

	pthread_mutex_lock(&large->lock);
	refs = --large->refs;
	pthread_mutex_unlock(&large->lock);
	if (refs == 0) {
		destroy(large);
	}
}

/** Keep the first FAILURE; the others see it and stop. */
static void fail(struct us_large *large, const struct us_mover_failure *failure)
{
	pthread_mutex_lock(&large->lock);
	if (atomic_load(&large->error) == 0) {
		large->what = failure->what;
		atomic_store(failure->side == US_SRC ? &large->src_error : &large->error, failure->error);
		atomic_store(&large->error, failure->error);
	}
	pthread_cond_broadcast(&large->changed);
	pthread_mutex_unlock(&large->lock);
}

/** True when nothing more is to be begun. */
static bool is_over(const struct us_worker *worker, struct us_large *large)
{
	return us_job_stopping(worker->job) || atomic_load_explicit(&large->error, memory_order_relaxed) < 0;
}

/** Find out how far all is written; the lock is held. */
static void update_low(struct us_large *large)
{
	uint64_t low = large->next;

	for (unsigned int i = 0; i < large->nr_workers; i++) {
		low = us_min(low, large->starts[i]);
	}
	us_headway_go(large->headway, low - large->low);
	large->low = low;
	us_part_wrote(large->file, low);
}

/** True when the range from START, which is next, to END has to wait for lower ones; the lock is held. */
static bool is_early(const struct us_large *large, uint64_t start, uint64_t end)
{
	uint64_t window = large->plan->window;
	bool is_far = window > 0 && end > large->low + window;
	bool is_last = large->last_waits && end >= atomic_load(&large->mover.size);

	return (is_far || is_last) && large->low < start;
}

/** Take the next range.  @return false when there is none left, or none to be taken any more. */
static bool take(struct us_worker *worker, struct us_large *large, uint64_t *start, uint64_t *end)
{
	const struct us_large_plan *plan = large->plan;
	bool taken = false;

	pthread_mutex_lock(&large->lock);
	while (!taken && !is_over(worker, large)) {
		uint64_t size = atomic_load(&large->mover.size);
		uint64_t data_end;

		large->next =
			large->next < size ? us_mover_find_data(&large->mover, large->next, size, &data_end) : size;
		if (large->next >= size) {
			break;
		}
		*start = large->next;
		*end = us_min(us_bypass_down(*start + plan->range), size);
		if (is_early(large, *start, *end)) {
			update_low(large); /* A hole may have been passed over. */
			if (is_early(large, *start, *end)) {
				pthread_cond_wait(&large->changed, &large->lock);
				continue;
			}
		}
		large->starts[worker->id] = *start;
		large->next = *end;
		taken = true;
	}
	pthread_mutex_unlock(&large->lock);
	return taken;
}

/** This worker's range is done, or given up: then it stays the lowest that is not done. */
static void leave(struct us_worker *worker, struct us_large *large, bool done)
{
	pthread_mutex_lock(&large->lock);
	if (done) {
		large->starts[worker->id] = NONE;
		update_low(large);
	}
	pthread_cond_broadcast(&large->changed);
	pthread_mutex_unlock(&large->lock);
}

/** Copy the range from START to END.  @return true when all of it is done. */
static bool copy_range(struct us_worker *worker, struct us_large *large, uint64_t start, uint64_t end)
{
	struct us_mover_failure failure = {0};
	uint64_t at = start;
	uint64_t data_end = start;

	while (at < end && !is_over(worker, large)) {
		uint32_t got;

		if (at >= data_end) {
			at = us_mover_find_data(&large->mover, at, end, &data_end);
			if (at >= end) {
				break;
			}
		}
		got = us_mover_copy(&large->mover, worker, (uint32_t)(us_min(data_end, end) - at), at, &failure);
		if (got == 0) {
			break;
		}
		at += got;
	}
	if (failure.error == 0) {
		us_mover_forget(&large->mover, start, end, &failure);
	}
	if (failure.error < 0) {
		fail(large, &failure);
	}
	return !is_over(worker, large);
}

/** Copy ranges as long as there are any. */
static void copy_ranges(struct us_worker *worker, struct us_large *large)
{
	uint64_t start;
	uint64_t end;

	while (take(worker, large, &start, &end)) {
		leave(worker, large, copy_range(worker, large, start, end));
	}
}

void us_large_help(struct us_worker *worker, struct us_large *large)
{
	bool helps = false;

	if (enter_gate(large->gate, false)) {
		pthread_mutex_lock(&large->lock);
		if (!large->closed && us_large_has_buffer(worker)) {
			large->nr_active++;
			helps = true;
		}
		pthread_mutex_unlock(&large->lock);
		if (helps) {
			copy_ranges(worker, large);
			pthread_mutex_lock(&large->lock);
			large->nr_active--;
			pthread_cond_broadcast(&large->changed);
			pthread_mutex_unlock(&large->lock);
		}
		leave_gate(large->gate);
	}
	us_large_put(large);
}

/** Ask for as much help as there are ranges for. */
static void ask_for_help(struct us_worker *worker, struct us_large *large)
{
	struct us_task task = {.kind = US_TASK_LARGE, .large = large};
	uint64_t ranges = (atomic_load(&large->mover.size) - large->next) / large->plan->range;
	uint64_t most = us_min(US_POLICY_HELPERS, worker->job->nr_workers - 1);
	uint64_t wanted = us_min(ranges, most);

	if (large->in_order) {
		return;
	}
	for (uint64_t i = 0; i < wanted; i++) {
		pthread_mutex_lock(&large->lock);
		large->refs++;
		pthread_mutex_unlock(&large->lock);
		if (us_feed_push(worker->job->feed, worker->id, &task) < 0) {
			us_large_put(large);
			return; /* Without memory it goes without help. */
		}
	}
}

int us_large_reserve(const struct us_file *file, uint64_t offset)
{
	uint64_t size = file->stx.stx_size;
	int ret;

	if (file->has_holes || offset >= size || !us_fstype_reserves(file->dst_fd)) {
		return 0;
	}
	ret = us_reserve(file->dst_fd, offset, size - offset);
	return ret == -ENOSPC || ret == -EDQUOT || ret == -EFBIG || ret == -EIO ? ret : 0;
}

/** True when others see FILE under the name that it will have, and what it is in the making. */
static bool has_final_name(const struct us_file *file)
{
	return file->created && !file->replaces;
}

bool us_large_hide_size(const struct us_file *file)
{
	return !has_final_name(file) || us_ftruncate(file->dst_fd, file->stx.stx_size + 1) == 0;
}

/**
 * Blocks that are shared must end where the file does, and what a server copies goes by its rules: there the last range
 * waits.
 */
static void hide_size(struct us_large *large)
{
	enum us_method method = (enum us_method)atomic_load(&large->mover.method);
	bool is_written = method == US_METHOD_RW || method == US_METHOD_SPLICE;

	if (!large->in_order && has_final_name(large->file)) {
		large->last_waits = !is_written || !us_large_hide_size(large->file);
	}
}

/** The same of all that will be written.  What the kernel copies, or shares, needs other blocks, or none. */
static int reserve(struct us_large *large)
{
	enum us_method method = (enum us_method)atomic_load(&large->mover.method);

	return method == US_METHOD_CFR || method == US_METHOD_CLONE ? 0 : us_large_reserve(large->file, large->next);
}

/** No one but the owner uses the file from here on. */
static void close_to_others(struct us_large *large)
{
	pthread_mutex_lock(&large->lock);
	large->closed = true;
	while (large->nr_active > 0) {
		pthread_cond_wait(&large->changed, &large->lock);
	}
	pthread_mutex_unlock(&large->lock);
}

bool us_large_enter(struct us_worker *worker, struct us_file *file, bool wait)
{
	struct us_large *large = file->large;

	if (!large->entered) {
		if (us_fstype_is_local(file->src_fd) && us_fstype_is_local(file->dir->fd[US_DST])) {
			large->gate = &worker->job->large_gate;
		}
		large->entered = enter_gate(large->gate, wait);
	}
	return large->entered;
}

int us_large_copy(struct us_worker *worker, struct us_file *file, const char **what)
{
	struct us_large *large = file->large;
	int ret;

	us_mover_choose(&large->mover, worker->job);
	ret = reserve(large);
	if (ret < 0) {
		*what = "reserve space";
		us_large_give_up(file);
		return ret;
	}
	hide_size(large);
	us_headway_begin(large->headway, file->stx.stx_size, large->low);
	ask_for_help(worker, large);
	copy_ranges(worker, large);
	close_to_others(large);
	us_headway_end(large->headway, file->stx.stx_size, large->low);
	file->src_error = atomic_load(&large->src_error);
	ret = file->src_error < 0 ? 0 : atomic_load(&large->error);
	*what = large->what;
	if (ret == 0 && file->src_error == 0 &&
	    ((us_job_stopping(worker->job) && large->low < atomic_load(&large->mover.size)) ||
	     !us_mover_sum_hole(&large->mover, worker, atomic_load(&large->mover.size)))) {
		ret = -ECANCELED;
	}
	us_mover_end(&large->mover, worker, large->plan->range);
	file->method = (enum us_method)atomic_load(&large->mover.method);
	file->is_ranged = true;
	file->offset = atomic_load(&large->mover.size);
	file->length = 0;
	us_large_give_up(file);
	return ret;
}

void us_large_give_up(struct us_file *file)
{
	struct us_large *large = file->large;

	if (large == NULL) {
		return;
	}
	file->large = NULL;
	if (large->entered) {
		leave_gate(large->gate);
	}
	us_large_put(large);
}
