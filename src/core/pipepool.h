/* SPDX-License-Identifier: MIT */
/**
 * @file pipepool.h
 * Pipes for splice(2), kept for the next file.  A pool belongs to one thread.
 *
 * Only an empty pipe comes back into the pool: bytes left in it would turn up in another file.
 */
#ifndef US_CORE_PIPEPOOL_H
#define US_CORE_PIPEPOOL_H

#include <stdbool.h>

/** Most pipes kept; more can be in use. */
#define US_PIPEPOOL_KEPT 16

struct us_pipepool {
	int kept[US_PIPEPOOL_KEPT][2];
	unsigned int nr_kept;
	int size; /**< Bytes that each pipe shall hold. */
};

/** Begin with no pipes; each made shall hold SIZE bytes, where the system allows that. */
void us_pipepool_init(struct us_pipepool *pool, int size);

/** Close those kept. */
void us_pipepool_fini(struct us_pipepool *pool);

/** Take a pipe. @return 0 or a negative errno; without a pipe, PIPE is {-1, -1}. */
int us_pipepool_get(struct us_pipepool *pool, int pipe[2]);

/** Give PIPE back; it is closed unless EMPTY.  {-1, -1} is allowed.  PIPE becomes {-1, -1}. */
void us_pipepool_put(struct us_pipepool *pool, int pipe[2], bool empty);

#endif /* US_CORE_PIPEPOOL_H */
