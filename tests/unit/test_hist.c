/* SPDX-License-Identifier: MIT */
/* base/hist: durations, counted in steps of a fifth. */
#include "unit.h"

#include "base/hist.h"

#include <string.h>

static struct us_hist hist;
static struct us_hist_sum sum;

static int setup(void **state)
{
	(void)state;
	memset(&hist, 0, sizeof(hist));
	memset(&sum, 0, sizeof(sum));
	return 0;
}

/** A quantile lies within an eighth of the duration that it stands for, whatever that is. */
static void test_resolution(void **state)
{
	(void)state;
	for (uint64_t ns = 256; ns < UINT64_C(200000000000); ns += ns / 7 + 1) {
		uint64_t median;

		setup(NULL);
		us_hist_add(&hist, ns);
		us_hist_collect(&hist, &sum);
		assert_int_equal(sum.nr, 1);
		median = us_hist_quantile(&sum, 50);
		assert_in_range(median, ns - ns / 8, ns + ns / 8);
		assert_int_equal(us_hist_quantile(&sum, 99), median);
	}
}

/** What is too short or too long for the steps counts as the shortest or longest. */
static void test_ends(void **state)
{
	(void)state;
	us_hist_add(&hist, 0);
	us_hist_add(&hist, 255);
	us_hist_collect(&hist, &sum);
	assert_in_range(us_hist_quantile(&sum, 100), 1, 255);
	us_hist_add(&hist, UINT64_MAX);
	us_hist_add(&hist, UINT64_C(1) << 40);
	sum = (struct us_hist_sum){0};
	us_hist_collect(&hist, &sum);
	assert_int_equal(sum.nr, 4);
	assert_in_range(us_hist_quantile(&sum, 50), 1, 255);
	assert_true(us_hist_quantile(&sum, 75) > UINT64_C(200000000000));
}

/** The median is not moved by a few long ones; the tail is. */
static void test_quantiles(void **state)
{
	(void)state;
	assert_int_equal(us_hist_quantile(&sum, 50), 0);
	for (int i = 0; i < 98; i++) {
		us_hist_add(&hist, 5000);
	}
	us_hist_add(&hist, 80000000);
	us_hist_add(&hist, 90000000);
	us_hist_collect(&hist, &sum);
	assert_in_range(us_hist_quantile(&sum, 50), 4400, 5600);
	assert_in_range(us_hist_quantile(&sum, 98), 4400, 5600);
	assert_in_range(us_hist_quantile(&sum, 99), 70000000, 100000000);
}

/** What came since is told apart from what was there, and sums of two are sums. */
static void test_since(void **state)
{
	struct us_hist_sum earlier;
	struct us_hist_sum since;
	struct us_hist other = {0};

	(void)state;
	for (int i = 0; i < 10; i++) {
		us_hist_add(&hist, 1000);
		us_hist_add(&other, 1000);
	}
	us_hist_collect(&hist, &sum);
	us_hist_collect(&other, &sum);
	assert_int_equal(sum.nr, 20);
	earlier = sum;
	for (int i = 0; i < 5; i++) {
		us_hist_add(&hist, 1000000);
	}
	sum = (struct us_hist_sum){0};
	us_hist_collect(&hist, &sum);
	us_hist_collect(&other, &sum);
	since = us_hist_since(&sum, &earlier);
	assert_int_equal(since.nr, 5);
	assert_in_range(us_hist_quantile(&since, 50), 875000, 1125000);
	assert_in_range(us_hist_quantile(&sum, 50), 875, 1125);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_resolution, setup),
		cmocka_unit_test_setup(test_ends, setup),
		cmocka_unit_test_setup(test_quantiles, setup),
		cmocka_unit_test_setup(test_since, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
