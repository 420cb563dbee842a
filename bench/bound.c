/* SPDX-License-Identifier: MIT */
/*
 * bound: the least that a copy of a tree costs this kernel.
 *
 * It lists SOURCE's regular files and their sizes first, then makes the directories, and only
 * then, with THREADS threads, creates, writes and closes files of the same names and sizes.  It
 * reads no contents, keeps no attribute, and makes no link.  The bound is the time of that last
 * phase alone; the time of the other two is printed beside it.
 *
 * The work is cut into runs of at most RUN files of one directory: a directory of that size or
 * less belongs to one thread, so that threads seldom wait for each other at a directory's lock; a
 * larger one is shared.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define RUN         1024u
#define THREADS_MAX 64u
/** Bytes of one write; small enough to stay in the processor's cache. */
#define PIECE_BYTES (256u << 10)

/** One regular file. */
struct file {
	char *name;
	uint64_t size;
	uint64_t ino;
};

/** One directory, and where its files stand in the list. */
struct dir {
	char *path; /**< From the source's root; "." for the root itself. */
	size_t first;
	size_t nr;
};

/** A piece of work: files FIRST to FIRST + NR - 1, all of directory DIR. */
struct run {
	size_t dir;
	size_t first;
	size_t nr;
};

static struct file *files;
static struct dir *dirs;
static struct run *runs;
static size_t files_nr, dirs_nr, runs_nr;
static atomic_size_t next_run;
static bool set_times;
static int target_fd;
static char data[PIECE_BYTES];

/** Print what failed and end the program. */
static void fail(const char *what, const char *path)
{
	fprintf(stderr, "bound: %s: %s: %s\n", path, what, strerror(errno));
	exit(1);
}

/** Make room for one more element in a list of NR; it doubles at each power of two. */
static void *grow(void *list, size_t nr, size_t element_bytes)
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

/** Seconds on the monotonic clock. */
static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/** Add a directory to the list, which owns PATH from now on. */
static void add_dir(char *path)
{
	dirs = grow(dirs, dirs_nr, sizeof(*dirs));
	dirs[dirs_nr++] = (struct dir){.path = path};
}

/** Add one entry of an open directory to the lists. */
static void add_entry(int fd, const char *parent, const char *name)
{
	struct stat st;
	char *path;

	if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
		fail("stat", name);
	}
	if (S_ISDIR(st.st_mode)) {
		if (asprintf(&path, "%s/%s", parent, name) < 0) {
			fail("malloc", name);
		}
		add_dir(path);
	} else if (S_ISREG(st.st_mode)) {
		files = grow(files, files_nr, sizeof(*files));
		files[files_nr++] =
			(struct file){strdup(name), (uint64_t)st.st_size, (uint64_t)st.st_ino};
		if (!files[files_nr - 1].name) {
			fail("malloc", name);
		}
	}
}

/** Order by inode number, as a copier that reads the files in their order on the disk would. */
static int by_ino(const void *a, const void *b)
{
	const struct file *x = a, *y = b;

	return x->ino < y->ino ? -1 : x->ino > y->ino;
}

/** List the files of directory number DIR, and add the directories in it to the end of the list. */
static void walk_dir(int source_fd, size_t dir)
{
	const char *path = dirs[dir].path;
	int fd = openat(source_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	if (!stream) {
		fail("open", path);
	}
	dirs[dir].first = files_nr;
	while ((entry = readdir(stream))) {
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
			add_entry(fd, path, entry->d_name);
		}
	}
	closedir(stream);
	dirs[dir].nr = files_nr - dirs[dir].first;
	if (dirs[dir].nr) {
		qsort(files + dirs[dir].first, dirs[dir].nr, sizeof(*files), by_ino);
	}
}

/** Cut the files of directory number DIR into runs. */
static void cut_dir(size_t dir)
{
	size_t first = dirs[dir].first, left = dirs[dir].nr;

	while (left) {
		size_t nr = left < RUN ? left : RUN;

		runs = grow(runs, runs_nr, sizeof(*runs));
		runs[runs_nr++] = (struct run){dir, first, nr};
		first += nr;
		left -= nr;
	}
}

