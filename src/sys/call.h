/* SPDX-License-Identifier: MIT */
/**
 * @file call.h
 * System calls made plainly: 0 or positive, or a negative errno.  EINTR is tried again.
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
int us_fchmodat(int dirfd, const char *path, mode_t mode);

/** readlinkat(2): the number of bytes put into BUF, without a NUL. */
int us_readlinkat(int dirfd, const char *path, char *buf, size_t size);

/** Set the mtime of an open file and leave the atime. */
int us_set_mtime(int fd, const struct statx_timestamp *mtime);

/** The same for a name, which is not followed when it is a symbolic link. */
int us_set_mtime_at(int dirfd, const char *path, const struct statx_timestamp *mtime);

#endif /* US_SYS_CALL_H */
