/* SPDX-License-Identifier: MIT */
/* The sandbox of a receiver: its destination, and what libraries read. */
#include "usync.h"

#include "base/quote.h"
#include "base/us.h"
#include "sys/landlock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/**
 * What the C library may want to read: names of users and groups, and the modules for that; what the kernel says of
 * this process.
 */
static const char *const library_trees[] = {"/etc",       "/usr",      "/lib",    "/lib64",
                                            "/proc/self", "/proc/sys", "/sys/fs", "/dev/null"};

/** Cut PATH down to what exists of it. */
static void cut_to_existing(char *path)
{
	while (access(path, F_OK) != 0) {
		char *end = path + strlen(path);

		while (end > path && end[-1] == '/') {
			end--;
		}
		while (end > path && end[-1] != '/') {
			end--;
		}
		if (end == path) {
			memcpy(path, ".", 2);
			return;
		}
		*end = '\0'; /* The slash stays, for "/". */
	}
}

/** Free the copies. */
static void free_trees(struct us_landlock_tree *trees, char **paths, size_t nr)
{
	for (size_t i = 0; paths != NULL && i < nr; i++) {
		free(paths[i]);
	}
	free(paths);
	free(trees);
}

int usync_sandbox(const char *const *trees, size_t nr, char note[USYNC_WHY_SIZE])
{
	struct us_landlock_tree *all = calloc(nr + us_array_size(library_trees) + 1, sizeof(*all));
	char **paths = calloc(nr + 1, sizeof(*paths));
	int version = us_landlock_version();
	int ret = all != NULL && paths != NULL ? 0 : -ENOMEM;
	char name[256] = "";

	for (size_t i = 0; ret == 0 && i < nr; i++) {
		paths[i] = malloc(us_max(strlen(trees[i]) + 1, (size_t)2));
		if (paths[i] == NULL) {
			ret = -ENOMEM;
			break;
		}
		strcpy(paths[i], trees[i]);
		cut_to_existing(paths[i]);
		all[i] = (struct us_landlock_tree){paths[i], US_LANDLOCK_ALL};
	}
	for (size_t i = 0; ret == 0 && i < us_array_size(library_trees); i++) {
		all[nr + i] = (struct us_landlock_tree){library_trees[i], US_LANDLOCK_READS};
	}
	if (ret == 0) {
		/* For tmpfile(3). */
		all[nr + us_array_size(library_trees)] = (struct us_landlock_tree){P_tmpdir, US_LANDLOCK_SPOOLS};
		ret = version < 0 ? version : us_landlock_enter(all, nr + us_array_size(library_trees) + 1);
	}
	if (ret == 0) {
		us_quote(name, sizeof(name), nr > 0 ? paths[0] : "");
		snprintf(note, USYNC_WHY_SIZE, "sandbox: Landlock %d, nothing is written outside of %s%s", version,
		         name, nr > 1 ? " and what options name" : "");
	} else if (ret == -EOPNOTSUPP) {
		snprintf(note, USYNC_WHY_SIZE, "no sandbox: the kernel has no Landlock, or only its first version");
	} else {
		snprintf(note, USYNC_WHY_SIZE, "no sandbox: %s", strerror(-ret));
	}
	free_trees(all, paths, nr);
	return ret;
}
