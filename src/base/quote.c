/* SPDX-License-Identifier: MIT */
/* Escapes for names; the form can be undone by printf '%b'-like readers with \ooo octal. */
#include "base/quote.h"

#include <errno.h>

/** Longest escape of one byte, "\ooo". */
#define ESCAPE_MAX 4

/** Escape one byte into OUT; returns how many characters that took. */
static size_t quote_byte(char out[ESCAPE_MAX], unsigned char byte)
{
	out[0] = '\\';
	switch (byte) {
	case '\n':
		out[1] = 'n';
		return 2;
	case '\t':
		out[1] = 't';
		return 2;
	case '\r':
		out[1] = 'r';
		return 2;
	case '\\':
		out[1] = '\\';
		return 2;
	default:
		break;
	}
	if (byte >= 0x20 && byte != 0x7f) {
		out[0] = (char)byte;
		return 1;
	}
	out[1] = (char)('0' + (byte >> 6));
	out[2] = (char)('0' + ((byte >> 3) & 7));
	out[3] = (char)('0' + (byte & 7));
	return 4;
}

size_t us_quote(char *out, size_t out_size, const char *name)
{
	size_t length = 0;
	size_t end = 0;

	for (; *name != '\0'; name++) {
		char escape[ESCAPE_MAX];
		size_t n = quote_byte(escape, (unsigned char)*name);

		if (length == end && length + n < out_size) {
			for (size_t i = 0; i < n; i++) {
				out[end++] = escape[i];
			}
		}
		length += n;
	}
	if (out_size > 0) {
		out[end] = '\0';
	}
	return length;
}

int us_quote_write(FILE *stream, const char *name)
{
	for (; *name != '\0'; name++) {
		char escape[ESCAPE_MAX];
		size_t n = quote_byte(escape, (unsigned char)*name);

		if (fwrite(escape, 1, n, stream) != n) {
			return -EIO;
		}
	}
	return 0;
}
