/* SPDX-License-Identifier: MIT */
/* A job's beginning (options to numbers, roots, threads) and its end. */
#include "core/job.h"

#include "base/clock.h"
#include "base/us.h"
#include "core/backup.h"
#include "core/budget.h"
#include "core/dry_sink.h"
#include "core/extra_dirs.h"
#include "core/feed.h"
#include "core/leftovers.h"
#include "core/link.h"
#include "core/links.h"
#include "core/local_sink.h"
#include "core/local_source.h"
#include "core/lock.h"
#include "core/manifest.h"
#include "core/mirror.h"
#include "core/order.h"
#include "core/paths.h"
#include "core/policy.h"
#include "core/progress.h"
#include "core/report.h"
#include "core/root_path.h"
#include "core/target.h"
#include "core/tempname.h"
#include "core/tune.h"
#include "core/verify.h"
#include "core/worker.h"
#include "sys/call.h"
#include "sys/cpus.h"
#include "sys/fstype.h"
#include "sys/nofile.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

/**
 * See what the destination, or the directory that it will be made in, is on, if that is on this machine.
 *
 * @return true when more workers than processors would only wait for each other there.
 */
static bool look_at_destination(struct usync_job *job)
{
	const struct us_order_row *row;
	struct us_fstype src;
	struct us_fstype dst;

	if (job->link != NULL) {
		return false;
	}
	if (!us_fstype_of(job->destination, &dst)) {
		char *parent = us_path_parent(job->destination);

		if (parent != NULL) {
			(void)us_fstype_of(parent, &dst); /* Else it is one of which nothing is known. */
			free(parent);
		}
	}
	row = us_order_row(dst.magic);
	job->is_far[US_OP_DST] = row->is_far;
	return row->is_one_tree ||
	       (row->clones_wait && job->options.reflink != USYNC_REFLINK_NEVER &&
	        us_fstype_of(job->sources[0], &src) && src.magic == dst.magic && src.id == dst.id);
}

/** Workers when none were asked for: some more than processors, for at times they wait for the disk. */
static unsigned int default_jobs(bool wait_for_each_other)
{
	unsigned int nr = us_cpus_allowed() * (wait_for_each_other ? 1u : US_POLICY_JOBS_PER_CPU);

	return us_min(us_max(nr, US_POLICY_JOBS_MIN), US_POLICY_JOBS_MAX);
}

/** Bytes that the program, its libraries and what grows a little with the tree take of the address space. */
#define OWN_BYTES ((rlim_t)28 << 20)

/** Bytes that a worker takes of it beside its buffers: its stack, its window, listings. */
#define WORKER_BYTES ((rlim_t)5 << 20)

/** Bytes of address space that this process may have (RLIMIT_AS); RLIM_INFINITY where what is never touched is free. */
static rlim_t address_space(void)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_AS, &limit) == 0 ? limit.rlim_cur : RLIM_INFINITY;
}

/** Files that a worker may hold open beside its window; with a link the other side numbers those in flight. */
static unsigned int gathered_files(const struct usync_job *job)
{
	bool is_bounded = job->options.queue_depth > 0 || job->link != NULL || address_space() != RLIM_INFINITY;

	return is_bounded ? 0 : US_POLICY_GATHER_MAX;
}

/** Workers for which the address space has room, where that is limited (RLIMIT_AS). */
static unsigned int most_workers(const struct usync_job *job)
{
	rlim_t each = us_policy_buffer(job->chunk) + WORKER_BYTES;
	rlim_t own = OWN_BYTES;
	rlim_t limit = address_space();
	struct statx stx;

	if (limit == RLIM_INFINITY) {
		return USYNC_JOBS_MAX;
	}
	if (job->options.journal != NULL && us_statx(AT_FDCWD, job->options.journal, 0, &stx) == 0) {
		own += 2 * stx.stx_size; /* While it is read; half of that stays. */
	}
	if (limit < own + each) {
		return 1;
	}
	return (unsigned int)us_min((limit - own) / each, (rlim_t)USYNC_JOBS_MAX);
}

/** A way that is forced by --copy is the only one. */
static void settle_reflink(struct usync_job *job)
{
	switch (job->options.copy) {
	case USYNC_COPY_AUTO:
		break;
	case USYNC_COPY_REFLINK:
		job->options.reflink = USYNC_REFLINK_ALWAYS;
		break;
	default:
		job->options.reflink = USYNC_REFLINK_NEVER;
		break;
	}
}

