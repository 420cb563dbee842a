/* SPDX-License-Identifier: MIT */
/*
 * A worker's loop:
 *
 *	        source.fill            us_worker_filled       sink.put
 *	[task] ------------> in flight ----------------> ready ------> in flight --> finished
 *	           open, stat, read     ^                       create, write   |
 *	                                |                                       |
 *	                                +------ source.more <--- drained -------+
 *
 * The window is filled to job->depth files, and filled again when it has sunk to a quarter of that: so that
 * three quarters go to the kernel in one call, where the block layer merges the reads of neighbours.
 */
#include "core/worker.h"

#include "base/us.h"
#include "core/feed.h"
#include "core/job.h"
#include "core/manifest.h"
#include "core/pace.h"
#include "core/policy.h"
#include "core/progress.h"
#include "core/report.h"
#include "core/sink.h"
#include "core/source.h"
#include "sys/call.h"
#include "sys/umask.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

/** An op of a file or directory never waits on two things, so each needs one submission at a time. */
static unsigned int ring_entries(const struct usync_job *job)
{
	return job->depth + job->max_opening;
}

/** Make the chain of free files. */
static int init_files(struct us_worker *worker, unsigned int nr)
{
	worker->files = calloc(nr, sizeof(struct us_file));
	if (worker->files == NULL) {
		return -ENOMEM;
	}
	for (unsigned int i = nr; i > 0; i--) {
		worker->files[i - 1].next = worker->free;
		worker->free = &worker->files[i - 1];
	}
	return 0;
}

/** Make the chain of free slices: each file in flight may be of its own, and one is being begun. */
static int init_slices(struct us_worker *worker, unsigned int nr)
{
	worker->slices = calloc(nr, sizeof(struct us_slice));
	if (worker->slices == NULL) {
		return -ENOMEM;
	}
	for (unsigned int i = nr; i > 0; i--) {
		worker->slices[i - 1].free = worker->free_slices;
		worker->free_slices = &worker->slices[i - 1];
	}
	return 0;
}

/** Make the chain of free directory openings. */
static int init_dir_opens(struct us_worker *worker, unsigned int nr)
{
	worker->dir_opens = calloc(nr, sizeof(struct us_dir_open));
	if (worker->dir_opens == NULL) {
		return -ENOMEM;
	}
	for (unsigned int i = nr; i > 0; i--) {
		worker->dir_opens[i - 1].next = worker->free_dir_opens;
		worker->free_dir_opens = &worker->dir_opens[i - 1];
	}
	return 0;
}

int us_worker_init(struct us_worker *worker, struct usync_job *job, unsigned int id)
{
	size_t buffer = us_max((size_t)US_POLICY_BUFFER, (size_t)job->chunk * 2);

	*worker = (struct us_worker){.job = job, .id = id, .noatime = true};
	worker->ready_end = &worker->ready;
	worker->starved_end = &worker->starved;
	us_pipepool_init(&worker->pipes, (int)job->chunk);
	if (us_dents_init(&worker->dents) < 0 || us_bufpool_init(&worker->bufs, buffer) < 0 ||
	    init_files(worker, job->depth) < 0 || init_slices(worker, job->depth + 1) < 0 ||
	    init_dir_opens(worker, job->max_opening) < 0) {
		us_worker_fini(worker);
		return -ENOMEM;
	}
	return 0;
}

void us_worker_fini(struct us_worker *worker)
{
	us_pipepool_fini(&worker->pipes);
	us_dents_fini(&worker->dents);
	us_bufpool_fini(&worker->bufs);
	free(worker->files);
	free(worker->slices);
	free(worker->dir_opens);
	free(worker->compare_buf);
	worker->files = NULL;
	worker->slices = NULL;
	worker->dir_opens = NULL;
}

struct us_file *us_worker_take_file(struct us_worker *worker)
{
	struct us_file *file = worker->free;

	worker->free = file->next;
	*file = (struct us_file){
		.src_fd = -1, .dst_fd = -1, .temp_fd = -1, .pipe = {-1, -1}, .slice = worker->slice};
	file->slice->in_flight++;
	worker->nr_files++;
	return file;
}

/** One of SLICE's files, or the worker's interest in it, is over. */
static void put_slice(struct us_worker *worker, struct us_slice *slice)
{
	if (--slice->in_flight > 0) {
		return;
	}
	us_worker_put_listing(worker, slice->listing);
	slice->free = worker->free_slices;
	worker->free_slices = slice;
}

void us_worker_set_slice(struct us_worker *worker, const struct us_slice *slice)
{
	worker->slice = worker->free_slices;
	worker->free_slices = worker->slice->free;
	*worker->slice = *slice;
	worker->slice->in_flight = 1;
}

void us_worker_drop_slice(struct us_worker *worker)
{
	struct us_slice *slice = worker->slice;

	worker->slice = NULL;
	put_slice(worker, slice);
}

void us_worker_return_file(struct us_worker *worker, struct us_file *file)
{
	us_bufpool_put(&worker->bufs, file->data);
	us_pipepool_put(&worker->pipes, file->pipe, file->piped == 0);
	put_slice(worker, file->slice);
	free(file->xattrs);
	free(file->target);
	us_digest_free(file->digest);
	file->next = worker->free;
	worker->free = file;
	worker->nr_files--;
}

