/* SPDX-License-Identifier: MIT */
/*
 * The descriptors of directories.
 *
 *	adopt           unpin to 0                 over max_open
 *	  |   pinned  -------------->  in the list -------------->  closed
 *	  +-> open    <--------------  open                           |
 *	                  pin                                         |
 *	        ^-------------------------------- pin: reopened ------+
 *
 * The lock is held over the opens of a reopening.  That happens only when descriptors are scarce, and then
 * order is worth more than speed.
 */
#include "core/dir.h"

#include "base/us.h"
#include "sys/call.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

/** How DIR is opened: never through a symbolic link, unless its source was found so. */
static int dir_flags(const struct us_dir *dir, enum us_side side)
{
	return O_RDONLY | O_DIRECTORY | (side == US_SRC && dir->followed ? 0 : O_NOFOLLOW);
}

void us_dircache_init(struct us_dircache *cache, unsigned int max_open)
{
	*cache = (struct us_dircache){.max_open = max_open};
	pthread_mutex_init(&cache->lock, NULL);
}

void us_dircache_fini(struct us_dircache *cache)
{
	pthread_mutex_destroy(&cache->lock);
}

/** Take DIR out of the list of unpinned ones. */
static void list_remove(struct us_dircache *cache, struct us_dir *dir)
{
	*(dir->older != NULL ? &dir->older->newer : &cache->oldest) = dir->newer;
	*(dir->newer != NULL ? &dir->newer->older : &cache->newest) = dir->older;
	dir->older = NULL;
	dir->newer = NULL;
}

/** Put DIR at the young end of the list. */
static void list_append(struct us_dircache *cache, struct us_dir *dir)
{
	dir->older = cache->newest;
	dir->newer = NULL;
	*(cache->newest != NULL ? &cache->newest->newer : &cache->oldest) = dir;
	cache->newest = dir;
}

/** Close the descriptors of DIR. */
static void close_fds(struct us_dircache *cache, struct us_dir *dir)
{
	for (enum us_side side = 0; side < US_SIDES; side++) {
		if (dir->fd[side] >= 0) {
			us_close(dir->fd[side]);
			dir->fd[side] = -1;
		}
	}
	us_dir_references_close(dir->references, cache->nr_references);
	dir->is_open = false;
	cache->open--;
}

/** Close unpinned directories until at most KEEP are open. */
static void evict(struct us_dircache *cache, unsigned int keep)
{
	while (cache->open > keep && cache->oldest != NULL) {
		struct us_dir *dir = cache->oldest;

		list_remove(cache, dir);
		close_fds(cache, dir);
	}
}

/**
 * Open NAME in DIRFD and make sure that it is the directory of IDENTITY.
 * @return 0 and the descriptor (-1 for a side that has none), or a negative errno.
 */
static int open_same(int dirfd, const char *name, int flags, const struct us_identity *identity, int *out)
{
	struct statx stx;
	int fd;
	int ret;

	*out = -1;
	if (identity->ino == 0) {
		return 0;
	}
	fd = us_openat(dirfd, name, flags, 0);
	if (fd < 0) {
		return fd;
	}
	ret = us_statx(fd, "", AT_EMPTY_PATH, &stx);
	if (ret == 0 && !us_identity_is(identity, &stx)) {
		ret = -ESTALE;
	}
	if (ret < 0) {
		us_close(fd);
		return ret;
	}
	*out = fd;
	return 0;
}

/** Close those that are open. */
static void close_all(const int fd[US_SIDES])
{
	for (enum us_side side = 0; side < US_SIDES; side++) {
		if (fd[side] >= 0) {
			us_close(fd[side]);
		}
	}
}

/** Put open descriptors into DIR, which has none. */
static void install(struct us_dircache *cache, struct us_dir *dir, const int fd[US_SIDES])
{
	memcpy(dir->fd, fd, sizeof(dir->fd));
	atomic_store_explicit(&dir->held, false, memory_order_relaxed);
	dir->is_open = true;
	cache->open++;
}

/** Open the references of DIR, whose parent has its own open; what is not found again is none any more. */
static void reopen_references(const struct us_dircache *cache, struct us_dir *dir)
{
	for (unsigned int i = 0; dir->references != NULL && i < cache->nr_references; i++) {
		struct us_dir_reference *reference = &dir->references[i];

		if (open_same(dir->parent->references[i].fd, us_dir_name(dir, US_DST), dir_flags(dir, US_DST),
		              &reference->identity, &reference->fd) < 0) {
			reference->identity.ino = 0;
		}
	}
}

/** Open DIR, whose parent is open. */
static int reopen_below(struct us_dircache *cache, struct us_dir *dir)
{
	int fd[US_SIDES] = {-1, -1};

	for (enum us_side side = 0; side < US_SIDES; side++) {
		int ret = open_same(dir->parent->fd[side], us_dir_name(dir, side), dir_flags(dir, side),
		                    &dir->identity[side], &fd[side]);

		if (ret < 0) {
			close_all(fd);
			return ret;
		}
	}
	reopen_references(cache, dir);
	install(cache, dir, fd);
	return 0;
}

