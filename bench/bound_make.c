/* SPDX-License-Identifier: MIT */
/*
 * Creating alone: files of the same names and sizes, with nothing in them that was read.
 *
 * The work is cut into runs of at most TREE_PART files of one directory: a directory of that size or less belongs to
 * one thread, so that threads seldom wait for each other at a directory's lock; a larger one is shared.
 */
#include "bound.h"

#include "tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/** One regular file. */
struct file {
	char *name;
	uint64_t size;
};

/** A piece of work: files FIRST to FIRST + NR - 1, all of one directory. */
struct run {
	char *path;
	size_t first;
	size_t nr;
};

/** A directory below the root. */
struct dir {
	char *path;
	unsigned depth;
};

static struct file *files;
static struct run *runs;
static struct dir *dirs;
static size_t runs_nr;
static atomic_size_t next;
static size_t end; /**< Of the directories that may be made by now. */
static int target_fd;

/** A copy of TEXT. */
static char *copy(const char *text)
{
	char *new = strdup(text);

	if (!new) {
		fail("malloc", text);
	}
	return new;
}

/** Note the files of a part; one thread does. */
static void note_files(void *state, const struct tree_part *part)
{
	size_t first = files_nr;

	(void)state;
	for (size_t i = 0; i < part->nr; i++) {
		struct stat st;

		if (part->names[i].type != DT_REG) {
			continue;
		}
		if (fstatat(part->fd, part->names[i].text, &st, AT_SYMLINK_NOFOLLOW) != 0) {
			fail("stat", part->names[i].text);
		}
		files = grow(files, files_nr, sizeof(*files));
		files[files_nr++] = (struct file){copy(part->names[i].text), (uint64_t)st.st_size};
		bytes_nr += (unsigned long)st.st_size;
	}
	if (files_nr > first) {
		runs = grow(runs, runs_nr, sizeof(*runs));
		runs[runs_nr++] = (struct run){copy(part->path), first, files_nr - first};
	}
}

/** Note a directory. */
static void note_dir(const char *path)
{
	unsigned depth = 0;

	for (const char *at = path; *at; at++) {
		depth += *at == '/';
	}
	dirs = grow(dirs, dirs_nr, sizeof(*dirs));
	dirs[dirs_nr++] = (struct dir){copy(path), depth};
}

/** Order by depth, and by path in the same depth. */
static int by_depth(const void *a, const void *b)
{
	const struct dir *x = a, *y = b;

	return x->depth != y->depth ? (x->depth < y->depth ? -1 : 1) : strcmp(x->path, y->path);
}

/** A thread: make directories as far as their parents are there. */
static void *make_dirs(void *unused)
{
	size_t i;

	while ((i = atomic_fetch_add(&next, 1)) < end) {
		if (mkdirat(target_fd, dirs[i].path, 0755) != 0) {
			fail("mkdir", dirs[i].path);
		}
	}
	return unused;
}

/** Create, write and close one file. */
static void make_file(int dirfd, const struct file *file)
{
	int fd = openat(dirfd, file->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	if (fd < 0) {
		fail("create", file->name);
	}
	write_bytes(fd, file->size, file->name);
	if (options.times) {
		const struct timespec times[2] = {{.tv_sec = 1}, {.tv_sec = 1}};

		if (futimens(fd, times) != 0) {
			fail("utimens", file->name);
		}
	}
	if (close(fd) != 0) {
		fail("close", file->name);
	}
}

/** A thread: take the next run until there is none. */
static void *make_files(void *unused)
{
	size_t i;

	while ((i = atomic_fetch_add(&next, 1)) < runs_nr) {
		int dirfd = open_dir(target_fd, runs[i].path);

		for (size_t k = 0; k < runs[i].nr; k++) {
			make_file(dirfd, &files[runs[i].first + k]);
		}
		close(dirfd);
	}
	return unused;
}

void bound_make(int source, int target)
{
	static const struct tree_calls calls = {.enter = note_dir, .visit = note_files};

	target_fd = target;
	tree_walk(source, 1, &calls);
	if (dirs_nr) {
		qsort(dirs, dirs_nr, sizeof(*dirs), by_depth);
	}
	clock_start();
	for (size_t begin = 0; begin < dirs_nr; begin = end) {
		atomic_store(&next, begin);
		for (end = begin; end < dirs_nr && dirs[end].depth == dirs[begin].depth;) {
			end++;
		}
		run_threads(options.threads, make_dirs);
	}
	atomic_store(&next, 0);
	run_threads(options.threads, make_files);
	clock_stop();
}