/** Options to what they mean here. */
static void settle(struct usync_job *job)
{
	const struct usync_options *options = &job->options;
	struct us_budget budget = {
		.depth = options->queue_depth > 0 ? options->queue_depth : US_POLICY_QUEUE_DEPTH,
		.gather = gathered_files(job),
		.opening = 1,
		.sides = 2 + (unsigned int)options->nr_link_dests,
	};
	bool wait_for_each_other;

	settle_reflink(job);
	wait_for_each_other = look_at_destination(job);
	budget.workers = options->jobs > 0 ? options->jobs : default_jobs(wait_for_each_other);
	job->source = &us_local_source;
	if (job->sink == NULL) {
		job->sink = options->dry_run ? &us_dry_sink : &us_local_sink;
	}
	if (job->link != NULL) {
		job->source = job->link->source != NULL ? job->link->source : job->source;
		job->sink = job->link->sink != NULL ? job->link->sink : job->sink;
		budget.workers = job->link->workers(job);
		/* What becomes of a directory there is known a round trip later: others are asked for meanwhile. */
		budget.opening = job->link->sink != NULL ? us_min(US_POLICY_OPENING, budget.depth) : 1;
	}
	job->transforms = options->chmod != NULL || options->chown_user || options->chown_group;
	job->looks = options->dry_run || options->existing || options->min_size > 0 || options->max_size > 0 ||
	             options->nr_link_dests > 0;
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
	case USYNC_IO_INLINE:
		job->io_mode = US_IO_INLINE;
		break;
	default:
		job->io_mode = US_IO_AUTO;
		break;
	}
	budget.workers = us_min(budget.workers, most_workers(job));
	if (job->io_mode == US_IO_AUTO && options->jobs == 0 && job->link == NULL) {
		budget.late = us_min(US_POLICY_WORKERS_MAX, most_workers(job)) - budget.workers;
	}
	us_budget_fit(&budget, job->splice);
	us_nofile_reserve(budget.fds);
	job->nr_workers = budget.workers;
	job->max_workers = budget.workers + budget.late;
	job->depth = budget.depth;
	job->window = budget.depth;
	if (job->link != NULL) {
		job->depth = job->link->tokens(job); /* Most of them hold no descriptors. */
		job->window = us_max(us_min(budget.depth, job->depth - job->depth / 4), 1u);
	}
	job->gather = budget.gather;
	job->max_opening = budget.opening;
	job->max_listings = budget.listings;
	us_large_settle(job);
	us_dircache_init(&job->dirs, budget.open_dirs);
	job->dirs.nr_references = (unsigned int)options->nr_link_dests;
	job->run_id = us_tempname_new_run();
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
	if (ret == 0 && options->backup) {
		job->backups = us_backups_new();
		ret = job->backups != NULL ? 0 : -ENOMEM;
	}
	return ret;
}

/** Memory for the workers and their feed. */
static int make_workers(struct usync_job *job)
{
	size_t size = job->max_workers * sizeof(struct us_worker);

	struct us_worker *workers = aligned_alloc(_Alignof(struct us_worker), size);
	unsigned int nr = 0;
	int ret = workers != NULL ? 0 : -ENOMEM;

	job->feed = us_feed_new(job->max_workers, job->nr_workers);
	if (job->feed == NULL) {
		ret = -ENOMEM;
	}
	while (ret == 0 && nr < job->nr_workers) {
		ret = us_worker_init(&workers[nr], job, nr, false);
		nr += ret == 0;
	}
	if (ret < 0 && nr > 0 && job->link == NULL) {
		us_report_note(job, "there is memory for only %u of %u workers", nr, job->nr_workers);
		ret = 0; /* Each takes what any has. */
		job->max_workers = nr;
	}
	job->nr_workers = nr;
	atomic_store(&job->nr_made, nr);
	/* Published only when its counts can be read: usync_job_stats() may be called meanwhile. */
	atomic_store(&job->workers, workers);
	return ret;
}

/** With --pin: which processors the workers are to run on.  Where that is not told, they are not pinned. */
static void settle_cpus(struct usync_job *job)
{
	char text[256] = "";
	size_t length = 0;
	int nr;

	if (!job->options.pin) {
		return;
	}
	nr = us_cpus_spread("/sys/devices/system/cpu", &job->cpus);
	if (nr < 0) {
		us_report_note(job, "workers are not pinned: %s", strerrordesc_np(-nr));
		return;
	}
	job->nr_cpus = (unsigned int)nr;
	for (unsigned int i = 0; i < job->nr_workers && length + 16 < sizeof(text); i++) {
		length += (size_t)snprintf(text + length, sizeof(text) - length, " %u",
		                           job->cpus[i % job->nr_cpus].number);
	}
	us_report_note(job, "workers are pinned to CPUs%s", text);
}

