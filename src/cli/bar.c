/* SPDX-License-Identifier: MIT */
#include "cli/bar.h"

#include "base/us.h"

#include <inttypes.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/** Columns of a terminal that does not tell. */
#define COLUMNS 80

/** Entries that were dealt with. */
static uint64_t count_done(const struct usync_stats *stats)
{
	return stats->files + stats->directories + stats->symlinks + stats->specials + stats->links + stats->unchanged +
	       stats->skipped + stats->failed + stats->vanished;
}

/** A number of bytes in its largest unit. */
static void put_bytes(FILE *out, double bytes)
{
	static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	size_t unit = 0;

	/* 1023.95 would be printed as 1024.0. */
	while (bytes >= 1023.95 && unit + 1 < us_array_size(units)) {
		bytes /= 1024;
		unit++;
	}
	fprintf(out, unit > 0 ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
}

/** A time as "1:02" or "1:02:03". */
static void put_time(FILE *out, double seconds)
{
	uint64_t whole = seconds < 3.6e8 ? (uint64_t)seconds : 360000000;

	if (whole >= 3600) {
		fprintf(out, "%" PRIu64 ":%02u:%02u", whole / 3600, (unsigned int)(whole / 60 % 60),
		        (unsigned int)(whole % 60));
	} else {
		fprintf(out, "%u:%02u", (unsigned int)(whole / 60), (unsigned int)(whole % 60));
	}
}

/**
 * Seconds until the end, or less than 0 when that can't be told: by the entries that are left, or by what is left of
 * large files, if that takes longer.
 */
static double time_left(const struct usync_stats *now, uint64_t done, uint64_t found)
{
	double elapsed = (double)now->elapsed_ns / 1e9;
	double left = -1;

	if (now->found_unknown || now->unlisted > 0) {
		return -1;
	}
	if (done > 0 && done < found) {
		left = elapsed * (double)(found - done) / (double)done;
	}
	if (now->large_size > now->large_done && now->bytes > 0) {
		left = us_max(left, elapsed * (double)(now->large_size - now->large_done) / (double)now->bytes);
	}
	return left;
}

void bar_text(char text[BAR_MAX], const struct usync_stats *now, const struct usync_stats *before)
{
	uint64_t done = count_done(now);
	/* A failure can be of an entry that was counted already. */
	uint64_t found = us_max(now->found, done);
	double seconds = (double)(now->elapsed_ns - us_min(before->elapsed_ns, now->elapsed_ns)) / 1e9;
	double since = seconds > 0 ? 1 / seconds : 0;
	double rate = (double)(done - us_min(count_done(before), done)) * since;
	double left;
	FILE *out = fmemopen(text, BAR_MAX, "w");

	text[0] = '\0';
	if (out == NULL) {
		return;
	}
	if (now->found_unknown || found == 0) {
		fprintf(out, "%" PRIu64 " entries, ", done);
	} else if (now->unlisted > 0) {
		fprintf(out, "%" PRIu64 " of %" PRIu64 "+ entries, ", done, found);
	} else {
		fprintf(out, "%" PRIu64 " of %" PRIu64 " entries (%" PRIu64 "%%), ", done, found, done * 100 / found);
	}
	if (now->large_size > 0) {
		fprintf(out, "%u%% of ",
		        (unsigned int)((double)now->large_done * 100 / (double)now->large_size));
		put_bytes(out, (double)now->large_size);
		fputs(", ", out);
	}
	put_bytes(out, (double)now->bytes);
	fputs(", ", out);
	/* Large files come one by one, and the line is to fit a terminal. */
	if (rate >= 1 || now->large_size == 0) {
		fprintf(out, "%.0f entries/s, ", rate);
	}
	put_bytes(out, (double)(now->bytes - us_min(before->bytes, now->bytes)) * since);
	fputs("/s, ", out);
	if (now->verified > 0) {
		fprintf(out, "%" PRIu64 " verified, ", now->verified);
	}
	if (now->failed > 0) {
		fprintf(out, "%" PRIu64 " failed, ", now->failed);
	}
	put_time(out, (double)now->elapsed_ns / 1e9);
	left = time_left(now, done, found);
	if (left >= 0) {
		fputs(", ", out);
		put_time(out, left);
		fputs(" left", out);
	}
	fclose(out);
}

/** Columns of the terminal that the line is on. */
static size_t columns(const struct bar *bar)
{
	struct winsize size;

	return ioctl(fileno(bar->out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : COLUMNS;
}

void bar_show(struct bar *bar, const struct usync_stats *now, const struct usync_stats *before)
{
	char text[BAR_MAX];

	bar_text(text, now, before);
	if (!bar->is_terminal) {
		fprintf(bar->out, "%s\n", text);
		return;
	}
	/* In the last column some terminals begin a new line. */
	fprintf(bar->out, "\r%.*s\033[K", (int)us_min(columns(bar) - 1, sizeof(text)), text);
	fflush(bar->out);
	bar->is_shown = true;
}

void bar_hide(struct bar *bar)
{
	if (bar->is_shown) {
		fputs("\r\033[K", bar->out);
		fflush(bar->out);
		bar->is_shown = false;
	}
}
