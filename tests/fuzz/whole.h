/* SPDX-License-Identifier: MIT */
/**
 * @file whole.h
 * What holds of the process after each run of a session: no descriptor, no thread and no memory is left, and it never
 * had too much of that.
 */
#ifndef WHOLE_H
#define WHOLE_H

#include <stddef.h>
#include <stdint.h>

struct script;

/** The process as it was before. */
struct whole {
	unsigned int fds;
	unsigned int threads;
};

void whole_begin(struct whole *whole);
void whole_end(const struct whole *whole);

/** Let SCRIPT's side take what is sent as slowly as the configuration DATA says. */
void whole_limits(struct script *script, const uint8_t *data);

#endif /* WHOLE_H */
