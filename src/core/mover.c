/* SPDX-License-Identifier: MIT */
/*
 *	method       what is done                                       when it is refused
 *	clone        ranges share the source's blocks (FICLONERANGE)    rw, or the file fails (--reflink=always)
 *	cfr          copy_file_range(2)                                 rw
 *	splice       through a pipe of the worker's pool                rw, what is in the pipe too
 *	rw           read, written: dontcache, else direct, else cached
 *
 * Plain calls are made, not the ring's: with RWF_DONTCACHE the kernel reads ahead and writes behind by itself, and
 * there are several workers (docs/performance.md has the figures).
 */
#include "core/mover.h"

#include "base/us.h"
#include "core/digest.h"
#include "core/job.h"
#include "core/pace.h"
#include "core/report.h"
#include "core/worker.h"
#include "sys/call.h"
#include "sys/fstype.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define ALIGN US_BYPASS_ALIGN

static const char *const method_names[] = {[US_METHOD_RW] = "rw",
                                           [US_METHOD_SPLICE] = "splice",
                                           [US_METHOD_CFR] = "copy_file_range",
                                           [US_METHOD_CLONE] = "reflink"};

void us_mover_init(struct us_mover *mover, const struct us_file *file, struct us_digest *digest, uint32_t request)
{
	uint64_t cached = 0;
	int ret = us_cached_bytes(file->src_fd, &cached);

	*mover = (struct us_mover){.file = file, .digest = digest, .request = request};
	us_bypass_init(&mover->bypass[US_SRC], file->src_fd);
	us_bypass_init(&mover->bypass[US_DST], file->dst_fd);
	atomic_init(&mover->size, file->stx.stx_size);
	atomic_init(&mover->sparse, file->sparse);
	mover->was_cached = ret == 0 && cached > 0 && cached >= file->stx.stx_size / 2;
	mover->was_uncached = ret == 0 && cached == 0;
}

void us_mover_fini(struct us_mover *mover)
{
	us_bypass_fini(&mover->bypass[US_SRC]);
	us_bypass_fini(&mover->bypass[US_DST]);
}

/** True when both sides are of one file system that copies without moving data through this machine. */
static bool is_one_server(const struct us_file *file)
{
	struct statx dst;

	return us_fstype_copies_itself(file->dst_fd) && us_statx(file->dst_fd, "", AT_EMPTY_PATH, &dst) == 0 &&
	       dst.stx_dev_major == file->stx.stx_dev_major && dst.stx_dev_minor == file->stx.stx_dev_minor;
}

void us_mover_choose(struct us_mover *mover, const struct usync_job *job)
{
	const struct us_file *file = mover->file;
	enum us_method method = US_METHOD_RW;

	mover->bypass[US_DST].fd = file->dst_fd;
	mover->writes_out = us_fstype_is_local(file->dst_fd);
	mover->must_clone = file->clone_rest && job->options.reflink == USYNC_REFLINK_ALWAYS;
	if (job->digests) {
		method = US_METHOD_RW;
	} else if (file->clone_rest) {
		method = US_METHOD_CLONE;
	} else if (file->find_zeros) {
		method = US_METHOD_RW;
	} else if (job->options.copy == USYNC_COPY_CFR ||
	           (job->options.copy == USYNC_COPY_AUTO && is_one_server(file))) {
		method = US_METHOD_CFR;
	} else if (file->splice) {
		method = US_METHOD_SPLICE;
	}
	atomic_store(&mover->method, (int)method);
}

/** There is nothing to read at END and behind it. */
static void end_at(struct us_mover *mover, uint64_t end)
{
	uint64_t size = atomic_load(&mover->size);

	while (end < size && !atomic_compare_exchange_weak(&mover->size, &size, end)) {
	}
}

/** Without data from AT on the file is a hole to its end, or has become shorter; then no zeros are made up. */
static void end_in_hole(struct us_mover *mover, uint64_t at)
{
	struct statx now;

	if (us_statx(mover->file->src_fd, "", AT_EMPTY_PATH, &now) == 0) {
		end_at(mover, us_max((uint64_t)now.stx_size, at));
	}
}

bool us_mover_seek_data(int fd, atomic_bool *sparse, uint64_t *at, uint64_t end, uint64_t *data_end)
{
	uint64_t data;
	int ret;

	*data_end = end;
	if (!atomic_load_explicit(sparse, memory_order_relaxed)) {
		return true;
	}
	ret = us_lseek(fd, *at, SEEK_DATA, &data);
	if (ret == -ENXIO) {
		return false;
	}
	if (ret < 0) {
		atomic_store(sparse, false); /* Holes can't be told here. */
		return true;
	}
	*at = us_min(us_max(us_bypass_down(data), *at), end);
	if (*at < end && (us_lseek(fd, data, SEEK_HOLE, data_end) < 0 || *data_end <= *at || *data_end > end)) {
		*data_end = end;
	}
	return true;
}

