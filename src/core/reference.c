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
#include <stdlib.h>

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

/** Open the directory in the reference NR that is DIR's like.  @return 0, also when there is none, or -errno. */
static int open_like(struct us_worker *worker, struct us_dir *dir, unsigned int nr)
{
	struct us_dir_reference *like = &dir->references[nr];
	struct us_op op = {
		.kind = US_OP_OPENAT,
		.fd = dir->parent->references[nr].fd,
		.path = us_dir_name(dir, US_DST),
		.flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW,
	};
	struct statx stx;
	int ret;

	if (op.fd < 0) {
		return 0;
	}
	us_call(&op);
	us_worker_retry_open(worker, &op);
	ret = op.res < 0 ? op.res : us_statx(op.res, "", AT_EMPTY_PATH, &stx);
	if (ret == 0) {
		like->identity = us_identity_of(&stx);
		like->fd = op.res;
		return 0;
	}
	if (op.res >= 0) {
		us_close(op.res);
	}
	return is_absent(ret) ? 0 : ret;
}

/** True when there is any reference of DIR. */
static bool has_reference(const struct us_dir *dir, unsigned int nr)
{
	while (nr > 0) {
		if (dir->references[--nr].fd >= 0) {
			return true;
		}
	}
	return false;
}

void us_reference_open_dir(struct us_worker *worker, struct us_dir_open *opening)
{
	unsigned int nr = worker->job->dirs.nr_references;
	struct us_dir *dir = opening->dir;

	if (dir->parent->references == NULL) {
		return;
	}
	dir->references = us_dir_references_new(nr);
	for (unsigned int i = 0; i < nr; i++) {
		int ret = dir->references != NULL ? open_like(worker, dir, i) : -ENOMEM;

		if (ret < 0) {
			us_reference_note_error(worker, dir, NULL, ret);
		}
	}
	if (dir->references != NULL && !has_reference(dir, nr)) {
		free(dir->references);
		dir->references = NULL;
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
	ret = us_local_xattr_changes(worker, file, file->dir->references[file->reference].fd, &changes);
	if (ret < 0) {
		us_reference_note_error(worker, file->dir, file->dst_name, ret);
		return false;
	}
	if (changes == 0 && lacks) {
		us_report_owner_lack(worker, &place);
	}
	return changes == 0;
}

/**
 * FILE's like was looked at, with the result RET.
 * @return true when it is the same, as far as that can be told without reading it: file->verdict says what to do.
 */
static bool is_match(struct us_worker *worker, struct us_file *file, int ret)
{
	const struct usync_job *job = worker->job;
	enum us_verdict verdict;
	uint32_t changes = 0;

	if (ret < 0) {
		if (ret != -ENOENT) {
			us_reference_note_error(worker, file->dir, file->dst_name, ret);
		}
		return false;
	}
	verdict = us_compare_entries(&job->options, &file->stx, &file->dst_stx, &changes);
	if (verdict == US_VERDICT_SAME && S_ISREG(file->stx.stx_mode) && job->options.checksum_file != NULL &&
	    job->digests) {
		verdict = US_VERDICT_COMPARE; /* For its sum it is read. */
	}
	if (verdict == US_VERDICT_COPY || !has_attributes(worker, file, &file->dst_stx)) {
		return false;
	}
	file->is_reference = verdict == US_VERDICT_COMPARE;
	file->verdict = verdict == US_VERDICT_COMPARE ? US_VERDICT_COMPARE : US_VERDICT_LINK;
	return true;
}

/** Let file->reference be the first from there on that FILE's directory has its like in.  @return false for none. */
static bool find_next(const struct us_worker *worker, struct us_file *file)
{
	while (file->reference < worker->job->dirs.nr_references) {
		if (file->dir->references[file->reference].fd >= 0) {
			return true;
		}
		file->reference++;
	}
	return false;
}

static void look(struct us_worker *worker, struct us_file *file);

/** It was looked at. */
static void after_look(struct us_op *op, void *context)
{
	struct us_worker *worker = context;
	struct us_file *file = (struct us_file *)(void *)op;

	if (is_match(worker, file, op->res)) {
		us_worker_looked(worker, file);
		return;
	}
	file->reference++;
	look(worker, file);
}

/** Look at FILE's like in the next reference, or let it be copied. */
static void look(struct us_worker *worker, struct us_file *file)
{
	if (!find_next(worker, file)) {
		us_worker_looked(worker, file);
		return;
	}
	file->op = (struct us_op){
		.kind = US_OP_STATX,
		.side = US_OP_DST,
		.fd = file->dir->references[file->reference].fd,
		.path = file->dst_name,
		.flags = AT_SYMLINK_NOFOLLOW,
		.buf = &file->dst_stx,
		.done = after_look,
	};
	us_io_run(&worker->io, &file->op, worker);
}

void us_reference_look(struct us_worker *worker, struct us_file *file)
{
	file->reference = 0;
	look(worker, file);
}

bool us_reference_next(struct us_worker *worker, struct us_file *file)
{
	for (file->reference++; find_next(worker, file); file->reference++) {
		int ret = us_statx(file->dir->references[file->reference].fd, file->dst_name, AT_SYMLINK_NOFOLLOW,
		                   &file->dst_stx);

		if (is_match(worker, file, ret)) {
			return true;
		}
	}
	return false;
}

void us_reference_link(struct us_worker *worker, struct us_file *file)
{
	const struct us_dir *dir = file->dir;
	int ret;

	us_local_admit_owner(file->dir);
	ret = us_linkat(dir->references[file->reference].fd, file->dst_name, dir->fd[US_DST], file->dst_name);
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
