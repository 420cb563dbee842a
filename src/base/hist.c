/* SPDX-License-Identifier: MIT */
#include "base/hist.h"

#include "base/us.h"

/** The first doubling begins at 2 to this power, in nanoseconds. */
#define FIRST_BITS 8u

/** Steps of a doubling: 2 to this power. */
#define STEP_BITS 2u

/** The bucket of a duration. */
static unsigned int bucket_of(uint64_t ns)
{
	unsigned int bits;
	unsigned int step;

	if (ns < (1u << FIRST_BITS)) {
		return 0;
	}
	bits = 63u - (unsigned int)__builtin_clzll(ns);
	step = (unsigned int)(ns >> (bits - STEP_BITS)) & ((1u << STEP_BITS) - 1);
	return us_min(1 + ((bits - FIRST_BITS) << STEP_BITS) + step, US_HIST_BUCKETS - 1);
}

/** The middle of a bucket. */
static uint64_t duration_of(unsigned int bucket)
{
	unsigned int bits;
	uint64_t step;

	if (bucket == 0) {
		return 1u << (FIRST_BITS - 1);
	}
	bits = FIRST_BITS + ((bucket - 1) >> STEP_BITS);
	step = (1u << STEP_BITS) + ((bucket - 1) & ((1u << STEP_BITS) - 1));
	return (step << (bits - STEP_BITS)) + (UINT64_C(1) << (bits - STEP_BITS)) / 2;
}

/** Add 1 to what only this thread writes. */
static void count(atomic_uint *nr)
{
	atomic_store_explicit(nr, atomic_load_explicit(nr, memory_order_relaxed) + 1, memory_order_relaxed);
}

void us_hist_add(struct us_hist *hist, uint64_t ns)
{
	count(&hist->counts[bucket_of(ns)]);
	count(&hist->nr);
}

void us_hist_collect(const struct us_hist *hist, struct us_hist_sum *sum)
{
	if (atomic_load_explicit(&hist->nr, memory_order_relaxed) == 0) {
		return;
	}
	for (unsigned int i = 0; i < US_HIST_BUCKETS; i++) {
		unsigned int nr = atomic_load_explicit(&hist->counts[i], memory_order_relaxed);

		sum->counts[i] += nr;
		sum->nr += nr; /* Not hist->nr, which may be of another moment. */
	}
}

struct us_hist_sum us_hist_since(const struct us_hist_sum *sum, const struct us_hist_sum *earlier)
{
	struct us_hist_sum since = {.nr = sum->nr - earlier->nr};

	for (unsigned int i = 0; i < US_HIST_BUCKETS; i++) {
		since.counts[i] = sum->counts[i] - earlier->counts[i];
	}
	return since;
}

uint64_t us_hist_quantile(const struct us_hist_sum *sum, unsigned int percent)
{
	uint64_t wanted = (sum->nr * percent + 99) / 100;
	uint64_t seen = 0;

	for (unsigned int i = 0; i < US_HIST_BUCKETS && sum->nr > 0; i++) {
		seen += sum->counts[i];
		if (seen >= us_max(wanted, UINT64_C(1))) {
			return duration_of(i);
		}
	}
	return 0;
}
