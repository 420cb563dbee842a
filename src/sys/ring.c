/* SPDX-License-Identifier: MIT */
/*
 * An io_uring:
 *
 *	us_ring_queue()        us_ring_commit()              us_ring_reap()
 *	     |                       |                            |
 *	     v                       v                            v
 *	[ submission queue ] --> [ kernel: in flight ] --> [ completion queue ] --> op->res
 *	  pending[], in order
 *
 * pending[] remembers what the kernel has not taken yet, so that a ring that stops working loses nothing:
 * its owner makes those calls plainly.
 */
#include "sys/ring.h"

#include "base/fault.h"
#include "base/us.h"
#include "sys/call.h"

#include <fcntl.h>
#include <liburing.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

/** How often a submission that the kernel has no memory for is tried again. */
#define COMMIT_TRIES 100

struct us_ring {
	struct io_uring uring;
	unsigned int kinds;      /**< What the kernel can do. */
	unsigned int entries;    /**< Length of pending. */
	int event_fd;            /**< What wakes those who wait for it in poll(2), or -1. */
	bool waited;             /**< That was asked for, and may be readable. */
	unsigned int nr_busy;    /**< Commits in a row that the kernel answered with EBUSY. */
	unsigned int nr_pending; /**< Ops queued and not committed. */
	struct us_op *pending[]; /**< Those ops, in the order of the submission queue. */
};

/** The ring operation of each kind. */
static const int opcodes[US_OP_ALL] = {
	[US_OP_OPENAT] = IORING_OP_OPENAT, [US_OP_STATX] = IORING_OP_STATX,
	[US_OP_MKDIRAT] = IORING_OP_MKDIRAT, [US_OP_READ] = IORING_OP_READ,
	[US_OP_WRITE] = IORING_OP_WRITE, [US_OP_SPLICE] = IORING_OP_SPLICE,
	[US_OP_CLOSE] = IORING_OP_CLOSE, [US_OP_SENDMSG] = IORING_OP_SENDMSG,
	[US_OP_RECV] = IORING_OP_RECV, [US_OP_CANCEL] = IORING_OP_ASYNC_CANCEL,
};

/** Ask the kernel which kinds it knows (IORING_REGISTER_PROBE, Linux 5.6). */
static unsigned int probe_kinds(struct io_uring *uring)
{
	struct io_uring_probe *probe = us_fault("probe") < 0 ? NULL : io_uring_get_probe_ring(uring);
	unsigned int kinds = 0;

	if (probe == NULL) {
		return 0;
	}
	for (unsigned int kind = 0; kind < US_OP_ALL; kind++) {
		if (io_uring_opcode_supported(probe, opcodes[kind])) {
			kinds |= US_OP_BIT(kind);
		}
	}
	io_uring_free_probe(probe);
	return kinds;
}

/** Set up with the newest flags that the kernel takes; an unknown flag is answered with EINVAL. */
static int setup(struct io_uring *uring, unsigned int entries)
{
	static const unsigned int ladder[] = {
		IORING_SETUP_SUBMIT_ALL | IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SINGLE_ISSUER |
			IORING_SETUP_DEFER_TASKRUN,                            /* Linux 6.1 */
		IORING_SETUP_SUBMIT_ALL | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG, /* 5.19 */
		0,
	};
	int ret = -EINVAL;

	for (size_t i = 0; i < us_array_size(ladder) && ret == -EINVAL; i++) {
		ret = us_fault("ring");
		if (ret == 0) {
			ret = io_uring_queue_init(entries, uring, ladder[i]);
		}
	}
	return ret;
}

#ifdef __SANITIZE_THREAD__
/**
 * A ring may get the addresses of one that another thread has just closed.  The kernel sees to their order; but the
 * thread sanitizer does not see that they were unmapped and mapped, for liburing makes its system calls without libc.
 * So it is told here: before the one, and after the other.
 */
