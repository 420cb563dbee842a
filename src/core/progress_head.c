/* SPDX-License-Identifier: MIT */
/* Paths are made absolute, so that the same command in another directory is another copy. */
#include "core/progress_head.h"

#include "core/job.h"
#include "core/progress.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/** Write PATH, absolute and without "." and empty parts. */
static void put_path(FILE *out, const char *cwd, const char *what, const char *path)
{
	fprintf(out, "%s ", what);
	if (path[0] != '/') {
		fputs(cwd, out);
	}
	while (*path != '\0') {
		size_t length = strcspn(path, "/");

		if (length > 0 && !(length == 1 && path[0] == '.')) {
			fputc('/', out);
			fwrite(path, 1, length, out);
		}
		path += length;
		path += strspn(path, "/");
	}
	fputc('\0', out);
}

/** Write the options that matter. */
static void put_options(FILE *out, const struct usync_options *options)
{
	fprintf(out, "keep=%" PRIx32 " follow=%d chmod=%s", options->keep, (int)options->follow,
	        options->chmod != NULL ? options->chmod : "");
	if (options->chown_user) {
		fprintf(out, " user=%" PRIu32, options->chown_uid);
	}
	if (options->chown_group) {
		fprintf(out, " group=%" PRIu32, options->chown_gid);
	}
	fprintf(out, " fsync=%d verify=%d", options->fsync, options->verify);
	fputc('\0', out);
}

char *us_progress_head(const struct usync_job *job, size_t *length)
{
	char *head = NULL;
	char *cwd = getcwd(NULL, 0);
	/* Without a name for where it is (it was removed, getcwd(3)) a journal is better than none. */
	FILE *out = cwd != NULL || errno == ENOENT ? open_memstream(&head, length) : NULL;
	bool failed;

	if (out == NULL) {
		free(cwd);
		return NULL;
	}
	for (size_t i = 0; i < job->nr_sources; i++) {
		put_path(out, cwd != NULL ? cwd : ".", "source", job->sources[i]);
	}
	put_path(out, cwd != NULL ? cwd : ".", "destination", job->destination);
	put_options(out, &job->options);
	free(cwd);
	failed = ferror(out) != 0;
	failed = fclose(out) != 0 || failed;
	if (failed) {
		free(head);
		return NULL;
	}
	return head;
}

char *us_progress_describe_other(const struct usync_job *job)
{
	const struct us_journal_content *content = &job->progress->content;
	const char *theirs = content->head;
	const char *their_end = content->head + content->head_length;
	size_t length;
	char *head = us_progress_head(job, &length);
	const char *ours = head;
	char *text;

	if (head == NULL) {
		return NULL;
	}
	while (ours < head + length && theirs < their_end && strcmp(ours, theirs) == 0) {
		ours += strlen(ours) + 1;
		theirs += strlen(theirs) + 1;
	}
	if (asprintf(&text,
	             "%s: is the journal of another copy: it is of '%s', this is '%s'; name another file, or remove it",
	             job->options.journal, theirs < their_end ? theirs : "less",
	             ours < head + length ? ours : "less") < 0) {
		text = NULL;
	}
	free(head);
	return text;
}
