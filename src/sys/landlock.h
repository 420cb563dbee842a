/* SPDX-License-Identifier: MIT */
/**
 * @file landlock.h
 * A sandbox of the file system (landlock(7)): what the process may still reach, whatever it is made to do.
 */
#ifndef US_SYS_LANDLOCK_H
#define US_SYS_LANDLOCK_H

#include <stddef.h>

/** How far a tree stays in reach. */
enum us_landlock_reach {
	US_LANDLOCK_READS,  /**< It is read. */
	US_LANDLOCK_SPOOLS, /**< Its files are read and written, among them new ones without a name (O_TMPFILE); no name
	                         is made or removed. */
	US_LANDLOCK_ALL,    /**< Everything but running programs. */
};

/** A tree that stays in reach. */
struct us_landlock_tree {
	const char *path;
	enum us_landlock_reach reach;
};

/**
 * The kernel's version of Landlock. @return 2 (Linux 5.19) or more; -EOPNOTSUPP where it has none, or the first one,
 * under which no name can be linked or moved from one directory to another; -errno.
 */
int us_landlock_version(void);

/**
 * Leave the calling thread, and threads that it starts from now on, nothing but these trees; descriptors that are open
 * stay as they are.  No program can be run from then on.  There is no way back.
 *
 * @return 0, or a negative errno: nothing was changed.  A tree that does not exist is passed over.
 */
int us_landlock_enter(const struct us_landlock_tree *trees, size_t nr);

#endif /* US_SYS_LANDLOCK_H */
