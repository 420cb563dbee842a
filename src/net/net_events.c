/* SPDX-License-Identifier: MIT */
/*
 * What happens at the receiver and is for the sender's user as well, and what fails at a sender that the receiver's user
 * has ordered.  Any thread may note it, and one with a connection tells it; one that is busy, as with the deletion of a
 * large tree, does that late, and so there is no room for all that it may note.
 */
#include "base/us.h"
#include "core/job.h"
#include "core/report.h"
#include "core/worker.h"
#include "net/conn.h"
#include "net/session.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/** Bytes of events that may wait: what is beyond is counted, and its number told. */
#define WAITING_MAX (8u << 20)

/** The same: nothing new is begun before those are told.  What is in hand has the rest of the room. */
#define WAITING_FULL (1u << 20)

struct us_pending_event {
	struct us_pending_event *next;
	size_t size;
	uint64_t frame;   /**< Once it was put into one: its number (us_out_last()). */
	const char *path; /**< What the caller here would be told, or NULL. */
	struct us_record record;
	char texts[];
};

/** Forget EVENTS. */
static void free_events(struct us_pending_event *events)
{
	while (events != NULL) {
		struct us_pending_event *next = events->next;

		free(events);
		events = next;
	}
}

/** True for what is done to an entry, and false for what can't be. */
static bool is_change(uint32_t type)
{
	return type == USYNC_EVENT_COPIED || type == USYNC_EVENT_DELETED;
}

/** The record of JOB's EVENT, whose texts stay where they are. */
static void describe(const struct usync_job *job, const struct usync_event *event, struct us_record *record)
{
	*record = (struct us_record){
		.type = job->session->is_sender ? US_RECORD_EVENT : US_REPLY_EVENT,
		.state = (uint32_t)event->type,
		.what = "",
		.meta.mode = event->mode,
	};
	record->name = event->name != NULL ? event->name : event->path;
	record->name_length = record->name != NULL ? (uint32_t)strnlen(record->name, US_WIRE_PATH_MAX) : 0;
	record->error = event->error > 0 && event->error < 4096 ? (uint32_t)event->error : 0;
	record->changes = event->changes;
	record->what_length = event->what != NULL ? (uint32_t)strnlen(event->what, US_WIRE_TEXT_MAX) : 0;
	/* Where it lies is no secret to who has a shell there. */
	if (job->options.peer_reports && !is_change(record->state) && event->path != NULL && event->path[0] != '\0') {
		record->target = event->path;
		record->target_length = (uint32_t)strnlen(event->path, US_WIRE_PATH_MAX);
	}
}

/** Copy LENGTH bytes to *AT, and a NUL, and go on behind it.  @return the copy. */
static const char *copy_text(char **at, const char *text, size_t length)
{
	char *copied = *at;

	memcpy(copied, text, length);
	copied[length] = '\0';
	*at += length + 1;
	return copied;
}

/** A copy of RECORD with its texts, and PATH unless that is NULL; NULL without memory. */
static struct us_pending_event *copy(const struct us_record *record, const char *what, const char *path)
{
	size_t path_length = path != NULL ? strlen(path) : 0;
	size_t size = sizeof(struct us_pending_event) + record->name_length + record->target_length +
	              record->what_length + path_length + 4;
	struct us_pending_event *pending = malloc(size);
	char *at;

	if (pending == NULL) {
		return NULL;
	}
	*pending = (struct us_pending_event){.size = size, .record = *record};
	at = pending->texts;
	if (record->name != NULL) {
		pending->record.name = copy_text(&at, record->name, record->name_length);
	}
	if (record->target != NULL) {
		pending->record.target = copy_text(&at, record->target, record->target_length);
	}
	if (what != NULL) {
		pending->record.what = copy_text(&at, what, record->what_length);
	}
	if (path != NULL) {
		pending->path = copy_text(&at, path, path_length);
	}
	return pending;
}

bool us_net_events_add(struct usync_job *job, const struct usync_event *event)
{
	struct us_session *session = job->session;
	struct us_pending_event *pending = NULL;
	struct us_record record;
	bool peer_reports = job->options.peer_reports;

	if (event->type == USYNC_EVENT_NOTE || (session->is_sender && (!peer_reports || is_change(event->type)))) {
		return false;
	}
	/* Of other entries the receipts tell. */
	if ((is_change(event->type) && (session->wishes & US_WISH_REPORT) == 0) ||
	    (event->type == USYNC_EVENT_COPIED && !S_ISDIR(event->mode))) {
		return false;
	}
	describe(job, event, &record);
	pthread_mutex_lock(&session->events_lock);
	if (!session->events_over && session->events_bytes < WAITING_MAX) {
		pending = copy(&record, event->what, peer_reports ? event->path : NULL);
	}
	if (pending != NULL) {
		*session->events_end = pending;
		session->events_end = &pending->next;
		session->events_bytes += pending->size;
	} else if (!peer_reports) {
		session->events_lost++;
	}
	atomic_store(&session->has_events, true);
	pthread_mutex_unlock(&session->events_lock);
	return pending != NULL;
}

