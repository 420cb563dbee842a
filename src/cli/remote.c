/* SPDX-License-Identifier: MIT */
#include "cli/remote.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/** Where an operand's host ends: at its colon; NULL when it has no host. */
static const char *host_end(const char *operand)
{
	const char *at = operand + strcspn(operand, ":/[");

	if (*at == '[' && (at == operand || at[-1] == '@')) {
		at += strcspn(at, "]/");
		return at[0] == ']' && at[1] == ':' ? at + 1 : NULL;
	}
	at = operand + strcspn(operand, ":/");
	return *at == ':' && at > operand ? at : NULL;
}

bool remote_is(const char *operand)
{
	return host_end(operand) != NULL;
}

int remote_parse(struct remote *remote, const char *operand, const char **why)
{
	const char *colon = host_end(operand);
	const char *at = memchr(operand, '@', (size_t)(colon - operand));
	const char *host = at != NULL ? at + 1 : operand;
	char *out;

	*remote = (struct remote){.path = colon[1] != '\0' ? colon + 1 : "."};
	if (colon[1] == ':' || strncmp(operand, "rsync://", strlen("rsync://")) == 0) {
		*why = "HOST::MODULE and rsync:// are for the daemon of rsync, which is another program";
		return -EINVAL;
	}
	/* ssh would take it for an option. */
	if (operand[0] == '-' || host[0] == '-') {
		*why = "a host or a user does not begin with '-'";
		return -EINVAL;
	}
	if (host == colon || at == operand) {
		*why = "the host or the user is missing";
		return -EINVAL;
	}
	for (const char *p = operand; p < colon; p++) {
		if ((unsigned char)*p <= ' ' || *p == 0x7f) {
			*why = "a blank or a control character in the host";
			return -EINVAL;
		}
	}
	remote->host = malloc((size_t)(colon - operand) + 1);
	if (remote->host == NULL) {
		return -ENOMEM;
	}
	out = remote->host;
	for (const char *p = operand; p < colon; p++) {
		if (*p != '[' && *p != ']') {
			*out++ = *p;
		}
	}
	*out = '\0';
	return 0;
}

int remote_split(const char *command, char *copy, char **words, size_t max)
{
	size_t nr = 0;
	char quote = '\0';
	bool inside = false;

	for (const char *p = command; *p != '\0'; p++) {
		if (quote == '\0' && (*p == ' ' || *p == '\t')) {
			if (inside) {
				*copy++ = '\0';
			}
			inside = false;
			continue;
		}
		if (!inside) {
			if (nr + 1 >= max) {
				return -EINVAL;
			}
			words[nr++] = copy;
			inside = true;
		}
		if (quote != '\0' ? *p == quote : *p == '\'' || *p == '"') {
			quote = quote != '\0' ? '\0' : *p;
		} else if (*p == '\\' && quote != '\'' && p[1] != '\0') {
			*copy++ = *++p;
		} else {
			*copy++ = *p;
		}
	}
	*copy = '\0';
	words[nr] = NULL;
	return quote == '\0' && nr > 0 ? (int)nr : -EINVAL;
}
