/* SPDX-License-Identifier: MIT */
/*
 * What a receiver has already, in the destination or in an earlier copy (--link-dest), is held against the sender's by
 * its sum.
 */
#include "base/us.h"
#include "core/digest.h"
#include "core/file.h"
#include "core/job.h"
#include "core/lease.h"
#include "core/local_sink.h"
#include "core/worker.h"
#include "net/source.h"
#include "sys/call.h"

#include <fcntl.h>
#include <stdlib.h>

/**
 * Have the sum of what there is of FILE for the file of sums, if there is one: that may be of another kind.
 *
 * @return 0 or a negative errno.
 */
static int keep_sum(const struct us_worker *worker, struct us_file *file, int fd, char *buf)
{
	const struct usync_job *job = worker->job;

	if (job->options.checksum_file == NULL || !job->digests) {
		return 0;
	}
	us_digest_free(file->digest);
	file->digest = us_digest_new(job->options.hash);
	return file->digest != NULL ? us_digest_add_file(file->digest, fd, file->dst_stx.stx_size, buf, job->chunk)
	                            : -ENOMEM;
}

int us_net_take_sum(const struct us_worker *worker, struct us_file *file, struct us_sum *sum)
{
	struct us_digest *digest = us_digest_new(USYNC_HASH_XXH128);
	char *buf = malloc(worker->job->chunk);
	int fd = us_lease_open(worker->job, us_local_compared_dir(file), file->dst_name, O_RDONLY | O_NOFOLLOW, 0);
	int ret = digest != NULL && buf != NULL ? us_min(fd, 0) : -ENOMEM;

	if (ret == 0) {
		ret = us_digest_add_file(digest, fd, file->dst_stx.stx_size, buf, worker->job->chunk);
	}
	if (ret == 0) {
		us_digest_end(digest, file->dst_stx.stx_size, sum);
		ret = keep_sum(worker, file, fd, buf);
	}
	if (fd >= 0) {
		us_close(fd);
	}
	free(buf);
	us_digest_free(digest);
	return ret;
}

void us_net_leave_reference(struct us_file *file)
{
	file->verdict = US_VERDICT_COPY;
	file->changes |= USYNC_CHANGE_VALUE | USYNC_CHANGE_CONTENT;
	/* There may be another one that has it; that is not asked for, and costs no more than a copy. */
	file->is_reference = false;
}
