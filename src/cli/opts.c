/* SPDX-License-Identifier: MIT */
/*
 * The command line parser.
 *
 *	argv ── parse_long ───┐
 *	     └─ parse_letters ┴─ take_value ── store ── struct opts
 *
 * Operands move to the front of argv as they are met.
 */
#include "cli/opts.h"

#include "base/parse.h"
#include "base/quote.h"
#include "base/us.h"
#include "cli/opts_net.h"
#include "cli/opts_table.h"
#include "cli/opts_values.h"
#include "cli/opts_verbs.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/** A walk over the command line. */
struct parser {
	struct opts *opts; /**< What is filled in. */
	char **argv;       /**< The words. */
	int argc;          /**< How many there are. */
	int next;          /**< The next word to look at. */
	int operand_end;   /**< Operands stand in argv[1] to here. */
	FILE *err;         /**< Where mistakes are described. */
	bool served;       /**< It came from another machine. */
};

/** End the description of a mistake. */
static int usage_error(FILE *err)
{
	fputs("Try 'uring-sync --help' for more.\n", err);
	return -EINVAL;
}

/** Describe a mistake about an option that takes a value: "NAME: PROBLEM: what is valid". */
static int value_error(FILE *err, const struct option_def *def, const char *value)
{
	char valid[OPTS_VALID_MAX];

	opts_table_valid(valid, def);
	fprintf(err, "uring-sync: --%s: ", def->name);
	if (value == NULL) {
		fputs("its value is missing", err);
	} else {
		fputc('\'', err);
		us_quote_write(err, value);
		fputs("' is not valid", err);
	}
	fprintf(err, "%s%s\n", valid[0] != '\0' ? ": " : "", valid);
	return usage_error(err);
}

/**
 * Describe an option that does not exist: LENGTH bytes of SPELLING are shown, a guess is made from NAME.  A value,
 * which may be a secret, is no part of either.
 */
static int unknown_option(FILE *err, const char *spelling, size_t length, const char *name)
{
	const struct option_def *nearest = opts_table_nearest(name, strcspn(name, "="));
	char *shown = strndup(spelling, length);

	fputs("uring-sync: unknown option '", err);
	us_quote_write(err, shown != NULL ? shown : "");
	fputc('\'', err);
	free(shown);
	if (nearest != NULL) {
		fprintf(err, "; did you mean '--%s'?", nearest->name);
	}
	fputc('\n', err);
	return usage_error(err);
}

/** Store an enum's value in the member of OPTS that DEF names. */
static void store_enum(struct opts *opts, const struct option_def *def, unsigned int value)
{
	memcpy((char *)opts + def->field, &value, sizeof(value));
}

/** Find a word among an option's choices and store its place; without a word, what the option means then. */
static int store_choice(struct opts *opts, const struct option_def *def, const char *value)
{
	if (value == NULL) {
		store_enum(opts, def, def->value);
		return 0;
	}
	for (unsigned int i = 0; def->choices[i] != NULL; i++) {
		if (strcmp(def->choices[i], value) == 0) {
			store_enum(opts, def, i);
			return 0;
		}
	}
	return -EINVAL;
}

/** Read a number or a size, hold it against the option's range and store it. */
static int store_number(struct opts *opts, const struct option_def *def, const char *value)
{
	char *field = (char *)opts + def->field;
	uint64_t number;
	uint32_t small;
	int ret;

	if (def->kind == KIND_SIZE) {
		ret = us_parse_size(value, &number);
	} else {
		ret = us_parse_uint(value, &number);
	}
	if (ret < 0) {
		return ret;
	}
	if (number < def->min || number > def->max) {
		return -ERANGE;
	}
	if (def->kind == KIND_SIZE || def->kind == KIND_LIMIT) {
		memcpy(field, &number, sizeof(number));
		return 0;
	}
	assert(def->max <= UINT32_MAX);
	small = (uint32_t)number;
	memcpy(field, &small, sizeof(small));
	return 0;
}

