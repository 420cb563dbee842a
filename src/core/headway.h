/* SPDX-License-Identifier: MIT */
/**
 * @file headway.h
 * How far the large files have come that are being copied, all together.  For any thread; told range by range, so the
 * threads seldom meet here.
 */
#ifndef US_CORE_HEADWAY_H
#define US_CORE_HEADWAY_H

#include <stdatomic.h>
#include <stdint.h>

/** Bytes of the files at hand. */
struct us_headway {
	atomic_uint_fast64_t size;
	atomic_uint_fast64_t done;
};

/** A file of SIZE bytes is begun, of which DONE are there already. */
static inline void us_headway_begin(struct us_headway *headway, uint64_t size, uint64_t done)
{
	atomic_fetch_add_explicit(&headway->size, size, memory_order_relaxed);
	atomic_fetch_add_explicit(&headway->done, done, memory_order_relaxed);
}

/** BYTES more are there. */
static inline void us_headway_go(struct us_headway *headway, uint64_t bytes)
{
	atomic_fetch_add_explicit(&headway->done, bytes, memory_order_relaxed);
}

/** That file is at hand no more; DONE is what was told of it in all. */
static inline void us_headway_end(struct us_headway *headway, uint64_t size, uint64_t done)
{
	atomic_fetch_sub_explicit(&headway->size, size, memory_order_relaxed);
	atomic_fetch_sub_explicit(&headway->done, done, memory_order_relaxed);
}

#endif /* US_CORE_HEADWAY_H */
