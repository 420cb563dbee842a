/* SPDX-License-Identifier: MIT */
/**
 * @file fold.h
 * Names of one directory that differ in case alone, and destinations to which they are one name: exFAT, NTFS, SMB, a
 * directory of ext4 with casefold.  There the second would take the first one's place, and both would count as
 * copied.
 *
 * Whether a destination is such a one is asked only when two such names are met.  Only ASCII letters are looked at.
 */
#ifndef US_CORE_FOLD_H
#define US_CORE_FOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct us_dir;
struct us_fold_slot;
struct us_worker;

/** Names that were met in one part of a listing. */
struct us_fold {
	struct us_fold_slot *slots; /**< NULL: none, or no memory. */
	size_t max;                 /**< Slots that there is memory for. */
	size_t nr_slots;            /**< Those in use: a power of two. */
	size_t nr;
	bool is_asked;              /**< Of the directory at hand it is known whether it folds. */
	bool folds;
};

void us_fold_fini(struct us_fold *fold);

/** Forget all names: those of another directory come, or of another part of it. */
void us_fold_begin(struct us_fold *fold);

/**
 * Remember NAME as REF.  Of very many names the first ones are forgotten.
 *
 * @return true when there may be one that differs in case alone: then TWIN is its REF.  Hold the two against each
 *         other.
 */
bool us_fold_meet(struct us_fold *fold, const char *name, uint32_t ref, uint32_t *twin);

/** True when the two are different names, in ASCII letters' case alone. */
bool us_fold_is_pair(const char *name, const char *other);

/**
 * True when such a pair is one name in the destination of DIR, which is pinned.  A file may be made there, and
 * removed.
 */
bool us_fold_is_one(struct us_worker *worker, struct us_dir *dir, const char *name, const char *other);

#endif /* US_CORE_FOLD_H */
