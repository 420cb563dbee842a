/* SPDX-License-Identifier: MIT */
/* core/entry_path: the path of one entry after another. */
#include "unit.h"

#include "core/dir.h"
#include "core/entry_path.h"
#include "sys/dents.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/** A root, "d" in it, "e" in that; the second is "copy" in the destination. */
static struct us_dir *dirs[3];

static int setup(void **state)
{
	(void)state;
	dirs[0] = us_dir_new(NULL, "src", "dst");
	dirs[1] = dirs[0] != NULL ? us_dir_new(dirs[0], "d", "copy") : NULL;
	dirs[2] = dirs[1] != NULL ? us_dir_new(dirs[1], "e", NULL) : NULL;
	return dirs[2] != NULL ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	for (size_t i = unit_nr(dirs); i > 0; i--) {
		us_dir_free(dirs[i - 1]);
	}
	return 0;
}

/** It begins with the path from the root of the copy, of which the user's own words are no part. */
static void test_init(void **state)
{
	static const char *const paths[] = {"", "copy", "copy/e"};

	(void)state;
	for (size_t i = 0; i < unit_nr(dirs); i++) {
		struct us_entry_path path;

		assert_int_equal(us_entry_path_init(&path, dirs[i]), 0);
		assert_string_equal(path.text, paths[i]);
		us_entry_path_fini(&path);
		assert_null(path.text);
	}
}

/** One name after another: longer, shorter, and none has anything of the last. */
static void test_set(void **state)
{
	static const char *const names[] = {"file", "a", "much longer than the last one", "b", "\xff\n", ""};

	(void)state;
	for (size_t d = 0; d < unit_nr(dirs); d++) {
		struct us_entry_path path;
		char expected[128];
		size_t length;

		assert_int_equal(us_entry_path_init(&path, dirs[d]), 0);
		length = strlen(path.text);
		for (size_t i = 0; i < unit_nr(names); i++) {
			int start = snprintf(expected, sizeof(expected), "%.*s%s", (int)length, path.text,
			                     length > 0 ? "/" : "");
			char *name;

			strcat(expected, names[i]);
			name = us_entry_path_set(&path, length, names[i]);
			assert_non_null(name);
			assert_string_equal(path.text, expected);
			assert_ptr_equal(name, path.text + start);
		}
		us_entry_path_cut(&path, length);
		assert_int_equal(strlen(path.text), length);
		us_entry_path_fini(&path);
	}
}

/** Down and up again, as a walk of what is below an entry does: names that are cut off do not come back. */
static void test_levels(void **state)
{
	struct us_entry_path path;
	size_t lengths[3];

	(void)state;
	assert_int_equal(us_entry_path_init(&path, dirs[1]), 0);
	lengths[0] = strlen(path.text);
	assert_non_null(us_entry_path_set(&path, lengths[0], "one"));
	lengths[1] = strlen(path.text);
	assert_non_null(us_entry_path_set(&path, lengths[1], "two"));
	lengths[2] = strlen(path.text);
	assert_non_null(us_entry_path_set(&path, lengths[2], "three"));
	assert_string_equal(path.text, "copy/one/two/three");
	us_entry_path_cut(&path, lengths[2]);
	assert_string_equal(path.text, "copy/one/two");
	us_entry_path_cut(&path, lengths[1]);
	assert_string_equal(path.text, "copy/one");
	assert_non_null(us_entry_path_set(&path, lengths[1], "x"));
	assert_string_equal(path.text, "copy/one/x");
	us_entry_path_cut(&path, 0);
	assert_string_equal(path.text, "");
	assert_non_null(us_entry_path_set(&path, 0, "top"));
	assert_string_equal(path.text, "top");
	us_entry_path_fini(&path);
}

/** It grows with the path, far beyond PATH_MAX, and keeps what stands there. */
static void test_long(void **state)
{
	enum { DEPTH = 200 };
	struct us_entry_path path;
	char name[NAME_MAX + 1];
	size_t length = 0;

	(void)state;
	assert_int_equal(us_entry_path_init(&path, dirs[0]), 0);
	for (size_t i = 0; i < DEPTH; i++) {
		memset(name, 'a' + (int)(i % 26), NAME_MAX);
		name[NAME_MAX] = '\0';
		assert_non_null(us_entry_path_set(&path, length, name));
		length = strlen(path.text);
		assert_int_equal(length, (i + 1) * (NAME_MAX + 1) - 1);
	}
	assert_true(length > (size_t)PATH_MAX * 2);
	for (size_t i = 0; i < length; i++) {
		char expected = i % (NAME_MAX + 1) == NAME_MAX ? '/' : (char)('a' + i / (NAME_MAX + 1) % 26);

		assert_int_equal(path.text[i], expected);
	}
	us_entry_path_fini(&path);
}

/** A type that is told is believed; one that is not is looked up, and a link to a directory is none. */
static void test_is_dir(void **state)
{
	static const struct {
		const char *name;
		unsigned char type;
		bool is_dir;
	} rows[] = {
		{"dir", DT_UNKNOWN, true}, {"file", DT_UNKNOWN, false}, {"link", DT_UNKNOWN, false},
		{"gone", DT_UNKNOWN, false}, {"dir", DT_DIR, true}, {"file", DT_REG, false},
		{"link", DT_LNK, false}, {"gone", DT_DIR, true}, {"dir", DT_REG, false},
		{"gone", DT_FIFO, false},
	};
	const char *tmp = getenv("TMPDIR");
	char root[64];
	int fd;

	(void)state;
	snprintf(root, sizeof(root), "%s/unit-entry-path.XXXXXX", tmp != NULL && strlen(tmp) < 32 ? tmp : "/tmp");
	assert_non_null(mkdtemp(root));
	fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(mkdirat(fd, "dir", 0700), 0);
	assert_int_equal(symlinkat("dir", fd, "link"), 0);
	assert_int_equal(close(openat(fd, "file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600)), 0);
	for (size_t i = 0; i < unit_nr(rows); i++) {
		struct us_dent dent = {.name = rows[i].name, .type = rows[i].type};

		if (us_entry_is_dir(fd, &dent) != rows[i].is_dir) {
			fail_msg("row %zu: '%s' of type %d", i, rows[i].name, rows[i].type);
		}
	}
	assert_int_equal(unlinkat(fd, "file", 0) | unlinkat(fd, "link", 0) | unlinkat(fd, "dir", AT_REMOVEDIR), 0);
	close(fd);
	assert_int_equal(rmdir(root), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_init), cmocka_unit_test(test_set),    cmocka_unit_test(test_levels),
		cmocka_unit_test(test_long), cmocka_unit_test(test_is_dir),
	};

	return cmocka_run_group_tests_name("core/entry_path", tests, setup, teardown);
}
