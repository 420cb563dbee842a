/* SPDX-License-Identifier: MIT */
/**
 * @file bufpool.h
 * The memory that file contents pass through: one fixed slab for each worker, cut by a buddy allocator.
 *
 * Blocks are powers of two from US_BUF_MIN up, so that a thousand small files and one large chunk share the
 * slab without a fixed division.  A pool belongs to one thread.  An empty pool is the engine's back-pressure.
 *
 * No page of it is touched before the first us_bufpool_get(), so that the kernel gives it memory of the node of the
 * thread that uses it, whichever thread made it.
 */
#ifndef US_CORE_BUFPOOL_H
#define US_CORE_BUFPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** The smallest block. */
#define US_BUF_MIN 4096u

/** Most block sizes: up to US_BUF_MIN << (US_BUF_ORDERS - 1). */
#define US_BUF_ORDERS 16

struct us_bufpool {
	char *slab;         /**< Page aligned; touched only where blocks were used. */
	size_t size;        /**< A power of two. */
	uint8_t *state;     /**< For each smallest block: see bufpool.c.  Behind the slab. */
	bool fresh;         /**< Nothing was taken yet. */
	uint32_t free[US_BUF_ORDERS]; /**< First free block of each order, or none. */
	unsigned int orders;
};

/**
 * @param size  Bytes; rounded up to a power of two.
 * @return 0, -EINVAL when SIZE is beyond the largest block, or -ENOMEM.
 */
int us_bufpool_init(struct us_bufpool *pool, size_t size);
void us_bufpool_fini(struct us_bufpool *pool);

/** Take a block of at least SIZE bytes (not 0); NULL when there is none now. */
void *us_bufpool_get(struct us_bufpool *pool, size_t size);

/** Put back a block that us_bufpool_get() gave.  NULL is allowed. */
void us_bufpool_put(struct us_bufpool *pool, void *block);

#endif /* US_CORE_BUFPOOL_H */
