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
#include "sys/call.h"

/** Make the link under NAME. */
static int make_symlink(const struct us_file *file, const char *name)
{
	int dirfd = file->dir->fd[US_DST];
	int ret = us_symlinkat(file->data, dirfd, name);

	if (ret == 0) {
		ret = us_set_mtime_at(dirfd, name, &file->stx.stx_mtime);
		if (ret < 0) {
			us_unlinkat(dirfd, name, 0); /* A second run makes it again, whole. */
		}
	}
	return ret;
}

/** Make the link under a temporary name and let it take the place of what is there. */
static int replace_symlink(struct us_worker *worker, struct us_file *file)
{
	char temp[US_TEMP_SIZE];
	int dirfd = file->dir->fd[US_DST];
	int ret;

	file->temp_number = ++worker->temp_number;
	us_local_temp_name(worker, file, temp);
	ret = make_symlink(file, temp);
	if (ret < 0) {
		return ret;
	}
	ret = us_renameat(dirfd, temp, dirfd, file->dst_name);
	if (ret < 0) {
		us_unlinkat(dirfd, temp, 0);
	}
	return ret;
}

/** A symbolic link is made in one go: nothing about it waits for a disk. */
static void put_symlink(struct us_worker *worker, struct us_file *file)
{
	int ret = make_symlink(file, file->dst_name);

	if (ret == -EEXIST) {
		ret = replace_symlink(worker, file);
	}
	if (ret < 0) {
		us_local_fail(worker, file, "make link", ret);
		return;
	}
	us_count(&worker->counts.symlinks, 1);
	us_report_copied(worker, &(struct us_place){file->dir, file->name, US_SRC});
	us_worker_finished(worker, file);
}

/** The listing in whose directory FILE is to be created, if others create there too. */
static struct us_listing *shared_listing(const struct us_file *file)
{
	struct us_listing *listing = file->slice->listing;

	if (file->kind != US_FILE_REGULAR || us_local_is_begun(file) ||
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
		if (file->kind == US_FILE_REGULAR && !us_local_is_begun(file) &&
		    !us_job_stopping(worker->job)) {
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
		} else if (file->kind == US_FILE_SYMLINK) {
			put_symlink(worker, file);
		} else {
			us_local_write(worker, file);
		}
	}
	return true;
}

const struct us_sink_ops us_local_sink = {
	.open_dir = us_local_open_dst,
	.put = local_put,
	.abandon = us_local_abandon,
	.finish_dir = us_local_finish_dst,
};
