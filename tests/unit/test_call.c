/* SPDX-License-Identifier: MIT */
/* sys/call: errors that can pass are tried again a bounded number of times, others never. */
#include "unit.h"

#include "base/fault.h"
#include "sys/call.h"
#include "sys/dents.h"
#include "sys/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/** All failures of this program: the variable is read once.  A call that fails for good has a number of its own. */
static const char spec[] = "statx:ESTALE@1,statx:EINTR@2,statx:EAGAIN@3,statx:EIO@5,"
			   "mkdirat:ESTALE+,"
			   "rename:EAGAIN+,"
			   "unlinkat:EINTR+,"
			   "flock:EAGAIN@1,"
			   "openat:EAGAIN@2,openat:ESTALE@4,"
			   "read:ESTALE@1,"
			   "close:ESTALE@1,"
			   "lseek:ESTALE@1,lseek:ENXIO@3,"
			   "getdents:ESTALE@1";

static void test_each_passes_once(void **state)
{
	struct statx stx;

	(void)state;
	assert_int_equal(us_statx(AT_FDCWD, ".", 0, &stx), 0); /* The 4th. */
	assert_int_equal(us_statx(AT_FDCWD, ".", 0, &stx), -EIO);
	assert_int_equal(us_statx(AT_FDCWD, ".", 0, &stx), 0);
}

static void test_bounded(void **state)
{
	(void)state;
	assert_int_equal(us_mkdirat(AT_FDCWD, "none", 0700), -ESTALE);
	assert_int_equal(us_renameat(AT_FDCWD, "none", AT_FDCWD, "none"), -EAGAIN);
	assert_int_equal(us_unlinkat(AT_FDCWD, "none", 0), -EINTR);
}

/** EAGAIN from who was told not to wait is an answer. */
static void test_answers(void **state)
{
	int fd = us_openat(AT_FDCWD, ".", O_RDONLY | O_DIRECTORY, 0);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(us_flock(fd, LOCK_SH), -EWOULDBLOCK);
	assert_int_equal(us_flock(fd, LOCK_SH), 0);
	assert_int_equal(us_openat(AT_FDCWD, ".", O_RDONLY | O_NONBLOCK, 0), -EAGAIN);
	close(us_openat(AT_FDCWD, ".", O_RDONLY | O_NONBLOCK, 0));
	close(us_openat(AT_FDCWD, ".", O_RDONLY | O_NONBLOCK, 0)); /* The 4th, and then the 5th. */
	/* It is closed, whatever it answered: a second time it might be another one's. */
	assert_int_equal(us_close(fd), -ESTALE);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
}

static void test_transfers(void **state)
{
	char name[] = "/tmp/uring-sync-test-call.XXXXXX";
	char byte = 'x';
	struct us_op op = {.kind = US_OP_READ, .buf = &byte, .len = 1};
	uint64_t at;

	(void)state;
	op.fd = mkstemp(name);
	assert_true(op.fd >= 0);
	unlink(name);
	assert_int_equal(write(op.fd, "abc", 3), 3);
	us_call(&op);
	assert_int_equal(op.res, 1);
	assert_int_equal(byte, 'a');
	assert_int_equal(us_lseek(op.fd, 1, SEEK_SET, &at), 0);
	assert_int_equal(at, 1);
	assert_int_equal(us_lseek(op.fd, 1, SEEK_SET, &at), -ENXIO);
	close(op.fd);
}

static void test_listing(void **state)
{
	struct us_dents dents;
	struct us_dent dent;
	int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	assert_int_equal(us_dents_init(&dents), 0);
	assert_int_equal(us_dents_begin(&dents, fd, 0), 0);
	assert_int_equal(us_dents_next(&dents, &dent), 1);
	us_dents_fini(&dents);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_passes_once), cmocka_unit_test(test_bounded), cmocka_unit_test(test_answers),
		cmocka_unit_test(test_transfers),        cmocka_unit_test(test_listing),
	};

	if (setenv("URING_SYNC_FAULT", spec, 1) < 0) {
		return 1;
	}
	return cmocka_run_group_tests_name("sys/call", tests, NULL, NULL);
}
