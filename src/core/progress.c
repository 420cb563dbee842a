/* SPDX-License-Identifier: MIT */
/*
 * The workers note fingerprints in lists of their own; once a second, or every few seconds with --fsync, the thread
 * takes all lists at one moment, brings what was written before it to the disk if that is asked for, and only then
 * writes them down.
 */
#include "core/progress.h"

#include "base/thread.h"
#include "base/us.h"
#include "core/file.h"
#include "core/job.h"
#include "core/mirror.h"
#include "core/part.h"
#include "core/policy.h"
#include "core/progress_head.h"
#include "core/report.h"
#include "core/worker.h"
#include "sys/call.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/** Say why the journal is not used. */
static int refuse(struct usync_job *job, int why)
{
	const char *path = job->options.journal;
	int length;

	switch (why) {
	case US_JOURNAL_FOREIGN:
		length = asprintf(&job->error_text,
		                  "%s: is no journal of uring-sync, and is left as it is; name another file", path);
		break;
	case US_JOURNAL_VERSION:
		length = asprintf(&job->error_text,
		                  "%s: is a journal of another version of uring-sync; go on with that "
		                  "version, or remove it to begin anew",
		                  path);
		break;
	case US_JOURNAL_DAMAGED:
		length = asprintf(&job->error_text,
		                  "%s: is damaged, and nothing in it is believed; remove it to begin anew: "
		                  "what is complete is found without it",
		                  path);
		break;
	case US_JOURNAL_OTHER:
		job->error_text = us_progress_describe_other(job);
		length = 0;
		break;
	case US_JOURNAL_BUSY:
		length = asprintf(&job->error_text, "%s: another uring-sync is using it", path);
		break;
	default:
		length = asprintf(&job->error_text, "%s: open journal: %s", path, strerrordesc_np(-why));
		break;
	}
	if (length < 0) {
		job->error_text = NULL;
	}
	return why > 0 ? -EINVAL : why;
}

/** Open the journal. */
static int open_journal(struct us_progress *progress)
{
	struct usync_job *job = progress->job;
	size_t length;
	char *head = us_progress_head(job, &length);
	int ret = -ENOMEM;

	if (head != NULL) {
		ret = us_journal_open(&progress->journal, job, head, length, &progress->content);
		free(head);
	}
	if (ret != 0) {
		return refuse(job, ret);
	}
	ret = us_mirror_spare(job, progress->journal.fd);
	if (ret < 0) {
		return refuse(job, ret);
	}
	progress->resumed = progress->content.head != NULL;
	if (progress->resumed) {
		us_report_note(job, "going on: %zu files are complete, %zu were begun", progress->content.nr_done,
		               progress->content.nr_parts);
	}
	return 0;
}

/** True when all is to be brought to the disk at some time. */
static bool syncs(const struct usync_options *options)
{
	return options->fsync || options->verify;
}

/** Keep the destination open: the engine closes it when the last of it is complete. */
static int hold_root(struct us_progress *progress)
{
	struct usync_job *job = progress->job;
	struct statx stx;
	int ret = us_dup(job->root->fd[US_DST]);

	if (ret < 0) {
		return ret;
	}
	progress->root_fd = ret;
	ret = us_statx(progress->root_fd, "", AT_EMPTY_PATH, &stx);
	return ret == 0 && syncs(&job->options) ? us_durable_add(&progress->durable, progress->root_fd, &stx) : ret;
}

