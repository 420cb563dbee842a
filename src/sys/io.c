/* SPDX-License-Identifier: MIT */
/* The choice between a plain call and the ring, made anew for each op by its kind. */
#include "sys/io.h"

#include "base/clock.h"
#include "base/us.h"
#include "sys/call.h"
#include "sys/ring.h"

#include <fcntl.h>

#define KINDS_INLINE (US_OP_BIT(US_OP_READ) | US_OP_BIT(US_OP_SPLICE))
/**
 * After a read that the page cache could not answer, so many go to the ring unasked; twice as many after each
 * further one.  Neighbours are cached together or not at all, and the question itself starts a read of its
 * own, which the block layer then can't merge with its neighbours'.
 */
#define COLD_RUN_FIRST 64u
#define COLD_RUN_MAX 8192u

#define KINDS_ALL (US_OP_BIT(US_OP_NR) - 1)

/**
 * Whose time is taken: each of the first ones of a kind, then one in so many; but each as long as they take long, for
 * then two looks at the clock are nothing, and there are few calls to learn from.
 */
#define TIMED_FIRST   16u
#define TIMED_ONE_IN  16u
#define TIMED_LONG_NS 50000u

/** Of the kinds that were moved to the ring, one in so many is made at once, and timed. */
#define PROBED_ONE_IN 128u

void us_io_init(struct us_io *io, enum us_io_mode mode, unsigned int depth)
{
	*io = (struct us_io){.mode = mode, .depth = depth};
	io->deferred_end = &io->deferred;
	if (mode == US_IO_SYNC) {
		return;
	}
	io->ring_error = us_ring_open(&io->ring, depth);
	if (io->ring_error < 0) {
		return;
	}
	io->own_kinds = us_ring_kinds(io->ring) & (mode == US_IO_ASYNC ? KINDS_ALL : KINDS_INLINE);
	io->ring_kinds[US_OP_SRC] = io->own_kinds;
	io->ring_kinds[US_OP_DST] = io->own_kinds;
	io->try_cache = mode != US_IO_ASYNC;
	if (mode == US_IO_ASYNC) {
		/* Blocked calls wait in io-wq's threads, of which there are 4 a processor by default. */
		us_ring_set_workers(io->ring, depth);
	}
}

void us_io_set_kinds(struct us_io *io, enum us_op_side side, unsigned int kinds)
{
	if (io->mode != US_IO_AUTO || io->ring == NULL || io->own_kinds == 0) {
		return;
	}
	kinds = (kinds & us_ring_kinds(io->ring)) | io->own_kinds;
	if (kinds == io->ring_kinds[side]) {
		return;
	}
	io->ring_kinds[side] = kinds;
	us_ring_set_workers(io->ring, io->depth);
}

void us_io_fini(struct us_io *io)
{
	us_ring_close(io->ring);
	io->ring = NULL;
}

/** Count OP, see whether its time is to be taken, and begin with that. */
static void begin_time(struct us_io *io, struct us_op *op)
{
	uint8_t *untimed = &io->untimed[op->side][op->kind];

	op->started_ns = 0;
	if (io->times == NULL) {
		return;
	}
	atomic_store_explicit(&io->times->calls, atomic_load_explicit(&io->times->calls, memory_order_relaxed) + 1,
	                      memory_order_relaxed);
	if (*untimed > 0) {
		(*untimed)--;
		return;
	}
	op->started_ns = us_clock_ns();
}

/** Count the time that OP took, if it is taken. */
static void end_time(struct us_io *io, struct us_op *op)
{
	struct us_hist *hist;
	uint64_t ns;

	if (op->started_ns == 0) {
		return;
	}
	ns = us_clock_ns() - op->started_ns;
	hist = &io->times->kinds[op->side][op->kind];
	us_hist_add(hist, ns);
	if (ns < TIMED_LONG_NS && atomic_load_explicit(&hist->nr, memory_order_relaxed) >= TIMED_FIRST) {
		io->untimed[op->side][op->kind] = TIMED_ONE_IN - 1;
	}
}

/** Make OP's call now. */
static void make(struct us_io *io, struct us_op *op)
{
	begin_time(io, op);
	us_call(op);
	end_time(io, op);
}

/** True for the one in so many of the kinds moved to the ring that is not to go there. */
static bool is_probe(struct us_io *io, const struct us_op *op)
{
	uint8_t *untimed = &io->untimed[op->side][op->kind];

	if ((io->own_kinds & US_OP_BIT(op->kind)) != 0) {
		return false;
	}
	if (*untimed > 0) {
		(*untimed)--;
		return false;
	}
	return true;
}

/** Put OP at the end of the deferred list, after a word to the kernel to begin reading. */
static enum us_op_state defer(struct us_io *io, struct us_op *op)
{
	(void)posix_fadvise(op->fd, op->offset, op->len, POSIX_FADV_WILLNEED);
	op->next = NULL;
	*io->deferred_end = op;
	io->deferred_end = &op->next;
	io->in_flight++;
	return US_QUEUED;
}

/** The ring does not take submissions any more: make the calls it did not take, and leave it. */
static void abandon_ring(struct us_io *io)
{
	struct us_op *op;

	io->ring_kinds[US_OP_SRC] = 0;
	io->ring_kinds[US_OP_DST] = 0;
	io->own_kinds = 0;
	while ((op = us_ring_unqueue(io->ring)) != NULL) {
		if (op->kind >= US_OP_NR) {
			op->res = -EAGAIN;
		} else {
			us_call(op);
		}
		op->next = io->rescued;
		io->rescued = op;
	}
}

