/* SPDX-License-Identifier: MIT */
/**
 * @file entry_path.h
 * The path of one entry after another of a directory, from the root of the copy: what filters look at.
 */
#ifndef US_CORE_ENTRY_PATH_H
#define US_CORE_ENTRY_PATH_H

#include <stdbool.h>
#include <stddef.h>

struct us_dent;
struct us_dir;

struct us_entry_path {
	char *text;
	size_t max;
};

/** Begin with the path of DIR ("" for the root).  @return 0 or -ENOMEM. */
int us_entry_path_init(struct us_entry_path *path, const struct us_dir *dir);
void us_entry_path_fini(struct us_entry_path *path);

/**
 * Put NAME behind the first LENGTH bytes, which are a directory's path.
 *
 * @return where it stands, or NULL without memory.
 */
char *us_entry_path_set(struct us_entry_path *path, size_t length, const char *name);

/** Keep the first LENGTH bytes only. */
void us_entry_path_cut(struct us_entry_path *path, size_t length);

/** True when DENT of the open directory FD is a directory, also where the file system leaves its type open. */
bool us_entry_is_dir(int fd, const struct us_dent *dent);

#endif /* US_CORE_ENTRY_PATH_H */
