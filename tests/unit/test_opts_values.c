/* SPDX-License-Identifier: MIT */
/* cli/opts_values: lists of attributes, owners, files of patterns and files of names. */
#include "unit.h"

#include "cli/opts_values.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef __has_feature
#define __has_feature(name) 0
#endif

/** A sanitizer needs far more addresses than memory. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || __has_feature(address_sanitizer) || \
	__has_feature(thread_sanitizer)
#define HAS_SANITIZER true
#else
#define HAS_SANITIZER false
#endif

static struct opts opts;
static char path[64];
static char *message;
static size_t message_length;
static FILE *err;

static const struct option_def exclude_from = {.name = "exclude-from", .kind = KIND_FILTER_FILE, .value = 0};
static const struct option_def include_from = {.name = "include-from", .kind = KIND_FILTER_FILE, .value = 1};

/** Options without any value yet, and the name of a file that is there. */
static int setup(void **state)
{
	const char *tmp = getenv("TMPDIR");
	int fd;

	(void)state;
	opts = (struct opts){.job = USYNC_OPTIONS_INIT};
	snprintf(path, sizeof(path), "%s/unit-opts-values.XXXXXX", tmp != NULL && strlen(tmp) < 32 ? tmp : "/tmp");
	fd = mkstemp(path);
	err = open_memstream(&message, &message_length);
	return fd >= 0 && close(fd) == 0 && err != NULL ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	opts_free(&opts);
	fclose(err);
	free(message);
	return unlink(path);
}

/** Make the file's contents what TEXT, of LENGTH bytes, is. */
static void write_file(const char *text, size_t length)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, length, file), length);
	assert_int_equal(fclose(file), 0);
}

/** What was described so far; the next description begins anew. */
static const char *described(void)
{
	fflush(err);
	return message != NULL ? message : "";
}

/** Forget it. */
static void forget(void)
{
	opts_free(&opts);
	opts = (struct opts){.job = USYNC_OPTIONS_INIT};
	fclose(err);
	free(message);
	message = NULL;
	err = open_memstream(&message, &message_length);
	assert_non_null(err);
}

/** Lists of attributes: each name, several, and what is no list. */
static void test_keep(void **state)
{
	static const struct {
		const char *list;
		uint32_t bits; /**< 0: refused. */
	} rows[] = {
		{"mode", USYNC_KEEP_MODE}, {"times", USYNC_KEEP_TIMES}, {"timestamps", USYNC_KEEP_TIMES},
		{"atime", USYNC_KEEP_ATIME}, {"owner", USYNC_KEEP_OWNER}, {"ownership", USYNC_KEEP_OWNER},
		{"xattr", USYNC_KEEP_XATTR}, {"acl", USYNC_KEEP_ACL}, {"links", USYNC_KEEP_LINKS},
		{"all", USYNC_KEEP_ARCHIVE | USYNC_KEEP_ATIME}, {"mode,acl", USYNC_KEEP_MODE | USYNC_KEEP_ACL},
		{"acl,acl", USYNC_KEEP_ACL}, {"links,all", USYNC_KEEP_ARCHIVE | USYNC_KEEP_ATIME}, {"", 0},
		{",", 0}, {"mode,", 0}, {",mode", 0}, {"mode,,acl", 0}, {"mod", 0}, {"modes", 0}, {"MODE", 0},
		{"mode acl", 0}, {"mode, acl", 0}, {"mode,nothing", 0},
	};
	const struct option_def keep = {.name = "preserve", .kind = KIND_KEEP, .value = USYNC_KEEP_LINKS};
	const struct option_def drop = {.name = "no-preserve", .kind = KIND_DROP};

	(void)state;
	for (size_t i = 0; i < unit_nr(rows); i++) {
		opts.keep = opts.job.keep_strictly = 0;
		assert_int_equal(opts_store_keep(&opts, &keep, rows[i].list), rows[i].bits != 0 ? 0 : -EINVAL);
		assert_int_equal(opts.keep, rows[i].bits);
		assert_int_equal(opts.job.keep_strictly, rows[i].bits);
		opts.keep = opts.job.keep_strictly = UINT32_MAX;
		assert_int_equal(opts_store_keep(&opts, &drop, rows[i].list), rows[i].bits != 0 ? 0 : -EINVAL);
		assert_int_equal(opts.keep, ~rows[i].bits);
		assert_int_equal(opts.job.keep_strictly, ~rows[i].bits);
	}
}

