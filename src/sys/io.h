/* SPDX-License-Identifier: MIT */
/**
 * @file io.h
 * The funnel that every open, stat, create, read, write and close of the engine goes through.
 *
 * One struct us_io belongs to one thread.  It holds the set of kinds that go to the ring; all others run at
 * once.  Who starts an op learns from the answer which it was, and sees no other difference:
 *
 *	mode     on the ring
 *	inline   splice, and each read that the page cache can't answer
 *	async    all kinds that the kernel's ring can do
 *	sync     none; a read is announced to the kernel (posix_fadvise) and made when it is reaped,
 *	         so that the reads of many files still overlap
 */
#ifndef US_SYS_IO_H
#define US_SYS_IO_H

#include "sys/op.h"

#include <stdbool.h>

/** Which kinds go to the ring. */
enum us_io_mode {
	US_IO_INLINE,
	US_IO_ASYNC,
	US_IO_SYNC,
};

struct us_ring;

/** One thread's way to make calls. */
struct us_io {
	struct us_ring *ring;    /**< NULL without io_uring. */
	unsigned int ring_kinds; /**< US_OP_BIT of the kinds that go to the ring. */
	unsigned int in_flight;  /**< Ops queued and not reaped. */
	struct us_op *deferred;  /**< Without a ring: reads announced and not yet made, oldest first. */
	struct us_op **deferred_end;
	struct us_op *rescued; /**< Done plainly because the ring stopped taking ops. */
	bool try_cache;         /**< Reads are answered from the page cache where they can be. */
	unsigned int cold_left; /**< So many reads go to the ring before the page cache is asked again. */
	unsigned int cold_run;  /**< What cold_left began with; doubles with each vain question. */
	int ring_error; /**< Why there is no ring though one was asked for, or 0. */
};

/**
 * Make ready for calls by this thread.  A ring that cannot be had is no error: MODE becomes sync, and
 * io->ring_error says why.
 *
 * @param depth  Most ops that will be in flight at a time.
 */
void us_io_init(struct us_io *io, enum us_io_mode mode, unsigned int depth);

/** Release what us_io_init() took.  Nothing may be in flight. */
void us_io_fini(struct us_io *io);

/**
 * Start OP.
 *
 * @return US_DONE when op->res holds the result, which may be a failure; US_QUEUED when OP will come back
 *         from us_io_reap().
 */
enum us_op_state us_io_start(struct us_io *io, struct us_op *op);

/**
 * Start OP, which has its done, and call that at once when the op was done at once: so its owner goes on in one
 * place however the op ran.
 */
void us_io_run(struct us_io *io, struct us_op *op, void *context);

/**
 * Hand over what was queued and give back up to MAX ops that are complete.
 *
 * @param wait_nr  Wait for at least so many (never for more than are in flight); 0 does not wait.
 * @return how many ops were put into OPS.
 */
unsigned int us_io_reap(struct us_io *io, struct us_op **ops, unsigned int max, unsigned int wait_nr);

#endif /* US_SYS_IO_H */