int us_progress_open(struct usync_job *job)
{
	const struct usync_options *options = &job->options;
	struct us_progress *progress;
	size_t size = job->max_workers * sizeof(struct us_pending);
	int ret;

	if (options->dry_run || (options->journal == NULL && !options->fsync && !options->verify)) {
		return 0;
	}
	progress = calloc(1, sizeof(*progress));
	if (progress == NULL) {
		return -ENOMEM;
	}
	job->progress = progress;
	progress->job = job;
	progress->root_fd = -1;
	progress->journal.fd = -1;
	us_durable_init(&progress->durable);
	pthread_mutex_init(&progress->parts_lock, NULL);
	pthread_mutex_init(&progress->stop_lock, NULL);
	pthread_cond_init(&progress->stop_changed, NULL);
	progress->pending = aligned_alloc(_Alignof(struct us_pending), size);
	if (progress->pending == NULL) {
		return -ENOMEM;
	}
	memset(progress->pending, 0, size);
	for (unsigned int i = 0; i < job->max_workers; i++) {
		pthread_mutex_init(&progress->pending[i].lock, NULL);
	}
	progress->nr_pending = job->max_workers;
	ret = hold_root(progress);
	return ret == 0 && options->journal != NULL ? open_journal(progress) : ret;
}

int us_progress_add_dir(struct usync_job *job, int fd, const struct statx *stx)
{
	if (job->progress == NULL || !syncs(&job->options)) {
		return 0;
	}
	return us_durable_add(&job->progress->durable, fd, stx);
}

/** Take what worker NR has told.  @return the list, to be freed; NULL when there is none. */
static struct us_fingerprint *take_pending(struct us_progress *progress, unsigned int nr, size_t *nr_files)
{
	struct us_pending *pending = &progress->pending[nr];
	struct us_fingerprint *files;

	pthread_mutex_lock(&pending->lock);
	files = pending->files;
	*nr_files = pending->nr;
	pending->files = NULL;
	pending->nr = 0;
	pending->max = 0;
	pthread_mutex_unlock(&pending->lock);
	return files;
}

/** One list with all that the workers have told.  @return 0 or -ENOMEM: then it was dropped. */
static int take_all(struct us_progress *progress, struct us_fingerprint **all, size_t *nr)
{
	int ret = 0;

	*all = NULL;
	*nr = 0;
	for (unsigned int i = 0; i < progress->nr_pending; i++) {
		size_t some;
		struct us_fingerprint *files = take_pending(progress, i, &some);
		struct us_fingerprint *grown;

		if (*nr == 0) {
			free(*all);
			*all = files;
			*nr = some;
			continue;
		}
		grown = some > 0 ? reallocarray(*all, *nr + some, sizeof(*grown)) : NULL;
		if (grown != NULL) {
			memcpy(grown + *nr, files, some * sizeof(*files));
			*all = grown;
			*nr += some;
		} else if (some > 0) {
			ret = -ENOMEM;
		}
		free(files);
	}
	return ret;
}

/** Write down what is complete by now. */
static void write_down(struct us_progress *progress)
{
	struct usync_job *job = progress->job;
	struct us_part_snapshot *parts = NULL;
	struct us_fingerprint *files;
	size_t nr;
	int ret;

	(void)take_all(progress, &files, &nr);
	if (job->options.fsync) {
		parts = us_part_take_snapshot(progress);
		ret = us_durable_sync(&progress->durable);
		if (ret < 0) {
			/*
			 * Which files are not there is not told.  Without a journal the next run would take all for
			 * complete.
			 */
			us_report_stop_at(job, job->destination,
			                  progress->journal.fd >= 0
			                          ? "bring it to the disk"
			                          : "bring it to the disk (copy it again with --ignore-times)",
			                  ret);
			nr = 0;
			us_part_snapshot_free(parts);
			parts = NULL;
		}
	}
	if (progress->journal.fd >= 0) {
		/* A failure stays in the journal, and is reported at the end. */
		(void)us_journal_done(&progress->journal, files, nr);
		us_part_write_snapshot(progress, parts);
		if (job->options.fsync) {
			(void)us_journal_sync(&progress->journal);
		}
	}
	us_part_snapshot_free(parts);
	free(files);
}

