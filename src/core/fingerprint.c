/* SPDX-License-Identifier: MIT */
#include "core/fingerprint.h"

#include "core/dir.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

int us_fingerprint_of(const struct us_dir *dir, const char *name, const struct statx *stx,
                      struct us_fingerprint *fingerprint)
{
	uint64_t numbers[] = {stx->stx_size, (uint64_t)stx->stx_mtime.tv_sec, stx->stx_mtime.tv_nsec};
	char *path = us_dir_relative_path(dir, name);
	XXH128_hash_t of_path;
	XXH128_hash_t all;

	if (path == NULL) {
		return -ENOMEM;
	}
	of_path = XXH3_128bits(path, strlen(path));
	free(path);
	/* What is hashed a second time has one length, so no path can stand for numbers. */
	all = XXH3_128bits((uint64_t[]){of_path.high64, of_path.low64, numbers[0], numbers[1], numbers[2]},
	                   5 * sizeof(uint64_t));
	*fingerprint = (struct us_fingerprint){.high = all.high64, .low = all.low64};
	return 0;
}

int us_fingerprint_compare(const void *left, const void *right)
{
	const struct us_fingerprint *a = left;
	const struct us_fingerprint *b = right;

	if (a->high != b->high) {
		return a->high > b->high ? 1 : -1;
	}
	return (a->low > b->low) - (a->low < b->low);
}
