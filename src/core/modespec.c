/* SPDX-License-Identifier: MIT */
/* Each part of the list becomes bits to take away and bits to give. */
#include "core/modespec.h"

#include "base/us.h"

#include <string.h>
#include <sys/stat.h>

/** The bits of whom a letter names. */
static mode_t who_bits(char letter)
{
	switch (letter) {
	case 'u':
		return 04700;
	case 'g':
		return 02070;
	case 'o':
		return 01007;
	case 'a':
		return 07777;
	default:
		return 0;
	}
}

/** The bits of a permission letter, for everyone. */
static mode_t permission_bits(char letter)
{
	switch (letter) {
	case 'r':
		return 0444;
	case 'w':
		return 0222;
	case 'x':
	case 'X':
		return 0111;
	case 's':
		return 06000;
	case 't':
		return 01000;
	default:
		return 0;
	}
}

/** Read "755". */
static int parse_octal(struct us_mode_change *change, const char *text, size_t length)
{
	mode_t mode = 0;

	for (size_t i = 0; i < length; i++) {
		if (text[i] < '0' || text[i] > '7') {
			return -EINVAL;
		}
		mode = mode * 8 + (mode_t)(text[i] - '0');
		if (mode > 07777) {
			return -EINVAL;
		}
	}
	change->clear = 07777;
	change->set = mode;
	return 0;
}

/** Read "go-w". */
static int parse_symbolic(struct us_mode_change *change, const char *text, size_t length)
{
	mode_t who = 0;
	mode_t bits = 0;
	mode_t x = 0;
	size_t i = 0;
	char op;

	for (; i < length && who_bits(text[i]) != 0; i++) {
		who |= who_bits(text[i]);
	}
	if (who == 0) {
		who = 07777;
	}
	if (i == length || strchr("+-=", text[i]) == NULL) {
		return -EINVAL;
	}
	for (op = text[i++]; i < length; i++) {
		mode_t letter = permission_bits(text[i]);

		if (letter == 0) {
			return -EINVAL;
		}
		*(text[i] == 'X' ? &x : &bits) |= letter;
	}
	/* "t" is nobody's: it goes with any whom. */
	if (op == '-') {
		change->clear = ((bits | x) & who) | (bits & 01000);
		return 0;
	}
	change->set = bits & (who | 01000);
	change->set_x = x & who;
	change->clear = op == '=' ? who & 0777 : 0;
	return 0;
}

/** Read one part. */
static int parse_part(struct us_mode_change *change, const char *text, size_t length)
{
	*change = (struct us_mode_change){.dirs = true, .others = true};
	if (length > 0 && (text[0] == 'D' || text[0] == 'F')) {
		change->dirs = text[0] == 'D';
		change->others = text[0] == 'F';
		text++;
		length--;
	}
	if (length == 0) {
		return -EINVAL;
	}
	return text[0] >= '0' && text[0] <= '9' ? parse_octal(change, text, length)
	                                        : parse_symbolic(change, text, length);
}

int us_modespec_parse(struct us_modespec *spec, const char *text)
{
	spec->nr = 0;
	for (;;) {
		size_t length = strcspn(text, ",");
		int ret = spec->nr < US_MODESPEC_MAX ? parse_part(&spec->changes[spec->nr], text, length)
		                                     : -EINVAL;

		if (ret < 0) {
			return ret;
		}
		spec->nr++;
		if (text[length] == '\0') {
			return 0;
		}
		text += length + 1;
	}
}

mode_t us_modespec_apply(const struct us_modespec *spec, mode_t mode)
{
	for (size_t i = 0; i < spec->nr; i++) {
		const struct us_mode_change *change = &spec->changes[i];
		bool is_dir = S_ISDIR(mode);
		bool has_x = (mode & 0111) != 0;

		if (is_dir ? !change->dirs : !change->others) {
			continue;
		}
		mode &= ~change->clear;
		mode |= change->set;
		if (is_dir || has_x) {
			mode |= change->set_x;
		}
	}
	return mode;
}
