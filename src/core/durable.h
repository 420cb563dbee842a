/* SPDX-License-Identifier: MIT */
/**
 * @file durable.h
 * --fsync: the file systems that a job writes to, and bringing them to the disk.
 */
#ifndef US_CORE_DURABLE_H
#define US_CORE_DURABLE_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

struct usync_job;

/** One file system. */
struct us_durable_fs {
	uint32_t dev_major;
	uint32_t dev_minor;
	int fd;
};

/** Those that there are. */
struct us_durable {
	pthread_mutex_t lock;
	struct us_durable_fs *fs;
	size_t nr;
};

/** Nothing yet. */
void us_durable_init(struct us_durable *durable);

/**
 * The directory FD, which is STX, will be written to.  May be called from any thread.
 *
 * @return 0 or a negative errno.
 */
int us_durable_add(struct us_durable *durable, int fd, const struct statx *stx);

/**
 * Bring all that was written so far to the disk (syncfs(2)).
 *
 * @return 0, or the negative errno of the first file system that could not.
 */
int us_durable_sync(struct us_durable *durable);

/** Close them. */
void us_durable_fini(struct us_durable *durable);

#endif /* US_CORE_DURABLE_H */
