/* SPDX-License-Identifier: MIT */
/* core/policy: what is slow, and how many workers that asks for, by a clock that the test moves. */
#include "unit.h"

#include "core/policy.h"

#include <stdbool.h>

#define MS UINT64_C(1000000)

/** Between the two bounds. */
#define MEDIUM_NS ((US_POLICY_SLOW_NS + US_POLICY_FAST_NS) / 2)

/** A file system on which calls take slow_ns, and at most max_rate of them are answered in a second. */
struct world {
	struct us_policy_growth growth;
	struct us_policy_view view;
	uint64_t max_rate;
	unsigned int most; /**< The most workers there were. */
};

static struct world new_world(uint64_t slow_ns, uint64_t max_rate)
{
	return (struct world){
		.growth = {.base = 6, .max = 256, .cpus = 2, .target = 6},
		.view = {.now_ns = 5000 * MS, .slow_ns = slow_ns},
		.max_rate = max_rate,
	};
}

/** Let NS pass, a tick at a time. */
static void pass(struct world *world, uint64_t ns)
{
	uint64_t end = world->view.now_ns + ns;

	while (world->view.now_ns < end) {
		uint64_t rate = world->view.slow_ns > 0 ? world->growth.target * 1000 * MS / world->view.slow_ns : 0;

		rate = rate < world->max_rate ? rate : world->max_rate;
		world->view.now_ns += US_POLICY_TICK_NS;
		world->view.calls += rate * US_POLICY_TICK_NS / (1000 * MS);
		us_policy_grow(&world->growth, &world->view);
		assert_in_range(world->growth.target, world->growth.base, world->growth.max);
		world->most = world->most > world->growth.target ? world->most : world->growth.target;
	}
}

/** Some looks in a row make a kind slow, more of them make it fast again, and what lies between changes nothing. */
static void test_hysteresis(void **state)
{
	struct us_policy_kind kind = {0};

	(void)state;
	assert_false(us_policy_judge(&kind, 1000, 5000, false));
	assert_false(us_policy_judge(&kind, 1000, MEDIUM_NS, false));
	assert_false(us_policy_judge(&kind, 1000, US_POLICY_SLOW_NS - 1, false));
	assert_false(kind.is_slow);
	for (unsigned int i = 1; i < US_POLICY_LOOKS_SLOW; i++) {
		assert_false(us_policy_judge(&kind, US_POLICY_SAMPLES, US_POLICY_SLOW_NS, false));
	}
	assert_false(us_policy_judge(&kind, 1000, MEDIUM_NS, false)); /* Not in a row. */
	for (unsigned int i = 1; i < US_POLICY_LOOKS_SLOW; i++) {
		assert_false(us_policy_judge(&kind, US_POLICY_SAMPLES, US_POLICY_SLOW_NS, false));
	}
	assert_false(kind.is_slow);
	assert_true(us_policy_judge(&kind, US_POLICY_SAMPLES, US_POLICY_SLOW_NS, false));
	assert_true(kind.is_slow);
	for (int i = 0; i < 100; i++) {
		assert_false(us_policy_judge(&kind, 1000, MEDIUM_NS, false));
		assert_false(us_policy_judge(&kind, 1000, US_POLICY_SLOW_NS, false));
	}
	for (unsigned int i = 1; i < US_POLICY_LOOKS; i++) {
		assert_false(us_policy_judge(&kind, 1000, US_POLICY_FAST_NS, false));
	}
	assert_false(us_policy_judge(&kind, 1000, MEDIUM_NS, false)); /* Not in a row. */
	for (unsigned int i = 1; i < US_POLICY_LOOKS; i++) {
		assert_false(us_policy_judge(&kind, 1000, US_POLICY_FAST_NS, false));
	}
	assert_true(kind.is_slow);
	assert_true(us_policy_judge(&kind, 1000, US_POLICY_FAST_NS, false));
	assert_false(kind.is_slow);
}

/** A few calls say nothing, however long they took. */
static void test_too_few(void **state)
{
	struct us_policy_kind kind = {0};

	(void)state;
	for (int i = 0; i < 100; i++) {
		assert_false(us_policy_judge(&kind, US_POLICY_SAMPLES - 1, 1000 * MS, false));
	}
	assert_false(kind.is_slow);
}

/** The bounds are apart, so that nothing can be slow and fast at a time. */
static void test_bounds(void **state)
{
	(void)state;
	assert_true(US_POLICY_FAST_NS * 2 <= US_POLICY_SLOW_NS);
}

