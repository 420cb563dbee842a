/* SPDX-License-Identifier: MIT */
/**
 * @file opts_table.h
 * The option table as data, for the parser and for --help.  Use opts.h from elsewhere.
 */
#ifndef US_CLI_OPTS_TABLE_H
#define US_CLI_OPTS_TABLE_H

#include "cli/opts.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** How an option's value is read and stored. */
enum opts_kind {
	KIND_UINT,   /**< A number, as uint32_t; without one: .value. */
	KIND_SIZE,   /**< A size, as uint64_t. */
	KIND_CHOICE, /**< A word's place in the list, as an enum; without one: .value. */
	KIND_SET,    /**< No value: .value, as an enum. */
	KIND_FLAG,   /**< No value: true. */
	KIND_KEEP,   /**< A list of attributes that are kept, strictly; without one: .value. */
	KIND_KEEP_ALL, /**< No value: .value is kept, as far as possible. */
	KIND_DROP,   /**< A list of attributes that are not kept. */
	KIND_LIMIT,  /**< The number of deletions allowed. */
	KIND_SUFFIX, /**< What is put behind a name. */
	KIND_TEXT,   /**< A path, as it is. */
	KIND_CHMOD,  /**< A list of changes to permission bits. */
	KIND_CHOWN,  /**< A user, a group, or both. */
	KIND_REFERENCE, /**< A path, one of several. */
	KIND_FILTER, /**< A pattern; .value is 1 for one that includes. */
	KIND_FILTER_FILE, /**< A file of patterns; the same. */
	KIND_SECRET, /**< A secret: it is copied, and wiped where it stood. */
};

/** Headings of --help. */
enum opts_category {
	CATEGORY_KEEP,
	CATEGORY_CHOICE,
	CATEGORY_UPDATE,
	CATEGORY_SPEED,
	CATEGORY_TRUST,
	CATEGORY_NET,
	CATEGORY_OUTPUT,
	CATEGORY_NR,
};

/** Verbs that take an option: bits of one. */
enum opts_for {
	FOR_COPY = 1 << OPTS_VERB_COPY,
	FOR_VERIFY = 1 << OPTS_VERB_VERIFY,
	FOR_SEND = 1 << OPTS_VERB_SEND,
	FOR_RECV = 1 << OPTS_VERB_RECV,
	FOR_SSH = 1 << OPTS_VERB_SSH,
	FOR_ALL = FOR_COPY | FOR_VERIFY | FOR_SEND | FOR_RECV | FOR_SSH,
};

/** One line of opts.def, which describes the members. */
struct option_def {
	char letter;
	const char *name;
	const char *argument;
	bool optional; /**< Its value may be left out. */
	enum opts_kind kind;
	size_t field;
	unsigned int value;
	uint64_t min;
	uint64_t max;
	const char *const *choices;
	enum opts_category category;
	unsigned int verbs; /**< Bits of enum opts_for; 0: all. */
	const char *help;
};

/** The table, in the order of opts.def. */
extern const struct option_def opts_table[];

/** How many options it has. */
extern const size_t opts_table_nr;

/** The option that has this long name of LENGTH bytes, or NULL. */
const struct option_def *opts_table_find(const char *name, size_t length);

/** The option that has this letter, or NULL. */
const struct option_def *opts_table_find_letter(char letter);

/** The option whose name is closest to one that does not exist, or NULL when none is close. */
const struct option_def *opts_table_nearest(const char *name, size_t length);

/** Room for what opts_table_valid() writes. */
#define OPTS_VALID_MAX 128

/** Say which values an option takes, "a number from 1 to 10"; "" when it takes none. */
void opts_table_valid(char out[OPTS_VALID_MAX], const struct option_def *def);

#endif /* US_CLI_OPTS_TABLE_H */
