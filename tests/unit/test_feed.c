/* SPDX-License-Identifier: MIT */
/* core/feed: the order of tasks, stealing, and that threads lose no task and do none twice. */
#include "unit.h"

#include "core/feed.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/** Threads of the stress tests: so many bring tasks, and so many only take them. */
#define PUSHERS_NR 2u
#define THIEVES_NR 3u
#define WORKERS_NR (PUSHERS_NR + THIEVES_NR)

/** Tasks of each stress test. */
#define TASKS_NR 30000u

/** What the threads of a test share.  They assert nothing: cmocka fails in its own thread. */
struct stress {
	struct us_feed *feed;
	struct us_listing listing;   /**< What all the slices seem to belong to. */
	atomic_uint pushed;
	atomic_uint done;
	atomic_uint errors;          /**< Pushes that failed, answers that should not come. */
	atomic_uint at_end;          /**< Workers told of the end. */
	atomic_uchar seen[TASKS_NR]; /**< How often each was taken. */
};

/** One thread of it. */
struct thread {
	struct stress *stress;
	unsigned int id;
	pthread_t handle;
};

/** A task that is known by NUMBER: a slice or a directory, neither of which the feed looks into. */
static struct us_task make_task(struct us_listing *listing, unsigned int number)
{
	if (number % 2 == 0) {
		return (struct us_task){
			.kind = US_TASK_SLICE,
			.slice = {.listing = listing, .next = number},
		};
	}
	return (struct us_task){.kind = US_TASK_DIR, .dir = (struct us_dir *)(uintptr_t)number};
}

/** The number of a task. */
static unsigned int number_of(const struct us_task *task)
{
	return task->kind == US_TASK_SLICE ? task->slice.next : (unsigned int)(uintptr_t)task->dir;
}

/** Push the task NUMBER for WORKER. */
static void push(struct us_feed *feed, struct us_listing *listing, unsigned int worker,
                 unsigned int number)
{
	struct us_task task = make_task(listing, number);

	assert_int_equal(us_feed_push(feed, worker, &task), 0);
}

/** WORKER gets the task NUMBER next. */
static void expect(struct us_feed *feed, unsigned int worker, unsigned int number)
{
	struct us_task task;

	assert_int_equal(us_feed_next(feed, worker, true, &task), US_FEED_TASK);
	assert_int_equal(number_of(&task), number);
}

/** The own top one first, else the bottom one of another; the count follows. */
static void test_order(void **state)
{
	struct us_feed *feed = us_feed_new(3, 3);
	struct us_listing listing = {0};
	struct us_task task;

	(void)state;
	assert_non_null(feed);
	assert_int_equal(us_feed_length(feed), 0);
	assert_int_equal(us_feed_next(feed, 0, false, &task), US_FEED_EMPTY);
	for (unsigned int i = 0; i < 4; i++) {
		push(feed, &listing, 0, i);
		push(feed, &listing, 2, 10 + i);
	}
	assert_int_equal(us_feed_length(feed), 8);
	expect(feed, 0, 3);
	expect(feed, 1, 10); /* From the next worker that has something. */
	expect(feed, 2, 13);
	expect(feed, 1, 11);
	expect(feed, 1, 12);
	expect(feed, 1, 0);
	expect(feed, 2, 1);
	assert_int_equal(us_feed_length(feed), 1);
	expect(feed, 0, 2);
	assert_int_equal(us_feed_length(feed), 0);
	for (unsigned int i = 0; i < 3; i++) {
		assert_int_equal(us_feed_next(feed, i, false, &task), US_FEED_EMPTY);
	}
	us_feed_free(feed);
}

/** A deque that grows while it is bent round its array's end keeps its order at both ends. */
static void test_grow(void **state)
{
	struct us_feed *feed = us_feed_new(2, 2);
	struct us_listing listing = {0};
	unsigned int bottom = 0;
	unsigned int top = 0;

	(void)state;
	assert_non_null(feed);
	for (unsigned int round = 1; round <= 20; round++) {
		for (unsigned int i = 0; i < round * 20; i++) {
			push(feed, &listing, 0, top++);
		}
		for (unsigned int i = 0; i < round * 13; i++) {
			expect(feed, 1, bottom++);
		}
		assert_int_equal(us_feed_length(feed), top - bottom);
	}
	while (top > bottom) {
		expect(feed, 0, --top);
	}
	us_feed_free(feed);
}

