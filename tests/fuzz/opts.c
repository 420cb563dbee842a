/* SPDX-License-Identifier: MIT */
/*
 * cli/opts*: any command line is read or refused with a message that may go to a terminal, and what was read is what
 * the library takes.
 *
 * Input: words, each ended by a NUL, then an empty one, then what each file holds that an option names.
 */
#include "fuzz.h"

#include "cli/opts.h"

#include <errno.h>
#include <unistd.h>

#define WORDS_MAX 24

/** What is in each file. */
static struct fuzz_input contents;

FILE *__real_fopen(const char *path, const char *mode);
FILE *__wrap_fopen(const char *path, const char *mode);

/** Instead of fopen(3), so that nothing of this machine is read; "re" is what the options' files are opened with. */
FILE *__wrap_fopen(const char *path, const char *mode)
{
	if (strcmp(mode, "re") != 0) {
		return __real_fopen(path, mode); /* The fuzzer's own. */
	}
	if (path[0] == '\0' || contents.size == 0) {
		errno = ENOENT;
		return NULL;
	}
	return fmemopen((void *)(uintptr_t)contents.data, contents.size, "r");
}

/** What was said of a mistake: whole lines that may be shown. */
static void check_message(char *text)
{
	fuzz_check(strncmp(text, "uring-sync: ", 12) == 0);
	fuzz_check(text[strlen(text) - 1] == '\n');
	for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
		fuzz_check(fuzz_is_printable(line));
	}
}

/** What was read is in its ranges: the library refuses what is not. */
static void check_read(const struct opts *opts)
{
	struct usync_job *job;
	int ret = usync_job_new(&job, &opts->job, (const char *const *)opts->sources, opts->nr_sources, opts->destination);

	fuzz_check(ret == 0);
	usync_job_free(job);
	fuzz_check(opts->nr_sources >= 1 && opts->destination != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {data, size};
	char name[] = "uring-sync";
	char *words[WORDS_MAX] = {name};
	char *argv[WORDS_MAX + 1];
	struct opts opts;
	char *message = NULL;
	size_t length;
	int argc = 1;
	FILE *err = open_memstream(&message, &length);
	int ret;

	fuzz_check(err != NULL);
	while (argc < WORDS_MAX && input.size > 0 && input.data[0] != '\0') {
		words[argc++] = fuzz_text(&input);
	}
	(void)fuzz_byte(&input);
	contents = input;
	memcpy(argv, words, sizeof(words));
	argv[argc] = NULL;
	ret = opts_parse(&opts, argc, argv, err);
	fuzz_check(fclose(err) == 0);
	fuzz_check((ret < 0) == (length > 0));
	if (ret < 0) {
		check_message(message);
	} else if (opts.action == OPTS_COPY && (opts.verb == OPTS_VERB_COPY || opts.verb == OPTS_VERB_VERIFY)) {
		check_read(&opts);
	}
	opts_free(&opts);
	free(message);
	while (argc > 1) {
		free(words[--argc]);
	}
	return 0;
}
