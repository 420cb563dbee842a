/* SPDX-License-Identifier: MIT */
/**
 * @file thread.h
 * Threads as this project starts them.
 */
#ifndef US_BASE_THREAD_H
#define US_BASE_THREAD_H

#include <pthread.h>

/**
 * Start a thread that runs MAIN(ARG), to be joined with pthread_join(3).
 *
 * All signals are blocked in it: those are the program's main thread's.  Its stack is a small one, for nothing here
 * recurses, and where the address space is limited (RLIMIT_AS) the usual 8 MiB would leave no room for buffers.
 *
 * @return 0 or a negative errno, then there is no thread.
 */
int us_thread_start(pthread_t *thread, void *(*main)(void *arg), void *arg);

#endif /* US_BASE_THREAD_H */