/** Both sides are judged by what they do themselves. */
static void test_sides(void **state)
{
	struct us_policy_kind source = {0};
	struct us_policy_kind destination = {0};

	(void)state;
	for (unsigned int i = 0; i < US_POLICY_LOOKS_SLOW; i++) {
		us_policy_judge(&destination, 100, 2 * MS, false);
		us_policy_judge(&source, 100, 3000, false);
	}
	assert_true(destination.is_slow);
	assert_false(source.is_slow);
	for (unsigned int i = 0; i < US_POLICY_LOOKS_SLOW; i++) {
		us_policy_judge(&source, 100, 20 * MS, false);
	}
	for (unsigned int i = 0; i < US_POLICY_LOOKS; i++) {
		us_policy_judge(&destination, 100, 3000, false);
	}
	assert_true(source.is_slow);
	assert_false(destination.is_slow);
}

/** Of a server a few calls tell, at the first look; that it is not slow any more is to be as certain as anywhere. */
static void test_far(void **state)
{
	struct us_policy_kind kind = {0};

	(void)state;
	assert_int_equal(us_policy_samples(&kind, true), US_POLICY_SAMPLES_FAR);
	assert_int_equal(us_policy_samples(&kind, false), US_POLICY_SAMPLES);
	assert_false(us_policy_judge(&kind, US_POLICY_SAMPLES_FAR - 1, 20 * MS, true));
	assert_false(us_policy_judge(&kind, US_POLICY_SAMPLES_FAR, US_POLICY_SLOW_NS - 1, true));
	assert_true(us_policy_judge(&kind, US_POLICY_SAMPLES_FAR, 20 * MS, true));
	assert_true(kind.is_slow);
	assert_int_equal(us_policy_samples(&kind, true), US_POLICY_SAMPLES);
	for (int i = 0; i < 100; i++) {
		assert_false(us_policy_judge(&kind, US_POLICY_SAMPLES - 1, US_POLICY_FAST_NS, true));
	}
	for (unsigned int i = 1; i < US_POLICY_LOOKS; i++) {
		assert_false(us_policy_judge(&kind, US_POLICY_SAMPLES, US_POLICY_FAST_NS, true));
	}
	assert_true(us_policy_judge(&kind, US_POLICY_SAMPLES, US_POLICY_FAST_NS, true));
}

/** Where no call is slow there are never more workers than at the beginning. */
static void test_local(void **state)
{
	struct world world = new_world(0, UINT64_MAX);

	(void)state;
	pass(&world, 60000 * MS);
	assert_int_equal(world.most, 6);
}

/** A slow call gets as many workers at once as its waiting leaves time for: they double as long as that helps. */
static void test_growth(void **state)
{
	struct world world = new_world(2 * MS, UINT64_MAX);

	(void)state;
	pass(&world, US_POLICY_TICK_NS);
	assert_int_equal(world.growth.target, 6); /* First it is seen how much is done without. */
	pass(&world, US_POLICY_TRIAL_NS);
	assert_int_equal(world.growth.target, 80);
	pass(&world, 35 * MS);
	assert_int_equal(world.growth.target, 160);
	pass(&world, 35 * MS);
	assert_int_equal(world.growth.target, 256);
	pass(&world, 60000 * MS);
	assert_int_equal(world.growth.target, 256);
}

/** Growth stops when the server answers no faster, and goes back to what was enough; later it is tried again. */
static void test_growth_stops(void **state)
{
	struct world world = new_world(1 * MS, 30000);

	(void)state;
	pass(&world, 500 * MS);
	assert_int_equal(world.growth.target, 40);
	assert_true(world.growth.is_settled);
	assert_int_equal(world.most, 80);
	world.max_rate = 1000000;
	pass(&world, 4000 * MS);
	assert_int_equal(world.growth.target, 256);
}

/** Calls that wait for each other are slow, too; more workers make them slower only, and are tried ever more rarely. */
static void test_contention(void **state)
{
	struct world world = new_world(1 * MS, 6000);
	uint64_t more = 0;

	(void)state;
	for (uint64_t ns = 0; ns < 60000 * MS; ns += US_POLICY_TICK_NS) {
		pass(&world, US_POLICY_TICK_NS);
		more += world.growth.target > world.growth.base ? US_POLICY_TICK_NS : 0;
	}
	assert_int_equal(world.growth.target, 6);
	assert_int_equal(world.most, 40);
	assert_in_range(more, 1, 10 * US_POLICY_TRIAL_NS); /* After 0, 2, 6, 14, 30 s. */
	world.max_rate = UINT64_MAX;
	pass(&world, US_POLICY_RETRY_NS * US_POLICY_RETRY_MAX);
	assert_int_equal(world.growth.target, 256);
}

