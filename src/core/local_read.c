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

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>

/** What was asked for last. */
enum {
	OPENING,
	STATTING,
	READING,
	SPLICING,
	CLOSING,
};

static us_op_done_fn step;

/** Where FILE is in the source. */
static struct us_place place_of(const struct us_file *file)
{
	return (struct us_place){.dir = file->dir, .name = file->name, .side = US_SRC};
}

/** Start FILE's op; step() goes on when it is done. */
static void start(struct us_worker *worker, struct us_file *file, int state)
{
	file->src_state = state;
	file->op.done = step;
	us_io_run(&worker->io, &file->op, worker);
}

/** FILE could not be begun or read: report it and take it out. */
static void fail(struct us_worker *worker, struct us_file *file, const char *what, int error)
{
	struct us_place place = place_of(file);

	if (error == -ENOENT) {
		us_report_vanished(worker, &place);
	} else {
		us_report_failed(worker, &place, what, error);
	}
	us_worker_lost(worker, file);
}

/** Ask for the file to be opened. */
static void open_file(struct us_worker *worker, struct us_file *file)
{
	/* O_NONBLOCK: should a FIFO stand there by now, the open must not wait for a writer. */
	file->op = (struct us_op){
		.kind = US_OP_OPENAT,
		.fd = file->dir->fd[US_SRC],
		.path = file->name,
		.flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | (worker->noatime ? O_NOATIME : 0),
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
		open_file(worker, file);
		return;
	}
	if (res < 0) {
		fail(worker, file, "open", res);
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

/** The bytes to ask for next: to the end and one more, to see that it is the end. */
static uint32_t next_length(const struct us_worker *worker, const struct us_file *file)
{
	uint64_t left = 1;

	if (file->stx.stx_size > file->offset) {
		left = file->stx.stx_size - file->offset + 1;
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
	uint32_t length = next_length(worker, file);

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

/** What it is, is known. */
static void after_stat(struct us_worker *worker, struct us_file *file)
{
	if (file->op.res < 0) {
		fail(worker, file, "stat", file->op.res);
		return;
	}
	if (!S_ISREG(file->stx.stx_mode)) {
		fail(worker, file, "copy: no regular file any more", 0);
		return;
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
		fail(worker, file, "read", file->op.res);
		return;
	}
	file->length = (uint32_t)file->op.res;
	end = file->offset + file->length;
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

/** Read the target of a symbolic link; that is all there is to it. */
static void begin_symlink(struct us_worker *worker, struct us_file *file)
{
	int dirfd = file->dir->fd[US_SRC];
	int ret;

	file->kind = US_FILE_SYMLINK;
	file->data = us_bufpool_get(&worker->bufs, PATH_MAX);
	if (file->data == NULL) {
		us_worker_starve(worker, file);
		return;
	}
	ret = us_statx(dirfd, file->name, AT_SYMLINK_NOFOLLOW, &file->stx);
	if (ret == 0) {
		ret = us_readlinkat(dirfd, file->name, file->data, PATH_MAX);
	}
	if (ret == PATH_MAX) {
		ret = -ENAMETOOLONG;
	}
	if (ret < 0) {
		fail(worker, file, "read link", ret);
		return;
	}
	file->data[ret] = '\0';
	file->eof = true;
	us_worker_filled(worker, file);
}

void us_local_more(struct us_worker *worker, struct us_file *file)
{
	if (file->kind == US_FILE_SYMLINK) {
		begin_symlink(worker, file); /* It had no memory before. */
		return;
	}
	file->offset += file->length;
	file->length = 0;
	read_part(worker, file);
}

void us_local_close(struct us_worker *worker, struct us_file *file)
{
	if (file->src_fd < 0) {
		us_worker_return_file(worker, file);
		return;
	}
	/* Nothing was written to it: what close(2) answers says nothing about the copy. */
	file->op = (struct us_op){.kind = US_OP_CLOSE, .fd = file->src_fd};
	file->src_fd = -1;
	start(worker, file, CLOSING);
}

/** What a kind that is not copied is called. */
static const char *special_name(uint8_t type)
{
	switch (type) {
	case DT_FIFO:
		return "copy: FIFOs are not supported yet";
	case DT_SOCK:
		return "copy: sockets are not supported yet";
	case DT_CHR:
	case DT_BLK:
		return "copy: devices are not supported yet";
	default:
		return "copy: unknown kind of file";
	}
}

void us_local_begin_entry(struct us_worker *worker)
{
	struct us_listing *listing = worker->slice->listing;
	const struct us_entry *entry = &listing->entries[worker->slice->next++];
	struct us_file *file = us_worker_take_file(worker);

	file->dir = listing->dir;
	file->splice = worker->job->splice;
	file->name = us_entry_name(listing, entry);
	file->dst_name = us_entry_dst_name(listing, entry);
	switch (entry->type) {
	case DT_REG:
		open_file(worker, file);
		break;
	case DT_LNK:
		begin_symlink(worker, file);
		break;
	case DT_UNKNOWN:
		fail(worker, file, "stat", us_min(us_statx(file->dir->fd[US_SRC], file->name,
		                                           AT_SYMLINK_NOFOLLOW, &file->stx), 0));
		break;
	default:
		fail(worker, file, special_name(entry->type), 0);
		break;
	}
}
