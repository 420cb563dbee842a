/* SPDX-License-Identifier: MIT */
/* core/glob: shell patterns over bytes. */
#include "unit.h"

#include "core/glob.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/** One text held against one pattern. */
struct row {
	const char *glob;
	const char *text;
	bool matches;
};

/** Hold each row of a table, of which the text is a string. */
static void check(const struct row *rows, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		if (us_glob_match(rows[i].glob, rows[i].text, strlen(rows[i].text)) != rows[i].matches) {
			fail_msg("'%s' %s '%s'", rows[i].glob, rows[i].matches ? "must match" : "must not match",
			         rows[i].text);
		}
	}
}

/** A pattern without special bytes is the text itself, all of it; an empty one is no exception. */
static void test_plain(void **state)
{
	static const struct row rows[] = {
		{"", "", true}, {"", "a", false}, {"a", "", false}, {"abc", "abc", true}, {"abc", "ab", false},
		{"ab", "abc", false}, {"abc", "xabc", false}, {"a/b", "a/b", true}, {"a/b", "a", false},
		{"\xff", "\xff", true}, {"\xff", "\xfe", false}, {"A", "a", false}, {"{a,b}", "a", false},
		{"{a,b}", "{a,b}", true}, {"]", "]", true}, {"-", "-", true}, {"a.c", "abc", false},
	};

	(void)state;
	check(rows, unit_nr(rows));
}

/** One star or question mark stays in its name. */
static void test_in_name(void **state)
{
	static const struct row rows[] = {
		{"?", "a", true}, {"?", "", false}, {"?", "/", false}, {"?", "ab", false}, {"?", "\x80", true},
		{"?", "\xc3\xa9", false}, {"??", "\xc3\xa9", true}, {"*", "", true}, {"*", "a.b", true},
		{"*", "a/b", false}, {"*", "/", false}, {"a*", "a", true}, {"*a", "bab", false},
		{"*ab", "aab", true}, {"a*b*c", "axbxbxc", true}, {"a*b*c", "axbxbx", false},
		{"*/*", "a/b", true}, {"*/*", "a/b/c", false}, {"*/*/*", "a/b/c", true},
		{"a*/b", "a/x/b", false}, {"*?", "", false}, {"*?", "a", true}, {"?*", "/a", false},
		{"a?b", "a/b", false}, {"*/", "a/", true}, {"*/b*", "a/bc/b", false}, {".*", ".", true},
		{"*", ".hidden", true},
	};

	(void)state;
	check(rows, unit_nr(rows));
}

/** Two stars and more go over slashes, also when a star alone could not get any further behind them. */
static void test_across_names(void **state)
{
	static const struct row rows[] = {
		{"**", "", true}, {"**", "a/b/c", true}, {"***", "a/b", true}, {"**", "/", true},
		{"a/**", "a/b/c", true}, {"a/**", "a/", true}, {"a/**", "a", false}, {"**/c", "a/b/c", true},
		{"**/c", "c", false}, {"**c", "c", true}, {"a/**/c", "a/c", false}, {"a/**/c", "a/b/c", true},
		{"a**c", "a/x/c", true}, {"a**c", "a/x/d", false}, {"**a*b", "a/ab", true},
		{"**a*b", "a/a/b", false}, {"**/a*b/c", "ab/x/aab/c", true}, {"**/a*b/c", "x/a/b/c", false},
		{"*x**y", "axbx/y", true}, {"*x**y", "a/x/y", false}, {"**x*y", "x/xy/xay", true},
		{"**x*y", "x/xy/xa", false}, {"**a**b", "xx/a/b", true}, {"**a**b", "xx/b/a", false},
		{"**?", "a/", false}, {"**?", "/a", true}, {"*a**", "b/a", false},
	};

	(void)state;
	check(rows, unit_nr(rows));
}

