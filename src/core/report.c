/* SPDX-License-Identifier: MIT */
/* Events and what stops a job.  None of this is on the way of a file that is well. */
#include "core/report.h"

#include "base/us.h"
#include "core/job.h"
#include "core/worker.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/** What stands for a path that there is no memory for. */
static const char *const no_path = "(out of memory for the path)";

/** Hand an event to the caller, one at a time. */
static void send_event(struct usync_job *job, const struct usync_event *event)
{
	if (job->options.event == NULL) {
		return;
	}
	pthread_mutex_lock(&job->event_lock);
	job->options.event(event, job->options.payload);
	pthread_mutex_unlock(&job->event_lock);
}

/** An event about a place. */
static void send_place(struct usync_job *job, enum usync_event_type type, const struct us_place *place,
                       const char *what, int error)
{
	char *path = us_dir_path(place->dir, place->name, place->side);
	struct usync_event event = {
		.type = type,
		.path = path != NULL ? path : no_path,
		.what = what,
		.error = -error,
	};

	send_event(job, &event);
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

void us_report_stop(struct usync_job *job, const struct us_place *place, const char *what, int error)
{
	int none = 0;
	char *path;

	if (!atomic_compare_exchange_strong(&job->error, &none, error)) {
		return;
	}
	path = us_dir_path(place->dir, place->name, place->side);
	if (asprintf(&job->error_text, "%s: %s: %s", path != NULL ? path : no_path, what,
	             strerrordesc_np(-error)) < 0) {
		job->error_text = NULL;
	}
	free(path);
	atomic_store(&job->stopping, true);
}

void us_report_failed(struct us_worker *worker, const struct us_place *place, const char *what, int error)
{
	struct usync_job *job = worker->job;

	us_count(&worker->counts.failed, 1);
	if (is_final(place->side, error)) {
		us_report_stop(job, place, what, error);
	}
	/* What stopped the job is told once, not again for each file that was in hand. */
	if (atomic_load(&job->error) == 0 || !is_final(place->side, error)) {
		send_place(job, USYNC_EVENT_FAILED, place, what, error);
	}
}

void us_report_vanished(struct us_worker *worker, const struct us_place *place)
{
	us_count(&worker->counts.vanished, 1);
	send_place(worker->job, USYNC_EVENT_VANISHED, place, "vanished while copying", 0);
}

void us_report_copied(struct us_worker *worker, const struct us_place *place)
{
	if (worker->job->options.report_copied) {
		send_place(worker->job, USYNC_EVENT_COPIED, place, NULL, 0);
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
