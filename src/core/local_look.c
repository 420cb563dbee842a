/* SPDX-License-Identifier: MIT */
/* What there is in the destination, and how it differs from the source. */
#include "core/local_sink.h"

#include "base/us.h"
#include "core/backup.h"
#include "core/file.h"
#include "core/job.h"
#include "core/keep.h"
#include "core/lease.h"
#include "core/leftovers.h"
#include "core/progress.h"
#include "core/reference.h"
#include "core/report.h"
#include "core/worker.h"
#include "core/xattrs.h"
#include "sys/call.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

int us_local_xattr_changes(const struct us_worker *worker, const struct us_file *file, int dirfd, uint32_t *changes)
{
	unsigned int kinds = worker->job->keep.xattr_kinds;
	struct us_handle handle = {.fd = dirfd, .name = file->dst_name};
	struct us_xattrs *there;
	int ret;

	if (kinds == 0) {
		return 0;
	}
	ret = us_xattrs_read(&handle, kinds, &there);
	if (ret < 0) {
		return ret;
	}
	if (!us_xattrs_equal(file->xattrs, there, kinds & US_XATTR_ACL)) {
		*changes |= USYNC_CHANGE_ACL;
	}
	if (!us_xattrs_equal(file->xattrs, there, kinds & US_XATTR_OTHER)) {
		*changes |= USYNC_CHANGE_XATTR;
	}
	free(there);
	return 0;
}

bool us_local_shares_changes(const struct us_file *file)
{
	return file->changes != 0 && file->dst_stx.stx_nlink > 1;
}

/** There is something: how does it differ? */
static int judge(struct us_worker *worker, struct us_file *file)
{
	const struct usync_job *job = worker->job;
	bool lacks = false;
	int ret;

	file->verdict = us_compare(&job->options, &file->stx, &file->dst_stx, &file->changes);
	if (file->verdict == US_VERDICT_SKIP || (file->changes & USYNC_CHANGE_NEW) != 0) {
		return 0;
	}
	if (S_ISREG(file->stx.stx_mode)) {
		us_progress_judge(worker, file);
		if (file->verdict == US_VERDICT_SAME && job->options.checksum_file != NULL && job->digests) {
			file->verdict = US_VERDICT_COMPARE; /* For its sum it is read. */
		}
	}
	file->changes |= us_keep_changes(&job->keep, &file->stx, &file->dst_stx, job->options.modify_window,
	                                 &lacks);
	if (file->verdict == US_VERDICT_COPY) {
		/* What is made anew gets all its attributes anew; how they differed is for the report alone. */
		return job->options.report_copied
		               ? us_local_xattr_changes(worker, file, file->dir->fd[US_DST], &file->changes)
		               : 0;
	}
	if (lacks) {
		us_report_owner_lack(worker, &(struct us_place){file->dir, file->dst_name, US_DST});
	}
	ret = us_local_xattr_changes(worker, file, file->dir->fd[US_DST], &file->changes);
	if (file->verdict == US_VERDICT_SAME && us_local_shares_changes(file)) {
		file->changes |= USYNC_CHANGE_CONTENT;
		file->verdict = US_VERDICT_COPY;
	}
	return ret;
}

bool us_local_is_left_out(const struct us_worker *worker, const struct us_file *file)
{
	const struct usync_options *options = &worker->job->options;
	int dirfd = file->dir->fd[US_DST];
	struct statx there;
	uint32_t changes = 0;
	int ret = -ENOENT;

	if (!options->existing && !options->ignore_existing && !options->update) {
		return false;
	}
	if (dirfd >= 0) {
		ret = us_statx(dirfd, file->dst_name, AT_SYMLINK_NOFOLLOW, &there);
	}
	if (ret < 0 && ret != -ENOENT) {
		return false; /* What is to be done there next fails, and says why. */
	}
	return us_compare(options, &file->stx, ret == 0 ? &there : NULL, &changes) == US_VERDICT_SKIP;
}

/** There is nothing: is it in the reference? */
static void judge_new(struct us_worker *worker, struct us_file *file)
{
	file->verdict = us_compare(&worker->job->options, &file->stx, NULL, &file->changes);
	if (file->verdict == US_VERDICT_COPY && file->dir->references != NULL) {
		us_reference_look(worker, file);
	} else {
		us_worker_looked(worker, file);
	}
}

/** It was looked at. */
static void after_look(struct us_op *op, void *context)
{
	struct us_worker *worker = context;
	struct us_file *file = (struct us_file *)(void *)op;
	int ret = op->res;

	if (ret == 0) {
		ret = judge(worker, file);
	} else if (ret == -ENOENT) {
		judge_new(worker, file);
		return;
	}
	if (ret < 0) {
		us_local_fail(worker, file, "stat", ret);
		return;
	}
	us_worker_looked(worker, file);
}

void us_local_look(struct us_worker *worker, struct us_file *file)
{
	us_leftovers_meet(worker->job, file->dir, file->dst_name);
	us_backup_meet(worker->job, file->dir, file->dst_name);
	if (file->dir->fd[US_DST] < 0 || file->dir->dst_new) {
		judge_new(worker, file);
		return;
	}
	file->op = (struct us_op){
		.kind = US_OP_STATX,
		.side = US_OP_DST,
		.fd = file->dir->fd[US_DST],
		.path = file->dst_name,
		.flags = AT_SYMLINK_NOFOLLOW,
		.buf = &file->dst_stx,
		.done = after_look,
	};
	us_io_run(&worker->io, &file->op, worker);
}

int us_local_compared_dir(const struct us_file *file)
{
	return file->is_reference ? file->dir->references[file->reference].fd : file->dir->fd[US_DST];
}

/** Read LENGTH bytes at OFFSET. @return how many there are, or a negative errno. */
static int read_fully(int fd, char *buf, uint32_t length, uint64_t offset)
{
	uint32_t got = 0;

	while (got < length) {
		struct us_op op = {
			.kind = US_OP_READ,
			.fd = fd,
			.buf = buf + got,
			.len = length - got,
			.offset = (int64_t)(offset + got),
		};

		us_call(&op);
		if (op.res < 0) {
			return op.res;
		}
		if (op.res == 0) {
			break;
		}
		got += (uint32_t)op.res;
	}
	return (int)got;
}

int us_local_compare_part(struct us_worker *worker, struct us_file *file)
{
	int ret;

	if (worker->compare_buf == NULL) {
		worker->compare_buf = malloc(worker->job->chunk);
	}
	if (worker->compare_buf == NULL) {
		return -ENOMEM;
	}
	if (file->dst_fd < 0) {
		ret = us_lease_open(worker->job, us_local_compared_dir(file), file->dst_name, O_RDONLY | O_NOFOLLOW, 0);
		if (ret < 0) {
			return ret;
		}
		file->dst_fd = ret;
	}
	if (file->eof && file->offset + file->length != file->dst_stx.stx_size) {
		return 0; /* The source is shorter by now than it was when its size was held against that one's. */
	}
	ret = read_fully(file->dst_fd, worker->compare_buf, file->length, file->offset);
	if (ret < 0) {
		return ret;
	}
	return (uint32_t)ret == file->length && memcmp(worker->compare_buf, file->data, file->length) == 0;
}

int us_local_compare_symlink(const struct us_file *file)
{
	char there[PATH_MAX];
	int ret = us_readlinkat(us_local_compared_dir(file), file->dst_name, there, sizeof(there));

	if (ret < 0) {
		return ret;
	}
	return strlen(file->data) == (size_t)ret && memcmp(file->data, there, (size_t)ret) == 0;
}
