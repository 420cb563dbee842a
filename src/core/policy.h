/* SPDX-License-Identifier: MIT */
/**
 * @file policy.h
 * Every number that was chosen by measurement, and nothing else (docs/performance.md has the figures).
 */
#ifndef US_CORE_POLICY_H
#define US_CORE_POLICY_H

#include <stdint.h>

/** Worker threads for each processor: some wait for the disk while others copy. */
#define US_POLICY_JOBS_PER_CPU 3u

/** At least and at most so many workers by default. */
#define US_POLICY_JOBS_MIN 2u
#define US_POLICY_JOBS_MAX 32u

/** Files in flight for each worker. */
#define US_POLICY_QUEUE_DEPTH 256u

/** The window is filled again when only 1 / US_POLICY_LOW of it is left in flight. */
#define US_POLICY_LOW 4u

/** Bytes of one read or write. */
#define US_POLICY_CHUNK (256u << 10)

/** Bytes of file contents in memory for each worker, when chunks are not larger than half of it. */
#define US_POLICY_BUFFER (8u << 20)

/** Entries that one worker takes as a whole: enough for its window, few enough to share at the end. */
#define US_POLICY_SLICE 256u

/** A slice with fewer entries left is not divided for the sake of a worker that has none. */
#define US_POLICY_SHARE 8u

/** Bytes of one listing (names and 16 bytes an entry): about 250,000 entries. */
#define US_POLICY_LISTING_BYTES (8u << 20)

/** Child directories that one listing may bring, and when so many tasks are waiting already. */
#define US_POLICY_CHILDREN 16384u
#define US_POLICY_CHILDREN_CROWDED 256u
#define US_POLICY_CROWD 32768u

/** Files handed to the sink together. */
#define US_POLICY_GROUP 64u

/** And so many bytes at most, unless one alone has more: what was read is written while the processor has it cached. */
#define US_POLICY_GROUP_BYTES (256u << 10)

/** Directories being opened at a time by each worker (more than one only when opens go to the ring). */
#define US_POLICY_OPENING 64u

/** Directories that keep their descriptors while no one uses them. */
#define US_POLICY_OPEN_DIRS 4096u

/** Files from this size on are gone on with by the next run, when there is a journal. */
#define US_POLICY_PART_BYTES (16u << 20)

/** How often the journal is written. */
#define US_POLICY_JOURNAL_SECONDS 1

/** The same when everything is brought to the disk first. */
#define US_POLICY_SYNC_SECONDS 5

#endif /* US_CORE_POLICY_H */
