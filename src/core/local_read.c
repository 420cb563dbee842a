/* SPDX-License-Identifier: MIT */
/*
 * The source's part of a file's way:
 *
 *	begin --> OPENING --> STATTING --> READING --> filled   (the sink's turn)
 *	                                    ^  |  ^       |
 *	                       changed: again  |  +- more +
 *	                                    |  v          |
 *	                                LAST_LOOK --> filled, with eof
 *
 * A file is read to its end and not to the size that stat told, and then looked at once more: one that changed
 * meanwhile is read again, once.  If it changes then, too, it might do so for ever: what was read is kept, cut to the
 * size that it had at the second beginning, and the user is told.
 */
#include "core/local_source.h"

#include "base/us.h"
#include "core/file.h"
#include "core/gather.h"
#include "core/job.h"
#include "core/large.h"
#include "core/lease.h"
#include "core/manifest.h"
#include "core/report.h"
#include "core/sink.h"
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
	LAST_LOOK,
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
	if (file->op.res == -EAGAIN) {
		file->op.res = us_lease_open(worker->job, file->op.fd, file->op.path, file->op.flags, 0);
		us_worker_retry_open(worker, &file->op);
	}
	res = file->op.res;
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
	uint64_t hole = 0;
	int ret = us_lseek(file->src_fd, file->offset, SEEK_HOLE, &hole);

	if (ret == -ENXIO) {
		return; /* It is beyond the end (lseek(2)). */
	}
	if (ret == 0 && hole == file->offset && us_statx(file->src_fd, "", AT_EMPTY_PATH, &now) == 0) {
		file->offset = us_max(file->offset, us_min((uint64_t)now.stx_size, (uint64_t)file->stx.stx_size));
		return;
	}
	file->sparse = false; /* Data have come meanwhile, or holes can't be told: read what there is. */
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

/**
 * All was read, or more than there should be: see whether it is what it was at the beginning.  Only what is held
 * against that is asked for: the time of the last access would be a question to the server (NFS, FUSE), for the read
 * changed it.
 */
static void look_again(struct us_worker *worker, struct us_file *file)
{
	file->op = (struct us_op){
		.kind = US_OP_STATX,
		.fd = file->src_fd,
		.path = "",
		.flags = AT_EMPTY_PATH,
		.mask = STATX_TYPE | STATX_SIZE | STATX_BLOCKS | STATX_MTIME,
		.buf = &file->last,
	};
	start(worker, file, LAST_LOOK);
}

/**
 * Add the hole before file->offset to FILE's sum.  The zeros of a very large one take minutes, so that is done in
 * several turns, for which FILE waits like one without memory: others go on between them, and so does a connection.
 *
 * @return false when it will be gone on with, or is over.
 */
static bool sum_hole(struct us_worker *worker, struct us_file *file)
{
	if (file->digest == NULL || us_digest_skip(file->digest, file->offset)) {
		return true;
	}
	worker->activity++;
	if (us_job_stopping(worker->job)) {
		us_worker_lost(worker, file);
	} else {
		us_worker_starve(worker, file);
	}
	return false;
}

