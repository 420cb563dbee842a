/* SPDX-License-Identifier: MIT */
/* The nodes of the tree that is being copied: names, paths, identities. */
#include "core/dir.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char *us_dir_name(const struct us_dir *dir, enum us_side side)
{
	return side == US_SRC ? dir->name : dir->name + dir->dst_name;
}

struct us_dir *us_dir_new(struct us_dir *parent, const char *name, const char *dst_name)
{
	size_t length = strlen(name) + 1;
	size_t dst_length = dst_name != NULL ? strlen(dst_name) + 1 : 0;
	struct us_dir *dir;

	if (dst_length > 0 && length > UINT16_MAX) {
		return NULL;
	}
	dir = calloc(1, sizeof(*dir) + length + dst_length);
	if (dir == NULL) {
		return NULL;
	}
	dir->parent = parent;
	for (enum us_side side = 0; side < US_SIDES; side++) {
		dir->fd[side] = -1;
	}
	memcpy(dir->name, name, length);
	if (dst_name != NULL) {
		dir->dst_name = (uint16_t)length;
		memcpy(dir->name + length, dst_name, dst_length);
	}
	atomic_init(&dir->pending, 1);
	if (parent != NULL) {
		atomic_fetch_add_explicit(&parent->pending, 1, memory_order_relaxed);
	}
	return dir;
}

int us_dir_set_source(struct us_dir *dir, const struct statx *stx)
{
	if (dir->source == NULL) {
		dir->source = calloc(1, sizeof(*dir->source));
	}
	if (dir->source == NULL) {
		return -ENOMEM;
	}
	dir->source->stx = *stx;
	return 0;
}

void us_dir_free(struct us_dir *dir)
{
	if (dir->source != NULL) {
		free(dir->source->xattrs);
		free(dir->source);
	}
	free(dir);
}

/** Put the LENGTH bytes of PART, and a slash before what stands there already, in front of *END. */
static void prepend(char **end, const char *part, size_t length, bool slash)
{
	if (slash) {
		*--*end = '/';
	}
	*end -= length;
	memcpy(*end, part, length);
}

char *us_dir_path(const struct us_dir *dir, const char *name, enum us_side side)
{
	size_t total = 1 + (name != NULL ? strlen(name) : 0);
	char *path;
	char *end;
	bool slash = name != NULL;

	for (const struct us_dir *d = dir; d != NULL; d = d->parent) {
		total += strlen(us_dir_name(d, side)) + 1;
	}
	path = malloc(total);
	if (path == NULL) {
		return NULL;
	}
	end = path + total;
	*--end = '\0';
	if (name != NULL) {
		prepend(&end, name, strlen(name), false);
	}
	for (const struct us_dir *d = dir; d != NULL; d = d->parent) {
		const char *part = us_dir_name(d, side);
		size_t length = strlen(part);

		if (length == 0) {
			continue; /* The virtual root of several sources. */
		}
		prepend(&end, part, length, slash && part[length - 1] != '/');
		slash = true;
	}
	memmove(path, end, (size_t)(path + total - end));
	return path;
}

char *us_dir_relative_path(const struct us_dir *dir, const char *name)
{
	size_t total = 1 + (name != NULL ? strlen(name) : 0);
	bool slash = name != NULL;
	char *path;
	char *end;

	for (const struct us_dir *d = dir; d->parent != NULL; d = d->parent) {
		total += strlen(us_dir_name(d, US_DST)) + 1;
	}
	path = malloc(total);
	if (path == NULL) {
		return NULL;
	}
	end = path + total;
	*--end = '\0';
	if (name != NULL) {
		prepend(&end, name, strlen(name), false);
	}
	for (const struct us_dir *d = dir; d->parent != NULL; d = d->parent) {
		const char *part = us_dir_name(d, US_DST);

		prepend(&end, part, strlen(part), slash);
		slash = true;
	}
	memmove(path, end, (size_t)(path + total - end));
	return path;
}

bool us_identity_is(const struct us_identity *identity, const struct statx *stx)
{
	return identity->ino == stx->stx_ino && identity->dev_major == stx->stx_dev_major &&
	       identity->dev_minor == stx->stx_dev_minor;
}

struct us_identity us_identity_of(const struct statx *stx)
{
	return (struct us_identity){
		.dev_major = stx->stx_dev_major,
		.dev_minor = stx->stx_dev_minor,
		.ino = stx->stx_ino,
	};
}
