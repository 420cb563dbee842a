/* SPDX-License-Identifier: MIT */
/**
 * @file part.h
 * Large files of a job with a journal: each is written under a temporary name that the journal knows, so that the next
 * run can go on where this one was stopped.
 *
 * After a killed process all that was written is in the file, for it is written from its start to its end: its size
 * says how much.  One that is written in ranges by several workers (large.h) may lack bytes before that end, but no
 * more than the slack that the journal tells: no worker runs further ahead.  After a power cut it may be less: with
 * --fsync only what the journal says to be on the disk counts.
 */
#ifndef US_CORE_PART_H
#define US_CORE_PART_H

#include "core/journal.h"

#include <stdatomic.h>
#include <stdbool.h>

struct us_file;
struct us_part_snapshot;
struct us_progress;
struct us_worker;
struct usync_job;

/** A large file on its way. */
struct us_part {
	struct us_part *next;
	struct us_part **to_this;         /**< What points to it. */
	struct us_journal_part record;    /**< record.offset: what the journal knows. */
	atomic_uint_fast64_t written;
	bool is_void;                     /**< What was written is not of the source that the record tells of. */
};

/** True when FILE, of which stx is known, is written so that it can be gone on with. */
bool us_part_wanted(const struct us_worker *worker, const struct us_file *file);

/** FILE was made under its temporary name. */
void us_part_begin(struct us_worker *worker, struct us_file *file);

/**
 * See whether an earlier run has begun FILE, which is not made yet, and go on with what that left: then file->offset is
 * where.
 */
bool us_part_adopt(struct us_worker *worker, struct us_file *file);

/** The name that PART is written under. */
const char *us_part_name(const struct us_part *part);

/** FILE's bytes before END are written. */
void us_part_wrote(struct us_file *file, uint64_t end);

/** What the journal was told of FILE holds no more: it will be written from its start, or elsewhere. */
void us_part_void(struct us_worker *worker, struct us_file *file);

/** True when what there is of FILE, which will not be finished, is left for the next run. */
bool us_part_is_kept(const struct us_worker *worker, const struct us_file *file);

/** FILE is complete, or given up. */
void us_part_end(struct us_worker *worker, struct us_file *file);

/* For progress.c. */

/** How far the parts in flight have come.  @return a list, to be freed; NULL for none, or without memory. */
struct us_part_snapshot *us_part_take_snapshot(struct us_progress *progress);

/** Write down how far they had come; it is on the disk. */
void us_part_write_snapshot(struct us_progress *progress, struct us_part_snapshot *snapshot);

void us_part_snapshot_free(struct us_part_snapshot *snapshot);

/** Remove what earlier runs have begun and no one has gone on with: its source is another one by now, or gone. */
void us_part_remove_rest(struct usync_job *job);

#endif /* US_CORE_PART_H */
