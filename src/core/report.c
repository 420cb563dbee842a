/* SPDX-License-Identifier: MIT */
/* Events and what stops a job.  None of this is on the way of a file that is well. */
#include "core/report.h"

#include "base/us.h"
#include "core/file.h"
#include "core/job.h"
#include "core/link.h"
#include "core/worker.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/** What stands for a path that there is no memory for. */
static const char *const no_path = "(out of memory for the path)";

/** Whether this side's user wants to know of EVENT. */
static bool is_for_user(const struct usync_job *job, const struct usync_event *event)
{
	bool is_change = event->type == USYNC_EVENT_COPIED || event->type == USYNC_EVENT_DELETED;

	return job->options.event != NULL && !(is_change && job->report_there);
}

/** Hand an event to the caller and to the other side, or with peer_reports to one of them; one at a time. */
static void send_event(struct usync_job *job, const struct usync_event *event)
{
	bool is_taken = false;

	if (job->options.event == NULL && job->link == NULL) {
		return;
	}
	pthread_mutex_lock(&job->event_lock);
	if (job->link != NULL && job->link->event != NULL) {
		is_taken = job->link->event(job, event);
	}
	if (is_for_user(job, event) && !(is_taken && job->options.peer_reports)) {
		job->options.event(event, job->options.payload);
	}
	pthread_mutex_unlock(&job->event_lock);
}

void us_report_event_here(struct usync_job *job, const struct usync_event *event)
{
	pthread_mutex_lock(&job->event_lock);
	if (job->options.event != NULL) {
		job->options.event(event, job->options.payload);
	}
	pthread_mutex_unlock(&job->event_lock);
}

void us_report_event(struct usync_job *job, const struct usync_event *event)
{
	send_event(job, event);
}

/** An event about a place. */
static void send_place(struct usync_job *job, enum usync_event_type type, const struct us_place *place,
                       const char *what, int error)
{
	char *path = us_dir_path(place->dir, place->name, place->side);
	char *name = us_dir_relative_path(place->dir, place->name);
	struct usync_event event = {
		.type = type,
		.path = path != NULL ? path : no_path,
		.name = name != NULL ? name : no_path,
		.what = what,
		.error = -error,
	};

	send_event(job, &event);
	free(name);
	free(path);
}

/** True for what every other file would meet on the destination too. */
static bool is_final(enum us_side side, int error)
{
	if (side != US_DST) {
		return false;
	}
	switch (-error) {
	case ENOSPC:
	case EDQUOT:
	case EROFS:
	case ENODEV:
	case ENXIO:
	case ENOTCONN:
	case ESHUTDOWN:
		return true;
	default:
		return false;
	}
}

/** TEXT, or none when LENGTH is negative, is why the job stops; others may look at it already. */
static void stop_for(struct usync_job *job, char *text, int length)
{
	__atomic_store_n(&job->error_text, length >= 0 ? text : NULL, __ATOMIC_RELEASE);
	atomic_store(&job->stopping, true);
}

void us_report_stop_at(struct usync_job *job, const char *path, const char *what, int error)
{
	int none = 0;
	char *text;
	int length;

	if (!atomic_compare_exchange_strong(&job->error, &none, error)) {
		return;
	}
	length = asprintf(&text, "%s: %s: %s", path, what, strerrordesc_np(-error));
	stop_for(job, text, length);
}

void us_report_stop_text(struct usync_job *job, int error, const char *format, ...)
{
	int none = 0;
	va_list args;
	char *text;
	int length;

	if (!atomic_compare_exchange_strong(&job->error, &none, error)) {
		return;
	}
	va_start(args, format);
	length = vasprintf(&text, format, args);
	va_end(args);
	stop_for(job, text, length);
}

void us_report_stop(struct usync_job *job, const struct us_place *place, const char *what, int error)
{
	char *path = us_dir_path(place->dir, place->name, place->side);

	us_report_stop_at(job, path != NULL ? path : no_path, what, error);
	free(path);
}

