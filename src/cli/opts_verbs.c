/* SPDX-License-Identifier: MIT */
#include "cli/opts_verbs.h"

#include "base/us.h"
#include "cli/opts_table.h"

#include <errno.h>
#include <stdbool.h>

/** What takes an option that is for VERBS and no others. */
static const char *place_of(unsigned int verbs)
{
	switch (verbs) {
	case FOR_RECV:
		return "recv";
	case FOR_SEND | FOR_RECV:
		return "send and recv";
	case FOR_SEND | FOR_SSH:
		return "send and operands on another machine";
	case FOR_SEND | FOR_RECV | FOR_SSH:
		return "copies between machines";
	case FOR_RECV | FOR_SSH:
		return "receivers";
	case FOR_SSH:
		return "operands on another machine";
	default:
		return "copies";
	}
}

/** The verbs that take the option of DEF. */
static unsigned int verbs_of(const struct option_def *def)
{
	return def->verbs != 0 ? def->verbs : (unsigned int)FOR_ALL;
}

/** Describe the option of DEF, which the verb does not take. */
static int refuse(const struct opts *opts, const struct option_def *def, FILE *err)
{
	bool is_for_copies = (verbs_of(def) & FOR_COPY) != 0;

	if (opts->verb == OPTS_VERB_KEYGEN || opts->verb == OPTS_VERB_SERVE) {
		fprintf(err, "uring-sync: --%s: keygen and serve take no options\n", def->name);
	} else if (opts->verb == OPTS_VERB_VERIFY && is_for_copies) {
		fprintf(err, "uring-sync: verify: --%s is about copying; it compares contents and what is "
		             "kept, and changes nothing\n", def->name);
	} else {
		const char *other = opts->verb == OPTS_VERB_RECV ? "the sender" : "the receiver";

		fprintf(err, "uring-sync: --%s is for %s only\n", def->name,
		        is_for_copies ? other : place_of(def->verbs));
	}
	return -EINVAL;
}

/** A receiver's --preserve: what is kept is the sender's choice, but for an owner, which is a word of trust. */
static bool is_word_of_trust(const struct opts *opts, const struct option_def *def)
{
	return def->kind != KIND_KEEP || (opts->keep & USYNC_KEEP_OWNER) != 0;
}

int opts_check_verb(const struct opts *opts, FILE *err)
{
	for (size_t i = 0; i < opts_table_nr; i++) {
		const struct option_def *def = &opts_table[i];
		bool is_taken = (verbs_of(def) & 1u << opts->verb) != 0;

		if (opts->verb == OPTS_VERB_RECV) {
			is_taken = is_taken && is_word_of_trust(opts, def);
		}
		if (opts->given[i] && !is_taken) {
			return refuse(opts, def, err);
		}
	}
	return 0;
}
