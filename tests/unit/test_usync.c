/* SPDX-License-Identifier: MIT */
/* lib/usync: the public interface, used as a program that embeds it would. */
#include "scratch.h"
#include "unit.h"

#include <usync.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES_NR 300

/** A tree "src", which holds FILES_NR files, one subdirectory, a link and a FIFO. */
static int setup(void **state)
{
	(void)state;
	return scratch_make("mkdir -p src/sub && cd src && i=0 && while [ $i -lt 300 ]; do echo $i >f$i; i=$((i+1)); done"
	                    " && ln -s f0 link");
}

/** What the events of a job came to. */
struct seen {
	struct usync_job *job;
	unsigned int nr[4];
	bool cancel;
	bool busy;
	bool overlapped;
	char failed_path[256];
};

/** Count events; at the first one cancel the job when asked to. */
static void on_event(const struct usync_event *event, void *payload)
{
	struct seen *seen = payload;

	seen->overlapped = seen->overlapped || seen->busy;
	seen->busy = true;
	seen->nr[event->type]++;
	if (event->type == USYNC_EVENT_FAILED) {
		snprintf(seen->failed_path, sizeof(seen->failed_path), "%s", event->path);
	}
	if (seen->cancel && event->type == USYNC_EVENT_COPIED) {
		usync_job_cancel(seen->job);
	}
	seen->busy = false;
}

/** Make a job of one source. */
static struct usync_job *new_job(const struct usync_options *options, const char *source, const char *destination)
{
	struct usync_job *job = NULL;

	assert_int_equal(usync_job_new(&job, options, &source, 1, destination), 0);
	assert_non_null(job);
	return job;
}

/** A whole job: counts, events, no error text, and the process as it was. */
static void test_run(void **state)
{
	struct seen seen = {0};
	struct usync_options options = USYNC_OPTIONS_INIT;
	struct usync_stats stats;
	struct usync_job *job;
	mode_t mask = umask(027);

	(void)state;
	/* A directory that stands where a file is to go. */
	assert_int_equal(shell("echo 1 >src/sub/blocked && mkdir -p run/sub/blocked"), 0);
	options.event = on_event;
	options.payload = &seen;
	options.report_copied = true;
	options.jobs = 3;
	job = new_job(&options, in_scratch("src"), in_scratch("run"));
	/* The options were copied. */
	memset(&options, 0xff, sizeof(options));
	assert_int_equal(usync_job_run(job), 0);
	usync_job_stats(job, &stats);
	assert_int_equal(stats.files, FILES_NR);
	assert_int_equal(stats.directories, 2);
	assert_int_equal(stats.symlinks, 1);
	assert_int_equal(stats.bytes, 10 * 2 + 90 * 3 + 200 * 4);
	assert_int_equal(stats.failed, 1);
	assert_int_equal(stats.vanished, 0);
	assert_true(stats.elapsed_ns > 0);
	assert_int_equal(seen.nr[USYNC_EVENT_FAILED], 1);
	assert_int_equal(seen.nr[USYNC_EVENT_COPIED], FILES_NR + 2 + 1);
	assert_false(seen.overlapped);
	assert_string_equal(seen.failed_path, in_scratch("run/sub/blocked"));
	assert_string_equal(usync_job_error(job), "");
	usync_job_free(job);
	assert_int_equal(umask(mask), 027);
	assert_int_equal(shell("rm src/sub/blocked"), 0);
}

/** Without options and without a callback. */
static void test_defaults(void **state)
{
	struct usync_stats stats;
	struct usync_job *job = new_job(NULL, in_scratch("src"), in_scratch("defaults"));

	(void)state;
	usync_job_stats(job, &stats);
	assert_int_equal(stats.files, 0);
	assert_int_equal(usync_job_start(job), 0);
	assert_int_equal(usync_job_wait(job), 0);
	usync_job_stats(job, &stats);
	assert_int_equal(stats.files, FILES_NR);
	usync_job_free(job);
}

