/* SPDX-License-Identifier: MIT */
/* sys/nofile: the number of descriptors this process may hold and holds. */
#include "unit.h"

#include "sys/nofile.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

/** The soft limit goes up to the hard one, and that is the answer. */
static void test_raise(void **state)
{
	struct rlimit limit;
	unsigned int allowed;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = 32;
	limit.rlim_max = limit.rlim_max < 100 ? limit.rlim_max : 100;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	allowed = us_nofile_raise();
	assert_int_equal(allowed, limit.rlim_max);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(limit.rlim_cur, allowed);
}

/** Ten more open descriptors are ten more in use. */
static void test_used(void **state)
{
	unsigned int before = us_nofile_used();
	int fd[10];

	(void)state;
	for (size_t i = 0; i < unit_nr(fd); i++) {
		fd[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
		assert_true(fd[i] >= 0);
	}
	assert_int_equal(us_nofile_used(), before + unit_nr(fd));
	for (size_t i = 0; i < unit_nr(fd); i++) {
		close(fd[i]);
	}
	assert_int_equal(us_nofile_used(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_used),
		cmocka_unit_test(test_raise),
	};

	return cmocka_run_group_tests_name("sys/nofile", tests, NULL, NULL);
}
