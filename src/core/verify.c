/* SPDX-License-Identifier: MIT */
/*
 * Threads take one file after another off the spool.  The page cache holds what was written, which says nothing about
 * the disk: all is brought there first, and each file's pages are dropped before it is read.  A file system that keeps
 * its files in memory alone has no other copy.
 */
#include "core/verify.h"

#include "base/thread.h"
#include "base/us.h"
#include "core/job.h"
#include "core/lease.h"
#include "core/manifest.h"
#include "core/paths.h"
#include "core/progress.h"
#include "core/report.h"
#include "core/worker.h"
#include "sys/call.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

/** Bytes that are read between two looks at whether the job is stopped. */
#define READ_BYTES (UINT64_C(64) << 20)

/** One thread's work. */
struct verifier {
	struct usync_job *job;
	unsigned int nr;
	pthread_t thread;
	bool is_started;
	struct us_digest *digest;
	char *buf;
	char *parent; /**< The path of the directory that is open, or NULL. */
	int fd;       /**< It. */
};

/** Open the directory that PATH lies in, if that is not the one that is open.  @return 0 or a negative errno. */
static int open_parent(struct verifier *verifier, const char *path)
{
	const char *slash = strrchr(path, '/');
	size_t length = slash != NULL ? (size_t)(slash - path) : 0;
	char *parent;

	if (verifier->parent != NULL && strlen(verifier->parent) == length &&
	    memcmp(verifier->parent, path, length) == 0) {
		return 0;
	}
	parent = strndup(path, length);
	if (parent == NULL) {
		return -ENOMEM;
	}
	free(verifier->parent);
	verifier->parent = NULL;
	if (verifier->fd >= 0) {
		us_close(verifier->fd);
	}
	verifier->fd = us_path_open_beneath(verifier->job->progress->root_fd, parent);
	if (verifier->fd < 0) {
		free(parent);
		return verifier->fd;
	}
	verifier->parent = parent;
	return 0;
}

/**
 * Add what FD holds, SIZE bytes, to the sum; a job that is stopped is not kept by a large file.
 *
 * @return 0 or a negative errno.
 */
static int read_all(struct verifier *verifier, int fd, uint64_t size)
{
	uint64_t end = 0;
	int ret = 0;

	while (ret == 0 && end < size) {
		end += us_min(size - end, READ_BYTES);
		ret = us_job_stopping(verifier->job)
		              ? -ECANCELED
		              : us_digest_add_file(verifier->digest, fd, end, verifier->buf, verifier->job->chunk);
	}
	return ret;
}

/**
 * Take the sum of what is in the destination; one of no length where that is no regular file.
 *
 * @return 0 or a negative errno.
 */
static int take_sum(struct verifier *verifier, const struct us_manifest_entry *entry, struct us_sum *sum)
{
	const char *slash = strrchr(entry->path, '/');
	struct statx stx;
	int ret = open_parent(verifier, entry->path);
	int fd;

	if (ret < 0) {
		return ret;
	}
	fd = us_lease_open(verifier->job, verifier->fd, slash != NULL ? slash + 1 : entry->path, O_RDONLY | O_NOFOLLOW,
	                   0);
	if (fd < 0) {
		return fd;
	}
	sum->length = 0;
	ret = us_statx(fd, "", AT_EMPTY_PATH, &stx);
	if (ret == 0 && S_ISREG(stx.stx_mode)) {
		(void)us_drop_cache(fd);
		us_digest_reset(verifier->digest);
		ret = read_all(verifier, fd, stx.stx_size);
		if (ret == 0) {
			us_digest_end(verifier->digest, stx.stx_size, sum);
		}
	}
	us_close(fd);
	return ret;
}

/** Read one file back. */
static void verify_one(struct verifier *verifier, const struct us_manifest_entry *entry)
{
	struct usync_job *job = verifier->job;
	struct us_sum sum = {.length = 0};
	int ret = take_sum(verifier, entry, &sum);

	if (ret == 0 && sum.length == entry->sum.length && memcmp(sum.bytes, entry->sum.bytes, sum.length) == 0) {
		atomic_fetch_add(&job->nr_verified, 1);
		us_progress_verified(job, verifier->nr, &entry->fingerprint);
		return;
	}
	if (ret == -ECANCELED) {
		return;
	}
	us_report_unverified(job, entry->path, ret == 0 ? "verify: it is not what was read from the source" : "verify",
	                     ret);
}

/** The thread: until nothing is left, or the job is cancelled. */
static void *run(void *arg)
{
	struct verifier *verifier = arg;
	struct usync_job *job = verifier->job;
	struct us_manifest_entry entry;
	int ret = 0;

	while (!us_job_stopping(job) && (ret = us_manifest_next(job->manifest, &entry)) > 0) {
		verify_one(verifier, &entry);
		us_manifest_entry_free(&entry);
	}
	if (ret < 0) {
		us_report_stop_at(job, "a temporary file for --verify", "read", ret);
	}
	return NULL;
}

/** Memory for one thread.  @return 0 or -ENOMEM. */
static int init(struct verifier *verifier, struct usync_job *job, unsigned int nr)
{
	*verifier = (struct verifier){.job = job, .nr = nr, .fd = -1};
	verifier->digest = us_digest_new(job->options.hash);
	verifier->buf = malloc(job->chunk);
	return verifier->digest != NULL && verifier->buf != NULL ? 0 : -ENOMEM;
}

static void fini(struct verifier *verifier)
{
	if (verifier->fd >= 0) {
		us_close(verifier->fd);
	}
	free(verifier->parent);
	free(verifier->buf);
	us_digest_free(verifier->digest);
}

/** Go through the spool with as many threads as there were workers, or as can be had; one is enough. */
static int read_back(struct usync_job *job)
{
	struct verifier *verifiers = calloc(job->nr_workers, sizeof(*verifiers));
	unsigned int nr = 0;
	int ret = verifiers != NULL ? 0 : -ENOMEM;

	while (ret == 0 && nr < job->nr_workers) {
		ret = init(&verifiers[nr], job, nr);
		nr++;
	}
	for (unsigned int i = 1; i < nr && ret == 0; i++) {
		verifiers[i].is_started = us_thread_start(&verifiers[i].thread, run, &verifiers[i]) == 0;
	}
	if (ret == 0) {
		run(&verifiers[0]);
	}
	for (unsigned int i = 0; i < nr; i++) {
		if (verifiers[i].is_started) {
			pthread_join(verifiers[i].thread, NULL);
		}
		fini(&verifiers[i]);
	}
	free(verifiers);
	return ret;
}

void us_verify(struct usync_job *job)
{
	int ret = 0;

	if (job->manifest == NULL || job->manifest->spool == NULL || us_job_stopping(job)) {
		return;
	}
	if (job->manifest->error < 0 || fseek(job->manifest->spool, 0, SEEK_SET) != 0) {
		ret = job->manifest->error < 0 ? job->manifest->error : -errno;
		us_report_stop_at(job, "a temporary file for --verify", "write", ret);
		return;
	}
	ret = us_durable_sync(&job->progress->durable);
	if (ret < 0) {
		us_report_stop_at(job, job->destination, "bring it to the disk", ret);
		return;
	}
	ret = read_back(job);
	if (ret < 0) {
		us_report_stop_at(job, job->destination, "verify", ret);
	}
}
