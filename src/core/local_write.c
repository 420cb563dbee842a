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
#include "core/large.h"
#include "core/leftovers.h"
#include "core/pace.h"
#include "core/part.h"
#include "core/reference.h"
#include "core/report.h"
#include "core/tempname.h"
#include "core/worker.h"
#include "core/xattrs.h"
#include "sys/call.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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
	file->op.side = US_OP_DST;
	file->op.done = step;
	us_io_run(&worker->io, &file->op, worker);
}

void us_local_temp_name(const struct us_worker *worker, uint64_t number, char name[US_TEMP_SIZE])
{
	us_tempname_make(name, worker->job->run_id, worker->id, number);
}

void us_local_temp_of(const struct us_worker *worker, const struct us_file *file, char name[US_TEMP_SIZE])
{
	if (file->part != NULL) {
		snprintf(name, US_TEMP_SIZE, "%s", us_part_name(file->part));
	} else {
		us_local_temp_name(worker, file->temp_number, name);
	}
}

/** True unless it is certain that NAME is not FILE any more: another run may have put its own there. */
static bool is_ours(const struct us_file *file, int dirfd, const char *name)
{
	struct statx ours;
	struct statx there;
	struct us_identity identity;

	if (file->dst_fd < 0 || us_statx(file->dst_fd, "", AT_EMPTY_PATH, &ours) < 0 ||
	    us_statx(dirfd, name, AT_SYMLINK_NOFOLLOW, &there) < 0) {
		return true;
	}
	identity = us_identity_of(&ours);
	return us_identity_is(&identity, &there);
}

/** Report that something went wrong with FILE, which counts as one that failed however much does. */
static void report_failed(struct us_worker *worker, struct us_file *file, const char *what, int error)
{
	struct us_place place = place_of(file);

	us_report_attribute(worker, &place, what, error, !file->failed, true);
	file->failed = true;
}

/** Take what there is of FILE away, and let it go. */
static void remove_file(struct us_worker *worker, struct us_file *file)
{
	char temp[US_TEMP_SIZE];
	const char *name = file->dst_name;
	int dirfd = file->dir->fd[US_DST];
	bool is_removed;

	if (file->replaces) {
		us_local_temp_of(worker, file, temp);
		name = temp;
		dirfd = file->temp_fd;
	}
	is_removed = file->created && !us_part_is_kept(worker, file) && is_ours(file, dirfd, name);
	if (file->dst_fd >= 0) {
		us_close(file->dst_fd); /* First: NFS keeps what is unlinked while it is open, under another name. */
		file->dst_fd = -1;
	}
	if (is_removed) {
		int ret = us_leftovers_remove(worker->job, dirfd, name);

		if (ret < 0) {
			char what[US_TEMP_SIZE + 32];

			snprintf(what, sizeof(what), "remove what there is of it%s%s", file->replaces ? ", " : "",
			         file->replaces ? temp : "");
			report_failed(worker, file, what, ret);
		}
	}
	us_worker_finished(worker, file);
}

void us_local_fail(struct us_worker *worker, struct us_file *file, const char *what, int error)
{
	report_failed(worker, file, what, error);
	remove_file(worker, file);
}

/** Attributes, when all is written (a write clears set-id bits and sets the mtime). */
static void set_attributes(struct us_worker *worker, struct us_file *file)
{
	struct us_place place = place_of(file);

	if (!us_local_set_new(worker, &place, file, &(struct us_handle){.fd = file->dst_fd})) {
		file->failed = true;
	}
}

/** All is written: attributes, then close, whose answer counts. */
static void complete(struct us_worker *worker, struct us_file *file)
{
	if (file->has_holes) {
		int ret = us_ftruncate(file->dst_fd, file->offset + file->length);

		if (ret < 0) {
			us_local_fail(worker, file, "set size", ret);
			return;
		}
	}
	set_attributes(worker, file);
	file->op = (struct us_op){.kind = US_OP_CLOSE, .fd = file->dst_fd};
	file->dst_fd = -1;
	start(worker, file, CLOSING);
}

/** A hole is a whole number of these, and lies so in the file. */
#define HOLE_BLOCK 4096u

/** Bytes from AT on in hand, to the end of the block they lie in. */
static uint32_t block_length(const struct us_file *file, uint32_t at)
{
	uint32_t length = HOLE_BLOCK - (uint32_t)((file->offset + at) % HOLE_BLOCK);

	return us_min(length, file->length - at);
}

/** True when the LENGTH bytes of DATA are zeros. */
static bool is_zero(const char *data, uint32_t length)
{
	return data[0] == 0 && memcmp(data, data + 1, length - 1) == 0;
}