/** Answer a read from the page cache, if it is time to ask and the answer is there. */
static bool read_cached(struct us_io *io, struct us_op *op)
{
	if (io->cold_left > 0) {
		io->cold_left--;
		return false;
	}
	if (us_call_cached_read(op)) {
		io->cold_run = 0;
		return true;
	}
	io->cold_run = us_min(us_max(io->cold_run * 2, COLD_RUN_FIRST), COLD_RUN_MAX);
	io->cold_left = io->cold_run;
	return false;
}

enum us_op_state us_io_start(struct us_io *io, struct us_op *op)
{
	if ((io->ring_kinds[op->side] & US_OP_BIT(op->kind)) == 0) {
		if (io->ring == NULL && op->kind == US_OP_READ) {
			return defer(io, op);
		}
		make(io, op);
		return US_DONE;
	}
	if (is_probe(io, op)) {
		make(io, op);
		io->untimed[op->side][op->kind] = PROBED_ONE_IN - 1;
		return US_DONE;
	}
	if ((io->own_kinds & US_OP_BIT(op->kind)) != 0) {
		begin_time(io, op);
	} else {
		op->started_ns = 0;
	}
	if (op->kind == US_OP_READ && io->try_cache && read_cached(io, op)) {
		end_time(io, op);
		return US_DONE;
	}
	if (!us_ring_queue(io->ring, op)) {
		if (us_ring_commit(io->ring, 0) < 0) {
			abandon_ring(io);
		}
		if (io->own_kinds == 0 || !us_ring_queue(io->ring, op)) {
			us_call(op);
			return US_DONE;
		}
	}
	io->in_flight++;
	return US_QUEUED;
}

bool us_io_queue(struct us_io *io, struct us_op *op)
{
	if (io->ring == NULL || io->own_kinds == 0 || (us_ring_kinds(io->ring) & US_OP_BIT(op->kind)) == 0) {
		return false;
	}
	op->started_ns = 0;
	if (!us_ring_queue(io->ring, op)) {
		if (us_ring_commit(io->ring, 0) < 0) {
			abandon_ring(io);
		}
		if (io->own_kinds == 0 || !us_ring_queue(io->ring, op)) {
			return false;
		}
	}
	io->in_flight++;
	return true;
}

bool us_io_cancel(struct us_io *io, struct us_op *op, struct us_op *cancel)
{
	cancel->kind = US_OP_CANCEL;
	cancel->buf = op;
	if (us_io_queue(io, cancel)) {
		return true;
	}
	us_ring_cancel(io->ring, op); /* The ring takes no more ops. */
	return false;
}

/** True when a completion asks for the call to be made again, plainly, where what can pass is tried some times more. */
static bool wants_plain_call(const struct us_op *op)
{
	if (op->kind == US_OP_CLOSE || op->kind >= US_OP_NR) {
		return false; /* What close(2) answers, the descriptor is gone.  Sockets are their owner's business. */
	}
	switch (op->res) {
	case -EAGAIN: /* The file's O_NONBLOCK kept the ring from waiting. */
	case -EINTR:
	case -ESTALE:
	case -ENOMEM:     /* There was none for the ring's own needs. */
	case -EOPNOTSUPP:
	case -EINVAL:     /* No such operation for this file. */
		return true;
	default:
		return false;
	}
}

void us_io_run(struct us_io *io, struct us_op *op, void *context)
{
	if (us_io_start(io, op) == US_DONE) {
		op->done(op, context);
	}
}

/** Take up to MAX ops from the deferred list, making their calls. */
static unsigned int reap_deferred(struct us_io *io, struct us_op **ops, unsigned int max)
{
	unsigned int nr = 0;

	while (nr < max && io->deferred != NULL) {
		struct us_op *op = io->deferred;

		io->deferred = op->next;
		if (io->deferred == NULL) {
			io->deferred_end = &io->deferred;
		}
		make(io, op);
		ops[nr++] = op;
	}
	return nr;
}

/** Take up to MAX ops from the ring, or from those that it left behind. */
static unsigned int reap_ring(struct us_io *io, struct us_op **ops, unsigned int max)
{
	unsigned int nr = 0;
	unsigned int nr_rescued;

	for (; nr < max && io->rescued != NULL; io->rescued = io->rescued->next) {
		ops[nr++] = io->rescued;
	}
	nr_rescued = nr;
	nr += us_ring_reap(io->ring, ops + nr, max - nr);
	for (unsigned int i = nr_rescued; i < nr; i++) {
		if (wants_plain_call(ops[i])) {
			us_call(ops[i]);
		}
		end_time(io, ops[i]);
	}
	return nr;
}

int us_io_fd(const struct us_io *io)
{
	return io->ring != NULL && io->in_flight > 0 ? us_ring_fd(io->ring) : -1;
}

unsigned int us_io_reap(struct us_io *io, struct us_op **ops, unsigned int max, unsigned int wait_nr)
{
	unsigned int nr;

	if (io->ring == NULL) {
		nr = reap_deferred(io, ops, max);
	} else {
		wait_nr = io->rescued != NULL ? 0 : us_min(wait_nr, io->in_flight);
		if (us_ring_commit(io->ring, wait_nr) < 0) {
			abandon_ring(io);
		}
		nr = reap_ring(io, ops, max);
	}
	io->in_flight -= nr;
	return nr;
}
