/* SPDX-License-Identifier: MIT */
/**
 * @file scratch.h
 * A directory for the files of a test program, below $TMPDIR or /tmp.  One at a time.
 */
#ifndef TESTS_SCRATCH_H
#define TESTS_SCRATCH_H

/** Make it, and run COMMAND in it.  @return 0, or what a setup function of cmocka answers when it failed. */
int scratch_make(const char *command);

/** A teardown function of cmocka's: remove it with all that is in it. */
int scratch_remove(void **state);

/** Run a shell command in it.  @return as system(3). */
int shell(const char *command);

/** The path of NAME in it, in one of four buffers in turn: of the thread that sets the test up alone. */
const char *in_scratch(const char *name);

#endif /* TESTS_SCRATCH_H */
