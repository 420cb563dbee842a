/* SPDX-License-Identifier: MIT */
/*
 * The destination's directories: made before what is in them, and given their final mode and times after.
 *
 *	MAKING --> OPENING --> STATTING --> us_worker_dir_opened   ...contents...   finish
 *
 * While it is filled a directory has the source's permissions and the owner's own three bits, never more.  One that
 * exists is not touched before there is something to be written into it.
 */
#include "core/local_sink.h"

#include "base/us.h"
#include "core/attributes.h"
#include "core/backup.h"
#include "core/dir.h"
#include "core/job.h"
#include "core/keep.h"
#include "core/leftovers.h"
#include "core/mirror.h"
#include "core/progress.h"
#include "core/reference.h"
#include "core/report.h"
#include "core/worker.h"
#include "core/xattrs.h"
#include "sys/call.h"

#include <fcntl.h>
#include <stdlib.h>

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
	opening->op.side = US_OP_DST;
	opening->op.done = step;
	us_io_run(&worker->io, &opening->op, worker);
}

/** Report that the destination of OPENING can't be had, and give it up. */
static void fail(struct us_worker *worker, struct us_dir_open *opening, const char *what, int error)
{
	us_report_failed(worker, &(struct us_place){.dir = opening->dir, .side = US_DST}, what, error);
	us_worker_dir_failed(worker, opening);
}

/** The permission bits to make a directory with. */
static mode_t make_mode(const struct us_worker *worker, const struct us_dir *dir)
{
	const struct us_keep *keep = &worker->job->keep;
	const struct statx *stx = &dir->source->stx;

	if ((keep->what & USYNC_KEEP_OWNER) != 0 || dir->source->xattrs != NULL || dir->parent->dst_acl) {
		return 0700; /* The rest is for whom it will belong to. */
	}
	if ((keep->what & USYNC_KEEP_MODE) == 0) {
		return us_keep_plain_mode(stx, worker->user_umask) | 0700;
	}
	return (stx->stx_mode & 0777) | 0700;
}

/** Make it. */
static void make(struct us_worker *worker, struct us_dir_open *opening)
{
	struct us_dir *dir = opening->dir;

	opening->op = (struct us_op){
		.kind = US_OP_MKDIRAT,
		.fd = dir->parent->fd[US_DST],
		.path = us_dir_name(dir, US_DST),
		.mode = make_mode(worker, dir),
	};
	start(worker, opening, MAKING);
}

/** Open it. */
static void open_made(struct us_worker *worker, struct us_dir_open *opening)
{
	struct us_dir *dir = opening->dir;

	opening->op = (struct us_op){
		.kind = US_OP_OPENAT,
		.fd = dir->parent->fd[US_DST],
		.path = us_dir_name(dir, US_DST),
		.flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW,
	};
	start(worker, opening, OPENING);
}

/** It was made, or was there, or neither. */
static void after_mkdir(struct us_worker *worker, struct us_dir_open *opening)
{
	struct us_dir *dir = opening->dir;

	if (opening->op.res == -EACCES && us_local_admit_owner(dir->parent)) {
		us_call(&opening->op);
	}
	if (opening->op.res < 0 && opening->op.res != -EEXIST) {
		fail(worker, opening, "make directory", opening->op.res);
		return;
	}
	dir->dst_new = opening->op.res == 0;
	open_made(worker, opening);
}

/** Something else has its name: delete it, as the user wants it.  @return 0 or a negative errno. */
static int make_way(struct us_worker *worker, struct us_dir_open *opening)
{
	struct us_dir *parent = opening->dir->parent;
	const char *name = us_dir_name(opening->dir, US_DST);
	const char *what; /* It is no directory. */
	struct statx stx;

	us_local_admit_owner(parent);
	if (worker->job->options.backup) {
		if (us_statx(parent->fd[US_DST], name, AT_SYMLINK_NOFOLLOW, &stx) == 0 &&
		    us_mirror_spares(worker->job, &stx)) {
			return -EBUSY;
		}
		return us_backup_move(worker, parent->fd[US_DST], us_backup_source(parent), name);
	}
	return us_mirror_make_way(worker, parent, name, &what);
}

