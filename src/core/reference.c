/* SPDX-License-Identifier: MIT */
/* A reference that can't be read costs links and no file: that is said once, and all is copied. */
#include "core/reference.h"

#include "base/us.h"
#include "core/compare.h"
#include "core/dir.h"
#include "core/file.h"
#include "core/job.h"
#include "core/keep.h"
#include "core/local_sink.h"
#include "core/report.h"
#include "core/worker.h"
#include "sys/call.h"

#include <fcntl.h>

void us_reference_note_error(struct us_worker *worker, const struct us_dir *dir, const char *name, int error)
{
	us_report_once(worker, &worker->job->no_reference_noted,
	               &(struct us_place){.dir = dir, .name = name, .side = US_DST},
	               "its like in --link-dest can't be read; such files are copied", error);
}

/** True for the answers that say that there is no such directory. */
static bool is_absent(int error)
{
	return error == -ENOENT || error == -ENOTDIR || error == -ELOOP;
}

void us_reference_open_dir(struct us_worker *worker, struct us_dir_open *opening)
{
	struct us_dir *dir = opening->dir;
	int parent = dir->parent->fd[US_REF];
	struct us_op op = {
		.kind = US_OP_OPENAT,
		.fd = parent,
		.path = us_dir_name(dir, US_REF),
		.flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW,
	};
	struct statx stx;
	int ret;

	if (parent < 0) {
		return;
	}
	us_call(&op);
	us_worker_retry_open(worker, &op);
	ret = op.res < 0 ? op.res : us_statx(op.res, "", AT_EMPTY_PATH, &stx);
	if (ret == 0) {
		dir->identity[US_REF] = us_identity_of(&stx);
		opening->fd[US_REF] = op.res;
		return;
	}
	if (op.res >= 0) {
		us_close(op.res);
	}
	if (!is_absent(ret)) {
		us_reference_note_error(worker, dir, NULL, ret);
	}
}

/** True when the attributes of what is in the reference are those that FILE's copy would get. */
static bool has_attributes(struct us_worker *worker, struct us_file *file, const struct statx *there)
{
	const struct usync_job *job = worker->job;
	struct us_place place = {file->dir, file->dst_name, US_DST};
	uint32_t changes;
	bool lacks = false;
	int ret;

	changes = us_keep_changes(&job->keep, &file->stx, there, job->options.modify_window, &lacks);
	if (changes != 0) {
		return false;
	}
	ret = us_local_xattr_changes(worker, file, US_REF, &changes);
	if (ret < 0) {
		us_reference_note_error(worker, file->dir, file->dst_name, ret);
		return false;
	}
	if (changes == 0 && lacks) {
		us_report_owner_lack(worker, &place);
	}
	return changes == 0;
}

/** It was looked at. */
static void after_look(struct us_op *op, void *context)
{
	struct us_worker *worker = context;
	struct us_file *file = (struct us_file *)(void *)op;
	enum us_verdict verdict;
	uint32_t changes = 0;

	if (op->res < 0) {
		if (op->res != -ENOENT) {
			us_reference_note_error(worker, file->dir, file->dst_name, op->res);
		}
		us_worker_looked(worker, file);
		return;
	}
	verdict = us_compare_entries(&worker->job->options, &file->stx, &file->dst_stx, &changes);
	if (verdict == US_VERDICT_SAME && S_ISREG(file->stx.stx_mode) && worker->job->options.checksum_file != NULL &&
	    worker->job->digests) {
		verdict = US_VERDICT_COMPARE; /* For its sum it is read. */
	}
	if (verdict != US_VERDICT_COPY && has_attributes(worker, file, &file->dst_stx)) {
		file->is_reference = verdict == US_VERDICT_COMPARE;
		file->verdict = verdict == US_VERDICT_COMPARE ? US_VERDICT_COMPARE : US_VERDICT_LINK;
	}
	us_worker_looked(worker, file);
}

void us_reference_look(struct us_worker *worker, struct us_file *file)
{
	file->op = (struct us_op){
		.kind = US_OP_STATX,
		.fd = file->dir->fd[US_REF],
		.path = file->dst_name,
		.flags = AT_SYMLINK_NOFOLLOW,
		.buf = &file->dst_stx,
		.done = after_look,
	};
	us_io_run(&worker->io, &file->op, worker);
}

void us_reference_link(struct us_worker *worker, struct us_file *file)
{
	const struct us_dir *dir = file->dir;
	int ret;

	us_local_admit_owner(file->dir);
	ret = us_linkat(dir->fd[US_REF], file->dst_name, dir->fd[US_DST], file->dst_name);
	if (us_local_has_no_link(ret) || ret == -ENOENT) {
		us_local_copy_instead(worker, file, ret);
		return;
	}
	if (ret < 0) {
		us_local_fail(worker, file, "make hard link", ret);
		return;
	}
	file->changes = 0; /* Nothing is transferred: rsync has no row for it either. */
	file->done = true;
	us_count(&worker->counts.links, 1);
	us_worker_finished(worker, file);
}
