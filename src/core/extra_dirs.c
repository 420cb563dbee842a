/* SPDX-License-Identifier: MIT */
/* Opened once, before anything is written but the destination itself. */
#include "core/extra_dirs.h"

#include "base/us.h"
#include "core/job.h"
#include "core/local_sink.h"
#include "core/paths.h"
#include "core/report.h"
#include "sys/call.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

/** Indices of job->spared. */
enum {
	SPARED_TEMP,
	SPARED_REFERENCE,
};

/** Open PATH from the destination, which a dry run may not have made: then only "../" leads out of it. */
static int open_from(const char *dst, int dst_fd, const char *path)
{
	char *parent;
	int parent_fd;
	int fd;

	if (path[0] == '/' || dst_fd >= 0) {
		return us_openat(dst_fd, path, O_RDONLY | O_DIRECTORY, 0);
	}
	if (strncmp(path, "../", 3) != 0) {
		return -ENOENT;
	}
	parent = us_path_parent(dst);
	if (parent == NULL) {
		return -ENOMEM;
	}
	parent_fd = us_openat(AT_FDCWD, parent, O_PATH | O_DIRECTORY, 0);
	free(parent);
	if (parent_fd < 0) {
		return parent_fd;
	}
	path += 3 + strspn(path + 3, "/");
	fd = us_openat(parent_fd, path[0] != '\0' ? path : ".", O_RDONLY | O_DIRECTORY, 0);
	us_close(parent_fd);
	return fd;
}

/** The same, and which directory it is. */
static int open_known(const char *dst, int dst_fd, const char *path, struct us_identity *identity)
{
	struct statx stx;
	int fd = open_from(dst, dst_fd, path);
	int ret = fd < 0 ? fd : us_statx(fd, "", AT_EMPTY_PATH, &stx);

	if (ret < 0) {
		if (fd >= 0) {
			us_close(fd);
		}
		return ret;
	}
	*identity = us_identity_of(&stx);
	return fd;
}

int us_extra_dirs_open(struct usync_job *job, const char *dst, int dst_fd, int *reference,
                       struct us_identity *identity, const char **wrong)
{
	int fd;

	*reference = -1;
	if (job->temp_dir != NULL) {
		fd = open_known(dst, dst_fd, job->temp_dir, &job->spared[SPARED_TEMP]);
		if (fd < 0 && !(job->options.dry_run && dst_fd < 0)) {
			*wrong = job->temp_dir;
			return fd;
		}
		job->temp_fd = fd;
		job->temp_acl = fd >= 0 && us_local_has_default_acl(fd);
	}
	if (job->link_dest != NULL) {
		fd = open_known(dst, dst_fd, job->link_dest, identity);
		if (fd == -ENOENT) {
			us_report_warning(job, job->link_dest, "--link-dest: it is copied without a reference", fd);
			return 0;
		}
		if (fd < 0) {
			*wrong = job->link_dest;
			return fd;
		}
		job->spared[SPARED_REFERENCE] = *identity;
		*reference = fd;
	}
	return 0;
}

void us_extra_dirs_close(struct usync_job *job)
{
	if (job->temp_fd >= 0) {
		us_close(job->temp_fd);
		job->temp_fd = -1;
	}
}
