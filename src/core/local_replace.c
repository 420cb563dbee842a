/* SPDX-License-Identifier: MIT */
/* What stands where a copy is to go. */
#include "core/local_sink.h"

#include "base/us.h"
#include "core/backup.h"
#include "core/file.h"
#include "core/job.h"
#include "core/leftovers.h"
#include "core/mirror.h"
#include "core/report.h"
#include "core/tempname.h"
#include "core/worker.h"
#include "sys/call.h"

#include <fcntl.h>
#include <limits.h>

int us_local_make_way(struct us_worker *worker, struct us_file *file, const char **what)
{
	struct statx stx;
	int ret = us_statx(file->dir->fd[US_DST], file->dst_name, AT_SYMLINK_NOFOLLOW, &stx);

	if (ret < 0 || !S_ISDIR(stx.stx_mode)) {
		return 0;
	}
	if (!worker->job->options.remove) {
		return -EISDIR;
	}
	if (!worker->job->options.dry_run) {
		us_local_admit_owner(file->dir);
	}
	return us_mirror_make_way(worker, file->dir, file->dst_name, what);
}

int us_local_temp_dir(const struct us_worker *worker, struct us_file *file)
{
	struct usync_job *job = worker->job;
	bool elsewhere = job->temp_fd >= 0 && !atomic_load_explicit(&job->no_temp_dir, memory_order_relaxed);

	us_leftovers_announce(job, elsewhere ? NULL : file->dir);
	file->temp_fd = elsewhere ? job->temp_fd : file->dir->fd[US_DST];
	return file->temp_fd;
}

bool us_local_is_elsewhere(const struct us_worker *worker, const struct us_file *file)
{
	return file->temp_fd >= 0 && file->temp_fd == worker->job->temp_fd;
}

void us_local_leave_temp_dir(struct us_worker *worker, struct us_file *file)
{
	struct usync_job *job = worker->job;

	us_report_once(worker, &job->no_temp_dir, &(struct us_place){file->dir, file->dst_name, US_DST},
	               "it can't be moved here from --temp-dir; temporary names are used beside the files instead",
	               -EXDEV);
	file->temp_fd = -1;
}

int us_local_take_name(struct us_worker *worker, struct us_file *file, const char **what)
{
	char temp[US_TEMP_SIZE];
	char backup[NAME_MAX + 1];
	int dirfd = file->dir->fd[US_DST];
	int kept = 0;
	int ret;

	*what = "back up";
	if (worker->job->options.backup) {
		kept = us_backup_keep(worker, file->dir, file->dst_name, backup);
	}
	if (kept < 0) {
		return kept;
	}
	*what = "rename";
	us_local_temp_of(worker, file, temp);
	ret = us_renameat(file->temp_fd, temp, dirfd, file->dst_name);
	if (ret < 0 && kept > 0) {
		int undone = us_backup_undo(worker, dirfd, file->dst_name, backup);

		if (undone < 0) {
			us_report_attribute(worker, &(struct us_place){file->dir, file->dst_name, US_DST},
			                    "move back from its backup", undone, !file->failed, true);
			file->failed = true;
		}
	}
	return ret;
}
