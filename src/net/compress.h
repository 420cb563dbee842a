/* SPDX-License-Identifier: MIT */
/**
 * @file compress.h
 * Payloads of frames, compressed with Zstandard (RFC 8878): each is one frame of that format, which tells its size.
 *
 * No I/O.  What is decompressed comes from the other side and is believed in nothing: it is never larger than a
 * frame's payload may be.  An object is one thread's at a time.
 */
#ifndef US_NET_COMPRESS_H
#define US_NET_COMPRESS_H

#include <stdint.h>

/** Payloads that are shorter go as they are. */
#define US_COMPRESS_MIN 512u

/** After so many payloads in a row that did not become smaller, so many are not tried. */
#define US_COMPRESS_MISSES 4u
#define US_COMPRESS_REST 32u

struct us_compress;

/**
 * Make what compresses at LEVEL (1 to USYNC_COMPRESS_MAX; a level costs the more memory the higher it is).
 *
 * @return 0 or -ENOMEM.
 */
int us_compress_new(struct us_compress **compress, unsigned int level);

/** Free it; NULL is allowed. */
void us_compress_free(struct us_compress *compress);

/**
 * Compress the LENGTH bytes at FROM, unless it is too soon after others that did not shrink.
 *
 * @param[out] to  Room for LENGTH bytes.
 * @return bytes that were written there, fewer than LENGTH; or 0: it is to go as it is.
 */
uint32_t us_compress(struct us_compress *compress, const void *from, uint32_t length, void *to);

struct us_decompress;

/** Make what decompresses.  @return 0 or -ENOMEM. */
int us_decompress_new(struct us_decompress **decompress);

/** Free it; NULL is allowed. */
void us_decompress_free(struct us_decompress *decompress);

/**
 * Decompress the LENGTH bytes at FROM, which have to be just one frame that tells its size, from 1 to US_WIRE_FRAME_MAX
 * bytes.
 *
 * @param[out] to    Room for US_WIRE_FRAME_MAX bytes.  No more memory is taken, whatever FROM says.
 * @param[out] size  How many were written.
 * @return 0 or -EBADMSG.
 */
int us_decompress(struct us_decompress *decompress, const void *from, uint32_t length, void *to, uint32_t *size);

#endif /* US_NET_COMPRESS_H */
