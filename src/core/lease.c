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

int us_lease_open(const struct usync_job *job, int dirfd, const char *path, int flags, mode_t mode)
{
	int fd = us_openat(dirfd, path, flags | O_NONBLOCK | O_NOCTTY, mode);
	uint64_t nap = NAP_FIRST_NS;
	uint64_t end;

	if (fd != -EAGAIN) {
		return fd;
	}
	end = us_clock_ns() + longest_wait_ns();
	while (fd == -EAGAIN && us_clock_ns() < end) {
		if (us_job_stopping(job)) {
			return -ECANCELED;
		}
		nanosleep(&(struct timespec){.tv_nsec = (long)nap}, NULL);
		nap = us_min(nap * 2, NAP_MAX_NS);
		fd = us_openat(dirfd, path, flags | O_NONBLOCK | O_NOCTTY, mode);
	}
	return fd;
}