/** The thread: until it is told to stop. */
static void *run(void *arg)
{
	struct us_progress *progress = arg;
	time_t interval = progress->job->options.fsync ? US_POLICY_SYNC_SECONDS : US_POLICY_JOURNAL_SECONDS;
	bool stop = false;

	while (!stop) {
		struct timespec until;
		int ret = 0;

		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_sec += interval;
		pthread_mutex_lock(&progress->stop_lock);
		while (!progress->stop && ret == 0) {
			ret = pthread_cond_timedwait(&progress->stop_changed, &progress->stop_lock, &until);
		}
		stop = progress->stop;
		pthread_mutex_unlock(&progress->stop_lock);
		if (!stop) {
			write_down(progress);
		}
	}
	return NULL;
}

int us_progress_start(struct usync_job *job)
{
	struct us_progress *progress = job->progress;
	int ret;

	if (progress == NULL || (progress->journal.fd < 0 && !job->options.fsync)) {
		return 0;
	}
	ret = us_thread_start(&progress->thread, run, progress);
	progress->is_running = ret == 0;
	return ret;
}

/** True when an earlier run has noted FINGERPRINT. */
static bool is_noted(const struct us_progress *progress, const struct us_fingerprint *fingerprint)
{
	const struct us_journal_content *content = &progress->content;

	return content->nr_done > 0 && bsearch(fingerprint, content->done, content->nr_done, sizeof(*content->done),
	                                       us_fingerprint_compare) != NULL;
}

/** True when what stands in the destination is what the copy of FILE left there, as far as its size and time tell. */
static bool is_untouched(const struct usync_job *job, const struct us_file *file)
{
	if (!S_ISREG(file->dst_stx.stx_mode) || file->dst_stx.stx_size != file->stx.stx_size) {
		return false;
	}
	return (job->keep.what & USYNC_KEEP_TIMES) == 0 ||
	       us_keep_same_time(&file->stx.stx_mtime, &file->dst_stx.stx_mtime, job->options.modify_window);
}

void us_progress_judge(struct us_worker *worker, struct us_file *file)
{
	const struct usync_job *job = worker->job;
	const struct us_progress *progress = job->progress;
	struct us_fingerprint fingerprint;

	if (progress == NULL || !progress->resumed || file->verdict == US_VERDICT_SKIP ||
	    us_fingerprint_of(file->dir, file->dst_name, &file->stx, &fingerprint) < 0) {
		return;
	}
	if (is_noted(progress, &fingerprint)) {
		file->is_recorded = is_untouched(job, file);
		if (file->is_recorded) {
			file->verdict = US_VERDICT_SAME;
			file->changes &= ~(uint32_t)(USYNC_CHANGE_CONTENT | USYNC_CHANGE_VALUE | USYNC_CHANGE_SIZE);
		}
	} else if (file->verdict == US_VERDICT_SAME && job->options.fsync) {
		/* It may be there without its contents, since the machine stopped. */
		file->verdict = US_VERDICT_COPY;
		file->changes |= USYNC_CHANGE_CONTENT;
	} else if (file->verdict == US_VERDICT_SAME && job->options.verify) {
		file->verdict = US_VERDICT_COMPARE; /* The earlier run did not come to reading it back. */
	}
}

/** Note FINGERPRINT; the lock is held. */
static int add_pending(struct us_pending *pending, const struct us_fingerprint *fingerprint)
{
	if (pending->nr == pending->max) {
		size_t max = pending->max > 0 ? pending->max * 2 : 1024;
		struct us_fingerprint *files = reallocarray(pending->files, max, sizeof(*files));

		if (files == NULL) {
			return -ENOMEM;
		}
		pending->files = files;
		pending->max = max;
	}
	pending->files[pending->nr++] = *fingerprint;
	return 0;
}

/** Note FINGERPRINT, unless there is an ERROR. */
static void note(struct us_pending *pending, const struct us_fingerprint *fingerprint, int error)
{
	pthread_mutex_lock(&pending->lock);
	if (error == 0) {
		error = add_pending(pending, fingerprint);
	}
	pending->lacks = pending->lacks || error < 0;
	pthread_mutex_unlock(&pending->lock);
}

