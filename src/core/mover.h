/* SPDX-License-Identifier: MIT */
/**
 * @file mover.h
 * How the bytes of one large file come from its source to its copy: all workers that copy ranges of it share a mover.
 *
 * The method that was chosen is given up where the file system refuses it, in the middle of a file too, and then all go
 * on by reading and writing.
 */
#ifndef US_CORE_MOVER_H
#define US_CORE_MOVER_H

#include "core/bypass.h"
#include "core/file.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct us_digest;
struct us_worker;
struct usync_job;

/** See the top. */
struct us_mover {
	/* Set before others see it. */
	const struct us_file *file;
	struct us_digest *digest; /**< Of what is read, which is in order then; or NULL. */
	uint32_t request;         /**< Bytes of one read or write. */
	bool must_clone;          /**< A refused clone is a failure. */
	bool was_cached;          /**< Half of the source or more was in the page cache before: someone works with
	                               it. */
	bool was_uncached;        /**< Nothing of it was.  Neither where the kernel does not tell. */
	bool writes_out;          /**< What is written is waited for before it is dropped: on a local disk. */

	atomic_uint_fast64_t size;  /**< What there is to read: less, when the file became shorter. */
	atomic_bool sparse;         /**< Holes are looked for. */
	atomic_int method;          /**< An enum us_method. */
	struct us_bypass bypass[2]; /**< Of US_SRC and US_DST, when they are read and written. */
};

/** What went wrong. */
struct us_mover_failure {
	enum us_side side;
	const char *what;
	int error; /**< A negative errno; 0: nothing. */
};

/** Begin with FILE, whose sums go to DIGEST (or NULL) and whose src_fd is open; its dst_fd may come later. */
void us_mover_init(struct us_mover *mover, const struct us_file *file, struct us_digest *digest, uint32_t request);
void us_mover_fini(struct us_mover *mover);

/** Settle the method: both sides are open. */
void us_mover_choose(struct us_mover *mover, const struct usync_job *job);

/**
 * Move *AT on to where data of FD begin, in whole blocks, or to END when they begin behind it; *DATA_END is where they
 * end, END at most.
 *
 * @param sparse  Holes are looked for; becomes false where they can't be told, and then all is data.
 * @return false when there are none from *AT to the end of the file, which may have become shorter.
 */
bool us_mover_seek_data(int fd, atomic_bool *sparse, uint64_t *at, uint64_t end, uint64_t *data_end);

/**
 * The same of the mover's source, whose size becomes less where there is a hole to its end or it has become shorter:
 * find data from AT on, which there are before END; *DATA_END is where they end.
 *
 * @return where they begin, or END when there are none.
 */
uint64_t us_mover_find_data(struct us_mover *mover, uint64_t at, uint64_t end, uint64_t *data_end);

/** Copy up to LENGTH bytes at OFFSET.  @return how many, or 0 when there are none any more, or FAILURE says why not. */
uint32_t us_mover_copy(struct us_mover *mover, struct us_worker *worker, uint32_t length, uint64_t offset,
                       struct us_mover_failure *failure);

/**
 * Add the hole before OFFSET to the sum.
 *
 * @return false when the job is to stop, which is not kept for minutes by a very large one.
 */
bool us_mover_sum_hole(struct us_mover *mover, const struct us_worker *worker, uint64_t offset);

/**
 * The range from START to END is done: let the page cache forget it, as far as the calls themselves did not see to
 * that.
 */
void us_mover_forget(struct us_mover *mover, uint64_t start, uint64_t end, struct us_mover_failure *failure);

/** How many of the LENGTH bytes of DATA, from their first on, are blocks of zeros (ZERO), or blocks that are not. */
uint32_t us_mover_run(const char *data, uint32_t length, bool zero);

/**
 * All is done: leave the two descriptors as they were, nothing in the page cache that was not there, and say once how
 * it went.
 */
void us_mover_end(struct us_mover *mover, struct us_worker *worker, uint32_t range);

#endif /* US_CORE_MOVER_H */
