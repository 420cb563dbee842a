/* SPDX-License-Identifier: MIT */
#include "cli/sandbox.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/** The trees that a receiver may write to: its destination, and what options name. */
#define TREES_MAX (USYNC_LINK_DESTS_MAX + 4)

/** The path TEXT, from the destination when it is relative; only its DIRECTORY, or all of it.  To be freed. */
static char *tree_of(const struct opts *opts, const char *text, bool from_destination, bool directory)
{
	const char *slash = strrchr(text, '/');
	int length = directory ? (slash != NULL ? (int)(slash - text) + 1 : 0) : (int)strlen(text);
	char *path = NULL;

	if (from_destination && text[0] != '/') {
		return asprintf(&path, "%s/%.*s", opts->destination, length, text) >= 0 ? path : NULL;
	}
	return asprintf(&path, "%s%.*s", length == 0 ? "." : "", length, text) >= 0 ? path : NULL;
}

void sandbox_enter(const struct opts *opts, struct report *report)
{
	char *trees[TREES_MAX] = {strdup(opts->destination)};
	char note[USYNC_WHY_SIZE];
	struct usync_event event = {.type = USYNC_EVENT_NOTE, .what = note};
	size_t nr = 1;
	bool complete = trees[0] != NULL;
	int ret;

	if (opts->job.temp_dir != NULL) {
		trees[nr++] = tree_of(opts, opts->job.temp_dir, true, false);
	}
	if (opts->job.journal != NULL) {
		trees[nr++] = tree_of(opts, opts->job.journal, false, true);
	}
	if (opts->job.checksum_file != NULL) {
		trees[nr++] = tree_of(opts, opts->job.checksum_file, false, true);
	}
	for (size_t i = 0; i < opts->job.nr_link_dests; i++) {
		trees[nr++] = tree_of(opts, opts->job.link_dests[i], true, false);
	}
	for (size_t i = 0; i < nr; i++) {
		complete = complete && trees[i] != NULL;
	}
	ret = complete ? usync_sandbox((const char *const *)trees, nr, note) : -ENOMEM;
	if (!complete) {
		snprintf(note, sizeof(note), "no sandbox: %s", strerror(ENOMEM));
	}
	if (ret < 0 && ret != -EOPNOTSUPP) {
		event.type = USYNC_EVENT_WARNING;
	}
	report_event(&event, report);
	for (size_t i = 0; i < nr; i++) {
		free(trees[i]);
	}
}
