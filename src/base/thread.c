/* SPDX-License-Identifier: MIT */
#include "base/thread.h"

#include <signal.h>

/** A thread's stack in bytes: a fraction would do, but sanitizers take their share. */
#define STACK_SIZE (1u << 20)

int us_thread_start(pthread_t *thread, void *(*main)(void *arg), void *arg)
{
	pthread_attr_t attr;
	sigset_t all;
	sigset_t old;
	int ret;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	ret = pthread_create(thread, &attr, main, arg);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	return -ret;
}
