/* SPDX-License-Identifier: MIT */
/* Lists of changes to permission bits: what chmod(1) makes of the same. */
#include "unit.h"

#include "core/modespec.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/** A list, what it is applied to, and what that becomes. */
static const struct {
	const char *text;
	mode_t before;
	mode_t after;
} cases[] = {
	{"755", S_IFREG | 0600, S_IFREG | 0755},
	{"D755,F644", S_IFREG | 0777, S_IFREG | 0644},
	{"D755,F644", S_IFDIR | 0700, S_IFDIR | 0755},
	{"u=rw,go=r", S_IFREG | 0777, S_IFREG | 0644},
	{"go-w", S_IFREG | 0666, S_IFREG | 0644},
	{"a+x", S_IFREG | 0600, S_IFREG | 0711},
	{"a+X", S_IFREG | 0600, S_IFREG | 0600},
	{"a+X", S_IFREG | 0700, S_IFREG | 0711},
	{"a+X", S_IFDIR | 0600, S_IFDIR | 0711},
	{"u+s", S_IFREG | 0755, S_IFREG | 04755},
	{"g+s", S_IFDIR | 0755, S_IFDIR | 02755},
	{"+t", S_IFDIR | 0777, S_IFDIR | 01777},
	{"u+t", S_IFDIR | 0777, S_IFDIR | 01777},
	{"u-t", S_IFDIR | 01777, S_IFDIR | 0777},
	{"-t", S_IFDIR | 01777, S_IFDIR | 0777},
	{"u-x", S_IFDIR | 01777, S_IFDIR | 01677},
	{"Dg+s", S_IFREG | 0755, S_IFREG | 0755},
	{"F-x", S_IFDIR | 0755, S_IFDIR | 0755},
	{"F-x", S_IFREG | 0755, S_IFREG | 0644},
	{"u=", S_IFREG | 0777, S_IFREG | 0077},
	{"u=r,u+w,u+x", S_IFREG | 0000, S_IFREG | 0700},
	{"0", S_IFREG | 07777, S_IFREG},
	{"7777", S_IFREG, S_IFREG | 07777},
};

static void test_apply(void **state)
{
	(void)state;
	for (size_t i = 0; i < unit_nr(cases); i++) {
		struct us_modespec spec = {0};
		mode_t after;

		assert_int_equal(us_modespec_parse(&spec, cases[i].text), 0);
		after = us_modespec_apply(&spec, cases[i].before);
		if (after != cases[i].after) {
			fail_msg("%s: %o became %o and not %o", cases[i].text, cases[i].before, after,
			         cases[i].after);
		}
	}
}

static void test_wrong(void **state)
{
	static const char *const texts[] = {"", "8", "u", "u=q", "z+x", "77777", "u+x,", ",u+x", "u+x,,g+x", "D", "755x", "-1"};

	(void)state;
	for (size_t i = 0; i < unit_nr(texts); i++) {
		struct us_modespec spec = {0};

		if (us_modespec_parse(&spec, texts[i]) != -EINVAL) {
			fail_msg("'%s' was taken", texts[i]);
		}
	}
}

/** One change more than there is room for is refused, not forgotten. */
static void test_room(void **state)
{
	struct us_modespec spec = {0};
	char text[(US_MODESPEC_MAX + 1) * 4 + 1] = "";

	(void)state;
	for (int i = 0; i < US_MODESPEC_MAX; i++) {
		strcat(text, i > 0 ? ",a+r" : "a+r");
	}
	assert_int_equal(us_modespec_parse(&spec, text), 0);
	strcat(text, ",a+r");
	spec = (struct us_modespec){0};
	assert_int_equal(us_modespec_parse(&spec, text), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_apply),
		cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_room),
	};

	return cmocka_run_group_tests_name("core/modespec", tests, NULL, NULL);
}
