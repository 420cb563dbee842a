/* SPDX-License-Identifier: MIT */
/*
 * core/filter and core/glob, against a matcher that tries all ways (with a table of those that failed), and rules that
 * are read anew for each path.
 *
 * Input: rules, each "-PATTERN" or "+PATTERN" and ended by a NUL, then an empty one, then the path; one that ends in
 * a slash is a directory's.
 */
#include "fuzz.h"

#include "core/filter.h"
#include "core/glob.h"

#include <ctype.h>
#include <errno.h>

#define TEXT_MAX 64
#define RULES_MAX 8

/** A match that is being looked for. */
struct search {
	const char *glob;
	const char *text;
	size_t length;
	bool failed[TEXT_MAX + 1][TEXT_MAX + 1]; /**< This far in both: no way from there. */
};

/** Whether C is in the named class at the start of [NAME, END). */
static bool is_named(const char *name, size_t length, unsigned char c, bool *known)
{
	const struct {
		const char *name;
		bool is;
	} classes[] = {
		{"alnum", isalnum(c)}, {"alpha", isalpha(c)}, {"blank", isblank(c)}, {"cntrl", iscntrl(c)},
		{"digit", isdigit(c)}, {"graph", isgraph(c)}, {"lower", islower(c)}, {"print", isprint(c)},
		{"punct", ispunct(c)}, {"space", isspace(c)}, {"upper", isupper(c)}, {"xdigit", isxdigit(c)},
	};

	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
		if (strlen(classes[i].name) == length && strncmp(classes[i].name, name, length) == 0) {
			*known = true;
			return classes[i].is;
		}
	}
	*known = false;
	return false;
}

/**
 * A class that begins behind the bracket before P.
 * @return what is behind its end, or NULL for none that is right; *IS says whether C is in it.
 */
static const char *read_class(const char *p, unsigned char c, bool *is)
{
	bool in[256] = {false};
	bool negated = *p == '!' || *p == '^';
	bool first = true;

	p += negated;
	while (*p != ']' || first) {
		const char *close = p[0] == '[' && p[1] == ':' ? strchr(p + 2, ']') : NULL;
		unsigned char low;
		unsigned char high;

		first = false;
		if (close != NULL && close - p > 2 && close[-1] == ':') {
			bool known;

			for (int i = 0; i < 256; i++) {
				in[i] = is_named(p + 2, (size_t)(close - p) - 3, (unsigned char)i, &known) || in[i];
			}
			if (!known) {
				return NULL;
			}
			p = close + 1;
			continue;
		}
		if (*p == '\0') {
			return NULL;
		}
		p += p[0] == '\\' && p[1] != '\0';
		low = (unsigned char)*p++;
		high = low;
		if (p[0] == '-' && p[1] != '\0' && p[1] != ']') {
			p++;
			p += p[0] == '\\' && p[1] != '\0';
			high = (unsigned char)*p++;
		}
		for (int i = low; i <= high; i++) {
			in[i] = true;
		}
	}
	*is = c != '/' && in[c] != negated;
	return p + 1;
}

/** Whether GLOB from P matches TEXT from AT. */
static bool matches_from(struct search *search, const char *p, size_t at)
{
	bool *failed = &search->failed[p - search->glob][at];
	char c = at < search->length ? search->text[at] : '\0';
	bool is = false;
	const char *next = p + 1;

	if (*failed) {
		return false;
	}
	if (*p == '\0') {
		is = at == search->length;
	} else if (*p == '*') {
		size_t stars = strspn(p, "*");

		is = matches_from(search, p + stars, at);
		for (size_t to = at; !is && to < search->length && (stars > 1 || search->text[to] != '/'); to++) {
			is = matches_from(search, p + stars, to + 1);
		}
	} else if (at < search->length) {
		if (*p == '?') {
			is = c != '/';
		} else if (*p == '[') {
			next = read_class(p + 1, (unsigned char)c, &is);
			is = next != NULL && is;
		} else if (*p == '\\') {
			is = p[1] != '\0' && p[1] == c;
			next = p + 2;
		} else {
			is = *p == c;
		}
		is = is && matches_from(search, next, at + 1);
	}
	*failed = !is;
	return is;
}

/** Whether GLOB matches the LENGTH bytes of TEXT. */
static bool glob_matches(const char *glob, const char *text, size_t length)
{
	struct search search = {.glob = glob, .text = text, .length = length};

	return matches_from(&search, glob, 0);
}

