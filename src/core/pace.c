/* SPDX-License-Identifier: MIT */
#include "core/pace.h"

#include "base/clock.h"
#include "base/us.h"
#include "core/job.h"
#include "core/worker.h"

#include <linux/ioprio.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/** Time that was not used up is made up for, but no more than this: a burst a second later is no rate. */
#define BURST_NS (US_SECOND_NS / 20)

/** Parts of a second between which nothing is written. */
#define CHUNKS_A_SECOND 8u

/** A signal is answered so soon. */
#define NAP_NS (US_SECOND_NS / 20)

/** The last place in the queue (setpriority(2)). */
#define NICE_MAX 19

uint32_t us_pace_chunk(uint64_t rate, uint32_t chunk)
{
	uint64_t even = rate / CHUNKS_A_SECOND / USYNC_CHUNK_MIN * USYNC_CHUNK_MIN;

	return rate > 0 ? (uint32_t)us_min(us_max(even, (uint64_t)USYNC_CHUNK_MIN), (uint64_t)chunk) : chunk;
}

/** How long BYTES take. */
static uint64_t duration(const struct us_pace *pace, uint64_t bytes)
{
	return (uint64_t)((double)bytes / (double)pace->rate * (double)US_SECOND_NS);
}

/** Take a place in PACE's line. @return when BYTES may go. */
static uint64_t take_place(struct us_pace *pace, uint64_t bytes, uint64_t now)
{
	uint64_t length = duration(pace, bytes);
	uint64_t next = atomic_load_explicit(&pace->next_ns, memory_order_relaxed);
	uint64_t start;

	do {
		start = us_max(next, now - BURST_NS);
	} while (!atomic_compare_exchange_weak_explicit(&pace->next_ns, &next, start + length,
	                                                memory_order_relaxed, memory_order_relaxed));
	return start;
}

void us_pace_wait(struct us_worker *worker, uint64_t bytes)
{
	struct us_pace *pace = &worker->job->pace;
	uint64_t now;
	uint64_t start;

	if (pace->rate == 0) {
		return;
	}
	now = us_clock_ns();
	start = take_place(pace, bytes, now);
	while (now < start && !us_job_stopping(worker->job)) {
		struct timespec nap = {.tv_nsec = (long)us_min(start - now, NAP_NS)};

		nanosleep(&nap, NULL);
		now = us_clock_ns();
	}
}

uint64_t us_pace_ask(struct us_worker *worker, uint64_t bytes)
{
	struct us_pace *pace = &worker->job->pace;
	uint64_t next = atomic_load_explicit(&pace->next_ns, memory_order_relaxed);
	uint64_t length;
	uint64_t now;

	if (pace->rate == 0) {
		return 0;
	}
	length = duration(pace, bytes);
	now = us_clock_ns();
	do {
		if (next > now) {
			return next;
		}
	} while (!atomic_compare_exchange_weak_explicit(&pace->next_ns, &next, us_max(next, now - BURST_NS) + length,
	                                                memory_order_relaxed, memory_order_relaxed));
	return 0;
}

int us_pace_yield_to_all(void)
{
	/* Both mean the calling thread, on Linux: the process's others keep what they have. */
	int ret = us_try((int)syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_PRIO_VALUE(IOPRIO_CLASS_IDLE, 0)));

	if (ret == 0) {
		ret = us_try(setpriority(PRIO_PROCESS, 0, NICE_MAX));
	}
	return ret;
}
