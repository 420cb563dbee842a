/* SPDX-License-Identifier: MIT */
/* The text of --help, made from the option table. */
#include "cli/opts.h"
#include "cli/opts_table.h"

#include <stdio.h>
#include <string.h>

static const char *const category_titles[CATEGORY_NR] = {
	[CATEGORY_KEEP] = "What is kept",
	[CATEGORY_CHOICE] = "What is copied",
	[CATEGORY_UPDATE] = "What becomes of files that exist",
	[CATEGORY_SPEED] = "How the copy is done",
	[CATEGORY_TRUST] = "What can be relied on",
	[CATEGORY_NET] = "Between machines",
	[CATEGORY_OUTPUT] = "What is printed",
};

/** Columns of --help: where the descriptions begin, and where lines end. */
#define HELP_INDENT 26
#define HELP_WIDTH 80

/** Print TEXT from HELP_INDENT on, broken between words. */
static void help_wrap(FILE *out, const char *text)
{
	size_t column = HELP_INDENT;

	while (*text != '\0') {
		size_t length = strcspn(text, " ");

		if (column > HELP_INDENT && column + 1 + length > HELP_WIDTH) {
			fprintf(out, "\n%*s", HELP_INDENT, "");
			column = HELP_INDENT;
		} else if (column > HELP_INDENT) {
			fputc(' ', out);
			column++;
		}
		fwrite(text, 1, length, out);
		column += length;
		text += length;
		text += strspn(text, " ");
	}
	fputc('\n', out);
}

/** Print one option of --help. */
static void help_option(FILE *out, const struct option_def *def)
{
	char left[64];
	char valid[OPTS_VALID_MAX];
	char text[2 * OPTS_VALID_MAX];
	char letter[] = {'-', def->letter, ',', '\0'};

	snprintf(left, sizeof(left), "  %3s --%s%s%s%s", def->letter != '\0' ? letter : "", def->name,
	         def->argument == NULL ? "" : def->optional ? "[=" : "=",
	         def->argument != NULL ? def->argument : "", def->optional ? "]" : "");
	opts_table_valid(valid, def);
	snprintf(text, sizeof(text), "%s%s%s", def->help, valid[0] != '\0' ? "; " : "", valid);
	if (strlen(left) + 1 > HELP_INDENT) {
		fprintf(out, "%s\n%*s", left, HELP_INDENT, "");
	} else {
		fprintf(out, "%-*s", HELP_INDENT, left);
	}
	help_wrap(out, text);
}

void opts_help(FILE *out)
{
	fputs("Usage: uring-sync [OPTION]... SOURCE DESTINATION\n"
	      "  or:  uring-sync [OPTION]... SOURCE... DIRECTORY\n"
	      "  or:  uring-sync [OPTION]... SOURCE... [USER@]HOST:DESTINATION\n"
	      "  or:  uring-sync [OPTION]... [USER@]HOST:SOURCE... DESTINATION\n"
	      "  or:  uring-sync verify [OPTION]... SOURCE DESTINATION\n"
	      "  or:  uring-sync recv [OPTION]... DESTINATION --listen [ADDRESS:]PORT\n"
	      "  or:  uring-sync send [OPTION]... SOURCE... HOST:PORT\n"
	      "  or:  uring-sync keygen\n"
	      "Copy trees of very many small files fast, on io_uring.\n"
	      "\n"
	      "A directory SOURCE: DESTINATION becomes its copy, and is made when missing.\n"
	      "A file SOURCE: it is copied to DESTINATION, or into it when that is a directory.\n"
	      "Several: each is copied into DIRECTORY, which must exist, under its own name.\n"
	      "verify: the two are compared, contents too, and each difference is printed.\n"
	      "HOST: another machine, where uring-sync is started by ssh.\n"
	      "recv, send: the same copy between two machines that share a secret, encrypted.\n"
	      "keygen: print a new secret.\n",
	      out);
	for (enum opts_category category = 0; category < CATEGORY_NR; category++) {
		fprintf(out, "\n%s:\n", category_titles[category]);
		for (size_t i = 0; i < opts_table_nr; i++) {
			if (opts_table[i].category == category) {
				help_option(out, &opts_table[i]);
			}
		}
	}
	fputs("\n"
	      "SIZE is in bytes, or in units of 1024 (K), 1024 K (M) or 1024 M (G).\n"
	      "Options may stand after operands; -- ends them.\n"
	      "\n"
	      "Exit status: 0 all copied, or no difference; 23 some entries failed, or differ;\n"
	      "24 some only vanished while copying; 25 --max-delete kept some; 2 wrong usage;\n"
	      "1 could not start or go on; 130 or 143 stopped by a signal.  See uring-sync(1).\n",
	      out);
}
