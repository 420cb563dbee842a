/* SPDX-License-Identifier: MIT */
/* core/filelist: the names to be copied, and the way to them through the directories. */
#include "unit.h"

#include "core/filelist.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/** Room for what walk() writes. */
#define WALK_MAX 1024

/** A list that must come to be. */
static struct us_filelist *make(const char *const *names, size_t nr)
{
	struct us_filelist *list = NULL;
	const char *wrong = NULL;

	assert_int_equal(us_filelist_new(&list, names, nr, &wrong), 0);
	assert_non_null(list);
	assert_null(wrong);
	return list;
}

/**
 * Write what a directory of RANGE holds to OUT: each name, then "!" when all of it is to be copied ("!+" when names
 * below it are listed, too), or its own names in brackets.
 */
static void walk(const struct us_filelist *list, struct us_filelist_range range, char *out)
{
	struct us_filelist_range below;
	const char *name;
	size_t length;
	size_t at = range.first;
	size_t before = at;

	while (us_filelist_next(list, &range, &at, &name, &length, &below)) {
		assert_true(at > before && at <= range.end);
		before = at;
		assert_true(length > 0 && strlen(out) + length + 8 < WALK_MAX);
		strncat(out, name, length);
		if (below.end == 0) {
			strcat(out, below.prefix > 0 ? "!+ " : "! ");
		} else {
			strcat(out, "[ ");
			walk(list, below, out);
			strcat(out, "] ");
		}
	}
	assert_int_equal(at, range.end);
}

/** Hold the walk of NAMES, which stand with spaces between them, against EXPECTED. */
static void check(const char *text, const char *expected)
{
	char copy[256];
	const char *names[32];
	size_t nr = 0;
	char *rest = NULL;
	struct us_filelist *list;
	struct us_filelist_range root;
	char out[WALK_MAX] = "";

	snprintf(copy, sizeof(copy), "%s", text);
	for (char *name = strtok_r(copy, " ", &rest); name != NULL; name = strtok_r(NULL, " ", &rest)) {
		assert_true(nr < unit_nr(names));
		names[nr++] = name;
	}
	list = make(names, nr);
	root = us_filelist_root(list);
	assert_int_not_equal(root.end, 0);
	walk(list, root, out);
	if (strcmp(out, expected) != 0) {
		fail_msg("'%s' is '%s', and not '%s'", text, out, expected);
	}
	us_filelist_free(list);
}

/** Names of one directory come one after the other, whatever bytes their further parts have. */
static void test_walk(void **state)
{
	static const struct {
		const char *names;
		const char *expected;
	} rows[] = {
		{"a", "a! "}, {"b a c", "a! b! c! "}, {"a/b", "a[ b! ] "}, {"a/b/c/d", "a[ b[ c[ d! ] ] ] "},
		{"a/y b a/x", "a[ x! y! ] b! "}, {"a a/b", "a!+ "}, {"a/b a", "a!+ "},
		{"a/b/c a/b a/d", "a[ b!+ d! ] "}, {"a.c a/b a", "a!+ a.c! "},
		{"a/b a.c a!d a/e", "a[ b! e! ] a!d! a.c! "}, {"ab a/b a", "a!+ ab! "},
		{"aa/x a/x aaa/x", "a[ x! ] aa[ x! ] aaa[ x! ] "},
		{"\xff/a \x01/a z", "\x01[ a! ] z! \xff[ a! ] "}, {"a\xff a/b a\x01", "a[ b! ] a\x01! a\xff! "},
		{"...", "...! "}, {".a ..b a../b", "..b! .a! a..[ b! ] "},
	};

	(void)state;
	for (size_t i = 0; i < unit_nr(rows); i++) {
		check(rows[i].names, rows[i].expected);
	}
}

/** "." and empty parts are dropped, ".." goes back, and a name that stands there twice stands there once. */
static void test_clean(void **state)
{
	static const struct {
		const char *names;
		const char *expected;
	} rows[] = {
		{"./a", "a! "}, {"a/", "a! "}, {"//a//b//", "a[ b! ] "}, {"a/./b", "a[ b! ] "}, {"/a", "a! "},
		{"a/../b", "b! "}, {"a/b/../../c", "c! "}, {"a/b/../c/.", "a[ c! ] "},
		{"a a ./a a/ b/../a", "a! "}, {"a/b a//b", "a[ b! ] "}, {"aa/bb/../b", "aa[ b! ] "},
		{"a/b/..", "a! "},
	};

	(void)state;
	for (size_t i = 0; i < unit_nr(rows); i++) {
		check(rows[i].names, rows[i].expected);
	}
}

/** A name that is the root itself, however it is spelled, means all of it. */
static void test_root(void **state)
{
	static const char *const names[] = {".", "", "/", "./", "a/..", "a/b/../..", ".//."};

	(void)state;
	for (size_t i = 0; i < unit_nr(names); i++) {
		const char *const both[] = {"other/name", names[i]};
		struct us_filelist *list = make(&names[i], 1);

		assert_int_equal(us_filelist_root(list).end, 0);
		us_filelist_free(list);
		list = make(both, 2);
		assert_int_equal(us_filelist_root(list).end, 0);
		us_filelist_free(list);
	}
}

