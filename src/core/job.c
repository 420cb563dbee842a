/* SPDX-License-Identifier: MIT */
/* A job's beginning (options to numbers, roots, threads) and its end. */
#include "core/job.h"

#include "base/clock.h"
#include "base/us.h"
#include "core/budget.h"
#include "core/dry_sink.h"
#include "core/extra_dirs.h"
#include "core/feed.h"
#include "core/leftovers.h"
#include "core/links.h"
#include "core/local_sink.h"
#include "core/local_source.h"
#include "core/lock.h"
#include "core/manifest.h"
#include "core/policy.h"
#include "core/progress.h"
#include "core/report.h"
#include "core/target.h"
#include "core/verify.h"
#include "core/worker.h"
#include "sys/nofile.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/** A worker's stack: nothing here recurses, but sanitizers take their share. */
#define STACK_SIZE (1u << 20)

/** Workers when none were asked for: some more than processors, for at times they wait for the disk. */
static unsigned int default_jobs(void)
{
	cpu_set_t cpus;
	unsigned int nr = 1;

	if (sched_getaffinity(0, sizeof(cpus), &cpus) == 0) {
		nr = (unsigned int)CPU_COUNT(&cpus);
	}
	nr *= US_POLICY_JOBS_PER_CPU;
	return us_min(us_max(nr, US_POLICY_JOBS_MIN), US_POLICY_JOBS_MAX);
}

/** Options to what they mean here. */
static void settle(struct usync_job *job)
{
	const struct usync_options *options = &job->options;
	struct us_budget budget = {
		.workers = options->jobs > 0 ? options->jobs : default_jobs(),
		.depth = options->queue_depth > 0 ? options->queue_depth : US_POLICY_QUEUE_DEPTH,
		.opening = 1,
		.sides = options->link_dest != NULL ? 3 : 2,
	};

	job->source = &us_local_source;
	job->sink = options->dry_run ? &us_dry_sink : &us_local_sink;
	job->transforms = options->chmod != NULL || options->chown_user || options->chown_group;
	job->looks = options->dry_run || options->existing || options->min_size > 0 || options->max_size > 0 ||
	             options->link_dest != NULL;
	job->chunk = options->chunk_size > 0 ? (uint32_t)options->chunk_size : US_POLICY_CHUNK;
	job->chunk = us_pace_chunk(options->max_rate, job->chunk);
	job->pace.rate = options->max_rate;
	job->digests = !options->dry_run && (options->verify || options->checksum_file != NULL);
	job->splice = options->copy == USYNC_COPY_SPLICE && !job->digests;
	switch (options->io) {
	case USYNC_IO_ASYNC:
		job->io_mode = US_IO_ASYNC;
		budget.opening = us_min(US_POLICY_OPENING, budget.depth);
		break;
	case USYNC_IO_SYNC:
		job->io_mode = US_IO_SYNC;
		break;
	default:
		job->io_mode = US_IO_INLINE;
		break;
	}
	us_budget_fit(&budget, job->splice);
	us_nofile_reserve(budget.fds);
	job->nr_workers = budget.workers;
	job->depth = budget.depth;
	job->max_opening = budget.opening;
	job->max_listings = budget.listings;
	us_dircache_init(&job->dirs, budget.open_dirs);
	if (getrandom(&job->run_id, sizeof(job->run_id), GRND_NONBLOCK) != sizeof(job->run_id)) {
		job->run_id = us_clock_ns();
	}
}

/** What the options say about each entry, in the form that the workers ask it. */
static int settle_rules(struct usync_job *job)
{
	const struct usync_options *options = &job->options;
	int ret = us_keep_init(&job->keep, options);

	for (size_t i = 0; i < options->nr_filters && ret == 0; i++) {
		ret = us_filter_add(&job->filter, options->filters[i].pattern, options->filters[i].include);
	}
	if (ret == 0 && (job->keep.what & USYNC_KEEP_LINKS) != 0) {
		job->links = us_links_new();
		ret = job->links != NULL ? 0 : -ENOMEM;
	}
	return ret;
}

/** Memory for the workers and their feed. */
static int make_workers(struct usync_job *job)
{
	size_t size = job->nr_workers * sizeof(struct us_worker);

	struct us_worker *workers = aligned_alloc(_Alignof(struct us_worker), size);
	unsigned int nr = 0;
	int ret = workers != NULL ? 0 : -ENOMEM;

	job->feed = us_feed_new(job->nr_workers);
	if (job->feed == NULL) {
		ret = -ENOMEM;
	}
	while (ret == 0 && nr < job->nr_workers) {
		ret = us_worker_init(&workers[nr], job, nr);
		nr += ret == 0;
	}
	job->nr_workers = nr;
	/* Published only when its counts can be read: usync_job_stats() may be called meanwhile. */
	atomic_store(&job->workers, workers);
	return ret;
}