/** Options out of their range. */
static void test_options(void **state)
{
	static const struct usync_options wrong[] = {
		{.version = 0},
		{.version = USYNC_OPTIONS_VERSION + 1},
		{.version = USYNC_OPTIONS_VERSION, .jobs = USYNC_JOBS_MAX + 1},
		{.version = USYNC_OPTIONS_VERSION, .compress = USYNC_COMPRESS_MAX + 1},
		{.version = USYNC_OPTIONS_VERSION, .queue_depth = USYNC_QUEUE_DEPTH_MAX + 1},
		{.version = USYNC_OPTIONS_VERSION, .chunk_size = USYNC_CHUNK_MIN - 1},
		{.version = USYNC_OPTIONS_VERSION, .chunk_size = USYNC_CHUNK_MAX + 1},
		{.version = USYNC_OPTIONS_VERSION, .io = USYNC_IO_SYNC + 1},
		{.version = USYNC_OPTIONS_VERSION, .order = USYNC_ORDER_NONE + 1},
		{.version = USYNC_OPTIONS_VERSION, .copy = USYNC_COPY_CFR + 1},
		{.version = USYNC_OPTIONS_VERSION, .chown_user = true, .chown_uid = UINT32_MAX},
		{.version = USYNC_OPTIONS_VERSION, .chown_group = true, .chown_gid = UINT32_MAX},
		{.version = USYNC_OPTIONS_VERSION, .reflink = USYNC_REFLINK_ALWAYS, .sparse = USYNC_SPARSE_NEVER},
		{.version = USYNC_OPTIONS_VERSION, .copy = USYNC_COPY_REFLINK, .sparse = USYNC_SPARSE_ALWAYS},
		{.version = USYNC_OPTIONS_VERSION, .copy = USYNC_COPY_REFLINK, .reflink = USYNC_REFLINK_NEVER},
		{.version = USYNC_OPTIONS_VERSION, .copy = USYNC_COPY_RW, .reflink = USYNC_REFLINK_ALWAYS},
		{.version = USYNC_OPTIONS_VERSION, .large_size = USYNC_LARGE_MIN - 1},
	};
	const char *source = "a";
	struct usync_job *job;

	(void)state;
	for (size_t i = 0; i < unit_nr(wrong); i++) {
		if (usync_job_new(&job, &wrong[i], &source, 1, "b") != -EINVAL) {
			fail_msg("row %zu is taken", i);
		}
	}
	assert_int_equal(usync_job_new(&job, NULL, &source, 0, "b"), -EINVAL);
}

/** A job that cannot start says why. */
static void test_cannot_start(void **state)
{
	struct usync_job *job = new_job(NULL, in_scratch("missing"), in_scratch("nowhere"));

	(void)state;
	assert_int_equal(usync_job_start(job), -ENOENT);
	assert_non_null(strstr(usync_job_error(job), "missing"));
	assert_null(strchr(usync_job_error(job), '\n'));
	usync_job_free(job);
	job = new_job(NULL, in_scratch("src"), in_scratch("src/sub/into"));
	assert_true(usync_job_run(job) < 0);
	assert_string_not_equal(usync_job_error(job), "");
	usync_job_free(job);
	assert_int_equal(access(in_scratch("src/sub/into"), F_OK), -1);
}

/** Cancelled before it starts, and cancelled by its own callback. */
static void test_cancel(void **state)
{
	struct usync_options options = USYNC_OPTIONS_INIT;
	struct seen seen = {.cancel = true};
	struct usync_stats stats;
	struct usync_job *job = new_job(NULL, in_scratch("src"), in_scratch("cancelled"));
	int ret;

	(void)state;
	usync_job_cancel(job);
	usync_job_cancel(job);
	ret = usync_job_run(job);
	assert_int_equal(ret, -ECANCELED);
	usync_job_stats(job, &stats);
	assert_int_equal(stats.files, 0);
	usync_job_free(job);

	options.event = on_event;
	options.payload = &seen;
	options.report_copied = true;
	options.jobs = 1;
	options.queue_depth = 1;
	job = new_job(&options, in_scratch("src"), in_scratch("cancelled"));
	seen.job = job;
	assert_int_equal(usync_job_run(job), -ECANCELED);
	usync_job_stats(job, &stats);
	assert_true(stats.files < FILES_NR);
	usync_job_free(job);
}

