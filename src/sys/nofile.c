/* SPDX-License-Identifier: MIT */
/* RLIMIT_NOFILE (getrlimit(2)). */
#include "sys/nofile.h"

#include "base/us.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <sys/resource.h>
#include <unistd.h>

/** Without /proc: standard streams and a few of the caller's. */
#define USED_GUESS 16u

unsigned int us_nofile_raise(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0) {
		return USED_GUESS * 4;
	}
	if (limit.rlim_cur < limit.rlim_max) {
		rlim_t soft = limit.rlim_cur;

		limit.rlim_cur = limit.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &limit) < 0) {
			limit.rlim_cur = soft;
		}
	}
	return (unsigned int)us_min(limit.rlim_cur, (rlim_t)INT_MAX);
}

unsigned int us_nofile_used(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int used = 0;

	if (dir == NULL) {
		return USED_GUESS;
	}
	while (readdir(dir) != NULL) {
		used++;
	}
	closedir(dir);
	return us_max(used, 3u) - 3; /* ".", ".." and the listing's own descriptor */
}

void us_nofile_reserve(unsigned int nr)
{
	int fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int high;

	if (fd < 0) {
		return;
	}
	high = fcntl(fd, F_DUPFD_CLOEXEC, (int)us_min(nr, (unsigned int)INT_MAX) - 1);
	if (high >= 0) {
		close(high);
	}
	close(fd);
}
