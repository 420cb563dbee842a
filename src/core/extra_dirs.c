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
	SPARED_REFERENCE, /**< The first. */
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

/** Open the references of ROOT, whose own descriptor is DST_FD. */
static int open_references(struct usync_job *job, struct us_dir *root, int dst_fd, const char **wrong)
{
	size_t nr = job->options.nr_link_dests;
	const char *dst = us_dir_name(root, US_DST);

	root->references = us_dir_references_new(nr);
	if (root->references == NULL) {
		return -ENOMEM;
	}
	for (size_t i = 0; i < nr; i++) {
		struct us_dir_reference *reference = &root->references[i];
		int fd = open_known(dst, dst_fd, job->link_dests[i], &reference->identity);

		if (fd == -ENOENT) {
			us_report_warning(job, job->link_dests[i],
			                  nr == 1 ? "--link-dest: there is no such earlier copy, and all is copied"
			                          : "--link-dest: there is no such earlier copy, and it is left out",
			                  fd);
			continue;
		}
		if (fd < 0) {
			*wrong = job->link_dests[i];
			return fd;
		}
		reference->fd = fd;
		job->spared[SPARED_REFERENCE + i] = reference->identity;
	}
	return 0;
}

int us_extra_dirs_open(struct usync_job *job, struct us_dir *root, int dst_fd, const char **wrong)
{
	int ret;
	int fd;

	if (job->temp_dir != NULL) {
		fd = open_known(us_dir_name(root, US_DST), dst_fd, job->temp_dir, &job->spared[SPARED_TEMP]);
		if (fd < 0 && !(job->options.dry_run && dst_fd < 0)) {
			*wrong = job->temp_dir;
			return fd;
		}
		job->temp_fd = fd;
		job->temp_acl = fd >= 0 && us_local_has_default_acl(fd);
	}
	ret = job->options.nr_link_dests > 0 ? open_references(job, root, dst_fd, wrong) : 0;
	if (ret < 0) {
		us_dir_references_close(root->references, job->options.nr_link_dests);
	}
	return ret;
}

void us_extra_dirs_close(struct usync_job *job)
{
	if (job->temp_fd >= 0) {
		us_close(job->temp_fd);
		job->temp_fd = -1;
	}
}
