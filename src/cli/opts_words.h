/* SPDX-License-Identifier: MIT */
/**
 * @file opts_words.h
 * A command line that was read, put into words again: what the program on another machine is to do.
 */
#ifndef US_CLI_OPTS_WORDS_H
#define US_CLI_OPTS_WORDS_H

#include "cli/opts.h"

/** Words that grow. */
struct opts_words {
	char **words; /**< NULL behind the last one. */
	size_t nr;
	size_t max;
};

/** Add a word in printf form. @return 0 or -ENOMEM. */
int opts_words_add(struct opts_words *words, const char *format, ...) __attribute__((format(printf, 2, 3)));

/**
 * Add options that mean what OPTS says of the copy itself: not what is printed, not the files of this machine, nothing
 * of the network.  The names of --files-from are not among them.
 *
 * @param receiver  For the side that receives; else without what only that one takes.
 * @return 0 or -ENOMEM.
 */
int opts_words_of(struct opts_words *words, const struct opts *opts, bool receiver);

void opts_words_free(struct opts_words *words);

#endif /* US_CLI_OPTS_WORDS_H */
