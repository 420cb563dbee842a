/* SPDX-License-Identifier: MIT */
#include "core/tempname.h"

#include "base/clock.h"
#include "core/lock.h"
#include "sys/boot.h"
#include "sys/call.h"
#include "sys/fstype.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

/** Hexadecimal digits as this program writes them. */
#define HEX "0123456789abcdef"

/** Digits of a run's number. */
#define RUN_DIGITS 16

/** How many bits of a run's number are random; those above are the kernel's. */
#define RANDOM_BITS 40

/** A file that was not touched for so long has no one any more, where nothing else tells. */
#define FORGOTTEN_SECONDS (24 * 60 * 60)

/** What stands for this kernel, in as many bits as there are; 0 when that can't be told. */
static uint64_t kernel_tag(void)
{
	return us_boot_id() >> RANDOM_BITS;
}

uint64_t us_tempname_new_run(void)
{
	uint64_t number;

	if (getrandom(&number, sizeof(number), GRND_NONBLOCK) != sizeof(number)) {
		number = us_clock_ns();
	}
	return kernel_tag() << RANDOM_BITS | (number & ((UINT64_C(1) << RANDOM_BITS) - 1));
}

void us_tempname_make(char name[US_TEMP_SIZE], uint64_t run, unsigned int worker, uint64_t number)
{
	snprintf(name, US_TEMP_SIZE, US_TEMP_PREFIX "%0*" PRIx64 ".%x.%" PRIx64, RUN_DIGITS, run, worker, number);
}

/** Hexadecimal digits that *NAME begins with, which ends before them as END says; *NAME is put behind that. */
static size_t take_number(const char **name, char end)
{
	size_t length = strspn(*name, HEX);

	if ((*name)[length] != end) {
		return 0;
	}
	*name += length + 1;
	return length;
}

bool us_tempname_parse(const char *name, uint64_t *run)
{
	if (strncmp(name, US_TEMP_PREFIX, strlen(US_TEMP_PREFIX)) != 0) {
		return false;
	}
	name += strlen(US_TEMP_PREFIX);
	*run = strtoull(name, NULL, 16);
	return take_number(&name, '.') == RUN_DIGITS && take_number(&name, '.') > 0 && take_number(&name, '\0') > 0;
}

/** The byte that RUN locks: the largest place of a file leaves room for one of them. */
static uint64_t place_of(uint64_t run)
{
	return run & (INT64_MAX >> 1);
}

void us_tempname_hold(int dirfd, uint64_t run)
{
	(void)us_lock_byte(dirfd, place_of(run)); /* Without it nothing is lost yet; who asks will be refused, too. */
}

/** True when this kernel has made RUN's number: what it does not know of, it does not run. */
static bool is_of_this_kernel(uint64_t run)
{
	uint64_t tag = kernel_tag();

	return tag != 0 && run >> RANDOM_BITS == tag;
}

/** True when it can be told that NAME in DIRFD was touched lately, or can't be told that it was not. */
static bool is_recent(int dirfd, const char *name)
{
	struct statx stx;

	return us_statx(dirfd, name, AT_SYMLINK_NOFOLLOW, &stx) < 0 || (stx.stx_mask & STATX_CTIME) == 0 ||
	       stx.stx_ctime.tv_sec > (int64_t)time(NULL) - FORGOTTEN_SECONDS;
}

int us_tempname_state(int dirfd, const char *name, uint64_t run)
{
	bool is_locked = false;
	int ret = us_is_locked(dirfd, place_of(run), 1, &is_locked);

	if (ret < 0) {
		return us_lock_broke(ret) ? ret : US_TEMPNAME_UNKNOWN;
	}
	if (is_locked) {
		return US_TEMPNAME_ALIVE;
	}
	if (is_of_this_kernel(run)) {
		return US_TEMPNAME_DEAD;
	}
	ret = us_fstype_ask_local(dirfd);
	if (ret < 0) {
		return ret;
	}
	return ret == 1 || !is_recent(dirfd, name) ? US_TEMPNAME_DEAD : US_TEMPNAME_UNKNOWN;
}

bool us_tempname_has_run(int dirfd)
{
	bool is_locked;

	return us_is_locked(dirfd, 0, 0, &is_locked) < 0 || is_locked;
}
