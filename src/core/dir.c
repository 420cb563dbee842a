/* SPDX-License-Identifier: MIT */
/* The nodes of the tree that is being copied: names, paths, identities. */
#include "core/dir.h"

#include "sys/call.h"

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

struct us_dir_reference *us_dir_references_new(size_t nr)
{
	struct us_dir_reference *references = calloc(nr, sizeof(*references));

	for (size_t i = 0; references != NULL && i < nr; i++) {
		references[i].fd = -1;
	}
	return references;
}

void us_dir_references_close(struct us_dir_reference *references, size_t nr)
{
	for (size_t i = 0; references != NULL && i < nr; i++) {
		if (references[i].fd >= 0) {
			us_close(references[i].fd);
			references[i].fd = -1;
		}
	}
}

void us_dir_free(struct us_dir *dir)
{
	if (dir->source != NULL) {
		free(dir->source->xattrs);
		free(dir->source);
	}
	free(dir->references);
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

/**
 * The path of NAME (NULL: of DIR itself) in DIR, from TOP (NULL: with the root's own name) on.  To be freed; NULL
 * without memory.
 */
static char *path_from(const struct us_dir *top, const struct us_dir *dir, const char *name, enum us_side side)
{
	size_t total = 1 + (name != NULL ? strlen(name) : 0);
	char *path;
	char *end;
	bool slash = name != NULL;

	for (const struct us_dir *d = dir; d != top; d = d->parent) {
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
	for (const struct us_dir *d = dir; d != top; d = d->parent) {
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

char *us_dir_path(const struct us_dir *dir, const char *name, enum us_side side)
{
	return path_from(NULL, dir, name, side);
}

char *us_dir_relative_path(const struct us_dir *dir, const char *name)
{
	const struct us_dir *root = dir;

	while (root->parent != NULL) {
		root = root->parent;
	}
	return path_from(root, dir, name, US_DST);
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

bool us_is_mount_point(const struct statx *parent, const struct statx *stx)
{
	return parent->stx_dev_major != stx->stx_dev_major || parent->stx_dev_minor != stx->stx_dev_minor ||
	       ((parent->stx_mask & stx->stx_mask & STATX_MNT_ID) != 0 && parent->stx_mnt_id != stx->stx_mnt_id);
}
