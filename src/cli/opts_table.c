/* SPDX-License-Identifier: MIT */
/* The option table of opts.def, what is looked up in it, and what an option takes in words. */
#include "cli/opts_table.h"

#include "base/us.h"
#include "cli/opts_values.h"
#include "cli/suggest.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define FIELD(member) offsetof(struct opts, member)
#define CHOICES(...) ((const char *const[]){__VA_ARGS__, NULL})
#define OPTION(...) {__VA_ARGS__},

const struct option_def opts_table[] = {
#include "cli/opts.def"
};

const size_t opts_table_nr = us_array_size(opts_table);

static_assert(us_array_size(opts_table) <= OPTS_GIVEN_MAX, "options that can be noted as given");

/* Choices and settings are stored through a copy of an unsigned int. */
static_assert(sizeof(enum usync_io) == sizeof(unsigned int), "enum size");
static_assert(sizeof(enum usync_copy) == sizeof(unsigned int), "enum size");
static_assert(sizeof(enum usync_reflink) == sizeof(unsigned int), "enum size");
static_assert(sizeof(enum usync_sparse) == sizeof(unsigned int), "enum size");
static_assert(sizeof(enum usync_compare) == sizeof(unsigned int), "enum size");
static_assert(sizeof(enum usync_follow) == sizeof(unsigned int), "enum size");
static_assert(sizeof(enum opts_progress) == sizeof(unsigned int), "enum size");
static_assert(sizeof(enum opts_tls) == sizeof(unsigned int), "enum size");
static_assert(sizeof(enum usync_sockets) == sizeof(unsigned int), "enum size");
static_assert(sizeof(enum usync_ktls) == sizeof(unsigned int), "enum size");
static_assert(sizeof(enum opts_action) == sizeof(unsigned int), "enum size");

const struct option_def *opts_table_find(const char *name, size_t length)
{
	for (size_t i = 0; i < opts_table_nr; i++) {
		const char *known = opts_table[i].name;

		if (strlen(known) == length && memcmp(known, name, length) == 0) {
			return &opts_table[i];
		}
	}
	return NULL;
}

const struct option_def *opts_table_find_letter(char letter)
{
	for (size_t i = 0; i < opts_table_nr; i++) {
		if (opts_table[i].letter != '\0' && opts_table[i].letter == letter) {
			return &opts_table[i];
		}
	}
	return NULL;
}

const struct option_def *opts_table_nearest(const char *name, size_t length)
{
	const struct option_def *nearest = NULL;
	size_t nearest_distance = (size_t)-1;

	for (size_t i = 0; i < opts_table_nr; i++) {
		size_t distance = cli_suggest_distance(name, length, opts_table[i].name);

		if (distance < nearest_distance) {
			nearest_distance = distance;
			nearest = &opts_table[i];
		}
	}
	return nearest;
}

/** Write a size the way it is typed, with the largest suffix that divides it. */
static int size_text(char *out, size_t out_size, uint64_t bytes)
{
	static const char suffixes[] = {'G', 'M', 'K'};

	for (size_t i = 0; i < us_array_size(suffixes); i++) {
		uint64_t unit = UINT64_C(1) << (30 - 10 * i);

		if (bytes >= unit && bytes % unit == 0) {
			return snprintf(out, out_size, "%" PRIu64 "%c", bytes / unit, suffixes[i]);
		}
	}
	return snprintf(out, out_size, "%" PRIu64, bytes);
}

void opts_table_valid(char out[OPTS_VALID_MAX], const struct option_def *def)
{
	char min[24];
	char max[24];
	size_t length = 0;

	out[0] = '\0';
	switch (def->kind) {
	case KIND_UINT:
	case KIND_LIMIT:
		snprintf(out, OPTS_VALID_MAX, "a number from %" PRIu64 " to %" PRIu64, def->min,
		         def->max);
		break;
	case KIND_SIZE:
		size_text(min, sizeof(min), def->min);
		size_text(max, sizeof(max), def->max);
		snprintf(out, OPTS_VALID_MAX, "a size from %s to %s", min, max);
		break;
	case KIND_CHOICE:
		for (size_t i = 0; def->choices[i] != NULL && length < OPTS_VALID_MAX; i++) {
			const char *before = i == 0 ? "one of " : ", ";

			length += (size_t)snprintf(out + length, OPTS_VALID_MAX - length, "%s%s",
			                           before, def->choices[i]);
		}
		break;
	case KIND_KEEP:
	case KIND_DROP:
		snprintf(out, OPTS_VALID_MAX, "any of %s, with commas between them", OPTS_KEEP_NAMES);
		break;
	case KIND_SUFFIX:
		snprintf(out, OPTS_VALID_MAX, "one byte or more, without a slash");
		break;
	case KIND_CHMOD:
		snprintf(out, OPTS_VALID_MAX, "octal or symbolic modes (chmod(1)), each with D or F before it or not");
		break;
	case KIND_CHOWN:
		snprintf(out, OPTS_VALID_MAX, "names or numbers that exist: USER, USER:GROUP, :GROUP");
		break;
	case KIND_FILTER:
		snprintf(out, OPTS_VALID_MAX, "one byte or more");
		break;
	case KIND_REFERENCE:
	case KIND_TEXT:
	case KIND_SECRET:
	case KIND_FILTER_FILE:
	case KIND_KEEP_ALL:
	case KIND_SET:
	case KIND_FLAG:
		break;
	}
}