void us_worker_looked(struct us_worker *worker, struct us_file *file)
{
	worker->job->source->looked(worker, file);
}

void us_worker_filled(struct us_worker *worker, struct us_file *file)
{
	file->next = NULL;
	*worker->ready_end = file;
	worker->ready_end = &file->next;
	worker->nr_ready++;
	worker->ready_bytes += file->length;
}

void us_worker_restart(struct us_worker *worker, struct us_file *file)
{
	worker->job->sink->restart(worker, file);
}

void us_worker_lost(struct us_worker *worker, struct us_file *file)
{
	file->failed = true;
	worker->job->sink->abandon(worker, file);
}

void us_worker_starve(struct us_worker *worker, struct us_file *file)
{
	file->next = NULL;
	*worker->starved_end = file;
	worker->starved_end = &file->next;
}

void us_worker_drained(struct us_worker *worker, struct us_file *file)
{
	worker->job->source->more(worker, file);
}

void us_worker_finished(struct us_worker *worker, struct us_file *file)
{
	if (worker->job->progress != NULL) {
		us_progress_leave(worker, file);
	}
	if (worker->job->manifest != NULL) {
		us_manifest_leave(worker, file);
	}
	worker->job->source->close(worker, file);
}

void us_worker_retry_open(struct us_worker *worker, struct us_op *op)
{
	if (op->res == -EMFILE || op->res == -ENFILE) {
		us_dircache_trim(&worker->job->dirs);
		us_call(op);
	}
}

struct us_dir_open *us_worker_begin_dir(struct us_worker *worker, struct us_dir *dir)
{
	struct us_dir_open *opening = worker->free_dir_opens;

	if (opening == NULL) {
		return NULL;
	}
	worker->free_dir_opens = opening->next;
	worker->nr_opening++;
	*opening = (struct us_dir_open){.dir = dir, .fd = {-1, -1, -1}};
	return opening;
}

/** OPENING is over. */
static void end_opening(struct us_worker *worker, struct us_dir_open *opening)
{
	us_dircache_unpin(&worker->job->dirs, opening->dir->parent);
	opening->next = worker->free_dir_opens;
	worker->free_dir_opens = opening;
	worker->nr_opening--;
}

void us_worker_dir_opened(struct us_worker *worker, struct us_dir_open *opening)
{
	struct us_dir *dir = opening->dir;

	dir->opened = true;
	us_dircache_adopt(&worker->job->dirs, dir, opening->fd);
	end_opening(worker, opening);
	worker->job->source->dir_opened(worker, dir);
}

void us_worker_dir_failed(struct us_worker *worker, struct us_dir_open *opening)
{
	struct us_dir *dir = opening->dir;

	for (enum us_side side = 0; side < US_SIDES; side++) {
		if (opening->fd[side] >= 0) {
			us_close(opening->fd[side]);
		}
	}
	end_opening(worker, opening);
	us_worker_put_dir(worker, dir);
}

void us_worker_put_listing(struct us_worker *worker, struct us_listing *listing)
{
	struct us_dir *dir = listing->dir;

	if (atomic_fetch_sub_explicit(&listing->refs, 1, memory_order_acq_rel) != 1) {
		return;
	}
	us_listing_free(listing);
	us_dircache_unpin(&worker->job->dirs, dir);
	atomic_fetch_sub_explicit(&worker->job->nr_listings, 1, memory_order_relaxed);
	us_worker_put_dir(worker, dir);
}

/** Let the sink put the last touch to DIR, and close it. */
static void finish_dir(struct us_worker *worker, struct us_dir *dir)
{
	struct us_dircache *dirs = &worker->job->dirs;
	int ret;

	if (!dir->opened) {
		return;
	}
	ret = us_dircache_pin(dirs, dir);
	if (ret < 0) {
		us_report_failed(worker, &(struct us_place){.dir = dir, .side = US_DST},
		                 "reopen directory", ret);
		return;
	}
	worker->job->sink->finish_dir(worker, dir);
	us_dircache_close(dirs, dir);
}

void us_worker_put_dir(struct us_worker *worker, struct us_dir *dir)
{
	while (dir != NULL) {
		struct us_dir *parent = dir->parent;

		if (atomic_fetch_sub_explicit(&dir->pending, 1, memory_order_acq_rel) != 1) {
			return;
		}
		finish_dir(worker, dir);
		if (parent == NULL) {
			worker->job->root = NULL;
			us_feed_end(worker->job->feed);
		}
		us_dir_free(dir);
		dir = parent;
	}
}

/** Files that go to the sink together. */
struct group {
	struct us_file *first;
	struct us_file *last;
	unsigned int nr;
	uint64_t bytes;
};

/** Take a group off the ready ones. */
static struct group take_group(struct us_worker *worker)
{
	struct us_file *file = worker->ready;
	struct group group = {.first = file, .last = file, .nr = 1, .bytes = file->length};

