/* SPDX-License-Identifier: MIT */
/* getdents64(2) without libc's opendir(3): one buffer a thread, and d_off at hand. */
#include "sys/dents.h"

#include "base/fault.h"
#include "base/us.h"
#include "sys/call.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/** About 3,000 entries a call. */
#define BUF_SIZE (96u << 10)

/** What the kernel writes (getdents64(2)); the C library has no declaration that fits all versions. */
struct linux_dirent64 {
	uint64_t d_ino;
	int64_t d_off;
	uint16_t d_reclen;
	unsigned char d_type;
	char d_name[];
};

int us_dents_init(struct us_dents *dents)
{
	*dents = (struct us_dents){.fd = -1, .size = BUF_SIZE};
	dents->buf = malloc(BUF_SIZE);
	return dents->buf != NULL ? 0 : -ENOMEM;
}

void us_dents_fini(struct us_dents *dents)
{
	free(dents->buf);
	dents->buf = NULL;
}

int us_dents_begin(struct us_dents *dents, int fd, int64_t where)
{
	uint64_t there;

	dents->fd = fd;
	dents->pos = 0;
	dents->end = 0;
	if (where == 0) {
		return 0; /* A directory that was just opened stands at its start. */
	}
	return us_lseek(fd, (uint64_t)where, SEEK_SET, &there);
}

/** Fill the buffer: 1, 0 at the end, or a negative errno. */
static int refill(struct us_dents *dents)
{
	struct us_call_tries tries = {0};
	long got;
	int fault;

	do {
		fault = us_fault("getdents");
		got = fault < 0 ? fault
		                : us_try(syscall(SYS_getdents64, dents->fd, dents->buf, dents->size));
	} while (us_call_may_pass(got < 0 ? (int)got : 0, &tries));
	if (got <= 0) {
		return (int)got;
	}
	dents->pos = 0;
	dents->end = (size_t)got;
	return 1;
}

/** True for "." and "..". */
static bool is_dots(const char *name)
{
	return name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

int us_dents_next(struct us_dents *dents, struct us_dent *dent)
{
	const struct linux_dirent64 *entry;

	do {
		if (dents->pos == dents->end) {
			int ret = refill(dents);

			if (ret <= 0) {
				return ret;
			}
		}
		entry = (const void *)(dents->buf + dents->pos);
		dents->pos += entry->d_reclen;
	} while (is_dots(entry->d_name));
	*dent = (struct us_dent){
		.ino = entry->d_ino,
		.next = entry->d_off,
		.name = entry->d_name,
		.length = (uint16_t)strlen(entry->d_name),
		.type = entry->d_type,
	};
	return 1;
}
