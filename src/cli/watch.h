/* SPDX-License-Identifier: MIT */
/**
 * @file watch.h
 * A thread that tells how far a job is, each second or when it is asked to.
 */
#ifndef US_CLI_WATCH_H
#define US_CLI_WATCH_H

#include "cli/report.h"

#include <usync.h>

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>

struct watch {
	struct usync_job *job;
	struct report *report;
	bool ticks;         /**< Each second, too. */
	sem_t wake;
	atomic_bool asked;
	atomic_bool ends;
	pthread_t thread;
	bool is_running;
};

/** Watch JOB for REPORT until watch_stop(); both are borrowed.  Without a thread nothing is told. */
void watch_start(struct watch *watch, struct usync_job *job, struct report *report);

/** Ask for a line about how far it is.  May be called from a signal handler. */
void watch_ask(struct watch *watch);

/** Let the thread end. */
void watch_stop(struct watch *watch);

#endif /* US_CLI_WATCH_H */
