/* SPDX-License-Identifier: MIT */
#include "cli/secrets.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

void secrets_no_core(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_CORE, &limit) == 0) {
		/* With 0 there is no file, but the kernel still hands a dump to a program (core(5)); with 1 neither. */
		limit.rlim_cur = limit.rlim_max > 0 ? 1 : 0;
		setrlimit(RLIMIT_CORE, &limit);
	}
}

/** Copy a secret that is short enough. */
static int take(char text[USYNC_SECRET_MAX], const char *value)
{
	size_t length = strlen(value);

	if (length >= USYNC_SECRET_MAX) {
		fprintf(stderr, "uring-sync: the secret is longer than %d bytes\n", USYNC_SECRET_MAX - 1);
		return -EINVAL;
	}
	memcpy(text, value, length + 1);
	return 1;
}

int secrets_get(const struct opts *opts, char text[USYNC_SECRET_MAX])
{
	char *variable = getenv(SECRETS_VARIABLE);
	char why[USYNC_WHY_SIZE];
	int ret = 0;

	text[0] = '\0';
	if (opts->secret != NULL) {
		fputs("uring-sync: warning: --secret: others on this machine could see it in the list of processes; "
		      "--secret-file is for this\n", stderr);
		ret = take(text, opts->secret);
		usync_secret_wipe(opts->secret, strlen(opts->secret));
	} else if (opts->secret_file != NULL) {
		ret = usync_secret_read(text, opts->secret_file, why);
		if (ret < 0) {
			fprintf(stderr, "uring-sync: --secret-file: %s\n", why);
		}
		ret = ret < 0 ? ret : 1;
	} else if (variable != NULL && variable[0] != '\0') {
		ret = take(text, variable);
	}
	if (variable != NULL) {
		/* /proc/PID/environ shows it otherwise as long as this runs. */
		usync_secret_wipe(variable, strlen(variable));
		unsetenv(SECRETS_VARIABLE);
	}
	return ret;
}
