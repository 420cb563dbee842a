/* SPDX-License-Identifier: MIT */
/* cli/suggest: the distance between words. */
#include "unit.h"

#include "cli/suggest.h"

#include <string.h>
#include <sys/types.h>

#define NONE ((size_t)-1)

/** Distances of mistyped words, and words too far apart. */
static void test_distances(void **state)
{
	static const struct {
		const char *typed;
		const char *word;
		size_t distance;
	} rows[] = {
		{"jobs", "jobs", 0},           {"jbos", "jobs", 1},     {"job", "jobs", 1},
		{"jobss", "jobs", 1},          {"jabs", "jobs", 1},     {"chunk", "chunk-size", 1},
		{"verbsoe", "verbose", 1},     {"vrbsoe", "verbose", 2}, {"nonsense", "jobs", NONE},
		{"xy", "io", NONE},            {"", "io", NONE},         {"quite", "quiet", 1},
		{"chunk-seize", "chunk-size", 1},
		{"a-very-long-word-of-more-than-32-letters", "jobs", NONE},
	};

	(void)state;
	for (size_t i = 0; i < unit_nr(rows); i++) {
		size_t got = cli_suggest_distance(rows[i].typed, strlen(rows[i].typed), rows[i].word);

		if (got != rows[i].distance) {
			fail_msg("%s, %s: %zd", rows[i].typed, rows[i].word, (ssize_t)got);
		}
	}
}

/** The length ends the typed word, not a NUL. */
static void test_length(void **state)
{
	(void)state;
	assert_int_equal(cli_suggest_distance("jobs=4", 4, "jobs"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_distances),
		cmocka_unit_test(test_length),
	};

	return cmocka_run_group_tests_name("cli/suggest", tests, NULL, NULL);
}
