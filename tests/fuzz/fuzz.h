/* SPDX-License-Identifier: MIT */
/**
 * @file fuzz.h
 * What the fuzz targets share.  Each is one file with a LLVMFuzzerTestOneInput(), named in tests/fuzz/meson.build, with
 * its seeds in corpus/NAME and, where there is one, a dictionary in NAME.dict.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/** What libFuzzer calls with each input. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/** What does not hold is a finding, in every build. */
#define fuzz_check(condition)                                                                     \
	do {                                                                                      \
		if (!(condition)) {                                                               \
			fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition); \
			abort();                                                                  \
		}                                                                                 \
	} while (0)

/** An input that is taken apart from its front. */
struct fuzz_input {
	const uint8_t *data;
	size_t size;
};

/** The next byte; 0 at the end. */
static inline uint8_t fuzz_byte(struct fuzz_input *input)
{
	if (input->size == 0) {
		return 0;
	}
	input->size--;
	return *input->data++;
}

/**
 * The bytes up to the next NUL, or all that are left, as a string of its own, so that a read behind its end is found;
 * to be freed.
 */
static inline char *fuzz_text(struct fuzz_input *input)
{
	size_t length = strnlen((const char *)input->data, input->size);
	char *text = malloc(length + 1);

	fuzz_check(text != NULL);
	memcpy(text, input->data, length);
	text[length] = '\0';
	input->data += length;
	input->size -= length;
	(void)fuzz_byte(input);
	return text;
}

/** True when TEXT is what may go to a terminal: UTF-8 without control characters. */
static inline bool fuzz_is_printable(const char *text)
{
	for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++) {
		size_t more = *p < 0x80 ? 0 : *p < 0xc2 ? 9 : *p < 0xe0 ? 1 : *p < 0xf0 ? 2 : *p < 0xf5 ? 3 : 9;

		if (more == 9 || *p < 0x20 || *p == 0x7f || (p[0] == 0xc2 && p[1] < 0xa0)) {
			return false;
		}
		for (; more > 0; more--) {
			if ((*++p & 0xc0) != 0x80) {
				return false;
			}
		}
	}
	return true;
}

#endif /* FUZZ_H */
