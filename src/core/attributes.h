/* SPDX-License-Identifier: MIT */
/**
 * @file attributes.h
 * Giving a copy what is kept of its source: owner, extended attributes, mode, times; in that order, for chown(2)
 * takes set-id bits and capabilities away.
 */
#ifndef US_CORE_ATTRIBUTES_H
#define US_CORE_ATTRIBUTES_H

#include "core/xattrs.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

struct us_place;
struct us_worker;

/** A copy, and what it ought to be like. */
struct us_attributes {
	struct us_handle copy;
	const struct statx *src;        /**< What the source is like. */
	const struct us_xattrs *xattrs; /**< The source's, of the kinds that are kept; may be NULL. */
	uint32_t uid;                   /**< The copy's, now. */
	uint32_t gid;
	mode_t mode;                    /**< Its permission bits, now. */
	bool exact;  /**< It may have extended attributes of its own. */
	bool is_new; /**< Made just now, with less than its mode. */
	bool has_failed;  /**< Its entry was counted as failed before. */
	uint32_t changes; /**< USYNC_CHANGE_ bits: only these are set. */
};

/** All bits that us_attributes_set() knows. */
#define US_ATTRIBUTES_ALL                                                                        \
	(USYNC_CHANGE_MTIME | USYNC_CHANGE_MODE | USYNC_CHANGE_USER | USYNC_CHANGE_GROUP |       \
	 USYNC_CHANGE_ATIME | USYNC_CHANGE_ACL | USYNC_CHANGE_XATTR)

/**
 * Set what is kept.
 *
 * @param place  Where the copy is, for reports.
 * @return false when the entry counts as failed now; that was reported.
 */
bool us_attributes_set(struct us_worker *worker, const struct us_place *place,
                       const struct us_attributes *attributes);

#endif /* US_CORE_ATTRIBUTES_H */
