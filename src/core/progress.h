/* SPDX-License-Identifier: MIT */
/**
 * @file progress.h
 * What of a copy is complete: kept in the journal of --resume, and true of the disk with --fsync.
 *
 *	us_progress_open()              the journal is read; nothing was copied yet
 *	us_progress_start()             a thread writes down, every so often, what the workers have told
 *	... us_progress_judge(), us_progress_leave(), parts (part.h) ...
 *	us_progress_finish()            the rest; the workers have ended
 *	us_progress_free()
 *
 * A job has a progress when --resume, --fsync or --verify was asked for; else job->progress is NULL.
 */
#ifndef US_CORE_PROGRESS_H
#define US_CORE_PROGRESS_H

#include "core/durable.h"
#include "core/journal.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct us_file;
struct us_part;
struct us_worker;
struct usync_job;

/** What one worker has told and the thread has not taken yet. */
struct us_pending {
	pthread_mutex_t lock;
	struct us_fingerprint *files;
	size_t nr;
	size_t max;
	bool lacks; /**< There was no memory for one, which the next run copies again. */
} __attribute__((aligned(64)));

struct us_progress {
	struct usync_job *job;
	struct us_journal journal;          /**< fd -1: --fsync alone. */
	struct us_journal_content content;  /**< What earlier runs did. */
	int root_fd;                        /**< The destination, as long as the progress lives; -1 before. */
	bool resumed;                       /**< There was an earlier run, which did not end. */
	struct us_durable durable;          /**< With --fsync or --verify. */
	struct us_pending *pending;         /**< One for each worker. */
	unsigned int nr_pending;

	pthread_mutex_t parts_lock;
	struct us_part *parts;              /**< Those in flight. */

	pthread_t thread;
	bool is_running;
	pthread_mutex_t stop_lock;
	pthread_cond_t stop_changed;
	bool stop;
};

/**
 * Make JOB's progress, if it is to have one: open its journal.
 *
 * @return 0, or a negative errno after job->error_text was set.
 */
int us_progress_open(struct usync_job *job);

/** A directory of the destination was opened.  @return 0 or a negative errno. */
int us_progress_add_dir(struct usync_job *job, int fd, const struct statx *stx);

/** Start the thread.  @return 0 or a negative errno. */
int us_progress_start(struct usync_job *job);

/**
 * FILE, a regular one, was looked at, and stands in the destination.  By what is known of it, what the sink has found
 * out may be wrong: then its verdict and changes are set anew.
 */
void us_progress_judge(struct us_worker *worker, struct us_file *file);

/** FILE, complete or not, is about to be let go. */
void us_progress_leave(struct us_worker *worker, struct us_file *file);

/** The file of FINGERPRINT was read back and is as it should be: told by the thread that stands for worker NR. */
void us_progress_verified(struct usync_job *job, unsigned int nr, const struct us_fingerprint *fingerprint);

/** True when NAME, in the directory of the destination or in the temporary one, is a part that may be gone on with. */
bool us_progress_spares(const struct usync_job *job, const char *name);

/** The workers have ended: write down the rest, and the end when all is complete.  Failures stop the job or count. */
void us_progress_finish(struct usync_job *job);

void us_progress_free(struct usync_job *job);

#endif /* US_CORE_PROGRESS_H */
