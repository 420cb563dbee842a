/* SPDX-License-Identifier: MIT */
/* core/paths: the parts of a path, how it lies to a directory, and making it. */
#include "unit.h"

#include "core/paths.h"
#include "sys/call.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/** Who a test becomes when it is run as root. */
#define NOBODY 65534u

/** The test's own directory, which is also the working directory. */
static char top[64];

/** One path and what a function makes of it. */
struct row {
	const char *path;
	const char *result;
};

/** Hold FN against a table. */
static void check_rows(char *(*fn)(const char *), const struct row *rows, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		char *result = fn(rows[i].path);

		assert_non_null(result);
		if (strcmp(result, rows[i].result) != 0) {
			fail_msg("'%s' gives '%s'", rows[i].path, result);
		}
		free(result);
	}
}

/** A directory to work in: a/b/c, a/file, and links. */
static int setup(void **state)
{
	const char *tmp = getenv("TMPDIR");

	(void)state;
	umask(022);
	snprintf(top, sizeof(top), "%s/unit-paths.XXXXXX",
	         tmp != NULL && strlen(tmp) < 40 ? tmp : "/tmp");
	if (mkdtemp(top) == NULL || chmod(top, 0755) != 0 || chdir(top) != 0) {
		return -1;
	}
	close(open("file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	return mkdir("a", 0755) | mkdir("a/b", 0755) | mkdir("a/b/c", 0755) | mkdir("z", 0755) |
	       link("file", "a/file") | symlink("a/b", "to_b") | symlink("../../z", "a/b/to_z") |
	       symlink("missing", "dangling") | symlink("loop", "loop");
}

/** Remove one file or directory. */
static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

/** Remove it all. */
static int teardown(void **state)
{
	(void)state;
	return chdir("/") | nftw(top, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/** Last names. */
static void test_base(void **state)
{
	static const struct row rows[] = {
		{"b", "b"},         {"a/b", "b"},       {"a/b/", "b"},      {"a/b///", "b"},
		{"/b", "b"},        {"//b", "b"},       {"a//b", "b"},      {"./b", "b"},
		{"../b", "b"},      {"/", "."},         {"///", "."},       {".", "."},
		{"./", "."},        {"..", "."},        {"../", "."},       {"a/.", "."},
		{"a/..", "."},      {"a/../", "."},     {"", "."},          {"...", "..."},
		{"..a", "..a"},     {"a/.b", ".b"},     {"\xff\n/ ", " "},  {"a/b..", "b.."},
	};

	(void)state;
	check_rows(us_path_base, rows, unit_nr(rows));
}

/** What is before them. */
static void test_parent(void **state)
{
	static const struct row rows[] = {
		{"b", "."},         {"b/", "."},        {"a/b", "a"},       {"a/b/", "a"},
		{"a//b//", "a"},    {"/b", "/"},        {"//b", "/"},       {"/", "/"},
		{"///", "/"},       {"/a/b", "/a"},     {"a/b/c", "a/b"},   {"../b", ".."},
		{"a/..", "a"},      {".", "."},         {"", "."},
	};

	(void)state;
	check_rows(us_path_parent, rows, unit_nr(rows));
}

/** Slashes at the end. */
static void test_trailing_slash(void **state)
{
	(void)state;
	assert_true(us_path_has_trailing_slash("a/"));
	assert_true(us_path_has_trailing_slash("a//"));
	assert_true(us_path_has_trailing_slash("/"));
	assert_false(us_path_has_trailing_slash("a"));
	assert_false(us_path_has_trailing_slash("/a"));
	assert_false(us_path_has_trailing_slash("a/."));
	assert_false(us_path_has_trailing_slash(""));
}

/** Which directory PATH is. */
static struct us_identity identity_of(const char *path)
{
	struct statx stx;

	assert_int_equal(us_statx(AT_FDCWD, path, 0, &stx), 0);
	return us_identity_of(&stx);
}

/** How paths lie to the directory a: seen through links and "..", whether they exist or not. */
static void test_within(void **state)
{
	static const struct {
		const char *path;
		int relation;
	} rows[] = {
		{"a", US_PATH_SAME},
		{"a/", US_PATH_SAME},
		{"./a/.", US_PATH_SAME},
		{"a/b/..", US_PATH_SAME},
		{"to_b/..", US_PATH_SAME},
		{"a/b", US_PATH_WITHIN},
		{"a/b/c", US_PATH_WITHIN},
		{"to_b", US_PATH_WITHIN},
		{"to_b/", US_PATH_WITHIN},
		{"to_b/c", US_PATH_WITHIN},
		{"z/../a/b", US_PATH_WITHIN},
		{".", US_PATH_OUTSIDE},
		{"..", US_PATH_OUTSIDE},
		{"/", US_PATH_OUTSIDE},
		{"z", US_PATH_OUTSIDE},
		{"a/..", US_PATH_OUTSIDE},
		{"a/b/to_z", US_PATH_OUTSIDE},
		{"to_b/to_z", US_PATH_OUTSIDE},
		/* A file lies where its directory does. */
		{"a/file", US_PATH_WITHIN},
		{"file", US_PATH_OUTSIDE},
		/* So does what is yet to be made. */
		{"a/new", US_PATH_WITHIN},
		{"a/new/", US_PATH_WITHIN},
		{"a/new/and/more", US_PATH_WITHIN},
		{"a/b/../new", US_PATH_WITHIN},
		{"to_b/../new", US_PATH_WITHIN},
		{"to_b/new/more", US_PATH_WITHIN},
		{"new", US_PATH_OUTSIDE},
		{"new/a", US_PATH_OUTSIDE},
		{"aa", US_PATH_OUTSIDE},
		{"a/../new", US_PATH_OUTSIDE},
		{"a/b/to_z/new", US_PATH_OUTSIDE},
		{"dangling", US_PATH_OUTSIDE},
		{"loop", -ELOOP},
		{"loop/new", -ELOOP},
	};
	struct us_identity identity = identity_of("a");
	bool beyond;

	(void)state;
	for (size_t i = 0; i < unit_nr(rows); i++) {
		char path[128];
		int relation = us_path_is_within(rows[i].path, &identity, &beyond);

		if (relation != rows[i].relation) {
			fail_msg("'%s' gives %d", rows[i].path, relation);
		}
		if (rows[i].path[0] == '/') {
			continue;
		}
		assert_false(beyond);
		snprintf(path, sizeof(path), "%s//%s", top, rows[i].path);
		relation = us_path_is_within(path, &identity, &beyond);
		if (relation != rows[i].relation) {
			fail_msg("'%s' gives %d", path, relation);
		}
	}
}

/** The root of the file system holds everything and is in nothing. */
static void test_within_root(void **state)
{
	struct us_identity identity = identity_of("/");
	bool beyond;

	(void)state;
	assert_int_equal(us_path_is_within("/", &identity, &beyond), US_PATH_SAME);
	assert_int_equal(us_path_is_within("/..", &identity, &beyond), US_PATH_SAME);
	assert_int_equal(us_path_is_within("a/b", &identity, &beyond), US_PATH_WITHIN);
	assert_int_equal(us_path_is_within("/new/more", &identity, &beyond), US_PATH_WITHIN);
	assert_int_equal(us_path_is_within("/proc/new", &identity, &beyond), US_PATH_WITHIN);
	assert_true(beyond);
}

/** PATH is a directory with the permission bits MODE. */
static void check_dir(const char *path, mode_t mode)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	assert_true(S_ISDIR(st.st_mode));
	assert_int_equal(st.st_mode & 07777, mode);
}

/** One directory, several, with slashes and dots of all kinds, and ones that exist. */
static void test_make(void **state)
{
	char path[128];

	(void)state;
	assert_int_equal(us_path_make("m1", 0777), 0);
	check_dir("m1", 0755);
	assert_int_equal(us_path_make("m2/x/y", 0700), 0);
	check_dir("m2", 0755);
	check_dir("m2/x", 0755);
	check_dir("m2/x/y", 0700);
	assert_int_equal(us_path_make(".//m3//x///", 0777), 0);
	check_dir("m3/x", 0755);
	assert_int_equal(us_path_make("m4/./x/.", 0777), 0);
	check_dir("m4/x", 0755);
	assert_int_equal(us_path_make("m5/../m6/x", 0777), 0);
	check_dir("m6/x", 0755);
	assert_int_equal(us_path_make("to_b/m7/x", 0777), 0);
	check_dir("a/b/m7/x", 0755);
	snprintf(path, sizeof(path), "%s/m8/x/", top);
	assert_int_equal(us_path_make(path, 0777), 0);
	check_dir("m8/x", 0755);

	assert_int_equal(us_path_make("m2/x/y", 0777), 0);
	check_dir("m2/x/y", 0700);
	assert_int_equal(us_path_make("to_b", 0777), 0);
	assert_int_equal(us_path_make("/", 0777), 0);
	assert_int_equal(us_path_make(".", 0777), 0);
}

/** What can't be made says why, and leaves what is in its way. */
static void test_make_fails(void **state)
{
	char name[300] = "long/";
	struct stat st;

	(void)state;
	assert_int_equal(us_path_make("file", 0777), -ENOTDIR);
	assert_int_equal(us_path_make("file/", 0777), -ENOTDIR);
	assert_int_equal(us_path_make("file/x", 0777), -ENOTDIR);
	assert_int_equal(us_path_make("a/file/x/y", 0777), -ENOTDIR);
	assert_int_equal(us_path_make("loop/x", 0777), -ELOOP);
	assert_int_equal(us_path_make("dangling/x", 0777), -ENOENT);
	assert_int_equal(us_path_make("", 0777), -ENOENT);
	memset(name + 5, 'n', sizeof(name) - 6);
	assert_int_equal(us_path_make(name, 0777), -ENAMETOOLONG);
	assert_int_equal(stat("file", &st), 0);
	assert_true(S_ISREG(st.st_mode));
}

/** Rights count: for ordinary users, which root becomes for the time. */
static void test_rights(void **state)
{
	struct us_identity identity = identity_of("a");
	bool is_root = geteuid() == 0;
	int in_locked;
	int deep_in_locked;
	int under_open;
	int in_closed;
	int within;
	bool beyond;

	(void)state;
	assert_int_equal(us_path_make("locked/open", 0755) | us_path_make("a/closed/x", 0755), 0);
	assert_int_equal(chmod("locked/open", 0777) | chmod("locked", 0555), 0);
	assert_int_equal(chmod("a/closed", 0), 0);
	if (is_root) {
		assert_int_equal(seteuid(NOBODY), 0);
	}
	in_locked = us_path_make("locked/new", 0755);
	deep_in_locked = us_path_make("locked/new/x/y", 0755);
	/* That a parent can't be written to does not matter where nothing is missing from it. */
	under_open = us_path_make("locked/open/new/x", 0755);
	in_closed = us_path_make("a/closed/x/new", 0755);
	within = us_path_is_within("a/closed/x", &identity, &beyond);
	if (is_root) {
		assert_int_equal(seteuid(0), 0);
	}
	assert_int_equal(chmod("locked", 0755) | chmod("a/closed", 0755), 0);
	assert_int_equal(in_locked, -EACCES);
	assert_int_equal(deep_in_locked, -EACCES); /* Not that the parent is missing. */
	assert_int_equal(under_open, 0);
	check_dir("locked/open/new/x", 0755);
	assert_int_equal(in_closed, -EACCES);
	assert_int_equal(within, -EACCES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_base),
		cmocka_unit_test(test_parent),
		cmocka_unit_test(test_trailing_slash),
		cmocka_unit_test(test_within),
		cmocka_unit_test(test_within_root),
		cmocka_unit_test(test_make),
		cmocka_unit_test(test_make_fails),
		cmocka_unit_test(test_rights),
	};

	return cmocka_run_group_tests_name("core/paths", tests, setup, teardown);
}
