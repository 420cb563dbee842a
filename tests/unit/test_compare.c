/* SPDX-License-Identifier: MIT */
/* The update rules as a table: what there is, which options, what becomes of it. */
#include "unit.h"

#include "core/compare.h"

#include <string.h>

/** A regular file of SIZE bytes, changed at SECONDS and NANOSECONDS. */
#define FILE_STX(size, seconds, nanoseconds) \
	{.stx_mode = S_IFREG | 0644, .stx_size = (size), .stx_mtime = {.tv_sec = (seconds), .tv_nsec = (nanoseconds)}}

static const struct statx src = FILE_STX(10, 1000, 5);

/** One row. */
struct row {
	const char *what;
	struct usync_options options;
	struct statx dst;
	enum us_verdict verdict;
	uint32_t changes;
};

#define CONTENTS .compare = USYNC_COMPARE_CONTENTS
#define NEVER .compare = USYNC_COMPARE_NEVER

static const struct row rows[] = {
	{"the same", {0}, FILE_STX(10, 1000, 5), US_VERDICT_SAME, 0},
	{"a nanosecond later", {0}, FILE_STX(10, 1000, 6), US_VERDICT_COPY, USYNC_CHANGE_CONTENT},
	{"older", {0}, FILE_STX(10, 999, 5), US_VERDICT_COPY, USYNC_CHANGE_CONTENT},
	{"another size", {0}, FILE_STX(11, 1000, 5), US_VERDICT_COPY, USYNC_CHANGE_CONTENT | USYNC_CHANGE_SIZE},
	{"within the window", {.modify_window = 1}, FILE_STX(10, 1001, 5), US_VERDICT_SAME, 0},
	{"beyond the window", {.modify_window = 1}, FILE_STX(10, 1002, 5), US_VERDICT_COPY, USYNC_CHANGE_CONTENT},
	{"-I", {NEVER}, FILE_STX(10, 1000, 5), US_VERDICT_COPY, USYNC_CHANGE_CONTENT},
	{"--checksum", {CONTENTS}, FILE_STX(10, 1000, 5), US_VERDICT_COMPARE, 0},
	{"--checksum, another size", {CONTENTS}, FILE_STX(9, 1000, 5), US_VERDICT_COPY,
	 USYNC_CHANGE_CONTENT | USYNC_CHANGE_SIZE | USYNC_CHANGE_VALUE},
	{"-u, newer there", {.update = true}, FILE_STX(9, 1000, 6), US_VERDICT_SKIP, 0},
	{"-u, older there", {.update = true}, FILE_STX(10, 1000, 4), US_VERDICT_COPY, USYNC_CHANGE_CONTENT},
	{"-u, the same time", {.update = true}, FILE_STX(10, 1000, 5), US_VERDICT_SAME, 0},
	{"-u, newer within the window", {.update = true, .modify_window = 2}, FILE_STX(10, 1001, 5), US_VERDICT_SAME, 0},
	{"--ignore-existing", {.ignore_existing = true}, FILE_STX(9, 1, 0), US_VERDICT_SKIP, 0},
	{"--existing", {.existing = true}, FILE_STX(9, 1000, 5), US_VERDICT_COPY,
	 USYNC_CHANGE_CONTENT | USYNC_CHANGE_SIZE},
	{"another kind", {0}, {.stx_mode = S_IFLNK | 0777}, US_VERDICT_COPY, USYNC_CHANGE_NEW | USYNC_CHANGE_CONTENT},
	{"-u, another kind", {.update = true}, {.stx_mode = S_IFLNK | 0777, .stx_mtime = {.tv_sec = 5000}},
	 US_VERDICT_COPY, USYNC_CHANGE_NEW | USYNC_CHANGE_CONTENT},
};

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < unit_nr(rows); i++) {
		uint32_t changes = 0;
		enum us_verdict verdict = us_compare(&rows[i].options, &src, &rows[i].dst, &changes);

		if (verdict != rows[i].verdict || changes != rows[i].changes) {
			fail_msg("%s: verdict %d and changes %#x", rows[i].what, (int)verdict, changes);
		}
	}
}

static void test_nothing_there(void **state)
{
	struct usync_options options = {.ignore_existing = true, .update = true};
	uint32_t changes = 0;

	(void)state;
	assert_int_equal(us_compare(&options, &src, NULL, &changes), US_VERDICT_COPY);
	assert_int_equal(changes, USYNC_CHANGE_NEW | USYNC_CHANGE_CONTENT);
	options.existing = true;
	assert_int_equal(us_compare(&options, &src, NULL, &changes), US_VERDICT_SKIP);
}

/** Links are read to be compared, devices compared by number, FIFOs are all alike. */
static void test_other_kinds(void **state)
{
	const struct usync_options options = {0};
	struct statx a = {.stx_mode = S_IFLNK | 0777};
	struct statx b = a;
	uint32_t changes = 0;

	(void)state;
	assert_int_equal(us_compare(&options, &a, &b, &changes), US_VERDICT_COMPARE);
	a.stx_mode = b.stx_mode = S_IFCHR | 0600;
	assert_int_equal(us_compare(&options, &a, &b, &changes), US_VERDICT_SAME);
	b.stx_rdev_minor = 7;
	assert_int_equal(us_compare(&options, &a, &b, &changes), US_VERDICT_COPY);
	assert_int_equal(changes, USYNC_CHANGE_VALUE);
	a.stx_mode = b.stx_mode = S_IFIFO | 0600;
	assert_int_equal(us_compare(&options, &a, &b, &changes), US_VERDICT_SAME);
}

/** Held against a reference the rules about existing files do not count. */
static void test_entries(void **state)
{
	const struct usync_options options = {.ignore_existing = true, .update = true};
	struct statx same = src;
	struct statx newer = FILE_STX(10, 2000, 0);
	uint32_t changes = 0;

	(void)state;
	assert_int_equal(us_compare_entries(&options, &src, &same, &changes), US_VERDICT_SAME);
	assert_int_equal(us_compare_entries(&options, &src, &newer, &changes), US_VERDICT_COPY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_nothing_there),
		cmocka_unit_test(test_other_kinds),
		cmocka_unit_test(test_entries),
	};

	return cmocka_run_group_tests_name("core/compare", tests, NULL, NULL);
}