/** Without a list the option's own bits are meant; what is already asked for stays; --archive is not strict. */
static void test_keep_adds(void **state)
{
	const struct option_def keep = {.name = "preserve", .kind = KIND_KEEP, .value = USYNC_KEEP_LINKS};
	const struct option_def all = {.name = "archive", .kind = KIND_KEEP_ALL, .value = USYNC_KEEP_ACL};

	(void)state;
	assert_int_equal(opts_store_keep(&opts, &keep, "mode"), 0);
	assert_int_equal(opts_store_keep(&opts, &keep, NULL), 0);
	assert_int_equal(opts_store_keep(&opts, &all, NULL), 0);
	assert_int_equal(opts.keep, USYNC_KEEP_MODE | USYNC_KEEP_LINKS | USYNC_KEEP_ACL);
	assert_int_equal(opts.job.keep_strictly, USYNC_KEEP_MODE | USYNC_KEEP_LINKS);
}

/** Lists of modes are the library's to read. */
static void test_modes(void **state)
{
	(void)state;
	assert_int_equal(opts_check_modes("D755,F644"), 0);
	assert_int_equal(opts_check_modes("u=rwX,go-w"), 0);
	assert_int_equal(opts_check_modes("u=q"), -EINVAL);
	assert_int_equal(opts_check_modes("9"), -EINVAL);
	assert_int_equal(opts_check_modes(","), -EINVAL);
}

/** Users and groups by number, each alone or both. */
static void test_owner_numbers(void **state)
{
	static const struct {
		const char *text;
		int64_t uid; /**< -1: not given. */
		int64_t gid;
	} rows[] = {
		{"4000000001:4000000002", 4000000001, 4000000002}, {"4000000001", 4000000001, -1},
		{"4000000001:", 4000000001, -1}, {":4000000002", -1, 4000000002}, {"0:0", 0, 0},
		{"4294967294:4294967294", 4294967294, 4294967294},
	};
	static const char *const wrong[] = {
		"", ":", "4294967295", ":4294967295", "4294967296", "99999999999999999999", "-1", ":-1", "+1",
		"1 ", " 1", "0x10", "1:2:3", "1.2", "no-such-user-here", ":no-such-group-here",
		"no-such-user-here:0", "0:no-such-group-here",
	};

	(void)state;
	for (size_t i = 0; i < unit_nr(rows); i++) {
		assert_int_equal(opts_store_owner(&opts, rows[i].text), 0);
		assert_int_equal(opts.job.chown_user, rows[i].uid >= 0);
		assert_int_equal(opts.job.chown_group, rows[i].gid >= 0);
		if (rows[i].uid >= 0) {
			assert_int_equal(opts.job.chown_uid, rows[i].uid);
		}
		if (rows[i].gid >= 0) {
			assert_int_equal(opts.job.chown_gid, rows[i].gid);
		}
	}
	for (size_t i = 0; i < unit_nr(wrong); i++) {
		if (opts_store_owner(&opts, wrong[i]) != -EINVAL) {
			fail_msg("'%s' is taken", wrong[i]);
		}
	}
}

/** The same by name. */
static void test_owner_names(void **state)
{
	const struct passwd *user = getpwuid(0);
	const struct group *group = getgrgid(0);
	char text[128];

	(void)state;
	if (user == NULL || group == NULL) {
		skip(); /* A container may have no /etc/passwd. */
	}
	snprintf(text, sizeof(text), "%s:%s", user->pw_name, group->gr_name);
	opts.job.chown_uid = opts.job.chown_gid = 7;
	assert_int_equal(opts_store_owner(&opts, text), 0);
	assert_true(opts.job.chown_user && opts.job.chown_group);
	assert_int_equal(opts.job.chown_uid, 0);
	assert_int_equal(opts.job.chown_gid, 0);
}

