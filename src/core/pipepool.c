/* SPDX-License-Identifier: MIT */
/* A small stack of empty pipes. */
#include "core/pipepool.h"

#include "base/fault.h"
#include "base/us.h"
#include "sys/call.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

void us_pipepool_init(struct us_pipepool *pool, int size)
{
	*pool = (struct us_pipepool){.size = size};
}

/** Close both ends. */
static void close_pipe(int pipe[2])
{
	us_close(pipe[0]);
	us_close(pipe[1]);
}

void us_pipepool_fini(struct us_pipepool *pool)
{
	while (pool->nr_kept > 0) {
		close_pipe(pool->kept[--pool->nr_kept]);
	}
}

int us_pipepool_get(struct us_pipepool *pool, int pipe[2])
{
	int ret;

	if (pool->nr_kept > 0) {
		memcpy(pipe, pool->kept[--pool->nr_kept], sizeof(pool->kept[0]));
		return 0;
	}
	ret = us_fault("pipe");
	if (ret == 0) {
		ret = us_try(pipe2(pipe, O_CLOEXEC));
	}
	if (ret < 0) {
		pipe[0] = -1;
		pipe[1] = -1;
		return ret;
	}
	/* Over the user's limit (pipe(7)) it stays at 64 KiB, and splices are that much shorter. */
	(void)fcntl(pipe[1], F_SETPIPE_SZ, pool->size);
	return 0;
}

void us_pipepool_put(struct us_pipepool *pool, int pipe[2], bool empty)
{
	if (pipe[0] < 0) {
		return;
	}
	if (empty && pool->nr_kept < US_PIPEPOOL_KEPT) {
		memcpy(pool->kept[pool->nr_kept++], pipe, sizeof(pool->kept[0]));
	} else {
		close_pipe(pipe);
	}
	pipe[0] = -1;
	pipe[1] = -1;
}
