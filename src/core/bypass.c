/* SPDX-License-Identifier: MIT */
/*
 * The way is lowered in the middle of a file, too: a short transfer leads direct I/O to an odd place, and the rest goes
 * through the cache.
 */
#include "core/bypass.h"

#include "base/fault.h"
#include "base/us.h"
#include "sys/call.h"

#include <sys/uio.h>

/** Linux 6.14 and its headers. */
#ifndef RWF_DONTCACHE
#define RWF_DONTCACHE 0x00000080
#endif

void us_bypass_init(struct us_bypass *bypass, int fd)
{
	pthread_mutex_init(&bypass->lock, NULL);
	bypass->fd = fd;
	atomic_init(&bypass->way, US_BYPASS_DONTCACHE);
}

void us_bypass_restore(struct us_bypass *bypass)
{
	if (us_bypass_way(bypass) == US_BYPASS_DIRECT) {
		(void)us_set_direct(bypass->fd, false);
	}
}

void us_bypass_fini(struct us_bypass *bypass)
{
	pthread_mutex_destroy(&bypass->lock);
}

/** It can't be done the way WAS: let it go the next. */
static void lower(struct us_bypass *bypass, enum us_bypass_way was)
{
	pthread_mutex_lock(&bypass->lock);
	if (us_bypass_way(bypass) == was) {
		enum us_bypass_way way = US_BYPASS_CACHED;

		if (was == US_BYPASS_DONTCACHE && us_takes_direct(bypass->fd, US_BYPASS_ALIGN) &&
		    us_set_direct(bypass->fd, true) == 0) {
			way = US_BYPASS_DIRECT;
		} else {
			(void)us_set_direct(bypass->fd, false);
		}
		atomic_store(&bypass->way, (int)way);
	}
	pthread_mutex_unlock(&bypass->lock);
}

void us_bypass_call(struct us_bypass *bypass, struct us_op *op)
{
	op->fd = bypass->fd;
	for (;;) {
		enum us_bypass_way way = us_bypass_way(bypass);

		op->flags = way == US_BYPASS_DONTCACHE ? RWF_DONTCACHE : 0;
		op->res = way == US_BYPASS_DONTCACHE ? us_fault("dontcache") : 0;
		if (op->res == 0) {
			us_call(op);
		}
		/* EINVAL: direct I/O at a place that a short transfer led to. */
		if (way == US_BYPASS_CACHED || (op->res != -EOPNOTSUPP && op->res != -EINVAL)) {
			return;
		}
		lower(bypass, way);
	}
}

void us_bypass_forget(struct us_bypass *bypass, uint64_t offset, uint64_t length)
{
	if (us_bypass_way(bypass) == US_BYPASS_CACHED) {
		us_forget(bypass->fd, offset, length);
	}
}

const char *us_bypass_name(enum us_bypass_way way)
{
	static const char *const names[] = {
		[US_BYPASS_DONTCACHE] = "dontcache", [US_BYPASS_DIRECT] = "direct", [US_BYPASS_CACHED] = "cached"};

	return names[way];
}
