/* SPDX-License-Identifier: MIT */
/* core/budget: what was asked for, lowered to what RLIMIT_NOFILE allows. */
#include "unit.h"

#include "core/budget.h"
#include "core/policy.h"
#include "sys/nofile.h"

#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/** From this limit on, all that the budget allows must fit. */
#define FITS_FROM 32u

/** What a child process found out.  A hard limit can't be taken back, so each try has its own. */
struct result {
	struct us_budget budget;
	unsigned int used; /**< Descriptors held before. */
	bool complete;
};

static struct result *result;

/** What getrlimit(2) shall answer where the system allows no such limit; 0 to ask the system. */
static rlim_t pretended;

/** Requests, from modest to without measure. */
static const struct us_budget requests[] = {
	{.sides = 2, .workers = 1, .depth = 1, .opening = 1},
	{.sides = 2, .workers = 2, .depth = 16, .opening = 1},
	{.sides = 2, .workers = 4, .depth = US_POLICY_QUEUE_DEPTH, .gather = US_POLICY_GATHER_MAX,
	 .opening = US_POLICY_OPENING},
	{.sides = 3, .workers = 4, .depth = US_POLICY_QUEUE_DEPTH, .opening = US_POLICY_OPENING},
	{.sides = 2, .workers = 1, .depth = 4096, .opening = 1},
	{.sides = 2, .workers = 6, .depth = US_POLICY_QUEUE_DEPTH, .opening = 1, .late = 250},
	{.sides = 2, .workers = 32, .depth = US_POLICY_QUEUE_DEPTH, .opening = 1},
	{.sides = 2, .workers = 256, .depth = 1, .opening = US_POLICY_OPENING},
	{.sides = 2, .workers = 100000, .depth = 1000000, .opening = 1000000},
};

/** Stands before the C library's, so that a limit can be tried without the right to have it. */
int getrlimit(__rlimit_resource_t resource, struct rlimit *limit)
{
	if (pretended > 0 && resource == RLIMIT_NOFILE) {
		*limit = (struct rlimit){.rlim_cur = pretended, .rlim_max = pretended};
		return 0;
	}
	return (int)syscall(SYS_prlimit64, 0, resource, NULL, limit);
}

/** Memory that the children share. */
static int setup(void **state)
{
	(void)state;
	result = mmap(NULL, sizeof(*result), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
	              -1, 0);
	return result == MAP_FAILED || access("/proc/self/fd", R_OK) != 0 ? -1 : 0;
}

/** Give it back. */
static int teardown(void **state)
{
	(void)state;
	return munmap(result, sizeof(*result));
}

/** The child: only the standard streams, the limits, then REQUEST. */
static void run_child(const struct rlimit *limit, const struct us_budget *request, bool splice)
{
	close_range(3, ~0u, 0);
	result->used = us_nofile_used();
	if (setrlimit(RLIMIT_NOFILE, limit) != 0) {
		pretended = limit->rlim_max;
	}
	result->budget = *request;
	us_budget_fit(&result->budget, splice);
	result->complete = true;
	_exit(0);
}

/** What becomes of REQUEST under a soft and a hard limit. */
static void fit(rlim_t soft, rlim_t hard, const struct us_budget *request, bool splice)
{
	const struct rlimit limit = {.rlim_cur = soft, .rlim_max = hard};
	pid_t child;
	int status;

	memset(result, 0, sizeof(*result));
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		run_child(&limit, request, splice);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_true(result->complete);
}

/** The descriptors in use when everything that BUDGET allows is open. */
static uint64_t sum(const struct us_budget *budget, bool splice)
{
	uint64_t files = (uint64_t)budget->depth * (splice ? 4 : 2);
	uint64_t opening = (uint64_t)budget->opening * budget->sides;

	uint64_t late = budget->sides * 2 + (uint64_t)US_POLICY_LATE_DEPTH * (splice ? 4 : 2);

	return budget->workers * (1 + files + budget->gather + opening) + (uint64_t)budget->open_dirs * budget->sides +
	       budget->late * late;
}

