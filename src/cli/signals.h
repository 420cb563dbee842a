/* SPDX-License-Identifier: MIT */
/**
 * @file signals.h
 * SIGINT and SIGTERM stop what runs in good order, SIGUSR1 asks how far it is.  One thing at a time.
 */
#ifndef US_CLI_SIGNALS_H
#define US_CLI_SIGNALS_H

struct watch;

/**
 * Let SIGPIPE and SIGXFSZ be errors of the writes that caused them: EPIPE, and EFBIG where a file would be longer than
 * it may be.
 */
void signals_ignore_write(void);

/** What a signal stops. */
struct signals_target {
	void (*stop)(void *payload); /**< Called in the signal's handler, on any thread. */
	void *payload;
};

/**
 * From now on SIGINT and SIGTERM stop TARGET; the same signal again, a moment later, kills the
 * process at once.  TARGET is borrowed until signals_detach().
 */
void signals_attach(const struct signals_target *target);

/** SIGUSR1 asks WATCH how far it is, until another one is watched or signals_unwatch() is called with this one. */
void signals_watch(struct watch *watch);
void signals_unwatch(struct watch *watch);

/**
 * SIGINT and SIGTERM kill again; SIGUSR1, which may come a moment too late, does not.  To be called when no thread of
 * what runs is left, before what TARGET leads to is freed.
 */
void signals_detach(void);

/** The first signal that came since signals_attach(), or 0. */
int signals_caught(void);

#endif /* US_CLI_SIGNALS_H */
