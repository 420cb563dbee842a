/* SPDX-License-Identifier: MIT */
/*
 * cli/lines, cli/itemize: whatever an entry is called, what is printed of it is one line that may go to a terminal.
 * Input: seven bytes for the numbers, then path, name, target and text, with NULs between them.
 */
#include "fuzz.h"

#include "cli/itemize.h"
#include "cli/lines.h"

/** Exactly one line. */
static void check_line(char *text, size_t length)
{
	char *newline = memchr(text, '\n', length);

	fuzz_check(newline != NULL && newline + 1 == text + length && strlen(text) == length);
	*newline = '\0';
	fuzz_check(fuzz_is_printable(text));
}

/** Write EVENT in one of the forms. */
static void write_event(FILE *out, const struct usync_event *event, unsigned int form)
{
	switch (form % 4) {
	case 0:
		itemize_write(out, event);
		break;
	case 1:
		lines_deleted(out, event, "*deleting   ");
		break;
	case 2:
		lines_fatal(out, event->what, event->error);
		break;
	default:
		lines_trouble(out, event);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {data, size};
	unsigned int form = fuzz_byte(&input);
	struct usync_event event = {
		.type = (enum usync_event_type)(fuzz_byte(&input) % 6),
		.error = fuzz_byte(&input),
		.mode = (uint32_t)fuzz_byte(&input) << 8,
		.changes = (uint32_t)fuzz_byte(&input) << 8 | fuzz_byte(&input),
	};
	bool has_target = fuzz_byte(&input) % 2 != 0;
	char *path = fuzz_text(&input);
	char *name = fuzz_text(&input);
	char *target = fuzz_text(&input);
	char *what = fuzz_text(&input);
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	fuzz_check(out != NULL);
	event.path = path;
	event.name = name;
	event.what = what;
	event.target = has_target ? target : NULL;
	write_event(out, &event, form);
	fuzz_check(fclose(out) == 0);
	check_line(text, length);
	free(text);
	free(what);
	free(target);
	free(name);
	free(path);
	return 0;
}
