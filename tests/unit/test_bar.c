/* SPDX-License-Identifier: MIT */
/* cli/bar: how far a copy is, in words. */
#include "unit.h"

#include "cli/bar.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND UINT64_C(1000000000)

/** Counts now, counts a moment before, and what is said. */
static const struct {
	struct usync_stats now;
	struct usync_stats before;
	const char *text;
} rows[] = {
	{{0}, {0}, "0 entries, 0 bytes, 0 entries/s, 0 bytes/s, 0:00"},
	/* While directories are yet to be read, there is no share and no time left. */
	{{.files = 5, .found = 20, .unlisted = 1, .bytes = 2048, .elapsed_ns = 2 * SECOND},
	 {.files = 1, .bytes = 1024, .elapsed_ns = SECOND},
	 "5 of 20+ entries, 2.0 KiB, 4 entries/s, 1.0 KiB/s, 0:02"},
	{{.files = 5, .found = 20, .bytes = 2048, .elapsed_ns = 2 * SECOND},
	 {.files = 1, .bytes = 1024, .elapsed_ns = SECOND},
	 "5 of 20 entries (25%), 2.0 KiB, 4 entries/s, 1.0 KiB/s, 0:02, 0:06 left"},
	/* Every kind of entry counts; the share is never rounded up to all. */
	{{.files = 900, .directories = 10, .symlinks = 20, .specials = 30, .links = 9, .unchanged = 10, .skipped = 10,
	  .failed = 7, .vanished = 3, .found = 1000, .elapsed_ns = 999 * SECOND},
	 {.elapsed_ns = 998 * SECOND, .files = 899, .directories = 10, .symlinks = 20, .specials = 30, .links = 9,
	  .unchanged = 10, .skipped = 10, .failed = 7, .vanished = 3},
	 "999 of 1000 entries (99%), 0 bytes, 1 entries/s, 0 bytes/s, 7 failed, 16:39, 0:01 left"},
	{{.files = 20, .found = 20, .verified = 7, .elapsed_ns = 3 * SECOND}, {.files = 20, .elapsed_ns = 2 * SECOND},
	 "20 of 20 entries (100%), 0 bytes, 0 entries/s, 0 bytes/s, 7 verified, 0:03"},
	/* A receiver does not know what is to come. */
	{{.files = 7, .directories = 2, .bytes = 4096, .failed = 1, .found_unknown = true, .elapsed_ns = 2 * SECOND},
	 {.files = 1, .directories = 1, .bytes = 1024, .found_unknown = true, .elapsed_ns = SECOND},
	 "10 entries, 4.0 KiB, 8 entries/s, 3.0 KiB/s, 1 failed, 0:02"},
	/* How far large files are, which may be all that is left; the time left is theirs, if that is more. */
	{{.directories = 1, .found = 3, .bytes = 3 << 20, .large_size = 16 << 20, .large_done = 3 << 20, .elapsed_ns = 3 * SECOND},
	 {.directories = 1, .bytes = 2 << 20, .elapsed_ns = 2 * SECOND},
	 "1 of 3 entries (33%), 18% of 16.0 MiB, 3.0 MiB, 1.0 MiB/s, 0:03, 0:13 left"},
	{{.files = 1, .found = 10, .bytes = 2 << 20, .large_size = 2 << 20, .large_done = 1 << 20, .elapsed_ns = 2 * SECOND},
	 {.bytes = 1 << 20, .elapsed_ns = SECOND},
	 "1 of 10 entries (10%), 50% of 2.0 MiB, 2.0 MiB, 1 entries/s, 1.0 MiB/s, 0:02, 0:18 left"},
	{{.found = 1, .bytes = 1, .large_size = 1000, .large_done = 999, .unlisted = 1, .elapsed_ns = SECOND}, {0},
	 "0 of 1+ entries, 99% of 1000 bytes, 1 bytes, 1 bytes/s, 0:01"},
	/* Hours. */
	{{.files = 1, .found = 3, .bytes = UINT64_C(5) << 40, .elapsed_ns = 3723 * SECOND},
	 {.files = 1, .bytes = UINT64_C(5) << 40, .elapsed_ns = 3722 * SECOND},
	 "1 of 3 entries (33%), 5.0 TiB, 0 entries/s, 0 bytes/s, 1:02:03, 2:04:06 left"},
	/* A failure of what was counted already, and a clock that stands still. */
	{{.files = 3, .failed = 1, .found = 3, .elapsed_ns = SECOND}, {.files = 3, .elapsed_ns = SECOND},
	 "4 of 4 entries (100%), 0 bytes, 0 entries/s, 0 bytes/s, 1 failed, 0:01"},
};

static void test_text(void **state)
{
	(void)state;
	for (size_t i = 0; i < unit_nr(rows); i++) {
		char text[BAR_MAX];

		bar_text(text, &rows[i].now, &rows[i].before);
		assert_string_equal(text, rows[i].text);
	}
}

/** The largest counts fit. */
static void test_room(void **state)
{
	const struct usync_stats most = {
		.files = UINT64_MAX / 2, .found = UINT64_MAX, .bytes = UINT64_MAX, .verified = UINT64_MAX,
		.elapsed_ns = UINT64_MAX,
	};
	char text[BAR_MAX];

	(void)state;
	memset(text, '#', sizeof(text));
	bar_text(text, &most, &(struct usync_stats){0});
	assert_non_null(memchr(text, '\0', sizeof(text)));
}

/** On a terminal one line is written over, and taken away for a message; elsewhere each is a line of its own. */
static void test_show(void **state)
{
	struct usync_stats stats = {.files = 1, .found = 2, .unlisted = 1, .elapsed_ns = SECOND};
	char *text = NULL;
	size_t length;
	struct bar bar = {.out = open_memstream(&text, &length), .is_terminal = true};

	(void)state;
	assert_non_null(bar.out);
	bar_hide(&bar);
	bar_show(&bar, &stats, &(struct usync_stats){0});
	bar_hide(&bar);
	bar_hide(&bar);
	fclose(bar.out);
	assert_string_equal(text, "\r1 of 2+ entries, 0 bytes, 1 entries/s, 0 bytes/s, 0:01\033[K\r\033[K");
	free(text);

	bar = (struct bar){.out = open_memstream(&text, &length)};
	assert_non_null(bar.out);
	bar_show(&bar, &stats, &(struct usync_stats){0});
	bar_hide(&bar);
	fclose(bar.out);
	assert_string_equal(text, "1 of 2+ entries, 0 bytes, 1 entries/s, 0 bytes/s, 0:01\n");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_room),
		cmocka_unit_test(test_show),
	};

	return cmocka_run_group_tests_name("cli/bar", tests, NULL, NULL);
}
