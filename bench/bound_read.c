/* SPDX-License-Identifier: MIT */
/*
 * Reading alone.  A thread opens files until it has a batch of them, which may lie in several directories, hands over
 * their first reads in one call, so that those of neighbouring files merge, and closes them as they are read.  The
 * next batch is opened while the disk works on the one before.
 */
#include "bound.h"

#include "tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/** Bytes of one read; a file that is longer is read on by plain calls. */
#define PIECE_BYTES (256u << 10)
/** From one buffer to the next: a page more, or all of them would compete for the same lines of the cache. */
#define STEP_BYTES  (PIECE_BYTES + 4096u)

/** Files in flight. */
struct batch {
	unsigned nr;
	unsigned left; /**< Handed over, and not read yet. */
	int *fds;
	char *buffers;
};

/** A thread's own. */
struct reader {
	struct io_uring ring;
	struct batch batches[2]; /**< One is filled, the other read. */
	unsigned filling;
	unsigned long files, bytes;
};

/** Room for a batch of NR. */
static void init_batch(struct batch *batch, unsigned nr)
{
	size_t bytes = (size_t)STEP_BYTES * nr;

	batch->fds = malloc(nr * sizeof(*batch->fds));
	batch->buffers = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (!batch->fds || batch->buffers == MAP_FAILED) {
		fail("malloc", "buffers");
	}
	madvise(batch->buffers, bytes, MADV_NOHUGEPAGE); /* Little of it is used where files are small. */
}

/** A thread starts. */
static void *begin(void)
{
	struct reader *reader = calloc(1, sizeof(*reader));
	unsigned nr = options.batch ? options.batch : 1;
	int ret;

	if (!reader) {
		fail("malloc", "reader");
	}
	init_batch(&reader->batches[0], nr);
	if (options.batch) {
		init_batch(&reader->batches[1], nr);
		ret = io_uring_queue_init(nr * 2, &reader->ring,
		                          IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);
		if (ret < 0) {
			errno = -ret;
			fail("io_uring_setup", "ring");
		}
	}
	return reader;
}

/** Read a file on, from where a read of GOT bytes into BUFFER ended, and close it. */
static void finish_file(struct reader *reader, int fd, char *buffer, ssize_t got)
{
	off_t offset = got;

	while (got == PIECE_BYTES) {
		got = pread(fd, buffer, PIECE_BYTES, offset);
		offset += got;
	}
	if (got < 0) {
		fail("read", "file");
	}
	close(fd);
	reader->files++;
	reader->bytes += (unsigned long)offset;
}

/** Wait for a read of whichever batch, and finish its file. */
static void reap(struct reader *reader)
{
	struct io_uring_cqe *cqe;
	int ret = io_uring_wait_cqe(&reader->ring, &cqe);
	struct batch *batch;
	uint64_t slot;

	if (ret < 0 || cqe->res < 0) {
		errno = ret < 0 ? -ret : -cqe->res;
		fail("read", "file");
	}
	slot = io_uring_cqe_get_data64(cqe);
	batch = &reader->batches[slot / options.batch];
	slot %= options.batch;
	finish_file(reader, batch->fds[slot], batch->buffers + slot * STEP_BYTES, cqe->res);
	io_uring_cqe_seen(&reader->ring, cqe);
	batch->left--;
}

/** Hand over the reads of the batch that was filled, and finish the one before. */
static void turn(struct reader *reader)
{
	struct batch *filled = &reader->batches[reader->filling];
	struct batch *before = &reader->batches[reader->filling ^ 1];
	int ret = io_uring_submit(&reader->ring);

	if (ret < 0) {
		errno = -ret;
		fail("io_uring_enter", "ring");
	}
	filled->left = filled->nr;
	while (before->left) {
		reap(reader);
	}
	before->nr = 0;
	reader->filling ^= 1;
}

/** Queue the first read of a file. */
static void add(struct reader *reader, int fd)
{
	struct batch *batch = &reader->batches[reader->filling];
	struct io_uring_sqe *sqe = io_uring_get_sqe(&reader->ring);
	unsigned slot = batch->nr++;

	batch->fds[slot] = fd;
	io_uring_prep_read(sqe, fd, batch->buffers + (size_t)slot * STEP_BYTES, PIECE_BYTES, 0);
	io_uring_sqe_set_data64(sqe, reader->filling * options.batch + slot);
	if (batch->nr == options.batch) {
		turn(reader);
	}
}

/** Read the files of a part. */
static void visit(void *state, const struct tree_part *part)
{
	struct reader *reader = state;
	char *buffer = reader->batches[0].buffers;

	for (size_t i = 0; i < part->nr; i++) {
		int fd;

		if (part->names[i].type != DT_REG) {
			continue;
		}
		fd = openat(part->fd, part->names[i].text, O_RDONLY | O_NOATIME | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0) {
			fail("open", part->names[i].text);
		}
		if (options.batch) {
			add(reader, fd);
		} else {
			finish_file(reader, fd, buffer, read(fd, buffer, PIECE_BYTES));
		}
	}
}

/** Finish all files in flight. */
static void finish(void *state)
{
	if (options.batch) {
		turn(state);
		turn(state);
	}
}

/** A thread ends; its memory goes with the process. */
static void end(void *state)
{
	const struct reader *reader = state;

	atomic_fetch_add(&files_nr, reader->files);
	atomic_fetch_add(&bytes_nr, reader->bytes);
}

/** A directory. */
static void enter(const char *path)
{
	(void)path;
	atomic_fetch_add(&dirs_nr, 1);
}

void bound_read(int source, int target)
{
	static const struct tree_calls calls = {begin, enter, visit, finish, end};

	(void)target;
	clock_start();
	tree_walk(source, options.threads, &calls);
	clock_stop();
}
