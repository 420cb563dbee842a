/* SPDX-License-Identifier: MIT */
#include "scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char scratch[64];

int scratch_make(const char *command)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(scratch, sizeof(scratch), "%s/unit.XXXXXX", tmp != NULL && strlen(tmp) < 40 ? tmp : "/tmp");
	return mkdtemp(scratch) == NULL ? -1 : shell(command);
}

int scratch_remove(void **state)
{
	char line[256];

	(void)state;
	snprintf(line, sizeof(line), "chmod -R u+rwX '%s'; rm -rf '%s'", scratch, scratch);
	return system(line);
}

int shell(const char *command)
{
	char line[1024];

	snprintf(line, sizeof(line), "cd '%s' && { %s; }", scratch, command);
	return system(line);
}

const char *in_scratch(const char *name)
{
	static char path[4][128];
	static unsigned int turn;
	char *out = path[turn++ % 4];

	snprintf(out, sizeof(path[0]), "%s/%s", scratch, name);
	return out;
}
