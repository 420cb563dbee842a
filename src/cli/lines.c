/* SPDX-License-Identifier: MIT */
#include "cli/lines.h"

#include "base/quote.h"
#include "base/us.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

void lines_trouble(FILE *out, const struct usync_event *event)
{
	const char *kind = "";

	if (event->type == USYNC_EVENT_WARNING) {
		kind = "warning: ";
	} else if (event->type == USYNC_EVENT_NOTE) {
		kind = "note: ";
	}
	fputs(kind, out);
	if (event->path != NULL) {
		us_quote_write(out, event->path);
		fputs(": ", out);
	}
	us_quote_write(out, event->what);
	if (event->error != 0) {
		fprintf(out, ": %s", strerror(event->error));
	}
	fputc('\n', out);
}

void lines_fatal(FILE *out, const char *text, int error)
{
	us_quote_write(out, text[0] != '\0' ? text : strerror(-error));
	fputc('\n', out);
}

void lines_deleted(FILE *out, const struct usync_event *event, const char *before)
{
	fputs(before, out);
	us_quote_write(out, event->name);
	fputs(S_ISDIR(event->mode) ? "/\n" : "\n", out);
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
static void print_count(FILE *out, uint64_t nr, const char *what)
{
	if (nr > 0) {
		fprintf(out, "%" PRIu64 " %s, ", nr, what);
	}
}

/** What goes before a summary. */
static const char *const prefixes[] = {
	[LINES_COMPLETE] = "",
	[LINES_STOPPED] = "stopped: ",
	[LINES_INTERRUPTED] = "interrupted: ",
};

void lines_verified(FILE *out, const struct usync_stats *stats, uint64_t differences, enum lines_end end)
{
	uint64_t compared = stats->files + stats->directories + stats->symlinks + stats->specials + stats->links +
	                    stats->unchanged;

	fprintf(out, "%s%" PRIu64 " entries compared, %" PRIu64 " differ, ", prefixes[end], compared, differences);
	print_count(out, stats->skipped, "skipped");
	fprintf(out, "%" PRIu64 " failed, %" PRIu64 " vanished in %.2f s\n", stats->failed, stats->vanished,
	        (double)stats->elapsed_ns / 1e9);
}

void lines_summary(FILE *out, const struct usync_stats *stats, enum lines_end end)
{
	double seconds = (double)stats->elapsed_ns / 1e9;
	double rate = stats->elapsed_ns > 0 ? (double)stats->files / seconds : 0;
	char bytes[BYTES_TEXT_MAX];

	bytes_text(bytes, stats->bytes);
	fprintf(out, "%s%" PRIu64 " files, %" PRIu64 " directories, %" PRIu64 " symlinks, ", prefixes[end],
	        stats->files, stats->directories, stats->symlinks);
	print_count(out, stats->specials, "specials");
	print_count(out, stats->links, "hard links");
	fprintf(out, "%s copied, ", bytes);
	print_count(out, stats->unchanged, "unchanged");
	print_count(out, stats->skipped, "skipped");
	print_count(out, stats->deleted, "deleted");
	print_count(out, stats->not_deleted, "not deleted");
	print_count(out, stats->verified, "verified");
	fprintf(out, "%" PRIu64 " failed, %" PRIu64 " vanished in %.2f s (%.0f files/s)\n", stats->failed,
	        stats->vanished, seconds, rate);
}

/** Jobs of which each count is, and those that walk the source themselves, or write the destination. */
#define ALL (LINES_COPY | LINES_DRY_RUN | LINES_VERIFY | LINES_SEND | LINES_RECEIVE)
#define WALKS (ALL & ~LINES_RECEIVE)
#define WRITES (LINES_COPY | LINES_SEND | LINES_RECEIVE)

void lines_stats(FILE *out, const struct usync_stats *stats, enum lines_job job)
{
	const struct {
		const char *name;
		const char *verified; /**< What it is called when trees are compared; NULL: the same. */
		unsigned int jobs;
		uint64_t nr;
	} counts[] = {
		{"Files copied", "Files that differ", ALL, stats->files},
		{"Directories", NULL, ALL, stats->directories},
		{"Symbolic links copied", "Symbolic links that differ", ALL, stats->symlinks},
		{"Devices, FIFOs and sockets made", "Devices, FIFOs and sockets that differ", ALL, stats->specials},
		{"Hard links made", "Hard links that differ", ALL, stats->links},
		{"Unchanged", "Contents the same", ALL, stats->unchanged},
		{"Skipped", NULL, ALL, stats->skipped},
		{"Deleted", "Not in the source", ALL, stats->deleted},
		{"Not deleted", NULL, ALL & ~LINES_VERIFY, stats->not_deleted},
		{"Verified", NULL, WRITES, stats->verified},
		{"Failed", NULL, ALL, stats->failed},
		{"Vanished", NULL, ALL, stats->vanished},
		{"Bytes copied", "Bytes of files that differ", ALL, stats->bytes},
		{"Listings by inode", NULL, WALKS, stats->by_inode},
		{"Listings by extent", NULL, WALKS, stats->by_extent},
		{"Listings by name", NULL, WALKS, stats->by_name},
		{"Listings unordered", NULL, WALKS, stats->unordered},
		{"Extents asked for", NULL, WALKS, stats->extents},
		{"Files read and written", NULL, WRITES, stats->by_rw},
		{"Files spliced", NULL, LINES_COPY | LINES_SEND, stats->by_splice},
		{"Files by copy_file_range", NULL, LINES_COPY, stats->by_cfr},
		{"Files reflinked", NULL, LINES_COPY, stats->by_reflink},
		{"Files in ranges", NULL, WRITES, stats->in_ranges},
	};
	double seconds = (double)stats->elapsed_ns / 1e9;
	bool verifies = job == LINES_VERIFY;

	for (size_t i = 0; i < us_array_size(counts); i++) {
		const char *name = verifies && counts[i].verified != NULL ? counts[i].verified : counts[i].name;

		if ((counts[i].jobs & (unsigned int)job) != 0) {
			fprintf(out, "%s: %" PRIu64 "\n", name, counts[i].nr);
		}
	}
	fprintf(out, "Seconds: %.3f\n", seconds);
	if (job == LINES_DRY_RUN || verifies) {
		return; /* Rates of what was not done. */
	}
	fprintf(out, "Files a second: %.0f\n", seconds > 0 ? (double)stats->files / seconds : 0);
	fprintf(out, "Bytes a second: %.0f\n", seconds > 0 ? (double)stats->bytes / seconds : 0);
}

void lines_latencies(FILE *out, const struct usync_latency *latencies, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		const struct usync_latency *latency = &latencies[i];

		fprintf(out, "Latency of %s %s: median %.3f ms, 99%% %.3f ms (%" PRIu64 " measured), %s\n",
		        latency->side, latency->call, (double)latency->median_ns / 1e6, (double)latency->tail_ns / 1e6,
		        latency->measured, latency->is_async ? "async" : "inline");
	}
}
