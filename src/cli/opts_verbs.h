/* SPDX-License-Identifier: MIT */
/**
 * @file opts_verbs.h
 * Which options a verb takes: what the option table says.
 */
#ifndef US_CLI_OPTS_VERBS_H
#define US_CLI_OPTS_VERBS_H

#include "cli/opts.h"

#include <stdio.h>

/**
 * Describe the first option, by the table's order, that OPTS has and its verb does not take: it would be without
 * effect.
 *
 * @return 0 when there is none, or -EINVAL after it was described.
 */
int opts_check_verb(const struct opts *opts, FILE *err);

#endif /* US_CLI_OPTS_VERBS_H */
