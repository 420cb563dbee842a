/* SPDX-License-Identifier: MIT */
/**
 * @file compare.h
 * The update rules: what is to become of an entry, by what there is in the destination.
 */
#ifndef US_CORE_COMPARE_H
#define US_CORE_COMPARE_H

#include "usync.h"

#include <stdint.h>
#include <sys/stat.h>

/** See the top. */
enum us_verdict {
	US_VERDICT_COPY,    /**< New, or to be replaced. */
	US_VERDICT_COMPARE, /**< To be replaced if the contents (or a link's target) differ. */
	US_VERDICT_SAME,    /**< The contents are right; attributes may not be. */
	US_VERDICT_LINK,    /**< New here, and the same in the reference: a link to that. */
	US_VERDICT_SKIP,    /**< Left as it is, by a rule that was asked for. */
};

/**
 * Judge an entry that is no directory.
 *
 * @param dst      NULL when there is none.
 * @param changes  USYNC_CHANGE_ bits that tell of the contents are added.
 */
enum us_verdict us_compare(const struct usync_options *options, const struct statx *src,
                           const struct statx *dst, uint32_t *changes);

/** Judge it by its kind and contents alone, held against DST, which exists. */
enum us_verdict us_compare_entries(const struct usync_options *options, const struct statx *src,
                                   const struct statx *dst, uint32_t *changes);

#endif /* US_CORE_COMPARE_H */