uint64_t us_mover_find_data(struct us_mover *mover, uint64_t at, uint64_t end, uint64_t *data_end)
{
	if (!us_mover_seek_data(mover->file->src_fd, &mover->sparse, &at, end, data_end)) {
		end_in_hole(mover, at);
		return end;
	}
	return at;
}

/** True when the LENGTH bytes of DATA, one at least, are zeros. */
static bool is_zero(const char *data, uint32_t length)
{
	return data[0] == 0 && memcmp(data, data + 1, length - 1) == 0;
}

uint32_t us_mover_run(const char *data, uint32_t length, bool zero)
{
	uint32_t at = 0;

	while (at < length && is_zero(data + at, us_min(ALIGN, length - at)) == zero) {
		at += us_min(ALIGN, length - at);
	}
	return at;
}

/** Write the LENGTH bytes of DATA to OFFSET.  @return 0 or a negative errno. */
static int write_data(struct us_mover *mover, char *data, uint32_t length, uint64_t offset)
{
	uint32_t done = 0;

	while (done < length) {
		struct us_op op = {
			.kind = US_OP_WRITE,
			.buf = data + done,
			.len = length - done,
			.offset = (int64_t)(offset + done),
		};

		if (us_bypass_way(&mover->bypass[US_DST]) == US_BYPASS_DIRECT && op.offset % ALIGN == 0 &&
		    op.len % ALIGN != 0) {
			/*
			 * Zeros up to the end of the page: behind the file's end, which is set last, or what this
			 * worker writes next.  That holds however the call is made in the end, for no page belongs to
			 * two ranges.
			 */
			uint32_t padded = (uint32_t)us_bypass_up(op.len);

			memset(data + done + op.len, 0, padded - op.len);
			op.len = padded;
		}
		us_bypass_call(&mover->bypass[US_DST], &op);
		if (op.res <= 0) {
			return op.res < 0 ? op.res : -EIO;
		}
		done += us_min((uint32_t)op.res, length - done);
	}
	return 0;
}

/** Write the LENGTH bytes in BUF to OFFSET, but not those that become holes. */
static int write_request(struct us_mover *mover, struct us_worker *worker, char *buf, uint32_t length, uint64_t offset)
{
	uint32_t at = 0;
	int ret = 0;

	if (!mover->file->find_zeros || offset % ALIGN != 0) {
		us_pace_wait(worker, length);
		return write_data(mover, buf, length, offset);
	}
	while (at < length && ret == 0) {
		uint32_t data;

		at += us_mover_run(buf + at, length - at, true);
		data = us_mover_run(buf + at, length - at, false);
		if (data > 0) {
			us_pace_wait(worker, data);
			ret = write_data(mover, buf + at, data, offset + at);
		}
		at += data;
	}
	return ret;
}

/** Read up to LENGTH bytes from OFFSET.  @return how many, 0 at the end of the file, or a negative errno. */
static int read_request(struct us_mover *mover, char *buf, uint32_t length, uint64_t offset)
{
	struct us_op op = {
		.kind = US_OP_READ,
		.buf = buf,
		.len = length,
		.offset = (int64_t)offset,
	};

	if (us_bypass_way(&mover->bypass[US_SRC]) == US_BYPASS_DIRECT) {
		op.len = (uint32_t)us_bypass_up(length);
	}
	us_bypass_call(&mover->bypass[US_SRC], &op);
	return us_min(op.res, (int32_t)length);
}

/** Keep what went wrong.  @return 0. */
static int fail(struct us_mover_failure *failure, enum us_side side, const char *what, int error)
{
	*failure = (struct us_mover_failure){.side = side, .what = what, .error = error};
	return 0;
}

bool us_mover_sum_hole(struct us_mover *mover, const struct us_worker *worker, uint64_t offset)
{
	while (mover->digest != NULL && !us_digest_skip(mover->digest, offset)) {
		if (us_job_stopping(worker->job)) {
			return false;
		}
	}
	return true;
}

/** Read and write.  @return how many bytes, or 0 and perhaps a failure. */
static int copy_by_memory(struct us_mover *mover, struct us_worker *worker, uint32_t length, uint64_t offset,
                          struct us_mover_failure *failure)
{
	int got = read_request(mover, worker->large_buf, us_min(length, mover->request), offset);
	int ret;

