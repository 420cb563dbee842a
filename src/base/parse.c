/* SPDX-License-Identifier: MIT */
/* Numbers and sizes: strict, so that a slip of the finger is named rather than guessed at. */
#include "base/parse.h"

#include <errno.h>

/** Read the digits at the start of TEXT; *END is where they stop. */
static int parse_digits(const char *text, uint64_t *value, const char **end)
{
	uint64_t sum = 0;
	const char *p = text;

	for (; *p >= '0' && *p <= '9'; p++) {
		if (__builtin_mul_overflow(sum, UINT64_C(10), &sum) ||
		    __builtin_add_overflow(sum, (uint64_t)(*p - '0'), &sum)) {
			return -ERANGE;
		}
	}
	if (p == text) {
		return -EINVAL;
	}
	*value = sum;
	*end = p;
	return 0;
}

int us_parse_uint(const char *text, uint64_t *value)
{
	const char *end;
	uint64_t number;
	int ret = parse_digits(text, &number, &end);

	if (ret < 0) {
		return ret;
	}
	if (*end != '\0') {
		return -EINVAL;
	}
	*value = number;
	return 0;
}

int us_parse_size(const char *text, uint64_t *bytes)
{
	const char *end;
	uint64_t number;
	unsigned int shift = 0;
	int ret = parse_digits(text, &number, &end);

	if (ret < 0) {
		return ret;
	}
	switch (*end) {
	case 'K':
	case 'k':
		shift = 10;
		break;
	case 'M':
	case 'm':
		shift = 20;
		break;
	case 'G':
	case 'g':
		shift = 30;
		break;
	default:
		break;
	}
	if (shift > 0) {
		end++;
	}
	if (*end != '\0') {
		return -EINVAL;
	}
	if (__builtin_mul_overflow(number, UINT64_C(1) << shift, bytes)) {
		return -ERANGE;
	}
	return 0;
}
