/* SPDX-License-Identifier: MIT */
/**
 * @file op.h
 * One system call as data, so that who asks for it need not know whether it runs at once or on a ring.
 */
#ifndef US_SYS_OP_H
#define US_SYS_OP_H

#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

/** The calls that both a plain call and a ring can make. */
enum us_op_kind {
	US_OP_OPENAT,
	US_OP_STATX,
	US_OP_MKDIRAT,
	US_OP_READ,
	US_OP_WRITE,
	US_OP_SPLICE,
	US_OP_CLOSE,
	US_OP_NR,

	/* Those of sockets, which wait for another machine: for us_io_queue() alone. */
	US_OP_SENDMSG = US_OP_NR,
	US_OP_RECV,
	US_OP_CANCEL, /**< End another op that is queued. */
	US_OP_ALL,
};

/** Whose file system a call has to do with.  An index. */
enum us_op_side {
	US_OP_SRC,
	US_OP_DST,
	US_OP_SIDES,
};

/** The bit of one kind in a set of kinds. */
#define US_OP_BIT(kind) (1u << (kind))

/** What starting an op came to. */
enum us_op_state {
	US_DONE,   /**< It ran; op->res holds its result, which may be a failure. */
	US_QUEUED, /**< It will come back from us_io_reap(). */
};

/** What us_statx() asks for, and US_OP_STATX without a mask (statx(2)). */
#define US_STATX_MASK (STATX_BASIC_STATS | STATX_BTIME | STATX_MNT_ID)

struct us_op;

/** Called by whoever reaps OP, when it was queued. */
typedef void us_op_done_fn(struct us_op *op, void *context);

/**
 * One call.  The owner fills in what the kind needs, and keeps all of it, and what it points to, in place
 * until the op is done.
 */
struct us_op {
	enum us_op_kind kind;
	enum us_op_side side;
	int fd;             /**< The descriptor; for openat, statx, mkdirat the directory. */
	int fd_out;         /**< splice: where to. */
	int flags;          /**< openat: O_*; statx: AT_*; read, write: RWF_* (preadv2(2)). */
	mode_t mode;        /**< openat, mkdirat. */
	unsigned int mask;  /**< statx: STATX_*; 0: US_STATX_MASK. */
	uint32_t len;       /**< read, write, splice, recv: bytes. */
	int32_t res;        /**< The result: 0 or positive, or a negative errno. */
	int32_t fault;      /**< Test builds: what us_fault() said when it was queued. */
	int64_t offset;     /**< read, write: place in the file; splice: in fd, -1 for a pipe. */
	int64_t offset_out; /**< splice: place in fd_out, -1 for a pipe. */
	const char *path;   /**< openat, statx, mkdirat. */
	void *buf;          /**< read, write, recv: memory; statx: struct statx; sendmsg: struct msghdr; cancel: struct
	                         us_op. */
	us_op_done_fn *done;
	uint64_t started_ns; /**< Of those whose time is taken (io.h): when it was started.  Set by us_io_start(). */
	struct us_op *next; /**< For whoever holds the op in a list. */
};

#endif /* US_SYS_OP_H */