	if (got < 0) {
		return fail(failure, US_SRC, "read", got);
	}
	if (got == 0) {
		end_at(mover, offset);
		return 0;
	}
	if (mover->digest != NULL) {
		if (!us_mover_sum_hole(mover, worker, offset)) {
			return 0;
		}
		us_digest_add(mover->digest, offset, worker->large_buf, (size_t)got);
	}
	ret = write_request(mover, worker, worker->large_buf, (uint32_t)got, offset);
	return ret < 0 ? fail(failure, US_DST, "write", ret) : got;
}

/** Give up METHOD, which was refused: all that is left is read and written. */
static void give_up(struct us_mover *mover, enum us_method method)
{
	int was = (int)method;

	(void)atomic_compare_exchange_strong(&mover->method, &was, US_METHOD_RW);
}

/**
 * Let the copy share the blocks of LENGTH bytes at OFFSET.
 *
 * @return how many; 0: it can't, and FAILURE may say that it must.
 */
static int copy_by_clone(struct us_mover *mover, uint32_t length, uint64_t offset, struct us_mover_failure *failure)
{
	int ret = us_clone_range(mover->file->dst_fd, mover->file->src_fd, offset, length);

	if (ret < 0 && mover->must_clone) {
		return fail(failure, US_DST, "reflink", ret);
	}
	if (ret < 0) {
		give_up(mover, US_METHOD_CLONE);
		return 0;
	}
	return (int)length;
}

/** Let the kernel copy up to LENGTH bytes at OFFSET.  @return how many; 0: it can't. */
static int copy_by_kernel(struct us_mover *mover, struct us_worker *worker, uint32_t length, uint64_t offset)
{
	int ret;

	us_pace_wait(worker, length);
	ret = us_copy_range(mover->file->src_fd, mover->file->dst_fd, offset, length);
	if (ret <= 0) {
		/*
		 * Not there, or not between these two: EXDEV, EOPNOTSUPP, EINVAL and their kin.  What is wrong beside
		 * that, writing will tell.
		 */
		give_up(mover, US_METHOD_CFR);
		return 0;
	}
	return ret;
}

/** Splice up to LENGTH bytes from IN at IN_OFFSET to OUT at OUT_OFFSET; -1 for a pipe. */
static int splice_some(int in, int64_t in_offset, int out, int64_t out_offset, uint32_t length)
{
	struct us_op op = {
		.kind = US_OP_SPLICE,
		.fd = in,
		.offset = in_offset,
		.fd_out = out,
		.offset_out = out_offset,
		.len = length,
	};

	us_call(&op);
	return op.res;
}

/** Write the LENGTH bytes that PIPE holds to OFFSET by way of memory.  @return 0 or a negative errno. */
static int empty_pipe(struct us_mover *mover, struct us_worker *worker, int pipe, uint32_t length, uint64_t offset)
{
	while (length > 0) {
		int got = us_read_pipe(pipe, worker->large_buf, us_min(length, mover->request));
		int ret = got > 0 ? write_data(mover, worker->large_buf, (uint32_t)got, offset) : us_min(got, 0);

		if (got <= 0 || ret < 0) {
			return ret < 0 ? ret : -EIO;
		}
		length -= (uint32_t)got;
		offset += (uint32_t)got;
	}
	return 0;
}

/** Write the LENGTH bytes that PIPE holds to OFFSET.  @return 0 or a negative errno. */
static int splice_out(struct us_mover *mover, struct us_worker *worker, int pipe, uint32_t length, uint64_t offset)
{
	us_pace_wait(worker, length);
	while (length > 0) {
		int ret = splice_some(pipe, -1, mover->file->dst_fd, (int64_t)offset, length);

		if (ret == -EINVAL || ret == -EOPNOTSUPP) {
			give_up(mover, US_METHOD_SPLICE); /* No splice_write there. */
			return empty_pipe(mover, worker, pipe, length, offset);
		}
		if (ret <= 0) {
			return ret < 0 ? ret : -EIO;
		}
		length -= (uint32_t)ret;
		offset += (uint32_t)ret;
	}
	return 0;
}

/**
 * Copy up to LENGTH bytes at OFFSET through a pipe.
 *
 * @return how many, or 0: a failure, the end of the file, or no splice here.
 */
static int copy_by_splice(struct us_mover *mover, struct us_worker *worker, uint32_t length, uint64_t offset,
                          struct us_mover_failure *failure)
{
	int pipe[2];
	int got;
	int ret;

