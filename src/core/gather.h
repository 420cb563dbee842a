/* SPDX-License-Identifier: MIT */
/**
 * @file gather.h
 * Files that a worker has opened and not read yet, to be read in the order in which they lie on the device.
 *
 * Where reads go by extents (order.h), the worker opens a wide window of files, in the order of their inodes and across
 * slices and directories, asks for each one's first extent while it is open, sorts, and then reads as many at a time as
 * its window of files in flight has room for.  So no file is opened twice, and none that the page cache answers for
 * waits here.  Belongs to one thread.
 */
#ifndef US_CORE_GATHER_H
#define US_CORE_GATHER_H

#include <stdbool.h>
#include <stdint.h>

struct us_file;
struct us_listing;
struct us_slice;
struct us_worker;

/** A file and where it lies. */
struct us_gathered {
	uint64_t where;
	struct us_file *file;
};

struct us_gather {
	struct us_gathered *files; /**< Room for max. */
	unsigned int max;
	unsigned int nr;           /**< Files in the array. */
	unsigned int next;         /**< The first that was not given on. */
	bool closed;               /**< They are sorted and being given on: none is taken in. */
	bool full;                 /**< There are as many as it is to be. */
	const struct us_listing *listing; /**< Of the last one taken in; for a comparison only. */

	const struct us_slice *slice; /**< Of the file that was asked about last. */
	unsigned int nr_asked;        /**< In that slice. */
	uint64_t where;               /**< Where that file lies. */
};

/** @return 0 or -ENOMEM. */
int us_gather_init(struct us_gather *gather, unsigned int max);
void us_gather_fini(struct us_gather *gather);

/**
 * FILE, which is open, is about to be read from its start: take it in, if its reads go by extents and it is not cached.
 *
 * @return false when it is to be read at once.
 */
bool us_gather_add(struct us_worker *worker, struct us_file *file);

/** Files that wait here. */
static inline unsigned int us_gather_waiting(const struct us_gather *gather)
{
	return gather->nr - gather->next;
}

/** Nothing more will be taken in: sort what there is. */
void us_gather_close(struct us_gather *gather);

/** Give up to NR files on to be read (source_ops.more), in order.  The last of them opens it again. */
void us_gather_release(struct us_worker *worker, unsigned int nr);

#endif /* US_CORE_GATHER_H */