/** The same for a pattern of a rule, in which backslashes are bytes like others when it IS_PLAIN. */
static bool pattern_matches(const char *pattern, bool is_plain, const char *text, size_t length)
{
	if (is_plain) {
		return strlen(pattern) == length && strncmp(pattern, text, length) == 0;
	}
	return glob_matches(pattern, text, length);
}

/** Whether the PATTERN, without the signs at its end, is about the LENGTH bytes of PATH. */
static bool is_about(const char *pattern, bool is_plain, const char *path, size_t length)
{
	bool anchored = pattern[0] == '/' && pattern[1] != '\0';

	if (anchored) {
		return pattern_matches(pattern + 1, is_plain, path, length);
	}
	if (strstr(pattern, "**") == NULL && strchr(pattern, '/') == NULL) {
		const char *slash = memrchr(path, '/', length);
		size_t before = slash != NULL ? (size_t)(slash + 1 - path) : 0;

		return pattern_matches(pattern, is_plain, path + before, length - before);
	}
	for (size_t at = 0; at < length; at++) {
		const char *rest = pattern;

		if (at > 0 && path[at - 1] != '/') {
			continue;
		}
		while (strncmp(rest, "**/", 3) == 0 && rest[3] != '\0') {
			rest += 3; /* So many directories as there are, none too. */
		}
		if (pattern_matches(rest, is_plain, path + at, length - at)) {
			return true;
		}
	}
	return false;
}

/** Whether a rule's PATTERN is about the entry. */
static bool rule_matches(const char *pattern, const char *path, bool is_dir)
{
	size_t length = strlen(pattern);
	size_t path_length = strlen(path);
	bool is_plain = strpbrk(pattern, "*?[") == NULL;
	char bare[TEXT_MAX + 1];

	memcpy(bare, pattern, length + 1);
	if (length > 4 && strcmp(pattern + length - 4, "/***") == 0) {
		bare[length - 4] = '\0';
		for (size_t at = 0; at < path_length; at++) {
			if (path[at] == '/' && is_about(bare, is_plain, path, at)) {
				return true;
			}
		}
		return is_dir && is_about(bare, is_plain, path, path_length);
	}
	if (length > 1 && pattern[length - 1] == '/') {
		bare[length - 1] = '\0';
		return is_dir && is_about(bare, is_plain, path, path_length);
	}
	return is_about(bare, is_plain, path, path_length);
}

/** True for a path as the walk makes them: names with single slashes between. */
static bool is_path(const char *path)
{
	size_t length = strlen(path);

	return length > 0 && path[0] != '/' && path[length - 1] != '/' && strstr(path, "//") == NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {data, size};
	struct us_filter filter = {0};
	char *rules[RULES_MAX];
	size_t nr = 0;
	char *path;
	size_t length;
	bool is_dir;
	int ret;

	if (size > TEXT_MAX) {
		return -1; /* The table of ways. */
	}
	while (nr < RULES_MAX && input.size > 0 && input.data[0] != '\0') {
		rules[nr] = fuzz_text(&input);
		ret = us_filter_add(&filter, rules[nr] + 1, rules[nr][0] == '+');
		fuzz_check(ret == (rules[nr][1] != '\0' ? 0 : -EINVAL));
		nr++;
	}
	(void)fuzz_byte(&input);
	path = fuzz_text(&input);
	length = strlen(path);
	for (size_t i = 0; i < nr; i++) {
		fuzz_check(us_glob_match(rules[i] + 1, path, length) == glob_matches(rules[i] + 1, path, length));
	}
	is_dir = length > 0 && path[length - 1] == '/';
	path[length - is_dir] = '\0';
	if (is_path(path)) {
		const char *slash = strrchr(path, '/');
		bool excluded = false;

		for (size_t i = 0; i < nr; i++) {
			if (rules[i][1] != '\0' && rule_matches(rules[i] + 1, path, is_dir)) {
				excluded = rules[i][0] != '+';
				break;
			}
		}
		fuzz_check(us_filter_excludes(&filter, path, slash != NULL ? slash + 1 : path, is_dir) == excluded);
	}
	us_filter_fini(&filter);
	free(path);
	while (nr > 0) {
		free(rules[--nr]);
	}
	return 0;
}
