/* SPDX-License-Identifier: MIT */
/**
 * @file worker.h
 * One thread of a job: it keeps a window of files in flight between the source and the sink.
 */
#ifndef US_CORE_WORKER_H
#define US_CORE_WORKER_H

#include "core/bufpool.h"
#include "core/file.h"
#include "core/fold.h"
#include "core/gather.h"
#include "core/keep.h"
#include "core/listing.h"
#include "core/pipepool.h"
#include "sys/dents.h"
#include "sys/io.h"
#include "usync.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct us_large;
struct usync_job;

/** A directory on its way to being open. */
struct us_dir_open {
	struct us_op op; /**< First, so that an op leads back to it. */
	struct us_dir_open *next;
	struct us_dir *dir; /**< Its parent is pinned. */
	struct statx stx;     /**< Of the source. */
	struct statx dst_stx; /**< Of the destination. */
	int state;          /**< The source's, then the sink's own. */
	int fd[US_SIDES];   /**< -1 where there is none (yet). */
};

/** What a worker has done.  Written by it alone, read by any thread. */
struct us_counts {
	atomic_uint_fast64_t files;
	atomic_uint_fast64_t directories;
	atomic_uint_fast64_t symlinks;
	atomic_uint_fast64_t specials;
	atomic_uint_fast64_t links;
	atomic_uint_fast64_t unchanged;
	atomic_uint_fast64_t skipped;
	atomic_uint_fast64_t deleted;
	atomic_uint_fast64_t bytes;
	atomic_uint_fast64_t failed;
	atomic_uint_fast64_t vanished;
	atomic_uint_fast64_t found;       /**< Entries that are no directories, and excluded ones. */
	atomic_uint_fast64_t found_dirs;
	atomic_uint_fast64_t listed_dirs; /**< Of these: read to the end, or given up. */
	atomic_uint_fast64_t lacks[US_LACK_NR];
	atomic_uint_fast64_t listings[USYNC_ORDER_NONE + 1]; /**< By the order they are gone through in. */
	atomic_uint_fast64_t methods[US_METHODS]; /**< Files, by how their contents came to the destination. */
	atomic_uint_fast64_t in_ranges; /**< And large ones of them. */
	atomic_uint_fast64_t extents; /**< Files whose first extent was asked for. */
};

struct us_worker {
	struct usync_job *job;
	unsigned int id;
	pthread_t thread;
	bool is_started;
	bool is_late;             /**< Started while the job ran, because calls are slow. */
	unsigned int depth;       /**< Files there can be in flight. */
	unsigned int window;      /**< Files there are to be, of those. */

	struct us_io io;
	struct us_bufpool bufs;
	struct us_pipepool pipes;
	struct us_dents dents;
	struct us_fold fold;      /**< Names of the listing at hand. */
	struct us_slice *slice;   /**< The one whose files are being begun, or NULL. */
	struct us_slice *slices;  /**< All the slices there can be in flight. */
	struct us_slice *free_slices;
	struct us_file *files;    /**< All the files there can be: job->depth, then those that are gathered. */
	unsigned int max_files;
	unsigned int nr_fresh;    /**< The last so many files and slices were never used, and are not in the lists. */
	unsigned int nr_fresh_slices;
	struct us_file *free;     /**< Those not in flight, of those that were. */
	struct us_file *ready;    /**< Those with a part for the sink, in order. */
	struct us_file **ready_end;
	unsigned int nr_ready;
	struct us_file *large;    /**< Those that are large and wait until all else in flight is done, in order. */
	struct us_file **large_end;
	unsigned int nr_large;
	struct us_large *help;    /**< Another worker's, which is to be helped with then; or NULL. */
	bool is_draining;         /**< That is about to be: nothing new is begun. */
	uint64_t ready_bytes;
	struct us_gather gather;  /**< Files in flight that are not read yet. */
	struct us_file *starved;  /**< Those that wait for memory, in order. */
	struct us_file **starved_end;
	struct us_dir_open *dir_opens; /**< Directories that can be opening at a time. */
	struct us_dir_open *free_dir_opens;
	unsigned int nr_files;    /**< Files in flight. */
	unsigned int nr_opening;  /**< Directories being opened. */
	uint64_t temp_number;     /**< The last temporary name's. */
	mode_t umask;             /**< What the kernel takes away from the modes this thread creates with. */
	mode_t user_umask;        /**< What the user wants taken away from modes that are not kept. */
	char *compare_buf;        /**< job->chunk bytes, made when first needed. */
	char *large_buf;          /**< For ranges of large files (large.h), made when first needed. */
	bool noatime;             /**< O_NOATIME was not refused yet. */
	void *link;               /**< The connection, with job->link. */
	unsigned int nr_waiting;  /**< Of the files in flight: those that wait for the other side. */
	uint64_t activity;        /**< Counts what is begun and what goes on. */

