/* SPDX-License-Identifier: MIT */
/* Plain system calls, each with the same three concerns: the injected failure, EINTR, and errno's sign. */
#include "sys/call.h"

#include "base/fault.h"
#include "base/us.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/uio.h>
#include <unistd.h>

/** How often a transfer that can't be made just now is tried again, a millisecond apart. */
#define AGAIN_TRIES 20u

/** Make a call until it is not interrupted; an injected failure stands for the call's own. */
#define call_retry(name, call)                             \
	({                                                 \
		int call_result;                           \
		do {                                       \
			call_result = us_fault(name);      \
			if (call_result >= 0) {            \
				call_result = us_try(call); \
			}                                  \
		} while (call_result == -EINTR);           \
		call_result;                               \
	})

const char *us_op_name(enum us_op_kind kind)
{
	static const char *const names[US_OP_NR] = {
		[US_OP_OPENAT] = "openat", [US_OP_STATX] = "statx", [US_OP_MKDIRAT] = "mkdirat",
		[US_OP_READ] = "read",     [US_OP_WRITE] = "write", [US_OP_SPLICE] = "splice",
		[US_OP_CLOSE] = "close",
	};

	return names[kind];
}

/** Call for a transfer of at most LEN bytes. */
static int transfer_once(const struct us_op *op, uint32_t len)
{
	loff_t in = op->offset;
	loff_t out = op->offset_out;

	switch (op->kind) {
	case US_OP_READ:
		return (int)us_try(pread(op->fd, op->buf, len, op->offset));
	case US_OP_WRITE:
		return (int)us_try(pwrite(op->fd, op->buf, len, op->offset));
	default:
		return (int)us_try(splice(op->fd, in < 0 ? NULL : &in, op->fd_out, out < 0 ? NULL : &out,
		                          len, SPLICE_F_MOVE));
	}
}

/** True when a call that failed with ERROR may do better the next time; counts the tries. */
static bool is_worth_a_try(int error, unsigned int *tries)
{
	static const struct timespec pause = {.tv_nsec = 1000000};

	if (error == -EINTR) {
		return true;
	}
	if (error != -EAGAIN || ++*tries > AGAIN_TRIES) {
		return false;
	}
	nanosleep(&pause, NULL);
	return true;
}

/** Read, write or splice, again when interrupted. */
static int transfer(const struct us_op *op)
{
	unsigned int tries = 0;
	int ret;

	do {
		ret = us_fault(us_op_name(op->kind));
		if (ret == US_FAULT_SHORT) {
			ret = transfer_once(op, us_max(op->len / 2, 1u));
		} else if (ret == 0) {
			ret = transfer_once(op, op->len);
		}
	} while (is_worth_a_try(ret, &tries));
	return ret;
}

void us_call(struct us_op *op)
{
	switch (op->kind) {
	case US_OP_OPENAT:
		op->res = us_openat(op->fd, op->path, op->flags, op->mode);
		break;
	case US_OP_STATX:
		op->res = us_statx(op->fd, op->path, op->flags, op->buf);
		break;
	case US_OP_MKDIRAT:
		op->res = us_mkdirat(op->fd, op->path, op->mode);
		break;
	case US_OP_CLOSE:
		op->res = us_close(op->fd);
		break;
	default:
		op->res = transfer(op);
		break;
	}
}

bool us_call_cached_read(struct us_op *op)
{
	struct iovec iov = {.iov_base = op->buf, .iov_len = op->len};
	int ret = us_fault("read");

	if (ret == US_FAULT_SHORT) {
		iov.iov_len = us_max(op->len / 2, 1u);
	}
	if (ret >= 0) {
		ret = (int)us_try(preadv2(op->fd, &iov, 1, op->offset, RWF_NOWAIT));
	}
	if (ret == -EAGAIN || ret == -EOPNOTSUPP || ret == -EINTR) {
		return false;
	}
	op->res = ret;
	return true;
}

int us_openat(int dirfd, const char *path, int flags, mode_t mode)
{
	return call_retry("openat", openat(dirfd, path, flags | O_CLOEXEC, mode));
}

int us_close(int fd)
{
	int injected = us_fault("close");
	int ret = us_try(close(fd));

	/* The descriptor is closed whatever the test asked for: a failed close closes too (close(2)). */
	if (injected < 0) {
		ret = injected;
	}
	return ret == -EINTR ? 0 : ret;
}

int us_statx(int dirfd, const char *path, int flags, struct statx *stx)
{
	return call_retry("statx", statx(dirfd, path, flags, STATX_BASIC_STATS | STATX_MNT_ID, stx));
}

int us_mkdirat(int dirfd, const char *path, mode_t mode)
{
	return call_retry("mkdirat", mkdirat(dirfd, path, mode));
}

int us_unlinkat(int dirfd, const char *path, int flags)
{
	return call_retry("unlinkat", unlinkat(dirfd, path, flags));
}

int us_renameat(int olddir, const char *old, int newdir, const char *name)
{
	return call_retry("rename", renameat(olddir, old, newdir, name));
}

int us_symlinkat(const char *target, int dirfd, const char *path)
{
	return call_retry("symlinkat", symlinkat(target, dirfd, path));
}

int us_fchmod(int fd, mode_t mode)
{
	return call_retry("fchmod", fchmod(fd, mode));
}

int us_fchmodat(int dirfd, const char *path, mode_t mode)
{
	return call_retry("fchmod", fchmodat(dirfd, path, mode, 0));
}

int us_readlinkat(int dirfd, const char *path, char *buf, size_t size)
{
	return call_retry("readlinkat", (int)readlinkat(dirfd, path, buf, size));
}

/** The pair that utimensat(2) takes to set the mtime alone. */
static void mtime_only(struct timespec times[2], const struct statx_timestamp *mtime)
{
	times[0] = (struct timespec){.tv_nsec = UTIME_OMIT};
	times[1] = (struct timespec){.tv_sec = mtime->tv_sec, .tv_nsec = mtime->tv_nsec};
}

int us_set_mtime(int fd, const struct statx_timestamp *mtime)
{
	struct timespec times[2];

	mtime_only(times, mtime);
	return call_retry("utimens", futimens(fd, times));
}

int us_set_mtime_at(int dirfd, const char *path, const struct statx_timestamp *mtime)
{
	struct timespec times[2];

	mtime_only(times, mtime);
	return call_retry("utimens", utimensat(dirfd, path, times, AT_SYMLINK_NOFOLLOW));
}
