/* SPDX-License-Identifier: MIT */
/* What there is in the destination, and how it differs from the source. */
#include "core/local_sink.h"

#include "base/us.h"
#include "core/file.h"
#include "core/job.h"
#include "core/keep.h"
#include "core/report.h"
#include "core/worker.h"
#include "core/xattrs.h"
#include "sys/call.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/** Which extended attributes of FILE differ. */
static int xattr_changes(const struct us_worker *worker, struct us_file *file)
{
	unsigned int kinds = worker->job->keep.xattr_kinds;
	struct us_handle handle = {.fd = file->dir->fd[US_DST], .name = file->dst_name};
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
		file->changes |= USYNC_CHANGE_ACL;
	}
	if (!us_xattrs_equal(file->xattrs, there, kinds & US_XATTR_OTHER)) {
		file->changes |= USYNC_CHANGE_XATTR;
	}
	free(there);
	return 0;
}

/** True when what is there has more names than the source gives it. */
static bool is_shared(const struct usync_job *job, const struct us_file *file)
{
	uint32_t expected = job->links != NULL ? file->stx.stx_nlink : 1;

	return file->dst_stx.stx_nlink > expected;
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
	file->changes |= us_keep_changes(&job->keep, &file->stx, &file->dst_stx, job->options.modify_window,
	                                 &lacks);
	if (file->verdict == US_VERDICT_COPY) {
		return 0; /* What is made anew gets all its attributes anew. */
	}
	if (lacks) {
		us_report_owner_lack(worker, &(struct us_place){file->dir, file->dst_name, US_DST});
	}
	ret = xattr_changes(worker, file);
	if (file->verdict == US_VERDICT_SAME && file->changes != 0 && is_shared(job, file)) {
		file->changes |= USYNC_CHANGE_CONTENT;
		file->verdict = US_VERDICT_COPY; /* Another name there has this inode, and its own attributes. */
	}
	return ret;
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
		file->verdict = us_compare(&worker->job->options, &file->stx, NULL, &file->changes);
		ret = 0;
	}
	if (ret < 0) {
		us_local_fail(worker, file, "stat", ret);
		return;
	}
	us_worker_looked(worker, file);
}

void us_local_look(struct us_worker *worker, struct us_file *file)
{
	file->op = (struct us_op){
		.kind = US_OP_STATX,
		.fd = file->dir->fd[US_DST],
		.path = file->dst_name,
		.flags = AT_SYMLINK_NOFOLLOW,
		.buf = &file->dst_stx,
		.done = after_look,
	};
	us_io_run(&worker->io, &file->op, worker);
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
		ret = us_openat(file->dir->fd[US_DST], file->dst_name,
		                O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0);
		if (ret < 0) {
			return ret;
		}
		file->dst_fd = ret;
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
	int ret = us_readlinkat(file->dir->fd[US_DST], file->dst_name, there, sizeof(there));

	if (ret < 0) {
		return ret;
	}
	return strlen(file->data) == (size_t)ret && memcmp(file->data, there, (size_t)ret) == 0;
}
