/* SPDX-License-Identifier: MIT */
/*
 * lease [-r] HOW FILE...: take a lease (fcntl(2), F_SETLEASE) on each FILE, say "leased", and then, each time that
 * someone's open(2) is waiting for one, "told FILE".  What comes then is HOW:
 *
 *	MS      a line is added to the file, and MS milliseconds later the lease is given back
 *	touch   it is given back at once, and the file is left as it is
 *	fifo    a FIFO takes the file's place before it is given back
 *	never   it is kept
 *
 * -r takes leases for reading, which only writers have to wait for.  It ends when no lease is left.
 */
#include "tool.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/** Exit code where the file system has no leases. */
#define NO_LEASES 77

/** Take a lease on PATH. @return the descriptor that has it. */
static int take(const char *path, bool reads, int signal)
{
	int fd = must(open(path, (reads ? O_RDONLY : O_RDWR | O_APPEND) | O_CLOEXEC), path);

	must(fcntl(fd, F_SETSIG, signal), "F_SETSIG");
	if (fcntl(fd, F_SETLEASE, reads ? F_RDLCK : F_WRLCK) < 0) {
		if (errno == EINVAL || errno == EOPNOTSUPP || errno == ENOLCK) {
			exit(NO_LEASES);
		}
		die("%s: F_SETLEASE", path);
	}
	return fd;
}

/** Put a FIFO where PATH is. */
static void make_fifo(const char *path)
{
	char *name;

	must(asprintf(&name, "%s.fifo", path), "memory");
	must(mkfifo(name, 0600), name);
	must(rename(name, path), path);
	free(name);
}

/** Do as HOW says with PATH, whose lease FD has. @return true when it was given back. */
static bool answer(const char *how, const char *path, int fd)
{
	long ms = strtol(how, NULL, 10);
	struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	if (strcmp(how, "never") == 0) {
		return false;
	}
	if (strcmp(how, "fifo") == 0) {
		make_fifo(path);
	} else if (strcmp(how, "touch") != 0) {
		must((int)write(fd, "late\n", 5), path);
		nanosleep(&pause, NULL);
	}
	must(close(fd), path);
	return true;
}

int main(int argc, char **argv)
{
	bool reads = argc > 1 && strcmp(argv[1], "-r") == 0;
	const char *how = argv[1 + reads];
	char **paths = &argv[2 + reads];
	int nr = argc - 2 - reads;
	int left = nr;
	siginfo_t info;
	sigset_t set;
	int *fds;

	if (nr < 1) {
		fputs("usage: lease [-r] MS|touch|fifo|never FILE...\n", stderr);
		return TOOL_TROUBLE;
	}
	/* One that queues, and tells the descriptor. */
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fds = must_alloc(calloc((size_t)nr, sizeof(*fds)));
	for (int i = 0; i < nr; i++) {
		fds[i] = take(paths[i], reads, SIGRTMIN);
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	puts("leased");
	while (left > 0) {
		must(sigwaitinfo(&set, &info), "sigwaitinfo");
		for (int i = 0; i < nr; i++) {
			if (fds[i] == info.si_fd) {
				printf("told %s\n", paths[i]);
				left -= answer(how, paths[i], fds[i]);
			}
		}
	}
	free(fds);
	return 0;
}
