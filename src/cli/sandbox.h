/* SPDX-License-Identifier: MIT */
/**
 * @file sandbox.h
 * A receiver's sandbox: nothing is in reach of what a sender might make of this process but the destination, and what
 * options name.
 */
#ifndef US_CLI_SANDBOX_H
#define US_CLI_SANDBOX_H

#include "cli/opts.h"
#include "cli/report.h"

/** Enter it, as far as the kernel has one; REPORT is told.  Before any other thread is started. */
void sandbox_enter(const struct opts *opts, struct report *report);

#endif /* US_CLI_SANDBOX_H */
