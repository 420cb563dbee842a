/* SPDX-License-Identifier: MIT */
/**
 * @file ring.h
 * One io_uring of one thread: the only user of liburing.
 *
 * The thread that opens a ring is the only one that may use it (IORING_SETUP_SINGLE_ISSUER, Linux 6.0), and
 * completions are handled when that thread asks for them (IORING_SETUP_DEFER_TASKRUN, 6.1).  Older kernels
 * get a ring without these flags.
 */
#ifndef US_SYS_RING_H
#define US_SYS_RING_H

#include "sys/op.h"

#include <stdbool.h>
#include <stdint.h>

struct us_ring;

/**
 * Open a ring for this thread with room for ENTRIES ops that are not yet committed (rounded up to a power
 * of two), at most US_RING_ENTRIES_MAX.
 *
 * @param[out] ring  To be closed with us_ring_close().
 * @return 0; -ENOSYS, -EPERM or -EACCES when the kernel or a sandbox forbids io_uring; or another errno.
 */
int us_ring_open(struct us_ring **ring, unsigned int entries);

#define US_RING_ENTRIES_MAX 4096u

/** Close a ring.  Nothing may be in flight.  NULL is allowed. */
void us_ring_close(struct us_ring *ring);

/** The set (US_OP_BIT) of the kinds that this kernel's ring can do. */
unsigned int us_ring_kinds(const struct us_ring *ring);

/**
 * Let the kernel run up to NR blocked calls of this ring at a time (io-wq's bounded workers; Linux 5.15,
 * ignored before).
 */
void us_ring_set_workers(struct us_ring *ring, unsigned int nr);

/**
 * Put OP into the submission queue.
 *
 * @return true, or false when the queue is full: commit, then try again.
 */
bool us_ring_queue(struct us_ring *ring, struct us_op *op);

/**
 * Hand everything queued to the kernel in one call and wait until at least WAIT_NR ops are complete.
 *
 * @return 0, or a negative errno when ops remain that the kernel did not take; us_ring_unqueue() gives them.
 */
int us_ring_commit(struct us_ring *ring, unsigned int wait_nr);

/**
 * Take back one op that the kernel did not take, or NULL.  From then on nothing may be queued on the ring;
 * us_ring_commit() only waits for what is in flight.
 */
struct us_op *us_ring_unqueue(struct us_ring *ring);

/**
 * End OP, which the kernel has taken and which waits for something, if that can be without another op (Linux 6.0): it
 * comes back as all do.
 */
void us_ring_cancel(struct us_ring *ring, struct us_op *op);

/**
 * A descriptor that polls as readable when there are completions to reap; it may do so when there are none.  To be
 * asked for before each wait, after which us_ring_reap() has to be called.
 */
int us_ring_fd(struct us_ring *ring);

/**
 * Take up to MAX complete ops, with their results in op->res.  Never waits.
 *
 * @return how many.
 */
unsigned int us_ring_reap(struct us_ring *ring, struct us_op **ops, unsigned int max);

#endif /* US_SYS_RING_H */
