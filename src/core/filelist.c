/* SPDX-License-Identifier: MIT */
/* In the order that is used here a slash comes before every other byte: "a", "a/b", "a.c". */
#include "core/filelist.h"

#include "base/us.h"

#include <stdlib.h>
#include <string.h>

struct us_filelist {
	char **names;
	size_t nr;
	bool has_root;
};

/** Order of two names for qsort(3). */
static int compare(const void *left, const void *right)
{
	const unsigned char *a = *(const unsigned char *const *)left;
	const unsigned char *b = *(const unsigned char *const *)right;
	int x;
	int y;

	while (*a != '\0' && *a == *b) {
		a++;
		b++;
	}
	x = *a == '/' ? 1 : *a == '\0' ? 0 : *a + 2;
	y = *b == '/' ? 1 : *b == '\0' ? 0 : *b + 2;
	return x - y;
}

/** Write NAME to OUT without ".", ".." and empty parts. @return false when it leads out of the root. */
static bool clean(const char *name, char *out)
{
	char *end = out;

	*out = '\0';
	while (*name != '\0') {
		size_t length = strcspn(name, "/");

		if (length == 2 && name[0] == '.' && name[1] == '.') {
			if (end == out) {
				return false;
			}
			*end = '\0';
			end = strrchr(out, '/');
			end = end != NULL ? end : out;
			*end = '\0';
		} else if (length > 0 && !(length == 1 && name[0] == '.')) {
			if (end > out) {
				*end++ = '/';
			}
			memcpy(end, name, length);
			end += length;
			*end = '\0';
		}
		name += length;
		name += strspn(name, "/");
	}
	return true;
}

/** Sort, and drop what stands there twice. */
static void sort(struct us_filelist *list)
{
	size_t kept = 0;

	qsort(list->names, list->nr, sizeof(char *), compare);
	for (size_t i = 0; i < list->nr; i++) {
		if (kept > 0 && strcmp(list->names[kept - 1], list->names[i]) == 0) {
			free(list->names[i]);
		} else {
			list->names[kept++] = list->names[i];
		}
	}
	list->nr = kept;
}

int us_filelist_new(struct us_filelist **out, const char *const *names, size_t nr, const char **wrong)
{
	struct us_filelist *list = calloc(1, sizeof(*list));
	int ret = 0;

	if (list == NULL) {
		return -ENOMEM;
	}
	list->names = calloc(nr + 1, sizeof(char *));
	if (list->names == NULL) {
		ret = -ENOMEM;
	}
	for (size_t i = 0; i < nr && ret == 0; i++) {
		char *name = malloc(strlen(names[i]) + 1);

		if (name == NULL) {
			ret = -ENOMEM;
			break;
		}
		if (!clean(names[i], name)) {
			*wrong = names[i];
			ret = -EINVAL;
		}
		if (ret < 0 || name[0] == '\0') {
			list->has_root = true;
			free(name);
			continue;
		}
		list->names[list->nr++] = name;
	}
	if (ret < 0) {
		us_filelist_free(list);
		return ret;
	}
	sort(list);
	*out = list;
	return 0;
}

void us_filelist_free(struct us_filelist *list)
{
	if (list == NULL) {
		return;
	}
	for (size_t i = 0; i < list->nr; i++) {
		free(list->names[i]);
	}
	free(list->names);
	free(list);
}

struct us_filelist_range us_filelist_root(const struct us_filelist *list)
{
	if (list->nr == 0 && !list->has_root) {
		return (struct us_filelist_range){.first = 1, .end = 1};
	}
	return (struct us_filelist_range){.end = list->has_root ? 0 : list->nr};
}

bool us_filelist_next(const struct us_filelist *list, const struct us_filelist_range *range, size_t *at,
                      const char **name, size_t *length, struct us_filelist_range *below)
{
	size_t first = *at;

	if (first >= range->end) {
		return false;
	}
	*name = list->names[first] + range->prefix;
	*length = strcspn(*name, "/");
	while (*at < range->end) {
		const char *next = list->names[*at] + range->prefix;

		if (strncmp(next, *name, *length) != 0 || (next[*length] != '\0' && next[*length] != '/')) {
			break;
		}
		(*at)++;
	}
	*below = (struct us_filelist_range){0};
	if ((*name)[*length] == '/') { /* It does not stand there by itself, or it would be the first. */
		*below = (struct us_filelist_range){first, *at, range->prefix + *length + 1};
	} else if (*at - first > 1) {
		below->prefix = range->prefix + *length + 1;
	}
	return true;
}
