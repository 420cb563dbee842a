/* SPDX-License-Identifier: MIT */
#include "cli/outputs.h"

#include "base/us.h"
#include "cli/run.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/** The directory that PATH is in, without slashes at its end.  To be freed. */
static char *directory_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	size_t length = slash != NULL ? (size_t)(slash - path) : 0;

	if (slash == NULL) {
		return strdup(".");
	}
	while (length > 0 && path[length - 1] == '/') {
		length--;
	}
	return length > 0 ? strndup(path, length) : strdup("/");
}

/** True when DIRECTORY is the destination, which the transfer makes. */
static bool is_destination(const char *directory, const char *destination)
{
	size_t length = strlen(destination);

	while (length > 1 && destination[length - 1] == '/') {
		length--;
	}
	return strlen(directory) == length && memcmp(directory, destination, length) == 0;
}

/** Whether a file that does not exist can be made.  @return 0 or a negative errno. */
static int check_new(const char *path, const char *destination)
{
	char *directory = directory_of(path);
	int ret;

	if (directory == NULL) {
		return -ENOMEM;
	}
	ret = us_try(faccessat(AT_FDCWD, directory, W_OK | X_OK, AT_EACCESS));
	if (ret == -ENOENT && is_destination(directory, destination)) {
		ret = 0;
	}
	free(directory);
	return ret;
}

/** Whether PATH can be opened for writing.  @return 0 or a negative errno. */
static int check(const char *path, const char *destination)
{
	struct stat st;
	int ret = us_try(stat(path, &st));

	if (ret == -ENOENT) {
		return check_new(path, destination);
	}
	if (ret == 0 && S_ISDIR(st.st_mode)) {
		return -EISDIR;
	}
	return ret < 0 ? ret : us_try(faccessat(AT_FDCWD, path, W_OK, AT_EACCESS));
}

enum cli_exit outputs_check(const struct opts *opts)
{
	const struct {
		const char *option;
		const char *path;
	} files[] = {
		{"--checksum-file", opts->job.checksum_file},
		{"--resume", opts->job.journal},
	};

	for (size_t i = 0; i < us_array_size(files) && !opts->job.dry_run; i++) {
		int ret = files[i].path != NULL ? check(files[i].path, opts->destination) : 0;

		if (ret < 0) {
			return run_file_error(files[i].option, files[i].path, ret);
		}
	}
	return CLI_EXIT_OK;
}
