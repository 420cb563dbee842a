/* SPDX-License-Identifier: MIT */
/**
 * @file opts_net.h
 * What the command line says of other machines: addresses, the secret.  Use opts.h from elsewhere.
 */
#ifndef US_CLI_OPTS_NET_H
#define US_CLI_OPTS_NET_H

#include "cli/opts.h"

/**
 * Read "HOST:PORT", where an IPv6 address stands in brackets: "[::1]:9000".
 *
 * @param listen  For an address to listen at: "PORT", ":PORT" and "*:PORT" are every address, and port 0 is allowed.
 * @param[out] address  To be freed with opts_free_address().
 * @return 0, -EINVAL with *WHY telling what is wrong in words, or -ENOMEM.
 */
int opts_parse_address(struct opts_address *address, const char *text, bool listen, const char **why);

void opts_free_address(struct opts_address *address);

/**
 * Copy a secret that was given as a value, and wipe it where it stands.
 *
 * @return 0, -EINVAL for an empty one, or -ENOMEM.
 */
int opts_store_secret(struct opts *opts, const char *value);

/**
 * See that the options fit the verb, and read the address.
 *
 * @return 0, or -EINVAL after a mistake was described on ERR.
 */
int opts_check_net(struct opts *opts, FILE *err);

/** Wipe and free what these allocated. */
void opts_free_net(struct opts *opts);

#endif /* US_CLI_OPTS_NET_H */
