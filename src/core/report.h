/* SPDX-License-Identifier: MIT */
/**
 * @file report.h
 * What became of an entry: counted, and told to the job's caller.
 */
#ifndef US_CORE_REPORT_H
#define US_CORE_REPORT_H

#include "core/dir.h"
#include "usync.h"

struct us_worker;
struct usync_job;

/** Where something happened. */
struct us_place {
	const struct us_dir *dir; /**< The directory, or the entry itself when name is NULL. */
	const char *name;
	enum us_side side;
};

/**
 * An entry failed.  WHAT was being done ("open"); ERROR is a negative errno, or 0 where no call failed.
 *
 * An error on the destination that no other file will escape (no space, read-only, gone) stops the job
 * instead.
 */
void us_report_failed(struct us_worker *worker, const struct us_place *place, const char *what, int error);

/** An entry of the source was gone when its turn came. */
void us_report_vanished(struct us_worker *worker, const struct us_place *place);

/** An entry is complete; told only to callers that asked for it. */
void us_report_copied(struct us_worker *worker, const struct us_place *place);

/** A choice that was made, in printf form. */
void us_report_note(struct usync_job *job, const char *format, ...) __attribute__((format(printf, 2, 3)));

/**
 * Stop the job for ERROR (a negative errno); the first caller's text stays.
 */
void us_report_stop(struct usync_job *job, const struct us_place *place, const char *what, int error);

#endif /* US_CORE_REPORT_H */
