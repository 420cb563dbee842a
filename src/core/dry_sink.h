/* SPDX-License-Identifier: MIT */
/**
 * @file dry_sink.h
 * A sink that changes nothing: it says what local_sink.h's would do.
 */
#ifndef US_CORE_DRY_SINK_H
#define US_CORE_DRY_SINK_H

#include "core/sink.h"

extern const struct us_sink_ops us_dry_sink;

#endif /* US_CORE_DRY_SINK_H */