/** Hold the patterns, in their order, against EXPECTED: "+a -b ". */
static void check_filters(const char *expected)
{
	char found[512] = "";

	for (size_t i = 0; i < opts.job.nr_filters; i++) {
		size_t length = strlen(found);

		assert_ptr_equal(opts.filters[i].pattern, opts.patterns[i]);
		snprintf(found + length, sizeof(found) - length, "%c%s ", opts.filters[i].include ? '+' : '-',
		         opts.filters[i].pattern);
	}
	assert_string_equal(found, expected);
}

/** Patterns one by one; they are kept as copies. */
static void test_filter(void **state)
{
	char text[] = "a*";

	(void)state;
	assert_int_equal(opts_store_filter(&opts, text, true), 0);
	text[0] = 'x';
	assert_int_equal(opts_store_filter(&opts, "", false), -EINVAL);
	assert_int_equal(opts_store_filter(&opts, "b", false), 0);
	assert_int_equal(opts_store_filter(&opts, "- c", false), 0);
	check_filters("+a* -b -- c ");
}

/** Files of patterns: comments, empty lines, either end of line, a last line without one, kinds. */
static void test_filter_files(void **state)
{
	static const struct {
		const char *text;
		const char *excludes; /**< What --exclude-from makes of it. */
		const char *includes; /**< And --include-from. */
	} rows[] = {
		{"", "", ""}, {"\n\n", "", ""}, {"a", "-a ", "+a "}, {"a\n", "-a ", "+a "},
		{"a\nb", "-a -b ", "+a +b "}, {"a\r\nb\r\n", "-a -b ", "+a +b "}, {"a\r", "-a ", "+a "},
		{"\r\n", "", ""}, {"# a\n;b\n#\nc\n", "-c ", "+c "}, {" #a\n", "- #a ", "+ #a "},
		{"a#b\n", "-a#b ", "+a#b "}, {"+ a\n- b\nc\n", "+a -b -c ", "+a -b +c "},
		{"+a\n-b\n", "-+a --b ", "++a +-b "}, {"+ # a\n", "+# a ", "+# a "},
		{"- + a\n", "-+ a ", "-+ a "}, {"a b \n", "-a b  ", "+a b  "},
		{"\xff\xfe*\n", "-\xff\xfe* ", "+\xff\xfe* "}, {"a\rb\n", "-a\rb ", "+a\rb "},
	};

	(void)state;
	for (size_t i = 0; i < unit_nr(rows); i++) {
		write_file(rows[i].text, strlen(rows[i].text));
		assert_int_equal(opts_store_filter_file(&opts, &exclude_from, path, err), 0);
		check_filters(rows[i].excludes);
		forget();
		assert_int_equal(opts_store_filter_file(&opts, &include_from, path, err), 0);
		check_filters(rows[i].includes);
		assert_string_equal(described(), "");
		forget();
	}
}

/** A file's patterns stand behind those that were there before; a very long line is one pattern. */
static void test_filter_file_order(void **state)
{
	static char text[100001];

	(void)state;
	assert_int_equal(opts_store_filter(&opts, "first", true), 0);
	write_file("second\n", 7);
	assert_int_equal(opts_store_filter_file(&opts, &exclude_from, path, err), 0);
	check_filters("+first -second ");
	memset(text, 'p', sizeof(text) - 1);
	write_file(text, sizeof(text) - 1);
	assert_int_equal(opts_store_filter_file(&opts, &exclude_from, path, err), 0);
	assert_int_equal(opts.job.nr_filters, 3);
	assert_string_equal(opts.patterns[2], text);
}

/** What is wrong with a file of patterns is said, with its name and the option's. */
static void test_filter_file_mistakes(void **state)
{
	static const struct {
		const char *text;
		size_t length;
	} rows[] = {{"a\n+ \nb\n", 7}, {"- ", 2}, {"a\n- \r\n", 6}, {"a\0b\n", 4}, {"\0\n", 2}, {"a\0", 2}};

	(void)state;
	for (size_t i = 0; i < unit_nr(rows); i++) {
		write_file(rows[i].text, rows[i].length);
		assert_int_equal(opts_store_filter_file(&opts, &exclude_from, path, err), -EINVAL);
		assert_non_null(strstr(described(), "--exclude-from"));
		assert_non_null(strstr(described(), path));
		forget();
	}
	assert_int_equal(opts_store_filter_file(&opts, &exclude_from, "/no/such/file", err), -ENOENT);
	assert_non_null(strstr(described(), "/no/such/file"));
	forget();
	assert_int_equal(opts_store_filter_file(&opts, &exclude_from, "/", err), -EISDIR);
	assert_non_null(strstr(described(), strerror(EISDIR)));
}

