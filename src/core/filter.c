/* SPDX-License-Identifier: MIT */
/* Rules, read once into what they say about a path.  The matching itself is in glob.c. */
#include "core/filter.h"

#include "base/us.h"
#include "core/glob.h"

#include <stdlib.h>
#include <string.h>

/** One pattern. */
struct us_filter_rule {
	char *glob;         /**< Without what the members below say of it. */
	bool include;
	bool is_wild;       /**< Holds more than plain bytes. */
	bool is_anchored;   /**< Matches from the root only. */
	bool is_basename;   /**< Looks at the last name alone. */
	bool only_dirs;
	bool and_contents;  /**< Ended in a slash and three stars: the directory and all in it. */
};

/** Cut SUFFIX off TEXT, if it ends so and is more than that. */
static bool cut_suffix(char *text, const char *suffix)
{
	size_t length = strlen(text);
	size_t cut = strlen(suffix);

	if (length <= cut || strcmp(text + length - cut, suffix) != 0) {
		return false;
	}
	text[length - cut] = '\0';
	return true;
}

/** Read the signs around a pattern. */
static void read_pattern(struct us_filter_rule *rule)
{
	char *glob = rule->glob;
	bool is_wild = strpbrk(glob, "*?[") != NULL;
	bool crosses;

	rule->and_contents = cut_suffix(glob, "/***");
	if (!rule->and_contents) {
		rule->only_dirs = cut_suffix(glob, "/");
	}
	if (glob[0] == '/' && glob[1] != '\0') {
		rule->is_anchored = true;
		memmove(glob, glob + 1, strlen(glob));
	}
	crosses = strstr(glob, "**") != NULL;
	while (!rule->is_anchored && strncmp(glob, "**/", 3) == 0 && glob[3] != '\0') {
		memmove(glob, glob + 3, strlen(glob + 3) + 1); /* At any depth: what an unanchored one does. */
	}
	/* What was cut off makes a wildcard of the rest only as far as backslashes go. */
	rule->is_wild = strpbrk(glob, "*?[") != NULL || (is_wild && strchr(glob, '\\') != NULL);
	rule->is_basename = !rule->is_anchored && !crosses && strchr(glob, '/') == NULL;
}

int us_filter_add(struct us_filter *filter, const char *pattern, bool include)
{
	struct us_filter_rule *rule;

	if (pattern[0] == '\0') {
		return -EINVAL;
	}
	if (filter->nr == filter->max) {
		size_t max = filter->max > 0 ? filter->max * 2 : 16;
		struct us_filter_rule *rules = reallocarray(filter->rules, max, sizeof(*rules));

		if (rules == NULL) {
			return -ENOMEM;
		}
		filter->rules = rules;
		filter->max = max;
	}
	rule = &filter->rules[filter->nr];
	*rule = (struct us_filter_rule){.glob = strdup(pattern), .include = include};
	if (rule->glob == NULL) {
		return -ENOMEM;
	}
	read_pattern(rule);
	filter->needs_path |= !rule->is_basename || rule->and_contents;
	filter->nr++;
	return 0;
}

void us_filter_fini(struct us_filter *filter)
{
	for (size_t i = 0; i < filter->nr; i++) {
		free(filter->rules[i].glob);
	}
	free(filter->rules);
	*filter = (struct us_filter){0};
}

/** True when the pattern is all of the LENGTH bytes of TEXT. */
static bool matches_text(const struct us_filter_rule *rule, const char *text, size_t length)
{
	if (rule->is_wild) {
		return us_glob_match(rule->glob, text, length);
	}
	return strlen(rule->glob) == length && memcmp(rule->glob, text, length) == 0;
}

/** True when the pattern matches the LENGTH bytes of PATH, of which NAME is the last name. */
static bool matches_path(const struct us_filter_rule *rule, const char *path, size_t length,
                         const char *name)
{
	const char *end = path + length;

	if (rule->is_basename) {
		return matches_text(rule, name, (size_t)(end - name));
	}
	if (matches_text(rule, path, length)) {
		return true;
	}
	for (const char *p = path; !rule->is_anchored && p < end; p++) {
		if (*p == '/' && matches_text(rule, p + 1, (size_t)(end - p - 1))) {
			return true;
		}
	}
	return false;
}

/** Where the last name of the LENGTH bytes of PATH begins. */
static const char *last_name(const char *path, size_t length)
{
	const char *slash = memrchr(path, '/', length);

	return slash != NULL ? slash + 1 : path;
}

/** True when the pattern matches a directory that PATH lies in. */
static bool matches_parent(const struct us_filter_rule *rule, const char *path)
{
	for (const char *p = strchr(path, '/'); p != NULL; p = strchr(p + 1, '/')) {
		size_t length = (size_t)(p - path);

		if (matches_path(rule, path, length, last_name(path, length))) {
			return true;
		}
	}
	return false;
}

/** True when the rule is about this entry. */
static bool matches(const struct us_filter_rule *rule, const char *path, const char *name, bool is_dir)
{
	if (rule->and_contents && matches_parent(rule, path)) {
		return true;
	}
	if ((rule->only_dirs || rule->and_contents) && !is_dir) {
		return false;
	}
	return matches_path(rule, path, strlen(path), name);
}

bool us_filter_excludes(const struct us_filter *filter, const char *path, const char *name, bool is_dir)
{
	for (size_t i = 0; i < filter->nr; i++) {
		if (matches(&filter->rules[i], path, name, is_dir)) {
			return !filter->rules[i].include;
		}
	}
	return false;
}
