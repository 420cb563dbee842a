/* SPDX-License-Identifier: MIT */
/*
 * The destination's directories: made before what is in them, and given their final mode and times after.
 *
 *	MAKING --> OPENING --> STATTING --> us_worker_dir_opened   ...contents...   finish
 *
 * While it is filled a directory has the source's permissions and the owner's own three bits, never more.
 */
#include "core/local_sink.h"

#include "base/us.h"
#include "core/dir.h"
#include "core/job.h"
#include "core/report.h"
#include "core/worker.h"
#include "sys/call.h"

#include <fcntl.h>
#include <sys/xattr.h>

/** What was asked for last. */
enum {
	MAKING,
	OPENING,
	STATTING,
};

static us_op_done_fn step;

/** Start OPENING's op; step() goes on when it is done. */
static void start(struct us_worker *worker, struct us_dir_open *opening, int state)
{
	opening->state = state;
	opening->op.done = step;
	us_io_run(&worker->io, &opening->op, worker);
}

/** Report that the destination of OPENING can't be had, and give it up. */
static void fail(struct us_worker *worker, struct us_dir_open *opening, const char *what, int error)
{
	for (enum us_side side = 0; side < US_SIDES; side++) {
		if (opening->fd[side] >= 0) {
			us_close(opening->fd[side]);
		}
	}
	us_report_failed(worker, &(struct us_place){.dir = opening->dir, .side = US_DST}, what, error);
	us_worker_dir_failed(worker, opening);
}

/** It was made, or was there, or neither. */
static void after_mkdir(struct us_worker *worker, struct us_dir_open *opening)
{
	struct us_dir *dir = opening->dir;

	if (opening->op.res < 0 && opening->op.res != -EEXIST) {
		fail(worker, opening, "make directory", opening->op.res);
		return;
	}
	dir->dst_new = opening->op.res == 0;
	opening->op = (struct us_op){
		.kind = US_OP_OPENAT,
		.fd = dir->parent->fd[US_DST],
		.path = us_dir_name(dir, US_DST),
		.flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW,
	};
	start(worker, opening, OPENING);
}

/** It is open, or something else has its name. */
static void after_open(struct us_worker *worker, struct us_dir_open *opening)
{
	us_worker_retry_open(worker, &opening->op);
	if (opening->op.res < 0) {
		fail(worker, opening, "make directory", opening->op.res);
		return;
	}
	opening->fd[US_DST] = opening->op.res;
	opening->op = (struct us_op){
		.kind = US_OP_STATX,
		.fd = opening->fd[US_DST],
		.path = "",
		.flags = AT_EMPTY_PATH,
		.buf = &opening->dst_stx,
	};
	start(worker, opening, STATTING);
}

/** True when the directory of STX is the one that DIR is copied from, or one of those that the user named. */
static bool is_in_source(const struct usync_job *job, const struct us_dir *dir, const struct statx *stx)
{
	if (us_identity_is(&dir->identity[US_SRC], stx)) {
		return true;
	}
	for (size_t i = 0; i < job->nr_src_roots; i++) {
		if (us_identity_is(&job->src_roots[i], stx)) {
			return true;
		}
	}
	return false;
}

bool us_local_has_default_acl(int fd)
{
	return fgetxattr(fd, "system.posix_acl_default", NULL, 0) > 0;
}

void us_local_know_dst(struct us_dir *dir, const struct statx *src, const struct statx *dst)
{
	dir->identity[US_DST] = us_identity_of(dst);
	dir->mode = (uint16_t)us_local_kept_mode(src, dst);
	dir->dst_mode = dst->stx_mode & 07777;
}

void us_local_admit_owner(struct us_dir *dir, int fd)
{
	if ((dir->dst_mode & 0700) != 0700 && us_fchmod(fd, dir->dst_mode | 0700) == 0) {
		dir->dst_mode |= 0700;
	}
}

/** It is known: hand it over. */
static void after_stat(struct us_worker *worker, struct us_dir_open *opening)
{
	struct us_dir *dir = opening->dir;

	if (opening->op.res < 0) {
		fail(worker, opening, "stat", opening->op.res);
		return;
	}
	if (!dir->dst_new && is_in_source(worker->job, dir, &opening->dst_stx)) {
		fail(worker, opening, "copy: it is a source itself", 0);
		return;
	}
	us_local_know_dst(dir, &opening->stx, &opening->dst_stx);
	if (!dir->dst_new) {
		us_local_admit_owner(dir, opening->fd[US_DST]);
	}
	/* One just made has its parent's default ACL, if the parent has one (acl(5)). */
	dir->dst_acl = dir->dst_new ? dir->parent->dst_acl
	                            : us_local_has_default_acl(opening->fd[US_DST]);
	us_worker_dir_opened(worker, opening);
}

/** An op of the destination's is done. */
static void step(struct us_op *op, void *context)
{
	struct us_dir_open *opening = (struct us_dir_open *)(void *)op;

	switch (opening->state) {
	case MAKING:
		after_mkdir(context, opening);
		break;
	case OPENING:
		after_open(context, opening);
		break;
	default:
		after_stat(context, opening);
		break;
	}
}

void us_local_open_dst(struct us_worker *worker, struct us_dir_open *opening)
{
	struct us_dir *dir = opening->dir;

	opening->op = (struct us_op){
		.kind = US_OP_MKDIRAT,
		.fd = dir->parent->fd[US_DST],
		.path = us_dir_name(dir, US_DST),
		.mode = (opening->stx.stx_mode & 0777) | 0700,
	};
	start(worker, opening, MAKING);
}

void us_local_finish_dst(struct us_worker *worker, struct us_dir *dir)
{
	struct us_place place = {.dir = dir, .side = US_DST};
	int fd = dir->fd[US_DST];
	int ret = 0;

	if (dir->is_virtual) {
		return;
	}
	if (dir->dst_mode != dir->mode || dir->dst_acl) {
		ret = us_fchmod(fd, dir->mode);
		if (ret < 0) {
			us_report_failed(worker, &place, "set mode", ret);
			return;
		}
	}
	if (us_job_stopping(worker->job)) {
		return; /* Not complete: it must not look as if it were. */
	}
	ret = us_set_mtime(fd, &dir->mtime);
	if (ret < 0) {
		us_report_failed(worker, &place, "set times", ret);
		return;
	}
	us_count(&worker->counts.directories, 1);
	us_report_copied(worker, &(struct us_place){.dir = dir, .side = US_SRC});
}
