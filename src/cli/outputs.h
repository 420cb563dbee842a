/* SPDX-License-Identifier: MIT */
/**
 * @file outputs.h
 * The files that a receiver is to write beside the copy.  They are opened by each transfer, the first of which may be
 * hours away: whether they can be is seen before that.
 */
#ifndef US_CLI_OUTPUTS_H
#define US_CLI_OUTPUTS_H

#include "cli/exit.h"
#include "cli/opts.h"

/**
 * See that the files of --checksum-file and --resume can be written, as far as that can be told without making them.
 *
 * @return CLI_EXIT_OK, or CLI_EXIT_STOPPED after what is wrong was described on stderr.
 */
enum cli_exit outputs_check(const struct opts *opts);

#endif /* US_CLI_OUTPUTS_H */
