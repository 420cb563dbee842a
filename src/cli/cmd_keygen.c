/* SPDX-License-Identifier: MIT */
/* A new secret, on a line of its own. */
#include "cli/cmd.h"
#include "cli/secrets.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum cli_exit cmd_keygen(const struct opts *opts)
{
	char text[USYNC_SECRET_SIZE];
	int ret;

	(void)opts;
	secrets_no_core();
	ret = usync_secret_make(text);
	if (ret < 0) {
		fprintf(stderr, "uring-sync: keygen: no random numbers: %s\n", strerror(-ret));
		return CLI_EXIT_STOPPED;
	}
	errno = 0;
	printf("%s\n", text);
	usync_secret_wipe(text, sizeof(text));
	if (fflush(stdout) != 0 || ferror(stdout) != 0) {
		fprintf(stderr, "uring-sync: standard output: %s\n", strerror(errno > 0 ? errno : EIO));
		return CLI_EXIT_STOPPED;
	}
	return CLI_EXIT_OK;
}
