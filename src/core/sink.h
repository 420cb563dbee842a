/* SPDX-License-Identifier: MIT */
/**
 * @file sink.h
 * Where files go to.
 */
#ifndef US_CORE_SINK_H
#define US_CORE_SINK_H

#include <stdbool.h>

struct us_dir;
struct us_dir_open;
struct us_file;
struct us_worker;

/** A sink.  All calls are made by the worker's own thread, except where noted. */
struct us_sink_ops {
	/**
	 * Make and open the destination of the directory that OPENING tells of (worker.h), whose parent is
	 * pinned: us_worker_dir_opened() or us_worker_dir_failed(), at once or when its op is done.
	 */
	void (*open_dir)(struct us_worker *worker, struct us_dir_open *opening);

	/**
	 * See what there is of FILE, of which the source has set stx, kind and xattrs: sets file->verdict and
	 * file->changes, then us_worker_looked(), at once or when its op is done.
	 */
	void (*look)(struct us_worker *worker, struct us_file *file);

	/**
	 * Write away the parts in hand of the files from FIRST on (linked by next).  Each goes to us_worker_drained()
	 * or, after its last part, us_worker_finished(), at once or when its op is done.  They come together so that
	 * what they have in common, such as a directory's lock, is paid for once.
	 *
	 * @param wait  Also where that means to wait for another worker first.  Without it that is looked at for the
	 *              first of them alone: those of other directories among them may be waited for.
	 * @return false when it would have meant that: none of them was touched.
	 */
	bool (*put)(struct us_worker *worker, struct us_file *first, bool wait);

	/**
	 * FILE is about to be read: where an earlier run has left a part of it, go on with that and set file->offset to
	 * where.  NULL: no run leaves any.
	 */
	void (*resume)(struct us_worker *worker, struct us_file *file);

	/** FILE changed while it was read: what there is of it is void, and us_worker_drained() has it read again. */
	void (*restart)(struct us_worker *worker, struct us_file *file);

	/** The source lost FILE half-way: remove what there is of it, then us_worker_finished(). */
	void (*abandon)(struct us_worker *worker, struct us_file *file);

	/**
	 * All in the source of DIR, which is pinned, was listed without an error: what it does not have may be
	 * deleted.  NULL: that is done with both sides at hand (mirror.h).
	 */
	void (*mirror)(struct us_worker *worker, struct us_dir *dir);

	/**
	 * All in DIR is complete: give it its final mode and times.  DIR is pinned.
	 * May come from any worker.
	 */
	void (*finish_dir)(struct us_worker *worker, struct us_dir *dir);
};

#endif /* US_CORE_SINK_H */
