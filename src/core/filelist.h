/* SPDX-License-Identifier: MIT */
/**
 * @file filelist.h
 * --files-from: the names to be copied, sorted so that those of one directory stand together.
 *
 * A directory of the walk that is only passed on the way to names below it has a range of the list; what it holds is
 * what the range's names have next.  Built once, then only read.
 */
#ifndef US_CORE_FILELIST_H
#define US_CORE_FILELIST_H

#include <stdbool.h>
#include <stddef.h>

struct us_filelist;

/** Names that have the first PREFIX bytes in common, with a slash at their end; end 0: no range at all. */
struct us_filelist_range {
	size_t first;
	size_t end;
	size_t prefix;
};

/**
 * Make a list of NR names, relative to the root of the source.  "." and empty parts are dropped, ".." goes back.
 *
 * @param[out] wrong  The name that leads out of the root, with -EINVAL.
 * @return 0, -EINVAL or -ENOMEM.
 */
int us_filelist_new(struct us_filelist **list, const char *const *names, size_t nr, const char **wrong);
void us_filelist_free(struct us_filelist *list);

/** The range of the root; end 0 when the root itself is on the list: all is to be copied. */
struct us_filelist_range us_filelist_root(const struct us_filelist *list);

/**
 * The next name in a directory of RANGE, from index *AT on (RANGE's first, at the beginning), which is moved behind all
 * that begin with it.
 *
 * @param[out] name   Its first LENGTH bytes are the name.
 * @param[out] below  What is to be copied of it, if it is a directory; end 0: all.  Its prefix is 0 when
 *                     no name on the list lies below it.
 * @return false at the end.
 */
bool us_filelist_next(const struct us_filelist *list, const struct us_filelist_range *range, size_t *at,
                      const char **name, size_t *length, struct us_filelist_range *below);

#endif /* US_CORE_FILELIST_H */
