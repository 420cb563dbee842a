/* SPDX-License-Identifier: MIT */
/*
 * The source's part of a file's way:
 *
 *	begin --> OPENING --> STATTING --> READING --> filled   (the sink's turn)
 *	                                      ^           |
 *	                                      +-- more ---+
 *
 * A file is read to its end and not to the size that stat told: what it holds when it is read is what is
 * copied.  One that grows is followed once to its new size and then cut there, for it might grow for ever.
 */
#include "core/local_source.h"

#include "base/us.h"
#include "core/file.h"
#include "core/job.h"
#include "core/report.h"
#include "core/worker.h"
#include "sys/call.h"
#include "sys/fstype.h"

#include <fcntl.h>
#include <unistd.h>

/** What was asked for last. */
enum {
	OPENING,
	STATTING,
	READING,
	SPLICING,
	CLOSING,
};

static us_op_done_fn step;

/** Start FILE's op; step() goes on when it is done. */
static void start(struct us_worker *worker, struct us_file *file, int state)
{
	file->src_state = state;
	file->op.done = step;
	us_io_run(&worker->io, &file->op, worker);
}

void us_local_open_file(struct us_worker *worker, struct us_file *file)
{
	/* O_NONBLOCK: should a FIFO stand there by now, the open must not wait for a writer. */
	file->op = (struct us_op){
		.kind = US_OP_OPENAT,
		.fd = file->dir->fd[US_SRC],
		.path = file->name,
		.flags = O_RDONLY | (us_local_follows(worker, file) ? 0 : O_NOFOLLOW) | O_NONBLOCK | O_NOCTTY |
		         (worker->noatime ? O_NOATIME : 0),
	};
	start(worker, file, OPENING);
}

/** It is open, or not. */
static void after_open(struct us_worker *worker, struct us_file *file)
{
	int res;

	us_worker_retry_open(worker, &file->op);
	res = file->op.res;
	if (res == -EAGAIN) {
		file->op.flags &= ~O_NONBLOCK; /* A lease is being broken (fcntl(2)); no FIFO answers so. */
		us_call(&file->op);
		res = file->op.res;
	}
	if (res == -EPERM && (file->op.flags & O_NOATIME) != 0) {
		worker->noatime = false; /* Only its owner may open a file so (open(2)). */
		us_local_open_file(worker, file);
		return;
	}
	if (res < 0) {
		us_local_lose(worker, file, "open", res);
		return;
	}
	file->src_fd = res;
	file->op = (struct us_op){
		.kind = US_OP_STATX,
		.fd = res,
		.path = "",
		.flags = AT_EMPTY_PATH,
		.buf = &file->stx,
	};
	start(worker, file, STATTING);
}

/**
 * With sparse: there are no data behind file->offset, for the file is a hole from there, or has become shorter: then
 * it ends there, and no zeros are made up.
 */
static void find_end(struct us_file *file)
{
	struct statx now;
	uint64_t hole;

	if (us_lseek(file->src_fd, file->offset, SEEK_HOLE, &hole) < 0) {
		return; /* ENXIO: it is beyond the end (lseek(2)). */
	}
	if (hole == file->offset && us_statx(file->src_fd, "", AT_EMPTY_PATH, &now) == 0) {
		file->offset = us_max(file->offset, us_min((uint64_t)now.stx_size, (uint64_t)file->stx.stx_size));
		return;
	}
	file->sparse = false; /* Data have come meanwhile: read what there is. */
}

/**
 * With sparse: go to where the next data begins, if those at hand have been read.
 * @return false when there are none: file->offset is the end of the file.
 */
