/* SPDX-License-Identifier: MIT */
/*
 * uring-sync: the command line program.  It is an ordinary user of the library: of the project's
 * headers it includes <usync.h> and those of base/ only.
 *
 *	main.c          this file: the program's start and end
 *	opts.def        the option table: the one place that says which options there are
 *	opts_table.[ch] the table as data, and what is looked up in it
 *	opts.[ch]       the command line, read into struct opts
 *	opts_net.[ch]   addresses, and what only send and recv take
 *	opts_verbs.[ch] which options a verb takes
 *	opts_help.c     the text of --help
 *	suggest.[ch]    how far a mistyped option is from one that exists
 *	cmd.h           the verbs: one function and one cmd_*.c each
 *	cmd_copy.c      copy on one machine: make the job, run it, report on it
 *	cmd_send.c      copy to another machine, where
 *	cmd_recv.c      this receives it
 *	cmd_keygen.c    a new secret for both
 *	cmd_ssh.c       copy to or from another machine over ssh, whose other end is
 *	cmd_serve.c     this
 *	order.[ch]      what the one tells the other before the copy begins
 *	remote.[ch]     HOST:PATH taken apart
 *	opts_words.[ch] a command line put into words again
 *	sandbox.[ch]    what a receiver leaves in its own reach
 *	outputs.[ch]    whether the files that it is to write can be written
 *	run.[ch]        a job's run, which these have in common
 *	secrets.[ch]    where the secret comes from
 *	report.[ch]     what a copy prints: events and summary
 *	lines.[ch]      events, summary and counts in words; itemize.[ch] in rsync's columns; json.[ch] as objects
 *	log.[ch]        the file of --log-file
 *	watch.[ch]      how far it is, each second or when it is asked for; bar.[ch] the line that says so
 *	signals.[ch]    SIGINT and SIGTERM, which stop what runs; SIGUSR1, which asks
 *	exit.h          the exit statuses
 */
#include "base/us.h"
#include "cli/cmd.h"
#include "cli/exit.h"
#include "cli/opts.h"
#include "cli/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/**
 * Make sure that descriptors 0 to 2 are open: a file of the copy that got one of them would receive
 * our messages.  What was closed is opened the wrong way round, so that using it stays an error.
 */
static int hold_standard_fds(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) < 0) {
			/* The lowest free number is FD, as all below it are open. */
			int flags = fd == STDIN_FILENO ? O_WRONLY : O_RDONLY;
			int ret = us_try(open("/dev/null", flags));

			if (ret < 0) {
				return ret;
			}
		}
	}
	return 0;
}

/** End a run that only printed something: it failed when that did not get out. */
static enum cli_exit finish_stdout(void)
{
	int ret = us_try(fflush(stdout));

	if (ret == 0 && ferror(stdout) != 0) {
		ret = -EIO;
	}
	if (ret < 0) {
		fprintf(stderr, "uring-sync: standard output: %s\n", strerror(-ret));
		return CLI_EXIT_STOPPED;
	}
	return CLI_EXIT_OK;
}

/** What each verb does. */
static enum cli_exit (*const commands[])(const struct opts *opts) = {
	[OPTS_VERB_COPY] = cmd_copy, [OPTS_VERB_VERIFY] = cmd_copy,   [OPTS_VERB_SEND] = cmd_send,
	[OPTS_VERB_RECV] = cmd_recv, [OPTS_VERB_KEYGEN] = cmd_keygen,
	[OPTS_VERB_SERVE] = cmd_serve, [OPTS_VERB_SSH] = cmd_ssh,
};

int main(int argc, char **argv)
{
	enum cli_exit status;
	struct opts opts;

	if (hold_standard_fds() < 0) {
		return CLI_EXIT_STOPPED;
	}
	/* A message goes out in one write, at its newline. */
	setvbuf(stderr, NULL, _IOLBF, 0);
	signals_ignore_write();
	if (opts_parse(&opts, argc, argv, stderr) < 0) {
		opts_free(&opts);
		return CLI_EXIT_USAGE;
	}
	switch (opts.action) {
	case OPTS_HELP:
		opts_help(stdout);
		return (int)finish_stdout();
	case OPTS_VERSION:
		printf("uring-sync %s\n", usync_version());
		return (int)finish_stdout();
	case OPTS_COPY:
		break;
	}
	status = commands[opts.verb](&opts);
	opts_free(&opts);
	return (int)status;
}
