/* SPDX-License-Identifier: MIT */
/* cli/json: the lines of --json. */
#include "unit.h"

#include "cli/json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static char *text;
static size_t length;

/** What is written to this stands in text when it is closed. */
static FILE *begin(void)
{
	FILE *out = open_memstream(&text, &length);

	assert_non_null(out);
	return out;
}

/** What was written is EXPECTED. */
static void end(FILE *out, const char *expected)
{
	fclose(out);
	assert_string_equal(text, expected);
	free(text);
}

/** One event, and its line. */
static void check_event(const struct usync_event *event, const char *expected)
{
	FILE *out = begin();

	json_event(out, event);
	end(out, expected);
}

static void test_events(void **state)
{
	(void)state;
	check_event(&(struct usync_event){.type = USYNC_EVENT_COPIED, .path = "s/a", .name = "a", .mode = S_IFREG | 0640,
	                                  .changes = USYNC_CHANGE_CONTENT | USYNC_CHANGE_SIZE},
	            "{\"type\":\"copied\",\"path\":\"s/a\",\"name\":\"a\",\"mode\":\"100640\","
	            "\"changes\":[\"content\",\"size\"]}\n");
	check_event(&(struct usync_event){.type = USYNC_EVENT_COPIED, .path = "s/l", .name = "l", .mode = S_IFLNK | 0777,
	                                  .changes = USYNC_CHANGE_NEW, .target = "to"},
	            "{\"type\":\"copied\",\"path\":\"s/l\",\"name\":\"l\",\"mode\":\"120777\",\"changes\":[\"new\"],"
	            "\"target\":\"to\"}\n");
	check_event(&(struct usync_event){.type = USYNC_EVENT_FAILED, .path = "s/a", .name = "a", .what = "open",
	                                  .error = EACCES},
	            "{\"type\":\"failed\",\"path\":\"s/a\",\"name\":\"a\",\"what\":\"open\",\"errno\":13,"
	            "\"error\":\"Permission denied\"}\n");
	check_event(&(struct usync_event){.type = USYNC_EVENT_DELETED, .path = "d/x", .name = "x", .mode = S_IFDIR},
	            "{\"type\":\"deleted\",\"path\":\"d/x\",\"name\":\"x\",\"directory\":true}\n");
	check_event(&(struct usync_event){.type = USYNC_EVENT_NOTE, .what = "it is so"},
	            "{\"type\":\"note\",\"what\":\"it is so\"}\n");
}

/** Texts that need escapes, and bytes that are no text. */
static void test_texts(void **state)
{
	static const struct {
		const char *text;
		const char *written;
	} rows[] = {
		{"a\"b\\c", "\"what\":\"a\\\"b\\\\c\""},
		{"\n\t\033\177", "\"what\":\"\\u000a\\u0009\\u001b\\u007f\""},
		{"caf\xc3\xa9", "\"what\":\"caf\\u00e9\""},
		{"\xe2\x80\xae", "\"what\":\"\\u202e\""},
		{"\xf0\x9f\x98\x80", "\"what\":\"\\ud83d\\ude00\""},
		{"\xff", "\"what_base64\":\"/w==\""},
		{"\xff\xfe", "\"what_base64\":\"//4=\""},
		{"a\xff" "c", "\"what_base64\":\"Yf9j\""},
		{"\xffname", "\"what_base64\":\"/25hbWU=\""},
		{"", "\"what\":\"\""},
	};

	(void)state;
	for (size_t i = 0; i < unit_nr(rows); i++) {
		char expected[128];

		snprintf(expected, sizeof(expected), "{\"type\":\"warning\",%s}\n", rows[i].written);
		check_event(&(struct usync_event){.type = USYNC_EVENT_WARNING, .what = rows[i].text}, expected);
	}
}

#define COUNTS                                                                                                      \
	"\"files\":1,\"directories\":2,\"symlinks\":3,\"specials\":4,\"links\":5,\"unchanged\":6,\"skipped\":7,"      \
	"\"deleted\":8,\"not_deleted\":9,\"verified\":10,\"failed\":11,\"vanished\":12,\"bytes\":18446744073709551615," \
	"\"by_rw\":17,\"by_splice\":18,\"by_cfr\":19,\"by_reflink\":20,\"in_ranges\":21,"

#define TOTALS "\"found\":14,\"unlisted\":15,"

#define SECONDS "\"seconds\":61.005"

static void test_counts(void **state)
{
	struct usync_stats stats = {
		.files = 1, .directories = 2, .symlinks = 3, .specials = 4, .links = 5, .unchanged = 6, .skipped = 7,
		.deleted = 8, .not_deleted = 9, .verified = 10, .failed = 11, .vanished = 12, .bytes = UINT64_MAX, .found = 14,
		.unlisted = 15, .by_rw = 17, .by_splice = 18, .by_cfr = 19, .by_reflink = 20, .in_ranges = 21,
		.elapsed_ns = 61005999999,
	};
	const uint64_t differences = 16;
	FILE *out = begin();

	(void)state;
	json_progress(out, &stats);
	end(out, "{\"type\":\"progress\"," COUNTS TOTALS SECONDS "}\n");
	out = begin();
	json_summary(out, &stats, NULL, LINES_INTERRUPTED);
	end(out, "{\"type\":\"summary\",\"end\":\"interrupted\"," COUNTS TOTALS SECONDS "}\n");
	out = begin();
	json_summary(out, &stats, &differences, LINES_COMPLETE);
	end(out, "{\"type\":\"summary\",\"end\":\"complete\"," COUNTS TOTALS SECONDS ",\"differences\":16}\n");
	/* A receiver knows no totals, and tells of none. */
	stats.found_unknown = true;
	out = begin();
	json_progress(out, &stats);
	end(out, "{\"type\":\"progress\"," COUNTS SECONDS "}\n");
	out = begin();
	json_fatal(out, "d: full", -ENOSPC);
	end(out, "{\"type\":\"fatal\",\"what\":\"d: full\",\"errno\":28}\n");
	out = begin();
	json_fatal(out, "", -ENOENT);
	end(out, "{\"type\":\"fatal\",\"what\":\"No such file or directory\",\"errno\":2}\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_counts),
	};

	return cmocka_run_group_tests_name("cli/json", tests, NULL, NULL);
}