bool us_net_events_hold(const struct us_worker *worker)
{
	const struct us_net *net = worker->link;

	/* A job that stops has to come to its end, where the rest is told. */
	return !us_job_stopping(worker->job) &&
	       atomic_load_explicit(&net->session->events_bytes, memory_order_relaxed) >= WAITING_FULL;
}

/** Say how many could not be told. */
static void tell_lost(struct us_net *net, uint64_t nr)
{
	char what[128];
	struct us_record record = {.type = US_REPLY_EVENT, .state = USYNC_EVENT_WARNING, .what = what};

	record.what_length = (uint32_t)snprintf(
		what, sizeof(what),
		"%" PRIu64 " messages of the receiver are left out here: there were too many at a time", nr);
	us_net_put(net, &record);
}

/** Forget those that were sent. */
static void forget_sent(struct us_net *net)
{
	while (net->told != NULL && us_out_is_gone(&net->out, net->told->frame)) {
		struct us_pending_event *event = net->told;

		net->told = event->next;
		free(event);
	}
}

/** EVENT is queued: that is all, unless the caller has to be told of it when it is not sent. */
static void keep_told(struct us_net *net, struct us_pending_event *event)
{
	if (!net->session->job->options.peer_reports) {
		free(event);
		return;
	}
	event->next = NULL;
	event->frame = us_out_last(&net->out);
	if (net->told == NULL) {
		net->told_end = &net->told;
	}
	*net->told_end = event;
	net->told_end = &event->next;
}

bool us_net_events_tell(struct us_net *net)
{
	struct us_session *session = net->session;
	struct us_pending_event *event;
	uint64_t lost;

	forget_sent(net);
	if (!atomic_load_explicit(&session->has_events, memory_order_relaxed)) {
		return false;
	}
	pthread_mutex_lock(&session->events_lock);
	event = session->events;
	lost = session->events_lost;
	session->events = NULL;
	session->events_end = &session->events;
	session->events_bytes = 0;
	session->events_lost = 0;
	atomic_store(&session->has_events, false);
	pthread_mutex_unlock(&session->events_lock);
	while (event != NULL) {
		struct us_pending_event *next = event->next;

		us_net_put(net, &event->record);
		keep_told(net, event);
		event = next;
	}
	if (lost > 0) {
		tell_lost(net, lost);
	}
	return true;
}

/** Hand EVENTS to the caller, and forget them. */
static void return_events(struct usync_job *job, struct us_pending_event *events)
{
	while (events != NULL) {
		struct us_pending_event *next = events->next;
		const struct us_record *record = &events->record;

		us_report_event_here(job, &(struct usync_event){
			.type = (enum usync_event_type)record->state,
			.path = events->path,
			.name = record->name,
			.what = record->what,
			.error = (int)record->error,
			.mode = record->meta.mode,
			.changes = record->changes,
		});
		free(events);
		events = next;
	}
}

/** The path of what RECORD tells of, or NULL without memory. */
static char *path_of(const struct us_net *net, const struct us_record *record)
{
	const char *name = record->name != NULL ? record->name : "";
	char *path;
	int length;

	if (record->state == USYNC_EVENT_COPIED) {
		length = asprintf(&path, "%s%s%s", net->session->job->sources[0], name[0] != '\0' ? "/" : "", name);
	} else {
		length = asprintf(&path, "%s:%s", us_conn_name(net->conn), record->target != NULL ? record->target : name);
	}
	return length >= 0 ? path : NULL;
}

bool us_net_events_take(struct us_net *net, const struct us_record *record)
{
	struct usync_job *job = net->session->job;
	struct usync_event event = {
		.type = (enum usync_event_type)record->state,
		.name = record->name,
		.what = record->what_length > 0 ? record->what : NULL,
		.error = (int)record->error,
		.mode = record->meta.mode,
		.changes = record->changes,
	};
	char *path;

	if (record->state != USYNC_EVENT_FAILED && record->state != USYNC_EVENT_WARNING &&
	    record->state != USYNC_EVENT_VANISHED && (!is_change(record->state) || !net->session->is_sender)) {
		return false;
	}
	/* Whoever is told of it may rely on what belongs to it. */
	if (is_change(record->state) ? record->name == NULL : event.what == NULL) {
		return false;
	}
	path = path_of(net, record);
	event.path = path != NULL ? path : record->name;
	if (!job->options.peer_reports && (job->options.report_copied || !is_change(record->state))) {
		us_report_event_here(job, &event);
	}
	free(path);
	return true;
}

void us_net_events_end(struct us_session *session)
{
	struct us_pending_event *waiting;

	pthread_mutex_lock(&session->events_lock);
	session->events_over = true;
	waiting = session->events;
	session->events = NULL;
	session->events_end = &session->events;
	pthread_mutex_unlock(&session->events_lock);
	if (!session->job->options.peer_reports) {
		free_events(waiting);
		return;
	}
	for (unsigned int i = 0; i < session->nr; i++) {
		forget_sent(&session->nets[i]);
		return_events(session->job, session->nets[i].told);
		session->nets[i].told = NULL;
	}
	return_events(session->job, waiting);
}

void us_net_events_free(struct us_session *session)
{
	free_events(session->events);
	for (unsigned int i = 0; i < session->nr; i++) {
		free_events(session->nets[i].told);
	}
}
