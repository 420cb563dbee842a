/* SPDX-License-Identifier: MIT */
#include "core/lock.h"

#include "base/us.h"
#include "core/job.h"
#include "core/report.h"
#include "sys/call.h"

#include <errno.h>
#include <string.h>
#include <sys/file.h>

bool us_lock_broke(int error)
{
	return error == -EIO || error == -ENOMEM || error == -EINTR || error == -ESTALE;
}

int us_lock_destination(struct usync_job *job, int fd, bool whole)
{
	int ret = us_flock(fd, whole ? LOCK_EX : LOCK_SH);

	if (ret == -EWOULDBLOCK) {
		return -EBUSY;
	}
	job->lock_whole = ret == 0 && whole;
	if (ret == 0) {
		/* FD may be closed while the job runs, when descriptors are short. */
		job->lock_fd = us_dup(fd);
		return us_min(job->lock_fd, 0);
	}
	if (us_lock_broke(ret)) {
		return ret;
	}
	if (ret < 0) {
		us_report_note(job, "the destination can't be locked (%s)", strerrordesc_np(-ret));
	}
	return 0;
}

bool us_lock_whole(struct usync_job *job)
{
	if (job->lock_fd < 0) {
		return false;
	}
	if (!job->lock_whole && us_flock(job->lock_fd, LOCK_EX) == 0) {
		job->lock_whole = true;
	}
	if (!job->lock_whole) {
		us_flock(job->lock_fd, LOCK_SH); /* The attempt may have cost this run its share (flock(2)). */
	}
	return job->lock_whole;
}

void us_unlock_destination(struct usync_job *job)
{
	if (job->lock_fd >= 0) {
		/* By itself: the lock outlives a close while the directory, or a child's copy of it, is open. */
		us_flock(job->lock_fd, LOCK_UN);
		us_close(job->lock_fd);
		job->lock_fd = -1;
	}
}
