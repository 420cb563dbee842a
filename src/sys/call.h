/* SPDX-License-Identifier: MIT */
/**
 * @file call.h
 * System calls made plainly: 0 or positive, or a negative errno.
 *
 * Errors that can pass are tried again a bounded number of times: EINTR, EAGAIN (but not by flock(2) or an open with
 * O_NONBLOCK, whose answer it is) and ESTALE.  close(2) is never made twice.
 *
 * Every call that can fail for a reason outside the program passes here or through the ring, so this is
 * where test builds put their failures in.
 */
#ifndef US_SYS_CALL_H
#define US_SYS_CALL_H

#include "sys/op.h"

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

/** How often a call was made again; zeros at first. */
struct us_call_tries {
	unsigned int intr;
	unsigned int again;
	unsigned int stale;
};

/** True when a call that answered ERROR may do better if it is made again now; may have waited a millisecond. */
bool us_call_may_pass(int error, struct us_call_tries *tries);

/** The name of a kind, as URING_SYNC_FAULT spells it. */
const char *us_op_name(enum us_op_kind kind);

/** Make OP's call now, in this thread; the result goes to op->res. */
void us_call(struct us_op *op);

/**
 * Make OP, a read, only as far as the page cache holds the bytes (preadv2(2), RWF_NOWAIT, Linux 4.14).
 *
 * @return false when it would have to wait, or the file system can't tell; op->res is not set then.
 */
bool us_call_cached_read(struct us_op *op);

/** openat(2), with O_CLOEXEC always set. */
int us_openat(int dirfd, const char *path, int flags, mode_t mode);

/** close(2); -EINTR is no failure, for Linux has released the descriptor by then. */
int us_close(int fd);

/** statx(2) for the basic fields, and the mount's number (0 before Linux 5.8); FLAGS are AT_*. */
int us_statx(int dirfd, const char *path, int flags, struct statx *stx);

int us_mkdirat(int dirfd, const char *path, mode_t mode);
int us_unlinkat(int dirfd, const char *path, int flags);
int us_renameat(int olddir, const char *old, int newdir, const char *name);
int us_symlinkat(const char *target, int dirfd, const char *path);
int us_fchmod(int fd, mode_t mode);

/** fchmodat(2); a symbolic link is not followed, and fails. */
int us_fchmodat(int dirfd, const char *path, mode_t mode);

/** readlinkat(2): the number of bytes put into BUF, without a NUL. */
int us_readlinkat(int dirfd, const char *path, char *buf, size_t size);

/** linkat(2): NAME in NEWDIR becomes another name of OLD in OLDDIR, which is not followed. */
int us_linkat(int olddir, const char *old, int newdir, const char *name);

int us_mknodat(int dirfd, const char *path, mode_t mode, dev_t dev);

/** Let the empty file FD share all blocks of the file SRC (ioctl_ficlone(2)). */
int us_clone(int fd, int src);

/** The same of LENGTH bytes at OFFSET of both (ioctl_ficlonerange(2)). */
int us_clone_range(int fd, int src, uint64_t offset, uint64_t length);

int us_ftruncate(int fd, uint64_t size);

/** Give FD blocks for LENGTH bytes from OFFSET on; its size stays (fallocate(2), FALLOC_FL_KEEP_SIZE). */
int us_reserve(int fd, uint64_t offset, uint64_t length);

/** copy_file_range(2) from OFFSET of SRC to the same place in FD: how many bytes, at most LENGTH; 0 at the end. */
int us_copy_range(int src, int fd, uint64_t offset, uint32_t length);

/** Let reads and writes of the open file FD pass by the page cache, or not any more (fcntl(2), O_DIRECT). */
int us_set_direct(int fd, bool direct);

/**
 * True when FD says that it can do so with memory and places that are multiples of ALIGN (STATX_DIOALIGN, Linux 6.1).
 */
bool us_takes_direct(int fd, uint32_t align);

/** Find out how much of FD is in the page cache (cachestat(2), Linux 6.5).  @return 0 or a negative errno. */
int us_cached_bytes(int fd, uint64_t *bytes);

/**
 * Write what is dirty of LENGTH bytes of FD from OFFSET on to the disk, and wait for that (sync_file_range(2)); neither
 * metadata nor the disk's own cache is thought of.
 * @return 0 or a negative errno, that of an earlier write perhaps.
 */
int us_write_out(int fd, uint64_t offset, uint64_t length);

/**
 * Let the page cache forget LENGTH bytes of FD from OFFSET on (0: all), those that are on the disk; of the others the
 * writing is begun (POSIX_FADV_DONTNEED).
 */
void us_forget(int fd, uint64_t offset, uint64_t length);

/** write(2) of at most LEN bytes to a file opened with O_APPEND: how many were written. */
int us_append(int fd, const void *buf, uint32_t len);

/** read(2) of at most LEN bytes of a pipe: how many were read. */
int us_read_pipe(int fd, void *buf, uint32_t len);

/** fdatasync(2). */
int us_fdatasync(int fd);

/** syncfs(2): since Linux 5.8 it also tells of what could not be written since FD was opened. */
int us_syncfs(int fd);

/** Let the page cache forget the clean pages of FD (POSIX_FADV_DONTNEED). */
int us_drop_cache(int fd);

/** flock(2) without waiting: OPERATION is LOCK_SH, LOCK_EX or LOCK_UN; -EWOULDBLOCK when another has it. */
int us_flock(int fd, int operation);

/**
 * Lock the byte at OFFSET of FD, which may be a directory, for reading; with others who do (F_OFD_SETLK).  It is held
 * by what was opened, until that is closed or the process ends.
 */
int us_lock_byte(int fd, uint64_t offset);

/**
 * Tell in *LOCKED whether one of the LENGTH bytes (0: all) from OFFSET on is locked by someone who did not get that by
 * what FD is of (F_OFD_GETLK).
 */
int us_is_locked(int fd, uint64_t offset, uint64_t length, bool *locked);

/** Another descriptor of the same open file (F_DUPFD_CLOEXEC). */
int us_dup(int fd);

/** lseek(2): 0 and the place in *OUT, or a negative errno. */
int us_lseek(int fd, uint64_t offset, int whence, uint64_t *out);

/*
 * The following are about the open file FD when NAME is NULL, else about NAME in the directory FD, which is not
 * followed when it is a symbolic link.
 */

/** chown(2); -1 leaves the user or the group. */
int us_chown(int fd, const char *name, uid_t uid, gid_t gid);

/** utimensat(2); a NULL leaves that time. */
int us_set_times(int fd, const char *name, const struct statx_timestamp *atime,
                 const struct statx_timestamp *mtime);

/* listxattr(2) and its kin: the bytes that were put into BUF, or 0, or a negative errno. */
int us_listxattr(int fd, const char *name, char *buf, size_t size);
int us_getxattr(int fd, const char *name, const char *attribute, void *buf, size_t size);
int us_setxattr(int fd, const char *name, const char *attribute, const void *value, size_t size);
int us_removexattr(int fd, const char *name, const char *attribute);

#endif /* US_SYS_CALL_H */
