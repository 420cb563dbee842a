/* SPDX-License-Identifier: MIT */
/*
 * Each payload is compressed by itself: a connection keeps no window between them, so what one of them says bears on no
 * other one.  Both ways are made in one call, whose output lies in a buffer of the largest size; that needs no window
 * of zstd's own, however large a one the other side's data asks for.
 */
#include "net/compress.h"

#include "base/us.h"
#include "net/wire.h"

#include <stdlib.h>
#include <zstd.h>

struct us_compress {
	ZSTD_CCtx *context;
	int level;
	unsigned int misses; /**< In a row. */
	unsigned int rest;   /**< So many are not tried. */
};

struct us_decompress {
	ZSTD_DCtx *context;
};

int us_compress_new(struct us_compress **compress, unsigned int level)
{
	struct us_compress *new = calloc(1, sizeof(*new));

	if (new == NULL) {
		return -ENOMEM;
	}
	new->level = (int)level;
	new->context = ZSTD_createCCtx();
	if (new->context == NULL) {
		free(new);
		return -ENOMEM;
	}
	*compress = new;
	return 0;
}

void us_compress_free(struct us_compress *compress)
{
	if (compress != NULL) {
		ZSTD_freeCCtx(compress->context);
		free(compress);
	}
}

uint32_t us_compress(struct us_compress *compress, const void *from, uint32_t length, void *to)
{
	size_t size;

	if (length < US_COMPRESS_MIN) {
		return 0;
	}
	if (compress->rest > 0) {
		compress->rest--;
		return 0;
	}
	/* Without memory it fails like one that does not fit: then it goes as it is, too. */
	size = ZSTD_compressCCtx(compress->context, to, length - 1, from, length, compress->level);
	if (!ZSTD_isError(size)) {
		compress->misses = 0;
		return (uint32_t)size;
	}
	/* After the rest one is tried; if that does not shrink either, it goes on. */
	compress->misses++;
	if (compress->misses >= US_COMPRESS_MISSES) {
		compress->rest = US_COMPRESS_REST;
	}
	return 0;
}

int us_decompress_new(struct us_decompress **decompress)
{
	struct us_decompress *new = calloc(1, sizeof(*new));

	if (new == NULL) {
		return -ENOMEM;
	}
	new->context = ZSTD_createDCtx();
	if (new->context == NULL) {
		free(new);
		return -ENOMEM;
	}
	*decompress = new;
	return 0;
}

void us_decompress_free(struct us_decompress *decompress)
{
	if (decompress != NULL) {
		ZSTD_freeDCtx(decompress->context);
		free(decompress);
	}
}

int us_decompress(struct us_decompress *decompress, const void *from, uint32_t length, void *to, uint32_t *size)
{
	/* Errors and unknown sizes are the highest numbers; a frame to be skipped has 0. */
	unsigned long long told = ZSTD_getFrameContentSize(from, length);
	size_t got;

	if (told == 0 || told > US_WIRE_FRAME_MAX || ZSTD_findFrameCompressedSize(from, length) != length) {
		return -EBADMSG;
	}
	got = ZSTD_decompressDCtx(decompress->context, to, (size_t)told, from, length);
	if (ZSTD_isError(got) || got != told) {
		return -EBADMSG;
	}
	*size = (uint32_t)got;
	return 0;
}
