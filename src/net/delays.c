/* SPDX-License-Identifier: MIT */
#include "net/delays.h"

#include "base/us.h"

#include <string.h>

/** The entry of KEY, or NULL. */
static struct us_delay *find(struct us_delays *delays, const uint8_t key[US_ADDRESS_KEY])
{
	for (unsigned int i = 0; i < delays->nr; i++) {
		if (memcmp(delays->entries[i].key, key, US_ADDRESS_KEY) == 0) {
			return &delays->entries[i];
		}
	}
	return NULL;
}

/** How long who failed so often waits. */
static uint64_t delay_ns(unsigned int failures)
{
	unsigned int doublings = us_min(failures - 1, 10u);

	return us_min(US_DELAY_FIRST_NS << doublings, US_DELAY_LAST_NS);
}

uint64_t us_delays_turn(struct us_delays *delays, const uint8_t key[US_ADDRESS_KEY], uint64_t now_ns)
{
	struct us_delay *entry = find(delays, key);

	if (entry == NULL) {
		return now_ns;
	}
	if (now_ns > us_max(entry->last_ns, entry->free_ns) + US_DELAY_FORGET_NS) {
		us_delays_right(delays, key);
		return now_ns;
	}
	entry->last_ns = now_ns;
	if (now_ns < entry->free_ns) {
		return entry->free_ns;
	}
	entry->free_ns = now_ns + delay_ns(entry->failures);
	return now_ns;
}

unsigned int us_delays_wrong(struct us_delays *delays, const uint8_t key[US_ADDRESS_KEY], uint64_t now_ns)
{
	struct us_delay *entry = find(delays, key);

	if (entry == NULL) {
		if (delays->nr < US_DELAYS_MAX) {
			entry = &delays->entries[delays->nr++];
		} else {
			entry = &delays->entries[0];
			for (unsigned int i = 1; i < delays->nr; i++) {
				if (delays->entries[i].last_ns < entry->last_ns) {
					entry = &delays->entries[i];
				}
			}
		}
		*entry = (struct us_delay){0};
		memcpy(entry->key, key, US_ADDRESS_KEY);
	}
	entry->failures++;
	entry->last_ns = now_ns;
	entry->free_ns = us_max(entry->free_ns, now_ns + delay_ns(entry->failures));
	return entry->failures;
}

void us_delays_right(struct us_delays *delays, const uint8_t key[US_ADDRESS_KEY])
{
	struct us_delay *entry = find(delays, key);

	if (entry != NULL) {
		*entry = delays->entries[--delays->nr];
	}
}
