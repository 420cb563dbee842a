/* SPDX-License-Identifier: MIT */
/* A semaphore wakes the thread: sem_post() is the one such call that a signal handler may make. */
#include "cli/watch.h"

#include "base/thread.h"

#include <errno.h>
#include <time.h>

/** Wait until the thread has something to do.  @return false when that is to end. */
static bool wait_for_work(struct watch *watch, struct timespec *next)
{
	int ret;

	do {
		ret = watch->ticks ? sem_clockwait(&watch->wake, CLOCK_MONOTONIC, next) : sem_wait(&watch->wake);
	} while (ret < 0 && errno == EINTR);
	return !atomic_load(&watch->ends);
}

/** The thread. */
static void *run(void *arg)
{
	struct watch *watch = arg;
	struct timespec next;
	struct usync_stats stats;
	struct usync_stats before = {0}; /* Not the report's, for a receiver has one of several jobs. */

	clock_gettime(CLOCK_MONOTONIC, &next);
	next.tv_sec++;
	while (wait_for_work(watch, &next)) {
		struct timespec now;

		usync_job_stats(watch->job, &stats);
		if (atomic_exchange(&watch->asked, false)) {
			report_status(watch->report, &stats);
		}
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (watch->ticks &&
		    (now.tv_sec > next.tv_sec || (now.tv_sec == next.tv_sec && now.tv_nsec >= next.tv_nsec))) {
			report_progress(watch->report, &stats, &before);
			before = stats;
			next.tv_sec = now.tv_sec + 1;
			next.tv_nsec = now.tv_nsec;
		}
	}
	return NULL;
}

void watch_start(struct watch *watch, struct usync_job *job, struct report *report)
{

	*watch = (struct watch){.job = job, .report = report, .ticks = report->shows || report->json};
	if (sem_init(&watch->wake, 0, 0) < 0) {
		return;
	}
	watch->is_running = us_thread_start(&watch->thread, run, watch) == 0;
}

void watch_ask(struct watch *watch)
{
	atomic_store(&watch->asked, true);
	sem_post(&watch->wake);
}

void watch_stop(struct watch *watch)
{
	if (watch->is_running) {
		atomic_store(&watch->ends, true);
		sem_post(&watch->wake);
		pthread_join(watch->thread, NULL);
		watch->is_running = false;
	}
	sem_destroy(&watch->wake);
}
