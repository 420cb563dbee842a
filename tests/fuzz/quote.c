/* SPDX-License-Identifier: MIT */
/* base/quote: what is printed is printable, and tells the name without a loss. */
#include "fuzz.h"

#include "base/quote.h"

/** The byte that the escape at *TEXT stands for; moves *TEXT behind it. */
static char read_escape(const char **text)
{
	const char *p = *text;

	fuzz_check(p[0] == '\\');
	*text += 2;
	switch (p[1]) {
	case 'n':
		return '\n';
	case 't':
		return '\t';
	case 'r':
		return '\r';
	case '\\':
		return '\\';
	default:
		break;
	}
	for (int i = 1; i <= 3; i++) {
		fuzz_check(p[i] >= '0' && p[i] <= '7');
	}
	*text += 2;
	return (char)((p[1] - '0') * 64 + (p[2] - '0') * 8 + (p[3] - '0'));
}

/** Undo the escapes of QUOTED and hold the result against NAME. */
static void check_reverse(const char *quoted, const char *name)
{
	while (*quoted != '\0') {
		char byte = *quoted == '\\' ? read_escape(&quoted) : *quoted++;

		fuzz_check(*name != '\0' && byte == *name);
		name++;
	}
	fuzz_check(*name == '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {data, size};
	size_t room = fuzz_byte(&input);
	char *name = fuzz_text(&input);
	size_t length = us_quote(NULL, 0, name);
	char *whole = malloc(length + 1);
	char *cut = malloc(room + 1);
	char *stream = NULL;
	size_t stream_length;
	FILE *out = open_memstream(&stream, &stream_length);

	fuzz_check(whole != NULL && cut != NULL && out != NULL);
	fuzz_check(us_quote(whole, length + 1, name) == length && strlen(whole) == length);
	fuzz_check(fuzz_is_printable(whole));
	check_reverse(whole, name);
	fuzz_check(us_quote_write(out, name) == 0 && fclose(out) == 0 && strcmp(stream, whole) == 0);

	fuzz_check(us_quote(cut, room, name) == length);
	if (room > 0) {
		fuzz_check(strlen(cut) < room && strncmp(cut, whole, strlen(cut)) == 0 && fuzz_is_printable(cut));
		fuzz_check(length >= room || strcmp(cut, whole) == 0);
	}
	free(stream);
	free(cut);
	free(whole);
	free(name);
	return 0;
}
