/* SPDX-License-Identifier: MIT */
/**
 * @file pace.h
 * How much a job takes from others: bytes a second, and its place in the queues of processor and disk.
 */
#ifndef US_CORE_PACE_H
#define US_CORE_PACE_H

#include <stdatomic.h>
#include <stdint.h>

struct us_worker;
struct usync_job;

/** A line of bytes, each of which has its moment. */
struct us_pace {
	uint64_t rate;                /**< Bytes a second; 0: as they come. */
	atomic_uint_fast64_t next_ns; /**< When the next byte may go (us_clock_ns()). */
};

/** The largest transfer that keeps a rate even. */
uint32_t us_pace_chunk(uint64_t rate, uint32_t chunk);

/** Sleep until WORKER may write BYTES more, or the job is to stop. */
void us_pace_wait(struct us_worker *worker, uint64_t bytes);

/**
 * The same for who has other things to do meanwhile.
 *
 * @return 0: BYTES may go; or when to ask again (us_clock_ns()).
 */
uint64_t us_pace_ask(struct us_worker *worker, uint64_t bytes);

/** Let this thread come after all others for the processor and the disk. @return 0 or a negative errno. */
int us_pace_yield_to_all(void);

#endif /* US_CORE_PACE_H */
