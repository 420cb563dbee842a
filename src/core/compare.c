/* SPDX-License-Identifier: MIT */
/* No call is made here: what is compared was looked up by others. */
#include "core/compare.h"

#include "core/keep.h"

#include <stdbool.h>

/** True when DST was changed later than SRC. */
static bool is_newer(const struct usync_options *options, const struct statx *src, const struct statx *dst)
{
	const struct statx_timestamp *a = &src->stx_mtime;
	const struct statx_timestamp *b = &dst->stx_mtime;

	if (us_keep_same_time(a, b, options->modify_window)) {
		return false;
	}
	return b->tv_sec > a->tv_sec || (b->tv_sec == a->tv_sec && b->tv_nsec > a->tv_nsec);
}

/** Two regular files. */
static enum us_verdict compare_contents(const struct usync_options *options, const struct statx *src,
                                        const struct statx *dst, uint32_t *changes)
{
	bool is_same_time = us_keep_same_time(&src->stx_mtime, &dst->stx_mtime, options->modify_window);
	enum us_verdict verdict = US_VERDICT_COPY;

	if (src->stx_size != dst->stx_size) {
		*changes |= USYNC_CHANGE_SIZE;
		*changes |= options->compare == USYNC_COMPARE_CONTENTS ? USYNC_CHANGE_VALUE : 0u;
	} else if (options->compare == USYNC_COMPARE_CONTENTS) {
		return US_VERDICT_COMPARE;
	} else if (options->compare == USYNC_COMPARE_QUICK && is_same_time) {
		verdict = US_VERDICT_SAME;
	}
	if (verdict == US_VERDICT_COPY) {
		*changes |= USYNC_CHANGE_CONTENT;
	}
	return verdict;
}

enum us_verdict us_compare(const struct usync_options *options, const struct statx *src,
                           const struct statx *dst, uint32_t *changes)
{
	if (dst == NULL) {
		*changes |= USYNC_CHANGE_NEW | USYNC_CHANGE_CONTENT;
		return options->existing ? US_VERDICT_SKIP : US_VERDICT_COPY;
	}
	if (options->ignore_existing) {
		return US_VERDICT_SKIP;
	}
	if (options->update && S_ISREG(src->stx_mode) && S_ISREG(dst->stx_mode) && is_newer(options, src, dst)) {
		return US_VERDICT_SKIP;
	}
	return us_compare_entries(options, src, dst, changes);
}

enum us_verdict us_compare_entries(const struct usync_options *options, const struct statx *src,
                                   const struct statx *dst, uint32_t *changes)
{
	if ((src->stx_mode & S_IFMT) != (dst->stx_mode & S_IFMT)) {
		*changes |= USYNC_CHANGE_NEW | USYNC_CHANGE_CONTENT;
		return US_VERDICT_COPY;
	}
	if (S_ISREG(src->stx_mode)) {
		return compare_contents(options, src, dst, changes);
	}
	if (S_ISLNK(src->stx_mode)) {
		return US_VERDICT_COMPARE;
	}
	if ((S_ISCHR(src->stx_mode) || S_ISBLK(src->stx_mode)) &&
	    (src->stx_rdev_major != dst->stx_rdev_major || src->stx_rdev_minor != dst->stx_rdev_minor)) {
		*changes |= USYNC_CHANGE_VALUE;
		return US_VERDICT_COPY;
	}
	return US_VERDICT_SAME;
}
