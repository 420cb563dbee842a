/* SPDX-License-Identifier: MIT */
/**
 * @file order.h
 * What the program tells its like on the other end of ssh before the transfer begins:
 *
 *	"usync-s1"  le32 length  version				who was started, as soon as it runs
 *	"usync-s1"  le32 length  le32 words  le32 files  strings	who started it: a command line; "" and the names of --files-from
 *
 * Strings end with a NUL.  No path stands on a command line that a shell over there would read.  Calls block.
 */
#ifndef US_CLI_ORDER_H
#define US_CLI_ORDER_H

#include "cli/opts_words.h"

/** The longest order. */
#define ORDER_MAX (256u << 20)

/** The longest version. */
#define ORDER_VERSION_MAX 64u

/** Write the greeting of who was started. @return 0 or a negative errno. */
int order_greet(int fd);

/**
 * Read it.
 *
 * @param[out] version  What it is there.
 * @param[out] other    When it is no greeting: what was read instead, with a NUL; room for ORDER_VERSION_MAX bytes.
 * @return 0; -EPROTO when it is something else; -ENODATA when nothing came before the end; or a negative errno.
 */
int order_greeted(int fd, char version[ORDER_VERSION_MAX], char other[ORDER_VERSION_MAX]);

/** Write an order. @return 0 or a negative errno. */
int order_write(int fd, const struct opts_words *words, const struct opts_words *files);

/** Read one; both are to be freed. @return 0; -EPROTO when it is none; or a negative errno. */
int order_read(int fd, struct opts_words *words, struct opts_words *files);

#endif /* US_CLI_ORDER_H */
