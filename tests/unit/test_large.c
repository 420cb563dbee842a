/* SPDX-License-Identifier: MIT */
/* What large files are and how they are cut, by the options. */
#include "core/bypass.h"
#include "core/file.h"
#include "core/job.h"
#include "core/large.h"
#include "core/policy.h"
#include "sys/call.h"
#include "unit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/** A plan for OPTIONS, and what follows from it that holds for each. */
static struct us_large_plan plan_of(const struct usync_options *options, unsigned int workers)
{
	struct usync_job *job = calloc(1, sizeof(*job));
	struct us_large_plan plan;

	assert_non_null(job);
	job->options = *options;
	job->nr_workers = workers;
	us_large_settle(job);
	plan = job->large;
	us_large_release(job);
	free(job);
	assert_true(plan.request > 0 && plan.request % 4096 == 0);
	assert_true(plan.range >= plan.request && plan.range % 4096 == 0);
	assert_true(plan.window == 0 || plan.window >= (uint64_t)plan.range * 8);
	return plan;
}

/** Without options. */
static void test_defaults(void **state)
{
	struct us_large_plan plan = plan_of(&(struct usync_options){0}, 6);

	(void)state;
	assert_int_equal(plan.size, US_POLICY_LARGE);
	assert_int_equal(plan.request, US_POLICY_LARGE_REQUEST);
	assert_int_equal(plan.range, US_POLICY_RANGE);
	assert_int_equal(plan.window, 0);
	assert_false(plan.by_kernel);
}

/** Ranges are no longer than half of the smallest file, and no shorter than a request. */
static void test_sizes(void **state)
{
	static const struct {
		uint64_t large;
		uint64_t chunk;
		uint64_t rate;
		uint32_t request;
		uint32_t range;
	} rows[] = {
		{65536, 4096, 0, 4096, 32768},
		{65536, 0, 0, 1u << 20, 1u << 20},
		{4096, 5000, 0, 8192, 8192},
		{1ull << 40, 64u << 20, 0, 64u << 20, 64u << 20},
		{1u << 20, 65536, 10u << 20, 65536, 262144},
		{0, 0, 1024, 4096, 16384},
	};

	(void)state;
	for (size_t i = 0; i < unit_nr(rows); i++) {
		struct us_large_plan plan = plan_of(
			&(struct usync_options){
				.large_size = rows[i].large, .chunk_size = rows[i].chunk, .max_rate = rows[i].rate},
			4);

		if (plan.request != rows[i].request || plan.range != rows[i].range) {
			fail_msg("row %zu: requests of %u, ranges of %u", i, plan.request, plan.range);
		}
	}
}

/** With a journal no worker runs ahead without bound. */
static void test_journal(void **state)
{
	struct us_large_plan plan = plan_of(&(struct usync_options){.journal = "j"}, 2);

	(void)state;
	assert_int_equal(plan.range, US_POLICY_RANGE_JOURNAL);
	assert_int_equal(plan.window, 8ull * US_POLICY_RANGE_JOURNAL);
	plan = plan_of(&(struct usync_options){.journal = "j"}, 100);
	assert_int_equal(plan.window, 200ull * US_POLICY_RANGE_JOURNAL);
	plan = plan_of(&(struct usync_options){.copy = USYNC_COPY_SPLICE}, 2);
	assert_int_equal(plan.size, US_POLICY_LARGE);
	plan = plan_of(&(struct usync_options){.copy = USYNC_COPY_CFR}, 2);
	assert_true(plan.by_kernel);
}

/** How much of what a killed run leaves is not believed. */
static void test_slack(void **state)
{
	struct usync_job *job = calloc(1, sizeof(*job));
	struct us_file *file = calloc(1, sizeof(*file));

	(void)state;
	assert_true(job != NULL && file != NULL);
	job->options.journal = "j";
	job->nr_workers = 2;
	us_large_settle(job);
	file->stx.stx_size = US_POLICY_LARGE;
	assert_int_equal(us_large_slack(job, file), job->large.window);
	file->stx.stx_size--;
	assert_int_equal(us_large_slack(job, file), 0);
	file->stx.stx_size++;
	job->digests = true; /* In order. */
	assert_int_equal(us_large_slack(job, file), 0);
	us_large_release(job);
	free(file);
	free(job);
}

/** A helper that comes too late may be the last to know of a file: by then its descriptor's number is another one's. */
static void test_bypass_ends(void **state)
{
	char name[] = "/var/tmp/test_large.XXXXXX";
	struct us_bypass bypass;
	int fd = mkstemp(name);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(unlink(name), 0);
	us_bypass_init(&bypass, fd);
	if (us_set_direct(fd, true) < 0) {
		us_bypass_fini(&bypass);
		close(fd);
		skip();
	}
	atomic_store(&bypass.way, US_BYPASS_DIRECT);
	us_bypass_restore(&bypass);
	assert_int_equal(fcntl(fd, F_GETFL) & O_DIRECT, 0);
	assert_int_equal(us_bypass_way(&bypass), US_BYPASS_DIRECT);
	assert_int_equal(us_set_direct(fd, true), 0);
	us_bypass_fini(&bypass);
	assert_int_equal(fcntl(fd, F_GETFL) & O_DIRECT, O_DIRECT);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_journal),
		cmocka_unit_test(test_slack),
		cmocka_unit_test(test_bypass_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