	for (file = file->next; file != NULL && group.nr < US_POLICY_GROUP &&
	                        group.bytes + file->length <= US_POLICY_GROUP_BYTES;
	     file = file->next) {
		group.last = file;
		group.nr++;
		group.bytes += file->length;
	}
	worker->ready = group.last->next;
	if (worker->ready == NULL) {
		worker->ready_end = &worker->ready;
	}
	group.last->next = NULL;
	worker->nr_ready -= group.nr;
	worker->ready_bytes -= group.bytes;
	return group;
}

/** Put a group back to where it was taken from. */
static void return_group(struct us_worker *worker, const struct group *group)
{
	if (worker->ready == NULL) {
		worker->ready_end = &group->last->next;
	}
	group->last->next = worker->ready;
	worker->ready = group->first;
	worker->nr_ready += group->nr;
	worker->ready_bytes += group->bytes;
}

/**
 * Hand what is ready to the sink, in groups.
 *
 * @param wait  Also where that means to wait for another worker.
 * @return false when it would have meant that.
 */
static bool put_ready(struct us_worker *worker, bool wait)
{
	while (worker->ready != NULL) {
		struct group group = take_group(worker);

		if (!worker->job->sink->put(worker, group.first, wait)) {
			return_group(worker, &group);
			return false;
		}
	}
	return true;
}

/** Try again those that had no memory: all of them once, in order. */
static void feed_starved(struct us_worker *worker)
{
	struct us_file *file = worker->starved;

	worker->starved = NULL;
	worker->starved_end = &worker->starved;
	while (file != NULL) {
		struct us_file *next = file->next;

		worker->job->source->more(worker, file);
		file = next;
	}
}

/** Take what is complete, waiting for at least WAIT_NR, and let its owners go on. */
static void reap(struct us_worker *worker, unsigned int wait_nr)
{
	struct us_op *ops[US_POLICY_GROUP];
	unsigned int nr = us_io_reap(&worker->io, ops, us_array_size(ops), wait_nr);

	for (unsigned int i = 0; i < nr; i++) {
		ops[i]->done(ops[i], worker);
	}
}

/**
 * Begin new files until the window is full.  What the page cache answered is written away in between, while it is in
 * the processor's cache; unless another worker is at it in the same directory, for then there is reading to be done
 * meanwhile.
 * @return false when none will ever come.
 */
static bool fill(struct us_worker *worker)
{
	const struct usync_job *job = worker->job;
	unsigned int next_put = US_POLICY_GROUP;
	uint64_t next_bytes = US_POLICY_GROUP_BYTES;

	while (worker->free != NULL && worker->starved == NULL) {
		bool idle = worker->nr_files == 0 && worker->nr_opening == 0;

		if (worker->nr_ready >= next_put || worker->ready_bytes >= next_bytes) {
			bool taken = put_ready(worker, false);

			next_put = taken ? US_POLICY_GROUP : worker->nr_ready + US_POLICY_GROUP / 4;
			next_bytes = taken ? US_POLICY_GROUP_BYTES
			                   : worker->ready_bytes + US_POLICY_GROUP_BYTES / 4;
		}
		switch (job->source->fill(worker, idle)) {
		case US_FILL_STARTED:
			break;
		case US_FILL_NOTHING:
			return true;
		case US_FILL_END:
			return false;
		}
	}
	return true;
}

/** Until the source is at its end and nothing is in flight. */
static void run(struct us_worker *worker)
{
	unsigned int low = worker->job->depth / US_POLICY_LOW;
	bool more = true;

	while (more || worker->nr_files > 0 || worker->nr_opening > 0) {
		if (more && worker->nr_files <= low) {
			more = fill(worker);
		}
		put_ready(worker, true);
		reap(worker, worker->io.in_flight > 0 ? 1 : 0);
		put_ready(worker, true);
		feed_starved(worker);
	}
}

/**
 * Modes are to be exactly the source's, so this thread has no umask: with its own copy of what threads share
 * of the file system's view (unshare(2), CLONE_FS), the process's stays as it is.
 */
static void drop_umask(struct us_worker *worker)
{
	if (unshare(CLONE_FS) == 0) {
		worker->user_umask = umask(0);
		worker->umask = 0;
	} else {
		worker->umask = 0777; /* Not to be counted on: every mode is set after the create. */
		worker->user_umask = 077;
		(void)us_umask_get(&worker->user_umask); /* Where that is not told either, nothing is for others. */
	}
}

void *us_worker_main(void *arg)
{
	struct us_worker *worker = arg;
	struct usync_job *job = worker->job;

	drop_umask(worker);
	us_io_init(&worker->io, job->io_mode, ring_entries(job));
	if (worker->io.ring_error < 0 && !atomic_exchange(&job->ring_noted, true)) {
		us_report_note(job, "io_uring is not available (%s): plain system calls are used",
		               strerrordesc_np(-worker->io.ring_error));
	}
	if (job->options.idle) {
		int ret = us_pace_yield_to_all();

		if (ret < 0) {
			us_report_note(job, "can not step back for others: %s", strerrordesc_np(-ret));
		}
	}
	run(worker);
	us_io_fini(&worker->io);
	return NULL;
}
