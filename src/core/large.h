/* SPDX-License-Identifier: MIT */
/**
 * @file large.h
 * Large files: their contents are cut into ranges, which several workers copy at once.
 *
 * The worker whose file it is takes ranges itself and asks for help by tasks in the feed (US_TASK_LARGE), which workers
 * take that have nothing else to do.  When no range is left it waits for those that are under way, and goes on with
 * the file alone: nothing but its two descriptors was ever shared.
 *
 * Neither side is left in the page cache, which belongs to what the user works with (mover.h): RWF_DONTCACHE where the
 * kernel has it (Linux 6.14, ext4, XFS, Btrfs), else direct I/O where the file says that it can be done, else the pages
 * are dropped range by range.
 */
#ifndef US_CORE_LARGE_H
#define US_CORE_LARGE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct us_file;
struct us_large;
struct us_worker;
struct usync_job;
struct usync_options;

/** How a job copies large files; settled before it starts. */
struct us_large_plan {
	uint64_t size;     /**< Files from this size on are large; 0: none. */
	uint64_t sent;     /**< With a link: the same of those that are sent in ranges. */
	uint32_t request;  /**< Bytes of one read or write. */
	uint32_t range;    /**< Bytes of one range. */
	uint64_t window;   /**< With a journal: no byte is written so far behind one that is not; 0: no bound. */
	bool by_kernel;    /**< Every file is large, and copy_file_range(2) is tried first. */
};

/** Workers that copy large files at a time: more of them only make the disk's way longer. */
struct us_large_gate {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned int most;
	unsigned int nr;
};

/** Settle JOB's plan, and make its gate: its chunk, pace and workers are known. */
void us_large_settle(struct usync_job *job);

/** The end of the gate. */
void us_large_release(struct usync_job *job);

/**
 * Make ready to copy FILE in ranges, whose src_fd, stx, offset and holes are known.
 *
 * @return NULL when it is not to be copied so, or there is no memory for that: then it is read from its start to its
 *         end.
 */
struct us_large *us_large_new(struct us_worker *worker, struct us_file *file);

/**
 * Become one of those that copy large files on local disks: FILE, which has a large, is to be next.
 *
 * @param wait  Until one of them leaves.
 * @return false when there are enough.
 */
bool us_large_enter(struct us_worker *worker, struct us_file *file, bool wait);

/**
 * Copy FILE, which has a large that was entered and is open in the destination, from file->offset to its end, with all
 * help that comes.  Frees file->large.  At the end file->offset is how far it came: as far as there was something to
 * read.  When reading failed, file->src_error says so.
 *
 * @param[out] what  What failed in the destination.
 * @return 0, -ECANCELED when the job is stopping, or the destination's negative errno.
 */
int us_large_copy(struct us_worker *worker, struct us_file *file, const char **what);

/**
 * Where a journal is kept: bytes before the end of what there is of FILE, which was stopped in the middle, that may not
 * have been written, for those behind them were before.
 */
uint64_t us_large_slack(const struct usync_job *job, const struct us_file *file);

/**
 * Take blocks for all of FILE from OFFSET on, which is open in the destination, so that a lack of them shows before it
 * is written; but not where holes are to stay, or the file system is better off without.
 *
 * @return 0, or -ENOSPC or its kin.
 */
int us_large_reserve(const struct us_file *file, uint64_t offset);

/**
 * Before FILE is written out of order under its final name: let it be a byte too long, so that no one takes it for
 * complete before its size is set in the end (large.c says why).  Nothing is done with what has a temporary name, or
 * was there before.
 *
 * @return false when it can't be done, for the file would be longer than one may be: then its last byte has to be
 *         written last.
 */
bool us_large_hide_size(const struct us_file *file);

/** Help with LARGE as long as there are ranges to be taken, and give up the task's reference. */
void us_large_help(struct us_worker *worker, struct us_large *large);

/** FILE's large, if it has one, is not needed any more: make room for the next. */
void us_large_give_up(struct us_file *file);

/** Have WORKER's large_buf: a request, and room for what direct I/O adds to its end.  @return false without memory. */
bool us_large_has_buffer(struct us_worker *worker);

/** Give up a reference. */
void us_large_put(struct us_large *large);

#endif /* US_CORE_LARGE_H */