/** Ask for the part at file->offset. */
static void read_part(struct us_worker *worker, struct us_file *file)
{
	bool has_data = !file->sparse || find_data(file);
	uint32_t length;

	if (!sum_hole(worker, file)) {
		return;
	}
	if (!has_data) {
		file->length = 0;
		file->eof = true;
		look_again(worker, file);
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
	file->sparse = false;
	file->find_zeros = false;
	file->has_holes = false;
	if (file->verdict == US_VERDICT_COMPARE) {
		file->splice = false; /* Each byte is looked at, holes too. */
		return;
	}
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
	const struct usync_options *options = &job->options;
	/*
	 * A clone has the source's holes, whatever else was asked for; the two are refused together where both are
	 * musts.
	 */
	bool is_wanted = options->reflink == USYNC_REFLINK_ALWAYS ||
	                 (options->reflink == USYNC_REFLINK_AUTO && options->sparse == USYNC_SPARSE_AUTO);

	return is_wanted && !job->digests && file->verdict == US_VERDICT_COPY && file->stx.stx_size > 0 &&
	       !file->clone_refused && !atomic_load_explicit(&job->no_clone, memory_order_relaxed);
}

/** Read FILE's contents: its turn has come. */
static void read_contents(struct us_worker *worker, struct us_file *file)
{
	int ret;

	settle_holes(worker, file);
	ret = us_manifest_begin(worker, file, file->offset);
	if (ret < 0) {
		us_local_lose(worker, file, "take its sum", ret);
		return;
	}
	file->large = us_large_new(worker, file);
	if (file->large != NULL || file->shares) {
		us_worker_filled(worker, file);
		return;
	}
	if (file->clone_rest && file->offset < file->stx.stx_size &&
	    worker->job->options.reflink == USYNC_REFLINK_ALWAYS) {
		us_local_lose(worker, file, "reflink", -ENOMEM);
		return;
	}
	read_part(worker, file);
}

/** From FILE's first byte, which it may be for the second time: after a comparison, a failed clone or a change. */
static void begin_reading(struct us_worker *worker, struct us_file *file)
{
	if ((worker->job->progress != NULL || worker->job->link != NULL) && file->verdict == US_VERDICT_COPY &&
	    worker->job->sink->resume != NULL) {
		worker->job->sink->resume(worker, file);
	}
	if (may_clone(worker->job, file)) {
		file->clone = file->offset == 0;
		file->clone_rest = !file->clone;
	}
	if (file->clone) {
		us_worker_filled(worker, file);
		return;
	}
	if (!us_gather_add(worker, file)) {
		read_contents(worker, file);
	}
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
	if (us_local_claim(worker, file) && us_local_read_xattrs(worker, file)) {
		begin_reading(worker, file);
	}
}

/** True when FILE was written to since the first look. */
static bool has_changed(const struct us_file *file)
{
	return file->last.stx_size != file->stx.stx_size ||
	       file->last.stx_mtime.tv_sec != file->stx.stx_mtime.tv_sec ||
	       file->last.stx_mtime.tv_nsec != file->stx.stx_mtime.tv_nsec;
}

/** FILE changed while it was read: all of it again. */
static void read_again(struct us_worker *worker, struct us_file *file)
{
	file->is_second = true;
	file->splice = false;
	file->stx.stx_size = file->last.stx_size;
	file->stx.stx_blocks = file->last.stx_blocks;
	file->stx.stx_mtime = file->last.stx_mtime;
	file->offset = 0;
	file->length = 0;
	file->eof = false;
	file->all_given = false;
	us_pipepool_put(&worker->pipes, file->pipe, file->piped == 0);
	file->piped = 0;
	us_worker_restart(worker, file);
}

/** FILE does not come to rest: what is in hand is its end. */
static void give_up(struct us_worker *worker, struct us_file *file)
{
	uint64_t left = file->stx.stx_size > file->offset ? file->stx.stx_size - file->offset : 0;
	struct us_place place = {.dir = file->dir, .name = file->name, .side = US_SRC};

	us_report_failed(worker, &place, "copy: it changed while it was read, twice", 0);
	file->failed = true;
	file->length = (uint32_t)us_min(left, (uint64_t)file->length);
	file->eof = true;
}

/** What it is now, is known. */
static void after_last_look(struct us_worker *worker, struct us_file *file)
{
	bool changed;

	if (file->op.res < 0) {
		us_local_lose(worker, file, "stat", file->op.res);
		return;
	}
	changed = has_changed(file);
	if (changed && !file->is_second) {
		read_again(worker, file);
		return;
	}
	if (changed) {
		give_up(worker, file);
	}
	file->sizeless = !file->eof;
	us_worker_filled(worker, file);
}

/** A part was read, or the end, or nothing. */
static void after_read(struct us_worker *worker, struct us_file *file)
{
	uint64_t size = file->stx.stx_size;
	uint64_t end;
	bool is_past;

	if (file->op.res < 0) {
		us_local_lose(worker, file, "read", file->op.res);
		return;
	}
	file->length = (uint32_t)file->op.res;
	if (file->digest != NULL) {
		us_digest_add(file->digest, file->offset, file->data, file->length);
	}
	end = file->offset + file->length;
	is_past = end > size && !file->sizeless;
	file->eof = file->length == 0 || (end == size && file->length < file->op.len);
	if (file->eof && file->piped > 0) {
		file->eof = false; /* The pipe holds the file's own pages, which may change until they are written. */
		file->all_given = true;
		us_worker_filled(worker, file);
	} else if (file->eof || is_past) {
		look_again(worker, file);
	} else {
		us_worker_filled(worker, file);
	}
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
	case LAST_LOOK:
		after_last_look(context, file);
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
	if (file->src_error < 0) {
		us_local_lose(worker, file, "read", file->src_error);
		return;
	}
	if (file->is_gathered) {
		file->is_gathered = false;
		read_contents(worker, file);
		return;
	}
	if (file->all_given) {
		file->offset += file->length;
		file->length = 0;
		file->eof = true;
		look_again(worker, file);
		return;
	}
	if (file->offset + file->length == 0) {
		if (us_local_read_xattrs(worker, file)) { /* They were not, of what was to be a link. */
			begin_reading(worker, file);
		}
		return;
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
