/* SPDX-License-Identifier: MIT */
/* bound: its modes, and what the command line says.  See bound.c. */
#ifndef BENCH_BOUND_H
#define BENCH_BOUND_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct bound_options {
	unsigned threads; /**< 1 to THREADS_MAX. */
	unsigned batch;   /**< read: reads handed over in one call; 0: plain calls. */
	bool times;       /**< make: set times, too. */
};

extern struct bound_options options;

/** What was done; each thread adds its own when it ends, or with each part of a directory. */
extern atomic_ulong files_nr, bytes_nr, dirs_nr, others_nr;

/** Before and after the phase that counts. */
void clock_start(void);
void clock_stop(void);

/** Write SIZE bytes to FD, which is the file NAME. */
void write_bytes(int fd, uint64_t size, const char *name);

/** The modes.  SOURCE and TARGET are open directories; TARGET is empty for make and clone. */
void bound_read(int source, int target);
void bound_make(int source, int target);
void bound_clone(int source, int target);
void bound_stat(int source, int target);
void bound_replace(int source, int target);

#endif