static bool find_data(struct us_file *file)
{
	uint64_t size = file->stx.stx_size;
	uint64_t start;
	int ret;

	if (file->offset < file->data_end || file->offset >= size) {
		return true;
	}
	ret = us_lseek(file->src_fd, file->offset, SEEK_DATA, &start);
	if (ret == -ENXIO) {
		find_end(file);
		return !file->sparse;
	}
	if (ret < 0) {
		file->sparse = false; /* Holes can't be told here. */
		return true;
	}
	if (start >= size) {
		file->offset = size;
		return false;
	}
	file->offset = start;
	if (us_lseek(file->src_fd, start, SEEK_HOLE, &file->data_end) < 0) {
		file->data_end = size;
	}
	return true;
}

/** The bytes to ask for next: to the end and one more, to see that it is the end. */
static uint32_t next_length(const struct us_worker *worker, const struct us_file *file)
{
	uint64_t left = 1;

	if (file->stx.stx_size > file->offset) {
		left = file->stx.stx_size - file->offset + 1;
	}
	if (file->sparse && file->data_end > file->offset && file->data_end < file->stx.stx_size) {
		left = file->data_end - file->offset;
		return (uint32_t)us_min(left, (uint64_t)worker->job->chunk);
	}
	/* Files of /proc and the like tell a size of 0 whatever they hold. */
	left = us_max(left, (uint64_t)US_BUF_MIN);
	return (uint32_t)us_min(left, (uint64_t)worker->job->chunk);
}

/** Splice the next part into a pipe. @return false when the file has to be read instead. */
static bool splice_part(struct us_worker *worker, struct us_file *file, uint32_t length)
{
	if (file->pipe[0] < 0 && us_pipepool_get(&worker->pipes, file->pipe) < 0) {
		return false;
	}
	file->op = (struct us_op){
		.kind = US_OP_SPLICE,
		.fd = file->src_fd,
		.offset = (int64_t)file->offset,
		.fd_out = file->pipe[1],
		.offset_out = -1,
		.len = length,
	};
	start(worker, file, SPLICING);
	return true;
}

/** Ask for the part at file->offset. */
static void read_part(struct us_worker *worker, struct us_file *file)
{
	uint32_t length;

	if (file->sparse && !find_data(file)) {
		file->length = 0;
		file->eof = true;
		us_worker_filled(worker, file);
		return;
	}
	length = next_length(worker, file);
	if (file->splice && splice_part(worker, file, length)) {
		return;
	}
	if (file->data == NULL) {
		file->data = us_bufpool_get(&worker->bufs, length);
		if (file->data == NULL) {
			us_worker_starve(worker, file);
			return;
		}
		file->data_max = length;
	}
	file->op = (struct us_op){
		.kind = US_OP_READ,
		.fd = file->src_fd,
		.buf = file->data,
		.len = us_min(length, file->data_max),
		.offset = (int64_t)file->offset,
	};
	start(worker, file, READING);
}

/** Settle how holes of FILE are found: asked for, seen in what is read, or not at all. */
static void settle_holes(const struct us_worker *worker, struct us_file *file)
{
	enum usync_sparse wish = worker->job->options.sparse;
	bool has_holes = file->stx.stx_blocks * 512 < file->stx.stx_size;

	file->data_end = 0;
	if (wish != USYNC_SPARSE_NEVER && has_holes) {
		file->sparse = us_fstype_has_true_holes(file->src_fd);
	}
	file->find_zeros = wish == USYNC_SPARSE_ALWAYS ||
	                   (wish == USYNC_SPARSE_AUTO && has_holes && !file->sparse);
	file->has_holes = file->sparse || file->find_zeros;
	file->splice = file->splice && !file->has_holes;
}

/** True when FILE's blocks are to be shared, as far as is known by now. */
static bool may_clone(const struct usync_job *job, const struct us_file *file)
{
	return job->options.reflink != USYNC_REFLINK_NEVER && file->verdict == US_VERDICT_COPY &&
	       file->stx.stx_size > 0 && !atomic_load_explicit(&job->no_clone, memory_order_relaxed);
}

