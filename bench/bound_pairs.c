/* SPDX-License-Identifier: MIT */
/*
 * What has to be done with a name on both sides: looked at (a second run), looked at and replaced where it differs, or
 * its blocks shared.
 */
#include "bound.h"

#include "tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

static int target_fd;
static bool replaces;

/** A directory; both sides have it. */
static void count_dir(const char *path)
{
	(void)path;
	atomic_fetch_add(&dirs_nr, 1);
}

/** A directory that is new. */
static void make_dir(const char *path)
{
	if (mkdirat(target_fd, path, 0755) != 0) {
		fail("mkdir", path);
	}
	count_dir(path);
}

/** One statx as a copier makes it. */
static void look(int dir, const char *name, struct statx *stx)
{
	if (statx(dir, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, stx) != 0) {
		fail("stat", name);
	}
}

/** Whether the files that were looked at are not the same by size and mtime. */
static bool differ(const struct statx *src, const struct statx *dst)
{
	return S_ISREG(src->stx_mode) &&
	       (src->stx_size != dst->stx_size || src->stx_mtime.tv_sec != dst->stx_mtime.tv_sec ||
	        src->stx_mtime.tv_nsec != dst->stx_mtime.tv_nsec);
}

/** Put a new file of SIZE bytes in the place of NAME. */
static void replace(int dir, const char *name, uint64_t size)
{
	char temp[64];
	int fd;

	snprintf(temp, sizeof(temp), ".bound.%lu", atomic_fetch_add(&files_nr, 1));
	fd = openat(dir, temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0) {
		fail("create", temp);
	}
	atomic_fetch_add(&bytes_nr, size);
	write_bytes(fd, size, temp);
	if (close(fd) != 0 || renameat(dir, temp, dir, name) != 0) {
		fail("rename", name);
	}
}

/** Look at the names of a part on both sides. */
static void visit_looking(void *state, const struct tree_part *part)
{
	int dst = open_dir(target_fd, part->path);

	(void)state;
	for (size_t i = 0; i < part->nr; i++) {
		struct statx stx[2];

		look(part->fd, part->names[i].text, &stx[0]);
		look(dst, part->names[i].text, &stx[1]);
		if (replaces && differ(&stx[0], &stx[1])) {
			replace(dst, part->names[i].text, stx[0].stx_size);
		}
	}
	atomic_fetch_add(&others_nr, part->nr);
	close(dst);
}

/** Clone the files of a part. */
static void visit_cloning(void *state, const struct tree_part *part)
{
	int dst = open_dir(target_fd, part->path);

	(void)state;
	for (size_t i = 0; i < part->nr; i++) {
		const char *name = part->names[i].text;
		int from, to;

		if (part->names[i].type != DT_REG) {
			continue;
		}
		from = openat(part->fd, name, O_RDONLY | O_NOATIME | O_NOFOLLOW | O_CLOEXEC);
		to = from < 0 ? -1 : openat(dst, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
		if (to < 0 || ioctl(to, FICLONE, from) != 0 || close(to) != 0) {
			fail("clone", name);
		}
		close(from);
		atomic_fetch_add(&files_nr, 1);
	}
	close(dst);
}

/** Walk SOURCE, and do that on the way. */
static void walk(int source, int target, const struct tree_calls *calls)
{
	target_fd = target;
	clock_start();
	tree_walk(source, options.threads, calls);
	clock_stop();
}

void bound_stat(int source, int target)
{
	walk(source, target, &(const struct tree_calls){.enter = count_dir, .visit = visit_looking});
}

void bound_replace(int source, int target)
{
	replaces = true;
	bound_stat(source, target);
}

void bound_clone(int source, int target)
{
	walk(source, target, &(const struct tree_calls){.enter = make_dir, .visit = visit_cloning});
}
