/* SPDX-License-Identifier: MIT */
/**
 * @file order.h
 * In which order the files of a source are taken: what is right differs by file system and device.
 *
 * Each file system that the walk comes to has a struct us_order.  What a listing is sorted by is settled when it is
 * first seen, from the table in order.c.  Whether reads go by extents instead (gather.h) may change while it is copied:
 * every now and then the extents of a few files that follow each other are asked for.  When they lie on the device in
 * that order, too, nothing more is asked, for a question costs 1 to 8 us; when they do not, as after a defragmentation
 * or a restore, all are.
 */
#ifndef US_CORE_ORDER_H
#define US_CORE_ORDER_H

#include "sys/place.h"
#include "usync.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct us_dir;
struct us_listing;
struct usync_job;

/** What the table says of a kind of file system. */
enum us_order_rule {
	US_RULE_UNKNOWN, /**< By inode when listings show that this means something, else none. */
	US_RULE_INODE,   /**< By inode, as long as extents lie so. */
	US_RULE_EXTENT,  /**< By first extent; by inode where that is the same. */
	US_RULE_NAME,
	US_RULE_NONE,
};

/** A row of the table. */
struct us_order_row {
	uint32_t magic;          /**< statfs(2), f_type. */
	enum us_order_rule rule;
	const char *name;
	uint32_t inline_max;     /**< Smaller files and those of this size have no extent. */
	bool is_far;             /**< A server or another process answers its calls. */
	bool is_one_tree;        /**< All that is made there waits for the locks of one tree: more workers than
	                              processors cost time. */
	bool clones_wait;        /**< The same of files that share blocks. */
};

/** The row for MAGIC; that of unknown file systems, with no name, when there is none. */
const struct us_order_row *us_order_row(uint32_t magic);

/** What is to be done beside the listing's order: bits. */
enum {
	US_ORDER_EXTENT = 1 << 0,   /**< Reads go by extents. */
	US_ORDER_SAMPLING = 1 << 1, /**< Some extents are asked for, to see whether they should. */
};

/** One file system of the source.  Lives as long as its job runs.  Any thread. */
struct us_order {
	struct us_order *next;
	struct us_place_fs fs;
	const struct us_order_row *row;
	bool rotates;      /**< It is on a disk that turns. */
	bool checked;      /**< Samples are taken. */
	_Atomic(enum usync_order) by; /**< What listings are sorted by: INODE, NAME or NONE; AUTO: to be found out. */
	atomic_uint mode;  /**< US_ORDER_ bits. */
	atomic_uint_fast64_t sample;  /**< Pairs of files looked at << 32 | those of which the second lies before the
	                                   first. */
	atomic_uint_fast64_t nr;      /**< Files listed. */
	atomic_uint_fast64_t next_nr; /**< When so many were, the next sample is taken. */
};

/**
 * The order for the file system of DIR, whose source is open: its parent's, one that is known, or a new one, of which
 * a note is sent.
 *
 * @return the order, borrowed; NULL when the file system can't be told or there is no memory: by inode, then.
 */
struct us_order *us_order_find(struct usync_job *job, const struct us_dir *dir);

/** Free all orders of JOB. */
void us_order_free(struct usync_job *job);

/** Sort LISTING, of a directory of ORDER (NULL: by inode), and count it. */
void us_order_sort(struct usync_job *job, struct us_order *order, struct us_listing *listing);

/** What directories below one of ORDER (NULL: by inode) are sorted by: INODE, NAME or NONE. */
enum usync_order us_order_of_children(const struct us_order *order);

/** A pair of files that follow each other was looked at; the second lies before the first when it DESCENDS. */
void us_order_sample(struct usync_job *job, struct us_order *order, bool descends);

/** ERROR (negative) is all that comes when extents are asked for: they are not asked for any more. */
void us_order_no_extents(struct usync_job *job, struct us_order *order, int error);

/** What reads of ORDER's files go by at present, for counts and notes. */
enum usync_order us_order_now(const struct us_order *order);

/** The name of ORDER, as --order spells it. */
const char *us_order_name(enum usync_order order);

#endif /* US_CORE_ORDER_H */