	struct us_counts counts __attribute__((aligned(64)));
	struct us_io_times times;
} __attribute__((aligned(64)));

/** Add to a count of this worker's own. */
static inline void us_count(atomic_uint_fast64_t *count, uint64_t n)
{
	uint64_t old = atomic_load_explicit(count, memory_order_relaxed);

	atomic_store_explicit(count, old + n, memory_order_relaxed);
}

/** @param late  See us_worker.is_late.  @return 0 or -ENOMEM. */
int us_worker_init(struct us_worker *worker, struct usync_job *job, unsigned int id, bool late);
void us_worker_fini(struct us_worker *worker);

/**
 * Start the thread, with all signals blocked: they are for the caller's threads.  It goes on until the source is at its
 * end and nothing is in flight.
 *
 * @return 0 or a negative errno.
 */
int us_worker_start(struct us_worker *worker);

/* For sources. */

/** Make SLICE the one whose files are begun; there must be none.  Takes over its reference to its listing. */
void us_worker_set_slice(struct us_worker *worker, const struct us_slice *slice);

/** No more files of the current slice will be begun. */
void us_worker_drop_slice(struct us_worker *worker);

/** A file of the current slice for the source to begin.  There is one whenever source_ops.fill is called. */
struct us_file *us_worker_take_file(struct us_worker *worker);

/** Nothing of FILE is in flight any more. */
void us_worker_return_file(struct us_worker *worker, struct us_file *file);

/** FILE holds a part for the sink, or is large. */
void us_worker_filled(struct us_worker *worker, struct us_file *file);

/** Help with LARGE, of which this is a reference, when nothing is in flight any more. */
void us_worker_help(struct us_worker *worker, struct us_large *large);

/** FILE changed while it was read, and comes again from its start. */
void us_worker_restart(struct us_worker *worker, struct us_file *file);

/** FILE can't be read on; the reason was reported. */
void us_worker_lost(struct us_worker *worker, struct us_file *file);

/** FILE needs memory of which there is none: its source_ops.more is called when there may be some. */
void us_worker_starve(struct us_worker *worker, struct us_file *file);

/* For both. */

/**
 * If OP, an open that is done, found no descriptor left: close the directories that no one uses for the moment
 * and make it once more.
 */
void us_worker_retry_open(struct us_worker *worker, struct us_op *op);

/* For sinks. */

/**
 * FILE waits for the other side of the connection, or does no longer: meanwhile the window has room for another one.
 */
void us_worker_set_waiting(struct us_worker *worker, struct us_file *file, bool waiting);

/** FILE's verdict is known. */
void us_worker_looked(struct us_worker *worker, struct us_file *file);

/** The part in hand of FILE is written away, and it was not the last. */
void us_worker_drained(struct us_worker *worker, struct us_file *file);

/** FILE is complete, or failed and removed. */
void us_worker_finished(struct us_worker *worker, struct us_file *file);

/* Directories. */

/** A directory to open for the source, its parent pinned; NULL when there can be no more at a time. */
struct us_dir_open *us_worker_begin_dir(struct us_worker *worker, struct us_dir *dir);

/** Both sides of OPENING are open: the directory is pinned and goes to source_ops.dir_opened. */
void us_worker_dir_opened(struct us_worker *worker, struct us_dir_open *opening);

/** OPENING failed and that was reported: the directory and all in it are given up. */
void us_worker_dir_failed(struct us_worker *worker, struct us_dir_open *opening);

/** The same where a rule leaves it out: it counts as skipped. */
void us_worker_dir_left_out(struct us_worker *worker, struct us_dir_open *opening);

/** Drop a reference to LISTING. */
void us_worker_put_listing(struct us_worker *worker, struct us_listing *listing);

/**
 * Give up one share in DIR's pending.  At the last one the directory is complete: it is finished, freed, and
 * its share in its parent given up in turn.  The end of the root is the end of the feed.
 */
void us_worker_put_dir(struct us_worker *worker, struct us_dir *dir);

#endif /* US_CORE_WORKER_H */