/** Two jobs at once in one process. */
static void test_two_jobs(void **state)
{
	struct usync_job *one = new_job(NULL, in_scratch("src"), in_scratch("one"));
	struct usync_job *two = new_job(NULL, in_scratch("src"), in_scratch("two"));
	struct usync_stats stats;

	(void)state;
	assert_int_equal(usync_job_start(one), 0);
	assert_int_equal(usync_job_start(two), 0);
	assert_int_equal(usync_job_wait(two), 0);
	assert_int_equal(usync_job_wait(one), 0);
	usync_job_stats(one, &stats);
	assert_int_equal(stats.files, FILES_NR);
	usync_job_stats(two, &stats);
	assert_int_equal(stats.files, FILES_NR);
	usync_job_free(one);
	usync_job_free(two);
	assert_int_equal(shell("diff -r --no-dereference one two"), 0);
}

/** How long calls took is known by their names, in the forced modes with the way that was asked for. */
static void test_latencies(void **state)
{
	(void)state;
	for (enum usync_io io = USYNC_IO_AUTO; io <= USYNC_IO_SYNC; io++) {
		struct usync_latency latencies[USYNC_LATENCIES_MAX];
		struct usync_options options = USYNC_OPTIONS_INIT;
		struct usync_job *job;
		bool has_create = false;
		size_t nr;

		options.io = io;
		assert_int_equal(shell("rm -rf timed"), 0);
		job = new_job(&options, in_scratch("src"), in_scratch("timed"));
		assert_int_equal(usync_job_latencies(job, latencies), 0);
		assert_int_equal(usync_job_run(job), 0);
		nr = usync_job_latencies(job, latencies);
		assert_in_range(nr, 4, USYNC_LATENCIES_MAX);
		for (size_t i = 0; i < nr; i++) {
			assert_true(latencies[i].measured > 0);
			assert_in_range(latencies[i].median_ns, 1, latencies[i].tail_ns);
			if (strcmp(latencies[i].call, "create") == 0) {
				has_create = true;
				assert_string_equal(latencies[i].side, "destination");
				assert_true(io == USYNC_IO_AUTO || io == USYNC_IO_ASYNC || !latencies[i].is_async);
			}
		}
		assert_true(has_create);
		usync_job_free(job);
	}
}

/** Descriptors that are open after a job were open before it. */
static void test_no_descriptor_kept(void **state)
{
	struct usync_job *job;
	int before = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int after;

	(void)state;
	close(before);
	for (enum usync_io io = USYNC_IO_AUTO; io <= USYNC_IO_SYNC; io++) {
		struct usync_options options = USYNC_OPTIONS_INIT;

		options.io = io;
		job = new_job(&options, in_scratch("src"), in_scratch("again"));
		assert_int_equal(usync_job_run(job), 0);
		usync_job_free(job);
	}
	after = open("/dev/null", O_RDONLY | O_CLOEXEC);
	close(after);
	assert_int_equal(after, before);
}

/** Freeing nothing, and a job that was never started. */
static void test_nothing_to_free(void **state)
{
	(void)state;
	usync_job_free(NULL);
	usync_job_free(new_job(NULL, "a", "b"));
	assert_non_null(strchr(usync_version(), '.'));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_run),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_cannot_start),
		cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_two_jobs),
		cmocka_unit_test(test_latencies),
		cmocka_unit_test(test_nothing_to_free),
		cmocka_unit_test(test_no_descriptor_kept),
	};

	return cmocka_run_group_tests_name("lib/usync", tests, setup, scratch_remove);
}
