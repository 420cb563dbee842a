/* SPDX-License-Identifier: MIT */
/**
 * @file fingerprint.h
 * A file of the source, as it was at one time, in 16 bytes: XXH3-128 of its path from the root, its size and its
 * modification time.
 */
#ifndef US_CORE_FINGERPRINT_H
#define US_CORE_FINGERPRINT_H

#include <stdint.h>
#include <sys/stat.h>

struct us_dir;

struct us_fingerprint {
	uint64_t high;
	uint64_t low;
};

/**
 * Of the file that is NAME in the destination's side of DIR and whose source is STX.
 *
 * @return 0 or -ENOMEM.
 */
int us_fingerprint_of(const struct us_dir *dir, const char *name, const struct statx *stx,
                      struct us_fingerprint *fingerprint);

/** Order of two fingerprints, for qsort(3) and bsearch(3). */
int us_fingerprint_compare(const void *left, const void *right);

#endif /* US_CORE_FINGERPRINT_H */
