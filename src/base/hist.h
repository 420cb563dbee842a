/* SPDX-License-Identifier: MIT */
/**
 * @file hist.h
 * How long things take: counts by duration, in four steps for each doubling, so that a quantile is known to a fifth.
 */
#ifndef US_BASE_HIST_H
#define US_BASE_HIST_H

#include <stdatomic.h>
#include <stdint.h>

/** Durations below 256 ns share the first one; the last one is for four minutes and more. */
#define US_HIST_BUCKETS 121u

/** Written by one thread, read by any. */
struct us_hist {
	atomic_uint nr;
	atomic_uint counts[US_HIST_BUCKETS];
};

/** A sum of those of several threads, at one moment. */
struct us_hist_sum {
	uint64_t nr;
	uint64_t counts[US_HIST_BUCKETS];
};

/** Count one that took NS nanoseconds.  The owner's thread. */
void us_hist_add(struct us_hist *hist, uint64_t ns);

/** Add what HIST has counted to SUM.  Any thread. */
void us_hist_collect(const struct us_hist *hist, struct us_hist_sum *sum);

/** What has come to SUM since it was EARLIER. */
struct us_hist_sum us_hist_since(const struct us_hist_sum *sum, const struct us_hist_sum *earlier);

/** The duration in nanoseconds that PERCENT of SUM do not exceed: 50 is the median.  0 when there are none. */
uint64_t us_hist_quantile(const struct us_hist_sum *sum, unsigned int percent);

#endif /* US_BASE_HIST_H */