/** What it is, is known. */
static void after_stat(struct us_worker *worker, struct us_file *file)
{
	if (file->op.res < 0) {
		us_local_lose(worker, file, "stat", file->op.res);
		return;
	}
	if (!S_ISREG(file->stx.stx_mode)) {
		us_local_lose(worker, file, "copy: no regular file any more", 0);
		return;
	}
	if (worker->job->transforms) {
		us_keep_transform(&worker->job->keep, &file->stx);
	}
	if (!file->settles && !us_local_claim(worker, file)) {
		return;
	}
	if (!us_local_read_xattrs(worker, file)) {
		return;
	}
	if (may_clone(worker->job, file)) {
		file->clone = true;
		us_worker_filled(worker, file);
		return;
	}
	if (file->verdict == US_VERDICT_COMPARE) {
		file->splice = false; /* Each byte is looked at, holes too. */
	} else {
		settle_holes(worker, file);
	}
	read_part(worker, file);
}

/** FILE holds more than it did when it was opened. @return true when this part has to be its last. */
static bool overtake(struct us_file *file)
{
	uint64_t size = file->stx.stx_size;

	if (!file->grown) {
		file->grown = true;
		if (us_statx(file->src_fd, "", AT_EMPTY_PATH, &file->stx) < 0) {
			return true;
		}
		file->sizeless = file->stx.stx_size == 0;
		return false;
	}
	file->length = size > file->offset ? (uint32_t)us_min(size - file->offset, (uint64_t)file->length) : 0;
	return true;
}

/** A part was read, or the end, or nothing. */
static void after_read(struct us_worker *worker, struct us_file *file)
{
	uint64_t size = file->stx.stx_size;
	uint64_t end;

	if (file->op.res < 0) {
		us_local_lose(worker, file, "read", file->op.res);
		return;
	}
	file->length = (uint32_t)file->op.res;
	end = file->offset + file->length;
	if (file->sparse && end < size) {
		file->eof = file->length == 0; /* It shrank. */
		us_worker_filled(worker, file);
		return;
	}
	file->eof = file->length == 0 || (end == size && file->length < file->op.len);
	if (end > size && !file->sizeless && !file->eof) {
		file->eof = overtake(file);
	}
	us_worker_filled(worker, file);
}

/** The same for a splice; a file system that has none is read from. */
static void after_splice(struct us_worker *worker, struct us_file *file)
{
	if (file->op.res == -EINVAL || file->op.res == -EOPNOTSUPP) {
		us_pipepool_put(&worker->pipes, file->pipe, true);
		file->splice = false;
		read_part(worker, file);
		return;
	}
	file->piped += file->op.res > 0 ? (uint32_t)file->op.res : 0;
	after_read(worker, file);
}

/** An op of the source's is done. */
static void step(struct us_op *op, void *context)
{
	struct us_file *file = (struct us_file *)(void *)op;

	switch (file->src_state) {
	case OPENING:
		after_open(context, file);
		break;
	case STATTING:
		after_stat(context, file);
		break;
	case READING:
		after_read(context, file);
		break;
	case SPLICING:
		after_splice(context, file);
		break;
	default:
		us_worker_return_file(context, file);
		break;
	}
}

void us_local_more(struct us_worker *worker, struct us_file *file)
{
	if (file->kind == US_FILE_SYMLINK) {
		us_local_begin_contents(worker, file); /* It had no memory before. */
		return;
	}
	if (file->offset + file->length == 0) {
		settle_holes(worker, file); /* It was compared, and differs, or can't be cloned: from the start. */
	}
	file->offset += file->length;
	file->length = 0;
	read_part(worker, file);
}

void us_local_close(struct us_worker *worker, struct us_file *file)
{
	if (file->settles) {
		us_local_settle(worker, file);
	}
	if (file->src_fd < 0) {
		us_worker_return_file(worker, file);
		return;
	}
	/* Nothing was written to it: what close(2) answers says nothing about the copy. */
	file->op = (struct us_op){.kind = US_OP_CLOSE, .fd = file->src_fd};
	file->src_fd = -1;
	start(worker, file, CLOSING);
}
