/* SPDX-License-Identifier: MIT */
/* core/pace: places in the line of bytes, and in the queues of processor and disk. */
#include "unit.h"

#include "base/clock.h"
#include "core/job.h"
#include "core/pace.h"
#include "core/worker.h"

#include <errno.h>
#include <linux/ioprio.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SECOND_NS UINT64_C(1000000000)

static struct usync_job *job;
static struct us_worker *worker;

/** A job of which only what this module looks at is set. */
static int setup(void **state)
{
	(void)state;
	job = aligned_alloc(_Alignof(struct usync_job), sizeof(*job));
	worker = aligned_alloc(_Alignof(struct us_worker), sizeof(*worker));
	if (job == NULL || worker == NULL) {
		return -1;
	}
	memset(job, 0, sizeof(*job));
	memset(worker, 0, sizeof(*worker));
	worker->job = job;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(worker);
	free(job);
	return 0;
}

/** A transfer is never above what was asked for, never below the smallest, and an eighth of a second in between. */
static void test_chunk(void **state)
{
	static const struct {
		uint64_t rate;
		uint32_t chunk;
		uint32_t expected;
	} rows[] = {
		{0, 1u << 20, 1u << 20}, {0, 4096, 4096}, {1, 1u << 20, 4096}, {USYNC_RATE_MIN, 1u << 20, 4096},
		{8 * 4096, 1u << 20, 4096}, {16 * 4096 - 1, 1u << 20, 4096}, {16 * 4096, 1u << 20, 8192},
		{8ull << 20, 1u << 20, 1u << 20}, {(8ull << 20) - 1, 1u << 20, (1u << 20) - 4096},
		{8ull << 20, 65536, 65536}, {8ull << 20, 4096, 4096},
		{UINT64_MAX, USYNC_CHUNK_MAX, USYNC_CHUNK_MAX},
		{1ull << 35, USYNC_CHUNK_MAX, USYNC_CHUNK_MAX}, /* An eighth of it does not fit 32 bits. */
	};

	(void)state;
	for (size_t i = 0; i < unit_nr(rows); i++) {
		assert_int_equal(us_pace_chunk(rows[i].rate, rows[i].chunk), rows[i].expected);
	}
}

/** Without a rate there is no line. */
static void test_no_rate(void **state)
{
	(void)state;
	us_pace_wait(worker, UINT64_MAX);
	assert_int_equal(atomic_load(&job->pace.next_ns), 0);
}

/** Who comes first goes at once, and the next one's moment is so much later as the bytes take. */
static void test_first(void **state)
{
	uint64_t before = us_clock_ns();
	uint64_t next;

	(void)state;
	job->pace.rate = 1000;
	us_pace_wait(worker, 500);
	next = atomic_load(&job->pace.next_ns);
	/* Time that was not used is made up for, but less than a tenth of a second. */
	assert_true(next > before + SECOND_NS / 2 - SECOND_NS / 10);
	assert_true(next <= us_clock_ns() + SECOND_NS / 2);
}

/** Who comes too early goes not before the moment that the line had come to. */
static void test_waits(void **state)
{
	uint64_t moment = us_clock_ns() + SECOND_NS / 50;

	(void)state;
	job->pace.rate = SECOND_NS;
	atomic_store(&job->pace.next_ns, moment);
	us_pace_wait(worker, 77);
	assert_true(us_clock_ns() >= moment);
	assert_true(atomic_load(&job->pace.next_ns) >= moment + 77);
}

/** A job that stops waits for nothing: this would take until tomorrow. */
static void test_stopping(void **state)
{
	uint64_t moment = us_clock_ns() + 86400 * SECOND_NS;

	(void)state;
	job->pace.rate = 1;
	atomic_store(&job->pace.next_ns, moment);
	atomic_store(&job->stopping, true);
	us_pace_wait(worker, 1u << 20);
	assert_true(us_clock_ns() < moment);
}

/** What is not used up for a long time is lost: the line goes on from now, and not from where it was left. */
static void test_no_credit(void **state)
{
	uint64_t before = us_clock_ns();

	(void)state;
	assert_true(before > SECOND_NS);
	job->pace.rate = SECOND_NS;
	atomic_store(&job->pace.next_ns, 1);
	us_pace_wait(worker, 1);
	assert_true(atomic_load(&job->pace.next_ns) > before - SECOND_NS / 10);
}

