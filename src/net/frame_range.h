/* SPDX-License-Identifier: MIT */
/**
 * @file frame_range.h
 * The part of frame.c that is about ranges: RANGE, RANGES_END, REACHED, and what a FILE says of them.
 */
#ifndef US_NET_FRAME_RANGE_H
#define US_NET_FRAME_RANGE_H

#include "net/frame.h"

/** Write the fixed part of RECORD.  @return what is behind it. */
uint8_t *us_range_put(uint8_t *to, const struct us_record *record);

/** Take RECORD apart, all of which but its head are the LENGTH bytes at AT.  @return false when it can't be. */
bool us_range_decode(const uint8_t *at, size_t length, struct us_record *record);

/** A FILE has OFFSET: with US_FILE_RANGES that is the length of a range; range stays 0 when that is none. */
void us_range_told(struct us_record *record, uint64_t offset);

#endif /* US_NET_FRAME_RANGE_H */
