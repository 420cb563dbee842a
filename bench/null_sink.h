/* SPDX-License-Identifier: MIT */
/**
 * @file null_sink.h
 * A destination that takes everything and keeps nothing, so that what is left is the engine, and reading.
 */
#ifndef BENCH_NULL_SINK_H
#define BENCH_NULL_SINK_H

#include "core/sink.h"

/** Set as a job's sink before it is started; for jobs without --reflink, --link-dest and --verify. */
extern const struct us_sink_ops null_sink;

#endif /* BENCH_NULL_SINK_H */