/** A listing is shared from the moment that another worker has a slice of it. */
static void test_shared(void **state)
{
	struct us_feed *feed = us_feed_new(2, 2);
	struct us_listing own = {0};
	struct us_listing stolen = {0};

	(void)state;
	assert_non_null(feed);
	push(feed, &own, 0, 2);
	push(feed, &stolen, 0, 4);
	push(feed, &stolen, 0, 6);
	expect(feed, 0, 6);
	assert_false(atomic_load(&stolen.shared));
	push(feed, &own, 0, 8);
	expect(feed, 0, 8);
	expect(feed, 1, 2);
	assert_true(atomic_load(&own.shared));
	assert_false(atomic_load(&stolen.shared));
	us_feed_free(feed);
}

/** After the end, tasks that are still there can be taken; then the end is told, repeatedly. */
static void test_end(void **state)
{
	struct us_feed *feed = us_feed_new(2, 2);
	struct us_listing listing = {0};
	struct us_task task;

	(void)state;
	assert_non_null(feed);
	push(feed, &listing, 0, 1);
	push(feed, &listing, 0, 2);
	us_feed_end(feed);
	expect(feed, 1, 1);
	expect(feed, 0, 2);
	for (unsigned int i = 0; i < 2; i++) {
		assert_int_equal(us_feed_next(feed, i, false, &task), US_FEED_END);
		assert_int_equal(us_feed_next(feed, i, true, &task), US_FEED_END);
	}
	us_feed_free(feed);
}

/** Tasks never taken are no leak, and neither is no feed at all. */
static void test_leftovers(void **state)
{
	struct us_feed *feed = us_feed_new(1, 1);
	struct us_listing listing = {0};

	(void)state;
	assert_non_null(feed);
	for (unsigned int i = 0; i < 100; i++) {
		push(feed, &listing, 0, i);
	}
	us_feed_free(feed);
	us_feed_free(NULL);
}

/** Note that TASK was taken; who takes the last says that it was the last. */
static void note(struct stress *stress, const struct us_task *task)
{
	unsigned int number = number_of(task);

	if (number >= TASKS_NR) {
		atomic_fetch_add(&stress->errors, 1);
		return;
	}
	atomic_fetch_add(&stress->seen[number], 1);
	if (atomic_fetch_add(&stress->done, 1) + 1 == TASKS_NR) {
		us_feed_end(stress->feed);
	}
}

/** Push the task NUMBER for WORKER, from a thread. */
static void push_quietly(struct stress *stress, unsigned int worker, unsigned int number)
{
	struct us_task task = make_task(&stress->listing, number);

	if (us_feed_push(stress->feed, worker, &task) != 0) {
		atomic_fetch_add(&stress->errors, 1);
	}
	atomic_fetch_add(&stress->pushed, 1);
}

/** A thread that takes what there is until the end. */
static void *take_all(void *context)
{
	const struct thread *thread = context;
	struct stress *stress = thread->stress;
	struct us_task task;
	enum us_feed_state got;

	while ((got = us_feed_next(stress->feed, thread->id, true, &task)) == US_FEED_TASK) {
		note(stress, &task);
	}
	atomic_fetch_add(got == US_FEED_END ? &stress->at_end : &stress->errors, 1);
	return NULL;
}

/** A thread that pushes its share, takes some back, and now and then waits until none is left. */
static void *push_bursts(void *context)
{
	const struct thread *thread = context;
	struct stress *stress = thread->stress;
	struct us_task task;

	for (unsigned int i = thread->id; i < TASKS_NR; i += PUSHERS_NR) {
		push_quietly(stress, i % 11 == 0 ? PUSHERS_NR : thread->id, i);
		if (i % 5 == 0 &&
		    us_feed_next(stress->feed, thread->id, false, &task) == US_FEED_TASK) {
			note(stress, &task);
		}
		while (i % 101 == thread->id && us_feed_length(stress->feed) > 0) {
			sched_yield();
		}
	}
	return take_all(context);
}