/** Classes: ranges, negated ones, and bytes that mean something else in the first place or behind a backslash. */
static void test_classes(void **state)
{
	static const struct row rows[] = {
		{"[abc]", "b", true}, {"[abc]", "d", false}, {"[abc]", "", false}, {"[abc]", "ab", false},
		{"[a-c]", "a", true}, {"[a-c]", "c", true}, {"[a-c]", "d", false}, {"[a-c]", "-", false},
		{"[c-a]", "b", false}, {"[a-a]", "a", true}, {"[a-]", "-", true}, {"[a-]", "a", true},
		{"[a-]", "b", false}, {"[-a]", "-", true}, {"[--0]", ".", true}, {"[--0]", "1", false},
		{"[a-c-e]", "-", true}, {"[a-c-e]", "d", false}, {"[!a]", "b", true}, {"[!a]", "a", false},
		{"[^a]", "b", true}, {"[^a]", "a", false}, {"[a!]", "!", true}, {"[a^]", "^", true},
		{"[!!]", "!", false}, {"[!^]", "^", false}, {"[]]", "]", true}, {"[]]", "a", false},
		{"[]a]", "a", true}, {"[!]]", "]", false}, {"[!]]", "a", true}, {"[]-a]", "^", true},
		{"[[]", "[", true}, {"[*]", "*", true}, {"[*]", "a", false}, {"[?]", "a", false},
		{"[\\]]", "]", true}, {"[\\]]", "\\", false}, {"[\\\\]", "\\", true}, {"[\\a]", "a", true},
		{"[\\a]", "\\", false}, {"[a\\-c]", "b", false}, {"[a\\-c]", "-", true}, {"[\\!a]", "!", true},
		{"[a-\\c]", "b", true}, {"[\x80-\xff]", "\xc3", true}, {"[\x80-\xff]", "\x7f", false},
		{"[a-c]x[!a-c]", "bxd", true}, {"[a-c]x[!a-c]", "bxb", false}, {"*[0-9]", "ab7", true},
		{"*[0-9]", "7ab", false},
	};

	(void)state;
	check(rows, unit_nr(rows));
}

/** No class is a slash, by whatever it is let in. */
static void test_class_slash(void **state)
{
	static const struct row rows[] = {
		{"[/]", "/", false}, {"[!a]", "/", false}, {"[.-0]", "/", false}, {"a[/]b", "a/b", false},
		{"[[:punct:]]", "/", false}, {"[![:alpha:]]", "/", false}, {"[.-0]", ".", true},
		{"[/a]", "a", true},
	};

	(void)state;
	check(rows, unit_nr(rows));
}

