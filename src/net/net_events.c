/* SPDX-License-Identifier: MIT */
/*
 * What happens at the receiver and is for the sender's user as well.  Any thread may note it, and one with a connection tells it; one that is busy, as
 * with the deletion of a large tree, does that late, and so there is no room for all that it may note.
 */
#include "base/us.h"
#include "core/job.h"
#include "core/report.h"
#include "net/session.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/** Bytes of events that may wait: what is beyond is counted, and its number told. */
#define WAITING_MAX (8u << 20)

struct us_pending_event {
	struct us_pending_event *next;
	size_t size;
	struct us_record record;
	char texts[];
};

/** The record of EVENT, whose texts stay where they are. */
static void describe(const struct usync_event *event, struct us_record *record)
{
	*record = (struct us_record){.type = US_REPLY_EVENT, .state = (uint32_t)event->type, .what = "", .meta.mode = event->mode};
	record->name = event->name != NULL ? event->name : event->path;
	record->name_length = record->name != NULL ? (uint32_t)strnlen(record->name, US_WIRE_PATH_MAX) : 0;
	record->error = event->error > 0 && event->error < 4096 ? (uint32_t)event->error : 0;
	record->changes = event->changes;
	record->what_length = event->what != NULL ? (uint32_t)strnlen(event->what, US_WIRE_TEXT_MAX) : 0;
}

/** A copy of RECORD with its texts; NULL without memory. */
static struct us_pending_event *copy(const struct us_record *record, const char *what)
{
	size_t size = sizeof(struct us_pending_event) + record->name_length + record->what_length + 2;
	struct us_pending_event *pending = malloc(size);

	if (pending == NULL) {
		return NULL;
	}
	pending->next = NULL;
	pending->size = size;
	pending->record = *record;
	if (record->name != NULL) {
		memcpy(pending->texts, record->name, record->name_length);
		pending->record.name = pending->texts;
	}
	if (what != NULL) {
		memcpy(pending->texts + record->name_length, what, record->what_length);
		pending->record.what = pending->texts + record->name_length;
	}
	return pending;
}

void us_net_events_add(struct usync_job *job, const struct usync_event *event)
{
	struct us_session *session = job->session;
	struct us_pending_event *pending;
	struct us_record record;
	bool is_change = event->type == USYNC_EVENT_COPIED || event->type == USYNC_EVENT_DELETED;

	/* Of other entries the receipts tell. */
	if ((is_change && (session->wishes & US_WISH_REPORT) == 0) || event->type == USYNC_EVENT_NOTE ||
	    (event->type == USYNC_EVENT_COPIED && !S_ISDIR(event->mode))) {
		return;
	}
	describe(event, &record);
	pthread_mutex_lock(&session->events_lock);
	pending = session->events_bytes < WAITING_MAX ? copy(&record, event->what) : NULL;
	if (pending != NULL) {
		*session->events_end = pending;
		session->events_end = &pending->next;
		session->events_bytes += pending->size;
	} else {
		session->events_lost++;
	}
	atomic_store(&session->has_events, true);
	pthread_mutex_unlock(&session->events_lock);
}

/** Say how many could not be told. */
static void tell_lost(struct us_net *net, uint64_t nr)
{
	char what[128];
	struct us_record record = {.type = US_REPLY_EVENT, .state = USYNC_EVENT_WARNING, .what = what};

	record.what_length = (uint32_t)snprintf(
		what, sizeof(what), "%" PRIu64 " messages of the receiver are left out here: there were too many at a time", nr);
	us_net_put(net, &record);
}

bool us_net_events_tell(struct us_net *net)
{
	struct us_session *session = net->session;
	struct us_pending_event *event;
	uint64_t lost;

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
		free(event);
		event = next;
	}
	if (lost > 0) {
		tell_lost(net, lost);
	}
	return true;
}

void us_net_events_free(struct us_session *session)
{
	while (session->events != NULL) {
		struct us_pending_event *event = session->events;

		session->events = event->next;
		free(event);
	}
}
