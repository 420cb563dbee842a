/* SPDX-License-Identifier: MIT */
/*
 * The other end of cmd_ssh.c: started by ssh, with the connection on its standard streams.
 *
 * It is told what to do by who may log in as this user, and does that with this user's rights.  Its own messages go to
 * standard error, which ssh brings to where the other one prints; so it has none about what the other one prints
 * itself.
 */
#include "cli/cmd.h"
#include "cli/order.h"
#include "cli/run.h"
#include "cli/sandbox.h"
#include "cli/signals.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/** Stop the job. */
static void cancel(void *payload)
{
	usync_job_cancel(payload);
}

/**
 * "~" and "~/..." are below the home directory, as a shell would have it; the rest of what a shell does is not done.
 */
static char *expand(const char *path)
{
	const char *home = getenv("HOME");
	char *expanded = NULL;

	if (home == NULL || path[0] != '~' || (path[1] != '/' && path[1] != '\0')) {
		return strdup(path);
	}
	return asprintf(&expanded, "%s%s", home, path + 1) >= 0 ? expanded : NULL;
}

/** The job. */
static int new_job(struct usync_job **job, const struct opts *opts, struct report *report, struct usync_peer *peer)
{
	struct usync_options options = run_options(report, opts);

	options.report_copied = false;
	options.peer_reports = true;
	if (opts->verb == OPTS_VERB_RECV) {
		options.trust_peer = true; /* It is the same person, on both sides. */
		return usync_job_new_recv(job, &options, peer, opts->destination);
	}
	return usync_job_new_send(job, &options, (const char *const *)opts->sources, opts->nr_sources, peer);
}

/** Do what was ordered. */
static enum cli_exit serve(const struct opts *opts, struct report *report)
{
	struct signals_target target = {.stop = cancel};
	struct usync_peer *peer;
	struct usync_job *job;
	enum cli_exit status;
	int ret;

	if (opts->verb == OPTS_VERB_RECV) {
		sandbox_enter(opts, report);
	}
	ret = usync_peer_stdio(&peer, STDIN_FILENO, STDOUT_FILENO, "the other side", opts->timeout);
	if (ret < 0) {
		report_fatal(report, "", ret);
		return CLI_EXIT_STOPPED;
	}
	ret = new_job(&job, opts, report, peer);
	if (ret < 0) {
		report_fatal(report, "", ret);
		status = CLI_EXIT_STOPPED;
	} else {
		target.payload = job;
		signals_attach(&target);
		status = run_job(report, job, NULL);
		signals_detach();
		usync_job_free(job);
	}
	usync_peer_free(peer);
	return status;
}

/** Expand the paths of the order, which stand behind its "--". */
static int expand_paths(struct opts_words *words)
{
	bool behind = false;

	for (size_t i = 0; i < words->nr; i++) {
		if (behind) {
			char *path = expand(words->words[i]);

			if (path == NULL) {
				return -ENOMEM;
			}
			free(words->words[i]);
			words->words[i] = path;
		}
		behind = behind || strcmp(words->words[i], "--") == 0;
	}
	return 0;
}

/** The list of names goes to the options; the mark in front of it says that there is one. */
static void take_files(struct opts *opts, struct opts_words *files)
{
	if (files->nr == 0) {
		return;
	}
	free(files->words[0]);
	memmove(files->words, files->words + 1, files->nr * sizeof(*files->words));
	opts->files = files->words;
	opts->job.files = (const char *const *)files->words;
	opts->job.nr_files = files->nr - 1;
	opts->job.only_files = true;
	*files = (struct opts_words){0};
}

/**
 * Read the order as a command line: ARGV, to be freed after OPTS.  It is not WORDS itself, for parsing moves operands
 * to the front and so leaves some words in it twice and others not at all.
 */
static int read_order(struct opts *opts, struct opts_words *words, struct opts_words *files, char ***argv)
{
	int ret = order_read(STDIN_FILENO, words, files);

	if (ret == 0) {
		ret = expand_paths(words);
	}
	if (ret == 0) {
		*argv = calloc(words->nr + 1, sizeof(**argv));
		ret = *argv != NULL ? 0 : -ENOMEM;
	}
	if (ret < 0) {
		fprintf(stderr, "uring-sync: serve: %s\n",
		        ret == -EPROTO ? "this verb is for the other end of ssh only" : strerror(-ret));
		return ret;
	}
	for (size_t i = 0; i < words->nr; i++) {
		(*argv)[i] = words->words[i];
	}
	ret = opts_parse_served(opts, (int)words->nr, *argv, stderr);
	if (ret == 0 && opts->verb != OPTS_VERB_SEND && opts->verb != OPTS_VERB_RECV) {
		ret = -EINVAL;
	}
	if (ret == 0) {
		take_files(opts, files);
	}
	return ret;
}

enum cli_exit cmd_serve(const struct opts *outer)
{
	struct opts_words words = {0};
	struct opts_words files = {0};
	struct report report;
	struct opts opts;
	char **argv = NULL;
	enum cli_exit status;
	int ret = order_greet(STDOUT_FILENO);

	(void)outer;
	if (ret < 0) {
		fprintf(stderr, "uring-sync: standard output: %s\n", strerror(-ret));
		return CLI_EXIT_STOPPED;
	}
	opts = (struct opts){0};
	ret = read_order(&opts, &words, &files, &argv);
	if (ret < 0) {
		opts_free(&opts);
		free(argv);
		opts_words_free(&words);
		opts_words_free(&files);
		return CLI_EXIT_USAGE;
	}
	opts.quiet = true;
	status = run_open(&report, &opts);
	report.out = stderr;
	report.itemize = false;
	if (status == CLI_EXIT_OK) {
		status = serve(&opts, &report);
	}
	status = run_close(&report, &opts, status);
	opts_free(&opts);
	free(argv);
	opts_words_free(&words);
	opts_words_free(&files);
	return status;
}