/** Every named class holds exactly the ASCII bytes that its name says, and stands beside others. */
static void test_named_classes(void **state)
{
	static const struct row rows[] = {
		{"[[:alpha:]_]", "_", true}, {"[[:alpha:]_]", "1", false}, {"[[:alpha:][:digit:]]", "1", true},
		{"[[:alpha:][:digit:]]", "_", false}, {"[![:digit:]]", "a", true}, {"[![:digit:]]", "5", false},
		{"[[:digit:]-z]", "-", true}, {"[[:digit:]-z]", "y", false}, {"[[:nope:]]", "a", false},
		{"[[:nope:]a]", "a", false}, {"[[:ALPHA:]]", "a", false}, {"[[::]]", ":", false},
		{"[:alpha:]", "a", true}, {"[:alpha:]", ":", true}, {"[:alpha:]", "b", false},
		{"[[:digit:]]*", "7z", true},
	};
	static const struct {
		const char *glob;
		const char *members; /**< All of them below 0x80, but for the slash. */
	} classes[] = {
		{"[[:digit:]]", "0123456789"},
		{"[[:xdigit:]]", "0123456789abcdefABCDEF"},
		{"[[:lower:]]", "abcdefghijklmnopqrstuvwxyz"},
		{"[[:upper:]]", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"},
		{"[[:alpha:]]", "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"},
		{"[[:alnum:]]", "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"},
		{"[[:blank:]]", " \t"},
		{"[[:space:]]", " \t\n\v\f\r"},
		{"[[:punct:]]", "!\"#$%&'()*+,-.:;<=>?@[\\]^_`{|}~"},
	};

	(void)state;
	check(rows, unit_nr(rows));
	for (size_t i = 0; i < unit_nr(classes); i++) {
		for (int c = 1; c < 128; c++) {
			char byte = (char)c;

			if (us_glob_match(classes[i].glob, &byte, 1) != (strchr(classes[i].members, c) != NULL)) {
				fail_msg("%s and byte %d", classes[i].glob, c);
			}
		}
	}
	for (int c = 0; c < 128; c++) {
		char byte = (char)c;
		bool is_control = c < 32 || c == 127;

		assert_int_equal(us_glob_match("[[:cntrl:]]", &byte, 1), is_control);
		assert_int_equal(us_glob_match("[[:print:]]", &byte, 1), !is_control && c != '/');
		assert_int_equal(us_glob_match("[[:graph:]]", &byte, 1), !is_control && c != '/' && c != ' ');
	}
}

/** A class that is not closed matches nothing, also negated, and nothing behind the pattern's end is read. */
static void test_open_classes(void **state)
{
	static const char *const globs[] = {
		"[",  "[!",  "[^",    "[]",          "[!]",        "[a",   "[a-", "[a-z",
		"[\\", "[a\\", "[a\\]", "[[:alpha:]", "[[:alpha:", "[[:", "[[",  "[[:x",
	};

	(void)state;
	for (size_t i = 0; i < unit_nr(globs); i++) {
		size_t length = strlen(globs[i]);
		char *copy = malloc(length + 1); /* So that a sanitizer sees where it ends. */

		assert_non_null(copy);
		memcpy(copy, globs[i], length + 1);
		for (int c = 0; c < 256; c++) {
			char byte = (char)c;

			assert_false(us_glob_match(copy, &byte, 1));
		}
		assert_false(us_glob_match(copy, copy, length));
		assert_false(us_glob_match(copy, "", 0));
		free(copy);
	}
}

/** A backslash takes the meaning from what stands behind it. */
static void test_backslash(void **state)
{
	static const struct row rows[] = {
		{"\\*", "*", true}, {"\\*", "a", false}, {"\\?", "?", true}, {"\\?", "a", false},
		{"\\[a]", "[a]", true}, {"\\[a]", "a", false}, {"\\\\", "\\", true}, {"*\\\\", "ab\\", true},
		{"\\\\", "\\\\", false}, {"\\a", "a", true}, {"\\a", "\\a", false}, {"\\**", "*x", true},
		{"\\**", "x", false}, {"\\*\\*", "**", true}, {"*\\*", "a/*", false}, {"\\/", "/", true},
	};

	(void)state;
	check(rows, unit_nr(rows));
}

/** The text is so many bytes: a NUL is one like any other, and what stands behind the last does not count. */
static void test_bytes(void **state)
{
	static const char text[] = {'a', '\0', 'b'};

	(void)state;
	assert_true(us_glob_match("a?b", text, 3));
	assert_true(us_glob_match("a*", text, 3));
	assert_true(us_glob_match("a[!x]b", text, 3));
	assert_false(us_glob_match("a", text, 3));
	assert_false(us_glob_match("ab", text, 3));
	assert_true(us_glob_match("a", text, 1));
	assert_true(us_glob_match("a", "abc", 1));
	assert_false(us_glob_match("abc", "abc", 2));
	assert_true(us_glob_match("", "abc", 0));
}

/** What looks like a part of its own and has no end is taken as rsync(1) takes it. */
static void test_unfinished(void **state)
{
	static const struct row rows[] = {
		{"[[:]", "[", true}, {"[[:]", ":", true}, {"[[:]", "a", false}, {"[[:x]", "x", true},
		{"[![:]]", "a]", true}, {"[![:]]", ":]", false}, {"[[:x]:]", ":", false},
		{"[[:x]:]", "x:]", true}, {"[[::]]", "[", false}, {"\\", "\\", false}, {"a\\", "a\\", false},
		{"a\\", "a", false}, {"**\\", "\\", false}, {"\\", "", false},
	};

	static const char end[] = {'\\', '\0', '\0'};

	(void)state;
	check(rows, unit_nr(rows));
	assert_false(us_glob_match(end, "", 1)); /* Its NUL is not what the backslash stands before. */
}

/** A long text and many stars of both kinds: a matcher that tries all ways, or calls itself, would not come back. */
static void test_huge(void **state)
{
	static const size_t length = 4096;
	char *text = malloc(length);
	char glob[4 * 64 + 3] = "";

	(void)state;
	assert_non_null(text);
	memset(text, 'a', length);
	for (size_t i = 63; i < length; i += 64) {
		text[i] = '/';
	}
	for (int i = 0; i < 64; i++) {
		strcat(glob, i % 2 == 0 ? "**a" : "*a");
	}
	strcat(glob, "*");
	text[length - 1] = 'a';
	assert_true(us_glob_match(glob, text, length));
	strcat(glob, "b");
	assert_false(us_glob_match(glob, text, length));
	text[length - 1] = 'b';
	assert_true(us_glob_match(glob, text, length));
	assert_true(us_glob_match("**", text, length));
	assert_false(us_glob_match("*", text, length));
	free(text);
}

/** What a plain, slow matcher that tries every way says; for patterns of plain bytes and stars. */
static bool slow_match(const char *glob, const char *text)
{
	size_t stars = strspn(glob, "*");

	if (stars == 0) {
		return *glob == *text && (*glob == '\0' || slow_match(glob + 1, text + 1));
	}
	while (!slow_match(glob + stars, text)) {
		if (*text == '\0' || (stars == 1 && *text == '/')) {
			return false;
		}
		text++;
	}
	return true;
}

/** Write the string number N of all that have three kinds of bytes. */
static void spell(char *out, unsigned int n, const char *bytes)
{
	for (; n > 0; n = (n - 1) / 3) {
		*out++ = bytes[(n - 1) % 3];
	}
	*out = '\0';
}

/** All patterns of seven bytes and less against all texts of five and less: stars taken back once find all there is. */
static void test_against_slow(void **state)
{
	static const unsigned int nr_globs = 3 + 9 + 27 + 81 + 243 + 729 + 2187;
	static const unsigned int nr_texts = 3 + 9 + 27 + 81 + 243;
	unsigned int nr_matches = 0;

	(void)state;
	for (unsigned int g = 0; g <= nr_globs; g++) {
		char glob[8];

		spell(glob, g, "a/*");
		for (unsigned int t = 0; t <= nr_texts; t++) {
			char text[8];
			bool expected;

			spell(text, t, "ab/");
			expected = slow_match(glob, text);
			nr_matches += expected;
			if (us_glob_match(glob, text, strlen(text)) != expected) {
				fail_msg("'%s' and '%s': not %d", glob, text, expected);
			}
		}
	}
	assert_true(nr_matches > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),         cmocka_unit_test(test_in_name),
		cmocka_unit_test(test_across_names),  cmocka_unit_test(test_classes),
		cmocka_unit_test(test_class_slash),   cmocka_unit_test(test_named_classes),
		cmocka_unit_test(test_open_classes),  cmocka_unit_test(test_backslash),
		cmocka_unit_test(test_bytes),         cmocka_unit_test(test_huge),
		cmocka_unit_test(test_against_slow),  cmocka_unit_test(test_unfinished),
	};

	return cmocka_run_group_tests_name("core/glob", tests, NULL, NULL);
}
