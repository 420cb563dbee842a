/* SPDX-License-Identifier: MIT */
/* core/modespec: --chmod against a reading, bit by bit, of what chmod(1) and rsync(1) say. */
#include "fuzz.h"

#include "core/modespec.h"

#include <errno.h>
#include <sys/stat.h>

/** Whether the letter WHOM owns BIT. */
static bool owns(char whom, mode_t bit)
{
	switch (whom) {
	case 'u':
		return bit == 04000 || (bit & 0700) != 0;
	case 'g':
		return bit == 02000 || (bit & 0070) != 0;
	case 'o':
		return bit == 01000 || (bit & 0007) != 0;
	default:
		return true;
	}
}

/** Whether the letter names BIT, where the entry IS_OPEN to X. */
static bool names(char letter, mode_t bit, bool is_open)
{
	switch (letter) {
	case 'r':
		return (bit & 0444) != 0;
	case 'w':
		return (bit & 0222) != 0;
	case 'x':
		return (bit & 0111) != 0;
	case 'X':
		return (bit & 0111) != 0 && is_open;
	case 's':
		return bit == 04000 || bit == 02000;
	default:
		return bit == 01000;
	}
}

/** One part of a list, known to be right, on MODE. */
static mode_t apply_part(const char *part, size_t length, mode_t mode)
{
	bool is_dir = S_ISDIR(mode);
	bool is_open = is_dir || (mode & 0111) != 0;
	size_t whom = 0;
	size_t op;
	mode_t result = 0;

	if (part[0] == 'D' || part[0] == 'F') {
		if ((part[0] == 'D') != is_dir) {
			return mode;
		}
		part++;
		length--;
	}
	if (part[0] >= '0' && part[0] <= '7') {
		return (mode & S_IFMT) | (mode_t)strtoul(part, NULL, 8);
	}
	op = strcspn(part, "+-=");
	for (mode_t bit = 04000; bit != 0; bit >>= 1) {
		bool is_whom = op == 0;
		bool is_named = false;
		bool is_set = (mode & bit) != 0;

		for (whom = 0; whom < op; whom++) {
			is_whom = is_whom || owns(part[whom], bit);
		}
		for (size_t i = op + 1; i < length; i++) {
			/* Taken away, X is x; t is one for all. */
			is_named = is_named ||
			           (names(part[i], bit, is_open || part[op] == '-') && (is_whom || bit == 01000));
		}
		if (part[op] == '=' && is_whom && bit <= 0400) {
			is_set = false;
		}
		if (is_named) {
			is_set = part[op] != '-';
		}
		result |= is_set ? bit : 0;
	}
	return (mode & S_IFMT) | result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {data, size};
	mode_t mode = (mode_t)(fuzz_byte(&input) << 8 | fuzz_byte(&input));
	char *text = fuzz_text(&input);
	struct us_modespec spec;
	int ret = us_modespec_parse(&spec, text);

	mode = (mode & 07777) | ((mode & 0x8000) != 0 ? S_IFDIR : S_IFREG);
	fuzz_check(ret == 0 || ret == -EINVAL);
	if (ret == 0) {
		mode_t expected = mode;

		for (const char *part = text; *part != '\0'; part += strcspn(part, ",") + (strchr(part, ',') != NULL)) {
			expected = apply_part(part, strcspn(part, ","), expected);
		}
		fuzz_check(us_modespec_apply(&spec, mode) == expected);
	}
	free(text);
	return 0;
}
