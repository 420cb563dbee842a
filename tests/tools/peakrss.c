/* SPDX-License-Identifier: MIT */
/*
 * peakrss: run a command and write the most memory it had resident, in KiB, to a file.
 *
 *	peakrss FILE COMMAND [ARGUMENT]...
 *
 * Exits as the command did.
 */
#include "tool.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct rusage usage;
	int status;
	FILE *out;
	pid_t child;

	if (argc < 3) {
		die("usage: peakrss FILE COMMAND [ARGUMENT]...");
	}
	child = must(fork(), "fork");
	if (child == 0) {
		execvp(argv[2], &argv[2]);
		die("%s", argv[2]);
	}
	must(wait4(child, &status, 0, &usage), "wait4");
	out = fopen(argv[1], "we");
	if (out == NULL || fprintf(out, "%ld\n", usage.ru_maxrss) < 0 || fclose(out) != 0) {
		die("%s", argv[1]);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
