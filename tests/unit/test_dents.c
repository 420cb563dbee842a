/* SPDX-License-Identifier: MIT */
/* sys/dents: directory entries, and going on from a place. */
#include "unit.h"

#include "sys/dents.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/** Enough entries that one read of the directory does not give them all. */
#define FILES_NR 3000

static char path[64];
static int dir = -1;

/** Make a directory of files f0..., one directory "sub" and one link "link". */
static int setup(void **state)
{
	const char *tmp = getenv("TMPDIR");
	char name[16];

	(void)state;
	snprintf(path, sizeof(path), "%s/unit-dents.XXXXXX", tmp != NULL && strlen(tmp) < 40 ? tmp : "/tmp");
	if (mkdtemp(path) == NULL || (dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0) {
		return -1;
	}
	for (int i = 0; i < FILES_NR; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		close(openat(dir, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	}
	return mkdirat(dir, "sub", 0700) | symlinkat("f0", dir, "link");
}

/** Remove it all. */
static int teardown(void **state)
{
	char name[16];

	(void)state;
	for (int i = 0; i < FILES_NR; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		unlinkat(dir, name, 0);
	}
	unlinkat(dir, "sub", AT_REMOVEDIR);
	unlinkat(dir, "link", 0);
	close(dir);
	return rmdir(path);
}

/** Note in SEEN that an entry was met; it must be one of ours, and its fields must be right. */
static void note(unsigned char *seen, const struct us_dent *dent)
{
	struct stat st;
	int number;

	assert_int_equal(dent->length, strlen(dent->name));
	assert_int_equal(fstatat(dir, dent->name, &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(dent->ino, st.st_ino);
	assert_true(dent->type == DT_UNKNOWN || dent->type == IFTODT(st.st_mode));
	if (strcmp(dent->name, "sub") == 0) {
		number = FILES_NR;
	} else if (strcmp(dent->name, "link") == 0) {
		number = FILES_NR + 1;
	} else {
		assert_int_equal(sscanf(dent->name, "f%d", &number), 1);
	}
	assert_in_range(number, 0, FILES_NR + 1);
	seen[number]++;
}

/** Every entry once, "." and ".." not at all. */
static void test_all(void **state)
{
	unsigned char seen[FILES_NR + 2] = {0};
	struct us_dents dents;
	struct us_dent dent;
	int ret;

	(void)state;
	assert_int_equal(us_dents_init(&dents), 0);
	assert_int_equal(us_dents_begin(&dents, dir, 0), 0);
	while ((ret = us_dents_next(&dents, &dent)) == 1) {
		note(seen, &dent);
	}
	assert_int_equal(ret, 0);
	for (size_t i = 0; i < unit_nr(seen); i++) {
		assert_int_equal(seen[i], 1);
	}
	us_dents_fini(&dents);
}

/** Stopped after each 700 entries and taken up again with a new descriptor: still every entry once. */
static void test_resume(void **state)
{
	unsigned char seen[FILES_NR + 2] = {0};
	struct us_dents dents;
	struct us_dent dent;
	int64_t where = 0;
	bool more = true;

	(void)state;
	assert_int_equal(us_dents_init(&dents), 0);
	while (more) {
		int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		assert_true(fd >= 0);
		assert_int_equal(us_dents_begin(&dents, fd, where), 0);
		for (int i = 0; i < 700 && more; i++) {
			int ret = us_dents_next(&dents, &dent);

			assert_in_range(ret, 0, 1);
			more = ret == 1;
			if (more) {
				note(seen, &dent);
				where = dent.next;
			}
		}
		close(fd);
	}
	for (size_t i = 0; i < unit_nr(seen); i++) {
		assert_int_equal(seen[i], 1);
	}
	us_dents_fini(&dents);
}

/** What is no directory is an error, not an end. */
static void test_not_a_directory(void **state)
{
	int fd = openat(dir, "f0", O_RDONLY | O_CLOEXEC);
	struct us_dents dents;
	struct us_dent dent;
	int ret;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(us_dents_init(&dents), 0);
	ret = us_dents_begin(&dents, fd, 0);
	if (ret == 0) {
		ret = us_dents_next(&dents, &dent);
	}
	assert_int_equal(ret, -ENOTDIR);
	us_dents_fini(&dents);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all),
		cmocka_unit_test(test_resume),
		cmocka_unit_test(test_not_a_directory),
	};

	return cmocka_run_group_tests_name("sys/dents", tests, setup, teardown);
}
