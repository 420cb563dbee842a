/* SPDX-License-Identifier: MIT */
/*
 * The copy over ssh: this program starts its like on the other machine, whose standard streams are the connection.
 *
 *	uring-sync ── pipe ── ssh ── network ── sshd ── pipe ── uring-sync serve
 *
 * The other one greets, is told what to do (order.h), and from then on it is a transfer like any other.  ssh keeps
 * strangers away, so no secret is needed; what it prints itself, it prints where this program does.
 */
#include "base/quote.h"
#include "base/us.h"
#include "cli/cmd.h"
#include "cli/order.h"
#include "cli/remote.h"
#include "cli/run.h"
#include "cli/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/** The words of --rsh, and those behind them. */
#define WORDS_MAX 64

/**
 * Where nothing came of it: the time for ssh to end by itself, and again when told to; how often that is looked for.
 */
#define GRACE_MS 3000u
#define LOOK_MS 20u

/** ssh, and what is going on over it. */
struct session {
	const struct opts *opts;
	struct report *report;
	char *host;
	bool sends;                      /**< This side does. */
	int to;                          /**< ssh's standard input. */
	int from;                        /**< Its standard output. */
	pid_t pid;
	_Atomic(struct usync_job *) job; /**< Once there is one. */
	atomic_bool greeted;             /**< Until then a signal ends ssh. */
};

extern char **environ;

/** Stop it. */
static void stop(void *payload)
{
	struct session *session = payload;
	struct usync_job *job = atomic_load(&session->job);

	if (job != NULL) {
		usync_job_cancel(job);
	}
	if (!atomic_load(&session->greeted)) {
		kill(session->pid, SIGTERM); /* It may be asking for a password. */
	}
}

/** Print what went wrong with the other machine. */
static enum cli_exit fail(const struct session *session, const char *text, const char *detail)
{
	char line[1024];
	char quoted[512];

	us_quote(quoted, sizeof(quoted), detail);
	snprintf(line, sizeof(line), "%s: %s%s%s%s", session->host, text, detail[0] != '\0' ? " '" : "", quoted,
	         detail[0] != '\0' ? "'" : "");
	report_fatal(session->report, line, 0);
	return CLI_EXIT_STOPPED;
}

/** Two pipes to a child, that are closed on exec. */
static int make_pipes(int in[2], int out[2])
{
	int ret = us_try(pipe2(in, O_CLOEXEC));

	if (ret == 0) {
		ret = us_try(pipe2(out, O_CLOEXEC));
		if (ret < 0) {
			close(in[0]);
			close(in[1]);
		}
	}
	return ret;
}

/** Start ssh. @return 0 or a negative errno. */
static int spawn(struct session *session, char **words)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t defaults;
	int in[2];
	int out[2];
	int ret = make_pipes(in, out);

	if (ret < 0) {
		return ret;
	}
	sigemptyset(&defaults);
	sigaddset(&defaults, SIGPIPE); /* This program ignores it; ssh shall not. */
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setsigdefault(&attributes, &defaults);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
	posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
	ret = -posix_spawnp(&session->pid, words[0], &actions, &attributes, words, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	close(in[0]);
	close(out[1]);
	if (ret < 0) {
		close(in[1]);
		close(out[0]);
		return ret;
	}
	session->to = in[1];
	session->from = out[0];
	return 0;
}

/** Start ssh with the words of --rsh, the host, and what is to run there. */
static enum cli_exit start(struct session *session)
{
	const char *rsh = session->opts->rsh != NULL ? session->opts->rsh : "ssh";
	const char *path = session->opts->remote_path != NULL ? session->opts->remote_path : "uring-sync";
	char *words[WORDS_MAX + 3];
	char *copy = malloc(strlen(rsh) + 1);
	char *command = NULL;
	enum cli_exit status = CLI_EXIT_OK;
	int nr = copy != NULL ? remote_split(rsh, copy, words, WORDS_MAX) : -ENOMEM;

