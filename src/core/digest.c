/* SPDX-License-Identifier: MIT */
/* XXH3-128 is as fast as memory; SHA-256 is for those who have to show that no one changed anything. */
#include "core/digest.h"

#include "base/us.h"
#include "sys/op.h"
#include "sys/call.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

struct us_digest {
	enum usync_hash hash;
	XXH3_state_t *xxh;
	EVP_MD_CTX *evp;
	uint64_t end; /**< Of what was added. */
};

struct us_digest *us_digest_new(enum usync_hash hash)
{
	struct us_digest *digest = calloc(1, sizeof(*digest));

	if (digest == NULL) {
		return NULL;
	}
	digest->hash = hash;
	if (hash == USYNC_HASH_SHA256) {
		digest->evp = EVP_MD_CTX_new();
	} else {
		digest->xxh = XXH3_createState();
	}
	if (digest->evp == NULL && digest->xxh == NULL) {
		us_digest_free(digest);
		return NULL;
	}
	us_digest_reset(digest);
	return digest;
}

void us_digest_free(struct us_digest *digest)
{
	if (digest != NULL) {
		XXH3_freeState(digest->xxh);
		EVP_MD_CTX_free(digest->evp);
		free(digest);
	}
}

void us_digest_reset(struct us_digest *digest)
{
	digest->end = 0;
	if (digest->hash == USYNC_HASH_SHA256) {
		EVP_DigestInit_ex(digest->evp, EVP_sha256(), NULL);
	} else {
		XXH3_128bits_reset(digest->xxh);
	}
}

/** Zeros that are added at a time. */
#define SKIP_BYTES (UINT64_C(256) << 20)

/** Add bytes to what is there. */
static void update(struct us_digest *digest, const void *data, size_t length)
{
	if (digest->hash == USYNC_HASH_SHA256) {
		EVP_DigestUpdate(digest->evp, data, length);
	} else {
		XXH3_128bits_update(digest->xxh, data, length);
	}
	digest->end += length;
}

/** Add zeros up to OFFSET. */
static void fill(struct us_digest *digest, uint64_t offset)
{
	static const char zeros[65536];

	while (digest->end < offset) {
		update(digest, zeros, (size_t)us_min(offset - digest->end, (uint64_t)sizeof(zeros)));
	}
}

bool us_digest_skip(struct us_digest *digest, uint64_t offset)
{
	uint64_t end = digest->end + (digest->hash == USYNC_HASH_SHA256 ? SKIP_BYTES / 8 : SKIP_BYTES);

	fill(digest, us_min(offset, end));
	return digest->end >= offset;
}

void us_digest_add(struct us_digest *digest, uint64_t offset, const void *data, size_t length)
{
	fill(digest, offset);
	update(digest, data, length);
}

int us_digest_add_file(struct us_digest *digest, int fd, uint64_t end, char *buf, uint32_t chunk)
{
	while (digest->end < end) {
		struct us_op op = {
			.kind = US_OP_READ,
			.fd = fd,
			.buf = buf,
			.len = (uint32_t)us_min(end - digest->end, (uint64_t)chunk),
			.offset = (int64_t)digest->end,
		};

		us_call(&op);
		if (op.res < 0) {
			return op.res;
		}
		if (op.res == 0) {
			return -ENODATA;
		}
		update(digest, buf, (size_t)op.res);
	}
	return 0;
}

void us_digest_end(struct us_digest *digest, uint64_t size, struct us_sum *sum)
{
	fill(digest, size);
	memset(sum, 0, sizeof(*sum));
	if (digest->hash == USYNC_HASH_SHA256) {
		EVP_MD_CTX *copy = EVP_MD_CTX_new();

		if (copy != NULL && EVP_MD_CTX_copy_ex(copy, digest->evp) == 1) {
			EVP_DigestFinal_ex(copy, sum->bytes, NULL);
		}
		EVP_MD_CTX_free(copy);
		sum->length = 32;
	} else {
		XXH128_canonical_t canonical;

		XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(digest->xxh));
		memcpy(sum->bytes, canonical.digest, sizeof(canonical.digest));
		sum->length = sizeof(canonical.digest);
	}
}
