/* SPDX-License-Identifier: MIT */
/* Without the test builds' faults: nothing depends on it but what is removed. */
#include "sys/boot.h"

#include "base/us.h"

#include <fcntl.h>
#include <unistd.h>

uint64_t us_boot_id(void)
{
	uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */
	char id[64];
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? -1 : read(fd, id, sizeof(id));

	if (fd >= 0) {
		close(fd);
	}
	for (ssize_t i = 0; i < length; i++) {
		hash = (hash ^ (uint8_t)id[i]) * 0x100000001b3u;
	}
	return length <= 0 ? 0 : us_max(hash, 1u);
}