/** Store what an option says; VALUE is NULL for one that takes none. */
static int store(struct parser *parser, const struct option_def *def, const char *value)
{
	bool yes = true;
	int ret = 0;

	parser->opts->given[def - opts_table] = true;
	switch (def->kind) {
	case KIND_UINT:
		if (value == NULL) {
			store_enum(parser->opts, def, def->value);
			break;
		}
		ret = store_number(parser->opts, def, value);
		break;
	case KIND_SIZE:
		ret = store_number(parser->opts, def, value);
		break;
	case KIND_CHOICE:
		ret = store_choice(parser->opts, def, value);
		break;
	case KIND_SET:
		store_enum(parser->opts, def, def->value);
		break;
	case KIND_FLAG:
		memcpy((char *)parser->opts + def->field, &yes, sizeof(yes));
		break;
	case KIND_LIMIT:
		ret = store_number(parser->opts, def, value);
		parser->opts->job.limit_delete = true;
		break;
	case KIND_TEXT:
		ret = value[0] != '\0' ? 0 : -EINVAL;
		memcpy((char *)parser->opts + def->field, &value, sizeof(value));
		break;
	case KIND_CHMOD:
		ret = opts_check_modes(value);
		memcpy((char *)parser->opts + def->field, &value, sizeof(value));
		break;
	case KIND_CHOWN:
		ret = opts_store_owner(parser->opts, value);
		break;
	case KIND_SUFFIX:
		ret = value[0] != '\0' && strchr(value, '/') == NULL ? 0 : -EINVAL;
		memcpy((char *)parser->opts + def->field, &value, sizeof(value));
		break;
	case KIND_KEEP:
	case KIND_KEEP_ALL:
	case KIND_DROP:
		ret = opts_store_keep(parser->opts, def, value);
		break;
	case KIND_REFERENCE:
		if (parser->opts->job.nr_link_dests == USYNC_LINK_DESTS_MAX) {
			fprintf(parser->err, "uring-sync: --%s: may be given %u times\n", def->name,
			        USYNC_LINK_DESTS_MAX);
			return usage_error(parser->err);
		}
		parser->opts->link_dests[parser->opts->job.nr_link_dests++] = value;
		break;
	case KIND_FILTER:
		ret = opts_store_filter(parser->opts, value, def->value != 0);
		break;
	case KIND_SECRET:
		ret = opts_store_secret(parser->opts, value);
		break;
	case KIND_FILTER_FILE:
		return opts_store_filter_file(parser->opts, def, value, parser->err);
	}
	return ret < 0 ? value_error(parser->err, def, value) : 0;
}

/** Store an option whose value is ATTACHED to it or, where that is NULL, the next word. */
static int take_value(struct parser *parser, const struct option_def *def, const char *attached)
{
	if (attached == NULL && def->optional) {
		return store(parser, def, NULL);
	}
	if (attached == NULL && parser->next < parser->argc) {
		attached = parser->argv[parser->next++];
	}
	if (attached == NULL) {
		return value_error(parser->err, def, NULL);
	}
	return store(parser, def, attached);
}

/** Read "--name" or "--name=value". */
static int parse_long(struct parser *parser, const char *word)
{
	const char *name = word + 2;
	size_t length = strcspn(name, "=");
	const char *attached = name[length] == '=' ? name + length + 1 : NULL;
	const struct option_def *def = opts_table_find(name, length);

	if (def == NULL) {
		return unknown_option(parser->err, word, length + 2, name);
	}
	if (def->argument != NULL) {
		return take_value(parser, def, attached);
	}
	if (attached != NULL) {
		fprintf(parser->err, "uring-sync: --%s: takes no value\n", def->name);
		return usage_error(parser->err);
	}
	return store(parser, def, NULL);
}

/** Read "-x", or several letters in one word, the last of which may have a value behind it. */
static int parse_letters(struct parser *parser, const char *word)
{
	for (const char *p = word + 1; *p != '\0'; p++) {
		const struct option_def *def = opts_table_find_letter(*p);
		int ret;

		if (def == NULL) {
			char letter[] = {'-', *p, '\0'};
			/* A byte of a longer character is not printed alone. */
			const char *spelling = (*p & 0x80) != 0 ? word : letter;

			return unknown_option(parser->err, spelling, strlen(spelling), word + 1);
		}
		if (def->argument != NULL && !def->optional) {
			return take_value(parser, def, p[1] != '\0' ? p + 1 : NULL);
		}
		ret = store(parser, def, NULL);
		if (ret < 0 || parser->opts->action != OPTS_COPY) {
			return ret;
		}
	}
	return 0;
}

/** Describe operands that are not what the verb takes. */
static int operand_error(struct parser *parser, const char *text, const char *operand)
{
	fprintf(parser->err, "uring-sync: %s", text);
	if (operand != NULL) {
		fputs(" '", parser->err);
		us_quote_write(parser->err, operand);
		fputc('\'', parser->err);
	}
	fputc('\n', parser->err);
	return usage_error(parser->err);
}

