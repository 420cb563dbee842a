/* SPDX-License-Identifier: MIT */
/* An older backup of the same name is replaced. */
#include "core/backup.h"

#include "base/us.h"
#include "core/dir.h"
#include "core/job.h"
#include "core/leftovers.h"
#include "core/local_sink.h"
#include "core/tempname.h"
#include "core/worker.h"
#include "sys/call.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

bool us_backup_is_one(const struct usync_job *job, const char *name)
{
	size_t length = strlen(name);
	size_t suffix = strlen(job->suffix);

	return length > suffix && strcmp(name + length - suffix, job->suffix) == 0;
}

/** The backup's name. */
static int backup_name(const struct usync_job *job, const char *name, char out[NAME_MAX + 1])
{
	return snprintf(out, NAME_MAX + 1, "%s%s", name, job->suffix) <= NAME_MAX ? 0 : -ENAMETOOLONG;
}

int us_backup_move(struct us_worker *worker, int dirfd, const char *name)
{
	char backup[NAME_MAX + 1];
	int ret = backup_name(worker->job, name, backup);

	return ret < 0 ? ret : us_renameat(dirfd, name, dirfd, backup);
}

int us_backup_undo(struct us_worker *worker, int dirfd, const char *name)
{
	char backup[NAME_MAX + 1];
	int ret = backup_name(worker->job, name, backup);

	return ret < 0 ? ret : us_renameat(dirfd, backup, dirfd, name);
}

int us_backup_keep(struct us_worker *worker, struct us_dir *dir, const char *name)
{
	int dirfd = dir->fd[US_DST];
	char backup[NAME_MAX + 1];
	char temp[US_TEMP_SIZE];
	int ret = backup_name(worker->job, name, backup);
	int removed;

	if (ret < 0) {
		return ret;
	}
	us_leftovers_announce(worker->job, dir);
	us_local_temp_name(worker, ++worker->temp_number, temp);
	ret = us_linkat(dirfd, name, dirfd, temp);
	if (ret == -ENOENT) {
		return 0;
	}
	if (us_local_has_no_link(ret)) {
		ret = us_renameat(dirfd, name, dirfd, backup);
		return ret < 0 ? ret : 1;
	}
	if (ret < 0) {
		return ret;
	}
	ret = us_renameat(dirfd, temp, dirfd, backup);
	/* Where both were names of one file already, rename(2) did nothing. */
	removed = us_leftovers_remove(worker->job, dirfd, temp);
	return ret == 0 ? removed : ret;
}