/** It is open, or something else has its name. */
static void after_open(struct us_worker *worker, struct us_dir_open *opening)
{
	bool is_other;

	if (opening->op.res == -EACCES && us_local_admit_owner(opening->dir->parent)) {
		us_call(&opening->op);
	}
	us_worker_retry_open(worker, &opening->op);
	is_other = opening->op.res == -ENOTDIR || opening->op.res == -ELOOP;
	if (is_other && worker->job->options.remove) {
		int ret = make_way(worker, opening);

		if (ret == 0) {
			make(worker, opening);
			return;
		}
		opening->op.res = ret;
	}
	if (opening->op.res == -ENOENT && worker->job->options.existing) {
		us_worker_dir_left_out(worker, opening);
		return;
	}
	if (opening->op.res < 0) {
		fail(worker, opening, is_other ? "make directory" : "open directory", opening->op.res);
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
	return us_getxattr(fd, NULL, "system.posix_acl_default", NULL, 0) > 0;
}

void us_local_know_dst(const struct usync_job *job, struct us_dir *dir, const struct statx *dst)
{
	bool lacks;

	dir->dst_changes = us_keep_changes(&job->keep, &dir->source->stx, dst, job->options.modify_window, &lacks);
	dir->identity[US_DST] = us_identity_of(dst);
	dir->dst_mode = dst->stx_mode & 07777;
}

bool us_local_admit_owner(struct us_dir *dir)
{
	mode_t mode = dir->dst_mode;

	if ((mode & 0700) == 0700 || us_fchmod(dir->fd[US_DST], mode | 0700) < 0) {
		return false;
	}
	dir->dst_mode = (uint16_t)(mode | 0700);
	return true;
}

/** It is known: hand it over. */
static void after_stat(struct us_worker *worker, struct us_dir_open *opening)
{
	struct us_dir *dir = opening->dir;
	int ret;

	if (opening->op.res < 0) {
		fail(worker, opening, "stat", opening->op.res);
		return;
	}
	if (!dir->dst_new && is_in_source(worker->job, dir, &opening->dst_stx)) {
		fail(worker, opening, "copy: it is a source itself", 0);
		return;
	}
	ret = us_progress_add_dir(worker->job, opening->fd[US_DST], &opening->dst_stx);
	if (ret < 0) {
		fail(worker, opening, "open its file system", ret);
		return;
	}
	if (!dir->dst_new) {
		us_leftovers_sweep(worker, dir, opening->fd[US_DST]);
	}
	us_local_know_dst(worker->job, dir, &opening->dst_stx);
	/* One just made has its parent's default ACL, if the parent has one (acl(5)). */
	dir->dst_acl = dir->dst_new ? dir->parent->dst_acl
	                            : us_local_has_default_acl(opening->fd[US_DST]);
	us_reference_open_dir(worker, opening);
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
	us_backup_meet(worker->job, opening->dir->parent, us_dir_name(opening->dir, US_DST));
	if (worker->job->options.existing) {
		open_made(worker, opening); /* Or it is left out. */
	} else {
		make(worker, opening);
	}
}

uint32_t us_local_dir_changes(struct us_worker *worker, struct us_dir *dir, const struct statx *now)
{
	const struct usync_job *job = worker->job;
	struct us_place place = {.dir = dir, .side = US_DST};
	struct us_handle handle = {.fd = dir->fd[US_DST]};
	unsigned int kinds = job->keep.xattr_kinds;
	struct us_xattrs *there = NULL;
	bool lacks;
	uint32_t changes = us_keep_changes(&job->keep, &dir->source->stx, now, job->options.modify_window, &lacks);
	int ret = kinds != 0 ? us_xattrs_read(&handle, kinds, &there) : 0;

	if (ret < 0) {
		us_report_failed(worker, &place, "read extended attributes", ret);
		return 0;
	}
	if (lacks) {
		us_report_owner_lack(worker, &place);
	}
	if (!us_xattrs_equal(dir->source->xattrs, there, kinds & US_XATTR_ACL)) {
		changes |= USYNC_CHANGE_ACL;
	}
	if (!us_xattrs_equal(dir->source->xattrs, there, kinds & US_XATTR_OTHER)) {
		changes |= USYNC_CHANGE_XATTR;
	}
	free(there);
	return changes;
}

/** Set what differs, and what a directory just made was not made with. */
static bool set_attributes(struct us_worker *worker, struct us_dir *dir, const struct statx *now, uint32_t changes)
{
	struct us_attributes attributes = {
		.copy = {.fd = dir->fd[US_DST]},
		.src = &dir->source->stx,
		.xattrs = dir->source->xattrs,
		.uid = now->stx_uid,
		.gid = now->stx_gid,
		.mode = now->stx_mode & 07777,
		.exact = true,
		.is_new = dir->dst_new,
		.changes = changes | (dir->dst_new ? USYNC_CHANGE_MODE : 0u),
	};

	return us_attributes_set(worker, &(struct us_place){.dir = dir, .side = US_DST}, &attributes);
}

void us_local_finish_dst(struct us_worker *worker, struct us_dir *dir)
{
	struct us_place place = {.dir = dir, .side = US_DST};
	uint32_t changes;
	struct statx now;
	int ret;

	if (dir->is_virtual) {
		return;
	}
	ret = us_statx(dir->fd[US_DST], "", AT_EMPTY_PATH, &now);
	if (ret < 0) {
		us_report_failed(worker, &place, "stat", ret);
		return;
	}
	changes = us_local_dir_changes(worker, dir, &now);
	if (us_job_stopping(worker->job)) {
		changes &= ~(uint32_t)USYNC_CHANGE_MTIME; /* Not complete: it must not look as if it were. */
	}
	if ((changes != 0 || dir->dst_new) && !set_attributes(worker, dir, &now, changes)) {
		return;
	}
	if (us_job_stopping(worker->job)) {
		return;
	}
	us_count(&worker->counts.directories, !dir->list_failed); /* It has failed already. */
	/* Its time, and its mode while it was filled, were changed by ourselves: that is nobody's news. */
	changes = dir->dst_changes | (changes & (USYNC_CHANGE_ACL | USYNC_CHANGE_XATTR));
	us_report_dir(worker, dir, dir->dst_new ? changes | USYNC_CHANGE_NEW : changes);
}
