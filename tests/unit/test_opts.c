/* SPDX-License-Identifier: MIT */
/* cli/opts: the command line. */
#include "unit.h"

#include "cli/opts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 16

static char *words[WORDS_MAX];
static char *message;

/** Split LINE at spaces and parse it; what is written about a mistake is in message. */
static int parse(struct opts *opts, const char *line)
{
	static char copy[256];
	char *rest = NULL;
	size_t length;
	FILE *err;
	int argc = 0;
	int ret;

	free(message);
	message = NULL;
	snprintf(copy, sizeof(copy), "uring-sync %s", line);
	for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
		assert_true(argc < WORDS_MAX - 1);
		words[argc++] = word;
	}
	words[argc] = NULL;
	err = open_memstream(&message, &length);
	assert_non_null(err);
	ret = opts_parse(opts, argc, words, err);
	fclose(err);
	return ret;
}

/** Parse a line that has to be right and quiet. */
static void parse_right(struct opts *opts, const char *line)
{
	assert_int_equal(parse(opts, line), 0);
	assert_string_equal(message, "");
}

/** Nothing but operands: everything is left to the library. */
static void test_defaults(void **state)
{
	struct opts opts;

	(void)state;
	parse_right(&opts, "src dst");
	assert_int_equal(opts.action, OPTS_COPY);
	assert_int_equal(opts.nr_sources, 1);
	assert_string_equal(opts.sources[0], "src");
	assert_string_equal(opts.destination, "dst");
	assert_int_equal(opts.job.version, USYNC_OPTIONS_VERSION);
	assert_int_equal(opts.job.jobs, 0);
	assert_int_equal(opts.job.chunk_size, 0);
	assert_int_equal(opts.job.queue_depth, 0);
	assert_int_equal(opts.job.io, USYNC_IO_AUTO);
	assert_false(opts.verbose);
	assert_false(opts.quiet);
}

/** Every option, in each way it may be written. */
static void test_every_option(void **state)
{
	static const char *const forms[] = {
		"-j 3 -c 8K -q 9 --io=async --splice -v --quiet a b",
		"-j3 -c8K -q9 --io async --splice --verbose --quiet a b",
		"--jobs=3 --chunk-size=8k --queue-depth=9 --io=async --splice -v --quiet a b",
		"--jobs 3 --chunk-size 8192 --queue-depth 9 --io async --splice -v --quiet a b",
		"a -j 3 b -c 8K --quiet -q 9 --io=async --splice -v",
		"-vj3 -c 8K -q 9 --io=async --splice --quiet -- a b",
	};

	(void)state;
	for (size_t i = 0; i < unit_nr(forms); i++) {
		struct opts opts;

		parse_right(&opts, forms[i]);
		assert_int_equal(opts.job.jobs, 3);
		assert_int_equal(opts.job.chunk_size, 8192);
		assert_int_equal(opts.job.queue_depth, 9);
		assert_int_equal(opts.job.io, USYNC_IO_ASYNC);
		assert_int_equal(opts.job.copy, USYNC_COPY_SPLICE);
		assert_true(opts.verbose);
		assert_true(opts.quiet);
		assert_int_equal(opts.nr_sources, 1);
		assert_string_equal(opts.sources[0], "a");
		assert_string_equal(opts.destination, "b");
	}
}

/** The words of --io and --order, and --sync, of which the last one counts. */
static void test_io(void **state)
{
	static const struct {
		const char *line;
		enum usync_io io;
	} rows[] = {
		{"--io=auto a b", USYNC_IO_AUTO},           {"--io=inline a b", USYNC_IO_INLINE},
		{"--io=async a b", USYNC_IO_ASYNC},         {"--io=sync a b", USYNC_IO_SYNC},
		{"--sync a b", USYNC_IO_SYNC},              {"--sync --io=inline a b", USYNC_IO_INLINE},
		{"--io=inline --sync a b", USYNC_IO_SYNC},
	};
	static const char *const orders[] = {"auto", "inode", "extent", "name", "none"};
	struct opts opts;

	(void)state;
	for (size_t i = 0; i < unit_nr(rows); i++) {
		parse_right(&opts, rows[i].line);
		assert_int_equal(opts.job.io, rows[i].io);
	}
	for (size_t i = 0; i < unit_nr(orders); i++) {
		char line[32];

		snprintf(line, sizeof(line), "--order=%s a b", orders[i]);
		parse_right(&opts, line);
		assert_int_equal(opts.job.order, i);
	}
	parse_right(&opts, "--splice --no-splice a b");
	assert_int_equal(opts.job.copy, USYNC_COPY_RW);
	parse_right(&opts, "-j 1 -j 2 a b");
	assert_int_equal(opts.job.jobs, 2);
}

/** Operands: several, ones that begin with a dash, a lone dash. */
static void test_operands(void **state)
{
	struct opts opts;

	(void)state;
	parse_right(&opts, "a -v b c d");
	assert_int_equal(opts.nr_sources, 3);
	assert_string_equal(opts.sources[0], "a");
	assert_string_equal(opts.sources[1], "b");
	assert_string_equal(opts.sources[2], "c");
	assert_string_equal(opts.destination, "d");
	parse_right(&opts, "-- -v --help");
	assert_string_equal(opts.sources[0], "-v");
	assert_string_equal(opts.destination, "--help");
	assert_false(opts.verbose);
	assert_int_not_equal(parse(&opts, "--"), 0);
	parse_right(&opts, "- -- --");
	assert_string_equal(opts.sources[0], "-");
	assert_string_equal(opts.destination, "--");
}

