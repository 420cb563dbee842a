/* SPDX-License-Identifier: MIT */
/*
 * scale: files a second that the engine takes from SOURCE when nothing has to be written, by worker threads.
 *
 *	scale SOURCE ROUNDS JOBS...
 *
 * Reads SOURCE once to have it cached, then ROUNDS times with each number of JOBS in turn; prints "jobs J files F
 * rate MEDIAN min MIN max MAX" in files a second.
 */
#include "core/job.h"
#include "null_sink.h"
#include "usync.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ROUNDS_MAX 101

/** Read all of SOURCE with JOBS workers.  @return files a second. */
static double run(const char *source, unsigned int jobs, unsigned long long *files)
{
	char destination[] = "/tmp/uring-sync-scale-XXXXXX";
	struct usync_options options = USYNC_OPTIONS_INIT;
	struct usync_stats stats;
	struct usync_job *job;

	options.jobs = jobs;
	options.reflink = USYNC_REFLINK_NEVER;
	if (mkdtemp(destination) == NULL || usync_job_new(&job, &options, &source, 1, destination) < 0) {
		perror(destination);
		exit(1);
	}
	job->sink = &null_sink;
	if (usync_job_start(job) < 0 || usync_job_wait(job) < 0) {
		fprintf(stderr, "scale: %s\n", usync_job_error(job));
		exit(1);
	}
	usync_job_stats(job, &stats);
	usync_job_free(job);
	rmdir(destination);
	if (stats.failed > 0 || stats.vanished > 0 || stats.files == 0) {
		fprintf(stderr, "scale: not all could be read\n");
		exit(1);
	}
	*files = stats.files;
	return (double)stats.files * 1e9 / (double)stats.elapsed_ns;
}

/** Order of two rates for qsort(3). */
static int compare(const void *left, const void *right)
{
	const double *a = left;
	const double *b = right;

	return (*a > *b) - (*a < *b);
}

int main(int argc, char **argv)
{
	static double rates[64][ROUNDS_MAX];
	int rounds = argc > 3 ? atoi(argv[2]) : 0;
	unsigned long long files = 0;

	if (rounds < 1 || rounds > ROUNDS_MAX || argc - 3 > 64) {
		fprintf(stderr, "usage: scale SOURCE ROUNDS JOBS...\n");
		return 2;
	}
	run(argv[1], 2, &files);
	for (int round = 0; round < rounds; round++) {
		for (int i = 3; i < argc; i++) {
			rates[i - 3][round] = run(argv[1], (unsigned int)atoi(argv[i]), &files);
		}
	}
	for (int i = 3; i < argc; i++) {
		qsort(rates[i - 3], (size_t)rounds, sizeof(double), compare);
		printf("jobs %s files %llu rate %.0f min %.0f max %.0f\n", argv[i], files, rates[i - 3][rounds / 2],
		       rates[i - 3][0], rates[i - 3][rounds - 1]);
	}
	return 0;
}
