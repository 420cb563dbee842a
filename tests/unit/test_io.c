/* SPDX-License-Identifier: MIT */
/* sys/io, sys/call, sys/ring: the same ops give the same results in every mode. */
#include "unit.h"

#include "sys/io.h"
#include "sys/ring.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OPS_NR 40

/** A scratch directory and a way to make calls. */
struct fixture {
	struct us_io io;
	char path[64];
	int dir;
};

/** Make a fixture whose calls run in MODE, with a ring for no more than 8 ops. */
static void fixture_init(struct fixture *f, enum us_io_mode mode)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(f->path, sizeof(f->path), "%s/unit-io.XXXXXX", tmp != NULL && strlen(tmp) < 40 ? tmp : "/tmp");
	assert_non_null(mkdtemp(f->path));
	f->dir = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(f->dir >= 0);
	us_io_init(&f->io, mode, 8);
}

/** Remove what a fixture made. */
static void fixture_fini(struct fixture *f)
{
	us_io_fini(&f->io);
	for (int i = 0; i < OPS_NR; i++) {
		char name[16];

		snprintf(name, sizeof(name), "f%d", i);
		unlinkat(f->dir, name, 0);
	}
	unlinkat(f->dir, "sub", AT_REMOVEDIR);
	close(f->dir);
	assert_int_equal(rmdir(f->path), 0);
}

/** Start NR ops and wait for all of them. */
static void run_ops(struct fixture *f, struct us_op *ops, unsigned int nr)
{
	unsigned int queued = 0;

	for (unsigned int i = 0; i < nr; i++) {
		ops[i].res = -4711;
		queued += us_io_start(&f->io, &ops[i]) == US_QUEUED;
	}
	while (queued > 0) {
		struct us_op *done[3];
		unsigned int n = us_io_reap(&f->io, done, 3, 1);

		assert_in_range(n, 1, 3);
		assert_true(n <= queued);
		queued -= n;
	}
	assert_int_equal(f->io.in_flight, 0);
	for (unsigned int i = 0; i < nr; i++) {
		assert_int_not_equal(ops[i].res, -4711);
	}
}

/** Run one op and give its result. */
static int run_one(struct fixture *f, struct us_op op)
{
	run_ops(f, &op, 1);
	return op.res;
}

/** Create, write, read, stat and close more files at once than the ring has room for. */
static void check_files(struct fixture *f)
{
	static char name[OPS_NR][16];
	static char text[OPS_NR][16];
	static struct statx stx[OPS_NR];
	struct us_op ops[OPS_NR];
	int fd[OPS_NR];

	for (int i = 0; i < OPS_NR; i++) {
		snprintf(name[i], sizeof(name[i]), "f%d", i);
		ops[i] = (struct us_op){.kind = US_OP_OPENAT, .fd = f->dir, .path = name[i],
		                        .flags = O_RDWR | O_CREAT | O_EXCL, .mode = 0600};
	}
	run_ops(f, ops, OPS_NR);
	for (int i = 0; i < OPS_NR; i++) {
		fd[i] = ops[i].res;
		assert_true(fd[i] >= 0);
		assert_int_equal(fcntl(fd[i], F_GETFD), FD_CLOEXEC);
		ops[i] = (struct us_op){.kind = US_OP_WRITE, .fd = fd[i], .buf = name[i],
		                        .len = (uint32_t)strlen(name[i])};
	}
	run_ops(f, ops, OPS_NR);
	for (int i = 0; i < OPS_NR; i++) {
		assert_int_equal(ops[i].res, strlen(name[i]));
		memset(text[i], 0, sizeof(text[i]));
		ops[i] = (struct us_op){.kind = US_OP_READ, .fd = fd[i], .buf = text[i], .len = 15};
	}
	run_ops(f, ops, OPS_NR);
	for (int i = 0; i < OPS_NR; i++) {
		assert_int_equal(ops[i].res, strlen(name[i]));
		assert_string_equal(text[i], name[i]);
		ops[i] = (struct us_op){.kind = US_OP_STATX, .fd = f->dir, .path = name[i], .buf = &stx[i],
		                        .flags = AT_SYMLINK_NOFOLLOW};
	}
	run_ops(f, ops, OPS_NR);
	for (int i = 0; i < OPS_NR; i++) {
		assert_int_equal(ops[i].res, 0);
		assert_int_equal(stx[i].stx_size, strlen(name[i]));
		ops[i] = (struct us_op){.kind = US_OP_CLOSE, .fd = fd[i]};
	}
	run_ops(f, ops, OPS_NR);
	for (int i = 0; i < OPS_NR; i++) {
		assert_int_equal(ops[i].res, 0);
		assert_int_equal(fcntl(fd[i], F_GETFD), -1);
	}
}

