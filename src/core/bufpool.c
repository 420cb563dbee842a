/* SPDX-License-Identifier: MIT */
/*
 * A buddy allocator.  The slab is numbered in smallest blocks; state[n] tells of the block that begins at n:
 *
 *	0                  no block begins here
 *	order + 1          a block of that order, in use
 *	order + 1 | FREE   a free one; its first bytes hold its place in the free list of its order
 *
 * A block's buddy is at n ^ (1 << order).  Free lists are last in, first out: the block that was used last
 * is the one whose lines are still in the processor's cache.
 */
#include "core/bufpool.h"

#include "base/us.h"

#include <sys/mman.h>

#define FREE 0x80u
#define NONE UINT32_MAX

/** A huge page, of the size that most processors have. */
#define HUGE ((size_t)2 << 20)

/** What a free block's first bytes hold. */
struct free_block {
	uint32_t prev;
	uint32_t next;
};

/** The memory of block N. */
static struct free_block *block_at(const struct us_bufpool *pool, uint32_t n)
{
	return (struct free_block *)(void *)(pool->slab + (size_t)n * US_BUF_MIN);
}

/** Put block N at the head of the free list of ORDER. */
static void list_push(struct us_bufpool *pool, uint32_t n, unsigned int order)
{
	struct free_block *block = block_at(pool, n);

	block->prev = NONE;
	block->next = pool->free[order];
	if (block->next != NONE) {
		block_at(pool, block->next)->prev = n;
	}
	pool->free[order] = n;
	pool->state[n] = (uint8_t)((order + 1) | FREE);
}

/** Take block N out of the free list of ORDER. */
static void list_remove(struct us_bufpool *pool, uint32_t n, unsigned int order)
{
	const struct free_block *block = block_at(pool, n);

	if (block->prev == NONE) {
		pool->free[order] = block->next;
	} else {
		block_at(pool, block->prev)->next = block->next;
	}
	if (block->next != NONE) {
		block_at(pool, block->next)->prev = block->prev;
	}
	pool->state[n] = 0;
}

/** The smallest order whose blocks hold SIZE bytes; US_BUF_ORDERS when none does. */
static unsigned int order_of(size_t size)
{
	unsigned int order = 0;

	while (order < US_BUF_ORDERS && ((size_t)US_BUF_MIN << order) < size) {
		order++;
	}
	return order;
}

/** Memory of SIZE bytes that nothing has touched. */
static void *reserve(size_t size)
{
	void *start = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return start != MAP_FAILED ? start : NULL;
}

/**
 * The same from the beginning of a huge page on, where there is room for that.  Neighbouring mappings become one, and a
 * huge page over the border of two slabs would give both the node of the thread that comes first.
 */
static char *reserve_aligned(size_t size)
{
	char *start = size >= HUGE ? reserve(size + HUGE) : NULL;
	size_t before;

	if (start == NULL) {
		return reserve(size);
	}
	before = -(uintptr_t)start & (HUGE - 1);
	if (before > 0) {
		munmap(start, before);
	}
	/* Whole pages: what is left of the last one stays. */
	size = (size + US_BUF_MIN - 1) & ~(size_t)(US_BUF_MIN - 1);
	if (HUGE > before) {
		munmap(start + before + size, HUGE - before);
	}
	return start + before;
}

/** Bytes of the states. */
static size_t state_size(const struct us_bufpool *pool)
{
	return (size_t)1 << (pool->orders - 1);
}

int us_bufpool_init(struct us_bufpool *pool, size_t size)
{
	unsigned int top = order_of(size);

	*pool = (struct us_bufpool){.orders = top + 1, .fresh = true};
	if (top >= US_BUF_ORDERS) {
		return -EINVAL;
	}
	pool->size = (size_t)US_BUF_MIN << top;
	pool->slab = reserve_aligned(pool->size + state_size(pool));
	if (pool->slab == NULL) {
		*pool = (struct us_bufpool){0};
		return -ENOMEM;
	}
	/* The states are few bytes, and the rest of their huge page would be wasted, or another pool's beginning. */
	(void)madvise(pool->slab + pool->size, state_size(pool), MADV_NOHUGEPAGE);
	pool->state = (uint8_t *)pool->slab + pool->size;
	for (unsigned int order = 0; order < US_BUF_ORDERS; order++) {
		pool->free[order] = NONE;
	}
	return 0;
}

void us_bufpool_fini(struct us_bufpool *pool)
{
	if (pool->slab != NULL) {
		munmap(pool->slab, pool->size + state_size(pool));
	}
	*pool = (struct us_bufpool){0};
}

void *us_bufpool_get(struct us_bufpool *pool, size_t size)
{
	unsigned int order = order_of(size);
	unsigned int from = order;
	uint32_t n;

	while (from < pool->orders && pool->free[from] == NONE) {
		from++;
	}
	if (from >= pool->orders) {
		if (!pool->fresh || order >= pool->orders) {
			return NULL;
		}
		pool->fresh = false;
		from = pool->orders - 1;
		list_push(pool, 0, from);
	}
	n = pool->free[from];
	list_remove(pool, n, from);
	while (from > order) {
		from--;
		list_push(pool, n + (1u << from), from);
	}
	pool->state[n] = (uint8_t)(order + 1);
	return block_at(pool, n);
}

void us_bufpool_put(struct us_bufpool *pool, void *block)
{
	uint32_t n;
	unsigned int order;

	if (block == NULL) {
		return;
	}
	n = (uint32_t)((size_t)((char *)block - pool->slab) / US_BUF_MIN);
	order = pool->state[n] - 1u;
	pool->state[n] = 0;
	while (order + 1 < pool->orders) {
		uint32_t buddy = n ^ (1u << order);

		if (pool->state[buddy] != (uint8_t)((order + 1) | FREE)) {
			break;
		}
		list_remove(pool, buddy, order);
		n &= ~(1u << order);
		order++;
	}
	list_push(pool, n, order);
}
