/* SPDX-License-Identifier: MIT */
/* base/fault: the failures that the other tests ask for do happen, at the call they name. */
#include "unit.h"

#include "base/fault.h"

#include <errno.h>
#include <stdlib.h>

/** One run through a list of failures; the variable is read once, at the first call. */
static void test_counts(void **state)
{
	(void)state;
	assert_int_equal(setenv("URING_SYNC_FAULT", "read:EIO@3,write:short@2+,close:EINTR,read:EAGAIN@5", 1), 0);
	assert_int_equal(us_fault("openat"), 0);
	assert_int_equal(us_fault("read"), 0);
	assert_int_equal(us_fault("read"), 0);
	assert_int_equal(us_fault("read"), -EIO);
	assert_int_equal(us_fault("read"), 0);
	assert_int_equal(us_fault("read"), -EAGAIN);
	assert_int_equal(us_fault("read"), 0);
	assert_int_equal(us_fault("write"), 0);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(us_fault("write"), US_FAULT_SHORT);
	}
	assert_int_equal(us_fault("close"), -EINTR);
	assert_int_equal(us_fault("close"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts),
	};

	return cmocka_run_group_tests_name("base/fault", tests, NULL, NULL);
}
