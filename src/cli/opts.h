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

/** When it is shown how far the copy is. */
enum opts_progress {
	OPTS_PROGRESS_NEVER,
	OPTS_PROGRESS_AUTO, /**< Where messages go to a terminal. */
	OPTS_PROGRESS_ALWAYS,
};

/** The verbs: what a first word may be. */
enum opts_verb {
	OPTS_VERB_COPY,   /**< None of them. */
	OPTS_VERB_VERIFY, /**< Compare, and change nothing. */
	OPTS_VERB_SEND,   /**< Send to another machine. */
	OPTS_VERB_RECV,   /**< Receive from others. */
	OPTS_VERB_KEYGEN, /**< Make a secret. */
	OPTS_VERB_SERVE,  /**< Be the other end of ssh. */
	OPTS_VERB_SSH,    /**< No word, but operands on another machine. */
};

/** What --tls and --no-tls say. */
enum opts_tls {
	OPTS_TLS_DEFAULT, /**< Neither. */
	OPTS_TLS_ON,
	OPTS_TLS_OFF,
};

/** A host and a port, as they are written with a colon between them. */
struct opts_address {
	char *host; /**< Without brackets; NULL: every address of this machine. */
	char *port; /**< In digits. */
};

/** As many options can be noted as given. */
#define OPTS_GIVEN_MAX 128

/** A command line that was read. */
struct opts {
	enum opts_action action;  /**< What to do; the operands are set for OPTS_COPY only. */
	struct usync_options job; /**< For usync_job_new(); the event callback is not set. */
	uint32_t keep;            /**< USYNC_KEEP_ bits asked for so far; in job at the end. */
	struct usync_filter *filters; /**< What job.filters points to at the end. */
	char **patterns;          /**< What those point to. */
	const char *link_dests[USYNC_LINK_DESTS_MAX]; /**< What job.link_dests points to; borrowed from argv. */
	bool numeric_ids;         /**< Keep owners by number: what is done in any case. */
	const char *files_from;   /**< A file of names, or NULL. */
	bool from0;               /**< They end with a NUL. */
	char **files;             /**< What job.files points to. */
	const char *failed_list;  /**< Where the names of what failed go, or NULL. */
	const char *log_file;     /**< Where all that happens goes, or NULL. */
	enum opts_verb verb;      /**< What the first word was. */
	bool given[OPTS_GIVEN_MAX]; /**< Options that were, by their place in the table. */
	const char *listen;       /**< Where to listen, as it was written. */
	struct opts_address address; /**< Where to connect to, or to listen. */
	char *secret;             /**< Given as a value; argv does not have it any more. */
	const char *secret_file;  /**< Or the file that has it. */
	enum opts_tls tls;
	enum usync_ktls ktls;
	uint32_t timeout;         /**< Seconds; 0: the library's choice. */
	uint32_t max_clients;     /**< Transfers at a time; 0: the library's choice. */
	bool one_shot;            /**< Receive one transfer and end. */
	const char *rsh;          /**< What reaches another machine; NULL: ssh. */
	const char *remote_path;  /**< Which program is run there; NULL: this one's name. */
	enum opts_progress progress; /**< Show how far it is. */
	bool json;                /**< Print objects of JSON. */
	bool stats;               /**< Print all counts at the end. */
	bool itemize;             /**< Print what changes about each entry. */
	bool verbose;             /**< Print paths as they are copied, and notes. */
	bool quiet;               /**< Print no summary. */
	char **sources;           /**< nr_sources paths; borrowed from argv. */
	size_t nr_sources;        /**< At least 1, where the verb has sources. */
	const char *destination;  /**< Where the verb has one; borrowed from argv. */
};

/**
 * Read a command line.  The first word may be a verb.  Options and operands may be mixed; "--" ends the options; a
 * "-" alone is an operand.  Of options that contradict each other the last one counts.  Reading ends at the first
 * --help or --version.
 *
 * @param[out] opts  Valid until argv is changed.
 * @param argc       As main() gets it: the program's name counts.
 * @param argv       The operands are moved to its front; what stands after them is then undefined.
 * @param err        Where a mistake is described, in two lines.
 * @return 0, or -EINVAL after a mistake was described.
 */
int opts_parse(struct opts *opts, int argc, char **argv, FILE *err);

/**
 * The same for a command line that came from another machine (order.h): its verb is send or recv, and its operands are
 * the sources alone, or the destination.
 */
int opts_parse_served(struct opts *opts, int argc, char **argv, FILE *err);

/** Free what opts_parse() allocated, also after a mistake. */
void opts_free(struct opts *opts);

/** Print the help, in lines of 80 columns at most. */
void opts_help(FILE *out);

#endif /* US_CLI_OPTS_H */