/** A moment that was missed by little is made up for: the line goes on from where it was. */
static void test_short_credit(void **state)
{
	(void)state;
	job->pace.rate = SECOND_NS;
	for (int i = 0; i < 100; i++) {
		uint64_t moment = us_clock_ns();

		atomic_store(&job->pace.next_ns, moment);
		us_pace_wait(worker, 1000);
		if (us_clock_ns() - moment < SECOND_NS / 25) { /* Else a busy machine had missed it by much. */
			assert_true(atomic_load(&job->pace.next_ns) - moment <= 1000);
		}
	}
}

/** The largest counts and rates do not overflow what a moment is told in. */
static void test_extremes(void **state)
{
	uint64_t moment = us_clock_ns() + 3600 * SECOND_NS;

	(void)state;
	atomic_store(&job->stopping, true);
	job->pace.rate = UINT64_MAX;
	atomic_store(&job->pace.next_ns, moment);
	us_pace_wait(worker, USYNC_CHUNK_MAX);
	assert_true(atomic_load(&job->pace.next_ns) - moment <= 1);
	job->pace.rate = USYNC_RATE_MIN;
	atomic_store(&job->pace.next_ns, moment);
	us_pace_wait(worker, USYNC_CHUNK_MAX);
	assert_true(atomic_load(&job->pace.next_ns) == moment + USYNC_CHUNK_MAX / USYNC_RATE_MIN * SECOND_NS);
	atomic_store(&job->pace.next_ns, moment);
	us_pace_wait(worker, 0);
	assert_true(atomic_load(&job->pace.next_ns) == moment);
}

enum { THREADS = 4, TURNS = 10000, BYTES = 3 };

/** Takes many places. */
static void *run_turns(void *arg)
{
	(void)arg;
	for (int i = 0; i < TURNS; i++) {
		us_pace_wait(worker, BYTES);
	}
	return NULL;
}

/** Threads share one line: no two have the same place in it. */
static void test_threads(void **state)
{
	uint64_t moment = us_clock_ns() + 86400 * SECOND_NS;
	pthread_t threads[THREADS];

	(void)state;
	atomic_store(&job->stopping, true); /* Places are taken, and not waited for. */
	job->pace.rate = SECOND_NS;
	atomic_store(&job->pace.next_ns, moment);
	for (int i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, run_turns, NULL), 0);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
	}
	assert_true(atomic_load(&job->pace.next_ns) == moment + (uint64_t)THREADS * TURNS * BYTES);
}

/** What a thread found out about itself. */
struct place {
	int ret;
	int nice;
	long io;
};

/** Goes to the end of both queues. */
static void *run_yield(void *arg)
{
	struct place *place = arg;

	place->ret = us_pace_yield_to_all();
	place->nice = getpriority(PRIO_PROCESS, 0);
	place->io = syscall(SYS_ioprio_get, IOPRIO_WHO_PROCESS, 0);
	return NULL;
}

/** One thread gives way, and the caller's others stay where they are. */
static void test_yield(void **state)
{
	int nice_before = getpriority(PRIO_PROCESS, 0);
	long io_before = syscall(SYS_ioprio_get, IOPRIO_WHO_PROCESS, 0);
	struct place place = {0};
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, run_yield, &place), 0);
	pthread_join(thread, NULL);
	assert_int_equal(getpriority(PRIO_PROCESS, 0), nice_before);
	assert_int_equal(syscall(SYS_ioprio_get, IOPRIO_WHO_PROCESS, 0), io_before);
	if (place.ret == -EPERM || place.ret == -ENOSYS) {
		skip(); /* A sandbox may forbid it. */
	}
	assert_int_equal(place.ret, 0);
	assert_int_equal(place.nice, 19);
	assert_int_equal(IOPRIO_PRIO_CLASS(place.io), IOPRIO_CLASS_IDLE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chunk),
		cmocka_unit_test_setup_teardown(test_no_rate, setup, teardown),
		cmocka_unit_test_setup_teardown(test_first, setup, teardown),
		cmocka_unit_test_setup_teardown(test_waits, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stopping, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_credit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_short_credit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_extremes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_threads, setup, teardown),
		cmocka_unit_test(test_yield),
	};

	return cmocka_run_group_tests_name("core/pace", tests, NULL, NULL);
}
