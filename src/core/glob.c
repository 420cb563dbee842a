/* SPDX-License-Identifier: MIT */
/*
 * A match is tried from left to right, each star taking as little as it can.  At a mismatch the last star takes
 * one byte more; where that would be a slash, the last ** does.  Earlier ones need not be tried again: what is
 * between two stars was found at its first place, which leaves the most for what follows.
 */
#include "core/glob.h"

#include <ctype.h>
#include <string.h>

/** Where to go on after a mismatch. */
struct retry {
	const char *glob; /**< Behind the star, or NULL. */
	const char *text; /**< The first byte that the star has not taken. */
};

/** The named classes of POSIX. */
static const struct {
	const char *name;
	int (*is)(int c);
} named_classes[] = {
	{"alnum", isalnum}, {"alpha", isalpha}, {"blank", isblank}, {"cntrl", iscntrl},
	{"digit", isdigit}, {"graph", isgraph}, {"lower", islower}, {"print", isprint},
	{"punct", ispunct}, {"space", isspace}, {"upper", isupper}, {"xdigit", isxdigit},
};

/** Whether C is in the class NAME of LENGTH bytes; -1 when there is no such class. */
static int is_in_named(const char *name, size_t length, unsigned char c)
{
	for (size_t i = 0; i < sizeof(named_classes) / sizeof(named_classes[0]); i++) {
		if (strlen(named_classes[i].name) == length &&
		    memcmp(named_classes[i].name, name, length) == 0) {
			return named_classes[i].is(c) != 0;
		}
	}
	return -1;
}

/** Where the ":]" of the named class at P stands; NULL when the bracket there is a byte like any other, as in [[:x]. */
static const char *named_end(const char *p)
{
	const char *end = p[0] == '[' && p[1] == ':' ? strchr(p + 2, ']') : NULL;

	return end != NULL && end > p + 2 && end[-1] == ':' ? end - 1 : NULL;
}

/** One byte of a class, of which a backslash may stand before it; moves *AT on. */
static unsigned char class_byte(const char **at)
{
	if (**at == '\\' && (*at)[1] != '\0') {
		(*at)++;
	}
	return (unsigned char)*(*at)++;
}

/**
 * Hold C against the class that begins after the bracket at *AT; moves *AT behind it.
 * @return 1, 0, or -1 for a class that is not closed or has a name that no class has.
 */
static int match_class(const char **at, unsigned char c)
{
	const char *p = *at;
	bool negated = *p == '!' || *p == '^';
	bool found = false;

	p += negated;
	for (bool first = true; first || *p != ']'; first = false) {
		const char *named;
		unsigned char low;
		unsigned char high;

		if (*p == '\0') {
			return -1;
		}
		named = named_end(p);
		if (named != NULL) {
			int is = is_in_named(p + 2, (size_t)(named - p - 2), c);

			if (is < 0) {
				return -1;
			}
			found |= is != 0;
			p = named + 2;
			continue;
		}
		low = class_byte(&p);
		high = low;
		if (p[0] == '-' && p[1] != ']' && p[1] != '\0') {
			p++;
			high = class_byte(&p);
		}
		found |= low <= c && c <= high;
	}
	*at = p + 1;
	return found != negated && c != '/';
}

/** Match one byte; moves *GLOB on when it does. */
static bool match_byte(const char **glob, unsigned char c)
{
	const char *p = *glob;
	bool matched;

	switch (*p) {
	case '\0':
		return false;
	case '?':
		matched = c != '/';
		p++;
		break;
	case '[':
		p++;
		matched = match_class(&p, c) > 0;
		break;
	case '\\':
		p++;
		matched = *p != '\0' && (unsigned char)*p++ == c;
		break;
	default:
		matched = (unsigned char)*p++ == c;
		break;
	}
	if (matched) {
		*glob = p;
	}
	return matched;
}

/** Let a star take one byte more. @return false when it can't. */
static bool extend(struct retry *star, bool crosses, const char *end, const char **glob, const char **text)
{
	if (star->glob == NULL || star->text == end || (!crosses && *star->text == '/')) {
		return false;
	}
	*text = ++star->text;
	*glob = star->glob;
	return true;
}

bool us_glob_match(const char *glob, const char *text, size_t length)
{
	const char *end = text + length;
	struct retry star = {0};
	struct retry stars = {0};

	for (;;) {
		if (*glob == '*') {
			bool crosses = glob[1] == '*';
			struct retry *which = crosses ? &stars : &star;

			glob += strspn(glob, "*");
			*which = (struct retry){.glob = glob, .text = text};
			if (crosses) {
				star.glob = NULL;
			}
			continue;
		}
		if (text == end && *glob == '\0') {
			return true;
		}
		if (text < end && match_byte(&glob, (unsigned char)*text)) {
			text++;
			continue;
		}
		if (extend(&star, false, end, &glob, &text)) {
			continue;
		}
		star.glob = NULL;
		if (!extend(&stars, true, end, &glob, &text)) {
			return false;
		}
	}
}
