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

#include "base/thread.h"
#include "base/us.h"
#include "core/feed.h"
#include "core/job.h"
#include "core/large.h"
#include "core/link.h"
#include "core/manifest.h"
#include "core/pace.h"
#include "core/policy.h"
#include "core/progress.h"
#include "core/report.h"
#include "core/sink.h"
#include "core/source.h"
#include "sys/call.h"
#include "sys/cpus.h"
#include "sys/umask.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/** An op of a file or directory never waits on two things, so each needs one submission at a time. */
static unsigned int ring_entries(const struct usync_job *job)
{
	return job->depth + job->max_opening;
}

/**
 * Reserve NR files, and slices: each file in flight may be of its own, and one is being begun.  No page of theirs is
 * touched here, nor are they near to those of another worker: the thread that uses them does that when it comes to
 * them, and so they lie on its node, and those that are there only for gathered files take no memory before there are
 * any.
 */
static int init_files(struct us_worker *worker, unsigned int nr)
{
	void *files = mmap(NULL, nr * sizeof(struct us_file), PROT_READ | PROT_WRITE,
	                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (files == MAP_FAILED) {
		return -ENOMEM;
	}
	/* The rest of a huge page would be wasted, or another worker's. */
	(void)madvise(files, nr * sizeof(struct us_file), MADV_NOHUGEPAGE);
	worker->files = files;
	worker->max_files = nr;
	worker->nr_fresh = nr;
	worker->nr_fresh_slices = nr + 1;
	worker->slices = calloc(nr + 1, sizeof(struct us_slice));
	return worker->slices != NULL ? 0 : -ENOMEM;
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

int us_worker_init(struct us_worker *worker, struct usync_job *job, unsigned int id, bool late)
{
	size_t buffer = late ? (size_t)job->chunk * 2 : us_policy_buffer(job->chunk);
	unsigned int opening = late ? 1 : job->max_opening;
	unsigned int gather = late ? 0 : job->gather;

	*worker = (struct us_worker){.job = job, .id = id, .is_late = late, .noatime = true};
	worker->depth = late ? us_min(job->depth, US_POLICY_LATE_DEPTH) : job->depth;
	worker->window = job->io_mode == US_IO_AUTO && job->link == NULL ? us_min(worker->depth, US_POLICY_WINDOW_FIRST)
	                                                                 : worker->depth;
	worker->ready_end = &worker->ready;
	worker->starved_end = &worker->starved;
	worker->large_end = &worker->large;
	us_pipepool_init(&worker->pipes, (int)job->chunk);
	if (us_dents_init(&worker->dents) < 0 || us_bufpool_init(&worker->bufs, buffer) < 0 ||
	    init_files(worker, worker->depth + gather) < 0 || us_gather_init(&worker->gather, gather) < 0 ||
	    init_dir_opens(worker, opening) < 0) {
		us_worker_fini(worker);
		return -ENOMEM;
	}
	return 0;
}

void us_worker_fini(struct us_worker *worker)
{
	us_pipepool_fini(&worker->pipes);
	us_dents_fini(&worker->dents);
	us_fold_fini(&worker->fold);
	us_bufpool_fini(&worker->bufs);
	us_gather_fini(&worker->gather);
	if (worker->files != NULL) {
		munmap(worker->files, worker->max_files * sizeof(struct us_file));
	}
	free(worker->slices);
	free(worker->dir_opens);
	free(worker->compare_buf);
	free(worker->large_buf);
	worker->files = NULL;
	worker->slices = NULL;
	worker->dir_opens = NULL;
}

struct us_file *us_worker_take_file(struct us_worker *worker)
{
	struct us_file *file = worker->free;

	if (file != NULL) {
		worker->free = file->next;
	} else {
		file = &worker->files[worker->max_files - worker->nr_fresh--];
	}
	*file = (struct us_file){
		.src_fd = -1, .dst_fd = -1, .temp_fd = -1, .pipe = {-1, -1}, .slice = worker->slice};
	file->slice->in_flight++;
	worker->nr_files++;
	worker->activity++;
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
	if (worker->free_slices != NULL) {
		worker->slice = worker->free_slices;
		worker->free_slices = worker->slice->free;
	} else {
		worker->slice = &worker->slices[worker->max_files + 1 - worker->nr_fresh_slices--];
	}
	*worker->slice = *slice;
	worker->slice->in_flight = 1;
}

void us_worker_drop_slice(struct us_worker *worker)
{
	struct us_slice *slice = worker->slice;

	worker->slice = NULL;
	put_slice(worker, slice);
}

void us_worker_set_waiting(struct us_worker *worker, struct us_file *file, bool waiting)
{
	if (file->is_waiting != waiting) {
		file->is_waiting = waiting;
		worker->nr_waiting += waiting ? 1 : -1u;
	}
}

void us_worker_return_file(struct us_worker *worker, struct us_file *file)
{
	us_worker_set_waiting(worker, file, false);
	us_bufpool_put(&worker->bufs, file->data);
	us_pipepool_put(&worker->pipes, file->pipe, file->piped == 0);
	put_slice(worker, file->slice);
	free(file->xattrs);
	free(file->target);
	us_digest_free(file->digest);
	us_large_give_up(file); /* It was not even made. */
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
	worker->activity++;
	if (file->large != NULL) {
		*worker->large_end = file;
		worker->large_end = &file->next;
		worker->nr_large++;
		return;
	}
	*worker->ready_end = file;
	worker->ready_end = &file->next;
	worker->nr_ready++;
	worker->ready_bytes += file->length;
}

void us_worker_help(struct us_worker *worker, struct us_large *large)
{
	worker->help = large;
	worker->is_draining = true;
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
	worker->activity++;
	*opening = (struct us_dir_open){.dir = dir, .fd = {-1, -1}};
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

	us_count(&worker->counts.listed_dirs, 1);
	for (enum us_side side = 0; side < US_SIDES; side++) {
		if (opening->fd[side] >= 0) {
			us_close(opening->fd[side]);
		}
	}
	end_opening(worker, opening);
	if (worker->job->source->dir_failed != NULL) {
		worker->job->source->dir_failed(worker, dir);
	}
	us_worker_put_dir(worker, dir);
}

void us_worker_dir_left_out(struct us_worker *worker, struct us_dir_open *opening)
{
	us_count(&worker->counts.skipped, 1);
	opening->dir->left_out = true;
	us_worker_dir_failed(worker, opening);
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

	worker->activity += nr;
	for (unsigned int i = 0; i < nr; i++) {
		ops[i]->done(ops[i], worker);
	}
}

/**
 * Follow what was found out about calls: the kinds for the ring, and how many files are to be in flight.  As long as
 * none are slow the window doubles, from a few at first: what is in flight when calls turn out to be slow is no other
 * worker's any more.
 */
static void adapt(struct us_worker *worker)
{
	struct usync_job *job = worker->job;

	for (enum us_op_side side = 0; side < US_OP_SIDES; side++) {
		us_io_set_kinds(&worker->io, side,
		                atomic_load_explicit(&job->async_kinds[side], memory_order_relaxed));
	}
	worker->window = us_min(worker->window * 2, worker->depth);
}

/** Files that there are to be in flight now. */
static unsigned int window_of(const struct us_worker *worker)
{
	bool narrow = atomic_load_explicit(&worker->job->narrow, memory_order_relaxed);

	return narrow ? us_min(worker->window, US_POLICY_NARROW) : worker->window;
}

/** Files in flight that are more than open. */
static unsigned int nr_active(const struct us_worker *worker)
{
	return worker->nr_files - us_gather_waiting(&worker->gather);
}

/** True when the window is to be filled again.  Large files wait in it without being at work. */
static bool is_low(const struct us_worker *worker)
{
	return nr_active(worker) - worker->nr_large <= window_of(worker) / US_POLICY_LOW;
}

/** True when another file may be begun. */
static bool has_room(const struct us_worker *worker)
{
	return nr_active(worker) < window_of(worker) && !worker->gather.full && worker->starved == NULL &&
	       !worker->is_draining;
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

	while (has_room(worker)) {
		bool idle = worker->nr_files == 0 && worker->nr_opening == 0;

		if (job->link != NULL &&
		    (worker->nr_files - worker->nr_waiting >= job->window || job->link->holds(worker))) {
			return true;
		}

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

/**
 * The window is low: begin new files, or read those that were gathered.
 * @return false when none will ever come.
 */
static bool refill(struct us_worker *worker)
{
	struct us_gather *gather = &worker->gather;
	bool more = true;

	if (worker->is_draining && us_gather_waiting(gather) > 0) {
		us_gather_close(gather);
	} else if (!gather->closed) {
		unsigned int before = worker->nr_files + worker->nr_opening;

		adapt(worker);
		more = fill(worker);
		if (us_gather_waiting(gather) > 0 &&
		    (!more || !us_io_queues_opens(&worker->io) || worker->io.in_flight == 0 ||
		     worker->nr_files + worker->nr_opening == before)) {
			us_gather_close(gather);
		}
	}
	if (gather->closed) {
		unsigned int window = window_of(worker);

		us_gather_release(worker, window - us_min(nr_active(worker), window));
	}
	return more;
}

/** Let others have what is left of the slice at hand: this worker will not come to it for some time. */
static void give_slice_away(struct us_worker *worker)
{
	struct us_slice *slice = worker->slice;
	struct us_task task = {.kind = US_TASK_SLICE};

	if (slice == NULL || slice->next == slice->end) {
		return;
	}
	task.slice = *slice;
	atomic_fetch_add_explicit(&slice->listing->refs, 1, memory_order_relaxed);
	if (us_feed_push(worker->job->feed, worker->id, &task) < 0) {
		us_worker_put_listing(worker, slice->listing);
		return; /* Without memory they wait. */
	}
	us_worker_drop_slice(worker);
}

/**
 * A large file keeps its worker for long, so all that is in flight goes first, and what is not begun yet is for others
 * to take.  As long as there are enough workers at large files this one goes on with small ones, if there are any: it
 * waits when its slice is at its end, or its window full of large ones.
 */
static void copy_large(struct us_worker *worker)
{
	bool is_idle = worker->nr_files == worker->nr_large && worker->nr_opening == 0;
	bool waits = is_idle && (worker->slice == NULL || !has_room(worker));
	struct us_file *file = worker->large;

	if (file != NULL && worker->help == NULL) {
		if (waits) {
			give_slice_away(worker);
		}
		if (us_large_enter(worker, file, waits)) {
			worker->is_draining = true;
			give_slice_away(worker);
		}
	}
	if (!worker->is_draining || !is_idle) {
		return;
	}
	worker->is_draining = false;
	if (worker->help != NULL) {
		us_large_help(worker, worker->help);
		worker->help = NULL;
		return;
	}
	worker->large = file->next;
	if (worker->large == NULL) {
		worker->large_end = &worker->large;
	}
	worker->nr_large--;
	file->next = NULL;
	worker->job->sink->put(worker, file, true);
}

/** Until the source is at its end and nothing is in flight. */
static void run(struct us_worker *worker)
{
	bool more = true;

	while (more || worker->nr_files > 0 || worker->nr_opening > 0) {
		if ((more || us_gather_waiting(&worker->gather) > 0) && is_low(worker)) {
			more = refill(worker);
		}
		put_ready(worker, true);
		reap(worker, worker->io.in_flight > 0 ? 1 : 0);
		put_ready(worker, true);
		feed_starved(worker);
		copy_large(worker);
	}
}

/**
 * True when a task of the feed's would be begun.  Who has no room for it must not wait for it: it may be there, and
 * stay there.
 */
static bool can_take_task(const struct us_worker *worker)
{
	return worker->slice == NULL && worker->free_dir_opens != NULL && has_room(worker);
}

/** The same with a connection (link.h). */
static void run_linked(struct us_worker *worker)
{
	const struct us_link_ops *link = worker->job->link;
	unsigned int low = worker->job->window / US_POLICY_LOW;
	bool more = true;

	while (more || worker->nr_files > 0 || worker->nr_opening > 0 || !link->end(worker)) {
		uint64_t before = worker->activity;
		bool wants = worker->nr_files - worker->nr_waiting <= low;
		bool moved;

		if (more && wants) {
			more = fill(worker);
			/* No wait before link->end(), of which nothing would wake it. */
			worker->activity += more ? 0 : 1;
		}
		put_ready(worker, true);
		moved = link->move(worker);
		reap(worker, 0);
		put_ready(worker, true);
		feed_starved(worker);
		if (!moved && worker->activity == before) {
			link->wait(worker, more && wants && can_take_task(worker));
		}
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

/**
 * Keep this thread on its processor, if that was asked for: before it touches its memory, which comes from the node
 * that it runs on at that time.
 */
static void pin(const struct us_worker *worker)
{
	const struct usync_job *job = worker->job;
	int ret;

	if (job->nr_cpus == 0) {
		return;
	}
	ret = us_cpus_pin(job->cpus[worker->id % job->nr_cpus].number);
	if (ret < 0) {
		us_report_note(worker->job, "worker %u can not be pinned to CPU %u: %s", worker->id,
		               job->cpus[worker->id % job->nr_cpus].number, strerrordesc_np(-ret));
	}
}

/** The thread of a worker. */
static void *worker_main(void *arg)
{
	struct us_worker *worker = arg;
	struct usync_job *job = worker->job;

	drop_umask(worker);
	pin(worker);
	/* A late one has nothing that a ring is good for: it waits for one call while others wait for theirs. */
	us_io_init(&worker->io, worker->is_late ? US_IO_SYNC : job->io_mode, ring_entries(job));
	worker->io.times = &worker->times;
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
	if (job->link != NULL) {
		run_linked(worker);
	} else {
		run(worker);
	}
	us_io_fini(&worker->io);
	return NULL;
}

int us_worker_start(struct us_worker *worker)
{
	int ret = us_thread_start(&worker->thread, worker_main, worker);

	worker->is_started = ret == 0;
	return ret;
}
