/* SPDX-License-Identifier: MIT */
/* Plain system calls, each with the same three concerns: the injected failure, EINTR, and errno's sign. */
#include "sys/call.h"

#include "base/fault.h"
#include "base/us.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/xattr.h>
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
	return call_retry("statx", statx(dirfd, path, flags, US_STATX_MASK, stx));
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
	return call_retry("fchmod", fchmodat(dirfd, path, mode, AT_SYMLINK_NOFOLLOW));
}

int us_readlinkat(int dirfd, const char *path, char *buf, size_t size)
{
	return call_retry("readlinkat", (int)readlinkat(dirfd, path, buf, size));
}

int us_linkat(int olddir, const char *old, int newdir, const char *name)
{
	return call_retry("linkat", linkat(olddir, old, newdir, name, 0));
}

int us_mknodat(int dirfd, const char *path, mode_t mode, dev_t dev)
{
	return call_retry("mknodat", mknodat(dirfd, path, mode, dev));
}

int us_clone(int fd, int src)
{
	return call_retry("clone", ioctl(fd, FICLONE, src));
}

int us_ftruncate(int fd, uint64_t size)
{
	return call_retry("ftruncate", ftruncate(fd, (off_t)size));
}

int us_append(int fd, const void *buf, uint32_t len)
{
	return call_retry("append", (int)write(fd, buf, len));
}

int us_fdatasync(int fd)
{
	return call_retry("fdatasync", fdatasync(fd));
}

int us_syncfs(int fd)
{
	return call_retry("syncfs", syncfs(fd));
}

int us_drop_cache(int fd)
{
	return -posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
}

int us_flock(int fd, int operation)
{
	return call_retry("flock", flock(fd, operation | LOCK_NB));
}

int us_dup(int fd)
{
	return call_retry("dup", fcntl(fd, F_DUPFD_CLOEXEC, 0));
}

int us_lseek(int fd, uint64_t offset, int whence, uint64_t *out)
{
	int ret = us_fault("lseek");
	off_t at = ret < 0 ? -1 : lseek(fd, (off_t)offset, whence);

	if (at < 0) {
		return ret < 0 ? ret : -errno;
	}
	*out = (uint64_t)at;
	return 0;
}

int us_chown(int fd, const char *name, uid_t uid, gid_t gid)
{
	int flags = name != NULL ? AT_SYMLINK_NOFOLLOW : AT_EMPTY_PATH;

	return call_retry("chown", fchownat(fd, name != NULL ? name : "", uid, gid, flags));
}

/** One time for utimensat(2). */
static struct timespec time_or_omit(const struct statx_timestamp *time)
{
	if (time == NULL) {
		return (struct timespec){.tv_nsec = UTIME_OMIT};
	}
	return (struct timespec){.tv_sec = time->tv_sec, .tv_nsec = time->tv_nsec};
}

int us_set_times(int fd, const char *name, const struct statx_timestamp *atime,
                 const struct statx_timestamp *mtime)
{
	struct timespec times[2] = {time_or_omit(atime), time_or_omit(mtime)};

	if (name == NULL) {
		return call_retry("utimens", futimens(fd, times));
	}
	return call_retry("utimens", utimensat(fd, name, times, AT_SYMLINK_NOFOLLOW));
}

/** The path of NAME in the directory FD, in PATH where one has to be made.  @return NULL when it is too long. */
static const char *path_of(char path[PATH_MAX], int fd, const char *name)
{
	if (fd == AT_FDCWD || name[0] == '/') {
		return name;
	}
	return snprintf(path, PATH_MAX, "/proc/self/fd/%d/%s", fd, name) < PATH_MAX ? path : NULL;
}

/** One of the xattr calls: on the descriptor, or on the path AT that leads by way of it. */
#define xattr_call(what, on_fd, on_path)                                              \
	({                                                                            \
		char path[PATH_MAX];                                                  \
		const char *at = name != NULL ? path_of(path, fd, name) : NULL;       \
		int xattr_result = -ENAMETOOLONG;                                     \
		if (name == NULL) {                                                   \
			xattr_result = call_retry(what, (int)(on_fd));                \
		} else if (at != NULL) {                                              \
			xattr_result = call_retry(what, (int)(on_path));              \
		}                                                                     \
		xattr_result;                                                         \
	})

/** listxattrat(2) is Linux 6.13's; its number is the same on every architecture but Alpha. */
#ifndef __NR_listxattrat
#define __NR_listxattrat 465
#endif

int us_listxattr(int fd, const char *name, char *buf, size_t size)
{
	static atomic_bool is_missing;
	int ret = -ENOSYS;

	/* This one alone is worth a call of its own: it is asked of every file, the others of few. */
	if (name != NULL && !atomic_load_explicit(&is_missing, memory_order_relaxed)) {
		ret = call_retry("listxattr", (int)syscall(__NR_listxattrat, fd, name, AT_SYMLINK_NOFOLLOW, buf, size));
		if (ret == -ENOSYS) {
			atomic_store_explicit(&is_missing, true, memory_order_relaxed);
		}
	}
	if (ret != -ENOSYS && ret != -EPERM) {
		return ret;
	}
	return xattr_call("listxattr", flistxattr(fd, buf, size), llistxattr(at, buf, size));
}

int us_getxattr(int fd, const char *name, const char *attribute, void *buf, size_t size)
{
	return xattr_call("getxattr", fgetxattr(fd, attribute, buf, size),
	                  lgetxattr(at, attribute, buf, size));
}

int us_setxattr(int fd, const char *name, const char *attribute, const void *value, size_t size)
{
	return xattr_call("setxattr", fsetxattr(fd, attribute, value, size, 0),
	                  lsetxattr(at, attribute, value, size, 0));
}

int us_removexattr(int fd, const char *name, const char *attribute)
{
	return xattr_call("removexattr", fremovexattr(fd, attribute), lremovexattr(at, attribute));
}
