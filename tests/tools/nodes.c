/* SPDX-License-Identifier: MIT */
/*
 * nodes: copy a tree with pinned workers and tell on which NUMA nodes the pages of each lie.
 *
 *	nodes SOURCE DESTINATION WORKERS
 *
 * Prints a line for each worker: "N cpu C node M files HERE ELSEWHERE buffers HERE ELSEWHERE", pages on its own node
 * and on others as move_pages(2) tells.  Looks at them when an entry is reported for the last time, while the workers
 * are there still.
 */
#include "tool.h"

#include "core/job.h"
#include "core/worker.h"
#include "sys/cpus.h"
#include "usync.h"

#include <sys/syscall.h>
#include <unistd.h>

/** Pages asked about in one call. */
#define PAGES 512

/** Add the pages of SIZE bytes from START on, those that were touched, to COUNT: on NODE, elsewhere. */
static void count_pages(char *start, size_t size, int node, unsigned long count[2])
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *pages[PAGES];
	int status[PAGES];

	for (size_t at = 0; at < size;) {
		unsigned long nr = 0;

		for (; nr < PAGES && at < size; nr++, at += page) {
			pages[nr] = start + at;
		}
		must((int)syscall(SYS_move_pages, 0, nr, pages, NULL, status, 0), "move_pages");
		for (unsigned long i = 0; i < nr; i++) {
			if (status[i] >= 0) {
				count[status[i] != node]++;
			}
		}
	}
}

/** Print where WORKER's pages are. */
static void tell(const struct usync_job *job, const struct us_worker *worker)
{
	const struct us_cpu *cpu = &job->cpus[worker->id % job->nr_cpus];
	unsigned long files[2] = {0};
	unsigned long buffers[2] = {0};

	count_pages((char *)worker->files, job->depth * sizeof(struct us_file), (int)cpu->node, files);
	count_pages(worker->bufs.slab, worker->bufs.size, (int)cpu->node, buffers);
	printf("%u cpu %u node %u files %lu %lu buffers %lu %lu\n", worker->id, cpu->number, cpu->node, files[0],
	       files[1], buffers[0], buffers[1]);
}

/** The root comes last of all entries: everything else is complete by then. */
static void on_event(const struct usync_event *event, void *payload)
{
	const struct usync_job *job = *(struct usync_job **)payload;

	if (event->type == USYNC_EVENT_COPIED && event->name[0] == '\0') {
		for (unsigned int i = 0; i < job->nr_workers; i++) {
			tell(job, &job->workers[i]);
		}
	} else if (event->type == USYNC_EVENT_FAILED) {
		die("%s", event->what);
	}
}

int main(int argc, char **argv)
{
	static struct usync_job *job;
	struct usync_options options = USYNC_OPTIONS_INIT;

	if (argc != 4) {
		die("usage: nodes SOURCE DESTINATION WORKERS");
	}
	options.jobs = (unsigned int)atoi(argv[3]);
	options.pin = true;
	options.report_copied = true;
	options.event = on_event;
	options.payload = &job;
	if (usync_job_new(&job, &options, (const char *const *)&argv[1], 1, argv[2]) < 0 || usync_job_start(job) < 0 ||
	    usync_job_wait(job) < 0) {
		die("copy");
	}
	usync_job_free(job);
	return 0;
}
