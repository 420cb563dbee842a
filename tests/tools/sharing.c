/* SPDX-License-Identifier: MIT */
/*
 * sharing: copy a tree and count what is written to cache lines that several workers write to (lines.h).
 *
 *	sharing [-v] null|local SOURCE DESTINATION WORKERS
 *
 * Prints "files N directories N writes N shared N locks N"; -v: and where in the code most of the shared ones are.
 * null: nothing is written to DESTINATION but its root.
 */
#include "tool.h"

#include "../../bench/null_sink.h"
#include "core/job.h"
#include "lines.h"
#include "usync.h"

#include <stdbool.h>

/** Nothing may fail here. */
static void on_event(const struct usync_event *event, void *payload)
{
	(void)payload;
	if (event->type == USYNC_EVENT_FAILED) {
		die("%s: %s", event->path, event->what);
	}
}

int main(int argc, char **argv)
{
	bool verbose = argc == 6 && strcmp(argv[1], "-v") == 0;
	char **arg = argv + (verbose ? 2 : 1);
	struct usync_options options = USYNC_OPTIONS_INIT;
	struct usync_job *job;
	struct usync_stats stats;
	struct lines_total total;

	if (argc != (verbose ? 6 : 5)) {
		die("usage: sharing [-v] null|local SOURCE DESTINATION WORKERS");
	}
	options.jobs = (unsigned int)atoi(arg[3]);
	options.reflink = USYNC_REFLINK_NEVER;
	options.event = on_event;
	if (usync_job_new(&job, &options, (const char *const *)&arg[1], 1, arg[2]) < 0) {
		die("job");
	}
	if (strcmp(arg[0], "null") == 0) {
		job->sink = &null_sink;
	}
	lines_start();
	if (usync_job_start(job) < 0 || usync_job_wait(job) < 0) {
		die("copy: %s", usync_job_error(job));
	}
	total = lines_stop();
	usync_job_stats(job, &stats);
	printf("files %llu directories %llu writes %llu shared %llu locks %llu\n", (unsigned long long)stats.files,
	       (unsigned long long)stats.directories, (unsigned long long)total.writes,
	       (unsigned long long)total.shared_writes, (unsigned long long)total.locks);
	if (verbose) {
		lines_print(60);
	}
	usync_job_free(job);
	return 0;
}
