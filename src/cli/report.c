/* SPDX-License-Identifier: MIT */
/*
 * Everything that a copy prints.
 *
 * out is buffered and err is not (main() lets it hold a line), so out is flushed before anything
 * goes to err: where both are one terminal or one file, the lines stand in the order of the events.
 */
#include "cli/report.h"

#include "base/quote.h"
#include "cli/itemize.h"
#include "cli/json.h"
#include "cli/log.h"

#include <errno.h>
#include <string.h>

/** Keep the first error of writing to out, while errno still tells of it. */
static void note_out_error(struct report *report)
{
	if (report->error == 0 && ferror(report->out) != 0) {
		report->error = errno > 0 ? -errno : -EIO;
	}
}

/** Bring out to where it is going. */
static void flush_out(struct report *report)
{
	errno = 0;
	fflush(report->out);
	note_out_error(report);
}

/** Print "uring-sync: " and a line about what is not as it should be. */
static void print_trouble(struct report *report, const struct usync_event *event)
{
	flush_out(report);
	fputs("uring-sync: ", report->err);
	lines_trouble(report->err, event);
}

/** Print the name of what was copied. */
static void print_copied(struct report *report, const char *path)
{
	errno = 0;
	us_quote_write(report->out, path);
	fputc('\n', report->out);
	note_out_error(report);
}

/** Print the name of what was changed, with what changed about it. */
static void print_itemized(struct report *report, const struct usync_event *event)
{
	errno = 0;
	itemize_write(report->out, event);
	note_out_error(report);
}

/** Print the name of what was deleted. */
static void print_deleted(struct report *report, const struct usync_event *event)
{
	errno = 0;
	lines_deleted(report->out, event, report->itemize ? "*deleting   " : "deleting ");
	note_out_error(report);
}

/** Note the name of what did not arrive. */
static void note_failed(struct report *report, const struct usync_event *event)
{
	if (report->failed == NULL || event->name == NULL) {
		return;
	}
	errno = 0;
	fputs(event->name[0] != '\0' ? event->name : ".", report->failed);
	fputc('\0', report->failed);
	if (ferror(report->failed) != 0 && report->failed_error == 0) {
		report->failed_error = errno > 0 ? -errno : -EIO;
	}
}

/** Print an event as an object, if it was asked for. */
static void print_json(struct report *report, const struct usync_event *event)
{
	bool is_change = event->type == USYNC_EVENT_COPIED || event->type == USYNC_EVENT_DELETED;

	if ((is_change && !report->itemize && !report->verbose) ||
	    (event->type == USYNC_EVENT_NOTE && !report->verbose)) {
		return;
	}
	errno = 0;
	json_event(report->out, event);
	note_out_error(report);
}

/** What is changed or deleted, by name. */
static void print_change(struct report *report, const struct usync_event *event)
{
	report->differences++;
	if (report->json) {
		return;
	}
	if (event->type == USYNC_EVENT_DELETED) {
		if (report->itemize || report->verbose) {
			print_deleted(report, event);
		}
	} else if (report->itemize) {
		print_itemized(report, event);
	} else if (report->verbose) {
		print_copied(report, event->path);
	}
}

/** Print one event; the lock is held. */
static void print_event(struct report *report, const struct usync_event *event)
{
	bar_hide(&report->bar);
	if (report->log != NULL) {
		log_event(report->log, event);
	}
	if (report->json) {
		print_json(report, event);
	}
	switch (event->type) {
	case USYNC_EVENT_FAILED:
	case USYNC_EVENT_VANISHED:
		note_failed(report, event);
		print_trouble(report, event);
		break;
	case USYNC_EVENT_COPIED:
	case USYNC_EVENT_DELETED:
		print_change(report, event);
		break;
	case USYNC_EVENT_WARNING:
		print_trouble(report, event);
		break;
	case USYNC_EVENT_NOTE:
		if (report->verbose) {
			print_trouble(report, event);
		}
		break;
	}
}

void report_event(const struct usync_event *event, void *payload)
{
	struct report *report = payload;

	pthread_mutex_lock(&report->lock);
	print_event(report, event);
	pthread_mutex_unlock(&report->lock);
}

void report_progress(struct report *report, const struct usync_stats *stats, const struct usync_stats *before)
{
	pthread_mutex_lock(&report->lock);
	if (report->json) {
		errno = 0;
		json_progress(report->out, stats);
		note_out_error(report);
		flush_out(report); /* Who reads it wants it now. */
	}
	if (report->shows) {
		flush_out(report);
		bar_show(&report->bar, stats, before);
	}
	pthread_mutex_unlock(&report->lock);
}

void report_status(struct report *report, const struct usync_stats *stats)
{
	static const struct usync_stats start;
	char text[BAR_MAX];

	pthread_mutex_lock(&report->lock);
	bar_text(text, stats, &start);
	bar_hide(&report->bar);
	flush_out(report);
	fprintf(report->err, "uring-sync: %s\n", text);
	pthread_mutex_unlock(&report->lock);
}

void report_fatal(struct report *report, const char *text, int error)
{
	bar_hide(&report->bar);
	if (report->log != NULL) {
		log_fatal(report->log, text, error);
	}
	if (report->json) {
		errno = 0;
		json_fatal(report->out, text, error);
		note_out_error(report);
	}
	flush_out(report);
	fputs("uring-sync: ", report->err);
	lines_fatal(report->err, text, error);
}

/** The counts and the summary, for people. */
static void print_end(struct report *report, const struct usync_job *job, const struct usync_stats *stats,
                      enum lines_end end)
{
	if (report->stats) {
		struct usync_latency latencies[USYNC_LATENCIES_MAX];

		lines_stats(report->out, stats, report->job);
		lines_latencies(report->out, latencies, usync_job_latencies(job, latencies));
	}
	if (!report->quiet && report->job == LINES_VERIFY) {
		lines_verified(report->out, stats, report->differences, end);
	} else if (!report->quiet) {
		lines_summary(report->out, stats, end);
	}
}

void report_end(struct report *report, const struct usync_job *job, const struct usync_stats *stats, enum lines_end end)
{
	bar_hide(&report->bar);
	if (report->log != NULL) {
		log_summary(report->log, stats, end);
	}
	errno = 0;
	if (report->json) {
		json_summary(report->out, stats, report->job == LINES_VERIFY ? &report->differences : NULL, end);
	} else {
		print_end(report, job, stats, end);
	}
	note_out_error(report);
}

int report_finish(struct report *report)
{
	flush_out(report);
	if (report->error != 0) {
		fprintf(report->err, "uring-sync: standard output: %s\n", strerror(-report->error));
	}
	return report->error;
}