static atomic_uint nr_closes;
#define note_close() ((void)atomic_fetch_add_explicit(&nr_closes, 1, memory_order_release))
#define see_closes() ((void)atomic_load_explicit(&nr_closes, memory_order_acquire))
#else
#define note_close() ((void)0)
#define see_closes() ((void)0)
#endif

int us_ring_open(struct us_ring **ring, unsigned int entries)
{
	struct us_ring *new;
	int ret;

	entries = us_min(entries, US_RING_ENTRIES_MAX);
	new = calloc(1, sizeof(*new) + entries * sizeof(new->pending[0]));
	if (new == NULL) {
		return -ENOMEM;
	}
	ret = setup(&new->uring, entries);
	see_closes();
	if (ret < 0) {
		free(new);
		return ret;
	}
	new->event_fd = -1;
	new->entries = entries;
	new->kinds = probe_kinds(&new->uring);
	*ring = new;
	return 0;
}

void us_ring_close(struct us_ring *ring)
{
	if (ring != NULL) {
		note_close();
		io_uring_queue_exit(&ring->uring);
		if (ring->event_fd >= 0) {
			us_close(ring->event_fd);
		}
		free(ring);
	}
}

unsigned int us_ring_kinds(const struct us_ring *ring)
{
	return ring->kinds;
}

void us_ring_set_workers(struct us_ring *ring, unsigned int nr)
{
	unsigned int workers[2] = {nr, 0}; /* bounded, unbounded (0: as it is) */

	(void)io_uring_register_iowq_max_workers(&ring->uring, workers);
}

/** Write OP into a submission entry; an injected failure must not run, so a NOP goes instead. */
static void prepare(struct io_uring_sqe *sqe, struct us_op *op)
{
	uint32_t len = op->fault == US_FAULT_SHORT ? us_max(op->len / 2, 1u) : op->len;

	if (op->fault < 0 && op->kind != US_OP_CLOSE) { /* close(2) closes even when it fails. */
		io_uring_prep_nop(sqe);
		io_uring_sqe_set_data(sqe, op);
		return;
	}
	switch (op->kind) {
	case US_OP_OPENAT:
		io_uring_prep_openat(sqe, op->fd, op->path, op->flags | O_CLOEXEC, op->mode);
		break;
	case US_OP_STATX:
		io_uring_prep_statx(sqe, op->fd, op->path, op->flags,
		                    op->mask != 0 ? op->mask : US_STATX_MASK, op->buf);
		break;
	case US_OP_MKDIRAT:
		io_uring_prep_mkdirat(sqe, op->fd, op->path, op->mode);
		break;
	case US_OP_READ:
		io_uring_prep_read(sqe, op->fd, op->buf, len, (uint64_t)op->offset);
		sqe->rw_flags = op->flags;
		break;
	case US_OP_WRITE:
		io_uring_prep_write(sqe, op->fd, op->buf, len, (uint64_t)op->offset);
		sqe->rw_flags = op->flags;
		break;
	case US_OP_SPLICE:
		io_uring_prep_splice(sqe, op->fd, op->offset, op->fd_out, op->offset_out, len,
		                     SPLICE_F_MOVE);
		break;
	case US_OP_SENDMSG:
		io_uring_prep_sendmsg(sqe, op->fd, op->buf, MSG_NOSIGNAL);
		break;
	case US_OP_RECV:
		io_uring_prep_recv(sqe, op->fd, op->buf, len, 0);
		break;
	case US_OP_CANCEL:
		io_uring_prep_cancel(sqe, op->buf, 0);
		break;
	default:
		io_uring_prep_close(sqe, op->fd);
		break;
	}
	io_uring_sqe_set_data(sqe, op);
}

bool us_ring_queue(struct us_ring *ring, struct us_op *op)
{
	struct io_uring_sqe *sqe;

	if (ring->nr_pending == ring->entries) {
		return false;
	}
	sqe = io_uring_get_sqe(&ring->uring);
	if (sqe == NULL) {
		return false;
	}
	op->fault = us_fault(us_op_name(op->kind));
	prepare(sqe, op);
	ring->pending[ring->nr_pending++] = op;
	return true;
}