/** Create, write and close one file. */
static void make_file(int dirfd, const struct file *file)
{
	int fd = openat(dirfd, file->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	if (fd < 0) {
		fail("create", file->name);
	}
	for (uint64_t left = file->size; left;) {
		ssize_t n = write(fd, data, left < PIECE_BYTES ? (size_t)left : PIECE_BYTES);

		if (n <= 0) {
			fail("write", file->name);
		}
		left -= (uint64_t)n;
	}
	if (set_times) {
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
static void *work(void *unused)
{
	(void)unused;
	for (;;) {
		size_t i = atomic_fetch_add(&next_run, 1);
		int dirfd;

		if (i >= runs_nr) {
			return NULL;
		}
		dirfd = openat(target_fd, dirs[runs[i].dir].path, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (dirfd < 0) {
			fail("open", dirs[runs[i].dir].path);
		}
		for (size_t k = 0; k < runs[i].nr; k++) {
			make_file(dirfd, &files[runs[i].first + k]);
		}
		close(dirfd);
	}
}

/** Make TARGET and all directories below it. */
static void make_dirs(const char *target)
{
	if (mkdir(target, 0755) != 0) {
		fail("mkdir", target);
	}
	target_fd = open(target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (target_fd < 0) {
		fail("open", target);
	}
	for (size_t i = 1; i < dirs_nr; i++) {
		if (mkdirat(target_fd, dirs[i].path, 0755) != 0) {
			fail("mkdir", dirs[i].path);
		}
	}
}

/** Make all files; returns the seconds it took. */
static double make_files(unsigned threads_nr)
{
	pthread_t threads[THREADS_MAX];
	double begin = now();

	for (unsigned i = 0; i < threads_nr; i++) {
		errno = pthread_create(&threads[i], NULL, work, NULL);
		if (errno) {
			fail("create", "thread");
		}
	}
	for (unsigned i = 0; i < threads_nr; i++) {
		pthread_join(threads[i], NULL);
	}
	return now() - begin;
}

/** List all of SOURCE. */
static void walk(const char *source)
{
	int source_fd = open(source, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char *root = strdup(".");

	if (source_fd < 0 || !root) {
		fail("open", source);
	}
	add_dir(root);
	for (size_t i = 0; i < dirs_nr; i++) {
		walk_dir(source_fd, i);
		cut_dir(i);
	}
	close(source_fd);
}

/** Say how the program is used, and end it. */
static void usage(void)
{
	fputs("Usage: bound [-t THREADS] [-m] SOURCE TARGET\n"
	      "  -t THREADS  1 to 64 (default 4)\n"
	      "  -m          also set each file's times, as a copier has to\n",
	      stderr);
	exit(2);
}

int main(int argc, char **argv)
{
	unsigned threads_nr = 4;
	double begin, walk_s, dirs_s, files_s;
	int opt;

	while ((opt = getopt(argc, argv, "t:m")) != -1) {
		if (opt == 't') {
			threads_nr = (unsigned)strtoul(optarg, NULL, 10);
		} else if (opt == 'm') {
			set_times = true;
		} else {
			usage();
		}
	}
	if (argc - optind != 2 || threads_nr < 1 || threads_nr > THREADS_MAX) {
		usage();
	}
	memset(data, 0xa5, sizeof(data));
	begin = now();
	walk(argv[optind]);
	walk_s = now() - begin;
	begin = now();
	make_dirs(argv[optind + 1]);
	dirs_s = now() - begin;
	files_s = make_files(threads_nr);
	printf("files_s=%.3f dirs_s=%.3f walk_s=%.3f files=%zu dirs=%zu threads=%u\n", files_s,
	       dirs_s, walk_s, files_nr, dirs_nr, threads_nr);
	return 0;
}
