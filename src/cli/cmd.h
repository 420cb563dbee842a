/* SPDX-License-Identifier: MIT */
/**
 * @file cmd.h
 * What the program can do: one function for each verb, each in its own cmd_*.c.
 */
#ifndef US_CLI_CMD_H
#define US_CLI_CMD_H

#include "cli/exit.h"
#include "cli/opts.h"

/** Copy opts->sources to opts->destination and report on it.  Returns the exit status. */
enum cli_exit cmd_copy(const struct opts *opts);

#endif /* US_CLI_CMD_H */
