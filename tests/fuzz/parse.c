/* SPDX-License-Identifier: MIT */
/* base/parse: numbers and sizes against a reading with 128 bits. */
#include "fuzz.h"

#include "base/parse.h"

#include <errno.h>

/** What TEXT is, when SUFFIXES may stand behind it. */
static int reference(const char *text, const char *suffixes, uint64_t *value)
{
	size_t digits = strspn(text, "0123456789");
	const char *suffix = text[digits] != '\0' ? strchr(suffixes, text[digits]) : NULL;
	unsigned __int128 sum = 0;
	bool is_large = false;

	if (digits == 0) {
		return -EINVAL;
	}
	for (size_t i = 0; i < digits; i++) {
		sum = sum * 10 + (unsigned)(text[i] - '0');
		is_large = is_large || sum > UINT64_MAX;
		sum = is_large ? 0 : sum;
	}
	if (is_large) {
		return -ERANGE; /* Whatever comes behind it. */
	}
	if (text[digits] != '\0' && (suffix == NULL || text[digits + 1] != '\0')) {
		return -EINVAL;
	}
	if (suffix != NULL) {
		sum <<= 10 * ((suffix - suffixes) / 2 + 1);
	}
	*value = (uint64_t)sum;
	return sum > UINT64_MAX ? -ERANGE : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {data, size};
	char *text = fuzz_text(&input);
	uint64_t expected = 0;
	uint64_t value = 0;
	int ret = us_parse_uint(text, &value);

	fuzz_check(ret == reference(text, "", &expected));
	fuzz_check(ret < 0 || value == expected);
	ret = us_parse_size(text, &value);
	fuzz_check(ret == reference(text, "KkMmGg", &expected));
	fuzz_check(ret < 0 || value == expected);
	free(text);
	return 0;
}
