/* SPDX-License-Identifier: MIT */
/**
 * @file report.h
 * Everything that a copy prints: failures and notes on stderr, names and the summary on stdout; and what goes to the
 * files that were asked for.
 */
#ifndef US_CLI_REPORT_H
#define US_CLI_REPORT_H

#include "cli/bar.h"
#include "cli/lines.h"
#include "cli/log.h"

#include <usync.h>

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/** Where to print, and how much. */
struct report {
	FILE *out;    /**< Names and summary. */
	FILE *err;    /**< Failures and notes. */
	bool verbose; /**< Print names and notes. */
	bool itemize; /**< Print changes with the names. */
	FILE *failed; /**< Names of what failed or vanished, each with a NUL, or NULL. */
	int failed_error; /**< 0, or the first -errno of writing to failed. */
	struct log *log; /**< Where all of it goes, too, or NULL. */
	enum lines_job job; /**< What is reported on: with LINES_VERIFY what would be changed are differences. */
	bool stats;   /**< Print all counts at the end. */
	bool quiet;   /**< Print no summary. */
	uint64_t differences;
	int error;    /**< 0, or the first -errno of writing to out. */
	bool json;    /**< On out stand objects, one a line, and nothing else. */
	bool shows;   /**< Show how far it is, each second. */
	struct bar bar; /**< With shows: where. */
	pthread_mutex_t lock; /**< Held for each message: events come from the job's threads, progress from one of
	                           ours. */
};

/** Print one event.  A usync_event_fn; PAYLOAD is the struct report. */
void report_event(const struct usync_event *event, void *payload);

/** A second has passed since BEFORE: show how far it is. */
void report_progress(struct report *report, const struct usync_stats *stats, const struct usync_stats *before);

/** The user asks how far it is: say so on err. */
void report_status(struct report *report, const struct usync_stats *stats);

/** Print what stopped the job, TEXT, or where that is empty the errno of ERROR (negative). */
void report_fatal(struct report *report, const char *text, int error);

/** Print how JOB ended. */
void report_end(struct report *report, const struct usync_job *job, const struct usync_stats *stats,
                enum lines_end end);

/**
 * Flush what was printed to out and say so on err when any of it was lost.
 *
 * @return 0, or the first -errno of writing to out.
 */
int report_finish(struct report *report);

#endif /* US_CLI_REPORT_H */
