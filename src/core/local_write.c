/* SPDX-License-Identifier: MIT */
/*
 * The sink's part of a file's way:
 *
 *	NEW --> CREATING --> WRITING --> drained   (the source's turn)
 *	                        ^  |
 *	                        |  +-- eof --> mode, mtime --> CLOSING --> rename --> finished
 *	                      put
 *
 * A new file is written in place, under its final name; when the job can't finish it, it is removed.  One
 * that exists is left as it is until its successor is complete under a temporary name and takes its place
 * by rename(2): who has the old one open keeps it, and a symbolic link there is replaced, not followed.
 */
#include "core/local_sink.h"

#include "base/us.h"
#include "core/file.h"
#include "core/job.h"
#include "core/report.h"
#include "core/worker.h"
#include "sys/call.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

/** What was asked for last. */
enum {
	NEW,
	CREATING,
	WRITING,
	CLOSING,
};

static us_op_done_fn step;

/** Where FILE is in the destination. */
static struct us_place place_of(const struct us_file *file)
{
	return (struct us_place){.dir = file->dir, .name = file->dst_name, .side = US_DST};
}

/** Start FILE's op; step() goes on when it is done. */
static void start(struct us_worker *worker, struct us_file *file, int state)
{
	file->dst_state = state;
	file->op.done = step;
	us_io_run(&worker->io, &file->op, worker);
}

void us_local_temp_name(const struct us_worker *worker, const struct us_file *file, char name[US_TEMP_SIZE])
{
	snprintf(name, US_TEMP_SIZE, US_TEMP_PREFIX "%016llx.%x.%llx",
	         (unsigned long long)worker->job->run_id, worker->id,
	         (unsigned long long)file->temp_number);
}

/** True unless it is certain that NAME is not FILE any more: another run may have put its own there. */
static bool is_ours(const struct us_file *file, const char *name)
{
	struct statx ours;
	struct statx there;
	struct us_identity identity;

	if (file->dst_fd < 0 || us_statx(file->dst_fd, "", AT_EMPTY_PATH, &ours) < 0 ||
	    us_statx(file->dir->fd[US_DST], name, AT_SYMLINK_NOFOLLOW, &there) < 0) {
		return true;
	}
	identity = us_identity_of(&ours);
	return us_identity_is(&identity, &there);
}

/** Take what there is of FILE away, and let it go. */
static void remove_file(struct us_worker *worker, struct us_file *file)
{
	char temp[US_TEMP_SIZE];
	const char *name = file->dst_name;

	if (file->replaces) {
		us_local_temp_name(worker, file, temp);
		name = temp;
	}
	if (file->created && is_ours(file, name)) {
		int ret = us_unlinkat(file->dir->fd[US_DST], name, 0);

		if (ret < 0 && ret != -ENOENT) {
			us_report_failed(worker, &(struct us_place){file->dir, name, US_DST},
			                 "remove the incomplete file", ret);
		}
	}
	if (file->dst_fd >= 0) {
		us_close(file->dst_fd);
		file->dst_fd = -1;
	}
	us_worker_finished(worker, file);
}

void us_local_fail(struct us_worker *worker, struct us_file *file, const char *what, int error)
{
	struct us_place place = place_of(file);

	us_report_failed(worker, &place, what, error);
	remove_file(worker, file);
}

mode_t us_local_kept_mode(const struct statx *src, const struct statx *dst)
{
	bool is_same = dst->stx_uid == src->stx_uid && dst->stx_gid == src->stx_gid;

	return src->stx_mode & (is_same ? 07777 : 01777);
}

/** Give the copy its permission bits, where the create did not. */
static int set_mode(const struct us_worker *worker, const struct us_file *file)
{
	mode_t created = file->stx.stx_mode & 0777 & ~worker->umask;
	mode_t mode = file->stx.stx_mode & 07777;
	struct statx dst;
	int ret;

	if ((mode & (S_ISUID | S_ISGID)) != 0) {
		ret = us_statx(file->dst_fd, "", AT_EMPTY_PATH, &dst);
		if (ret < 0) {
			return ret;
		}
		mode = us_local_kept_mode(&file->stx, &dst);
	}
	return mode != created || file->dir->dst_acl ? us_fchmod(file->dst_fd, mode) : 0;
}

/** Mode and mtime, when all is written (a write clears set-id bits and sets the mtime). */
static void set_attributes(struct us_worker *worker, struct us_file *file)
{
	struct us_place place = place_of(file);
	int ret = set_mode(worker, file);

	if (ret < 0) {
		us_report_failed(worker, &place, "set mode", ret);
		file->failed = true;
	}
	ret = us_set_mtime(file->dst_fd, &file->stx.stx_mtime);
	if (ret < 0) {
		us_report_failed(worker, &place, "set times", ret);
		file->failed = true;
	}
}

/** All is written: attributes, then close, whose answer counts. */
static void complete(struct us_worker *worker, struct us_file *file)
{
	set_attributes(worker, file);
	file->op = (struct us_op){.kind = US_OP_CLOSE, .fd = file->dst_fd};
	file->dst_fd = -1;
	start(worker, file, CLOSING);
}