	if (nr > 0 && asprintf(&command, "%s serve", path) < 0) {
		command = NULL;
		nr = -ENOMEM;
	}
	if (nr < 0) {
		status =
			fail(session, nr == -EINVAL ? "--rsh is no command:" : strerror(-nr), nr == -EINVAL ? rsh : "");
	} else {
		words[nr] = session->host;
		words[nr + 1] = command;
		words[nr + 2] = NULL;
		nr = spawn(session, words);
		if (nr < 0) {
			char text[128];

			snprintf(text, sizeof(text),
			         "the program that reaches it can't be started: %s:", strerror(-nr));
			status = fail(session, text, words[0]);
		}
	}
	free(command);
	free(copy);
	return status;
}

/** Wait for ssh's end, for so many milliseconds. @return whether that has come. */
static bool await(const struct session *session, unsigned int ms, int *status)
{
	const struct timespec pause = {.tv_nsec = LOOK_MS * 1000000};
	pid_t pid;

	while ((pid = waitpid(session->pid, status, WNOHANG)) == 0 || (pid < 0 && errno == EINTR)) {
		if (ms < LOOK_MS) {
			return false;
		}
		ms -= LOOK_MS;
		nanosleep(&pause, NULL);
	}
	return true;
}

/** Give ssh time to end, then tell it to, and in the end kill it. @return whether it has ended, and STATUS is known. */
static bool ends_soon(const struct session *session, int *status)
{
	if (await(session, GRACE_MS, status)) {
		return true;
	}
	kill(session->pid, SIGTERM);
	if (await(session, GRACE_MS, status)) {
		return true;
	}
	kill(session->pid, SIGKILL);
	return false;
}

/**
 * Wait for ssh's end, without end where all went WELL: it is about to come.  Else the other machine may be gone, or
 * what was started there stand still, and ssh would wait for that as long.
 *
 * @return its exit status, or 128 and a signal's number.
 */
