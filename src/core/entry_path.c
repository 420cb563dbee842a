/* SPDX-License-Identifier: MIT */
/* One block of memory that grows with the longest path. */
#include "core/entry_path.h"

#include "base/us.h"
#include "core/dir.h"
#include "sys/call.h"
#include "sys/dents.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

int us_entry_path_init(struct us_entry_path *path, const struct us_dir *dir)
{
	path->text = us_dir_relative_path(dir, NULL);
	path->max = path->text != NULL ? strlen(path->text) + 1 : 0;
	return path->text != NULL ? 0 : -ENOMEM;
}

void us_entry_path_fini(struct us_entry_path *path)
{
	free(path->text);
	path->text = NULL;
}

char *us_entry_path_set(struct us_entry_path *path, size_t length, const char *name)
{
	size_t size = strlen(name) + 1;
	size_t start = length > 0 ? length + 1 : 0;

	if (start + size > path->max) {
		size_t max = (start + size) * 2;
		char *text = realloc(path->text, max);

		if (text == NULL) {
			return NULL;
		}
		path->text = text;
		path->max = max;
	}
	if (length > 0) {
		path->text[length] = '/';
	}
	memcpy(path->text + start, name, size);
	return path->text + start;
}

void us_entry_path_cut(struct us_entry_path *path, size_t length)
{
	path->text[length] = '\0';
}

bool us_entry_is_dir(int fd, const struct us_dent *dent)
{
	struct statx stx;

	if (dent->type != DT_UNKNOWN) {
		return dent->type == DT_DIR;
	}
	return us_statx(fd, dent->name, AT_SYMLINK_NOFOLLOW, &stx) == 0 && S_ISDIR(stx.stx_mode);
}