/** Hold the result for REQUEST against its bounds. */
static void check(unsigned int limit, const struct us_budget *request, bool splice)
{
	const struct us_budget *budget = &result->budget;
	uint64_t total = result->used + sum(budget, splice);

	assert_in_range(budget->workers, 1, request->workers);
	assert_in_range(budget->depth, 1, request->depth);
	assert_in_range(budget->late, 0, request->late);
	assert_in_range(budget->gather, 0, request->gather);
	assert_in_range(budget->opening, 1, request->opening);
	assert_in_range(budget->open_dirs, 1, US_POLICY_OPEN_DIRS);
	assert_in_range(budget->listings, 1, budget->open_dirs);
	if (limit >= FITS_FROM && total > limit) {
		fail_msg("%u workers of %u files and %u opens, %u directories: %llu of %u",
		         budget->workers, budget->depth, budget->opening, budget->open_dirs,
		         (unsigned long long)total, limit);
	}
}

/** All requests under LIMIT. */
static void check_all(unsigned int limit)
{
	for (size_t i = 0; i < unit_nr(requests); i++) {
		for (int splice = 0; splice < 2; splice++) {
			fit(limit, limit, &requests[i], splice);
			check(limit, &requests[i], splice);
		}
	}
}

/** From next to nothing to a million. */
static void test_limits(void **state)
{
	static const unsigned int limits[] = {
		16,  17,  20,   24,   31,   32,    33,    48,       64,
		100, 256, 1000, 1024, 4096, 20000, 65536, 1u << 20,
	};

	(void)state;
	for (size_t i = 0; i < unit_nr(limits); i++) {
		check_all(limits[i]);
	}
}

/** Every limit near the bound from which everything must fit. */
static void test_each(void **state)
{
	const struct us_budget *request = &requests[unit_nr(requests) - 1];

	(void)state;
	for (unsigned int limit = 16; limit <= 96; limit++) {
		for (int splice = 0; splice < 2; splice++) {
			fit(limit, limit, request, splice);
			check(limit, request, splice);
		}
	}
}

/** A million: what is asked for within reason is given as a whole. */
static void test_huge(void **state)
{
	const struct us_budget *request = &requests[2];

	(void)state;
	for (int splice = 0; splice < 2; splice++) {
		fit(1u << 20, 1u << 20, request, splice);
		assert_int_equal(result->budget.workers, request->workers);
		assert_int_equal(result->budget.depth, request->depth);
		assert_int_equal(result->budget.opening, request->opening);
		assert_int_equal(result->budget.open_dirs, US_POLICY_OPEN_DIRS);
	}
}

/** Workers that come later take nothing from those that are there, and come where there is room. */
static void test_late(void **state)
{
	struct us_budget request = requests[2];
	struct us_budget without;

	(void)state;
	fit(1024, 1024, &request, false);
	without = result->budget;
	request.late = 250;
	fit(1024, 1024, &request, false);
	assert_int_equal(result->budget.workers, without.workers);
	assert_int_equal(result->budget.depth, without.depth);
	assert_int_equal(result->budget.open_dirs, without.open_dirs);
	fit(1u << 20, 1u << 20, &request, true);
	assert_int_equal(result->budget.late, 250);
}

/** The usual limit leaves the workers, and a good part of each one's files. */
static void test_usual(void **state)
{
	const struct us_budget *request = &requests[2];

	(void)state;
	fit(1024, 1024, request, false);
	assert_int_equal(result->budget.workers, request->workers);
	assert_in_range(result->budget.depth, 64, request->depth);
	fit(1024, 1024, request, true);
	assert_int_equal(result->budget.workers, request->workers);
	assert_in_range(result->budget.depth, 32, request->depth);
}

/** The soft limit does not count. */
static void test_soft(void **state)
{
	struct us_budget budget;

	(void)state;
	fit(1024, 1024, &requests[2], false);
	budget = result->budget;
	fit(16, 1024, &requests[2], false);
	assert_memory_equal(&result->budget, &budget, sizeof(budget));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_each),
		cmocka_unit_test(test_huge),
		cmocka_unit_test(test_usual),
		cmocka_unit_test(test_late),
		cmocka_unit_test(test_soft),
	};

	return cmocka_run_group_tests_name("core/budget", tests, setup, teardown);
}
