/* SPDX-License-Identifier: MIT */
/**
 * @file us.h
 * The few macros that every file may use.
 */
#ifndef US_BASE_US_H
#define US_BASE_US_H

#include <errno.h>

/** Number of elements of an array. */
#define us_array_size(array) (sizeof(array) / sizeof((array)[0]))

/** The result of a libc call: itself when it is not negative, -errno otherwise. */
#define us_try(call)                                             \
	({                                                       \
		__typeof__(call) us_try_result = (call);         \
		us_try_result < 0 ? -errno : us_try_result;      \
	})

/** The smaller and the larger of two values of one type. */
#define us_min(a, b)                         \
	({                                   \
		__typeof__(a) us_min_a = (a); \
		__typeof__(b) us_min_b = (b); \
		us_min_a < us_min_b ? us_min_a : us_min_b; \
	})
#define us_max(a, b)                         \
	({                                   \
		__typeof__(a) us_max_a = (a); \
		__typeof__(b) us_max_b = (b); \
		us_max_a > us_max_b ? us_max_a : us_max_b; \
	})

#endif /* US_BASE_US_H */