/** With a server the job so far is the first trial; what does not pay there is not kept either. */
static void test_growth_far(void **state)
{
	struct world world = new_world(20 * MS, UINT64_MAX);

	(void)state;
	world.view.far_ns = world.view.now_ns;
	world.view.slow_ns = 0;
	pass(&world, 190 * MS); /* So long it takes to find out. */
	assert_int_equal(world.growth.target, 6);
	world.view.calls = 40;
	world.view.slow_ns = 20 * MS;
	pass(&world, US_POLICY_TICK_NS);
	assert_int_equal(world.growth.target, 256);

	world = new_world(20 * MS, 200);
	world.view.far_ns = world.view.now_ns;
	pass(&world, US_POLICY_TICK_NS);
	assert_int_equal(world.growth.target, 256);
	pass(&world, 200 * MS);
	assert_int_equal(world.growth.target, 6);

	world = new_world(20 * MS, UINT64_MAX); /* Who has too little to do as it is needs no others. */
	world.view.far_ns = world.view.now_ns;
	world.view.idle = 1;
	pass(&world, 1000 * MS);
	assert_int_equal(world.growth.target, 6);
}

/** Calls that are only a little slow get a few workers more. */
static void test_a_little(void **state)
{
	struct world world = new_world(US_POLICY_SLOW_NS, UINT64_MAX);

	(void)state;
	pass(&world, US_POLICY_TICK_NS + US_POLICY_TRIAL_NS);
	assert_int_equal(world.growth.target, 12);
}

/** As long as workers have nothing to do there are no more. */
static void test_idle(void **state)
{
	struct world world = new_world(2 * MS, UINT64_MAX);

	(void)state;
	world.view.idle = 1;
	pass(&world, 1000 * MS);
	assert_int_equal(world.growth.target, 6);
	world.view.idle = 0;
	pass(&world, US_POLICY_TRIAL_NS);
	assert_int_equal(world.growth.target, 80);
	world.view.idle = 80 / US_POLICY_IDLE + 1;
	pass(&world, 10000 * MS);
	assert_int_equal(world.growth.target, 80);
}

/** When calls are fast again there are as many workers as at first; and slow ones later begin anew. */
static void test_fast_again(void **state)
{
	struct world world = new_world(2 * MS, UINT64_MAX);

	(void)state;
	pass(&world, 200 * MS);
	assert_int_equal(world.growth.target, 256);
	world.view.slow_ns = 0;
	pass(&world, US_POLICY_TICK_NS);
	assert_int_equal(world.growth.target, 6);
	world.view.slow_ns = 2 * MS;
	pass(&world, US_POLICY_TICK_NS + US_POLICY_TRIAL_NS);
	assert_int_equal(world.growth.target, 80);
}

/** A trial lasts some calls, so very slow ones are given their time. */
static void test_trial(void **state)
{
	struct world world = new_world(20 * MS, UINT64_MAX);

	(void)state;
	world.growth.max = 2000;
	pass(&world, US_POLICY_TICK_NS + 200 * MS);
	assert_int_equal(world.growth.target, 800);
	pass(&world, 190 * MS);
	assert_int_equal(world.growth.target, 800);
	pass(&world, 15 * MS);
	assert_int_equal(world.growth.target, 1600);
}

/** All directories in hand have workers, and each a few. */
static void test_sharers(void **state)
{
	(void)state;
	assert_in_range(us_policy_sharers(256, 20), 5, 12);
	assert_in_range(us_policy_sharers(256, 1), 16, 256);
	assert_in_range(us_policy_sharers(256, 0), 16, 256);
	assert_int_equal(us_policy_sharers(256, 1000000), US_POLICY_SHARERS_MIN);
	assert_int_equal(us_policy_sharers(6, 6), US_POLICY_SHARERS_MIN);
	for (uint64_t dirs = 1; dirs < 256 / US_POLICY_SHARERS_MIN; dirs++) {
		assert_in_range(us_policy_sharers(256, dirs) * dirs, 1, 256);
	}
}

/** No number of workers is exceeded, not even where there can be no more than at the beginning. */
static void test_no_room(void **state)
{
	struct world world = new_world(20 * MS, UINT64_MAX);

	(void)state;
	world.growth.max = 6;
	pass(&world, 5000 * MS);
	assert_int_equal(world.most, 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hysteresis),   cmocka_unit_test(test_too_few), cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_sides),        cmocka_unit_test(test_local),   cmocka_unit_test(test_growth),
		cmocka_unit_test(test_growth_stops), cmocka_unit_test(test_contention), cmocka_unit_test(test_a_little),
		cmocka_unit_test(test_idle),         cmocka_unit_test(test_far),     cmocka_unit_test(test_growth_far),
		cmocka_unit_test(test_fast_again),   cmocka_unit_test(test_trial),   cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_sharers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
