/* SPDX-License-Identifier: MIT */
/*
 * An open with O_NONBLOCK asks the holder of a lease to give it back, and answers EAGAIN at once.  One without would
 * wait for that in the kernel, where no request to stop reaches it; and where a FIFO has taken the file's place between
 * the two, it would wait for a writer, for ever.  So the first one is made again until the lease is gone.
 */
#include "core/lease.h"

#include "base/clock.h"
#include "base/us.h"
#include "core/job.h"
#include "core/report.h"
#include "sys/call.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

/** Between two tries: most holders answer at once, and a request to stop is to be seen soon. */
#define NAP_FIRST_NS (US_SECOND_NS / 1000)
#define NAP_MAX_NS (US_SECOND_NS / 20)

/** A server of NFS takes a client's delegation away by itself: after 90 s by default, looked at as often as that. */
#define SERVER_SECONDS 180u

/** Whoever looks what the run is waiting for finds it said after so long. */
#define TOLD_NS US_SECOND_NS

/** And the one who takes it away may be late. */
#define GRACE_SECONDS 5u

/**
 * How long to wait: the kernel takes a lease away after this time of its own (0: never), which began at the first try.
 */
static uint64_t longest_wait_ns(void)
{
	FILE *file = fopen("/proc/sys/fs/lease-break-time", "re");
	unsigned int seconds = 0;

	if (file != NULL) {
		if (fscanf(file, "%u", &seconds) != 1) {
			seconds = 0;
		}
		fclose(file);
	}
	return ((uint64_t)us_max(seconds, SERVER_SECONDS) + GRACE_SECONDS) * US_SECOND_NS;
}

/** PATH is leased since a moment ago: try until it can be opened.  @return as us_lease_open(). */
static int wait_open(struct usync_job *job, int dirfd, const char *path, int flags, mode_t mode)
{
	uint64_t begun = us_clock_ns();
	uint64_t end = begun + longest_wait_ns();
	uint64_t nap = NAP_FIRST_NS;
	bool told = false;
	int fd = -EAGAIN;

	while (fd == -EAGAIN && us_clock_ns() < end) {
		if (us_job_stopping(job)) {
			return -ECANCELED;
		}
		if (!told && us_clock_ns() - begun > TOLD_NS) {
			us_report_note(job, "waiting for who has a lease on %s", path);
			told = true;
		}
		nanosleep(&(struct timespec){.tv_nsec = (long)nap}, NULL);
		nap = us_min(nap * 2, NAP_MAX_NS);
		fd = us_openat(dirfd, path, flags, mode);
	}
	return fd;
}

int us_lease_open(struct usync_job *job, int dirfd, const char *path, int flags, mode_t mode)
{
	int all = flags | O_NONBLOCK | O_NOCTTY;
	int fd = us_openat(dirfd, path, all, mode);

	return fd != -EAGAIN ? fd : wait_open(job, dirfd, path, all, mode);
}
