/* SPDX-License-Identifier: MIT */
/*
 * Signals, the one thing in this program that needs globals: a handler is handed nothing else.
 *
 *	first SIGINT or SIGTERM    the target's stop(): what runs ends by itself, in good order
 *	the other of the two       the same; the exit status tells of the first
 *	the same one again         the process is killed
 *	SIGUSR1                    watch_ask(): a line about how far it is
 *
 * The handler runs on whichever thread the kernel picks, so what it shares is atomic; lock-free
 * atomics, clock_gettime(), signal() and raise() are safe in it.
 *
 * Both signals are caught even where the parent had them ignored: a script's background jobs begin
 * with SIGINT ignored, and a copy that is told to stop should stop there too.
 */
#include "cli/signals.h"

#include "base/clock.h"
#include "base/us.h"
#include "cli/watch.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/**
 * The same signal within this time is one request: timeout(1) sends its signal to the process and
 * then to the whole group, and ^C may come from the terminal and from a parent that passes it on.
 */
#define SAME_REQUEST_NS (US_SECOND_NS / 5)

/** The signals that stop a job, and when each came first (0: not yet). */
static const int stop_signals[] = {SIGINT, SIGTERM};
static _Atomic(uint64_t) first_ns[us_array_size(stop_signals)];

/** What to stop; NULL when there is nothing. */
static _Atomic(const struct signals_target *) current_target;

/** Whom to ask how far it is; NULL when there is none. */
static _Atomic(struct watch *) current_watch;

/** The first signal that came. */
static atomic_int caught;

static_assert(ATOMIC_INT_LOCK_FREE == 2 && ATOMIC_POINTER_LOCK_FREE == 2 &&
                      ATOMIC_LLONG_LOCK_FREE == 2,
              "a signal handler must not take a lock");

/** Note that a signal came; returns whether it is to kill, having come before. */
static bool came_again(int sig)
{
	uint64_t now = us_clock_ns();

	for (size_t i = 0; i < us_array_size(stop_signals); i++) {
		uint64_t first = 0;

		if (stop_signals[i] != sig) {
			continue;
		}
		if (atomic_compare_exchange_strong(&first_ns[i], &first, now)) {
			return false;
		}
		/* Another thread may have been first by a hair, with a later clock. */
		return now > first && now - first >= SAME_REQUEST_NS;
	}
	return false;
}

/** The handler of SIGINT and SIGTERM. */
static void stop_handler(int sig)
{
	int saved_errno = errno;
	int none = 0;
	const struct signals_target *target = atomic_load(&current_target);

	atomic_compare_exchange_strong(&caught, &none, sig);
	if (came_again(sig)) {
		/* Blocked while its handler runs: it arrives when this returns. */
		signal(sig, SIG_DFL);
		raise(sig);
	} else if (target != NULL) {
		target->stop(target->payload);
	}
	errno = saved_errno;
}

/** The handler of SIGUSR1. */
static void status_handler(int sig)
{
	int saved_errno = errno;
	struct watch *watch = atomic_load(&current_watch);

	(void)sig;
	if (watch != NULL) {
		watch_ask(watch);
	}
	errno = saved_errno;
}

/** Set what SIGINT and SIGTERM do. */
static void set_handlers(void (*handler)(int))
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};

	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < us_array_size(stop_signals); i++) {
		sigaction(stop_signals[i], &action, NULL);
	}
}

void signals_ignore_write(void)
{
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
}

void signals_attach(const struct signals_target *target)
{
	struct sigaction action = {.sa_handler = status_handler, .sa_flags = SA_RESTART};

	for (size_t i = 0; i < us_array_size(first_ns); i++) {
		atomic_store(&first_ns[i], 0);
	}
	atomic_store(&caught, 0);
	atomic_store(&current_target, target);
	set_handlers(stop_handler);
	sigemptyset(&action.sa_mask);
	sigaction(SIGUSR1, &action, NULL);
}

void signals_watch(struct watch *watch)
{
	atomic_store(&current_watch, watch);
}

void signals_unwatch(struct watch *watch)
{
	atomic_compare_exchange_strong(&current_watch, &watch, NULL);
}

void signals_detach(void)
{
	signal(SIGUSR1, SIG_IGN);
	atomic_store(&current_watch, NULL);
	set_handlers(SIG_DFL);
	atomic_store(&current_target, NULL);
}

int signals_caught(void)
{
	return atomic_load(&caught);
}
