/* SPDX-License-Identifier: MIT */
/*
 * net/compress: what is compressed comes back, and what only pretends to be is refused without a byte beyond its place.
 */
#include "unit.h"

#include "net/compress.h"
#include "net/wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

static uint8_t plain[US_WIRE_FRAME_MAX * 2];
static uint8_t packed[US_WIRE_FRAME_MAX * 2];
static uint8_t out[US_WIRE_FRAME_MAX];
static struct us_compress *compress;
static struct us_decompress *decompress;

static int setup(void **state)
{
	(void)state;
	memset(packed, 0, sizeof(packed));
	memset(out, 0xaa, sizeof(out));
	return us_compress_new(&compress, 3) < 0 || us_decompress_new(&decompress) < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	us_compress_free(compress);
	us_decompress_free(decompress);
	us_compress_free(NULL);
	us_decompress_free(NULL);
	return 0;
}

/** Text of so many bytes. */
static void write_text(size_t length)
{
	for (size_t i = 0; i < length; i++) {
		plain[i] = (uint8_t)((size_t)"the quick brown fox "[i % 20] + (i / 977) % 3);
	}
}

/** Bytes that don't shrink. */
static void write_noise(size_t length)
{
	uint64_t x = 88172645463325252u;

	for (size_t i = 0; i < length; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		plain[i] = (uint8_t)(x >> 32);
	}
}

/** Decompress a copy of its exact size, behind which nothing may be read. */
static int unpack(const void *from, size_t length, uint32_t *size)
{
	uint8_t *copy = malloc(length > 0 ? length : 1);
	int ret;

	assert_non_null(copy);
	memcpy(copy, from, length);
	ret = us_decompress(decompress, copy, (uint32_t)length, out, size);
	free(copy);
	return ret;
}

/** At each level, of each size up to the largest. */
static void test_round_trip(void **state)
{
	static const uint32_t sizes[] = {US_COMPRESS_MIN, 4000, 128u << 10, US_WIRE_FRAME_MAX};
	static const unsigned int levels[] = {1, 3, 19};

	(void)state;
	write_text(US_WIRE_FRAME_MAX);
	for (size_t l = 0; l < unit_nr(levels); l++) {
		struct us_compress *other;

		assert_int_equal(us_compress_new(&other, levels[l]), 0);
		for (size_t i = 0; i < unit_nr(sizes); i++) {
			uint32_t length = us_compress(other, plain, sizes[i], packed);
			uint32_t size = 0;

			assert_in_range(length, 1, sizes[i] / 4);
			assert_int_equal(unpack(packed, length, &size), 0);
			assert_int_equal(size, sizes[i]);
			assert_memory_equal(out, plain, size);
		}
		us_compress_free(other);
	}
}

/** What is too short, or doesn't shrink, goes as it is; after some of those none is tried for a while, and then one. */
static void test_misses(void **state)
{
	(void)state;
	write_text(4096);
	assert_int_equal(us_compress(compress, plain, US_COMPRESS_MIN - 1, packed), 0);
	for (unsigned int round = 0; round < 2; round++) {
		write_noise(4096);
		for (unsigned int i = 0; i < US_COMPRESS_MISSES; i++) {
			assert_int_equal(us_compress(compress, plain, 4096, packed), 0);
		}
		write_text(4096);
		for (unsigned int i = 0; i < US_COMPRESS_REST; i++) {
			assert_int_equal(us_compress(compress, plain, 4096, packed), 0);
		}
		assert_int_not_equal(us_compress(compress, plain, 4096, packed), 0);
	}
	/* One in between begins the count anew. */
	for (unsigned int i = 0; i < US_COMPRESS_MISSES * 3; i++) {
		write_noise(4096);
		assert_int_equal(us_compress(compress, plain, 4096, packed), 0);
		write_text(4096);
		assert_int_not_equal(us_compress(compress, plain, 4096, packed), 0);
	}
	/* One after the rest that doesn't shrink: the next rest. */
	write_noise(4096);
	for (unsigned int i = 0; i < US_COMPRESS_MISSES + US_COMPRESS_REST + 1; i++) {
		assert_int_equal(us_compress(compress, plain, 4096, packed), 0);
	}
	write_text(4096);
	assert_int_equal(us_compress(compress, plain, 4096, packed), 0);
}

