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
	{"caf\xc3\xa9 \xff\xfe", "caf\xc3\xa9 \\377\\376"},
	/* Readable names of many scripts, with the joiners and the selector that they need. */
	{"\xe6\x97\xa5\xe6\x9c\xac", "\xe6\x97\xa5\xe6\x9c\xac"},
	{"\xd9\x85\xdb\x8c\xe2\x80\x8c\xd8\xae", "\xd9\x85\xdb\x8c\xe2\x80\x8c\xd8\xae"},
	{"\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x94\xac\xef\xb8\x8f",
	 "\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x94\xac\xef\xb8\x8f"},
	/* C1 controls: as bytes, of which 0x9b begins a terminal's control sequence, and as characters. */
	{"\x9b" "31m\x80\x9f", "\\23331m\\200\\237"},
	{"\xc2\x9b" "31m", "\\302\\23331m"},
	{"\xc2\xa0", "\xc2\xa0"},
	/*
	 * "gpj.exe" shown as "exe.jpg"; isolates; a mark of direction; what has no width; a new line of another kind.
	 */
	{"\xe2\x80\xae" "gpj.exe", "\\342\\200\\256gpj.exe"},
	{"\xe2\x81\xa6" "a\xe2\x81\xa9", "\\342\\201\\246a\\342\\201\\251"},
	{"\xe2\x80\x8f\xd8\x9c", "\\342\\200\\217\\330\\234"},
	{"a\xe2\x80\x8b\xc2\xad\xef\xbb\xbf" "b", "a\\342\\200\\213\\302\\255\\357\\273\\277b"},
	{"a\xe2\x80\xa8" "b", "a\\342\\200\\250b"},
	{"\xf3\xa0\x81\x81", "\\363\\240\\201\\201"},
	/* No characters: longer than need be, a surrogate, above the last one, cut short, in the middle of one. */
	{"\xc0\xaf", "\\300\\257"},
	{"\xe0\x80\xaf", "\\340\\200\\257"},
	{"\xed\xa0\x80", "\\355\\240\\200"},
	{"\xf4\x90\x80\x80", "\\364\\220\\200\\200"},
	{"\xf5\x80\x80\x80", "\\365\\200\\200\\200"},
	{"\xe6\x97", "\\346\\227"},
	{"\xe6\x97x", "\\346\\227x"},
	{"\xa5\xf4\x8f\xbf\xbf", "\\245\xf4\x8f\xbf\xbf"},
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

/** No byte but printable ASCII comes through alone, and no two names look the same. */
static void test_every_byte(void **state)
{
	char quoted[256][8];

	(void)state;
	for (int byte = 1; byte < 256; byte++) {
		const char name[] = {(char)byte, '\0'};

		us_quote(quoted[byte], sizeof(quoted[byte]), name);
		for (const char *p = quoted[byte]; *p != '\0'; p++) {
			assert_in_range((unsigned char)*p, 0x20, 0x7e);
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
	/* A character is not cut, nor is what comes behind one that had no room. */
	assert_int_equal(us_quote(out, 3, "a\xc3\xa9" "b"), 4);
	assert_string_equal(out, "a");
	assert_int_equal(us_quote(out, 4, "a\xc3\xa9" "b"), 4);
	assert_string_equal(out, "a\xc3\xa9");
	assert_int_equal(us_quote(out, 12, "\xe2\x80\xae" "b"), 13);
	assert_string_equal(out, "");
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
