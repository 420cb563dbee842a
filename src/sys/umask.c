/* SPDX-License-Identifier: MIT */
/* umask(2) can tell the mask only by setting another one, for all threads: a file made at that moment would get it. */
#include "sys/umask.h"

#include "base/us.h"

#include <stdio.h>
#include <stdlib.h>

int us_umask_get(mode_t *mask)
{
	FILE *status = fopen("/proc/thread-self/status", "re");
	char *line = NULL;
	size_t size = 0;
	unsigned int value;
	int ret = -ENODATA;

	if (status == NULL) {
		return -errno;
	}
	while (ret < 0 && getline(&line, &size, status) >= 0) {
		if (sscanf(line, "Umask: %o", &value) == 1) {
			*mask = (mode_t)value & 0777;
			ret = 0;
		}
	}
	free(line);
	fclose(status);
	return ret;
}