void us_report_unverified(struct usync_job *job, const char *name, const char *what, int error)
{
	struct usync_event event = {.type = USYNC_EVENT_FAILED, .name = name, .what = what, .error = -error};
	char *path;

	atomic_fetch_add(&job->nr_unverified, 1);
	if (asprintf(&path, "%s/%s", job->destination, name) < 0) {
		path = NULL;
	}
	event.path = path != NULL ? path : no_path;
	send_event(job, &event);
	free(path);
}

void us_report_file_failed(struct usync_job *job, const char *path, const char *what, int error)
{
	us_count(&job->workers[0].counts.failed, 1);
	send_event(job, &(struct usync_event){
		.type = USYNC_EVENT_FAILED, .path = path, .what = what, .error = -error});
}

void us_report_dst_failed(struct usync_job *job, const char *name, const char *what, int error)
{
	char *path;

	if (asprintf(&path, "%s/%s", job->destination, name) < 0) {
		path = NULL;
	}
	us_report_file_failed(job, path != NULL ? path : no_path, what, error);
	free(path);
}

/** One more entry failed: that may be one too many. */
static void count_error(struct usync_job *job)
{
	uint32_t max = job->options.max_errors;
	uint64_t nr = atomic_fetch_add(&job->nr_errors, 1) + 1;
	int none = 0;
	char *text;
	int length;

	if (max == 0 || nr < max || !atomic_compare_exchange_strong(&job->error, &none, -EIO)) {
		return;
	}
	length = asprintf(&text, "%u %s failed, and no more are allowed", max, max == 1 ? "entry" : "entries");
	stop_for(job, text, length);
}

void us_report_attribute(struct us_worker *worker, const struct us_place *place, const char *what, int error,
                         bool counted, bool may_stop)
{
	struct usync_job *job = worker->job;

	if (counted) {
		us_count(&worker->counts.failed, 1);
	}
	may_stop = may_stop && is_final(place->side, error);
	if (may_stop) {
		us_report_stop(job, place, what, error);
	}
	/* What stopped the job is told once, not again for each file that was in hand. */
	if (atomic_load(&job->error) == 0 || !may_stop) {
		send_place(job, USYNC_EVENT_FAILED, place, what, error);
	}
	if (counted) {
		count_error(job);
	}
}

void us_report_failed(struct us_worker *worker, const struct us_place *place, const char *what, int error)
{
	if (error == -ECANCELED && us_job_stopping(worker->job)) {
		return; /* It was given up because of that. */
	}
	us_report_attribute(worker, place, what, error, true, true);
}

void us_report_failed_there(struct usync_job *job)
{
	count_error(job);
}

void us_report_vanished(struct us_worker *worker, const struct us_place *place)
{
	us_count(&worker->counts.vanished, 1);
	send_place(worker->job, USYNC_EVENT_VANISHED, place, "vanished while copying", 0);
}

/** Tell of an entry: DIR itself when NAME is NULL. */
static void send_copied(struct usync_job *job, const struct us_dir *dir, const char *name, const char *dst_name,
                        struct usync_event *event)
{
	char *path = us_dir_path(dir, name, US_SRC);
	char *relative = us_dir_relative_path(dir, dst_name);

	event->type = USYNC_EVENT_COPIED;
	event->path = path != NULL ? path : no_path;
	event->name = relative != NULL ? relative : no_path;
	send_event(job, event);
	free(relative);
	free(path);
}

void us_report_file(struct us_worker *worker, const struct us_file *file)
{
	struct usync_event event = {.mode = file->stx.stx_mode, .changes = file->changes, .target = file->target};

	/* The other side of a link has its receipts for that. */
	if (!worker->job->options.report_copied || worker->job->report_there || file->changes == 0) {
		return;
	}
	if (S_ISLNK(file->stx.stx_mode) && file->target == NULL && file->data != NULL) {
		event.target = file->data;
	}
	send_copied(worker->job, file->dir, file->name, file->dst_name, &event);
}