/** Failures come back as the same negative errno however the call is made. */
static void check_errors(struct fixture *f)
{
	struct statx stx;
	char byte = 0;

	assert_int_equal(run_one(f, (struct us_op){.kind = US_OP_OPENAT, .fd = f->dir, .path = "missing"}), -ENOENT);
	assert_int_equal(run_one(f, (struct us_op){.kind = US_OP_STATX, .fd = f->dir, .path = "missing",
	                                           .buf = &stx}), -ENOENT);
	assert_int_equal(run_one(f, (struct us_op){.kind = US_OP_MKDIRAT, .fd = f->dir, .path = "sub",
	                                           .mode = 0700}), 0);
	assert_int_equal(run_one(f, (struct us_op){.kind = US_OP_MKDIRAT, .fd = f->dir, .path = "sub",
	                                           .mode = 0700}), -EEXIST);
	assert_int_equal(run_one(f, (struct us_op){.kind = US_OP_OPENAT, .fd = f->dir, .path = "sub/x"}), -ENOENT);
	assert_int_equal(run_one(f, (struct us_op){.kind = US_OP_READ, .fd = f->dir, .buf = &byte, .len = 1}),
	                 -EISDIR);
	assert_int_equal(run_one(f, (struct us_op){.kind = US_OP_WRITE, .fd = 1000000, .buf = &byte, .len = 1}),
	                 -EBADF);
	assert_int_equal(run_one(f, (struct us_op){.kind = US_OP_CLOSE, .fd = 1000000}), -EBADF);
}

