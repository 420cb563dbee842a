/* SPDX-License-Identifier: MIT */
/**
 * @file exit.h
 * What the program's exit status says.  The manual's EXIT STATUS lists the same.
 */
#ifndef US_CLI_EXIT_H
#define US_CLI_EXIT_H

/** Exit statuses.  23 to 25 mean what they mean in rsync. */
enum cli_exit {
	CLI_EXIT_OK = 0,            /**< All was copied. */
	CLI_EXIT_STOPPED = 1,       /**< It could not start or go on, or not print its report. */
	CLI_EXIT_USAGE = 2,         /**< A wrong option, value or number of operands. */
	CLI_EXIT_PARTIAL = 23,      /**< Some entries could not be copied. */
	CLI_EXIT_VANISHED = 24,     /**< Some entries vanished; all others were copied. */
	CLI_EXIT_MAX_DELETE = 25,   /**< All was copied, but --max-delete stopped deletions. */
	CLI_EXIT_INTERRUPTED = 130, /**< Stopped by SIGINT. */
	CLI_EXIT_TERMINATED = 143,  /**< Stopped by SIGTERM. */
};

#endif /* US_CLI_EXIT_H */