void us_report_dir(struct us_worker *worker, const struct us_dir *dir, uint32_t changes)
{
	struct usync_event event = {.mode = dir->source->stx.stx_mode, .changes = changes};

	if (worker->job->options.report_copied && changes != 0) {
		send_copied(worker->job, dir, NULL, NULL, &event);
	}
}

void us_report_deleted(struct us_worker *worker, const char *path, bool is_dir)
{
	struct usync_job *job = worker->job;
	struct usync_event event = {.type = USYNC_EVENT_DELETED, .name = path, .mode = is_dir ? S_IFDIR : 0};
	char *full;

	if (!job->options.report_copied) {
		return;
	}
	full = us_dir_path(job->root, path, US_DST);
	event.path = full != NULL ? full : no_path;
	send_event(job, &event);
	free(full);
}

/** Which of the kinds an attribute is counted under. */
static enum us_lack_kind lack_kind(enum usync_keep kind)
{
	switch (kind) {
	case USYNC_KEEP_OWNER:
		return US_LACK_OWNER;
	case USYNC_KEEP_XATTR:
		return US_LACK_XATTR;
	case USYNC_KEEP_ACL:
		return US_LACK_ACL;
	default:
		return US_LACK_ATIME;
	}
}

void us_report_lack(struct us_worker *worker, const struct us_place *place, enum usync_keep kind, int error)
{
	struct usync_job *job = worker->job;
	enum us_lack_kind what = lack_kind(kind);
	struct us_lack *lack = &job->lacks[what];

	us_count(&worker->counts.lacks[what], 1);
	if (atomic_load_explicit(&lack->seen, memory_order_relaxed) || atomic_exchange(&lack->seen, true)) {
		return;
	}
	pthread_mutex_lock(&job->event_lock);
	lack->error = error;
	lack->first = us_dir_path(place->dir, place->name, place->side);
	pthread_mutex_unlock(&job->event_lock);
}

void us_report_owner_lack(struct us_worker *worker, const struct us_place *place)
{
	if ((worker->job->keep.strictly & USYNC_KEEP_OWNER) != 0) {
		us_report_failed(worker, place, "set owner", -EPERM);
	} else {
		us_report_lack(worker, place, USYNC_KEEP_OWNER, -EPERM);
	}
}

void us_report_once(struct us_worker *worker, atomic_bool *said, const struct us_place *place, const char *what,
                    int error)
{
	if (!atomic_exchange(said, true)) {
		send_place(worker->job, USYNC_EVENT_WARNING, place, what, error);
	}
}

void us_report_warning(struct usync_job *job, const char *path, const char *what, int error)
{
	send_event(job, &(struct usync_event){
		.type = USYNC_EVENT_WARNING, .path = path, .name = path, .what = what, .error = -error});
}

void us_report_lacks(struct usync_job *job)
{
	static const char *const names[] = {
		[US_LACK_OWNER] = "owner or group",
		[US_LACK_XATTR] = "extended attributes",
		[US_LACK_ACL] = "ACL",
		[US_LACK_ATIME] = "access time",
	};

	for (unsigned int i = 0; i < US_LACK_NR; i++) {
		struct us_lack *lack = &job->lacks[i];
		uint64_t nr = 0;
		char text[128];

		for (unsigned int w = 0; w < atomic_load(&job->nr_made); w++) {
			nr += atomic_load(&job->workers[w].counts.lacks[i]);
		}
		if (nr == 0) {
			continue;
		}
		snprintf(text, sizeof(text), "%s could not be kept (%llu %s; this is the first)", names[i],
		         (unsigned long long)nr, nr == 1 ? "entry" : "entries");
		send_event(job, &(struct usync_event){
			.type = USYNC_EVENT_WARNING,
			.path = lack->first != NULL ? lack->first : no_path,
			.what = text,
			.error = -lack->error,
		});
		free(lack->first);
		lack->first = NULL;
	}
}

void us_report_note(struct usync_job *job, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	send_event(job, &(struct usync_event){.type = USYNC_EVENT_NOTE, .what = text});
}
