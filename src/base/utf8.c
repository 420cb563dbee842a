/* SPDX-License-Identifier: MIT */
#include "base/utf8.h"

size_t us_utf8_decode(const char *text, uint32_t *code)
{
	static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
	unsigned char first = (unsigned char)text[0];
	size_t length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;

	if (length == 1) {
		*code = first;
		return 1;
	}
	if (first < 0xc2 || first > 0xf4) {
		return 0;
	}
	*code = first & (0xffu >> (length + 1));
	for (size_t i = 1; i < length; i++) {
		if (((unsigned char)text[i] & 0xc0) != 0x80) {
			return 0; /* At the NUL, too. */
		}
		*code = *code << 6 | ((unsigned char)text[i] & 0x3fu);
	}
	if (*code < smallest[length] || *code > 0x10ffff || (*code >= 0xd800 && *code <= 0xdfff)) {
		return 0;
	}
	return length;
}
