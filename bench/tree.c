/* SPDX-License-Identifier: MIT */
/*
 * What is to be done lies on one stack: directories that nobody has listed yet, and parts of listings.  The walk is
 * over when it is empty and no thread is busy.
 */
#include "tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/** At least so many bytes are free when the kernel is asked for more names. */
#define DENTS_BYTES (64u << 10)

/** What stands in a directory; freed with the last part of it. */
struct listing {
	char *path;
	int fd;
	char *dents;
	struct tree_name *names;
	size_t nr;
	atomic_size_t parts; /**< Not visited yet. */
};

/** A directory to be listed, or a part of a listing to be visited. */
struct task {
	char *path; /**< NULL for a part. */
	struct listing *listing;
	size_t first;
	size_t nr;
};

static const struct tree_calls *calls;
static int root_fd;
static struct task *tasks;
static size_t tasks_nr;
static unsigned busy_nr;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

void fail(const char *what, const char *path)
{
	fprintf(stderr, "bound: %s: %s: %s\n", path, what, strerror(errno));
	exit(1);
}

void *grow(void *list, size_t nr, size_t element_bytes)
{
	if ((nr & (nr - 1)) != 0) {
		return list;
	}
	list = reallocarray(list, nr ? nr * 2 : 1, element_bytes);
	if (!list) {
		fail("realloc", "list");
	}
	return list;
}

char *join(const char *dir, const char *name)
{
	char *path;

	if (asprintf(&path, "%s/%s", dir, name) < 0) {
		fail("malloc", name);
	}
	return path;
}

int open_dir(int dirfd, const char *path)
{
	int fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0) {
		fail("open", path);
	}
	return fd;
}

void run_threads(unsigned threads_nr, void *(*work)(void *))
{
	pthread_t threads[THREADS_MAX];

	for (unsigned i = 0; i < threads_nr; i++) {
		errno = pthread_create(&threads[i], NULL, work, NULL);
		if (errno) {
			fail("create", "thread");
		}
	}
	for (unsigned i = 0; i < threads_nr; i++) {
		pthread_join(threads[i], NULL);
	}
}

/** Put a task on the stack; with the lock. */
static void push(struct task task)
{
	tasks = grow(tasks, tasks_nr, sizeof(*tasks));
	tasks[tasks_nr++] = task;
}

/** Take the next task. @return false when there will be none any more. */
static bool take(void *state, struct task *task)
{
	pthread_mutex_lock(&lock);
	busy_nr--;
	if (tasks_nr == 0 && calls->pause) {
		pthread_mutex_unlock(&lock);
		calls->pause(state);
		pthread_mutex_lock(&lock);
	}
	while (tasks_nr == 0 && busy_nr > 0) {
		pthread_cond_wait(&changed, &lock);
	}
	if (tasks_nr == 0) {
		pthread_cond_broadcast(&changed);
		pthread_mutex_unlock(&lock);
		return false;
	}
	*task = tasks[--tasks_nr];
	busy_nr++;
	pthread_mutex_unlock(&lock);
	return true;
}

/** Read all names of LISTING's directory; returns the bytes that they take. */
static size_t read_dents(struct listing *listing)
{
	size_t bytes = 0;
	size_t max = 0;

	for (;;) {
		ssize_t n;

		if (max - bytes < DENTS_BYTES) {
			max = max * 2 + DENTS_BYTES;
			listing->dents = realloc(listing->dents, max);
			if (!listing->dents) {
				fail("realloc", listing->path);
			}
		}
		n = getdents64(listing->fd, listing->dents + bytes, max - bytes);
		if (n < 0) {
			fail("getdents", listing->path);
		}
		if (n == 0) {
			return bytes;
		}
		bytes += (size_t)n;
	}
}

/** The type of an entry whose directory does not tell it. */
static unsigned char type_of(int fd, const char *name)
{
	struct stat st;

	if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
		fail("stat", name);
	}
	return (unsigned char)IFTODT(st.st_mode);
}

