/* SPDX-License-Identifier: MIT */
/**
 * @file links.h
 * Source inodes that have several names, and what became of the first of them.
 *
 *	claim --> US_LINK_FIRST: copy it, then us_links_settle()
 *	      --> US_LINK_WAIT:  another worker copies it; the name is kept until that has settled
 *	      --> US_LINK_MAKE:  it is copied: here is where, make a link to that
 *
 * Only inodes with more than one name come in here, and each leaves when as many names were seen as it has.
 * All calls are for any thread.
 */
#ifndef US_CORE_LINKS_H
#define US_CORE_LINKS_H

#include "core/dir.h"

#include <stdbool.h>
#include <stdint.h>

struct us_links;

/** What us_links_claim() came to. */
enum us_link_claim {
	US_LINK_FIRST, /**< The first name: to be copied, then settled. */
	US_LINK_WAIT,  /**< Kept; comes back from us_links_settle(). */
	US_LINK_MAKE,  /**< A link is to be made. */
};

/** A name that waited. */
struct us_link_waiter {
	struct us_link_waiter *next;
	struct us_dir *dir;  /**< Holds one share in its pending. */
	char *dst_name;      /**< In the same block as name. */
	char name[];
};

/** @return an empty table, or NULL without memory. */
struct us_links *us_links_new(void);
void us_links_free(struct us_links *links);

/**
 * NAME in DIR is a name of the inode of STX.
 *
 * @param[out] target  US_LINK_MAKE: the path of the copy from the destination's root; freed by the caller.
 * @return an enum us_link_claim, or -ENOMEM: nothing was noted.
 */
int us_links_claim(struct us_links *links, const struct statx *stx, struct us_dir *dir, const char *name,
                   const char *dst_name, char **target);

/**
 * The first name of the inode ID, claimed before, is complete, or failed.
 *
 * @param target  The path of the copy from the destination's root, taken over; NULL when it failed: the next name that
 *                comes is a first one again.
 * @return the names that waited, the oldest first: each is to be begun again.  Freed by the caller.
 */
struct us_link_waiter *us_links_settle(struct us_links *links, const struct us_identity *id, char *target);

#endif /* US_CORE_LINKS_H */
