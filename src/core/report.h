/* SPDX-License-Identifier: MIT */
/**
 * @file report.h
 * What became of an entry: counted, and told to the job's caller.
 */
#ifndef US_CORE_REPORT_H
#define US_CORE_REPORT_H

#include "core/dir.h"
#include "usync.h"

#include <stdatomic.h>
#include <stdbool.h>

struct us_file;
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
 * instead.  -ECANCELED, of a job that is to stop, is no failure of the entry: nothing is told.
 */
void us_report_failed(struct us_worker *worker, const struct us_place *place, const char *what, int error);

/** An entry failed at the other side of a link, which reports that itself: one more towards max_errors. */
void us_report_failed_there(struct usync_job *job);

/** An entry of the source was gone when its turn came. */
void us_report_vanished(struct us_worker *worker, const struct us_place *place);

/** FILE is complete; told only to callers that asked for it, and only when something changed. */
void us_report_file(struct us_worker *worker, const struct us_file *file);

/** The same for a directory. */
void us_report_dir(struct us_worker *worker, const struct us_dir *dir, uint32_t changes);

/** PATH, from the root of the destination, was deleted. */
void us_report_deleted(struct us_worker *worker, const char *path, bool is_dir);

/** An attribute of KIND can't be kept, which is told once, at the end. */
void us_report_lack(struct us_worker *worker, const struct us_place *place, enum usync_keep kind, int error);

/** The owner of a copy can't be kept: a lack, or a failure when it was asked for by name. */
void us_report_owner_lack(struct us_worker *worker, const struct us_place *place);

/** A warning that is told once a job, of which SAID keeps note. */
void us_report_once(struct us_worker *worker, atomic_bool *said, const struct us_place *place, const char *what,
                    int error);

/** A warning about a path that an option names, before the job starts. */
void us_report_warning(struct usync_job *job, const char *path, const char *what, int error);

/** Tell of what us_report_lack() collected. */
void us_report_lacks(struct usync_job *job);

/**
 * One of several calls for one entry failed: as us_report_failed(), but COUNTED only once an entry, and without
 * MAY_STOP an error of that entry alone.
 */
void us_report_attribute(struct us_worker *worker, const struct us_place *place, const char *what, int error,
                         bool counted, bool may_stop);

/** Tell the caller of something that was not found here, but on the other side of a link. */
void us_report_event(struct usync_job *job, const struct usync_event *event);

/** The same for one that the other side is not to be told of. */
void us_report_event_here(struct usync_job *job, const struct usync_event *event);

/** A choice that was made, in printf form. */
void us_report_note(struct usync_job *job, const char *format, ...) __attribute__((format(printf, 2, 3)));

/**
 * Stop the job for ERROR (a negative errno); the first caller's text stays.
 */
void us_report_stop(struct usync_job *job, const struct us_place *place, const char *what, int error);

/** The same with a path as it is.  May be called from any thread. */
void us_report_stop_at(struct usync_job *job, const char *path, const char *what, int error);

/** The same with a text in printf form. */
void us_report_stop_text(struct usync_job *job, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/** NAME, from the root of the destination, is not what was read from the source.  May be called from any thread. */
void us_report_unverified(struct usync_job *job, const char *name, const char *what, int error);

/** A file of the job's own failed, that is no entry of the tree; the workers have ended. */
void us_report_file_failed(struct usync_job *job, const char *path, const char *what, int error);

/** The same for NAME, a path from the root of the destination. */
void us_report_dst_failed(struct usync_job *job, const char *name, const char *what, int error);

#endif /* US_CORE_REPORT_H */
