/* SPDX-License-Identifier: MIT */
/* core/bufpool: blocks do not overlap, are found when there is room, and grow together again. */
#include "unit.h"

#include "core/bufpool.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/** Smallest blocks of the pool that is tried at random. */
#define BLOCKS_NR 64u

/** Most bytes of one block. */
#define LARGEST ((size_t)US_BUF_MIN << (US_BUF_ORDERS - 1))

/** A block in use. */
struct block {
	unsigned char *memory;
	size_t size;
	unsigned char mark; /**< All its bytes. */
};

/** The next of a row of numbers that is the same in each run. */
static unsigned int next_number(void)
{
	static uint32_t number = 12345;

	number = number * 1664525u + 1013904223u;
	return number >> 8;
}

/** Smallest blocks that SIZE bytes take: a power of two. */
static size_t blocks_for(size_t size)
{
	size_t nr = 1;

	while (nr * US_BUF_MIN < size) {
		nr *= 2;
	}
	return nr;
}

/** Sizes are rounded up to powers of two, from the smallest block to the largest, not further. */
static void test_init(void **state)
{
	static const struct {
		size_t asked;
		size_t size;
	} rows[] = {
		{0, US_BUF_MIN},
		{1, US_BUF_MIN},
		{US_BUF_MIN, US_BUF_MIN},
		{US_BUF_MIN + 1, US_BUF_MIN * 2},
		{1000000, 1 << 20},
		{LARGEST - 1, LARGEST},
		{LARGEST, LARGEST},
	};
	struct us_bufpool pool;

	(void)state;
	for (size_t i = 0; i < unit_nr(rows); i++) {
		void *block;

		assert_int_equal(us_bufpool_init(&pool, rows[i].asked), 0);
		assert_int_equal(pool.size, rows[i].size);
		block = us_bufpool_get(&pool, rows[i].size);
		assert_non_null(block);
		assert_null(us_bufpool_get(&pool, 1));
		us_bufpool_put(&pool, block);
		assert_null(us_bufpool_get(&pool, rows[i].size + 1));
		us_bufpool_fini(&pool);
	}
	assert_int_equal(us_bufpool_init(&pool, LARGEST + 1), -EINVAL);
	us_bufpool_fini(&pool);
}

/** A block takes the next power of two; used up, there is none; put back, as much as before. */
static void test_exhaust(void **state)
{
	static const size_t sizes[] = {1, 4096, 4097, 8192, 12000, 65536};
	struct us_bufpool pool;

	(void)state;
	assert_int_equal(us_bufpool_init(&pool, 32 * US_BUF_MIN), 0);
	for (size_t i = 0; i < unit_nr(sizes); i++) {
		void *blocks[32];
		size_t nr = 32 / blocks_for(sizes[i]);

		for (size_t n = 0; n < nr; n++) {
			blocks[n] = us_bufpool_get(&pool, sizes[i]);
			assert_non_null(blocks[n]);
			assert_int_equal((uintptr_t)blocks[n] % US_BUF_MIN, 0);
		}
		assert_null(us_bufpool_get(&pool, 1));
		for (size_t n = 0; n < nr; n++) {
			us_bufpool_put(&pool, blocks[n]);
		}
	}
	us_bufpool_put(&pool, NULL);
	assert_non_null(us_bufpool_get(&pool, 32 * US_BUF_MIN));
	us_bufpool_fini(&pool);
}

