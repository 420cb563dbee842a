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

/** Print a new secret. */
enum cli_exit cmd_keygen(const struct opts *opts);

/** Send opts->sources to the other side at opts->address. */
enum cli_exit cmd_send(const struct opts *opts);

/** Receive into opts->destination what others send to opts->address. */
enum cli_exit cmd_recv(const struct opts *opts);

/** Copy to or from another machine over ssh. */
enum cli_exit cmd_ssh(const struct opts *opts);

/** Be the other end of that. */
enum cli_exit cmd_serve(const struct opts *opts);

#endif /* US_CLI_CMD_H */
