/* SPDX-License-Identifier: MIT */
/* Without the test builds' faults: nothing depends on it but what is removed. */
#include "sys/boot.h"

#include "base/us.h"

#include <fcntl.h>
#include <unistd.h>
#include <xxhash.h>

uint64_t us_boot_id(void)
{
	char id[64];
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? -1 : read(fd, id, sizeof(id));

	if (fd >= 0) {
		close(fd);
	}
	return length <= 0 ? 0 : us_max(XXH3_64bits(id, (size_t)length), 1u);
}
