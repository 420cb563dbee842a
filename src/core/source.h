/* SPDX-License-Identifier: MIT */
/**
 * @file source.h
 * Where files come from.  The engine drives a source and a sink and knows nothing of either.
 */
#ifndef US_CORE_SOURCE_H
#define US_CORE_SOURCE_H

#include <stdbool.h>

struct us_dir;
struct us_file;
struct us_worker;

/** What us_source_ops.fill came to. */
enum us_fill {
	US_FILL_STARTED, /**< Something was begun: call again while there is room. */
	US_FILL_NOTHING, /**< Nothing to begin now. */
	US_FILL_END,     /**< Nothing will ever come. */
};

/** A source.  All calls are made by the worker's own thread. */
struct us_source_ops {
	/**
	 * Begin the next file, or do a piece of the work that leads to files.  A file that has its first
	 * part goes to us_worker_filled(), at once or when its op is done.
	 *
	 * @param wait  The worker has nothing else to do: sleep until there is something.
	 */
	enum us_fill (*fill)(struct us_worker *worker, bool wait);

	/** DIR is open on both sides, and pinned: go on with what is in it. */
	void (*dir_opened)(struct us_worker *worker, struct us_dir *dir);

	/** DIR, which was to be opened, can't be, and is given up by this call's end.  NULL: that need not be told. */
	void (*dir_failed)(struct us_worker *worker, struct us_dir *dir);

	/** The sink has looked at what there is of FILE, and file->verdict says what is to become of it. */
	void (*looked)(struct us_worker *worker, struct us_file *file);

	/** Get the next part of FILE, whose last was written: us_worker_filled() or us_worker_lost(). */
	void (*more)(struct us_worker *worker, struct us_file *file);

	/** FILE is at its end, for good or bad: release what the source holds for it, then us_worker_return_file(). */
	void (*close)(struct us_worker *worker, struct us_file *file);
};

#endif /* US_CORE_SOURCE_H */
