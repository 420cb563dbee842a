/* SPDX-License-Identifier: MIT */
/**
 * @file modespec.h
 * --chmod: changes to permission bits, as chmod(1) and rsync's --chmod spell them.
 *
 *	D755,F644	octal; D for directories alone, F for all else
 *	u=rwX,go-w	[ugoa]*[+-=][rwxXst]*, one after the other
 */
#ifndef US_CORE_MODESPEC_H
#define US_CORE_MODESPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/** Room for the changes of one list. */
#define US_MODESPEC_MAX 32

/** One change. */
struct us_mode_change {
	mode_t clear;    /**< Bits taken away first. */
	mode_t set;      /**< Bits given then. */
	mode_t set_x;    /**< Bits of X: given to a directory, or to what has an x already. */
	bool dirs;       /**< It is for directories. */
	bool others;     /**< It is for all else. */
};

/** A list of changes. */
struct us_modespec {
	struct us_mode_change changes[US_MODESPEC_MAX];
	size_t nr;
};

/** Read TEXT.  @return 0 or -EINVAL. */
int us_modespec_parse(struct us_modespec *spec, const char *text);

/** What MODE, with its kind of file (inode(7)), becomes. */
mode_t us_modespec_apply(const struct us_modespec *spec, mode_t mode);

#endif /* US_CORE_MODESPEC_H */
