/* SPDX-License-Identifier: MIT */
/*
 * Files and links for the destination, a group at a time: first all are created, then all are written.
 *
 * A create holds the directory's lock in the kernel, and who waits for that lock spins; writing does not
 * need it.  So where several workers share a directory they take turns at creating, a group at a turn, and one
 * reads or writes while the other creates.
 */
#include "core/local_sink.h"

#include "base/us.h"
#include "core/file.h"
#include "core/job.h"
#include "core/report.h"
#include "core/worker.h"

/** True when FILE is to be made now. */
static bool is_to_be_created(const struct us_file *file)
{
	return file->kind == US_FILE_REGULAR && file->verdict == US_VERDICT_COPY && !us_local_is_begun(file);
}

/** Go on with FILE, which is made or needs no making. */
static void put_one(struct us_worker *worker, struct us_file *file)
{
	switch (file->kind) {
	case US_FILE_REGULAR:
		us_local_write(worker, file);
		break;
	case US_FILE_ATTRIBUTES:
		us_local_put_attributes(worker, file);
		break;
	default:
		us_local_make(worker, file);
		break;
	}
}

/** The listing in whose directory FILE is to be created, if others create there too. */
static struct us_listing *shared_listing(const struct us_file *file)
{
	struct us_listing *listing = file->slice->listing;

	if (!is_to_be_created(file) ||
	    !atomic_load_explicit(&listing->shared, memory_order_relaxed)) {
		return NULL;
	}
	return listing;
}

/** Take the turn at creating for WANTED, and give back that of HELD; both may be NULL. */
static struct us_listing *take_turn(struct us_listing *held, struct us_listing *wanted)
{
	if (held == wanted) {
		return held;
	}
	if (held != NULL) {
		pthread_mutex_unlock(&held->turn);
	}
	if (wanted != NULL) {
		pthread_mutex_lock(&wanted->turn);
	}
	return wanted;
}

/** See us_sink_ops. */
static bool local_put(struct us_worker *worker, struct us_file *first, bool wait)
{
	struct us_listing *turn = wait ? NULL : shared_listing(first);
	struct us_file *next;

	if (turn != NULL && pthread_mutex_trylock(&turn->turn) != 0) {
		return false;
	}
	for (struct us_file *file = first; file != NULL; file = file->next) {
		if (is_to_be_created(file) && !us_job_stopping(worker->job)) {
			turn = take_turn(turn, shared_listing(file));
			us_local_create(worker, file);
		}
	}
	take_turn(turn, NULL);
	for (struct us_file *file = first; file != NULL; file = next) {
		next = file->next; /* The file may be another one's when it comes back. */
		if (file->is_queued) {
			continue;
		}
		if (us_job_stopping(worker->job) && !us_local_is_begun(file)) {
			us_local_abandon(worker, file);
		} else {
			put_one(worker, file);
		}
	}
	return true;
}

const struct us_sink_ops us_local_sink = {
	.open_dir = us_local_open_dst,
	.look = us_local_look,
	.put = local_put,
	.resume = us_local_resume,
	.restart = us_local_restart,
	.abandon = us_local_abandon,
	.finish_dir = us_local_finish_dst,
};
