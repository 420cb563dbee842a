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

/** fchmodat(2); a symbolic link is not followed, and fails. */
int us_fchmodat(int dirfd, const char *path, mode_t mode);

/** readlinkat(2): the number of bytes put into BUF, without a NUL. */
int us_readlinkat(int dirfd, const char *path, char *buf, size_t size);

/** linkat(2): NAME in NEWDIR becomes another name of OLD in OLDDIR, which is not followed. */
int us_linkat(int olddir, const char *old, int newdir, const char *name);

int us_mknodat(int dirfd, const char *path, mode_t mode, dev_t dev);

/** Let the empty file FD share all blocks of the file SRC (ioctl_ficlone(2)). */
int us_clone(int fd, int src);

int us_ftruncate(int fd, uint64_t size);

/** write(2) of at most LEN bytes to a file opened with O_APPEND: how many were written. */
int us_append(int fd, const void *buf, uint32_t len);

/** fdatasync(2). */
int us_fdatasync(int fd);

/** syncfs(2): since Linux 5.8 it also tells of what could not be written since FD was opened. */
int us_syncfs(int fd);

/** Let the page cache forget the clean pages of FD (POSIX_FADV_DONTNEED). */
int us_drop_cache(int fd);

/** flock(2) without waiting: OPERATION is LOCK_SH, LOCK_EX or LOCK_UN; -EWOULDBLOCK when another has it. */
int us_flock(int fd, int operation);

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