/** One io_uring_enter: submit what is pending, wait for WAIT_NR completions. */
static int enter(struct us_ring *ring, unsigned int wait_nr)
{
	int ret = us_fault("submit");

	if (ret < 0) {
		return ret;
	}
	ret = io_uring_submit_and_wait(&ring->uring, wait_nr);
	if (ret > 0) {
		unsigned int taken = (unsigned int)ret;

		ring->nr_busy = 0;
		ring->nr_pending -= taken;
		memmove(ring->pending, ring->pending + taken,
		        ring->nr_pending * sizeof(ring->pending[0]));
	}
	return ret;
}

/** Wait for NR completions without submitting anything. */
static int wait_only(struct us_ring *ring, unsigned int nr)
{
	struct io_uring_cqe *cqe;
	int ret;

	do {
		ret = io_uring_wait_cqe_nr(&ring->uring, &cqe, nr);
	} while (ret == -EINTR);
	return ret;
}

int us_ring_commit(struct us_ring *ring, unsigned int wait_nr)
{
	unsigned int tries = 0;

	if (ring->nr_pending == 0) {
		return wait_nr > 0 ? wait_only(ring, wait_nr) : 0;
	}
	while (ring->nr_pending > 0) {
		int ret = enter(ring, wait_nr);

		if (ret == -EINTR) {
			continue;
		}
		if (ret == -EBUSY) {
			/* The completion queue is full: the caller reaps and comes again. */
			return ++ring->nr_busy > COMMIT_TRIES ? ret : 0;
		}
		if ((ret == -EAGAIN || ret == -ENOMEM || ret == 0) && ++tries < COMMIT_TRIES) {
			continue;
		}
		if (ret <= 0) {
			return ret < 0 ? ret : -EAGAIN;
		}
	}
	return 0;
}

struct us_op *us_ring_unqueue(struct us_ring *ring)
{
	return ring->nr_pending > 0 ? ring->pending[--ring->nr_pending] : NULL;
}

void us_ring_cancel(struct us_ring *ring, struct us_op *op)
{
	struct io_uring_sync_cancel_reg reg = {.addr = (uint64_t)(uintptr_t)op,
	                                       .timeout = {.tv_sec = -1, .tv_nsec = -1}};

	(void)io_uring_register_sync_cancel(&ring->uring, &reg);
}

/**
 * The ring's own descriptor does not wake who polls for it while work is left to the ring's thread
 * (IORING_SETUP_DEFER_TASKRUN; seen with Linux 6.18, where a wait of 200 ms went to its end): an eventfd does.  What
 * completed before it was there is told by its first value.
 */
static void make_event_fd(struct us_ring *ring)
{
	int fd = us_try(eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK));

	if (fd >= 0 && io_uring_register_eventfd(&ring->uring, fd) < 0) {
		us_close(fd);
		fd = -1;
	}
	ring->event_fd = fd;
}

int us_ring_fd(struct us_ring *ring)
{
	if (ring->event_fd < 0) {
		make_event_fd(ring);
	}
	ring->waited = true;
	return ring->event_fd >= 0 ? ring->event_fd : ring->uring.ring_fd;
}

unsigned int us_ring_reap(struct us_ring *ring, struct us_op **ops, unsigned int max)
{
	struct io_uring_cqe *cqe;
	unsigned int nr = 0;
	uint64_t count;

	if (ring->waited && ring->event_fd >= 0) {
		ring->waited = false;
		if (read(ring->event_fd, &count, sizeof(count)) < 0) {
			/* Nothing has completed since the last time. */
		}
	}
	while (nr < max && io_uring_peek_cqe(&ring->uring, &cqe) == 0) {
		struct us_op *op = io_uring_cqe_get_data(cqe);

		op->res = op->fault < 0 ? op->fault : cqe->res;
		io_uring_cqe_seen(&ring->uring, cqe);
		ops[nr++] = op;
	}
	return nr;
}