/** Order by inode number, as a copier that reads the files in their order on the disk would. */
static int by_ino(const void *a, const void *b)
{
	const struct tree_name *x = a, *y = b;

	return x->ino < y->ino ? -1 : x->ino > y->ino;
}

/** List the directory PATH, which the listing owns from now on. */
static struct listing *list(char *path)
{
	struct listing *listing = calloc(1, sizeof(*listing));
	size_t bytes;

	if (!listing) {
		fail("malloc", path);
	}
	listing->path = path;
	listing->fd = open_dir(root_fd, path);
	bytes = read_dents(listing);
	for (size_t at = 0; at < bytes;) {
		const struct dirent64 *entry = (const void *)(listing->dents + at);
		const char *name = entry->d_name;

		at += entry->d_reclen;
		if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
			continue;
		}
		listing->names = grow(listing->names, listing->nr, sizeof(*listing->names));
		listing->names[listing->nr++] = (struct tree_name){
			.ino = entry->d_ino,
			.text = name,
			.type = entry->d_type != DT_UNKNOWN ? entry->d_type : type_of(listing->fd, name),
		};
	}
	if (listing->nr) {
		qsort(listing->names, listing->nr, sizeof(*listing->names), by_ino);
	}
	return listing;
}

/** Free a listing of which no part is left. */
static void drop(struct listing *listing)
{
	close(listing->fd);
	free(listing->names);
	free(listing->dents);
	free(listing->path);
	free(listing);
}

/** Hand out the directories of a listing: the one with the lowest inode number is taken first. */
static void spread_dirs(const struct listing *listing)
{
	bool any = false;

	for (size_t i = listing->nr; i-- > 0;) {
		char *path;

		if (listing->names[i].type != DT_DIR) {
			continue;
		}
		path = join(listing->path, listing->names[i].text);
		if (calls->enter) {
			calls->enter(path);
		}
		pthread_mutex_lock(&lock);
		push((struct task){.path = path});
		pthread_mutex_unlock(&lock);
		any = true;
	}
	if (any) {
		pthread_cond_broadcast(&changed);
	}
}

/** List the directory PATH, and hand out what is in it. */
static void list_dir(char *path)
{
	struct listing *listing = list(path);
	size_t parts = (listing->nr + TREE_PART - 1) / TREE_PART;

	spread_dirs(listing);
	if (parts == 0) {
		drop(listing);
		return;
	}
	atomic_init(&listing->parts, parts);
	pthread_mutex_lock(&lock);
	while (parts-- > 0) {
		size_t first = parts * TREE_PART;
		size_t left = listing->nr - first;

		push((struct task){NULL, listing, first, left < TREE_PART ? left : TREE_PART});
	}
	pthread_mutex_unlock(&lock);
	pthread_cond_broadcast(&changed);
}

/** Visit a part of a listing. */
static void visit(void *state, const struct task *task)
{
	struct listing *listing = task->listing;
	struct tree_part part = {listing->path, listing->fd, listing->names + task->first, task->nr};

	calls->visit(state, &part);
	if (atomic_fetch_sub(&listing->parts, 1) == 1) {
		drop(listing);
	}
}

/** A thread. */
static void *walk(void *unused)
{
	void *state = calls->begin ? calls->begin() : NULL;
	struct task task;

	while (take(state, &task)) {
		if (task.path) {
			list_dir(task.path);
		} else {
			visit(state, &task);
		}
	}
	if (calls->end) {
		calls->end(state);
	}
	return unused;
}

void tree_walk(int fd, unsigned threads_nr, const struct tree_calls *with)
{
	char *root = strdup(".");

	if (!root) {
		fail("malloc", "list");
	}
	calls = with;
	root_fd = fd;
	busy_nr = threads_nr; /* Each one says first that it is not. */
	push((struct task){.path = root});
	run_threads(threads_nr, walk);
}
