/* SPDX-License-Identifier: MIT */
/* core/fold: names that differ in case alone. */
#include "unit.h"

#include "core/fold.h"

#include <stdio.h>

static struct us_fold fold;

static int teardown(void **state)
{
	(void)state;
	us_fold_fini(&fold);
	fold = (struct us_fold){0};
	return 0;
}

static void test_pairs(void **state)
{
	(void)state;
	assert_true(us_fold_is_pair("Makefile", "makefile"));
	assert_true(us_fold_is_pair("xt_MARK.h", "xt_mark.h"));
	assert_false(us_fold_is_pair("a", "a"));
	assert_false(us_fold_is_pair("a", "ab"));
	assert_false(us_fold_is_pair("A", "ab"));
	assert_false(us_fold_is_pair("[", "{"));
	assert_false(us_fold_is_pair("\303\204", "\303\244"));
}

/** A name meets its twin however many others came between, and after a new beginning it does not. */
static void test_meet(void **state)
{
	uint32_t twin = 0;
	char name[16];

	(void)state;
	us_fold_begin(&fold);
	for (uint32_t i = 0; i < 5000; i++) {
		snprintf(name, sizeof(name), "name-%u", i);
		assert_false(us_fold_meet(&fold, name, i, &twin));
	}
	for (uint32_t i = 0; i < 5000; i++) {
		snprintf(name, sizeof(name), "NAME-%u", i);
		assert_true(us_fold_meet(&fold, name, 10000, &twin));
		assert_int_equal(twin, i);
	}
	us_fold_begin(&fold);
	assert_false(us_fold_meet(&fold, "NAME-0", 0, &twin));
	assert_true(us_fold_meet(&fold, "Name-0", 1, &twin));
	assert_int_equal(twin, 0);
}

/** However many names there are, the memory is bounded. */
static void test_bound(void **state)
{
	uint32_t twin = 0;
	uint32_t met = 0;
	char name[16];

	(void)state;
	us_fold_begin(&fold);
	for (uint32_t i = 0; i < 200000; i++) {
		snprintf(name, sizeof(name), "%u", i);
		met += us_fold_meet(&fold, name, i, &twin);
	}
	assert_in_range(fold.max, 1, 65536);
	assert_in_range(met, 0, 50); /* Hashes of 32 bits. */
	assert_false(us_fold_meet(&fold, "a name that is new", 7, &twin));
	assert_true(us_fold_meet(&fold, "A name that is new", 8, &twin));
	assert_int_equal(twin, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_pairs, teardown),
		cmocka_unit_test_teardown(test_meet, teardown),
		cmocka_unit_test_teardown(test_bound, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
