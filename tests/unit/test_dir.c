/* SPDX-License-Identifier: MIT */
/* core/dir: names, paths and identities of directories. */
#include "unit.h"

#include "core/dir.h"

#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/** Depth and length of the names whose path is longer than PATH_MAX. */
#define DEEP_NR 100u
#define DEEP_NAME 255u

/** A node that must come to be. */
static struct us_dir *make(struct us_dir *parent, const char *name, const char *dst_name)
{
	struct us_dir *dir = us_dir_new(parent, name, dst_name);

	assert_non_null(dir);
	return dir;
}

/** Hold the path of NAME in DIR against PATH. */
static void check_path(const struct us_dir *dir, const char *name, enum us_side side,
                       const char *path)
{
	char *found = us_dir_path(dir, name, side);

	assert_non_null(found);
	assert_string_equal(found, path);
	free(found);
}

/** The same from the root of the destination. */
static void check_relative(const struct us_dir *dir, const char *name, const char *path)
{
	char *found = us_dir_relative_path(dir, name);

	assert_non_null(found);
	assert_string_equal(found, path);
	free(found);
}

/** Names on both sides; a name too long for two is refused. */
static void test_names(void **state)
{
	struct us_dir *same = make(NULL, "same", NULL);
	struct us_dir *other = make(NULL, "a/b", "c");
	struct us_dir *empty = make(NULL, "", "dst");
	char *longest = calloc(1, UINT16_MAX + 1);

	(void)state;
	assert_string_equal(us_dir_name(same, US_SRC), "same");
	assert_string_equal(us_dir_name(same, US_DST), "same");
	assert_string_equal(us_dir_name(other, US_SRC), "a/b");
	assert_string_equal(us_dir_name(other, US_DST), "c");
	assert_string_equal(us_dir_name(empty, US_SRC), "");
	assert_string_equal(us_dir_name(empty, US_DST), "dst");
	us_dir_free(empty);

	assert_non_null(longest);
	memset(longest, 'n', UINT16_MAX);
	assert_null(us_dir_new(NULL, longest, "dst"));
	longest[UINT16_MAX - 1] = '\0';
	empty = make(NULL, longest, "dst");
	assert_string_equal(us_dir_name(empty, US_SRC), longest);
	assert_string_equal(us_dir_name(empty, US_DST), "dst");
	us_dir_free(empty);
	free(longest);
	us_dir_free(other);
	us_dir_free(same);
}

/** A new node is closed, has a share of its own in its end, and one in its parent's. */
static void test_new(void **state)
{
	struct us_dir *root = make(NULL, "src", "dst");
	struct us_dir *first = make(root, "a", NULL);
	struct us_dir *second = make(root, "b", NULL);

	(void)state;
	assert_null(root->parent);
	assert_ptr_equal(first->parent, root);
	assert_int_equal(atomic_load(&root->pending), 3);
	assert_int_equal(atomic_load(&first->pending), 1);
	assert_int_equal(atomic_load(&second->pending), 1);
	assert_int_equal(first->fd[US_SRC], -1);
	assert_int_equal(first->fd[US_DST], -1);
	assert_false(first->is_open);
	us_dir_free(second);
	us_dir_free(first);
	assert_int_equal(atomic_load(&root->pending), 3);
	us_dir_free(root);
}

/** Paths begin with what the user gave, whether it ends with a slash or not. */
static void test_paths(void **state)
{
	static const struct {
		const char *src;
		const char *dst;
		const char *src_path; /**< Of "f" in "d" in the root. */
		const char *dst_path;
	} rows[] = {
		{"src", "dst", "src/d/f", "dst/d/f"},
		{"/", "dst/", "/d/f", "dst/d/f"},
		{"a/b/", "/x", "a/b/d/f", "/x/d/f"},
		{".", "..", "./d/f", "../d/f"},
		{"same", NULL, "same/d/f", "same/d/f"},
	};

	(void)state;
	for (size_t i = 0; i < unit_nr(rows); i++) {
		struct us_dir *root = make(NULL, rows[i].src, rows[i].dst);
		struct us_dir *dir = make(root, "d", NULL);

		check_path(dir, "f", US_SRC, rows[i].src_path);
		check_path(dir, "f", US_DST, rows[i].dst_path);
		check_path(root, "d/f", US_SRC, rows[i].src_path);
		check_path(root, NULL, US_SRC, rows[i].src);
		check_path(root, NULL, US_DST, rows[i].dst != NULL ? rows[i].dst : rows[i].src);
		check_relative(dir, "f", "d/f");
		check_relative(dir, NULL, "d");
		check_relative(root, "f", "f");
		check_relative(root, NULL, "");
		us_dir_free(dir);
		us_dir_free(root);
	}
}

