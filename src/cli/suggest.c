/* SPDX-License-Identifier: MIT */
/* Edit distance with swaps of neighbours (optimal string alignment), in three rows of the table. */
#include "cli/suggest.h"

#include "base/us.h"

#include <string.h>

/** More edits than this are another word, not a slip of the finger. */
#define DISTANCE_MAX 2

/** Shorter beginnings fit too many words. */
#define PREFIX_MIN 2

/** One row: the distances of a beginning of one word to every beginning of the other. */
typedef size_t distance_row[CLI_SUGGEST_MAX + 1];

/** Fill the row for A[0..i] from the two rows above it. */
static void fill_row(distance_row row[3], const char *a, size_t i, const char *b, size_t b_length)
{
	size_t *now = row[i % 3];
	const size_t *above = row[(i + 2) % 3];
	const size_t *above2 = row[(i + 1) % 3];

	now[0] = i;
	for (size_t j = 1; j <= b_length; j++) {
		size_t best = above[j - 1] + (a[i - 1] != b[j - 1]);

		best = us_min(best, above[j] + 1);
		best = us_min(best, now[j - 1] + 1);
		if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
			best = us_min(best, above2[j - 2] + 1);
		}
		now[j] = best;
	}
}

size_t cli_suggest_distance(const char *typed, size_t length, const char *word)
{
	size_t word_length = strlen(word);
	distance_row row[3];
	size_t distance;

	if (length == 0 || length > CLI_SUGGEST_MAX || word_length > CLI_SUGGEST_MAX) {
		return (size_t)-1;
	}
	if (length >= PREFIX_MIN && length < word_length && strncmp(typed, word, length) == 0) {
		return 1;
	}
	for (size_t j = 0; j <= word_length; j++) {
		row[0][j] = j;
	}
	for (size_t i = 1; i <= length; i++) {
		fill_row(row, typed, i, word, word_length);
	}
	distance = row[length % 3][word_length];
	/* Of a word of two letters, two edits leave nothing. */
	return distance <= DISTANCE_MAX && distance < length ? distance : (size_t)-1;
}
