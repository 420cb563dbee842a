/* SPDX-License-Identifier: MIT */
/*
 * Escapes for names; the form can be undone by printf '%b'-like readers with \ooo octal.
 *
 * Names are taken for UTF-8, as terminals and logs take them.  A byte that is no part of a character is escaped: a
 * terminal may take 0x80 to 0x9f for the control characters of ISO 8859, and a log's reader stumble over any.
 */
#include "base/quote.h"

#include "base/us.h"
#include "base/utf8.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/** Longest escape of one character: "\ooo" for each of four bytes. */
#define ESCAPE_MAX 16

/**
 * Characters that change what is seen of others and show nothing themselves: controls, those that turn the direction of
 * writing or end a line (UAX #9), and those without a width.  The joiners U+200C and U+200D and the variation selectors
 * are left: scripts and emoji need them.
 */
static const struct {
	uint32_t first;
	uint32_t last;
} deceivers[] = {
	{0x80, 0x9f},       /* C1 controls. */
	{0xad, 0xad},       /* Soft hyphen. */
	{0x61c, 0x61c},     /* Arabic letter mark. */
	{0x180e, 0x180e},   /* Mongolian vowel separator. */
	{0x200b, 0x200b},   /* Zero width space. */
	{0x200e, 0x200f},   /* Marks of direction. */
	{0x2028, 0x202e},   /* Separators of lines and paragraphs, embeddings, overrides. */
	{0x2060, 0x206f},   /* Word joiner, invisible operators, isolates. */
	{0xfeff, 0xfeff},   /* Byte order mark. */
	{0xfff9, 0xfffb},   /* Interlinear annotation. */
	{0xe0000, 0xe007f}, /* Tags. */
};

/** True for a character that is not to be seen as it is. */
static bool deceives(uint32_t code)
{
	for (size_t i = 0; i < us_array_size(deceivers); i++) {
		if (code >= deceivers[i].first && code <= deceivers[i].last) {
			return true;
		}
	}
	return false;
}

/** The letter that stands for BYTE behind a backslash, or NUL. */
static char letter_of(char byte)
{
	switch (byte) {
	case '\n':
		return 'n';
	case '\t':
		return 't';
	case '\r':
		return 'r';
	case '\\':
		return '\\';
	default:
		return '\0';
	}
}

/** Write NR bytes of TEXT, four at most, as octal escapes.  @return how many characters that took. */
static size_t write_octal(char out[ESCAPE_MAX], const char *text, size_t nr)
{
	size_t n = 0;

	for (size_t i = 0; i < nr && n + 4 <= ESCAPE_MAX; i++) {
		unsigned char byte = (unsigned char)text[i];

		out[n++] = '\\';
		out[n++] = (char)('0' + (byte >> 6));
		out[n++] = (char)('0' + ((byte >> 3) & 7));
		out[n++] = (char)('0' + (byte & 7));
	}
	return n;
}

/** Write the first character of *NAME, as it is or escaped, and move *NAME on.  @return how many bytes that took. */
static size_t quote_next(char out[ESCAPE_MAX], const char **name)
{
	const char *text = *name;
	char letter = letter_of(text[0]);
	uint32_t code;
	size_t length = us_utf8_decode(text, &code);

	*name += us_max(length, (size_t)1);
	if (letter != '\0') {
		out[0] = '\\';
		out[1] = letter;
		return 2;
	}
	if (length == 0 || code < 0x20 || code == 0x7f || (length > 1 && deceives(code))) {
		return write_octal(out, text, us_max(length, (size_t)1));
	}
	memcpy(out, text, length);
	return length;
}

size_t us_quote(char *out, size_t out_size, const char *name)
{
	size_t length = 0;
	size_t end = 0;

	while (*name != '\0') {
		char escape[ESCAPE_MAX];
		size_t n = quote_next(escape, &name);

		if (length == end && length + n < out_size) {
			memcpy(out + end, escape, n);
			end += n;
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
	while (*name != '\0') {
		char escape[ESCAPE_MAX];
		size_t n = quote_next(escape, &name);

		if (fwrite(escape, 1, n, stream) != n) {
			return -EIO;
		}
	}
	return 0;
}
