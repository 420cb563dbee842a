/* SPDX-License-Identifier: MIT */
/**
 * @file digest.h
 * A sum of a file's contents, taken as they are read.
 */
#ifndef US_CORE_DIGEST_H
#define US_CORE_DIGEST_H

#include "usync.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Most bytes of a sum, of any kind. */
#define US_DIGEST_MAX 32

/** A sum. */
struct us_sum {
	uint8_t bytes[US_DIGEST_MAX];
	uint8_t length;
};

/** One in the making. */
struct us_digest;

/** @return NULL without memory. */
struct us_digest *us_digest_new(enum usync_hash hash);
void us_digest_free(struct us_digest *digest);

/** From the first byte again. */
void us_digest_reset(struct us_digest *digest);

/** Add the LENGTH bytes of DATA that stand at OFFSET in the file: what is missing before them is a hole. */
void us_digest_add(struct us_digest *digest, uint64_t offset, const void *data, size_t length);

/**
 * Of the hole up to OFFSET, at which the next bytes stand, add as much as takes a few hundredths of a second.
 *
 * @return true when nothing of it is left.
 */
bool us_digest_skip(struct us_digest *digest, uint64_t offset);

/**
 * Add what FD holds before END and was not added yet, which is read for it; CHUNK bytes of BUF serve for that.
 *
 * @return 0 or a negative errno.
 */
int us_digest_add_file(struct us_digest *digest, int fd, uint64_t end, char *buf, uint32_t chunk);

/** The sum of a file that ends at SIZE; may be asked for again.  SHA-256 without memory gives one that is no file's. */
void us_digest_end(struct us_digest *digest, uint64_t size, struct us_sum *sum);

#endif /* US_CORE_DIGEST_H */