/** A verb is the first operand, wherever options stand; in any other place, and after "--", it is a name. */
static void test_verb(void **state)
{
	struct opts opts;

	(void)state;
	parse_right(&opts, "verify a b");
	assert_int_equal(opts.verb, OPTS_VERB_VERIFY);
	parse_right(&opts, "-a -j 4 verify a b");
	assert_int_equal(opts.verb, OPTS_VERB_VERIFY);
	assert_int_equal(opts.nr_sources, 1);
	assert_string_equal(opts.sources[0], "a");
	assert_string_equal(opts.destination, "b");
	assert_true(opts.job.dry_run);
	parse_right(&opts, "-a ./verify b");
	assert_int_equal(opts.verb, OPTS_VERB_COPY);
	parse_right(&opts, "-a -- verify b");
	assert_int_equal(opts.verb, OPTS_VERB_COPY);
	assert_string_equal(opts.sources[0], "verify");
	parse_right(&opts, "a verify b");
	assert_int_equal(opts.verb, OPTS_VERB_COPY);
	assert_int_equal(opts.nr_sources, 2);
	assert_false(opts.job.dry_run);
}

/** Help and version win over missing operands and over mistakes that come later. */
static void test_help(void **state)
{
	struct opts opts;

	(void)state;
	parse_right(&opts, "--help");
	assert_int_equal(opts.action, OPTS_HELP);
	parse_right(&opts, "-h --nonsense");
	assert_int_equal(opts.action, OPTS_HELP);
	parse_right(&opts, "a --version b");
	assert_int_equal(opts.action, OPTS_VERSION);
}

/** Each mistake is refused, names what is wrong, and says what is valid. */
static void test_mistakes(void **state)
{
	static const struct {
		const char *line;
		const char *names;
		const char *valid;
	} rows[] = {
		{"--jbos=4 a b", "--jbos", "--jobs"},
		{"--nonsense a b", "--nonsense", "--help"},
		{"-y a b", "-y", "--help"},
		{"-vy a b", "-y", "--help"},
		{"--job=4 a b", "--job", "--jobs"},
		{"-j 0 a b", "jobs", "1"},
		{"-j 1025 a b", "jobs", "1024"},
		{"-j -1 a b", "jobs", "1024"},
		{"-j 4x a b", "4x", "1024"},
		{"--jobs= a b", "jobs", "1024"},
		{"-j 99999999999999999999 a b", "jobs", "1024"},
		{"-j 4294967297 a b", "jobs", "1024"},
		{"-q 0 a b", "queue-depth", "4096"},
		{"-q 4097 a b", "queue-depth", "4096"},
		{"-c 4095 a b", "chunk-size", "4K"},
		{"-c 65M a b", "chunk-size", "64M"},
		{"-c 4KiB a b", "4KiB", "64M"},
		{"-c 1T a b", "1T", "64M"},
		{"--io=fast a b", "fast", "inline"},
		{"--io= a b", "io", "inline"},
		{"--order=size a b", "size", "extent"},
		{"--order= a b", "order", "extent"},
		{"--verbose=yes a b", "--verbose", "no value"},
		{"--sync=1 a b", "--sync", "no value"},
		{"a b -j", "jobs", "1024"},
		{"a b --chunk-size", "chunk-size", "64M"},
		{"a", "destination", "--help"},
		{"", "source", "--help"},
		{"-v --", "source", "--help"},
	};

	(void)state;
	for (size_t i = 0; i < unit_nr(rows); i++) {
		struct opts opts;

		if (parse(&opts, rows[i].line) != -EINVAL) {
			fail_msg("'%s' is taken", rows[i].line);
		}
		if (strncmp(message, "uring-sync: ", 12) != 0 || strstr(message, rows[i].names) == NULL ||
		    strstr(message, rows[i].valid) == NULL) {
			fail_msg("'%s' is answered by: %s", rows[i].line, message);
		}
	}
}

/** What a mistake quotes of the command line is made safe. */
static void test_mistake_quoted(void **state)
{
	struct opts opts;

	(void)state;
	assert_int_equal(parse(&opts, "--\033[31m a b"), -EINVAL);
	assert_null(strchr(message, '\033'));
	assert_int_equal(parse(&opts, "-j \033[31m a b"), -EINVAL);
	assert_null(strchr(message, '\033'));
	assert_int_equal(parse(&opts, "-\033 a b"), -EINVAL);
	assert_null(strchr(message, '\033'));
	assert_int_equal(parse(&opts, "a\033"), -EINVAL);
	assert_null(strchr(message, '\033'));
}

/** No line of the help is wider than 80 columns, and it names every option. */
static void test_help_text(void **state)
{
	static const char *const names[] = {
		"--jobs=", "--chunk-size=", "--queue-depth=", "--io=", "--sync", "--splice",
		"--no-splice", "--verbose", "--quiet", "--help", "--version",
	};
	char *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);

	(void)state;
	assert_non_null(out);
	opts_help(out);
	fclose(out);
	for (size_t i = 0; i < unit_nr(names); i++) {
		assert_non_null(strstr(text, names[i]));
	}
	for (const char *line = text; *line != '\0';) {
		size_t width = strcspn(line, "\n");

		assert_in_range(width, 0, 80);
		assert_true(width == 0 || line[width - 1] != ' ');
		line += width + (line[width] == '\n');
	}
	free(text);
}

/** Free the last message. */
static int teardown(void **state)
{
	(void)state;
	free(message);
	message = NULL;
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),  cmocka_unit_test(test_every_option),
		cmocka_unit_test(test_io),        cmocka_unit_test(test_operands), cmocka_unit_test(test_verb),
		cmocka_unit_test(test_help),      cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_help_text), cmocka_unit_test(test_mistake_quoted),
	};

	return cmocka_run_group_tests_name("cli/opts", tests, NULL, teardown);
}
