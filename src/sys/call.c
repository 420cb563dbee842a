/* SPDX-License-Identifier: MIT */
/* Plain system calls, each with the same three concerns: the injected failure, errors that pass, and errno's sign. */
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

/** Linux 6.5 and its headers; the number is the same on all but one architecture. */
#if !defined(SYS_cachestat) && !defined(__alpha__)
#define SYS_cachestat 451
#endif

/** How often one call is made again: interrupted, at once; else a millisecond apart. */
#define INTR_TRIES 1000u
#define AGAIN_TRIES 20u
#define STALE_TRIES 3u

bool us_call_may_pass(int error, struct us_call_tries *tries)
{
	static const struct timespec pause = {.tv_nsec = 1000000};

	switch (error) {
	case -EINTR:
		return tries->intr++ < INTR_TRIES;
	case -EAGAIN:
		if (tries->again++ >= AGAIN_TRIES) {
			return false;
		}
		break;
	case -ESTALE:
		/* A network file system may find what it knew of a file outdated, and asks anew the next time. */
		if (tries->stale++ >= STALE_TRIES) {
			return false;
		}
		break;
	default:
		return false;
	}
	nanosleep(&pause, NULL);
	return true;
}

/** Make a call until it has an answer that stays; an injected failure stands for the call's own. */
#define call_with(tries_at_first, name, call)                       \
	({                                                          \
		struct us_call_tries call_tries = tries_at_first;   \
		int call_result;                                    \
		do {                                                \
			call_result = us_fault(name);               \
			if (call_result >= 0) {                     \
				call_result = us_try(call);         \
			}                                           \
		} while (us_call_may_pass(call_result, &call_tries)); \
		call_result;                                        \
	})
#define call_retry(name, call) call_with((struct us_call_tries){0}, name, call)

/** The same for calls to which EAGAIN is an answer. */
#define call_no_wait(name, call) call_with(((struct us_call_tries){.again = AGAIN_TRIES}), name, call)

const char *us_op_name(enum us_op_kind kind)
{
	static const char *const names[US_OP_ALL] = {
		[US_OP_OPENAT] = "openat", [US_OP_STATX] = "statx", [US_OP_MKDIRAT] = "mkdirat",
		[US_OP_READ] = "read",     [US_OP_WRITE] = "write", [US_OP_SPLICE] = "splice",
		[US_OP_CLOSE] = "close",   [US_OP_SENDMSG] = "send", [US_OP_RECV] = "recv",
		[US_OP_CANCEL] = "cancel",
	};

	return names[kind];
}

/** Call for a transfer of at most LEN bytes. */
static int transfer_once(const struct us_op *op, uint32_t len)
{
	struct iovec iov = {.iov_base = op->buf, .iov_len = len};
	loff_t in = op->offset;
	loff_t out = op->offset_out;

	switch (op->kind) {
	case US_OP_READ:
		return (int)us_try(op->flags == 0 ? pread(op->fd, op->buf, len, op->offset)
		                                  : preadv2(op->fd, &iov, 1, op->offset, op->flags));
	case US_OP_WRITE:
		return (int)us_try(op->flags == 0 ? pwrite(op->fd, op->buf, len, op->offset)
		                                  : pwritev2(op->fd, &iov, 1, op->offset, op->flags));
	default:
		return (int)us_try(splice(op->fd, in < 0 ? NULL : &in, op->fd_out, out < 0 ? NULL : &out,
		                          len, SPLICE_F_MOVE));
	}
}

/** Read, write or splice. */
static int transfer(const struct us_op *op)
{
	struct us_call_tries tries = {0};
	int ret;

	do {
		ret = us_fault(us_op_name(op->kind));
		if (ret == US_FAULT_SHORT) {
			ret = transfer_once(op, us_max(op->len / 2, 1u));
		} else if (ret == 0) {
			ret = transfer_once(op, op->len);
		}
	} while (us_call_may_pass(ret, &tries));
	return ret;
}

