/* SPDX-License-Identifier: MIT */
/* Path arithmetic, and the walk upwards that tells whether one directory holds another. */
#include "core/paths.h"

#include "base/us.h"
#include "sys/call.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/** Length of PATH without the slashes at its end; at least 1 for "/". */
static size_t trimmed_length(const char *path)
{
	size_t length = strlen(path);

	while (length > 1 && path[length - 1] == '/') {
		length--;
	}
	return length;
}

/** Where the last name of the first LENGTH bytes of PATH begins. */
static size_t base_start(const char *path, size_t length)
{
	size_t start = length;

	while (start > 0 && path[start - 1] != '/') {
		start--;
	}
	return start;
}

bool us_path_has_trailing_slash(const char *path)
{
	size_t length = strlen(path);

	return length > 0 && path[length - 1] == '/';
}

char *us_path_base(const char *path)
{
	size_t length = trimmed_length(path);
	size_t start = base_start(path, length);
	char *base = strndup(path + start, length - start);

	if (base != NULL && (base[0] == '\0' || strcmp(base, "..") == 0)) {
		free(base);
		base = strdup(".");
	}
	return base;
}

char *us_path_parent(const char *path)
{
	size_t start = base_start(path, trimmed_length(path));

	if (start == 0) {
		return strdup(".");
	}
	while (start > 1 && path[start - 1] == '/') {
		start--;
	}
	return strndup(path, start);
}

/** True when the last name of PATH is "..". */
static bool is_up(const char *path)
{
	size_t length = trimmed_length(path);
	size_t start = base_start(path, length);

	return length - start == 2 && path[start] == '.' && path[start + 1] == '.';
}

/** Open PATH or its nearest existing parent as a place to go up from; *EXACT tells which. */
static int open_nearest(const char *path, bool *exact)
{
	char *current = strdup(path);
	int fd = -ENOMEM;

	*exact = true;
	while (current != NULL) {
		char *parent;

		fd = us_openat(AT_FDCWD, current, O_PATH | O_DIRECTORY, 0);
		if ((fd != -ENOENT && fd != -ENOTDIR) || strcmp(current, ".") == 0) {
			break;
		}
		if (is_up(current)) {
			break; /* What ".." of nothing is, no one can say. */
		}
		*exact = false;
		parent = us_path_parent(current);
		free(current);
		current = parent;
		fd = -ENOMEM;
	}
	free(current);
	return fd;
}

/** Compare FD and all above it with IDENTITY; closes FD. */
static int compare_upwards(int fd, const struct us_identity *identity, bool exact)
{
	struct us_identity last = {0};
	uint64_t last_mount = 0;
	struct statx stx;

	for (;;) {
		int parent;
		int ret = us_statx(fd, "", AT_EMPTY_PATH, &stx);

		if (ret < 0) {
			us_close(fd);
			return ret;
		}
		if (us_identity_is(identity, &stx)) {
			us_close(fd);
			return exact ? US_PATH_SAME : US_PATH_WITHIN;
		}
		/* The root is its own parent.  So is a directory bound into itself, but by another mount. */
		if (us_identity_is(&last, &stx) && last_mount == stx.stx_mnt_id) {
			us_close(fd);
			return US_PATH_OUTSIDE;
		}
		last = us_identity_of(&stx);
		last_mount = stx.stx_mnt_id;
		parent = us_openat(fd, "..", O_PATH | O_DIRECTORY, 0);
		us_close(fd);
		if (parent < 0) {
			return parent;
		}
		fd = parent;
		exact = false;
	}
}

int us_path_is_within(const char *path, const struct us_identity *identity, bool *beyond)
{
	struct statx stx;
	bool exact;
	int fd = open_nearest(path, &exact);
	int ret = fd < 0 ? fd : us_statx(fd, "", AT_EMPTY_PATH, &stx);

	*beyond = false;
	if (ret < 0) {
		if (fd >= 0) {
			us_close(fd);
		}
		return ret;
	}
	*beyond = identity->dev_major != stx.stx_dev_major || identity->dev_minor != stx.stx_dev_minor;
	return compare_upwards(fd, identity, exact);
}

/** Give the directory PATH, just made, the bits that its owner needs, whatever the umask (as mkdir -p does). */
static int open_to_owner(const char *path)
{
	struct statx stx;
	int ret = us_statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, &stx);

	if (ret == 0 && (stx.stx_mode & 0700) != 0700) {
		ret = us_fchmodat(AT_FDCWD, path, (stx.stx_mode & 07777) | 0700);
	}
	return ret;
}

/** Make the directory that the first LENGTH bytes of PATH name, unless it is there. */
static int make_one(char *path, size_t length, mode_t mode)
{
	char saved = path[length];
	int ret;

	path[length] = '\0';
	ret = us_mkdirat(AT_FDCWD, path, mode);
	if (ret == 0) {
		ret = open_to_owner(path);
	}
	path[length] = saved;
	return ret == -EEXIST ? 0 : ret;
}

int us_path_make(const char *path, mode_t mode)
{
	size_t length = trimmed_length(path);
	struct statx stx;
	char *copy;
	int last;
	int ret = us_statx(AT_FDCWD, path, 0, &stx);

	if (ret != -ENOENT) {
		return ret == 0 && !S_ISDIR(stx.stx_mode) ? -ENOTDIR : ret;
	}
	copy = strdup(path);
	if (copy == NULL) {
		return -ENOMEM;
	}
	ret = 0;
	for (size_t i = 1; i < length; i++) {
		if (path[i] == '/' && path[i - 1] != '/') {
			int made = make_one(copy, i, 0777);

			/* "/usr" on a read-only root is no hindrance; if it is missing, this is the reason. */
			ret = ret == 0 ? made : ret;
		}
	}
	last = make_one(copy, length, mode);
	free(copy);
	if (last == 0) {
		last = us_statx(AT_FDCWD, path, 0, &stx); /* A dangling link has the name, and is no directory. */
	}
	return last == -ENOENT && ret < 0 ? ret : last;
}

int us_path_open_beneath(int root, const char *path)
{
	int flags = O_PATH | O_DIRECTORY | O_NOFOLLOW;
	int fd = us_openat(root, ".", flags, 0);
	char name[NAME_MAX + 1];

	while (fd >= 0 && *path != '\0') {
		size_t length = strcspn(path, "/");
		int next = -ENAMETOOLONG;

		if (length <= NAME_MAX) {
			memcpy(name, path, length);
			name[length] = '\0';
			next = us_openat(fd, name, flags, 0);
		}
		us_close(fd);
		fd = next;
		path += length;
		path += strspn(path, "/");
	}
	return fd;
}
