/* SPDX-License-Identifier: MIT */
/* Only names that this program makes are removed, and only those of runs that are known to have ended (tempname.h). */
#include "core/leftovers.h"

#include "base/us.h"
#include "core/dir.h"
#include "core/job.h"
#include "core/lock.h"
#include "core/progress.h"
#include "core/report.h"
#include "core/tempname.h"
#include "core/worker.h"
#include "sys/call.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/** What is known of the run RUN, of which DIRFD has the file NAME: as us_tempname_state(). */
static int state_of(const struct usync_job *job, int dirfd, const char *name, uint64_t run)
{
	if (run == job->run_id || us_progress_spares(job, name)) {
		return US_TEMPNAME_ALIVE;
	}
	return us_tempname_state(dirfd, name, run);
}

bool us_leftovers_is_used(const struct usync_job *job, int dirfd, const char *name)
{
	uint64_t run;

	if (strcmp(name, US_LEFTOVERS_MARK) == 0) {
		return job->sweeps || atomic_load(&job->marked) || us_tempname_has_run(dirfd);
	}
	return us_tempname_parse(name, &run) && state_of(job, dirfd, name, run) == US_TEMPNAME_ALIVE;
}

/** Where DIR is, or (NULL) the root of the destination, for reports. */
static struct us_place place_of(const struct us_worker *worker, const struct us_dir *dir)
{
	return (struct us_place){.dir = dir != NULL ? dir : worker->job->root, .side = US_DST};
}

/** Temporary files of an earlier run stay, for ERROR, in DIR or (NULL) in the root of the destination. */
static void report_kept(struct us_worker *worker, const struct us_dir *dir, int error)
{
	struct us_place place = place_of(worker, dir);

	atomic_store(&worker->job->has_left, true);
	us_report_failed(worker, &place, "remove temporary files of an earlier run", error);
}

/** The temporary file NAME in DIR stays, for it can't be told whether its run lives. */
static void leave(struct us_worker *worker, const struct us_dir *dir, const char *name)
{
	struct us_place place = place_of(worker, dir);

	atomic_store(&worker->job->has_left, true);
	us_report_once(worker, &worker->job->left_noted, &place,
	               "temporary files that a run on another machine may have in use are left", 0);
	us_report_note(worker->job, "left a temporary file that may be in use: %s", name);
}

/** Remove NAME in FD, which no run has in use.  @return 0 or a negative errno. */
static int remove_dead(struct usync_job *job, int fd, const char *name)
{
	int ret = us_unlinkat(fd, name, 0);

	if (ret == 0) {
		us_report_note(job, "removed what an earlier run had left: %s", name);
	}
	return ret == -ENOENT || ret == -EISDIR ? 0 : ret;
}

/** Remove the temporary file NAME of RUN in FD, if that run is known to have ended.  @return 0 or a negative errno. */
static int remove_left(struct us_worker *worker, const struct us_dir *dir, int fd, const char *name, uint64_t run)
{
	int state = state_of(worker->job, fd, name, run);

	if (state == US_TEMPNAME_UNKNOWN) {
		leave(worker, dir, name);
	}
	if (state == US_TEMPNAME_DEAD) {
		return remove_dead(worker->job, fd, name);
	}
	return us_min(state, 0);
}

/** Remove what is left over in the directory FD, by way of WORKER's buffer; DIR is what it is for reports, or NULL. */
static void sweep(struct us_worker *worker, const struct us_dir *dir, int fd)
{
	struct us_dent dent;
	uint64_t start;
	uint64_t run;
	int ret = us_dents_begin(&worker->dents, fd, 0);

	while (ret == 0 && (ret = us_dents_next(&worker->dents, &dent)) > 0) {
		ret = us_tempname_parse(dent.name, &run) ? remove_left(worker, dir, fd, dent.name, run) : 0;
	}
	if (ret == 0) {
		ret = us_lseek(fd, 0, SEEK_SET, &start); /* It may be read again, for --delete. */
	}
	if (ret < 0) {
		report_kept(worker, dir, ret);
	}
}

/**
 * Remember the mark of STX, to remove it in the end.  One with contents is a file of the user's that has that name,
 * and stays.
 */
static void know_mark(struct usync_job *job, const struct statx *stx)
{
	if (stx->stx_size == 0) {
		job->mark = us_identity_of(stx);
	}
}

