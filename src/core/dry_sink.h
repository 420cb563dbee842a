/* SPDX-License-Identifier: MIT */
/**
 * @file dry_sink.h
 * A sink that changes nothing: it says what local_sink.h's would do.
 */
#ifndef US_CORE_DRY_SINK_H
#define US_CORE_DRY_SINK_H

#include "core/sink.h"

#include <stdint.h>
#include <sys/stat.h>

struct usync_job;

extern const struct us_sink_ops us_dry_sink;

/**
 * Bytes of contents that a copy of a file like STX would write: holes are not, where they are kept and this side knows
 * of them.
 */
uint64_t us_dry_bytes(const struct usync_job *job, const struct statx *stx);

#endif /* US_CORE_DRY_SINK_H */