/** A thread for which each task brings two more, as directories do. */
static void *grow_tree(void *context)
{
	const struct thread *thread = context;
	struct stress *stress = thread->stress;
	struct us_task task;

	while (us_feed_next(stress->feed, thread->id, true, &task) == US_FEED_TASK) {
		unsigned int child = number_of(&task) * 2 + 1;

		for (unsigned int i = child; i < child + 2 && i < TASKS_NR; i++) {
			push_quietly(stress, thread->id, i);
		}
		note(stress, &task);
	}
	atomic_fetch_add(&stress->at_end, 1);
	return NULL;
}

/** Start the threads, the first PUSHERS_NR with PUSHER and the others with THIEF, and join them. */
static void run_threads(struct stress *stress, void *(*pusher)(void *), void *(*thief)(void *))
{
	struct thread threads[WORKERS_NR];

	for (unsigned int i = 0; i < WORKERS_NR; i++) {
		threads[i] = (struct thread){.stress = stress, .id = i};
		assert_int_equal(pthread_create(&threads[i].handle, NULL,
		                                i < PUSHERS_NR ? pusher : thief, &threads[i]), 0);
	}
	for (unsigned int i = 0; i < WORKERS_NR; i++) {
		assert_int_equal(pthread_join(threads[i].handle, NULL), 0);
	}
}

/** A stress test with its feed. */
static struct stress *new_stress(void)
{
	struct stress *stress = calloc(1, sizeof(*stress));

	assert_non_null(stress);
	stress->feed = us_feed_new(WORKERS_NR, WORKERS_NR);
	assert_non_null(stress->feed);
	return stress;
}

/** Every task was taken once, all of the NR threads were told of the end, and nothing is left. */
static void check_stress(struct stress *stress, unsigned int nr)
{
	assert_int_equal(atomic_load(&stress->errors), 0);
	assert_int_equal(atomic_load(&stress->pushed), TASKS_NR);
	assert_int_equal(atomic_load(&stress->done), TASKS_NR);
	assert_int_equal(atomic_load(&stress->at_end), nr);
	assert_int_equal(us_feed_length(stress->feed), 0);
	for (unsigned int i = 0; i < TASKS_NR; i++) {
		if (atomic_load(&stress->seen[i]) != 1) {
			fail_msg("task %u was taken %d times", i, atomic_load(&stress->seen[i]));
		}
	}
	us_feed_free(stress->feed);
	free(stress);
}

/** Some push, all take, and most sleep in between. */
static void test_stress_bursts(void **state)
{
	struct stress *stress = new_stress();

	(void)state;
	run_threads(stress, push_bursts, take_all);
	assert_true(atomic_load(&stress->listing.shared));
	check_stress(stress, WORKERS_NR);
}

/** One task becomes many, in whatever worker has it. */
static void test_stress_tree(void **state)
{
	struct stress *stress = new_stress();

	(void)state;
	push_quietly(stress, 0, 0);
	run_threads(stress, grow_tree, grow_tree);
	check_stress(stress, WORKERS_NR);
}

/** Each task wakes the worker that sleeps and is seen to want one; who pushed it only waits. */
static void test_push_wakes(void **state)
{
	struct stress *stress = new_stress();
	struct thread thread = {.stress = stress, .id = 1};

	(void)state;
	assert_false(us_feed_is_wanting(stress->feed));
	assert_int_equal(pthread_create(&thread.handle, NULL, take_all, &thread), 0);
	for (unsigned int i = 0; i < TASKS_NR; i++) {
		while (i % 100 == 0 && !us_feed_is_wanting(stress->feed)) {
			sched_yield();
		}
		push_quietly(stress, 0, i);
		while (atomic_load(&stress->done) <= i) {
			sched_yield();
		}
	}
	assert_int_equal(pthread_join(thread.handle, NULL), 0);
	assert_false(us_feed_is_wanting(stress->feed));
	check_stress(stress, 1);
}

