/* SPDX-License-Identifier: MIT */
/**
 * @file bypass.h
 * Reads and writes of one descriptor that go by the page cache, which belongs to what the user works with:
 * RWF_DONTCACHE where the kernel has it (Linux 6.14, ext4, XFS, Btrfs), else direct I/O where the file says that it can
 * be done, else the pages are dropped afterwards.
 */
#ifndef US_CORE_BYPASS_H
#define US_CORE_BYPASS_H

#include "sys/op.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/** What direct I/O wants offsets, lengths and memory to be multiples of; and shared blocks, and holes. */
#define US_BYPASS_ALIGN 4096u

/** The multiple of it that is not above N. */
static inline uint64_t us_bypass_down(uint64_t n)
{
	return n / US_BYPASS_ALIGN * US_BYPASS_ALIGN;
}

/** The multiple of it that is not below N. */
static inline uint64_t us_bypass_up(uint64_t n)
{
	return us_bypass_down(n + US_BYPASS_ALIGN - 1);
}

/** How it goes; each is tried when the one before it can't be had. */
enum us_bypass_way {
	US_BYPASS_DONTCACHE,
	US_BYPASS_DIRECT,
	US_BYPASS_CACHED,
	US_BYPASS_WAYS,
};

struct us_bypass {
	pthread_mutex_t lock;
	int fd;
	atomic_int way;
};

/** For FD, which stays the caller's. */
void us_bypass_init(struct us_bypass *bypass, int fd);

/**
 * Leave the descriptor as it was: while it is open, and no one makes calls any more.  What the way was can still be
 * asked.
 */
void us_bypass_restore(struct us_bypass *bypass);

/** No one may use BYPASS any more.  The descriptor may be closed, and its number be another file's. */
void us_bypass_fini(struct us_bypass *bypass);

/** Make OP, a read or write, on the descriptor.  Any thread. */
void us_bypass_call(struct us_bypass *bypass, struct us_op *op);

/** Let the cache forget LENGTH bytes from OFFSET on (0: all), as far as the calls themselves did not see to that. */
void us_bypass_forget(struct us_bypass *bypass, uint64_t offset, uint64_t length);

/** The way at this moment. */
static inline enum us_bypass_way us_bypass_way(const struct us_bypass *bypass)
{
	return (enum us_bypass_way)atomic_load_explicit(&bypass->way, memory_order_relaxed);
}

/** What WAY is called. */
const char *us_bypass_name(enum us_bypass_way way);

#endif /* US_CORE_BYPASS_H */