void us_leftovers_begin(struct usync_job *job)
{
	struct us_worker *worker = &job->workers[0];
	struct statx stx;
	int ret;

	if (job->options.dry_run || job->lock_fd < 0) {
		return;
	}
	ret = us_statx(job->lock_fd, US_LEFTOVERS_MARK, AT_SYMLINK_NOFOLLOW, &stx);
	if (ret < 0 && ret != -ENOENT) {
		report_kept(worker, NULL, ret); /* If there are any. */
	}
	if (ret < 0 || !S_ISREG(stx.stx_mode)) {
		return;
	}
	job->sweeps = us_lock_whole(job);
	if (!job->sweeps) {
		return;
	}
	know_mark(job, &stx);
	sweep(worker, NULL, job->root->fd[US_DST]);
	if (job->temp_fd >= 0) {
		sweep(worker, NULL, job->temp_fd);
	}
}

/** Make the mark; without it the run goes on, and what it may leave is not found. */
static void make_mark(struct usync_job *job)
{
	struct statx stx;
	int fd = us_openat(job->lock_fd, US_LEFTOVERS_MARK, O_RDONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY,
	                   0600);

	if (fd < 0) {
		return;
	}
	job->mark_error = us_statx(fd, "", AT_EMPTY_PATH, &stx);
	if (job->mark_error == 0) {
		know_mark(job, &stx);
	}
	us_close(fd);
}

void us_leftovers_meet(struct usync_job *job, const struct us_dir *dir, const char *name)
{
	if (dir->parent == NULL && strcmp(name, US_LEFTOVERS_MARK) == 0) {
		atomic_store(&job->has_left, true);
	}
}

/** The first temporary file of JOB is about to be made. */
static void announce_job(struct usync_job *job)
{
	pthread_mutex_lock(&job->mark_lock);
	if (!atomic_load_explicit(&job->marked, memory_order_relaxed)) {
		us_tempname_hold(job->lock_fd, job->run_id); /* For the mark's sake. */
		make_mark(job);
		atomic_store_explicit(&job->marked, true, memory_order_release);
	}
	pthread_mutex_unlock(&job->mark_lock);
}

void us_leftovers_announce(struct usync_job *job, struct us_dir *dir)
{
	atomic_bool *held = dir != NULL ? &dir->held : &job->temp_held;

	if (job->lock_fd >= 0 && !atomic_load_explicit(&job->marked, memory_order_acquire)) {
		announce_job(job);
	}
	if (!atomic_load_explicit(held, memory_order_acquire)) {
		/* Two workers may both do so: it is one lock. */
		us_tempname_hold(dir != NULL ? dir->fd[US_DST] : job->temp_fd, job->run_id);
		atomic_store_explicit(held, true, memory_order_release);
	}
}

void us_leftovers_adopt(int dirfd, const char *name)
{
	uint64_t run;

	if (us_tempname_parse(name, &run)) {
		us_tempname_hold(dirfd, run);
	}
}

void us_leftovers_sweep(struct us_worker *worker, const struct us_dir *dir, int fd)
{
	if (worker->job->sweeps) {
		sweep(worker, dir, fd);
	}
}

int us_leftovers_unlink(int dirfd, const char *name)
{
	struct statx stx;
	int known = us_statx(dirfd, "", AT_EMPTY_PATH, &stx);
	int ret = us_unlinkat(dirfd, name, 0);

	if (ret == 0) {
		ret = known < 0 ? known : us_set_times(dirfd, ".", NULL, &stx.stx_mtime);
	}
	return ret;
}

int us_leftovers_remove(struct usync_job *job, int dirfd, const char *name)
{
	int ret = us_unlinkat(dirfd, name, 0);

	if (ret == -ENOENT) {
		return 0;
	}
	if (ret < 0) {
		atomic_store(&job->has_left, true);
	}
	return ret;
}

/** Remove the mark, if it is still the one that was made or found.  @return 0 or a negative errno. */
static int remove_mark(const struct usync_job *job)
{
	struct statx stx;
	int ret = us_statx(job->lock_fd, US_LEFTOVERS_MARK, AT_SYMLINK_NOFOLLOW, &stx);

	if (ret == 0 && us_identity_is(&job->mark, &stx)) {
		ret = us_leftovers_unlink(job->lock_fd, US_LEFTOVERS_MARK);
	}
	return ret == -ENOENT ? 0 : ret;
}

void us_leftovers_end(struct usync_job *job)
{
	bool swept = !job->sweeps || !us_job_stopping(job);
	/* What is kept for the next run to go on with is found by the journal, and by this if that is lost. */
	bool keeps = (job->options.journal != NULL && us_job_stopping(job)) || atomic_load(&job->has_left);
	int ret = job->mark_error;

	if (job->lock_fd >= 0 && job->mark.ino != 0 && swept && !keeps && us_lock_whole(job)) {
		ret = remove_mark(job);
	}
	if (ret < 0) {
		us_report_dst_failed(job, US_LEFTOVERS_MARK, "remove", ret);
	}
}
