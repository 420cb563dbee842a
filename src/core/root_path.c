/* SPDX-License-Identifier: MIT */
#include "core/root_path.h"

#include "core/job.h"
#include "core/report.h"
#include "sys/call.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

void us_root_path_know(struct usync_job *job, const struct us_dir *root)
{
	job->dst_root = root->identity[US_DST];
	job->root_path = strdup(us_dir_name(root, US_DST));
}

void us_root_path_check(struct usync_job *job)
{
	struct statx stx;
	int ret;

	if (job->dst_root.ino == 0 || job->options.dry_run || us_job_stopping(job)) {
		return;
	}
	if (job->root_path == NULL) {
		us_report_stop_at(job, job->destination, "see that it is still there", -ENOMEM);
		return;
	}
	ret = us_statx(AT_FDCWD, job->root_path, 0, &stx);
	if (ret == 0 && us_identity_is(&job->dst_root, &stx)) {
		return;
	}
	us_report_stop_text(
		job, ret < 0 ? ret : -ESTALE,
		"%s: it was moved, removed or unmounted while it was written to: what was copied is not there",
		job->root_path);
}
