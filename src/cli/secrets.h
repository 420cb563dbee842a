/* SPDX-License-Identifier: MIT */
/**
 * @file secrets.h
 * Where the secret of send and recv comes from: --secret, else --secret-file, else the environment.
 */
#ifndef US_CLI_SECRETS_H
#define US_CLI_SECRETS_H

#include "cli/opts.h"

/** Where the secret may stand in the environment. */
#define SECRETS_VARIABLE "URING_SYNC_SECRET"

/** No core dump of this process, which would hold the secret's keys. */
void secrets_no_core(void);

/**
 * Get the secret.  The environment's is wiped from there, and a warning is printed about --secret.
 *
 * @param[out] text  To be wiped with usync_secret_wipe().
 * @return 1, 0 when none is given, or a negative errno after it was told.
 */
int secrets_get(const struct opts *opts, char text[USYNC_SECRET_MAX]);

#endif /* US_CLI_SECRETS_H */