/** Start the workers; with fewer than wanted the job goes on, for each takes what any has. */
static int start_threads(struct usync_job *job)
{
	int first = us_worker_start(&job->workers[0]);

	for (unsigned int i = 1; i < job->nr_workers && first == 0; i++) {
		int ret = us_worker_start(&job->workers[i]);

		if (ret < 0 && job->link != NULL) {
			us_report_stop_at(job, job->destination, "start a thread for each connection", ret);
			break;
		}
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
	for (unsigned int i = 0; job->workers != NULL && i < atomic_load(&job->nr_made); i++) {
		us_worker_fini(&job->workers[i]);
	}
	us_progress_free(job);
	us_manifest_free(job);
	us_feed_free(job->feed);
	us_extra_dirs_close(job);
	us_unlock_destination(job);
	us_dircache_fini(&job->dirs);
	us_links_free(job->links);
	us_backups_free(job->backups);
	us_large_release(job);
	us_filelist_free(job->files);
	job->files = NULL;
	us_order_free(job);
	us_filter_fini(&job->filter);
	us_keep_fini(&job->keep);
	free(job->cpus);
	job->cpus = NULL;
	job->feed = NULL;
	job->links = NULL;
	job->backups = NULL;
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
	if (job->workers != NULL && job->nr_workers > 0 && job->workers[0].slice != NULL) {
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
		[US_IO_INLINE] = "inline", [US_IO_ASYNC] = "async", [US_IO_SYNC] = "sync", [US_IO_AUTO] = "auto"};
	static const char *const copies[] = {
		[USYNC_COPY_AUTO] = "auto", [USYNC_COPY_RW] = "rw", [USYNC_COPY_SPLICE] = "splice",
		[USYNC_COPY_REFLINK] = "reflink", [USYNC_COPY_CFR] = "cfr"};

	us_report_note(job, "io=%s copy=%s jobs=%u queue-depth=%u chunk-size=%u", modes[job->io_mode],
	               job->options.copy == USYNC_COPY_SPLICE && !job->splice ? "rw" : copies[job->options.copy],
	               job->nr_workers, job->depth, job->chunk);
}

/** Say how contents were copied. */
static void note_methods(struct usync_job *job)
{
	uint64_t nr[US_METHODS] = {0};
	uint64_t all = 0;

	for (unsigned int i = 0; i < atomic_load(&job->nr_made); i++) {
		for (enum us_method method = 0; method < US_METHODS; method++) {
			nr[method] += atomic_load(&job->workers[i].counts.methods[method]);
		}
	}
	for (enum us_method method = 0; method < US_METHODS; method++) {
		all += nr[method];
	}
	if (all > 0) {
		us_report_note(job,
		               "contents of files: %" PRIu64 " read and written, %" PRIu64 " spliced, %" PRIu64
		               " by copy_file_range, %" PRIu64 " reflinked",
		               nr[US_METHOD_RW], nr[US_METHOD_SPLICE], nr[US_METHOD_CFR], nr[US_METHOD_CLONE]);
	}
}

int us_job_start(struct usync_job *job)
{
	int ret;

	job->state = US_JOB_ENDED; /* Unless it starts. */
	atomic_store(&job->started_ns, us_clock_ns());
	ret = job->link != NULL ? job->link->meet(job) : 0;
	if (ret == 0) {
		settle(job);
		ret = settle_rules(job);
	}
	if (ret == 0) {
		ret = make_workers(job);
	}
	if (ret == 0 && job->link != NULL && job->nr_workers < job->link->workers(job)) {
		ret = -ENOMEM; /* Each connection needs its own. */
	}
	if (ret == 0) {
		ret = job->link != NULL ? job->link->open(job) : us_target_open(job);
	}
	if (ret == 0) {
		ret = us_progress_open(job);
	}
	if (ret == 0) {
		ret = us_manifest_open(job);
	}
	for (size_t i = 0; i < job->options.nr_spared && ret == 0; i++) {
		ret = us_mirror_spare(job, job->options.spared[i]);
	}
	if (ret == 0) {
		us_leftovers_begin(job);
		note_choices(job);
		settle_cpus(job);
		ret = us_progress_start(job);
	}
	if (ret == 0) {
		us_tune_init(job);
		ret = start_threads(job);
	}
	if (ret < 0) {
		if (job->error_text == NULL &&
		    asprintf(&job->error_text, "can not start: %s", strerrordesc_np(-ret)) < 0) {
			job->error_text = NULL;
		}
		if (job->link != NULL) {
			job->link->finish(job, ret);
		}
		unwind_target(job);
		release(job);
		return ret;
	}
	us_tune_start(job);
	job->state = US_JOB_RUNNING;
	return 0;
}

/** Wait for the threads of the workers from FIRST to before END. */
static void join(struct usync_job *job, unsigned int first, unsigned int end)
{
	for (unsigned int i = first; i < end; i++) {
		if (job->workers[i].is_started) {
			pthread_join(job->workers[i].thread, NULL);
		}
	}
}

int us_job_wait(struct usync_job *job)
{
	int error;

	join(job, 0, job->nr_workers);
	us_tune_stop(job); /* From here on no worker is made. */
	join(job, job->nr_workers, atomic_load(&job->nr_made));
	us_root_path_check(job);
	us_verify(job);
	us_manifest_finish(job);
	us_progress_finish(job);
	us_leftovers_end(job);
	us_report_lacks(job); /* As long as the other side of a link can hear of it. */
	if (job->link != NULL) {
		job->link->finish(job, 0);
	}
	atomic_store(&job->ended_ns, us_clock_ns());
	job->state = US_JOB_ENDED;
	note_methods(job);
	release(job);
	error = atomic_load(&job->error);
	if (error == 0 && atomic_load(&job->cancelled)) {
		error = -ECANCELED;
	}
	return error;
}