/** Open DIR by way of the nearest open ancestor; those between are closed again.  The root is always open. */
static int reopen(struct us_dircache *cache, struct us_dir *dir)
{
	struct us_dir **chain;
	size_t depth = 0;
	size_t i = 0;
	int ret = 0;

	for (const struct us_dir *d = dir; !d->is_open; d = d->parent) {
		depth++;
	}
	chain = calloc(depth, sizeof(struct us_dir *));
	if (chain == NULL) {
		return -ENOMEM;
	}
	for (struct us_dir *d = dir; !d->is_open; d = d->parent) {
		chain[i++] = d;
	}
	while (i > 0 && ret == 0) {
		i--;
		ret = reopen_below(cache, chain[i]);
		if (i + 1 < depth) {
			close_fds(cache, chain[i + 1]);
		}
	}
	free(chain);
	return ret;
}

void us_dircache_adopt(struct us_dircache *cache, struct us_dir *dir, const int fd[US_SIDES])
{
	pthread_mutex_lock(&cache->lock);
	install(cache, dir, fd);
	dir->pins = 1;
	evict(cache, cache->max_open);
	pthread_mutex_unlock(&cache->lock);
}

int us_dircache_pin(struct us_dircache *cache, struct us_dir *dir)
{
	int ret = 0;

	pthread_mutex_lock(&cache->lock);
	if (!dir->is_open) {
		evict(cache, us_max(cache->max_open, 2u) - 2);
		ret = reopen(cache, dir);
	} else if (dir->pins == 0) {
		list_remove(cache, dir);
	}
	if (ret == 0) {
		dir->pins++;
	}
	pthread_mutex_unlock(&cache->lock);
	return ret;
}

/** Drop one pin; the last one makes DIR a candidate for closing. */
static void unpin(struct us_dircache *cache, struct us_dir *dir)
{
	if (--dir->pins == 0) {
		list_append(cache, dir);
		evict(cache, cache->max_open);
	}
}

void us_dircache_unpin(struct us_dircache *cache, struct us_dir *dir)
{
	pthread_mutex_lock(&cache->lock);
	unpin(cache, dir);
	pthread_mutex_unlock(&cache->lock);
}

/** The same for its references.  @return false when not all of them could be had: then none is open. */
static bool reopen_references_above(const struct us_dircache *cache, const struct us_dir *dir)
{
	struct us_dir *parent = dir->parent;

	for (unsigned int i = 0; parent->references != NULL && i < cache->nr_references; i++) {
		struct us_dir_reference *reference = &parent->references[i];
		int below = dir->references != NULL ? dir->references[i].fd : -1;
		bool wanted = reference->identity.ino != 0;

		if (wanted && (below < 0 || open_same(below, "..", dir_flags(parent, US_DST), &reference->identity,
		                                      &reference->fd) < 0)) {
			us_dir_references_close(parent->references, i);
			return false;
		}
	}
	return true;
}

/** Open the parent of DIR by way of "..", where that still leads to the same directory. */
static void reopen_above(struct us_dircache *cache, const struct us_dir *dir)
{
	struct us_dir *parent = dir->parent;
	int fd[US_SIDES] = {-1, -1};

	for (enum us_side side = 0; side < US_SIDES; side++) {
		bool wanted = parent->identity[side].ino != 0;

		if (wanted && (dir->fd[side] < 0 || open_same(dir->fd[side], "..", dir_flags(parent, side),
		                                              &parent->identity[side], &fd[side]) < 0)) {
			close_all(fd);
			return;
		}
	}
	if (!reopen_references_above(cache, dir)) {
		close_all(fd);
		return;
	}
	install(cache, parent, fd);
	list_append(cache, parent);
}

void us_dircache_close(struct us_dircache *cache, struct us_dir *dir)
{
	int fd[US_SIDES];

	pthread_mutex_lock(&cache->lock);
	if (dir->parent != NULL && !dir->parent->is_open) {
		reopen_above(cache, dir);
	}
	dir->pins = 0;
	memcpy(fd, dir->fd, sizeof(fd));
	for (enum us_side side = 0; side < US_SIDES; side++) {
		dir->fd[side] = -1;
	}
	close_fds(cache, dir);
	evict(cache, cache->max_open);
	pthread_mutex_unlock(&cache->lock);
	/* Every directory comes here once, and what close(2) frees of a large one takes its time. */
	close_all(fd);
}

void us_dircache_trim(struct us_dircache *cache)
{
	pthread_mutex_lock(&cache->lock);
	evict(cache, 0);
	pthread_mutex_unlock(&cache->lock);
}
