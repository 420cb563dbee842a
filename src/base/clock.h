/* SPDX-License-Identifier: MIT */
/**
 * @file clock.h
 * Time that only goes forward.
 */
#ifndef US_BASE_CLOCK_H
#define US_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

/** Nanoseconds of a second. */
#define US_SECOND_NS UINT64_C(1000000000)

/** Nanoseconds of CLOCK_MONOTONIC. */
static inline uint64_t us_clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * US_SECOND_NS + (uint64_t)now.tv_nsec;
}

#endif /* US_BASE_CLOCK_H */
