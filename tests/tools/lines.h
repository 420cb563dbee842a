/* SPDX-License-Identifier: MIT */
/**
 * @file lines.h
 * Which cache lines are written by several threads: what perf c2c samples, counted in full and without a processor that
 * can.
 *
 * Code that is compiled with -fsanitize=thread tells of each access to memory by a call; lines.c takes these instead of
 * the sanitizer's runtime, and keeps account of the writers of each line of 64 bytes.  A line counts as shared once a
 * second thread has written to it, and then all that was written to it counts, however the threads came to run: so the
 * figures hardly depend on when they did.  The thread that starts the count is none of the writers: it makes what the
 * others use before they are there.  Memory that is freed begins anew.  What libraries write by themselves is not
 * seen, but for mutexes (linked with --wrap), whose lock and unlock are a write each.
 */
#ifndef TESTS_LINES_H
#define TESTS_LINES_H

#include <stdint.h>

/** What was counted. */
struct lines_total {
	uint64_t writes;        /**< All of them. */
	uint64_t shared_writes; /**< Those to lines with several writers. */
	uint64_t locks;         /**< Mutexes taken; they are among the writes. */
};

/** Begin to count; only before there are threads. */
void lines_start(void);

/** Stop, and sum up.  Only when the threads have ended. */
struct lines_total lines_stop(void);

/** Print the NR places in the code with the most writes to shared lines: count and address for addr2line(1). */
void lines_print(unsigned int nr);

#endif /* TESTS_LINES_H */