/** Sort the operands into sources and destination, or say what is missing. */
static int set_operands(struct parser *parser)
{
	struct opts *opts = parser->opts;
	int nr = parser->operand_end - 1;
	char **words = parser->argv + 1;

	switch (opts->verb) {
	case OPTS_VERB_KEYGEN:
		return nr == 0 ? 0 : operand_error(parser, "keygen takes no operand:", words[0]);
	case OPTS_VERB_SERVE:
		return nr == 0 ? 0 : operand_error(parser, "serve takes no operand:", words[0]);
	case OPTS_VERB_RECV:
		if (nr != 1) {
			return nr == 0 ? operand_error(parser, "recv: missing destination", NULL)
			               : operand_error(parser, "recv: one destination, and no more:", words[1]);
		}
		opts->destination = words[0];
		return 0;
	default:
		break;
	}
	if (nr <= 0) {
		return operand_error(parser, "missing source and destination", NULL);
	}
	if (parser->served) {
		opts->sources = words;
		opts->nr_sources = (size_t)nr;
		return 0;
	}
	if (nr == 1) {
		return operand_error(parser, "missing destination after", words[0]);
	}
	opts->sources = words;
	opts->nr_sources = (size_t)nr - 1;
	opts->destination = words[nr - 1];
	return 0;
}

/** What is left to be done when all words were read. */
static int finish(struct parser *parser)
{
	struct opts *opts = parser->opts;
	int ret = set_operands(parser);

	if (ret == 0) {
		ret = opts_check_together(opts, parser->err);
	}
	if (ret == 0 && !parser->served) {
		ret = opts_check_net(opts, parser->err);
	}
	if (ret == 0 && !parser->served) {
		ret = opts_check_verb(opts, parser->err); /* Now it is known whether ssh is in it. */
	}
	if (ret == 0) {
		ret = opts_load_files(opts, parser->err);
	}
	if (ret == 0 && opts->verb == OPTS_VERB_VERIFY) {
		opts->job.dry_run = true;
		opts->job.compare = USYNC_COMPARE_CONTENTS;
		opts->job.remove = !opts->job.only_files; /* What the source does not have is a difference. */
	}
	return ret;
}

/** The verb that a first word is. */
static enum opts_verb verb_of(const char *word)
{
	static const char *const verbs[] = {[OPTS_VERB_VERIFY] = "verify",
	                                    [OPTS_VERB_SEND] = "send",
	                                    [OPTS_VERB_RECV] = "recv",
	                                    [OPTS_VERB_KEYGEN] = "keygen",
	                                    [OPTS_VERB_SERVE] = "serve"};

	for (unsigned int i = 0; i < us_array_size(verbs); i++) {
		if (verbs[i] != NULL && strcmp(verbs[i], word) == 0) {
			return (enum opts_verb)i;
		}
	}
	return OPTS_VERB_COPY;
}

/** Take WORD for the verb if it is one: the first operand, wherever options stand.  "./send" is a name. */
static bool take_verb(struct parser *parser, const char *word)
{
	struct opts *opts = parser->opts;

	opts->verb = verb_of(word);
	return opts->verb != OPTS_VERB_COPY;
}

/** Read a command line of either kind. */
static int parse(struct opts *opts, int argc, char **argv, FILE *err, bool served)
{
	struct parser parser = {
		.opts = opts, .argv = argv, .argc = argc, .next = 1, .operand_end = 1, .err = err, .served = served};
	bool options_ended = false, first = true;
	int ret = 0;

	*opts = (struct opts){.action = OPTS_COPY, .job = USYNC_OPTIONS_INIT, .keep = USYNC_KEEP_DEFAULT};
	while (parser.next < argc && ret == 0 && opts->action == OPTS_COPY) {
		char *word = argv[parser.next++];

		if (options_ended || word[0] != '-' || word[1] == '\0') {
			if (!first || options_ended || !take_verb(&parser, word)) {
				argv[parser.operand_end++] = word;
			}
			first = false;
		} else if (strcmp(word, "--") == 0) {
			options_ended = true;
		} else if (word[1] == '-') {
			ret = parse_long(&parser, word);
		} else {
			ret = parse_letters(&parser, word);
		}
	}
	opts->job.keep = opts->keep != 0 ? opts->keep : USYNC_KEEP_NONE;
	opts->job.filters = opts->filters;
	opts->job.link_dests = opts->link_dests;
	if (ret == 0 && opts->action == OPTS_COPY) {
		ret = finish(&parser);
	}
	opts->job.files = (const char *const *)opts->files;
	return ret;
}

int opts_parse(struct opts *opts, int argc, char **argv, FILE *err)
{
	return parse(opts, argc, argv, err, false);
}

int opts_parse_served(struct opts *opts, int argc, char **argv, FILE *err)
{
	return parse(opts, argc, argv, err, true);
}