static int reap(struct session *session, bool well)
{
	int status = 0;

	if (session->to >= 0) {
		close(session->to);
		close(session->from);
	}
	if (well || !ends_soon(session, &status)) {
		while (waitpid(session->pid, &status, 0) < 0 && errno == EINTR) {
		}
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/** Say why no greeting came. */
static enum cli_exit explain(struct session *session, int error, const char *other)
{
	char text[128];
	int status;

	if (error == -EPROTO && other[0] != '\0') {
		kill(session->pid, SIGTERM);
		reap(session, false);
		return fail(session, "something else is printed there before uring-sync greets:", other);
	}
	status = reap(session, true);
	if (signals_caught() != 0) {
		return run_interrupted();
	}
	switch (status) {
	case 255: /* Of ssh itself, which has said why. */
		return fail(session, "ssh has failed", "");
	case 126:
	case 127:
		return fail(session, "there is no uring-sync that can be run (--remote-path says where one is):",
		            session->opts->remote_path != NULL ? session->opts->remote_path : "uring-sync");
	default:
		snprintf(text, sizeof(text),
		         "what was started there is no uring-sync of this version (%s); its exit status is %d",
		         usync_version(), status);
		return fail(session, text, "");
	}
}

/** Hear the greeting. */
static enum cli_exit greet(struct session *session)
{
	char version[ORDER_VERSION_MAX];
	char other[ORDER_VERSION_MAX];
	int ret = order_greeted(session->from, version, other);

	if (ret < 0) {
		return explain(session, ret, other);
	}
	atomic_store(&session->greeted, true);
	if (strcmp(version, usync_version()) != 0) {
		char text[128];

		reap(session, false);
		snprintf(text, sizeof(text), "uring-sync is version %.40s there, and %s here", version,
		         usync_version());
		return fail(session, text, "");
	}
	return CLI_EXIT_OK;
}

/** Tell it what to do. */
static int give_order(struct session *session, const char *const *paths, size_t nr)
{
	const struct opts *opts = session->opts;
	struct opts_words words = {0};
	struct opts_words files = {0};
	int ret = opts_words_add(&words, "uring-sync");

	if (ret == 0) {
		ret = opts_words_add(&words, session->sends ? "recv" : "send");
	}
	if (ret == 0) {
		ret = opts_words_of(&words, opts, session->sends);
	}
	if (ret == 0) {
		ret = opts_words_add(&words, "--");
	}
	for (size_t i = 0; i < nr && ret == 0; i++) {
		ret = opts_words_add(&words, "%s", paths[i]);
	}
	/* An empty name first: there is a list, though it may have none. */
	if (ret == 0 && !session->sends && opts->job.only_files) {
		ret = opts_words_add(&files, "%s", "");
	}
	for (size_t i = 0; i < opts->job.nr_files && !session->sends && ret == 0; i++) {
		ret = opts_words_add(&files, "%s", opts->files[i]);
	}
	if (ret == 0) {
		ret = order_write(session->to, &words, &files);
	}
	opts_words_free(&words);
	opts_words_free(&files);
	return ret;
}

/** This side's job. */
static int new_job(struct session *session, struct usync_job **job, struct usync_peer *peer)
{
	const struct opts *opts = session->opts;
	struct usync_options options = run_options(session->report, opts);

	if (session->sends) {
		/* The receiver's, who was told of them. */
		options.link_dests = NULL;
		options.nr_link_dests = 0;
		options.temp_dir = NULL;
		options.journal = NULL;
		return usync_job_new_send(job, &options, (const char *const *)opts->sources, opts->nr_sources, peer);
	}
	options.files = NULL;
	options.nr_files = 0;
	options.only_files = false;
	options.ordered = true;
	return usync_job_new_recv(job, &options, peer, opts->destination);
}

/** Run it. */
static enum cli_exit transfer(struct session *session)
{
	struct usync_peer *peer;
	struct usync_job *job = NULL;
	enum cli_exit status = CLI_EXIT_STOPPED;
	int ret = usync_peer_stdio(&peer, session->from, session->to, session->host, session->opts->timeout);

	if (ret == 0) {
		ret = new_job(session, &job, peer);
		if (ret < 0) {
			usync_peer_free(peer);
		}
	}
	if (ret < 0) {
		report_fatal(session->report, "", ret);
		return status;
	}
	atomic_store(&session->job, job);
	if (signals_caught() != 0) {
		usync_job_cancel(job);
	}
	status = run_job(session->report, job, NULL);
	atomic_store(&session->job, NULL);
	usync_job_free(job);
	usync_peer_free(peer);
	return status;
}

/** From the start of ssh to its end. */
static enum cli_exit run(struct session *session, const char *const *paths, size_t nr)
{
	struct signals_target target = {stop, session};
	enum cli_exit status = start(session);
	int other;
	int ret;

	if (status != CLI_EXIT_OK) {
		return status;
	}
	signals_attach(&target);
	status = greet(session);
	if (status == CLI_EXIT_OK) {
		ret = give_order(session, paths, nr);
		status = ret < 0 ? fail(session, strerror(-ret), "") : transfer(session);
		other = reap(session,
		             status == CLI_EXIT_OK || (status >= CLI_EXIT_PARTIAL && status <= CLI_EXIT_MAX_DELETE));
		/* What failed over there alone: its entries, which it has told of. */
		if (status == CLI_EXIT_OK && other >= CLI_EXIT_PARTIAL && other <= CLI_EXIT_MAX_DELETE) {
			status = (enum cli_exit)other;
		}
	}
	signals_detach();
	return status;
}

enum cli_exit cmd_ssh(const struct opts *opts)
{
	struct report report;
	struct session session = {
		.opts = opts, .report = &report, .to = -1, .from = -1, .sends = remote_is(opts->destination)};
	enum cli_exit status = run_open(&report, opts);
	size_t nr = session.sends ? 1 : opts->nr_sources;
	const char **paths = calloc(nr, sizeof(*paths));
	struct remote remote = {0};
	const char *why;

	if (paths == NULL) {
		report_fatal(&report, "", -ENOMEM);
		status = CLI_EXIT_STOPPED;
	}
	for (size_t i = 0; status == CLI_EXIT_OK && i < nr; i++) {
		free(remote.host);
		remote.host = NULL;
		/* It is one: opts has checked that. */
		if (remote_parse(&remote, session.sends ? opts->destination : opts->sources[i], &why) < 0) {
			report_fatal(&report, "", -ENOMEM);
			status = CLI_EXIT_STOPPED;
		}
		paths[i] = remote.path;
	}
	if (status == CLI_EXIT_OK) {
		session.host = remote.host;
		status = run(&session, paths, nr);
	}
	free(remote.host);
	free(paths);
	return run_close(&report, opts, status);
}