/** Free neighbours become one only when both halves are free, in whatever order they came back. */
static void test_merge(void **state)
{
	static const int orders[][4] = {{0, 1, 2, 3}, {3, 2, 1, 0}, {0, 2, 1, 3}, {1, 3, 0, 2}};
	struct us_bufpool pool;

	(void)state;
	assert_int_equal(us_bufpool_init(&pool, 4 * US_BUF_MIN), 0);
	for (size_t i = 0; i < unit_nr(orders); i++) {
		char *quarters[4];
		char *whole;

		for (size_t n = 0; n < 4; n++) {
			char *block = us_bufpool_get(&pool, US_BUF_MIN);

			assert_non_null(block);
			quarters[(size_t)(block - pool.slab) / US_BUF_MIN] = block;
		}
		for (size_t n = 0; n < 4; n++) {
			assert_null(us_bufpool_get(&pool, 4 * US_BUF_MIN));
			us_bufpool_put(&pool, quarters[orders[i][n]]);
		}
		whole = us_bufpool_get(&pool, 4 * US_BUF_MIN);
		assert_ptr_equal(whole, pool.slab);
		us_bufpool_put(&pool, whole);
	}
	us_bufpool_fini(&pool);
}

/** True when one of the places where a block of NR smallest ones can begin is free. */
static bool has_room(const bool *used, size_t nr)
{
	for (size_t start = 0; start + nr <= BLOCKS_NR; start += nr) {
		bool is_free = true;

		for (size_t i = 0; i < nr; i++) {
			is_free = is_free && !used[start + i];
		}
		if (is_free) {
			return true;
		}
	}
	return false;
}

/** Note BLOCK's memory as used or not; it must have been the opposite. */
static void set_used(const struct us_bufpool *pool, bool *used, const struct block *block, bool now)
{
	size_t first = (size_t)((char *)block->memory - pool->slab) / US_BUF_MIN;
	size_t nr = blocks_for(block->size);

	assert_true(first + nr <= BLOCKS_NR);
	assert_int_equal(first % nr, 0);
	for (size_t i = first; i < first + nr; i++) {
		assert_true(used[i] != now);
		used[i] = now;
	}
}

/** Take a block of some size, which works exactly when there is room. */
static bool take_some(struct us_bufpool *pool, bool *used, struct block *block)
{
	size_t size = 1 + next_number() % (US_BUF_MIN << next_number() % 7);
	bool room = has_room(used, blocks_for(size));

	*block = (struct block){
		.memory = us_bufpool_get(pool, size),
		.size = size,
		.mark = (unsigned char)next_number(),
	};
	assert_int_equal(block->memory != NULL, room);
	if (room) {
		set_used(pool, used, block, true);
		memset(block->memory, block->mark, size);
	}
	return room;
}

/** Put BLOCK back; what was written into it must still be there. */
static void put_back(struct us_bufpool *pool, bool *used, const struct block *block)
{
	for (size_t i = 0; i < block->size; i++) {
		if (block->memory[i] != block->mark) {
			fail_msg("byte %zu of a block of %zu was changed", i, block->size);
		}
	}
	set_used(pool, used, block, false);
	us_bufpool_put(pool, block->memory);
}

/** Blocks of many sizes, taken and put back in any order, held against a map of what is used. */
static void test_random(void **state)
{
	struct us_bufpool pool;
	struct block blocks[BLOCKS_NR];
	bool used[BLOCKS_NR] = {false};
	size_t nr = 0;
	size_t refused = 0;

	(void)state;
	assert_int_equal(us_bufpool_init(&pool, (size_t)BLOCKS_NR * US_BUF_MIN), 0);
	for (int round = 0; round < 4000; round++) {
		if (next_number() % 2 == 0) {
			bool taken = take_some(&pool, used, &blocks[nr]);

			nr += taken;
			refused += !taken;
		} else if (nr > 0) {
			size_t i = next_number() % nr;

			put_back(&pool, used, &blocks[i]);
			blocks[i] = blocks[--nr];
		}
	}
	assert_true(refused > 0);
	while (nr > 0) {
		put_back(&pool, used, &blocks[--nr]);
	}
	assert_non_null(us_bufpool_get(&pool, (size_t)BLOCKS_NR * US_BUF_MIN));
	us_bufpool_fini(&pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_init),
		cmocka_unit_test(test_exhaust),
		cmocka_unit_test(test_merge),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests_name("core/bufpool", tests, NULL, NULL);
}
