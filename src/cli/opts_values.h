/* SPDX-License-Identifier: MIT */
/**
 * @file opts_values.h
 * Options whose values are lists: attributes, patterns.  Use opts.h from elsewhere.
 */
#ifndef US_CLI_OPTS_VALUES_H
#define US_CLI_OPTS_VALUES_H

#include "cli/opts.h"
#include "cli/opts_table.h"

#include <stdbool.h>
#include <stdio.h>

/** What a list of attributes may name. */
#define OPTS_KEEP_NAMES "mode, times, atime, owner, xattr, acl, links, all"

/** Keep or drop what VALUE names (NULL: what the option means without).  @return 0 or -EINVAL. */
int opts_store_keep(struct opts *opts, const struct option_def *def, const char *value);

/** Whether TEXT is a list of modes.  @return 0 or -EINVAL. */
int opts_check_modes(const char *text);

/** Read "USER:GROUP".  @return 0 or -EINVAL. */
int opts_store_owner(struct opts *opts, const char *text);

/** Add a pattern.  @return 0, -EINVAL for an empty one, or -ENOMEM. */
int opts_store_filter(struct opts *opts, const char *pattern, bool include);

/**
 * Add the patterns of a file ("-": standard input), one a line; empty lines and those that begin with # or ; are
 * passed over, and "+ " or "- " before a pattern says which kind it is.  A line with a NUL is a mistake.
 *
 * @return 0, or a negative errno after it was described on ERR.
 */
int opts_store_filter_file(struct opts *opts, const struct option_def *def, const char *path, FILE *err);

/**
 * Read the names of --files-from, if there is one ("-": standard input).  A NUL where they end with a newline is a
 * mistake: all behind it would be lost.
 *
 * @return 0, or a negative errno after it was described on ERR.
 */
int opts_load_files(struct opts *opts, FILE *err);

/** Describe options that contradict each other to ERR.  @return 0 or -EINVAL. */
int opts_check_together(const struct opts *opts, FILE *err);

#endif /* US_CLI_OPTS_VALUES_H */