/** A thread that waits for tasks of which there are none. */
static void *wait_for_end(void *context)
{
	struct thread *thread = context;

	atomic_fetch_add(&thread->stress->pushed, 1);
	return take_all(context);
}

/** The end reaches all that sleep, and those just about to. */
static void test_end_wakes(void **state)
{
	struct thread threads[WORKERS_NR];

	(void)state;
	for (unsigned int round = 0; round < 200; round++) {
		struct stress *stress = new_stress();

		for (unsigned int i = 0; i < WORKERS_NR; i++) {
			threads[i] = (struct thread){.stress = stress, .id = i};
			assert_int_equal(pthread_create(&threads[i].handle, NULL, wait_for_end,
			                                &threads[i]), 0);
		}
		/* One round ends before most have begun, the next when all are there. */
		while (round % 2 == 0 && atomic_load(&stress->pushed) < WORKERS_NR) {
			sched_yield();
		}
		us_feed_end(stress->feed);
		for (unsigned int i = 0; i < WORKERS_NR; i++) {
			assert_int_equal(pthread_join(threads[i].handle, NULL), 0);
		}
		assert_int_equal(atomic_load(&stress->at_end), WORKERS_NR);
		assert_int_equal(atomic_load(&stress->errors), 0);
		us_feed_free(stress->feed);
		free(stress);
	}
}

/** A worker that is not active gets nothing, not even from its own deque, until it is again or the end has come. */
static void test_active(void **state)
{
	struct us_feed *feed = us_feed_new(3, 1);
	struct us_listing listing = {0};
	struct us_task task;

	(void)state;
	assert_non_null(feed);
	push(feed, &listing, 0, 1);
	push(feed, &listing, 0, 2);
	assert_int_equal(us_feed_next(feed, 1, false, &task), US_FEED_EMPTY);
	us_feed_set_active(feed, 3);
	expect(feed, 2, 1);
	push(feed, &listing, 2, 3);
	us_feed_set_active(feed, 2);
	assert_int_equal(us_feed_next(feed, 2, false, &task), US_FEED_EMPTY);
	expect(feed, 1, 3);
	expect(feed, 1, 2);
	us_feed_set_active(feed, 1);
	us_feed_end(feed);
	assert_int_equal(us_feed_next(feed, 2, true, &task), US_FEED_END);
	us_feed_free(feed);
}

/** Wait for task 7 as worker 1. */
static void *sleeper(void *arg)
{
	struct us_feed *feed = arg;
	struct us_task task;

	return us_feed_next(feed, 1, true, &task) == US_FEED_TASK && number_of(&task) == 7 ? feed : NULL;
}

/** A worker that waits and is then not active any more takes no other's wakening; it wakes when it is active again. */
static void test_active_wakes(void **state)
{
	struct us_feed *feed = us_feed_new(2, 2);
	struct us_listing listing = {0};
	pthread_t thread;
	void *result = NULL;

	(void)state;
	assert_non_null(feed);
	assert_int_equal(pthread_create(&thread, NULL, sleeper, feed), 0);
	while (us_feed_idle(feed) == 0) {
		sched_yield();
	}
	us_feed_set_active(feed, 1);
	while (us_feed_idle(feed) > 0) {
		sched_yield();
	}
	push(feed, &listing, 0, 6);
	expect(feed, 0, 6);
	push(feed, &listing, 0, 7);
	us_feed_set_active(feed, 2);
	assert_int_equal(pthread_join(thread, &result), 0);
	assert_ptr_equal(result, feed);
	us_feed_free(feed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_grow),
		cmocka_unit_test(test_shared),
		cmocka_unit_test(test_end),
		cmocka_unit_test(test_leftovers),
		cmocka_unit_test(test_stress_bursts),
		cmocka_unit_test(test_stress_tree),
		cmocka_unit_test(test_push_wakes),
		cmocka_unit_test(test_end_wakes),
		cmocka_unit_test(test_active),
		cmocka_unit_test(test_active_wakes),
	};

	return cmocka_run_group_tests_name("core/feed", tests, NULL, NULL);
}