/** An empty list is not "all": it has a range, and nothing in it. */
static void test_empty(void **state)
{
	struct us_filelist *list = make(NULL, 0);
	struct us_filelist_range root = us_filelist_root(list);
	struct us_filelist_range below;
	const char *name;
	size_t length;
	size_t at = root.first;

	(void)state;
	assert_int_not_equal(root.end, 0);
	assert_false(us_filelist_next(list, &root, &at, &name, &length, &below));
	us_filelist_free(list);
	us_filelist_free(NULL);
}

/** A name that leads out of the root is refused, and is the one that is told, though others are right. */
static void test_outside(void **state)
{
	static const char *const outside[] = {"..", "../a", "a/../..", "/..", "./../a", "a/../../a", "a/b/../../../c"};

	(void)state;
	for (size_t i = 0; i < unit_nr(outside); i++) {
		const char *const names[] = {"a/b", outside[i], "c"};
		struct us_filelist *list = NULL;
		const char *wrong = NULL;

		assert_int_equal(us_filelist_new(&list, names, unit_nr(names), &wrong), -EINVAL);
		assert_ptr_equal(wrong, outside[i]);
		assert_null(list);
	}
}

/** Names of many thousand: each is met once, in its directory. */
static void test_many(void **state)
{
	enum { DIRS = 100, FILES = 300 };
	char (*texts)[24] = calloc(DIRS * FILES, sizeof(*texts));
	const char **names = calloc(DIRS * FILES, sizeof(*names));
	struct us_filelist *list;
	struct us_filelist_range root;
	struct us_filelist_range dir;
	struct us_filelist_range below;
	const char *name;
	size_t length;
	size_t nr_dirs = 0;

	(void)state;
	assert_non_null(texts);
	assert_non_null(names);
	for (size_t i = 0; i < DIRS * FILES; i++) {
		size_t mixed = i * 7919 % (DIRS * FILES); /* A prime, so each is met once. */

		snprintf(texts[i], sizeof(texts[i]), "d%zu/f%zu", mixed % DIRS, mixed / DIRS);
		names[i] = texts[i];
	}
	list = make(names, DIRS * FILES);
	root = us_filelist_root(list);
	for (size_t at = root.first; us_filelist_next(list, &root, &at, &name, &length, &dir); nr_dirs++) {
		bool seen[FILES] = {0};
		size_t nr_files = 0;

		assert_int_equal(dir.end - dir.first, FILES);
		for (size_t file = dir.first; us_filelist_next(list, &dir, &file, &name, &length, &below); nr_files++) {
			size_t number = strtoul(name + 1, NULL, 10);

			assert_in_range(number, 0, FILES - 1);
			assert_false(seen[number]);
			seen[number] = true;
			assert_int_equal(below.end, 0);
			assert_int_equal(below.prefix, 0);
		}
		assert_int_equal(nr_files, FILES);
	}
	assert_int_equal(nr_dirs, DIRS);
	us_filelist_free(list);
	free(names);
	free(texts);
}

/** A path much longer than PATH_MAX, of which every part is passed on the way. */
static void test_deep(void **state)
{
	enum { DEPTH = 10000 };
	char *text = malloc(2 * DEPTH);
	const char *const names[] = {text};
	struct us_filelist *list;
	struct us_filelist_range range;
	const char *name;
	size_t length;

	(void)state;
	assert_non_null(text);
	for (size_t i = 0; i < DEPTH; i++) {
		text[2 * i] = (char)('a' + i % 26);
		text[2 * i + 1] = '/';
	}
	text[2 * DEPTH - 1] = '\0';
	list = make(names, 1);
	range = us_filelist_root(list);
	for (size_t i = 0; i < DEPTH; i++) {
		struct us_filelist_range below;
		size_t at = range.first;

		assert_true(us_filelist_next(list, &range, &at, &name, &length, &below));
		assert_int_equal(length, 1);
		assert_int_equal(*name, 'a' + i % 26);
		assert_int_equal(below.end == 0, i + 1 == DEPTH);
		assert_false(us_filelist_next(list, &range, &at, &name, &length, &(struct us_filelist_range){0}));
		range = below;
	}
	us_filelist_free(list);
	free(text);
}

/** The list keeps its own copy of the names. */
static void test_copied(void **state)
{
	char text[] = "a/b";
	const char *const names[] = {text};
	struct us_filelist *list = make(names, 1);
	char out[WALK_MAX] = "";

	(void)state;
	memset(text, 'x', 3);
	walk(list, us_filelist_root(list), out);
	assert_string_equal(out, "a[ b! ] ");
	us_filelist_free(list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_walk),  cmocka_unit_test(test_clean),   cmocka_unit_test(test_root),
		cmocka_unit_test(test_empty), cmocka_unit_test(test_outside), cmocka_unit_test(test_many),
		cmocka_unit_test(test_deep),  cmocka_unit_test(test_copied),
	};

	return cmocka_run_group_tests_name("core/filelist", tests, NULL, NULL);
}