/** Start one worker with all signals blocked: they are for the caller's threads. */
static int start_thread(struct us_worker *worker)
{
	pthread_attr_t attr;
	sigset_t all;
	sigset_t old;
	int ret;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	ret = pthread_create(&worker->thread, &attr, us_worker_main, worker);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	worker->is_started = ret == 0;
	return -ret;
}

/** Start the workers; with fewer than wanted the job goes on, for each takes what any has. */
static int start_threads(struct usync_job *job)
{
	int first = start_thread(&job->workers[0]);

	for (unsigned int i = 1; i < job->nr_workers && first == 0; i++) {
		int ret = start_thread(&job->workers[i]);

		if (ret < 0) {
			us_report_note(job, "only %u of %u threads could be started: %s", i,
			               job->nr_workers, strerrordesc_np(-ret));
			break;
		}
	}
	return first;
}

/** Release what was taken; all directories are freed by now. */
static void release(struct usync_job *job)
{
	for (unsigned int i = 0; job->workers != NULL && i < job->nr_workers; i++) {
		us_worker_fini(&job->workers[i]);
	}
	us_progress_free(job);
	us_manifest_free(job);
	us_feed_free(job->feed);
	us_extra_dirs_close(job);
	us_unlock_destination(job);
	us_dircache_fini(&job->dirs);
	us_links_free(job->links);
	us_filelist_free(job->files);
	job->files = NULL;
	us_filter_fini(&job->filter);
	us_keep_fini(&job->keep);
	job->feed = NULL;
	job->links = NULL;
}

/** Give up one reference to a listing that no worker will see. */
static void drop_listing(struct us_listing *listing)
{
	if (atomic_fetch_sub(&listing->refs, 1) == 1) {
		us_listing_free(listing);
	}
}

/** Take back what us_target_open() had made before it failed. */
static void unwind_target(struct usync_job *job)
{
	struct us_task task;

	while (job->feed != NULL && us_feed_next(job->feed, 0, false, &task) == US_FEED_TASK) {
		if (task.kind == US_TASK_DIR) {
			us_dir_free(task.dir);
		} else if (task.kind == US_TASK_SLICE) {
			drop_listing(task.slice.listing);
		}
	}
	if (job->nr_workers > 0 && job->workers[0].slice != NULL) {
		drop_listing(job->workers[0].slice->listing);
	}
	if (job->root != NULL) {
		us_dircache_close(&job->dirs, job->root); /* Whatever pinned it: nothing runs. */
		us_dir_free(job->root);
		job->root = NULL;
	}
}

/** Say what was settled. */
static void note_choices(struct usync_job *job)
{
	static const char *const modes[] = {
		[US_IO_INLINE] = "inline", [US_IO_ASYNC] = "async", [US_IO_SYNC] = "sync"};

	us_report_note(job, "io=%s copy=%s jobs=%u queue-depth=%u chunk-size=%u", modes[job->io_mode],
	               job->splice ? "splice" : "rw", job->nr_workers, job->depth, job->chunk);
}

int us_job_start(struct usync_job *job)
{
	int ret;

	job->state = US_JOB_ENDED; /* Unless it starts. */
	atomic_store(&job->started_ns, us_clock_ns());
	settle(job);
	ret = settle_rules(job);
	if (ret == 0) {
		ret = make_workers(job);
	}
	if (ret == 0) {
		ret = us_target_open(job);
	}
	if (ret == 0) {
		ret = us_progress_open(job);
	}
	if (ret == 0) {
		ret = us_manifest_open(job);
	}
	if (ret == 0) {
		us_leftovers_begin(job);
		note_choices(job);
		ret = us_progress_start(job);
	}
	if (ret == 0) {
		ret = start_threads(job);
	}
	if (ret < 0) {
		unwind_target(job);
		release(job);
		if (job->error_text == NULL &&
		    asprintf(&job->error_text, "can not start: %s", strerrordesc_np(-ret)) < 0) {
			job->error_text = NULL;
		}
		return ret;
	}
	job->state = US_JOB_RUNNING;
	return 0;
}

int us_job_wait(struct usync_job *job)
{
	int error;

	for (unsigned int i = 0; i < job->nr_workers; i++) {
		if (job->workers[i].is_started) {
			pthread_join(job->workers[i].thread, NULL);
		}
	}
	us_verify(job);
	us_manifest_finish(job);
	us_progress_finish(job);
	us_leftovers_end(job);
	atomic_store(&job->ended_ns, us_clock_ns());
	job->state = US_JOB_ENDED;
	us_report_lacks(job);
	release(job);
	error = atomic_load(&job->error);
	if (error == 0 && atomic_load(&job->cancelled)) {
		error = -ECANCELED;
	}
	return error;
}
