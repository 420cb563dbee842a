/* SPDX-License-Identifier: MIT */
/*
 * core/filelist: the walk over a list finds each name that was put there, and nothing else, and never the same twice.
 * Input: names with NULs between them.
 */
#include "fuzz.h"

#include "core/filelist.h"

#include <errno.h>

#define NAMES_MAX 64
#define DEPTH_MAX 64

/** What the walk is held against. */
struct expected {
	char *names[NAMES_MAX]; /**< Clean, each once; "" is the root. */
	bool found[NAMES_MAX];
	size_t nr;
	bool leads_out;
};

/** NAME with each part taken by itself; NULL when it leads out. */
static char *clean(const char *name)
{
	const char *parts[256];
	size_t lengths[256];
	size_t nr = 0;
	char *out = calloc(1, strlen(name) + 1);
	char *end = out;

	fuzz_check(out != NULL);
	while (*name != '\0') {
		size_t length = strcspn(name, "/");

		if (length == 2 && strncmp(name, "..", 2) == 0) {
			if (nr == 0) {
				free(out);
				return NULL;
			}
			nr--;
		} else if (length > 0 && !(length == 1 && name[0] == '.')) {
			fuzz_check(nr < 256);
			parts[nr] = name;
			lengths[nr++] = length;
		}
		name += length + (name[length] == '/');
	}
	for (size_t i = 0; i < nr; i++) {
		if (i > 0) {
			*end++ = '/';
		}
		memcpy(end, parts[i], lengths[i]);
		end += lengths[i];
	}
	return out;
}

/** Put NAME on the list, once. */
static void expect(struct expected *expected, const char *name)
{
	char *own = clean(name);

	if (own == NULL) {
		expected->leads_out = true;
		return;
	}
	for (size_t i = 0; i < expected->nr; i++) {
		if (strcmp(expected->names[i], own) == 0) {
			free(own);
			return;
		}
	}
	expected->names[expected->nr++] = own;
}

/** True when PATH is a whole number of first parts of NAME, and less than all. */
static bool is_above(const char *path, const char *name)
{
	size_t length = strlen(path);

	return length == 0 ? name[0] != '\0' : strncmp(path, name, length) == 0 && name[length] == '/';
}

/** A name that the walk says is to be copied whole. */
static void check_leaf(struct expected *expected, const char *path, bool names_below)
{
	bool any_below = false;
	size_t nr = 0;

	for (size_t i = 0; i < expected->nr; i++) {
		if (strcmp(expected->names[i], path) == 0) {
			fuzz_check(!expected->found[i]);
			expected->found[i] = true;
			nr++;
		}
		any_below = any_below || is_above(path, expected->names[i]);
	}
	fuzz_check(nr == 1);
	fuzz_check(any_below == names_below);
}

/** Walk what is below PATH. */
static void walk(const struct us_filelist *list, const struct us_filelist_range *range, const char *path,
                 struct expected *expected)
{
	size_t at = range->first;
	struct us_filelist_range below;
	const char *name;
	size_t length;

	while (us_filelist_next(list, range, &at, &name, &length, &below)) {
		char *full = NULL;

		fuzz_check(length > 0 && memchr(name, '/', length) == NULL);
		fuzz_check(asprintf(&full, "%s%s%.*s", path, path[0] != '\0' ? "/" : "", (int)length, name) >= 0);
		if (below.end == 0) {
			check_leaf(expected, full, below.prefix != 0);
		} else {
			walk(list, &below, full, expected);
		}
		free(full);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {data, size};
	struct expected expected = {0};
	struct us_filelist *list = NULL;
	struct us_filelist_range range;
	char *names[NAMES_MAX];
	const char *wrong = NULL;
	size_t nr = 0;
	int ret;

	if (size > 512) {
		return -1;
	}
	while (input.size > 0 && nr < NAMES_MAX) {
		names[nr] = fuzz_text(&input);
		expect(&expected, names[nr++]);
	}
	ret = us_filelist_new(&list, (const char *const *)names, nr, &wrong);
	fuzz_check(expected.leads_out ? ret == -EINVAL && wrong != NULL && clean(wrong) == NULL : ret == 0);
	if (ret == 0) {
		range = us_filelist_root(list);
		if (range.end == 0) {
			check_leaf(&expected, "", expected.nr > 1);
		} else {
			walk(list, &range, "", &expected);
		}
		for (size_t i = 0; i < expected.nr; i++) {
			bool is_within = false;

			for (size_t j = 0; j < expected.nr; j++) {
				is_within = is_within || is_above(expected.names[j], expected.names[i]);
			}
			fuzz_check(expected.found[i] != is_within);
		}
		us_filelist_free(list);
	}
	for (size_t i = 0; i < expected.nr; i++) {
		free(expected.names[i]);
	}
	for (size_t i = 0; i < nr; i++) {
		free(names[i]);
	}
	return 0;
}
