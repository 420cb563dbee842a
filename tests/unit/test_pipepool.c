/* SPDX-License-Identifier: MIT */
/* core/pipepool: empty pipes are used again, others never, and none is lost. */
#include "unit.h"

#include "core/pipepool.h"
#include "sys/nofile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

/** More than the pool keeps. */
#define MANY (US_PIPEPOOL_KEPT + 5u)

/** The counts of this test come from there. */
static int setup(void **state)
{
	(void)state;
	return access("/proc/self/fd", R_OK);
}

/** PIPE is a working, empty pipe whose ends are closed on exec. */
static void check_pipe(const int pipe[2])
{
	char byte = 'x';
	int waiting = -1;

	assert_int_equal(ioctl(pipe[0], FIONREAD, &waiting), 0);
	assert_int_equal(waiting, 0);
	assert_int_equal(fcntl(pipe[0], F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	assert_int_equal(fcntl(pipe[1], F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	assert_int_equal(write(pipe[1], "y", 1), 1);
	assert_int_equal(read(pipe[0], &byte, 1), 1);
	assert_int_equal(byte, 'y');
}

/** PIPE stands for none. */
static void check_none(const int pipe[2])
{
	assert_int_equal(pipe[0], -1);
	assert_int_equal(pipe[1], -1);
}

/** A pipe given back empty is the next one. */
static void test_again(void **state)
{
	unsigned int before = us_nofile_used();
	struct us_pipepool pool;
	int pipe[2];
	int first[2];

	(void)state;
	us_pipepool_init(&pool, 4096);
	assert_int_equal(us_nofile_used(), before);
	assert_int_equal(us_pipepool_get(&pool, pipe), 0);
	check_pipe(pipe);
	first[0] = pipe[0];
	first[1] = pipe[1];
	us_pipepool_put(&pool, pipe, true);
	check_none(pipe);
	assert_int_equal(us_nofile_used(), before + 2);
	assert_int_equal(us_pipepool_get(&pool, pipe), 0);
	assert_int_equal(pipe[0], first[0]);
	assert_int_equal(pipe[1], first[1]);
	check_pipe(pipe);
	us_pipepool_put(&pool, pipe, true);
	us_pipepool_fini(&pool);
	assert_int_equal(us_nofile_used(), before);
}

/** A pipe with bytes in it is closed, and the next one does not hold them. */
static void test_not_empty(void **state)
{
	unsigned int before = us_nofile_used();
	struct us_pipepool pool;
	int pipe[2];

	(void)state;
	us_pipepool_init(&pool, 4096);
	assert_int_equal(us_pipepool_get(&pool, pipe), 0);
	assert_int_equal(write(pipe[1], "left", 4), 4);
	us_pipepool_put(&pool, pipe, false);
	check_none(pipe);
	assert_int_equal(us_nofile_used(), before);
	assert_int_equal(us_pipepool_get(&pool, pipe), 0);
	check_pipe(pipe);
	us_pipepool_put(&pool, pipe, true);
	us_pipepool_fini(&pool);
	assert_int_equal(us_nofile_used(), before);
}

/** More than the pool keeps can be in use; those over are closed when they come back. */
static void test_many(void **state)
{
	unsigned int before = us_nofile_used();
	struct us_pipepool pool;
	int pipes[MANY][2];

	(void)state;
	us_pipepool_init(&pool, 4096);
	for (int round = 0; round < 3; round++) {
		for (unsigned int i = 0; i < MANY; i++) {
			assert_int_equal(us_pipepool_get(&pool, pipes[i]), 0);
			assert_int_equal(us_nofile_used(),
			                 before + 2 * (round > 0 && i < US_PIPEPOOL_KEPT
			                               ? US_PIPEPOOL_KEPT : i + 1));
		}
		for (unsigned int i = 0; i < MANY; i++) {
			check_pipe(pipes[i]);
		}
		for (unsigned int i = 0; i < MANY; i++) {
			us_pipepool_put(&pool, pipes[i], true);
		}
		assert_int_equal(us_nofile_used(), before + 2 * US_PIPEPOOL_KEPT);
	}
	us_pipepool_fini(&pool);
	assert_int_equal(us_nofile_used(), before);
}

/** A pipe holds as much as was asked for; a size that the system does not allow is no failure. */
static void test_size(void **state)
{
	struct us_pipepool pool;
	int pipe[2];

	(void)state;
	us_pipepool_init(&pool, 128 << 10);
	assert_int_equal(us_pipepool_get(&pool, pipe), 0);
	assert_int_equal(fcntl(pipe[0], F_GETPIPE_SZ), 128 << 10);
	us_pipepool_put(&pool, pipe, true);
	us_pipepool_fini(&pool);

	us_pipepool_init(&pool, INT_MAX);
	assert_int_equal(us_pipepool_get(&pool, pipe), 0);
	assert_true(fcntl(pipe[0], F_GETPIPE_SZ) >= 4096);
	check_pipe(pipe);
	us_pipepool_put(&pool, pipe, true);
	us_pipepool_fini(&pool);
}

/** Without descriptors there is no pipe, and that can be put back too. */
static void test_none(void **state)
{
	unsigned int before = us_nofile_used();
	struct us_pipepool pool;
	struct rlimit limit;
	struct rlimit none;
	int pipe[2] = {4711, 4711};

	(void)state;
	us_pipepool_init(&pool, 4096);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = (struct rlimit){.rlim_cur = 0, .rlim_max = limit.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(us_pipepool_get(&pool, pipe), -EMFILE);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	check_none(pipe);
	us_pipepool_put(&pool, pipe, true);
	us_pipepool_put(&pool, pipe, false);
	check_none(pipe);
	assert_int_equal(pool.nr_kept, 0);
	assert_int_equal(us_pipepool_get(&pool, pipe), 0);
	check_pipe(pipe);
	us_pipepool_put(&pool, pipe, true);
	us_pipepool_fini(&pool);
	assert_int_equal(us_nofile_used(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_again),
		cmocka_unit_test(test_not_empty),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_none),
	};

	return cmocka_run_group_tests_name("core/pipepool", tests, setup, NULL);
}
