/* SPDX-License-Identifier: MIT */
/* A descriptor for each file system, opened before anything is written: what syncfs(2) tells counts from then. */
#include "core/durable.h"

#include "base/us.h"
#include "sys/call.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>

void us_durable_init(struct us_durable *durable)
{
	*durable = (struct us_durable){.nr = 0};
	pthread_mutex_init(&durable->lock, NULL);
}

/** True when the file system of STX is known; the lock is held. */
static bool is_known(const struct us_durable *durable, const struct statx *stx)
{
	for (size_t i = 0; i < durable->nr; i++) {
		if (durable->fs[i].dev_major == stx->stx_dev_major && durable->fs[i].dev_minor == stx->stx_dev_minor) {
			return true;
		}
	}
	return false;
}

/** Note the file system of FD; the lock is held. */
static int add(struct us_durable *durable, int fd, const struct statx *stx)
{
	struct us_durable_fs *fs = reallocarray(durable->fs, durable->nr + 1, sizeof(*fs));
	int own;

	if (fs == NULL) {
		return -ENOMEM;
	}
	durable->fs = fs;
	own = us_openat(fd, ".", O_RDONLY | O_DIRECTORY, 0);
	if (own < 0) {
		return own;
	}
	durable->fs[durable->nr++] = (struct us_durable_fs){stx->stx_dev_major, stx->stx_dev_minor, own};
	return 0;
}

int us_durable_add(struct us_durable *durable, int fd, const struct statx *stx)
{
	int ret = 0;

	pthread_mutex_lock(&durable->lock);
	if (!is_known(durable, stx)) {
		ret = add(durable, fd, stx);
	}
	pthread_mutex_unlock(&durable->lock);
	return ret;
}

int us_durable_sync(struct us_durable *durable)
{
	int ret = 0;
	size_t nr;

	pthread_mutex_lock(&durable->lock);
	nr = durable->nr;
	pthread_mutex_unlock(&durable->lock);
	for (size_t i = 0; i < nr; i++) {
		int fd;
		int one;

		pthread_mutex_lock(&durable->lock);
		fd = durable->fs[i].fd;
		pthread_mutex_unlock(&durable->lock);
		one = us_syncfs(fd);
		ret = ret < 0 ? ret : one;
	}
	return ret;
}

void us_durable_fini(struct us_durable *durable)
{
	for (size_t i = 0; i < durable->nr; i++) {
		us_close(durable->fs[i].fd);
	}
	free(durable->fs);
	pthread_mutex_destroy(&durable->lock);
	*durable = (struct us_durable){.nr = 0};
}
