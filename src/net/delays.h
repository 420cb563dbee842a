/* SPDX-License-Identifier: MIT */
/**
 * @file delays.h
 * Who gave a wrong secret waits before the next try, the longer the more often.  The table has a fixed size: where it
 * is full, who was heard of longest ago is forgotten.
 *
 * Tries of one address come one by one, each a delay after the one before, so that many at once gain nothing.  No
 * moment is kept for who waits: one that has left takes nobody's time.  Not for use by several threads.
 */
#ifndef US_NET_DELAYS_H
#define US_NET_DELAYS_H

#include "base/clock.h"
#include "net/address.h"

#include <stdint.h>

#define US_DELAYS_MAX 512u

/** The delay after the first wrong secret, doubled with each further one, and its limit. */
#define US_DELAY_FIRST_NS (US_SECOND_NS / 4)
#define US_DELAY_LAST_NS (8 * US_SECOND_NS)

/** After this time without a try all is forgiven. */
#define US_DELAY_FORGET_NS (600 * US_SECOND_NS)

/** Storage is the caller's; all zeros to begin with. */
struct us_delays {
	unsigned int nr;
	struct us_delay {
		uint8_t key[US_ADDRESS_KEY];
		unsigned int failures;
		uint64_t last_ns; /**< When it was heard of. */
		uint64_t free_ns; /**< When the next try may be. */
	} entries[US_DELAYS_MAX];
};

/** May a try of KEY begin?  @return NOW_NS when it may, and has: the next one waits; else when to ask again. */
uint64_t us_delays_turn(struct us_delays *delays, const uint8_t key[US_ADDRESS_KEY], uint64_t now_ns);

/** KEY gave a wrong secret. @return how often it has. */
unsigned int us_delays_wrong(struct us_delays *delays, const uint8_t key[US_ADDRESS_KEY], uint64_t now_ns);

/** KEY gave the right one. */
void us_delays_right(struct us_delays *delays, const uint8_t key[US_ADDRESS_KEY]);

#endif /* US_NET_DELAYS_H */