/** FILE is in the destination as it should be. */
static void note_done(struct us_worker *worker, struct us_file *file)
{
	struct us_progress *progress = worker->job->progress;
	struct us_fingerprint fingerprint;
	int ret;

	if (progress->journal.fd < 0 || file->is_recorded) {
		return;
	}
	ret = us_fingerprint_of(file->dir, file->dst_name, &file->stx, &fingerprint);
	note(&progress->pending[worker->id], &fingerprint, ret);
}

void us_progress_verified(struct usync_job *job, unsigned int nr, const struct us_fingerprint *fingerprint)
{
	if (job->progress->journal.fd >= 0) {
		note(&job->progress->pending[nr], fingerprint, 0);
	}
}

void us_progress_leave(struct us_worker *worker, struct us_file *file)
{
	bool has_contents = S_ISREG(file->stx.stx_mode) && file->kind != US_FILE_LINK;
	bool is_to_be_verified = worker->job->options.verify && file->digest != NULL;

	if (file->done && has_contents && !is_to_be_verified) {
		note_done(worker, file);
	}
	us_part_end(worker, file);
}

bool us_progress_spares(const struct usync_job *job, const char *name)
{
	const struct us_journal_content *content;

	if (job->progress == NULL) {
		return false;
	}
	content = &job->progress->content;
	for (size_t i = 0; i < content->nr_parts; i++) {
		const char *slash = strrchr(content->parts[i].path, '/');

		if (strcmp(slash != NULL ? slash + 1 : content->parts[i].path, name) == 0) {
			return true;
		}
	}
	return false;
}

/** Let the thread end. */
static void stop_thread(struct us_progress *progress)
{
	if (!progress->is_running) {
		return;
	}
	pthread_mutex_lock(&progress->stop_lock);
	progress->stop = true;
	pthread_cond_signal(&progress->stop_changed);
	pthread_mutex_unlock(&progress->stop_lock);
	pthread_join(progress->thread, NULL);
	progress->is_running = false;
}

/** True when there is nothing left that a further run would go on with. */
static bool is_complete(const struct usync_job *job)
{
	struct usync_stats stats;

	usync_job_stats(job, &stats);
	return atomic_load(&job->error) == 0 && !us_job_stopping(job) && stats.failed == 0 && stats.vanished == 0;
}

void us_progress_finish(struct usync_job *job)
{
	struct us_progress *progress = job->progress;
	bool lacks = false;

	if (progress == NULL) {
		return;
	}
	stop_thread(progress);
	write_down(progress);
	for (unsigned int i = 0; i < progress->nr_pending; i++) {
		lacks = lacks || progress->pending[i].lacks;
	}
	if (lacks) {
		us_report_warning(job, job->options.journal, "there was no memory to note all that is complete",
		                  -ENOMEM);
	}
	if (progress->journal.fd < 0) {
		return;
	}
	if (is_complete(job)) {
		us_part_remove_rest(job);
	}
	if (is_complete(job)) {
		(void)us_journal_end(&progress->journal);
		(void)(job->options.fsync ? us_journal_sync(&progress->journal) : 0);
	}
	if (progress->journal.error < 0) {
		us_report_file_failed(job, job->options.journal, "write journal", progress->journal.error);
	}
}

void us_progress_free(struct usync_job *job)
{
	struct us_progress *progress = job->progress;

	if (progress == NULL) {
		return;
	}
	stop_thread(progress);
	us_journal_close(&progress->journal);
	us_journal_content_free(&progress->content);
	us_durable_fini(&progress->durable);
	if (progress->root_fd >= 0) {
		us_close(progress->root_fd);
	}
	for (unsigned int i = 0; i < progress->nr_pending; i++) {
		free(progress->pending[i].files);
		pthread_mutex_destroy(&progress->pending[i].lock);
	}
	free(progress->pending);
	pthread_mutex_destroy(&progress->parts_lock);
	pthread_mutex_destroy(&progress->stop_lock);
	pthread_cond_destroy(&progress->stop_changed);
	free(progress);
	job->progress = NULL;
}
