/* SPDX-License-Identifier: MIT */
/* core/filter and core/glob: which rule decides about a path. */
#include "unit.h"

#include <errno.h>

#include "core/filter.h"
#include "core/glob.h"

#include <string.h>

/** Rules are "-PATTERN" or "+PATTERN", with '|' between them; a path that ends in '/' is a directory. */
struct row {
	const char *rules;
	const char *path;
	bool excluded;
};

static const struct row rows[] = {
#include "filter_rows.def"
};

/** Put the rules of TEXT into FILTER. */
static void add_rules(struct us_filter *filter, const char *text)
{
	while (*text != '\0') {
		size_t length = strcspn(text, "|");
		char pattern[256];

		assert_in_range(length, 2, sizeof(pattern));
		memcpy(pattern, text + 1, length - 1);
		pattern[length - 1] = '\0';
		assert_int_equal(us_filter_add(filter, pattern, text[0] == '+'), 0);
		text += length + (text[length] == '|');
	}
}

static void test_table(void **state)
{
	(void)state;
	assert_true(sizeof(rows) / sizeof(rows[0]) >= 100);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct us_filter filter = {0};
		char path[512];
		size_t length = strlen(rows[i].path);
		bool is_dir = rows[i].path[length - 1] == '/';
		const char *slash;
		bool excluded;

		memcpy(path, rows[i].path, length + 1);
		path[length - is_dir] = '\0';
		slash = strrchr(path, '/');
		add_rules(&filter, rows[i].rules);
		excluded = us_filter_excludes(&filter, path, slash != NULL ? slash + 1 : path, is_dir);
		if (excluded != rows[i].excluded) {
			print_error("row %zu: %s of %s\n", i, rows[i].path, rows[i].rules);
		}
		assert_int_equal(excluded, rows[i].excluded);
		us_filter_fini(&filter);
	}
}

static void test_empty(void **state)
{
	struct us_filter filter = {0};

	(void)state;
	assert_false(us_filter_excludes(&filter, "a", "a", false));
	assert_int_equal(us_filter_add(&filter, "", false), -EINVAL);
	us_filter_fini(&filter);
}

/** Many stars against a text that almost matches: a matcher that tries all ways would never end. */
static void test_stars(void **state)
{
	char glob[128] = "";
	char text[256];

	(void)state;
	for (int i = 0; i < 30; i++) {
		strcat(glob, "*a");
	}
	strcat(glob, "b");
	memset(text, 'a', sizeof(text));
	assert_false(us_glob_match(glob, text, sizeof(text)));
	text[sizeof(text) - 1] = 'b';
	assert_true(us_glob_match(glob, text, sizeof(text)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_stars),
	};

	return cmocka_run_group_tests_name("core/filter", tests, NULL, NULL);
}