/** Splice a file into a pipe and on into another file. */
static void check_splice(struct fixture *f)
{
	char text[16] = "";
	int ends[2];
	int in = openat(f->dir, "f0", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	int out = openat(f->dir, "f1", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	assert_true(in >= 0 && out >= 0);
	assert_int_equal(ftruncate(in, 0) | ftruncate(out, 0), 0);
	assert_int_equal(write(in, "0123456789", 10), 10);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(run_one(f, (struct us_op){.kind = US_OP_SPLICE, .fd = in, .offset = 2, .fd_out = ends[1],
	                                           .offset_out = -1, .len = 100}), 8);
	assert_int_equal(run_one(f, (struct us_op){.kind = US_OP_SPLICE, .fd = ends[0], .offset = -1, .fd_out = out,
	                                           .offset_out = 1, .len = 8}), 8);
	assert_int_equal(pread(out, text, sizeof(text), 0), 9);
	assert_memory_equal(text, "\00023456789", 9);
	close(ends[0]);
	close(ends[1]);
	close(in);
	close(out);
}

/** All of it in one mode. */
static void check_mode(enum us_io_mode mode)
{
	struct fixture f;

	fixture_init(&f, mode);
	if (mode != US_IO_SYNC && f.io.ring == NULL) {
		int error = f.io.ring_error;

		fixture_fini(&f);
		assert_true(error < 0);
		print_message("# no io_uring here: %s\n", strerror(-error));
		skip();
	}
	check_files(&f);
	check_errors(&f);
	check_splice(&f);
	fixture_fini(&f);
}

static void test_inline(void **state)
{
	(void)state;
	check_mode(US_IO_INLINE);
}

static void test_async(void **state)
{
	(void)state;
	check_mode(US_IO_ASYNC);
}

static void test_sync(void **state)
{
	(void)state;
	check_mode(US_IO_SYNC);
}

/** Calls that are made again and again are known by how long they take: the first ones each, then one in so many. */
static void test_times(void **state)
{
	static struct us_io_times times;
	struct us_hist_sum sum = {0};
	struct us_hist_sum other = {0};
	struct statx stx;
	struct fixture f;

	(void)state;
	fixture_init(&f, US_IO_SYNC);
	f.io.times = &times;
	for (int i = 0; i < 5000; i++) {
		assert_int_equal(run_one(&f, (struct us_op){.kind = US_OP_STATX, .side = US_OP_DST, .fd = f.dir,
		                                            .path = ".", .buf = &stx}), 0);
	}
	us_hist_collect(&times.kinds[US_OP_DST][US_OP_STATX], &sum);
	assert_in_range(sum.nr, 16 + 5000 / 16 - 2, 5000);
	assert_in_range(us_hist_quantile(&sum, 50), 1, 1000000000);
	us_hist_collect(&times.kinds[US_OP_SRC][US_OP_STATX], &other);
	assert_int_equal(other.nr, 0);
	fixture_fini(&f);
}

/** Count how many of NR stats on SIDE are queued, and do them. */
static unsigned int queued_stats(struct fixture *f, enum us_op_side side, unsigned int nr)
{
	unsigned int queued = 0;

	for (unsigned int i = 0; i < nr; i++) {
		struct statx stx;
		struct us_op op = {.kind = US_OP_STATX, .side = side, .fd = f->dir, .path = ".", .buf = &stx};
		struct us_op *done;

		if (us_io_start(&f->io, &op) == US_QUEUED) {
			queued++;
			assert_int_equal(us_io_reap(&f->io, &done, 1, 1), 1);
			assert_ptr_equal(done, &op);
		}
		assert_int_equal(op.res, 0);
	}
	return queued;
}

/**
 * In mode auto kinds go to the ring as they are told to, each side by itself; a few are made at once for their time.
 */
static void test_set_kinds(void **state)
{
	static struct us_io_times times;
	struct us_hist_sum sum = {0};
	struct fixture f;

	(void)state;
	fixture_init(&f, US_IO_AUTO);
	if (f.io.ring == NULL) {
		fixture_fini(&f);
		skip();
	}
	f.io.times = &times;
	assert_int_equal(queued_stats(&f, US_OP_DST, 10), 0);
	us_io_set_kinds(&f.io, US_OP_DST, US_OP_BIT(US_OP_STATX));
	us_hist_collect(&times.kinds[US_OP_DST][US_OP_STATX], &sum);
	assert_int_equal(sum.nr, 10);
	assert_int_equal(queued_stats(&f, US_OP_DST, 1280), 1270);
	us_hist_collect(&times.kinds[US_OP_DST][US_OP_STATX], &sum);
	assert_int_equal(sum.nr, 10 + 20);
	assert_int_equal(queued_stats(&f, US_OP_SRC, 100), 0);
	us_io_set_kinds(&f.io, US_OP_DST, 0);
	assert_int_equal(queued_stats(&f, US_OP_DST, 100), 0);
	check_files(&f);
	fixture_fini(&f);
}

/** The modes that were asked for stay what they are. */
static void test_forced_kinds(void **state)
{
	static const enum us_io_mode modes[] = {US_IO_INLINE, US_IO_ASYNC, US_IO_SYNC};

	(void)state;
	for (size_t i = 0; i < unit_nr(modes); i++) {
		struct fixture f;

		fixture_init(&f, modes[i]);
		us_io_set_kinds(&f.io, US_OP_DST, modes[i] == US_IO_ASYNC ? 0 : US_OP_BIT(US_OP_STATX));
		assert_int_equal(queued_stats(&f, US_OP_DST, 10), modes[i] == US_IO_ASYNC && f.io.ring != NULL ? 10 : 0);
		fixture_fini(&f);
	}
}

static void test_auto(void **state)
{
	(void)state;
	check_mode(US_IO_AUTO);
}

/** Closing no ring is allowed. */
static void test_no_ring(void **state)
{
	(void)state;
	us_ring_close(NULL);
}

/** A byte for a pipe, from another thread, after a moment in which the other one has most likely come to its poll. */
static void *write_later(void *arg)
{
	usleep(20000);
	assert_int_equal(write(*(int *)arg, "x", 1), 1);
	return NULL;
}

/** What completes while its thread waits in poll(2) wakes it, each time. */
static void test_wakes(void **state)
{
	struct fixture f;
	int ends[2];

	(void)state;
	fixture_init(&f, US_IO_ASYNC);
	if (f.io.ring == NULL) {
		fixture_fini(&f);
		skip();
	}
	assert_int_equal(us_io_fd(&f.io), -1);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	for (int i = 0; i < 3; i++) {
		char byte = 0;
		struct us_op op = {.kind = US_OP_READ, .fd = ends[0], .buf = &byte, .len = 1, .offset = -1};
		struct us_op *done;
		struct pollfd poll_fd = {.events = POLLIN};
		pthread_t writer;

		assert_int_equal(us_io_start(&f.io, &op), US_QUEUED);
		assert_int_equal(us_io_reap(&f.io, &done, 1, 0), 0);
		assert_int_equal(pthread_create(&writer, NULL, write_later, &ends[1]), 0);
		poll_fd.fd = us_io_fd(&f.io);
		assert_true(poll_fd.fd >= 0);
		while (us_io_reap(&f.io, &done, 1, 0) == 0) {
			/*
			 * It may wake for nothing.  A limit of its own would not do: at its end poll(2) looks once
			 * more.
			 */
			alarm(20);
			assert_int_equal(poll(&poll_fd, 1, -1), 1);
			alarm(0);
		}
		assert_ptr_equal(done, &op);
		assert_int_equal(op.res, 1);
		assert_int_equal(byte, 'x');
		pthread_join(writer, NULL);
	}
	close(ends[0]);
	close(ends[1]);
	fixture_fini(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_inline),
		cmocka_unit_test(test_async),
		cmocka_unit_test(test_sync),
		cmocka_unit_test(test_auto),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_set_kinds),
		cmocka_unit_test(test_forced_kinds),
		cmocka_unit_test(test_no_ring),
		cmocka_unit_test(test_wakes),
	};

	return cmocka_run_group_tests_name("sys/io", tests, NULL, NULL);
}
