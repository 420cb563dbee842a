/* SPDX-License-Identifier: MIT */
/*
 * A tree walked by several threads, for programs that measure what the kernel takes for one kind of call.
 *
 * A thread takes a directory, reads its names, sorts them by inode number as a copier on ext4 or XFS does, hands the
 * directories among them to whoever is free, and visits the rest.  A directory of more than TREE_PART names is visited
 * in parts, by several threads.  What fails ends the program: a bound of half a tree would be none.
 */
#ifndef BENCH_TREE_H
#define BENCH_TREE_H

#include <stddef.h>
#include <stdint.h>

/** Names visited at a time. */
#define TREE_PART    1024u
#define THREADS_MAX  64u

struct tree_name {
	uint64_t ino;
	const char *text;
	unsigned char type; /**< DT_REG and so on, never DT_UNKNOWN. */
};

/** Some names of one directory; all of it is there for the time of the visit only. */
struct tree_part {
	const char *path; /**< Of the directory, from the root; "." for the root itself. */
	int fd;           /**< The directory. */
	const struct tree_name *names;
	size_t nr;
};

/** What is done on the way.  STATE is what begin() returned in the thread that calls. */
struct tree_calls {
	void *(*begin)(void);                                     /**< A thread starts.  May be NULL, as all but visit(). */
	void (*enter)(const char *path);                          /**< A directory was found; nothing in it was visited. */
	void (*visit)(void *state, const struct tree_part *part); /**< Names of any kind. */
	void (*pause)(void *state);                               /**< There is nothing to visit now: finish what is held back. */
	void (*end)(void *state);                                 /**< A thread ends, after a last pause(). */
};

/** Walk the tree whose root is the open directory ROOT_FD. */
void tree_walk(int root_fd, unsigned threads_nr, const struct tree_calls *calls);

/** Run WORK, as pthread_create(3) does, in that many threads, and wait for all of them. */
void run_threads(unsigned threads_nr, void *(*work)(void *));

/** Print what failed, and the reason in errno, and end the program. */
_Noreturn void fail(const char *what, const char *path);

/** Make room for one more element in a list of NR; it doubles at each power of two. */
void *grow(void *list, size_t nr, size_t element_bytes);

/** DIR/NAME, to be freed. */
char *join(const char *dir, const char *name);

/** Open the directory PATH below DIRFD, which may be AT_FDCWD. */
int open_dir(int dirfd, const char *path);

#endif