	if (us_pipepool_get(&worker->pipes, pipe) < 0) {
		give_up(mover, US_METHOD_SPLICE);
		return 0;
	}
	got = splice_some(mover->file->src_fd, (int64_t)offset, pipe[1], -1, us_min(length, worker->job->chunk));
	if (got == -EINVAL || got == -EOPNOTSUPP) {
		give_up(mover, US_METHOD_SPLICE);
	} else if (got < 0) {
		fail(failure, US_SRC, "read", got);
	} else if (got == 0) {
		end_at(mover, offset);
	}
	ret = got > 0 ? splice_out(mover, worker, pipe[0], (uint32_t)got, offset) : 0;
	us_pipepool_put(&worker->pipes, pipe, ret == 0);
	if (ret < 0) {
		return fail(failure, US_DST, "write", ret);
	}
	return us_max(got, 0);
}

uint32_t us_mover_copy(struct us_mover *mover, struct us_worker *worker, uint32_t length, uint64_t offset,
                       struct us_mover_failure *failure)
{
	int got = 0;

	switch ((enum us_method)atomic_load_explicit(&mover->method, memory_order_relaxed)) {
	case US_METHOD_CLONE:
		got = copy_by_clone(mover, length, offset, failure);
		break;
	case US_METHOD_CFR:
		got = copy_by_kernel(mover, worker, length, offset);
		break;
	case US_METHOD_SPLICE:
		got = copy_by_splice(mover, worker, length, offset, failure);
		break;
	default:
		break;
	}
	if (got == 0 && failure->error == 0 && offset < atomic_load(&mover->size)) {
		got = copy_by_memory(mover, worker, length, offset, failure);
	}
	us_count(&worker->counts.bytes, (uint64_t)got);
	return (uint32_t)got;
}

/** True when what is copied goes through pages of SIDE that stay in the cache. */
static bool stays_cached(const struct us_mover *mover, enum us_side side)
{
	enum us_method method = (enum us_method)atomic_load(&mover->method);

	return us_bypass_way(&mover->bypass[side]) == US_BYPASS_CACHED || method == US_METHOD_SPLICE ||
	       method == US_METHOD_CFR;
}

void us_mover_forget(struct us_mover *mover, uint64_t start, uint64_t end, struct us_mover_failure *failure)
{
	int ret = 0;

	if (stays_cached(mover, US_SRC) && !mover->was_cached) {
		us_forget(mover->file->src_fd, start, end - start);
	}
	if (!stays_cached(mover, US_DST)) {
		return;
	}
	if (mover->writes_out) {
		/* Dirty pages are not dropped; they would pile up until the end.  Other workers write meanwhile. */
		ret = us_write_out(mover->file->dst_fd, start, end - start);
	}
	if (ret == -EIO || ret == -ENOSPC || ret == -EDQUOT) {
		fail(failure, US_DST, "write", ret);
	}
	us_forget(mover->file->dst_fd, start, end - start);
}

/** Say how it went, if that was not said of another file that went so. */
static void note(struct us_mover *mover, struct usync_job *job, uint32_t range)
{
	enum us_method method = (enum us_method)atomic_load(&mover->method);
	enum us_bypass_way in = us_bypass_way(&mover->bypass[US_SRC]);
	enum us_bypass_way out = us_bypass_way(&mover->bypass[US_DST]);
	unsigned int which = (unsigned int)method * US_BYPASS_WAYS * US_BYPASS_WAYS;

	if (method == US_METHOD_RW) {
		which += (unsigned int)in * US_BYPASS_WAYS + (unsigned int)out;
	}
	if ((atomic_fetch_or(&job->large_noted, UINT64_C(1) << which) >> which & 1) != 0) {
		return;
	}
	if (method == US_METHOD_RW) {
		us_report_note(job, "large files: rw, ranges of %u, read %s, written %s", range, us_bypass_name(in),
		               us_bypass_name(out));
	} else {
		us_report_note(job, "large files: %s, ranges of %u", method_names[method], range);
	}
}

void us_mover_end(struct us_mover *mover, struct us_worker *worker, uint32_t range)
{
	us_bypass_restore(&mover->bypass[US_SRC]);
	us_bypass_restore(&mover->bypass[US_DST]);
	if (mover->was_uncached || (stays_cached(mover, US_SRC) && !mover->was_cached)) {
		/* What was read ahead across the end of a range whose other side had been read by then. */
		us_forget(mover->file->src_fd, 0, 0);
	}
	if (stays_cached(mover, US_DST)) {
		us_forget(mover->file->dst_fd, 0, 0);
	}
	note(mover, worker->job, range);
}