/** The root of several sources adds nothing to the sources' own paths; its name to the others. */
static void test_virtual_root(void **state)
{
	struct us_dir *root = make(NULL, "", "dst");
	struct us_dir *relative = make(root, "a/b", "b");
	struct us_dir *absolute = make(root, "/", ".");
	struct us_dir *below = make(relative, "c", NULL);

	(void)state;
	check_path(root, NULL, US_SRC, "");
	check_path(root, NULL, US_DST, "dst");
	check_path(root, "x/file", US_SRC, "x/file");
	check_path(root, "file", US_DST, "dst/file");
	check_path(relative, NULL, US_SRC, "a/b");
	check_path(relative, NULL, US_DST, "dst/b");
	check_path(below, "f", US_SRC, "a/b/c/f");
	check_path(below, "f", US_DST, "dst/b/c/f");
	check_path(absolute, "f", US_SRC, "/f");
	check_path(absolute, "f", US_DST, "dst/./f");
	check_relative(root, "file", "file");
	check_relative(relative, NULL, "b");
	check_relative(below, "f", "b/c/f");
	check_relative(absolute, "f", "./f");
	us_dir_free(below);
	us_dir_free(absolute);
	us_dir_free(relative);
	us_dir_free(root);
}

/** A path is not cut at PATH_MAX. */
static void test_deep(void **state)
{
	static char expected[16 + DEEP_NR * (DEEP_NAME + 1)];
	struct us_dir *dirs[DEEP_NR + 1];
	char name[DEEP_NAME + 1] = "";
	size_t length = 3;

	(void)state;
	memcpy(expected, "top", 4);
	dirs[0] = make(NULL, "top", NULL);
	for (size_t i = 1; i <= DEEP_NR; i++) {
		memset(name, 'a' + (int)(i % 26), DEEP_NAME);
		dirs[i] = make(dirs[i - 1], name, NULL);
		expected[length] = '/';
		memcpy(expected + length + 1, name, sizeof(name));
		length += DEEP_NAME + 1;
	}
	assert_true(length > (size_t)PATH_MAX * 2);
	check_path(dirs[DEEP_NR], NULL, US_SRC, expected);
	memcpy(expected + length, "/file", 6);
	check_path(dirs[DEEP_NR], "file", US_DST, expected);
	for (size_t i = DEEP_NR + 1; i > 0; i--) {
		us_dir_free(dirs[i - 1]);
	}
}

/** An identity is device and inode number, and every part of them counts. */
static void test_identity(void **state)
{
	const struct statx first = {
		.stx_ino = 1ull << 40 | 5,
		.stx_dev_major = 8,
		.stx_dev_minor = 1,
	};
	struct us_identity identity = us_identity_of(&first);
	struct statx other;

	(void)state;
	assert_int_equal(identity.ino, 1ull << 40 | 5);
	assert_int_equal(identity.dev_major, 8);
	assert_int_equal(identity.dev_minor, 1);
	assert_true(us_identity_is(&identity, &first));
	other = first;
	other.stx_ino = 5;
	assert_false(us_identity_is(&identity, &other));
	other = first;
	other.stx_dev_major = 9;
	assert_false(us_identity_is(&identity, &other));
	other = first;
	other.stx_dev_minor = 2;
	assert_false(us_identity_is(&identity, &other));
	other = first;
	other.stx_mode = 0755;
	other.stx_size = 17;
	assert_true(us_identity_is(&identity, &other));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_new),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_virtual_root),
		cmocka_unit_test(test_deep),
		cmocka_unit_test(test_identity),
	};

	return cmocka_run_group_tests_name("core/dir", tests, NULL, NULL);
}
