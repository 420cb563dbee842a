/* SPDX-License-Identifier: MIT */
/*
 * Everything that a copy prints.
 *
 * out is buffered and err is not (main() lets it hold a line), so out is flushed before anything
 * goes to err: where both are one terminal or one file, the lines stand in the order of the events.
 */
#include "cli/report.h"

#include "base/quote.h"
#include "base/us.h"
#include "cli/itemize.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

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

/** Print "uring-sync: PATH: WHAT: REASON"; PATH may be NULL, and ERROR 0. */
static void print_line(struct report *report, const char *path, const char *what, int error)
{
	flush_out(report);
	fputs("uring-sync: ", report->err);
	if (path != NULL) {
		us_quote_write(report->err, path);
		fputs(": ", report->err);
	}
	us_quote_write(report->err, what);
	if (error != 0) {
		fprintf(report->err, ": %s", strerror(error));
	}
	fputc('\n', report->err);
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

/** Print the name of what was deleted, as rsync does. */
static void print_deleted(struct report *report, const struct usync_event *event)
{
	errno = 0;
	fputs(report->itemize ? "*deleting   " : "deleting ", report->out);
	us_quote_write(report->out, event->name);
	fputs(S_ISDIR(event->mode) ? "/\n" : "\n", report->out);
	note_out_error(report);
}

/** Print what can't be had, with the first entry that it struck. */
static void print_warning(struct report *report, const struct usync_event *event)
{
	flush_out(report);
	fputs("uring-sync: warning: ", report->err);
	us_quote_write(report->err, event->path);
	fputs(": ", report->err);
	us_quote_write(report->err, event->what);
	fprintf(report->err, ": %s\n", strerror(event->error));
}

/** Print a choice that the library made. */
static void print_note(struct report *report, const struct usync_event *event)
{
	flush_out(report);
	fputs("uring-sync: note: ", report->err);
	us_quote_write(report->err, event->what);
	if (event->error != 0) {
		fprintf(report->err, ": %s", strerror(event->error));
	}
	fputc('\n', report->err);
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

void report_event(const struct usync_event *event, void *payload)
{
	struct report *report = payload;

	switch (event->type) {
	case USYNC_EVENT_FAILED:
		note_failed(report, event);
		print_line(report, event->path, event->what, event->error);
		break;
	case USYNC_EVENT_VANISHED:
		note_failed(report, event);
		print_line(report, event->path, "vanished while copying", 0);
		break;
	case USYNC_EVENT_COPIED:
		if (report->itemize) {
			print_itemized(report, event);
		} else if (report->verbose) {
			print_copied(report, event->path);
		}
		break;
	case USYNC_EVENT_DELETED:
		if (report->itemize || report->verbose) {
			print_deleted(report, event);
		}
		break;
	case USYNC_EVENT_WARNING:
		print_warning(report, event);
		break;
	case USYNC_EVENT_NOTE:
		if (report->verbose) {
			print_note(report, event);
		}
		break;
	}
}

void report_fatal(struct report *report, const char *text, int error)
{
	print_line(report, NULL, text[0] != '\0' ? text : strerror(-error), 0);
}

/** Room for what bytes_text() writes. */
#define BYTES_TEXT_MAX 64

/** Write a number of bytes, and from 1024 on in a larger unit too: "4096 bytes (4.0 KiB)". */
static void bytes_text(char out[BYTES_TEXT_MAX], uint64_t bytes)
{
	static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double scaled = (double)bytes / 1024;
	size_t unit = 0;

	if (bytes < 1024) {
		snprintf(out, BYTES_TEXT_MAX, "%" PRIu64 " bytes", bytes);
		return;
	}
	/* 1023.95 would be printed as 1024.0. */
	while (scaled >= 1023.95 && unit + 1 < us_array_size(units)) {
		scaled /= 1024;
		unit++;
	}
	snprintf(out, BYTES_TEXT_MAX, "%" PRIu64 " bytes (%.1f %s)", bytes, scaled, units[unit]);
}

/** Print a count that is left out when there are none. */
static void print_count(const struct report *report, uint64_t nr, const char *what)
{
	if (nr > 0) {
		fprintf(report->out, "%" PRIu64 " %s, ", nr, what);
	}
}

void report_summary(struct report *report, const struct usync_stats *stats, enum report_end end)
{
	static const char *const prefixes[] = {
		[REPORT_COMPLETE] = "",
		[REPORT_STOPPED] = "stopped: ",
		[REPORT_INTERRUPTED] = "interrupted: ",
	};
	double seconds = (double)stats->elapsed_ns / 1e9;
	double rate = stats->elapsed_ns > 0 ? (double)stats->files / seconds : 0;
	char bytes[BYTES_TEXT_MAX];

	bytes_text(bytes, stats->bytes);
	errno = 0;
	fprintf(report->out,
	        "%s%" PRIu64 " files, %" PRIu64 " directories, %" PRIu64 " symlinks, ", prefixes[end],
	        stats->files, stats->directories, stats->symlinks);
	print_count(report, stats->specials, "specials");
	print_count(report, stats->links, "hard links");
	fprintf(report->out, "%s copied, ", bytes);
	print_count(report, stats->unchanged, "unchanged");
	print_count(report, stats->skipped, "skipped");
	print_count(report, stats->deleted, "deleted");
	print_count(report, stats->not_deleted, "not deleted");
	fprintf(report->out,
	        "%" PRIu64 " failed, %" PRIu64 " vanished in %.2f s (%.0f files/s)\n",
	        stats->failed, stats->vanished, seconds, rate);
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
