/* SPDX-License-Identifier: MIT */
/* base/quote: names made safe to print. */
#include "unit.h"

#include "base/quote.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	const char *quoted;
} rows[] = {
	{"", ""},
	{"plain name.txt", "plain name.txt"},
	{"a\nb", "a\\nb"},
	{"a\tb\rc", "a\\tb\\rc"},
	{"\033[31m", "\\033[31m"},
	{"\001\037\177", "\\001\\037\\177"},
	{"a\\nb", "a\\\\nb"},
	{"caf\xc3\xa9 \xff\xfe", "caf\xc3\xa9 \xff\xfe"},
};

/** Each name in its escaped form, and the length of that. */
static void test_rows(void **state)
{
	char out[64];

	(void)state;
	for (size_t i = 0; i < unit_nr(rows); i++) {
		assert_int_equal(us_quote(out, sizeof(out), rows[i].name), strlen(rows[i].quoted));
		assert_string_equal(out, rows[i].quoted);
	}
}

/** No byte below a space and no DEL comes through, and no two names look the same. */
static void test_every_byte(void **state)
{
	char quoted[256][8];

	(void)state;
	for (int byte = 1; byte < 256; byte++) {
		const char name[] = {(char)byte, '\0'};

		us_quote(quoted[byte], sizeof(quoted[byte]), name);
		for (const char *p = quoted[byte]; *p != '\0'; p++) {
			assert_true((unsigned char)*p >= 0x20 && *p != 0x7f);
		}
		for (int other = 1; other < byte; other++) {
			assert_string_not_equal(quoted[byte], quoted[other]);
		}
	}
}

/** A buffer that is too small is cut at a whole escape and always ended; the length is still the whole one. */
static void test_cut(void **state)
{
	char out[16];

	(void)state;
	memset(out, '#', sizeof(out));
	assert_int_equal(us_quote(out, 4, "ab\033c"), 7);
	assert_string_equal(out, "ab");
	assert_int_equal(out[4], '#');
	assert_int_equal(us_quote(out, 7, "ab\033c"), 7);
	assert_string_equal(out, "ab\\033");
	assert_int_equal(us_quote(out, 8, "ab\033c"), 7);
	assert_string_equal(out, "ab\\033c");
	assert_int_equal(us_quote(out, 1, "abc"), 3);
	assert_string_equal(out, "");
	assert_int_equal(us_quote(NULL, 0, "abc"), 3);
}

/** The stream form writes the same, and reports a stream that fails. */
static void test_stream(void **state)
{
	char *text = NULL;
	size_t length = 0;
	FILE *stream;

	(void)state;
	for (size_t i = 0; i < unit_nr(rows); i++) {
		stream = open_memstream(&text, &length);
		assert_non_null(stream);
		assert_int_equal(us_quote_write(stream, rows[i].name), 0);
		fclose(stream);
		assert_string_equal(text, rows[i].quoted);
		free(text);
		text = NULL;
	}
	stream = fopen("/dev/full", "w");
	assert_non_null(stream);
	setvbuf(stream, NULL, _IONBF, 0);
	assert_int_equal(us_quote_write(stream, "x"), -EIO);
	fclose(stream);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_every_byte),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_stream),
	};

	return cmocka_run_group_tests_name("base/quote", tests, NULL, NULL);
}
