/* SPDX-License-Identifier: MIT */
/*
 * What follows from how long calls take.
 *
 *	fast --- LOOKS_SLOW in a row: median >= SLOW ---> slow
 *	  ^                                                |
 *	  +------- LOOKS in a row: median <= FAST ---------+
 *
 *	base workers --- a kind is slow: measure the rate ---> as many as its waiting leaves time for
 *	     ^                                                   --- the rate grew ---> twice as many ...
 *	     +--- none is slow                                   --- it did not ------> settled: as before (and again later)
 *
 * Calls also take long because they wait for each other, or for a processor: then more workers make nothing faster, and
 * are not kept.
 *
 * A server far away is known for one by the type of its file system.  Then a few calls tell, and the rate is that of
 * the job so far, however short: with calls of 20 ms a second would pass else, in which six workers hardly begin.
 */
#include "core/policy.h"

#include "base/clock.h"
#include "base/us.h"

unsigned int us_policy_samples(const struct us_policy_kind *kind, bool is_far)
{
	return is_far && !kind->is_slow ? US_POLICY_SAMPLES_FAR : US_POLICY_SAMPLES;
}

bool us_policy_judge(struct us_policy_kind *kind, uint64_t nr, uint64_t median_ns, bool is_far)
{
	bool differs = kind->is_slow ? median_ns <= US_POLICY_FAST_NS : median_ns >= US_POLICY_SLOW_NS;
	unsigned int needed = kind->is_slow ? US_POLICY_LOOKS : (is_far ? 1 : US_POLICY_LOOKS_SLOW);

	if (nr < us_policy_samples(kind, is_far)) {
		return false;
	}
	kind->looks = differs ? (uint8_t)(kind->looks + 1) : 0;
	if (kind->looks < needed) {
		return false;
	}
	kind->is_slow = !kind->is_slow;
	kind->looks = 0;
	return true;
}

/** Begin to measure the rate. */
static void begin_trial(struct us_policy_growth *growth, const struct us_policy_view *view)
{
	growth->since_ns = view->now_ns;
	growth->calls = view->calls;
}

/** Go on with TARGET workers. */
static void step_to(struct us_policy_growth *growth, const struct us_policy_view *view, uint64_t target)
{
	growth->before = growth->target;
	growth->target = (unsigned int)us_max(us_min(target, (uint64_t)growth->max), (uint64_t)growth->base);
	begin_trial(growth, view);
}

/** CALLS in NS, a second. */
static uint64_t rate_of(uint64_t calls, uint64_t ns)
{
	return calls * US_SECOND_NS / ns;
}

/** A trial is over: its RATE against that of the one before. */
static void weigh(struct us_policy_growth *growth, const struct us_policy_view *view, uint64_t rate)
{
	if (growth->rate > 0 && rate * 100 < growth->rate * US_POLICY_GAIN) {
		growth->is_settled = true;
		growth->vain++;
		step_to(growth, view, growth->before);
		return;
	}
	if (growth->rate > 0) {
		growth->vain = 0;
	}
	growth->rate = rate;
	if (growth->target == growth->max) {
		growth->is_settled = true;
		begin_trial(growth, view);
	} else if (growth->target == growth->base) {
		step_to(growth, view,
		        us_max((uint64_t)growth->base * 2, growth->cpus * view->slow_ns / US_POLICY_CALL_NS));
	} else {
		step_to(growth, view, (uint64_t)growth->target * 2);
	}
}

unsigned int us_policy_sharers(unsigned int workers, uint64_t dirs)
{
	uint64_t nr = workers / US_POLICY_SHARERS_PART / us_max(dirs, (uint64_t)1);

	return (unsigned int)us_max(nr, (uint64_t)US_POLICY_SHARERS_MIN);
}

/** After how long growing is tried again. */
static uint64_t retry_ns(const struct us_policy_growth *growth)
{
	unsigned int times = growth->vain > 0 ? 1u << us_min(growth->vain - 1, 16u) : 1;

	return (uint64_t)US_POLICY_RETRY_NS * us_min(times, US_POLICY_RETRY_MAX);
}

unsigned int us_policy_grow(struct us_policy_growth *growth, const struct us_policy_view *view)
{
	uint64_t wait_ns = us_max((uint64_t)US_POLICY_TRIAL_NS, view->slow_ns * US_POLICY_TRIAL_CALLS);
	uint64_t past_ns = view->now_ns - growth->since_ns;

	if (view->slow_ns == 0) {
		growth->target = growth->base;
		growth->rate = 0;
		growth->is_settled = false;
		growth->since_ns = 0;
		return growth->target;
	}
	if (view->idle > growth->target / US_POLICY_IDLE) {
		if (growth->since_ns > 0 || view->far_ns == 0) {
			begin_trial(growth, view); /* When there is not enough to do, that rate says nothing. */
		}
		return growth->target;
	}
	if (growth->since_ns == 0 && view->now_ns > view->far_ns && view->far_ns > 0) {
		weigh(growth, view, rate_of(view->calls, view->now_ns - view->far_ns));
		return growth->target;
	}
	if (growth->since_ns == 0) {
		begin_trial(growth, view);
		return growth->target;
	}
	if (growth->is_settled) {
		if (past_ns >= retry_ns(growth) && growth->target < growth->max) {
			growth->is_settled = false;
			growth->rate = 0;
			begin_trial(growth, view);
		}
		return growth->target;
	}
	if (past_ns >= wait_ns && view->calls > growth->calls) {
		weigh(growth, view, rate_of(view->calls - growth->calls, past_ns));
	}
	return growth->target;
}
