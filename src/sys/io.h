/* SPDX-License-Identifier: MIT */
/**
 * @file io.h
 * The funnel that every open, stat, create, read, write and close of the engine goes through.
 *
 * One struct us_io belongs to one thread.  It holds the set of kinds that go to the ring; all others run at
 * once.  Who starts an op learns from the answer which it was, and sees no other difference:
 *
 *	mode     on the ring
 *	auto     as inline, and what us_io_set_kinds() adds, side by side
 *	inline   splice, and each read that the page cache can't answer
 *	async    all kinds that the kernel's ring can do
 *	sync     none; a read is announced to the kernel (posix_fadvise) and made when it is reaped,
 *	         so that the reads of many files still overlap
 */
#ifndef US_SYS_IO_H
#define US_SYS_IO_H

#include "base/hist.h"
#include "sys/op.h"

#include <stdatomic.h>
#include <stdbool.h>

/** Which kinds go to the ring. */
enum us_io_mode {
	US_IO_INLINE,
	US_IO_ASYNC,
	US_IO_SYNC,
	US_IO_AUTO,
};

/** How long the calls of one thread take; those of reads on a ring include the time they wait there. */
struct us_io_times {
	atomic_ulong calls; /**< All of them, also those whose time was not taken.  Written by that thread. */
	struct us_hist kinds[US_OP_SIDES][US_OP_NR];
};

struct us_ring;

/** One thread's way to make calls. */
struct us_io {
	struct us_ring *ring;    /**< NULL without io_uring. */
	unsigned int ring_kinds[US_OP_SIDES]; /**< US_OP_BIT of the kinds that go to the ring. */
	unsigned int own_kinds; /**< Those that always do, in this mode. */
	enum us_io_mode mode;
	unsigned int depth;
	struct us_io_times *times; /**< Where to count how long calls take, or NULL.  Set by the owner. */
	uint8_t untimed[US_OP_SIDES][US_OP_NR]; /**< So many calls of the kind until one's time is taken again. */
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

/**
 * In mode auto: the set (US_OP_BIT) of further KINDS that go to the ring on SIDE from now on; those that were added
 * before and are not in it don't any more.  One call in 128 of them is made at once all the same, so that it is known
 * how long they take.  Nothing happens in other modes, and without a ring.
 */
void us_io_set_kinds(struct us_io *io, enum us_op_side side, unsigned int kinds);

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
 * Queue OP, of a socket, on the ring, whatever the mode.  It comes back from us_io_reap(), with -EAGAIN when the ring
 * did not take it after all.
 *
 * @return false when there is no ring for it: it was not started.
 */
bool us_io_queue(struct us_io *io, struct us_op *op);

/**
 * End OP, which was queued by that and has not come back: it does now, with what it has moved or -ECANCELED.  CANCEL
 * is used for that; it comes back, too.
 *
 * @return false when CANCEL is not used.
 */
bool us_io_cancel(struct us_io *io, struct us_op *op, struct us_op *cancel);

/** True when the next read would be asked of the page cache first: the last ones were there, or it is time to see. */
static inline bool us_io_may_be_cached(const struct us_io *io)
{
	return io->try_cache && io->cold_left == 0;
}

/** True when opens go to the ring. */
static inline bool us_io_queues_opens(const struct us_io *io)
{
	return (io->ring_kinds[US_OP_SRC] & US_OP_BIT(US_OP_OPENAT)) != 0;
}

/**
 * A descriptor that polls as readable when us_io_reap() has something to give; -1 when there is nothing that it could
 * wait for.
 */
int us_io_fd(const struct us_io *io);

/**
 * Hand over what was queued and give back up to MAX ops that are complete.
 *
 * @param wait_nr  Wait for at least so many (never for more than are in flight); 0 does not wait.
 * @return how many ops were put into OPS.
 */
unsigned int us_io_reap(struct us_io *io, struct us_op **ops, unsigned int max, unsigned int wait_nr);

#endif /* US_SYS_IO_H */