/** Ask for the next bytes in hand to be written, or go on where there are none. */
static void write_rest(struct us_worker *worker, struct us_file *file)
{
	uint32_t left = file->length - file->written;
	int64_t offset = (int64_t)(file->offset + file->written);

	if (left == 0) {
		us_count(&worker->counts.bytes, file->length);
		if (file->eof) {
			complete(worker, file);
		} else if (us_job_stopping(worker->job)) {
			remove_file(worker, file);
		} else {
			us_worker_drained(worker, file);
		}
		return;
	}
	if (file->pipe[0] >= 0) {
		file->op = (struct us_op){
			.kind = US_OP_SPLICE,
			.fd = file->pipe[0],
			.offset = -1,
			.fd_out = file->dst_fd,
			.offset_out = offset,
			.len = left,
		};
	} else {
		file->op = (struct us_op){
			.kind = US_OP_WRITE,
			.fd = file->dst_fd,
			.buf = file->data + file->written,
			.len = left,
			.offset = offset,
		};
	}
	start(worker, file, WRITING);
}

/** Some bytes were written, or none. */
static void after_write(struct us_worker *worker, struct us_file *file)
{
	int res = file->op.res;

	if (res == 0) {
		res = -EIO; /* A write of some bytes that writes none will never end. */
	}
	if (res < 0) {
		us_local_fail(worker, file, "write", res);
		return;
	}
	file->written += (uint32_t)res;
	if (file->op.kind == US_OP_SPLICE) {
		file->piped -= (uint32_t)res;
	}
	write_rest(worker, file);
}

/** The op that makes FILE as NAME. */
static struct us_op create_op(const struct us_file *file, const char *name)
{
	return (struct us_op){
		.kind = US_OP_OPENAT,
		.fd = file->dir->fd[US_DST],
		.path = name,
		.flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_NOCTTY,
		.mode = file->stx.stx_mode & 0777,
		.done = step,
	};
}

/** Make FILE under its temporary name, at once: the name does not outlive this call. */
static void create_temp(struct us_worker *worker, struct us_file *file)
{
	char temp[US_TEMP_SIZE];

	us_local_temp_name(worker, file, temp);
	file->op = create_op(file, temp);
	us_call(&file->op);
}

/** The name is taken: go by way of a temporary one, unless a directory has it. @return false when it has. */
static bool begin_replacing(struct us_worker *worker, struct us_file *file)
{
	struct statx dst;
	int ret = us_statx(file->dir->fd[US_DST], file->dst_name, AT_SYMLINK_NOFOLLOW, &dst);

	if (ret == 0 && S_ISDIR(dst.stx_mode)) {
		us_local_fail(worker, file, "replace", -EISDIR);
		return false;
	}
	file->replaces = true;
	file->temp_number = ++worker->temp_number;
	return true;
}

/** It was made, or not. */
static void after_create(struct us_worker *worker, struct us_file *file)
{
	us_worker_retry_open(worker, &file->op);
	if (file->op.res == -EEXIST) {
		if (!begin_replacing(worker, file)) {
			return;
		}
		create_temp(worker, file);
	}
	if (file->op.res < 0) {
		us_local_fail(worker, file, "create", file->op.res);
		return;
	}
	file->dst_fd = file->op.res;
	file->created = true;
	write_rest(worker, file);
}

/** Everything that could fail has been answered for: the file takes its name. */
static void after_close(struct us_worker *worker, struct us_file *file)
{
	char temp[US_TEMP_SIZE];
	int ret = file->op.res;

	if (ret < 0) {
		us_local_fail(worker, file, "close", ret);
		return;
	}
	if (file->replaces) {
		us_local_temp_name(worker, file, temp);
		ret = us_renameat(file->dir->fd[US_DST], temp, file->dir->fd[US_DST], file->dst_name);
		if (ret < 0) {
			us_local_fail(worker, file, "rename", ret);
			return;
		}
	}
	if (!file->failed) {
		us_count(&worker->counts.files, 1);
		us_report_copied(worker, &(struct us_place){file->dir, file->name, US_SRC});
	}
	us_worker_finished(worker, file);
}

/** An op of the sink's is done. */
static void step(struct us_op *op, void *context)
{
	struct us_file *file = (struct us_file *)(void *)op;

	switch (file->dst_state) {
	case CREATING:
		file->is_queued = false;
		after_create(context, file);
		break;
	case WRITING:
		after_write(context, file);
		break;
	default:
		after_close(context, file);
		break;
	}
}

bool us_local_is_begun(const struct us_file *file)
{
	return file->dst_state != NEW;
}

void us_local_create(struct us_worker *worker, struct us_file *file)
{
	file->op = create_op(file, file->dst_name);
	file->dst_state = CREATING;
	file->is_queued = us_io_start(&worker->io, &file->op) == US_QUEUED;
}

void us_local_write(struct us_worker *worker, struct us_file *file)
{
	if (file->dst_state == CREATING) {
		after_create(worker, file);
	} else {
		file->written = 0;
		write_rest(worker, file);
	}
}

void us_local_abandon(struct us_worker *worker, struct us_file *file)
{
	remove_file(worker, file);
}
