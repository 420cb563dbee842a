/* SPDX-License-Identifier: MIT */
/**
 * @file passfs.h
 * What passfs (passfs.c: the operations) asks before each operation (passfs_before.c), so that one can be counted, made
 * slow, or fail.
 */
#ifndef TESTS_PASSFS_H
#define TESTS_PASSFS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* clang-format off */
/** All operations, in the order of passfs.c. */
#define PASS_OPS(X) \
	X(lookup) X(getattr) X(setattr) X(readlink) X(mknod) X(mkdir) X(symlink) X(link) X(unlink) X(rmdir) X(rename) \
	X(create) X(open) X(read) X(write) X(flush) X(release) X(fsync) X(fallocate) X(lseek) X(opendir) X(readdir) \
	X(releasedir) X(fsyncdir) X(statfs) X(setxattr) X(getxattr) X(listxattr) X(removexattr)

/** One of them: PASS_lookup, PASS_getattr, ... */
enum pass_op {
#define X(op) PASS_##op,
	PASS_OPS(X)
#undef X
	PASS_NR,
};
/* clang-format on */

/** An operation that is about to be made. */
struct pass_call {
	enum pass_op op;
	int fd;           /**< O_PATH descriptor of the inode, or of the directory that holds the name. */
	const char *name; /**< In that directory, or the attribute's; NULL for the inode itself. */
	const char *new_name; /**< rename: the one that it gets. */
	off_t offset;     /**< read, write, fallocate, lseek, readdir; else 0. */
	size_t size;      /**< read, write, fallocate, readdir; else 0.  Of reads and writes less may be let through. */
};

/** The options that are not FUSE's (see passfs.c). */
struct pass_options {
	unsigned int delay;
	unsigned int timeout;
	unsigned int threads;
	int noacl;
	int nocase;
	char *counts;
	char *fail;
	unsigned long space;
	unsigned long quota;
	int direct;
};

/** Make ready; OPTIONS stay in place. */
void pass_before_init(const struct pass_options *options);

/**
 * Called before each operation, by many threads at a time.
 *
 * @return 0 to let it be made, or an errno for it to fail with.
 */
int pass_before(struct pass_call *call);

/** Read the options that make operations fail (passfs_fail.c). */
void pass_fail_init(const struct pass_options *options);

/** The same as pass_before(), for these options alone. */
int pass_fail(struct pass_call *call);

/** The operation called NAME; PASS_NR when there is none.  The LENGTH bytes of NAME have no NUL behind them. */
enum pass_op pass_op_find(const char *name, size_t length);

/** Nothing is mounted any more. */
void pass_before_fini(void);

#endif /* TESTS_PASSFS_H */