/** More than a frame may have, and what says that it is less than it is. */
static void test_bomb(void **state)
{
	uint32_t size = 7;
	uint32_t lie = 70000;
	size_t length;

	(void)state;
	memset(plain, 0, sizeof(plain));
	length = ZSTD_compress(packed, sizeof(packed), plain, US_WIRE_FRAME_MAX, 3);
	assert_int_equal(unpack(packed, length, &size), 0);
	assert_int_equal(size, US_WIRE_FRAME_MAX);

	length = ZSTD_compress(packed, sizeof(packed), plain, US_WIRE_FRAME_MAX + 1, 3);
	assert_in_range(length, 1, 4096);
	memset(out, 0xaa, sizeof(out));
	assert_int_equal(unpack(packed, length, &size), -EBADMSG);
	assert_int_equal(out[0], 0xaa);
	/* Behind the magic and a byte of flags stands the size, in 4 bytes: one segment. */
	assert_int_equal(packed[4] & 0xe0, 0xa0);
	memcpy(packed + 5, &lie, sizeof(lie));
	assert_int_equal(unpack(packed, length, &size), -EBADMSG);
	for (size_t i = lie; i < sizeof(out); i++) {
		assert_int_equal(out[i], 0xaa);
	}
	lie = US_WIRE_FRAME_MAX;
	memcpy(packed + 5, &lie, sizeof(lie));
	assert_int_equal(unpack(packed, length, &size), -EBADMSG);
	lie = UINT32_MAX;
	memcpy(packed + 5, &lie, sizeof(lie));
	assert_int_equal(unpack(packed, length, &size), -EBADMSG);
	lie = 0;
	memcpy(packed + 5, &lie, sizeof(lie));
	assert_int_equal(unpack(packed, length, &size), -EBADMSG);
}

/** Cut anywhere, with something behind it, two, none, one that is to be skipped, one that doesn't tell its size. */
static void test_malformed(void **state)
{
	static const uint8_t skipped[] = {0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4};
	uint32_t size;
	size_t length;
	ZSTD_CCtx *context = ZSTD_createCCtx();
	ZSTD_inBuffer in = {plain, 5000, 0};
	ZSTD_outBuffer to = {packed, sizeof(packed), 0};

	(void)state;
	write_text(5000);
	length = us_compress(compress, plain, 5000, packed);
	assert_int_not_equal(length, 0);
	for (size_t cut = 0; cut < length; cut++) {
		assert_int_equal(unpack(packed, cut, &size), -EBADMSG);
	}
	assert_int_equal(unpack(packed, length, &size), 0);
	assert_int_equal(unpack(packed, length + 1, &size), -EBADMSG);
	memcpy(packed + length, packed, length);
	assert_int_equal(unpack(packed, length * 2, &size), -EBADMSG);
	assert_int_equal(unpack(plain, 5000, &size), -EBADMSG);
	assert_int_equal(unpack(skipped, sizeof(skipped), &size), -EBADMSG);

	assert_non_null(context);
	assert_int_not_equal(ZSTD_compressStream2(context, &to, &in, ZSTD_e_flush), (size_t)-1);
	assert_int_equal(ZSTD_compressStream2(context, &to, &in, ZSTD_e_end), 0);
	ZSTD_freeCCtx(context);
	assert_int_equal(unpack(packed, to.pos, &size), -EBADMSG);
}

/** Whatever bytes are changed, it is refused, or has the size that it tells. */
static void test_changed(void **state)
{
	unsigned int seed = 1;
	uint32_t length;

	(void)state;
	write_text(5000);
	length = us_compress(compress, plain, 5000, packed);
	assert_in_range(length, 1, 4999);
	for (unsigned int i = 0; i < 20000; i++) {
		uint8_t copy[5000];
		uint32_t size = 0;

		memcpy(copy, packed, length);
		for (unsigned int n = 0; n < 1 + i % 3; n++) {
			copy[(unsigned int)rand_r(&seed) % length] = (uint8_t)rand_r(&seed);
		}
		if (unpack(copy, length, &size) == 0) {
			assert_in_range(size, 1, US_WIRE_FRAME_MAX);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_round_trip, setup, teardown),
		cmocka_unit_test_setup_teardown(test_misses, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bomb, setup, teardown),
		cmocka_unit_test_setup_teardown(test_malformed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_changed, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
