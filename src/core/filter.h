/* SPDX-License-Identifier: MIT */
/**
 * @file filter.h
 * Which entries of the source are copied: a list of patterns, of which the first that matches decides.
 *
 * The patterns are those that rsync(1) and gitignore(5) have in common (rsync's, where the two differ):
 *
 *	*        any bytes but a slash              name     no slash, no **: the last name alone
 *	**       any bytes                          a/b      the last names of the path, so many as it has
 *	?        one byte but a slash               /a       from the root of the copy
 *	[a-z]    one byte of a class, never a       a/       only a directory
 *	         slash; [!...] or [^...] one not    a/ ***   (without the space) a directory and all in it
 *	\x       x itself, where the pattern holds
 *	         any of the above
 *
 * An entry that no pattern matches is copied.  What lies in an excluded directory is never looked at, so no
 * later pattern can include it.  A filter is built by one thread and then only read.
 */
#ifndef US_CORE_FILTER_H
#define US_CORE_FILTER_H

#include <stdbool.h>
#include <stddef.h>

struct us_filter_rule;

/** A list of patterns.  All zero: empty. */
struct us_filter {
	struct us_filter_rule *rules;
	size_t nr;
	size_t max;
	bool needs_path; /**< Some pattern looks at more than the last name. */
};

/**
 * Add a pattern at the end of the list.
 *
 * @return 0, -EINVAL for an empty pattern, or -ENOMEM.
 */
int us_filter_add(struct us_filter *filter, const char *pattern, bool include);

/** Free all rules. */
void us_filter_fini(struct us_filter *filter);

/**
 * Whether an entry is left out.
 *
 * @param path    Its path from the root of the copy, without a slash before it or after it.
 * @param name    Where in PATH its last name begins.
 * @param is_dir  It is a directory.
 */
bool us_filter_excludes(const struct us_filter *filter, const char *path, const char *name, bool is_dir);

#endif /* US_CORE_FILTER_H */
