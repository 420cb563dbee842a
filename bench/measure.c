/* SPDX-License-Identifier: MIT */
/*
 * measure: runs a command and writes one line to a file: wall seconds, user seconds, system
 * seconds, peak resident KiB, exit status (128 + the signal when one ended it).
 *
 * A SIGINT or SIGTERM is passed on to the command, and its end awaited, so that whoever stops a
 * measurement knows that nothing holds the file systems any more.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/** The command; read by the signal handler. */
static volatile pid_t command;

/** Pass a signal on. */
static void pass_on(int sig)
{
	(void)sig;
	if (command > 0) {
		kill(command, SIGTERM);
	}
}

/** Seconds on the monotonic clock. */
static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/** A struct timeval in seconds. */
static double seconds(struct timeval tv)
{
	return (double)tv.tv_sec + (double)tv.tv_usec / 1e6;
}

/** Let SIGINT and SIGTERM be handled by HANDLER; a shell may have had SIGINT ignored. */
static void handle(void (*handler)(int))
{
	struct sigaction action = {.sa_handler = handler};

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

/** Start the command; -1 when there can be no new process. */
static pid_t start(char **argv)
{
	pid_t pid = fork();

	if (pid == 0) {
		handle(SIG_DFL);
		execvp(argv[0], argv);
		fprintf(stderr, "measure: %s: %s\n", argv[0], strerror(errno));
		_exit(127);
	}
	return pid;
}

int main(int argc, char **argv)
{
	struct rusage usage;
	double begin, wall;
	int status;
	FILE *out;

	if (argc < 3) {
		fputs("Usage: measure FILE COMMAND [ARGUMENT]...\n", stderr);
		return 2;
	}
	handle(pass_on);
	begin = now();
	command = start(argv + 2);
	if (command < 0) {
		perror("measure: fork");
		return 1;
	}
	while (wait4(command, &status, 0, &usage) < 0) {
		if (errno != EINTR) {
			perror("measure: wait4");
			return 1;
		}
	}
	wall = now() - begin;
	status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	out = fopen(argv[1], "w");
	if (!out) {
		perror(argv[1]);
		return 1;
	}
	fprintf(out, "%.3f %.3f %.3f %ld %d\n", wall, seconds(usage.ru_utime),
	        seconds(usage.ru_stime), usage.ru_maxrss, status);
	return fclose(out) == 0 ? status : 1;
}
