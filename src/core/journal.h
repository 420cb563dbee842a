/* SPDX-License-Identifier: MIT */
/**
 * @file journal.h
 * The journal of a copy (--resume): a file that only grows, of blocks that are each checked by a sum of their own.
 *
 *	file   := signature block*
 *	block  := magic type length sequence payload sum	integers in the machine's order; the sum is XXH3-64 of
 *	                                               	all that is before it in the block
 *
 * The first block names the copy; the others say what of it is complete.  A block that was cut by a crash stands at the
 * end and is cut off; one that is wrong and has a right one behind it was damaged, and then nothing is believed.
 */
#ifndef US_CORE_JOURNAL_H
#define US_CORE_JOURNAL_H

#include "core/dir.h"
#include "core/fingerprint.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct usync_job;

/** A large file that was begun. */
struct us_journal_part {
	struct us_fingerprint file;
	struct us_identity identity; /**< Of what holds its bytes. */
	uint64_t born;               /**< When that was made, in ns, for inode numbers are used again; 0: not known. */
	uint64_t offset;             /**< Bytes of it that are on the disk for certain. */
	char *path;                  /**< What holds its bytes, from the root of the destination or the temporary
	                                  directory. */
	uint64_t slack;              /**< So many bytes before its end may not have been written, though those behind
	                                  them were. */
	bool elsewhere;              /**< It is from the temporary directory. */
	bool taken;                  /**< The reader's own: it has been gone on with. */
};

/** What a journal tells. */
struct us_journal_content {
	char *head;                  /**< Which copy it is of: the text given to us_journal_open(). */
	size_t head_length;
	struct us_fingerprint *done; /**< Files that are complete, in the order of us_fingerprint_compare(). */
	size_t nr_done;
	size_t size;                 /**< Of the file: done has room for as many as that could hold. */
	struct us_journal_part *parts;
	size_t nr_parts;
	bool ended;                  /**< The whole copy was. */
	uint64_t sequence;           /**< Of the next block. */
	size_t length;               /**< Bytes of the file that were understood. */
};

/** Why a journal is not used, beside negative errnos. */
enum us_journal_error {
	US_JOURNAL_FOREIGN = 1, /**< The file is something else. */
	US_JOURNAL_VERSION,     /**< It is of another version of this program. */
	US_JOURNAL_DAMAGED,     /**< A block before the last is not as it was written. */
	US_JOURNAL_OTHER,       /**< It is of another copy, which content->head tells. */
	US_JOURNAL_BUSY,        /**< Another process has it open. */
};

/**
 * Understand the SIZE bytes of a journal.  Bytes of an unfinished last block are left out of content->length.  One that
 * ends before its first block is whole is empty: head is NULL and length 0.
 *
 * @param[out] content  To be freed with us_journal_content_free(), also after an error.
 * @return 0, an enum us_journal_error, or -ENOMEM.
 */
int us_journal_parse(const void *data, size_t size, struct us_journal_content *content);

/** Free what CONTENT holds. */
void us_journal_content_free(struct us_journal_content *content);

/** A journal that is open for writing.  Calls on one may come from several threads. */
struct us_journal {
	pthread_mutex_t lock;
	int fd;            /**< -1: there is none. */
	uint64_t sequence; /**< Of the next block. */
	int error;         /**< The negative errno of the first append that failed: the journal takes no more then. */
};

/**
 * Open JOB's journal, made if missing, for the copy that HEAD describes, and lock it (flock(2)).  One that has ended,
 * or holds nothing, is begun anew.
 *
 * @param[out] content  What it tells of the copy so far; to be freed, also after an error.
 * @return 0, an enum us_journal_error, or a negative errno: -ECANCELED when JOB was to stop before.
 */
int us_journal_open(struct us_journal *journal, struct usync_job *job, const char *head, size_t head_length,
                    struct us_journal_content *content);

/** Append: these files are complete.  @return 0 or a negative errno, which stays. */
int us_journal_done(struct us_journal *journal, const struct us_fingerprint *files, size_t nr);

/** Append: what was said of FILE does not hold any more.  @return likewise. */
int us_journal_revoke(struct us_journal *journal, const struct us_fingerprint *file);

/** Append: PART was begun, or has come this far.  @return likewise. */
int us_journal_part(struct us_journal *journal, const struct us_journal_part *part);

/** Append: all is complete.  @return likewise. */
int us_journal_end(struct us_journal *journal);

/** Bring what was appended to the disk (fdatasync(2)).  @return likewise. */
int us_journal_sync(struct us_journal *journal);

/** Close it. */
void us_journal_close(struct us_journal *journal);

#endif /* US_CORE_JOURNAL_H */
