/* SPDX-License-Identifier: MIT */
/*
 * The option table tells where each option's value is, so a value that is not 0 is put into words by the same table
 * that it was read by.  Lists (attributes, patterns, owners, earlier copies) have their own.
 */
#include "cli/opts_words.h"

#include "base/us.h"
#include "cli/opts_table.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int opts_words_add(struct opts_words *words, const char *format, ...)
{
	va_list args;
	char *word;
	int ret;

	if (words->nr + 1 >= words->max) {
		size_t more = words->max > 0 ? words->max * 2 : 32;
		char **grown = reallocarray(words->words, more, sizeof(*grown));

		if (grown == NULL) {
			return -ENOMEM;
		}
		words->words = grown;
		words->max = more;
	}
	va_start(args, format);
	ret = vasprintf(&word, format, args);
	va_end(args);
	if (ret < 0) {
		return -ENOMEM;
	}
	words->words[words->nr++] = word;
	words->words[words->nr] = NULL;
	return 0;
}

void opts_words_free(struct opts_words *words)
{
	for (size_t i = 0; i < words->nr; i++) {
		free(words->words[i]);
	}
	free(words->words);
	*words = (struct opts_words){0};
}

/** Whether an option is about the copy, and not about this run of the program. */
static bool is_of_the_copy(const struct option_def *def, bool receiver)
{
	static const char *const own[] = {"files-from", "from0", "checksum-file"};
	static const char *const receivers[] = {"temp-dir", "link-dest", "resume"};
	static const char *const senders[] = {"compress", "copy", "splice", "no-splice"};

	for (size_t i = 0; i < us_array_size(own); i++) {
		if (strcmp(def->name, own[i]) == 0) {
			return false;
		}
	}
	for (size_t i = 0; i < us_array_size(receivers); i++) {
		if (!receiver && strcmp(def->name, receivers[i]) == 0) {
			return false;
		}
	}
	for (size_t i = 0; i < us_array_size(senders); i++) {
		if (strcmp(def->name, senders[i]) == 0) {
			return !receiver;
		}
	}
	if (def->category == CATEGORY_OUTPUT) {
		return strcmp(def->name, "dry-run") == 0;
	}
	return def->category != CATEGORY_NET;
}

/** Put one option into words, if it says anything. */
static int add_option(struct opts_words *words, const struct opts *opts, const struct option_def *def)
{
	const char *field = (const char *)opts + def->field;
	uint64_t large = 0;
	uint32_t small = 0;
	bool flag = false;
	const char *text = NULL;

	switch (def->kind) {
	case KIND_UINT:
		memcpy(&small, field, sizeof(small));
		return small != 0 ? opts_words_add(words, "--%s=%" PRIu32, def->name, small) : 0;
	case KIND_SIZE:
		memcpy(&large, field, sizeof(large));
		return large != 0 ? opts_words_add(words, "--%s=%" PRIu64, def->name, large) : 0;
	case KIND_LIMIT:
		memcpy(&large, field, sizeof(large));
		return opts->job.limit_delete ? opts_words_add(words, "--%s=%" PRIu64, def->name, large) : 0;
	case KIND_CHOICE:
		memcpy(&small, field, sizeof(small));
		return small != 0 ? opts_words_add(words, "--%s=%s", def->name, def->choices[small]) : 0;
	case KIND_SET:
		memcpy(&small, field, sizeof(small));
		return small != 0 && small == def->value ? opts_words_add(words, "--%s", def->name) : 0;
	case KIND_FLAG:
		memcpy(&flag, field, sizeof(flag));
		return flag ? opts_words_add(words, "--%s", def->name) : 0;
	case KIND_SUFFIX:
	case KIND_TEXT:
	case KIND_CHMOD:
		memcpy(&text, field, sizeof(text));
		return text != NULL ? opts_words_add(words, "--%s=%s", def->name, text) : 0;
	default:
		return 0; /* The lists. */
	}
}

/** The names of attributes. */
static int add_keep(struct opts_words *words, const char *option, uint32_t bits)
{
	static const struct {
		const char *name;
		uint32_t bit;
	} names[] = {
		{"mode", USYNC_KEEP_MODE},   {"times", USYNC_KEEP_TIMES}, {"atime", USYNC_KEEP_ATIME},
		{"owner", USYNC_KEEP_OWNER}, {"xattr", USYNC_KEEP_XATTR}, {"acl", USYNC_KEEP_ACL},
		{"links", USYNC_KEEP_LINKS},
	};
	int ret = 0;

	for (size_t i = 0; i < us_array_size(names) && ret == 0; i++) {
		if ((bits & names[i].bit) != 0) {
			ret = opts_words_add(words, "%s=%s", option, names[i].name);
		}
	}
	return ret;
}

/** What is kept: as far as possible, strictly, or not. */
static int add_attributes(struct opts_words *words, const struct opts *opts)
{
	int ret = opts_words_add(words, "--archive");

	if (ret == 0) {
		ret = add_keep(words, "--preserve", opts->job.keep_strictly);
	}
	if (ret == 0) {
		ret = add_keep(words, "--no-preserve", ~opts->keep);
	}
	return ret;
}

/** Who gets it all, which patterns decide, what it is held against. */
static int add_lists(struct opts_words *words, const struct opts *opts, bool receiver)
{
	const struct usync_options *job = &opts->job;
	int ret = 0;

	if (job->chown_user && job->chown_group) {
		ret = opts_words_add(words, "--chown=%" PRIu32 ":%" PRIu32, job->chown_uid, job->chown_gid);
	} else if (job->chown_user) {
		ret = opts_words_add(words, "--chown=%" PRIu32, job->chown_uid);
	} else if (job->chown_group) {
		ret = opts_words_add(words, "--chown=:%" PRIu32, job->chown_gid);
	}
	for (size_t i = 0; i < job->nr_filters && ret == 0; i++) {
		ret = opts_words_add(words, "--%s=%s", opts->filters[i].include ? "include" : "exclude",
		                     opts->filters[i].pattern);
	}
	for (size_t i = 0; receiver && i < job->nr_link_dests && ret == 0; i++) {
		ret = opts_words_add(words, "--link-dest=%s", opts->link_dests[i]);
	}
	return ret;
}

int opts_words_of(struct opts_words *words, const struct opts *opts, bool receiver)
{
	int ret = add_attributes(words, opts);

	for (size_t i = 0; i < opts_table_nr && ret == 0; i++) {
		if (is_of_the_copy(&opts_table[i], receiver)) {
			ret = add_option(words, opts, &opts_table[i]);
		}
	}
	return ret < 0 ? ret : add_lists(words, opts, receiver);
}
