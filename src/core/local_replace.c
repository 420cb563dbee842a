/* SPDX-License-Identifier: MIT */
/* What stands where a copy is to go. */
#include "core/local_sink.h"

#include "base/us.h"
#include "core/backup.h"
#include "core/file.h"
#include "core/job.h"
#include "core/mirror.h"
#include "core/worker.h"
#include "sys/call.h"

#include <fcntl.h>

int us_local_make_way(struct us_worker *worker, struct us_file *file)
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
	return us_mirror_make_way(worker, file->dir, file->dst_name);
}

int us_local_keep_backup(struct us_worker *worker, struct us_file *file)
{
	if (!worker->job->options.backup) {
		return 0;
	}
	return us_backup_keep(worker, file->dir->fd[US_DST], file->dst_name);
}