/** Pass over blocks of zeros. @return how many bytes there are up to the next ones. */
static uint32_t skip_zeros(struct us_file *file)
{
	uint32_t at;

	while (file->written < file->length) {
		uint32_t length = block_length(file, file->written);

		if (!is_zero(file->data + file->written, length)) {
			break;
		}
		file->written += length;
	}
	for (at = file->written; at < file->length;) {
		uint32_t length = block_length(file, at);

		if (is_zero(file->data + at, length)) {
			break;
		}
		at += length;
	}
	return at - file->written;
}

/** Ask for the next bytes in hand to be written, or go on where there are none. */
static void write_rest(struct us_worker *worker, struct us_file *file)
{
	uint32_t left = file->find_zeros ? skip_zeros(file) : file->length - file->written;
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
	us_pace_wait(worker, left);
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

/**
 * Write what is in FILE's pipe by way of memory: what it is copied to takes no splice.
 *
 * @return 0 or a negative errno.
 */
static int empty_pipe(struct us_worker *worker, struct us_file *file)
{
	if (worker->compare_buf == NULL) {
		worker->compare_buf = malloc(worker->job->chunk);
	}
	if (worker->compare_buf == NULL) {
		return -ENOMEM;
	}
	while (file->written < file->length) {
		uint32_t left = us_min(file->length - file->written, worker->job->chunk);
		int got = us_read_pipe(file->pipe[0], worker->compare_buf, left);

		if (got <= 0) {
			return got < 0 ? got : -EIO;
		}
		file->piped -= (uint32_t)got;
		for (uint32_t at = 0; at < (uint32_t)got;) {
			struct us_op op = {
				.kind = US_OP_WRITE,
				.fd = file->dst_fd,
				.buf = worker->compare_buf + at,
				.len = (uint32_t)got - at,
				.offset = (int64_t)(file->offset + file->written),
			};

			us_call(&op);
			if (op.res <= 0) {
				return op.res < 0 ? op.res : -EIO;
			}
			at += (uint32_t)op.res;
			file->written += (uint32_t)op.res;
		}
	}
	return 0;
}

/** The destination's file system has no splice (splice_write): what is to come is read and written. */
static void after_no_splice(struct us_worker *worker, struct us_file *file)
{
	int ret = empty_pipe(worker, file);

	if (ret < 0) {
		us_local_fail(worker, file, "write", ret);
		return;
	}
	us_part_wrote(file, file->offset + file->written);
	us_pipepool_put(&worker->pipes, file->pipe, true);
	file->splice = false;
	file->method = US_METHOD_RW;
	write_rest(worker, file);
}

/** Some bytes were written, or none. */
static void after_write(struct us_worker *worker, struct us_file *file)
{
	int res = file->op.res;

	if (file->op.kind == US_OP_SPLICE && (res == -EINVAL || res == -EOPNOTSUPP)) {
		after_no_splice(worker, file);
		return;
	}
	if (res == 0) {
		res = -EIO; /* A write of some bytes that writes none will never end. */
	}
	if (res < 0) {
		us_local_fail(worker, file, "write", res);
		return;
	}
	file->written += (uint32_t)res;
	us_part_wrote(file, file->offset + file->written);
	if (file->op.kind == US_OP_SPLICE) {
		file->piped -= (uint32_t)res;
		file->method = US_METHOD_SPLICE;
	} else {
		file->method = US_METHOD_RW;
	}
	write_rest(worker, file);
}

/** The op that makes FILE as NAME. */
static struct us_op create_op(const struct us_worker *worker, struct us_file *file, int dirfd, const char *name)
{
	file->made_mode = us_local_create_mode(worker, file);
	return (struct us_op){
		.kind = US_OP_OPENAT,
		.side = US_OP_DST,
		.fd = dirfd,
		.path = name,
		.flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_NOCTTY,
		.mode = file->made_mode,
		.done = step,
	};
}

/** Make FILE under its temporary name, at once: the name does not outlive this call. */
static void create_temp(struct us_worker *worker, struct us_file *file)
{
	char temp[US_TEMP_SIZE];

	us_local_temp_name(worker, file->temp_number, temp);
	file->op = create_op(worker, file, us_local_temp_dir(worker, file), temp);
	us_call(&file->op);
}

/** The name is taken: go by way of a temporary one, unless a directory has it. @return false when it has. */
static bool begin_replacing(struct us_worker *worker, struct us_file *file)
{
	const char *what = "replace";
	struct statx dst;
	int ret = us_statx(file->dir->fd[US_DST], file->dst_name, AT_SYMLINK_NOFOLLOW, &dst);

	if (ret == 0 && S_ISDIR(dst.stx_mode)) {
		ret = us_local_make_way(worker, file, &what);
		if (ret < 0) {
			us_local_fail(worker, file, what, ret);
			return false;
		}
	}
	file->replaces = true;
	file->temp_number = ++worker->temp_number;
	return true;
}

/** True for what says that no blocks can be shared here, and not only those of one file. */
static bool is_clone_unknown(int error)
{
	return error == -EOPNOTSUPP || error == -EXDEV || error == -ENOTTY || error == -ENOSYS;
}

/** Let the copy share the source's blocks; the source reads on where that can't be, or has a last look. */
static void share_blocks(struct us_worker *worker, struct us_file *file)
{
	struct usync_job *job = worker->job;
	bool is_known = atomic_load_explicit(&job->no_clone, memory_order_relaxed); /* Since it was to be cloned. */
	int ret = is_known ? -EOPNOTSUPP : us_clone(file->dst_fd, file->src_fd);

	/* What is refused as a whole may be taken in ranges; of small files that is not worth a call. */
	file->clone_rest = ret == -EINVAL && job->large.size > 0 && file->stx.stx_size >= job->large.size;
	if (ret < 0 && !file->clone_rest && job->options.reflink == USYNC_REFLINK_ALWAYS) {
		us_local_fail(worker, file, "reflink", ret);
		return;
	}
	file->clone = false;
	if (ret < 0) {
		file->clone_refused = true;
		if (is_clone_unknown(ret)) {
			atomic_store_explicit(&job->no_clone, true, memory_order_relaxed);
		}
	} else {
		file->method = US_METHOD_CLONE;
		us_count(&worker->counts.bytes, file->stx.stx_size);
		file->has_holes = false;
		file->all_given = true;
	}
	us_worker_drained(worker, file);
}

/**
 * True when the copy has the size that it should have.  Setting the same once more would cost XFS the last block's
 * sharing.
 */
static bool has_size(const struct us_file *file)
{
	struct statx now;

	return us_statx(file->dst_fd, "", AT_EMPTY_PATH, &now) == 0 && now.stx_size == file->offset;
}

/** Let all workers that have time copy the file; the source has a last look then. */
static void copy_ranges(struct us_worker *worker, struct us_file *file)
{
	const char *what;
	int ret = us_large_copy(worker, file, &what);

	file->has_holes = !has_size(file); /* Then its size is set in the end. */
	file->all_given = true;
	if (ret == -ECANCELED) {
		remove_file(worker, file);
	} else if (ret < 0) {
		us_local_fail(worker, file, what, ret);
	} else {
		us_worker_drained(worker, file);
	}
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
	if (file->replaces) {
		us_part_begin(worker, file);
	}
	file->dst_state = WRITING; /* Though its first bytes may be a hole, which no op writes. */
	if (file->clone) {
		share_blocks(worker, file);
		return;
	}
	if (file->large != NULL) {
		copy_ranges(worker, file);
		return;
	}
	write_rest(worker, file);
}

/** Take FILE from its start: to write it, as a new one, or with the verdict COMPARE to hold it against another. */
static void begin_again(struct us_worker *worker, struct us_file *file, enum us_verdict verdict)
{
	file->dst_state = NEW;
	file->created = false;
	file->replaces = false;
	file->clone = false;
	file->clone_rest = false;
	file->method = US_METHOD_RW;
	file->is_ranged = false;
	file->all_given = false;
	file->is_reference = verdict == US_VERDICT_COMPARE;
	file->verdict = verdict;
	file->offset = 0;
	file->length = 0;
	file->written = 0;
	file->eof = false;
	us_worker_drained(worker, file);
}

/** Everything that could fail has been answered for: the file takes its name. */
static void after_close(struct us_worker *worker, struct us_file *file)
{
	char temp[US_TEMP_SIZE];
	const char *what = "close";
	int ret = file->op.res;

	if (ret < 0) {
		us_local_fail(worker, file, what, ret);
		return;
	}
	if (file->replaces) {
		ret = us_local_take_name(worker, file, &what);
		if (ret == -EXDEV && us_local_is_elsewhere(worker, file)) {
			us_local_temp_of(worker, file, temp);
			(void)us_leftovers_remove(worker->job, file->temp_fd, temp);
			us_part_void(worker, file);
			us_part_end(worker, file);
			us_local_leave_temp_dir(worker, file);
			begin_again(worker, file, US_VERDICT_COPY);
			return;
		}
		if (ret < 0) {
			us_local_fail(worker, file, what, ret);
			return;
		}
	}
	if (!file->failed) {
		file->done = true;
		us_count(&worker->counts.files, 1);
		us_count(&worker->counts.methods[file->method], 1);
		if (file->is_ranged) {
			us_count(&worker->counts.in_ranges, 1);
		}
		us_report_file(worker, file);
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

/**
 * True when a half file under its final name, should this run be killed, would be left as it is by the same command.
 */
static bool leaves_existing(const struct usync_options *options)
{
	return options->update || options->ignore_existing;
}

void us_local_create(struct us_worker *worker, struct us_file *file)
{
	us_local_admit_owner(file->dir);
	us_leftovers_meet(worker->job, file->dir, file->dst_name);
	file->dst_state = CREATING;
	if (us_part_wanted(worker, file) || leaves_existing(&worker->job->options)) {
		file->op.res = -EEXIST; /* What may be left half-way has no final name. */
		return;
	}
	file->op = create_op(worker, file, file->dir->fd[US_DST], file->dst_name);
	if (file->large != NULL) {
		us_call(&file->op); /* Nothing else goes on with this worker. */
		return;
	}
	file->is_queued = us_io_start(&worker->io, &file->op) == US_QUEUED;
}

/** The destination has the same bytes so far: go on, or end. */
static void after_equal(struct us_worker *worker, struct us_file *file)
{
	if (!file->eof) {
		us_worker_drained(worker, file);
		return;
	}
	us_close(file->dst_fd);
	file->dst_fd = -1;
	if (file->is_reference) {
		us_reference_link(worker, file);
	} else if (us_local_shares_changes(file)) {
		file->changes |= USYNC_CHANGE_CONTENT;
		begin_again(worker, file, US_VERDICT_COPY);
	} else {
		file->kind = US_FILE_ATTRIBUTES;
		us_local_put_attributes(worker, file);
	}
}

/** It has others: write the file, from the start; or is there another reference, which has the same? */
static void after_difference(struct us_worker *worker, struct us_file *file)
{
	if (file->dst_fd >= 0) {
		us_close(file->dst_fd);
		file->dst_fd = -1;
	}
	if (file->is_reference && us_reference_next(worker, file)) {
		begin_again(worker, file, US_VERDICT_COMPARE);
		return;
	}
	file->changes |= USYNC_CHANGE_VALUE | USYNC_CHANGE_CONTENT;
	begin_again(worker, file, US_VERDICT_COPY);
}

/** Hold the part in hand against what there is. */
static void compare_part(struct us_worker *worker, struct us_file *file)
{
	int ret = us_local_compare_part(worker, file);

	if (ret < 0 && file->is_reference) {
		us_reference_note_error(worker, file->dir, file->dst_name, ret);
		after_difference(worker, file);
	} else if (ret < 0) {
		us_local_fail(worker, file, "compare", ret);
	} else if (ret > 0) {
		after_equal(worker, file);
	} else {
		after_difference(worker, file);
	}
}

void us_local_write(struct us_worker *worker, struct us_file *file)
{
	if (file->dst_state == CREATING) {
		after_create(worker, file);
	} else if (file->verdict == US_VERDICT_COMPARE) {
		compare_part(worker, file);
	} else if (file->clone) {
		share_blocks(worker, file);
	} else if (file->large != NULL) {
		copy_ranges(worker, file);
	} else {
		file->written = 0;
		write_rest(worker, file);
	}
}

void us_local_restart(struct us_worker *worker, struct us_file *file)
{
	int ret = 0;

	if (file->verdict == US_VERDICT_COMPARE && file->dst_fd >= 0) {
		us_close(file->dst_fd);
		file->dst_fd = -1;
	} else if (file->dst_fd >= 0) {
		ret = us_ftruncate(file->dst_fd, 0);
	}
	us_part_void(worker, file);
	file->method = US_METHOD_RW;
	file->is_ranged = false;
	if (ret < 0) {
		us_local_fail(worker, file, "set size", ret);
	} else {
		us_worker_drained(worker, file);
	}
}

void us_local_resume(struct us_worker *worker, struct us_file *file)
{
	if (!us_local_is_begun(file) && us_part_adopt(worker, file)) {
		file->dst_state = WRITING;
		file->created = true;
		file->replaces = true;
	}
}

void us_local_abandon(struct us_worker *worker, struct us_file *file)
{
	remove_file(worker, file);
}
