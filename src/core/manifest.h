/* SPDX-License-Identifier: MIT */
/**
 * @file manifest.h
 * The sums of a job's files: for --checksum-file, which others read, and for --verify, which reads the copies.
 */
#ifndef US_CORE_MANIFEST_H
#define US_CORE_MANIFEST_H

#include "core/digest.h"
#include "core/fingerprint.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>

struct us_file;
struct us_worker;
struct usync_job;

struct us_manifest {
	pthread_mutex_t lock;
	FILE *out;   /**< The user's file, or NULL. */
	FILE *spool; /**< What is to be verified, or NULL: a file that has no name. */
	int error;   /**< The first failure to write either. */
};

/** A file to be verified. */
struct us_manifest_entry {
	char *path; /**< From the root of the destination; freed by us_manifest_entry_free(). */
	uint64_t size;
	struct us_sum sum;
	struct us_fingerprint fingerprint;
};

/** Open what JOB's options ask for, if they do.  @return 0, or a negative errno after job->error_text was set. */
int us_manifest_open(struct usync_job *job);

/**
 * FILE's contents are about to be read from the first byte; END bytes of it are in the destination already.
 *
 * @return 0 or a negative errno.
 */
int us_manifest_begin(struct us_worker *worker, struct us_file *file, uint64_t end);

/** FILE is about to be let go. */
void us_manifest_leave(struct us_worker *worker, struct us_file *file);

/** Take the next entry that is to be verified.  @return 1, 0 at the end, or a negative errno. */
int us_manifest_next(struct us_manifest *manifest, struct us_manifest_entry *entry);

void us_manifest_entry_free(struct us_manifest_entry *entry);

/** The workers have ended: what could not be written counts as failed. */
void us_manifest_finish(struct usync_job *job);

void us_manifest_free(struct usync_job *job);

#endif /* US_CORE_MANIFEST_H */