/** Read the file of names: NAMES stand with '|' behind each. */
static void check_names(const char *text, size_t length, bool from0, const char *names)
{
	char found[512] = "";

	forget();
	write_file(text, length);
	opts.files_from = path;
	opts.from0 = from0;
	assert_int_equal(opts_load_files(&opts, err), 0);
	assert_string_equal(described(), "");
	assert_true(opts.job.only_files);
	for (size_t i = 0; i < opts.job.nr_files; i++) {
		size_t at = strlen(found);

		snprintf(found + at, sizeof(found) - at, "%s|", opts.files[i]);
	}
	assert_string_equal(found, names);
}

/** Files of names, one a line: every byte but the newline is part of a name. */
static void test_names(void **state)
{
	static const struct {
		const char *text;
		const char *names;
	} rows[] = {
		{"", ""}, {"\n\n\n", ""}, {"a", "a|"}, {"a\n", "a|"}, {"a\n\nb", "a|b|"}, {" a \n", " a |"},
		{"#a\n;b\n", "#a|;b|"}, {"a\r\n", "a\r|"}, {"\xff\xfe\n", "\xff\xfe|"},
		{"a/../b\n./c\n.\n", "a/../b|./c|.|"}, {"..a\na..\n...\na/..b/c\n", "..a|a..|...|a/..b/c|"},
		{"-\n", "-|"},
	};

	(void)state;
	assert_int_equal(opts_load_files(&opts, err), 0); /* None was asked for. */
	assert_false(opts.job.only_files);
	for (size_t i = 0; i < unit_nr(rows); i++) {
		check_names(rows[i].text, strlen(rows[i].text), false, rows[i].names);
	}
}

/** The same with NULs between them: then a newline is part of a name. */
static void test_names_nul(void **state)
{
	(void)state;
	check_names("", 0, true, "");
	check_names("\0\0", 2, true, "");
	check_names("a", 1, true, "a|");
	check_names("a\0", 2, true, "a|");
	check_names("a\0\0b\0", 5, true, "a|b|");
	check_names("a\nb\0c\n", 6, true, "a\nb|c\n|");
}

/** NULs where lines were asked for: the names behind the first one must not be lost in silence. */
static void test_names_forgot_0(void **state)
{
	static const struct {
		const char *text;
		size_t length;
	} rows[] = {{"a\0b\0c\0", 6}, {"a\0\n", 3}, {"x\n\0\n", 4}, {"\0", 1}};

	(void)state;
	for (size_t i = 0; i < unit_nr(rows); i++) {
		forget();
		write_file(rows[i].text, rows[i].length);
		opts.files_from = path;
		assert_int_equal(opts_load_files(&opts, err), -EINVAL);
		assert_non_null(strstr(described(), "--files-from"));
		assert_non_null(strstr(described(), "--from0"));
	}
}

/** Names by the ten thousand come in their order. */
static void test_names_many(void **state)
{
	enum { NR = 50000 };
	FILE *file = fopen(path, "we");
	char name[32];

	(void)state;
	assert_non_null(file);
	for (int i = 0; i < NR; i++) {
		fprintf(file, "dir/%d\n", i);
	}
	assert_int_equal(fclose(file), 0);
	opts.files_from = path;
	assert_int_equal(opts_load_files(&opts, err), 0);
	assert_int_equal(opts.job.nr_files, NR);
	for (int i = 0; i < NR; i++) {
		snprintf(name, sizeof(name), "dir/%d", i);
		assert_string_equal(opts.files[i], name);
	}
}

