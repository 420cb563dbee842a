/* SPDX-License-Identifier: MIT */
/**
 * @file remote.h
 * Operands on other machines, as rsync and scp write them: [USER@]HOST:PATH.
 */
#ifndef US_CLI_REMOTE_H
#define US_CLI_REMOTE_H

#include <stdbool.h>
#include <stddef.h>

/** One that was read. */
struct remote {
	char *host;       /**< [USER@]HOST, without brackets; to be freed. */
	const char *path; /**< Points into the operand; "." where it says none. */
};

/** Whether OPERAND is one: it has a colon, and no slash before it.  "./a:b" is a file. */
bool remote_is(const char *operand);

/** Take it apart. @return 0; -EINVAL with *WHY telling what is wrong; or -ENOMEM. */
int remote_parse(struct remote *remote, const char *operand, const char **why);

/**
 * Split the COMMAND of --rsh into words at blanks; in single or double quotes, and behind a backslash, blanks stand for
 * themselves.
 *
 * @param[out] words  MAX pointers, NULL behind the last; they lead into COPY, which has room for COMMAND.
 * @return how many, or -EINVAL for too many, none, or a quote that does not end.
 */
int remote_split(const char *command, char *copy, char **words, size_t max);

#endif /* US_CLI_REMOTE_H */
