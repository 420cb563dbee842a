/* SPDX-License-Identifier: MIT */
/* core/tempname: which names are those of temporary files, and whether their runs live. */
#include "unit.h"

#include "core/tempname.h"
#include "sys/boot.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void test_names(void **state)
{
	static const char *const wrong[] = {
		".uring-sync.run", ".uring-sync.conf", ".uring-sync.", ".uring-sync.0123456789abcdef", ".uring-sync.0123456789abcdef.1",
		".uring-sync.0123456789abcdef.1.", ".uring-sync.0123456789abcdef..1", ".uring-sync.0123456789abcdeg.0.1",
		".uring-sync.0123456789abcde.0.1", ".uring-sync.00123456789abcdef.0.1", ".uring-sync.0123456789abcdef.0.1.2",
		".uring-sync.0123456789abcdef.0.1 ", ".uring-sync.0123456789ABCDEF.0.1", "uring-sync.0123456789abcdef.0.1",
		".uring-sync.-123456789abcdef.0.1", ".uring-sync.0x23456789abcdef.0.1", "",
	};
	uint64_t run = 0;

	(void)state;
	assert_true(us_tempname_parse(".uring-sync.0123456789abcdef.1f.2a", &run));
	assert_true(run == 0x0123456789abcdef);
	assert_true(us_tempname_parse(".uring-sync.ffffffffffffffff.0.0", &run));
	assert_true(run == UINT64_MAX);
	for (size_t i = 0; i < unit_nr(wrong); i++) {
		assert_false(us_tempname_parse(wrong[i], &run));
	}
}

/** What is made is what is told apart, at both ends of each number. */
static void test_made(void **state)
{
	static const uint64_t runs[] = {0, 1, UINT64_MAX};
	char name[US_TEMP_SIZE];
	uint64_t run;

	(void)state;
	for (size_t i = 0; i < unit_nr(runs); i++) {
		us_tempname_make(name, runs[i], (unsigned int)i * UINT32_MAX / 2, runs[i]);
		assert_true(us_tempname_parse(name, &run));
		assert_int_equal(run, runs[i]);
	}
	us_tempname_make(name, 0xabc, 2, 0x1f);
	assert_string_equal(name, ".uring-sync.0000000000000abc.2.1f");
}

static void test_runs(void **state)
{
	uint64_t one = us_tempname_new_run();
	uint64_t other = us_tempname_new_run();

	(void)state;
	assert_true(one != other);
	assert_true(one >> 40 == other >> 40);
	assert_true(one >> 40 == us_boot_id() >> 40);
}

static void test_locks(void **state)
{
	static const uint64_t runs[] = {0, 1, 0x4000000000000001, INT64_MAX, UINT64_MAX};
	const char *tmp = getenv("TMPDIR");
	char path[64];
	int ours;

	(void)state;
	snprintf(path, sizeof(path), "%s/unit-tempname.XXXXXX", tmp != NULL && strlen(tmp) < 40 ? tmp : "/tmp");
	assert_non_null(mkdtemp(path));
	ours = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_false(us_tempname_has_run(ours));
	for (size_t i = 0; i < unit_nr(runs); i++) {
		int theirs = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		int third = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		us_tempname_hold(theirs, runs[i]);
		us_tempname_hold(theirs, runs[i]);
		us_tempname_hold(third, 77);
		assert_int_equal(us_tempname_state(ours, "none", runs[i]), US_TEMPNAME_ALIVE);
		assert_int_equal(us_tempname_state(ours, "none", 77), US_TEMPNAME_ALIVE);
		assert_true(us_tempname_state(ours, "none", runs[i] ^ 4) != US_TEMPNAME_ALIVE);
		/* One's own are not another's. */
		assert_true(us_tempname_state(theirs, "none", runs[i]) != US_TEMPNAME_ALIVE);
		close(third);
		assert_true(us_tempname_has_run(ours));
		assert_int_equal(us_tempname_state(ours, "none", runs[i]), US_TEMPNAME_ALIVE);
		close(theirs);
		assert_true(us_tempname_state(ours, "none", runs[i]) != US_TEMPNAME_ALIVE);
		assert_false(us_tempname_has_run(ours));
	}
	/* What can't be asked is not known. */
	assert_int_equal(us_tempname_state(-1, "none", 1), US_TEMPNAME_UNKNOWN);
	assert_true(us_tempname_has_run(-1));
	close(ours);
	rmdir(path);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_made),
		cmocka_unit_test(test_runs),
		cmocka_unit_test(test_locks),
	};

	return cmocka_run_group_tests_name("core/tempname", tests, NULL, NULL);
}
