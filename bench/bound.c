/* SPDX-License-Identifier: MIT */
/*
 * bound: the least that a part of a copy costs this kernel.
 *
 *	bound read SOURCE            list the directories; open, read and close each regular file
 *	bound make SOURCE TARGET     make directories and files of the same names and sizes: create, write, close
 *	bound clone SOURCE TARGET    list and make the directories; open, create, FICLONE, close both
 *	bound stat SOURCE TARGET     list the source's directories; one statx for each name on either side
 *	bound replace SOURCE TARGET  the same, and where size or mtime differ create, write, close, rename over
 *
 * Each does that and nothing else, in several threads.  What make has to know of SOURCE it finds out before its time
 * begins; in all other modes the walk counts, for whoever reads or compares a tree has to list it, too.  Prints the
 * seconds (bound_s), the processor time in them (cpu_s), and how much was done.
 */
#include "bound.h"

#include "tree.h"

#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct mode {
	const char *name;
	void (*run)(int source, int target);
	bool has_target;
	bool makes_target;
};

static const struct mode modes[] = {
	{"read", bound_read, false, false}, {"make", bound_make, true, true},
	{"clone", bound_clone, true, true}, {"stat", bound_stat, true, false},
	{"replace", bound_replace, true, false},
};

struct bound_options options = {.threads = 6, .batch = 64};
atomic_ulong files_nr, bytes_nr, dirs_nr, others_nr;
static double wall_s, cpu_s;

/** What is written, in writes of that size: small enough to stay in the processor's cache. */
static char data[256u << 10];

/** Seconds on the monotonic clock. */
static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/** Seconds of processor time of this process. */
static double cpu_now(void)
{
	struct rusage use;

	getrusage(RUSAGE_SELF, &use);
	return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
	       (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
}

void clock_start(void)
{
	wall_s = now();
	cpu_s = cpu_now();
}

void clock_stop(void)
{
	wall_s = now() - wall_s;
	cpu_s = cpu_now() - cpu_s;
}

void write_bytes(int fd, uint64_t size, const char *name)
{
	while (size > 0) {
		ssize_t n = write(fd, data, size < sizeof(data) ? (size_t)size : sizeof(data));

		if (n <= 0) {
			fail("write", name);
		}
		size -= (uint64_t)n;
	}
}

/** Say how the program is used, and end it. */
static _Noreturn void usage(void)
{
	fputs("Usage: bound [-t THREADS] [-b BATCH] [-m] read SOURCE\n"
	      "       bound [-t THREADS] [-m] make|clone|stat|replace SOURCE TARGET\n"
	      "  -t THREADS  1 to 64 (default 6)\n"
	      "  -b BATCH    read: files read by one call, on a ring; 0: by plain calls (default 64, at most 1024)\n"
	      "  -m          make: set each file's times, too\n",
	      stderr);
	exit(2);
}

/** The value of an option, at most MAX. */
static unsigned number(const char *text, unsigned long max)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (end == text || *end || value > max) {
		usage();
	}
	return (unsigned)value;
}

/** The mode of that name. */
static const struct mode *find_mode(const char *name)
{
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (name && strcmp(name, modes[i].name) == 0) {
			return &modes[i];
		}
	}
	usage();
}

int main(int argc, char **argv)
{
	const struct mode *mode;
	int target = -1;
	int opt;

	while ((opt = getopt(argc, argv, "t:b:m")) != -1) {
		if (opt == 't') {
			options.threads = number(optarg, THREADS_MAX);
		} else if (opt == 'b') {
			options.batch = number(optarg, 1024);
		} else if (opt == 'm') {
			options.times = true;
		} else {
			usage();
		}
	}
	mode = find_mode(argv[optind]);
	if (argc - optind != (mode->has_target ? 3 : 2) || options.threads == 0) {
		usage();
	}
	if (mode->makes_target && mkdir(argv[optind + 2], 0755) != 0) {
		fail("mkdir", argv[optind + 2]);
	}
	if (mode->has_target) {
		target = open_dir(AT_FDCWD, argv[optind + 2]);
	}
	memset(data, 0xa5, sizeof(data));
	mode->run(open_dir(AT_FDCWD, argv[optind + 1]), target);
	printf("bound_s=%.3f cpu_s=%.3f files=%lu bytes=%lu dirs=%lu others=%lu threads=%u\n", wall_s, cpu_s, files_nr,
	       bytes_nr, dirs_nr, others_nr, options.threads);
	return 0;
}
