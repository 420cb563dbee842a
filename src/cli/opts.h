/* SPDX-License-Identifier: MIT */
/**
 * @file opts.h
 * The command line, read into a structure.  Nothing here exits or touches a global.
 */
#ifndef US_CLI_OPTS_H
#define US_CLI_OPTS_H

#include <usync.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/** What the command line asks for. */
enum opts_action {
	OPTS_COPY,    /**< Copy the operands. */
	OPTS_HELP,    /**< Print the help. */
	OPTS_VERSION, /**< Print the version. */
};

/** A command line that was read. */
struct opts {
	enum opts_action action;  /**< What to do; the operands are set for OPTS_COPY only. */
	struct usync_options job; /**< For usync_job_new(); the event callback is not set. */
	uint32_t keep;            /**< USYNC_KEEP_ bits asked for so far; in job at the end. */
	struct usync_filter *filters; /**< What job.filters points to at the end. */
	char **patterns;          /**< What those point to. */
	bool numeric_ids;         /**< Keep owners by number; on one machine names lead to the same. */
	const char *files_from;   /**< A file of names, or NULL. */
	bool from0;               /**< They end with a NUL. */
	char **files;             /**< What job.files points to. */
	const char *failed_list;  /**< Where the names of what failed go, or NULL. */
	const char *log_file;     /**< Where all that happens goes, or NULL. */
	bool verifies;            /**< The first word was "verify": compare, and change nothing. */
	bool stats;               /**< Print all counts at the end. */
	bool itemize;             /**< Print what changes about each entry. */
	bool verbose;             /**< Print paths as they are copied, and notes. */
	bool quiet;               /**< Print no summary. */
	char **sources;           /**< nr_sources paths; borrowed from argv. */
	size_t nr_sources;        /**< At least 1. */
	const char *destination;  /**< Borrowed from argv. */
};

/**
 * Read a command line.  A first word "verify" is the verb.  Options and operands may be mixed; "--" ends the options; a "-" alone is an
 * operand.  Of options that contradict each other the last one counts.  Reading ends at the first
 * --help or --version.
 *
 * @param[out] opts  Valid until argv is changed.
 * @param argc       As main() gets it: the program's name counts.
 * @param argv       The operands are moved to its front; what stands after them is then undefined.
 * @param err        Where a mistake is described, in two lines.
 * @return 0, or -EINVAL after a mistake was described.
 */
int opts_parse(struct opts *opts, int argc, char **argv, FILE *err);

/** Free what opts_parse() allocated, also after a mistake. */
void opts_free(struct opts *opts);

/** Print the help, in lines of 80 columns at most. */
void opts_help(FILE *out);

#endif /* US_CLI_OPTS_H */