/** A name that leads out of the source is refused and named; so is a list with --delete, or that can't be read. */
static void test_names_mistakes(void **state)
{
	static const char *const wrong[] = {"..", "../a", "a/../..", "/..", "./../x", "a/b/../../../c", "a//../.."};

	(void)state;
	for (size_t i = 0; i < unit_nr(wrong); i++) {
		char text[64];

		forget();
		snprintf(text, sizeof(text), "fine\n%s\n", wrong[i]);
		write_file(text, strlen(text));
		opts.files_from = path;
		assert_int_equal(opts_load_files(&opts, err), -EINVAL);
		snprintf(text, sizeof(text), "'%s'", wrong[i]);
		assert_non_null(strstr(described(), text));
	}
	forget();
	opts.files_from = "/no/such/file";
	assert_int_equal(opts_load_files(&opts, err), -ENOENT);
	forget();
	opts.files_from = "/";
	assert_int_equal(opts_load_files(&opts, err), -EISDIR);
	assert_non_null(strstr(described(), strerror(EISDIR)));
}

/** Options that contradict each other. */
static void test_together(void **state)
{
	(void)state;
	forget();
	opts.files_from = path;
	assert_int_equal(opts_check_together(&opts, err), 0);
	opts.job.remove = true;
	assert_int_equal(opts_check_together(&opts, err), -EINVAL);
	assert_non_null(strstr(described(), "--delete"));
	forget();
	opts.job.reflink = USYNC_REFLINK_ALWAYS;
	assert_int_equal(opts_check_together(&opts, err), 0);
	opts.job.sparse = USYNC_SPARSE_ALWAYS;
	assert_int_equal(opts_check_together(&opts, err), -EINVAL);
	assert_non_null(strstr(described(), "--sparse=always"));
}

/** Read a file that has no end, with little memory, as names or as patterns.  @return 0 when it was refused. */
static int read_endless(bool patterns)
{
	const struct rlimit limit = {.rlim_cur = 64u << 20, .rlim_max = 64u << 20};
	int ret;

	if (setrlimit(RLIMIT_AS, &limit) != 0) {
		return 2;
	}
	opts.files_from = "/dev/zero";
	ret = patterns ? opts_store_filter_file(&opts, &exclude_from, "/dev/zero", err) : opts_load_files(&opts, err);
	return ret == -ENOMEM ? 0 : 1;
}

/** A list that memory does not hold is not taken for one that is at its end. */
static void test_no_memory(void **state)
{
	(void)state;
	if (HAS_SANITIZER) {
		skip();
	}
	for (int patterns = 0; patterns < 2; patterns++) {
		pid_t child = fork();
		int status;

		assert_true(child >= 0);
		if (child == 0) {
			_exit(read_endless(patterns != 0));
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_int_equal(status, 0);
	}
}

/** All can be freed twice, and after nothing. */
static void test_freed(void **state)
{
	(void)state;
	opts_free(&opts);
	write_file("a\nb\n", 4);
	opts.files_from = path;
	assert_int_equal(opts_load_files(&opts, err), 0);
	assert_int_equal(opts_store_filter(&opts, "a", true), 0);
	opts_free(&opts);
	assert_int_equal(opts.job.nr_files, 0);
	assert_int_equal(opts.job.nr_filters, 0);
	assert_null(opts.files);
	assert_null(opts.filters);
	opts_free(&opts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_keep, setup, teardown),
		cmocka_unit_test_setup_teardown(test_keep_adds, setup, teardown),
		cmocka_unit_test(test_modes),
		cmocka_unit_test_setup_teardown(test_owner_numbers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_owner_names, setup, teardown),
		cmocka_unit_test_setup_teardown(test_filter, setup, teardown),
		cmocka_unit_test_setup_teardown(test_filter_files, setup, teardown),
		cmocka_unit_test_setup_teardown(test_filter_file_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_filter_file_mistakes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_names, setup, teardown),
		cmocka_unit_test_setup_teardown(test_names_nul, setup, teardown),
		cmocka_unit_test_setup_teardown(test_names_forgot_0, setup, teardown),
		cmocka_unit_test_setup_teardown(test_names_many, setup, teardown),
		cmocka_unit_test_setup_teardown(test_names_mistakes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_together, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_memory, setup, teardown),
		cmocka_unit_test_setup_teardown(test_freed, setup, teardown),
	};

	return cmocka_run_group_tests_name("cli/opts_values", tests, NULL, NULL);
}