void us_call(struct us_op *op)
{
	switch (op->kind) {
	case US_OP_OPENAT:
		op->res = us_openat(op->fd, op->path, op->flags, op->mode);
		break;
	case US_OP_STATX:
		op->res = call_retry("statx", statx(op->fd, op->path, op->flags,
		                                    op->mask != 0 ? op->mask : US_STATX_MASK, op->buf));
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
	if (ret == -EAGAIN || ret == -EOPNOTSUPP || ret == -EINTR || ret == -ESTALE) {
		return false;
	}
	op->res = ret;
	return true;
}

int us_openat(int dirfd, const char *path, int flags, mode_t mode)
{
	if ((flags & O_NONBLOCK) != 0) {
		return call_no_wait("openat", openat(dirfd, path, flags | O_CLOEXEC, mode)); /* EAGAIN: a lease. */
	}
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

int us_clone_range(int fd, int src, uint64_t offset, uint64_t length)
{
	struct file_clone_range range = {
		.src_fd = src, .src_offset = offset, .src_length = length, .dest_offset = offset};

	return call_retry("clonerange", ioctl(fd, FICLONERANGE, &range));
}

int us_ftruncate(int fd, uint64_t size)
{
	return call_retry("ftruncate", ftruncate(fd, (off_t)size));
}

int us_reserve(int fd, uint64_t offset, uint64_t length)
{
	return call_retry("fallocate", fallocate(fd, FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)length));
}

int us_copy_range(int src, int fd, uint64_t offset, uint32_t length)
{
	off64_t in = (off64_t)offset;
	off64_t out = in;

	return call_retry("copy_file_range", (int)copy_file_range(src, &in, fd, &out, length, 0));
}

int us_set_direct(int fd, bool direct)
{
	int flags = us_try(fcntl(fd, F_GETFL));

	if (flags < 0 || ((flags & O_DIRECT) != 0) == direct) {
		return us_min(flags, 0);
	}
	return call_retry("fcntl", fcntl(fd, F_SETFL, direct ? flags | O_DIRECT : flags & ~O_DIRECT));
}

bool us_takes_direct(int fd, uint32_t align)
{
#ifdef STATX_DIOALIGN
	struct statx stx;

	return statx(fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &stx) == 0 && (stx.stx_mask & STATX_DIOALIGN) != 0 &&
	       stx.stx_dio_offset_align > 0 && align % stx.stx_dio_offset_align == 0 &&
	       stx.stx_dio_mem_align > 0 && align % stx.stx_dio_mem_align == 0;
#else
	(void)fd;
	(void)align;
	return false;
#endif
}

int us_cached_bytes(int fd, uint64_t *bytes)
{
#ifdef SYS_cachestat
	/* As linux/mman.h has them since 6.5: from off on to the end; counts of pages. */
	struct {
		uint64_t off;
		uint64_t len;
	} range = {0};
	struct {
		uint64_t nr_cache;
		uint64_t others[4];
	} pages = {0};
	int ret = call_retry("cachestat", (int)syscall(SYS_cachestat, fd, &range, &pages, 0));

	*bytes = pages.nr_cache * (uint64_t)sysconf(_SC_PAGESIZE);
	return ret;
#else
	(void)fd;
	*bytes = 0;
	return -ENOSYS;
#endif
}

int us_write_out(int fd, uint64_t offset, uint64_t length)
{
	return call_retry("sync_file_range", sync_file_range(fd, (off_t)offset, (off_t)length,
	                                                     SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
	                                                             SYNC_FILE_RANGE_WAIT_AFTER));
}

void us_forget(int fd, uint64_t offset, uint64_t length)
{
	(void)posix_fadvise(fd, (off_t)offset, (off_t)length, POSIX_FADV_DONTNEED);
}

int us_append(int fd, const void *buf, uint32_t len)
{
	return call_retry("append", (int)write(fd, buf, len));
}

int us_read_pipe(int fd, void *buf, uint32_t len)
{
	return call_retry("readpipe", (int)read(fd, buf, len));
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
	return call_no_wait("flock", flock(fd, operation | LOCK_NB));
}

int us_lock_byte(int fd, uint64_t offset)
{
	struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = (off_t)offset, .l_len = 1};

	return call_retry("ofdlock", fcntl(fd, F_OFD_SETLK, &lock));
}

int us_is_locked(int fd, uint64_t offset, uint64_t length, bool *locked)
{
	struct flock lock = {
		.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = (off_t)offset, .l_len = (off_t)length};
	int ret = call_retry("ofdlock", fcntl(fd, F_OFD_GETLK, &lock));

	*locked = ret == 0 && lock.l_type != F_UNLCK;
	return ret;
}

int us_dup(int fd)
{
	return call_retry("dup", fcntl(fd, F_DUPFD_CLOEXEC, 0));
}

int us_lseek(int fd, uint64_t offset, int whence, uint64_t *out)
{
	struct us_call_tries tries = {0};
	off_t at;

	do {
		at = us_fault("lseek");
		if (at >= 0) {
			at = us_try(lseek(fd, (off_t)offset, whence));
		}
	} while (us_call_may_pass(at < 0 ? (int)at : 0, &tries));
	if (at < 0) {
		return (int)at;
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
