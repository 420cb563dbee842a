/* SPDX-License-Identifier: MIT */
/**
 * @file paths.h
 * Paths as the user typed them.  Below the roots there are only names and descriptors.
 */
#ifndef US_CORE_PATHS_H
#define US_CORE_PATHS_H

#include "core/dir.h"

#include <stdbool.h>
#include <sys/types.h>

/** True for "x/", which means a directory. */
bool us_path_has_trailing_slash(const char *path);

/**
 * The last name of PATH, without slashes at its end: "a/b/" gives "b".  Where that is no name of its own
 * ("/", ".", ".."), ".": the place itself.
 *
 * @return to be freed by the caller; NULL without memory.
 */
char *us_path_base(const char *path);

/** What is before the last name of PATH: "a/b/" gives "a", "b" gives ".".  To be freed by the caller. */
char *us_path_parent(const char *path);

/** Answers of us_path_is_within(). */
enum us_path_relation {
	US_PATH_OUTSIDE,
	US_PATH_SAME,
	US_PATH_WITHIN,
};

/**
 * How PATH, or its nearest parent that exists, lies to the directory of IDENTITY: found by going up from it
 * by way of "..", so symbolic links and mounts are seen for what they are.  *BEYOND: on another
 * device.
 *
 * @return an enum us_path_relation, or a negative errno: -ENOENT for ".." below what does not exist.
 */
int us_path_is_within(const char *path, const struct us_identity *identity, bool *beyond);

/**
 * Open the directory PATH below the directory ROOT, whose names are no symbolic links ("" is ROOT itself).  PATH may be
 * longer than PATH_MAX.
 *
 * @return a descriptor (O_PATH) or a negative errno: -ELOOP for a link.
 */
int us_path_open_beneath(int root, const char *path);

/**
 * Make the directory PATH, with MODE, and its missing parents, both as far as the umask lets.
 *
 * @return 0 (also when it exists) or a negative errno.
 */
int us_path_make(const char *path, mode_t mode);

#endif /* US_CORE_PATHS_H */
