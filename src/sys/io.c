/* SPDX-License-Identifier: MIT */
/* The choice between a plain call and the ring, made anew for each op by its kind. */
#include "sys/io.h"

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

void us_io_init(struct us_io *io, enum us_io_mode mode, unsigned int depth)
{
	*io = (struct us_io){0};
	io->deferred_end = &io->deferred;
	if (mode == US_IO_SYNC) {
		return;
	}
	io->ring_error = us_ring_open(&io->ring, depth);
	if (io->ring_error < 0) {
		return;
	}
	io->ring_kinds = us_ring_kinds(io->ring);
	io->ring_kinds &= mode == US_IO_ASYNC ? KINDS_ALL : KINDS_INLINE;
	io->try_cache = mode == US_IO_INLINE;
	if (mode == US_IO_ASYNC) {
		/* Blocked calls wait in io-wq's threads, of which there are 4 a processor by default. */
		us_ring_set_workers(io->ring, depth);
	}
}

void us_io_fini(struct us_io *io)
{
	us_ring_close(io->ring);
	io->ring = NULL;
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

	io->ring_kinds = 0;
	while ((op = us_ring_unqueue(io->ring)) != NULL) {
		us_call(op);
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
	if ((io->ring_kinds & US_OP_BIT(op->kind)) == 0) {
		if (io->ring == NULL && op->kind == US_OP_READ) {
			return defer(io, op);
		}
		us_call(op);
		return US_DONE;
	}
	if (op->kind == US_OP_READ && io->try_cache && read_cached(io, op)) {
		return US_DONE;
	}
	if (!us_ring_queue(io->ring, op)) {
		if (us_ring_commit(io->ring, 0) < 0) {
			abandon_ring(io);
		}
		if (io->ring_kinds == 0 || !us_ring_queue(io->ring, op)) {
			us_call(op);
			return US_DONE;
		}
	}
	io->in_flight++;
	return US_QUEUED;
}

/** True when a completion asks for the call to be made again, plainly. */
static bool wants_plain_call(const struct us_op *op)
{
	if (op->kind == US_OP_CLOSE) {
		return false; /* What close(2) answers, the descriptor is gone. */
	}
	/* EAGAIN: the file's O_NONBLOCK kept the ring from waiting; EINVAL: no such operation for this file. */
	return op->res == -EAGAIN || op->res == -EINTR || op->res == -EOPNOTSUPP || op->res == -EINVAL;
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
		us_call(op);
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
	}
	return nr;
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
