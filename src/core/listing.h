/* SPDX-License-Identifier: MIT */
/**
 * @file listing.h
 * A part of a directory's entries in the order to copy them in, and the slices it is handed out in.
 *
 * A listing is filled by one thread, then only read.  Each slice of it holds a reference; the last one to
 * go unpins the directory and gives up the listing's share in its pending (see worker.h).
 */
#ifndef US_CORE_LISTING_H
#define US_CORE_LISTING_H

#include "usync.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct us_dir;

/** One entry that is not a directory. */
struct us_entry {
	uint64_t ino;       /**< The key to sort by. */
	uint32_t name;      /**< Offset of its name. */
	uint16_t dst_shift; /**< Its name in the destination stands so much further on (0: the same). */
	uint8_t type;       /**< DT_*. */
};

/** See the top. */
struct us_listing {
	struct us_dir *dir;         /**< Pinned while the listing lives. */
	atomic_uint refs;
	atomic_bool shared;         /**< A slice of it went to another worker: creates take turns. */
	pthread_mutex_t turn;       /**< Held while creating in the destination directory, when shared. */
	struct us_entry *entries;
	size_t nr_entries;
	size_t max_entries;
	char *names;
	size_t names_size;
	size_t names_max;
};

/** A run of entries that one worker takes as a whole.  In flight, it stands for one reference to its listing. */
struct us_slice {
	struct us_listing *listing;
	uint32_t next;         /**< First entry not begun. */
	uint32_t end;
	uint32_t in_flight;    /**< Files begun and not returned, and 1 while it is the worker's current one. */
	struct us_slice *free; /**< The next unused one of the worker's. */
};

/** @return a listing with one reference, or NULL without memory. */
struct us_listing *us_listing_new(struct us_dir *dir);

/** Free a listing whatever its references. */
void us_listing_free(struct us_listing *listing);

/**
 * Add an entry called NAME, and DST_NAME in the destination (NULL: the same).  NAME may be a path when the
 * directory is the root of several sources.
 *
 * @return 0, -ENOMEM, or -ENAMETOOLONG for a path of 64 KiB.
 */
int us_listing_add(struct us_listing *listing, uint64_t ino, uint8_t type, const char *name,
                   const char *dst_name);

/** Bytes of memory in use: what bounds a listing. */
size_t us_listing_bytes(const struct us_listing *listing);

/** Sort by inode number, by name, or (USYNC_ORDER_NONE) not at all. */
void us_listing_sort(struct us_listing *listing, enum usync_order by);

/** The name of ENTRY. */
static inline const char *us_entry_name(const struct us_listing *listing, const struct us_entry *entry)
{
	return listing->names + entry->name;
}

/** The name of ENTRY in the destination. */
static inline const char *us_entry_dst_name(const struct us_listing *listing,
                                            const struct us_entry *entry)
{
	return listing->names + entry->name + entry->dst_shift;
}

#endif /* US_CORE_LISTING_H */
