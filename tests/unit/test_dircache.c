/* SPDX-License-Identifier: MIT */
/* core/dircache: few descriptors for many directories, got back only for the very same one. */
#include "unit.h"

#include "core/dir.h"
#include "sys/call.h"
#include "sys/nofile.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/** Directories in each other below the root: d1/d2/... */
#define DEPTH 8u

/** Directories beside each other in the root: s0, s1, ... */
#define SIBLINGS_NR 10u

#define THREADS_NR 4u
#define ROUNDS_NR 2000u

/** Two equal trees and their nodes.  Only the root is open at first, and it stays pinned. */
struct tree {
	char path[64];
	unsigned int fds; /**< Descriptors in use without any of the cache's. */
	struct us_dircache cache;
	struct us_dir *chain[DEPTH + 1]; /**< The root first. */
	struct us_dir *siblings[SIBLINGS_NR];
};

/** Make the directory DIR on both sides, and give its node its descriptors; pinned. */
static void open_new(struct us_dircache *cache, struct us_dir *dir)
{
	int fd[US_SIDES] = {-1, -1};

	for (enum us_side side = 0; side <= US_DST; side++) {
		char *path = us_dir_path(dir, NULL, side);
		struct statx stx;

		assert_non_null(path);
		assert_int_equal(us_mkdirat(AT_FDCWD, path, 0700), 0);
		fd[side] = us_openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0);
		assert_true(fd[side] >= 0);
		assert_int_equal(us_statx(fd[side], "", AT_EMPTY_PATH, &stx), 0);
		dir->identity[side] = us_identity_of(&stx);
		free(path);
	}
	us_dircache_adopt(cache, dir, fd);
}

/** Make the trees. */
static int setup(void **state)
{
	const char *tmp = getenv("TMPDIR");
	struct tree *tree = calloc(1, sizeof(*tree));
	char src[80];
	char dst[80];
	char name[16];

	if (tree == NULL || access("/proc/self/fd", R_OK) != 0) {
		return -1;
	}
	*state = tree;
	snprintf(tree->path, sizeof(tree->path), "%s/unit-dirs.XXXXXX",
	         tmp != NULL && strlen(tmp) < 40 ? tmp : "/tmp");
	assert_non_null(mkdtemp(tree->path));
	snprintf(src, sizeof(src), "%s/src", tree->path);
	snprintf(dst, sizeof(dst), "%s/dst", tree->path);
	tree->fds = us_nofile_used();
	us_dircache_init(&tree->cache, 100);
	tree->chain[0] = us_dir_new(NULL, src, dst);
	open_new(&tree->cache, tree->chain[0]);
	for (unsigned int i = 1; i <= DEPTH; i++) {
		snprintf(name, sizeof(name), "d%u", i);
		tree->chain[i] = us_dir_new(tree->chain[i - 1], name, NULL);
		open_new(&tree->cache, tree->chain[i]);
		us_dircache_unpin(&tree->cache, tree->chain[i]);
	}
	for (unsigned int i = 0; i < SIBLINGS_NR; i++) {
		snprintf(name, sizeof(name), "s%u", i);
		tree->siblings[i] = us_dir_new(tree->chain[0], name, NULL);
		open_new(&tree->cache, tree->siblings[i]);
		us_dircache_unpin(&tree->cache, tree->siblings[i]);
	}
	us_dircache_trim(&tree->cache);
	return us_nofile_used() == tree->fds + 2 ? 0 : -1;
}

/** Remove one file or directory. */
static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

/** Close the root, after which no descriptor may be left, and remove the trees. */
static int teardown(void **state)
{
	struct tree *tree = *state;
	unsigned int left;
	int ret;

	us_dircache_trim(&tree->cache);
	us_dircache_close(&tree->cache, tree->chain[0]);
	left = us_nofile_used() - tree->fds;
	if (left > 0 || tree->cache.open > 0) {
		print_error("%u descriptors left open\n", left);
	}
	us_dircache_fini(&tree->cache);
	for (unsigned int i = 0; i < SIBLINGS_NR; i++) {
		us_dir_free(tree->siblings[i]);
	}
	for (unsigned int i = DEPTH + 1; i > 0; i--) {
		us_dir_free(tree->chain[i - 1]);
	}
	ret = nftw(tree->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(tree);
	return ret == 0 && left == 0 ? 0 : -1;
}

/** True when DIR's descriptors are open and lead to it. */
static bool is_right(const struct us_dir *dir)
{
	for (enum us_side side = 0; side <= US_DST; side++) {
		struct statx stx;

		if (dir->fd[side] < 0 || us_statx(dir->fd[side], "", AT_EMPTY_PATH, &stx) < 0 ||
		    !us_identity_is(&dir->identity[side], &stx)) {
			return false;
		}
	}
	return true;
}

/** So many directories are open, by the cache's count and by the system's. */
static void check_open(const struct tree *tree, unsigned int nr)
{
	assert_int_equal(tree->cache.open, nr);
	assert_int_equal(us_nofile_used(), tree->fds + 2 * nr);
}

/** Pin DIR, which must work. */
static void pin(struct tree *tree, struct us_dir *dir)
{
	assert_int_equal(us_dircache_pin(&tree->cache, dir), 0);
	assert_true(dir->is_open);
	assert_true(is_right(dir));
}

/** The same, for a moment. */
static void use(struct tree *tree, struct us_dir *dir)
{
	pin(tree, dir);
	us_dircache_unpin(&tree->cache, dir);
}

/** Rename FROM to TO, below the trees. */
static void move(const struct tree *tree, const char *from, const char *to)
{
	int fd = us_openat(AT_FDCWD, tree->path, O_PATH | O_DIRECTORY, 0);

	assert_int_equal(us_renameat(fd, from, fd, to), 0);
	us_close(fd);
}

/** Many directories in turn: not more open than allowed, and the one used longest ago goes. */
static void test_evict(void **state)
{
	struct tree *tree = *state;
	struct us_dir **dirs = tree->siblings;

	tree->cache.max_open = 5; /* One is kept free for the way to what is got back. */
	for (unsigned int i = 0; i < 3; i++) {
		use(tree, dirs[i]);
		check_open(tree, i + 2);
	}
	use(tree, dirs[0]);
	use(tree, dirs[3]);
	check_open(tree, 4);
	assert_true(dirs[3]->is_open);
	assert_true(dirs[0]->is_open);
	assert_true(dirs[2]->is_open);
	assert_false(dirs[1]->is_open);
	assert_int_equal(dirs[1]->fd[US_SRC], -1);
	assert_int_equal(dirs[1]->fd[US_DST], -1);
	for (unsigned int i = 0; i < 5 * SIBLINGS_NR; i++) {
		use(tree, dirs[i * 7 % SIBLINGS_NR]);
		assert_true(tree->cache.open <= 5);
		check_open(tree, tree->cache.open);
	}
}

/** More pinned than allowed: all stay, and the number falls when they are not pinned any more. */
static void test_pins(void **state)
{
	struct tree *tree = *state;

	tree->cache.max_open = 2;
	for (unsigned int i = 0; i < SIBLINGS_NR; i++) {
		pin(tree, tree->siblings[i]);
		pin(tree, tree->siblings[i]);
	}
	for (unsigned int i = 0; i < SIBLINGS_NR; i++) {
		us_dircache_unpin(&tree->cache, tree->siblings[i]);
	}
	us_dircache_trim(&tree->cache);
	check_open(tree, 1 + SIBLINGS_NR);
	for (unsigned int i = 0; i < SIBLINGS_NR; i++) {
		assert_true(is_right(tree->siblings[i]));
		us_dircache_unpin(&tree->cache, tree->siblings[i]);
		assert_true(tree->cache.open <= 1 + SIBLINGS_NR - i);
	}
	assert_true(tree->cache.open <= 2);
	check_open(tree, tree->cache.open);
}

/** A fresh directory over the bound pushes out an unpinned one, not itself. */
static void test_adopt(void **state)
{
	struct tree *tree = *state;
	struct us_dir *dir = us_dir_new(tree->chain[0], "new", NULL);

	use(tree, tree->siblings[0]);
	tree->cache.max_open = 2;
	open_new(&tree->cache, dir);
	assert_false(tree->siblings[0]->is_open);
	assert_true(is_right(dir));
	check_open(tree, 2);
	us_dircache_close(&tree->cache, dir);
	check_open(tree, 1);
	us_dir_free(dir);
}

/** A deep directory is got back from the nearest open one above; those between are closed again. */
static void test_reopen_chain(void **state)
{
	struct tree *tree = *state;

	for (unsigned int max = 1; max <= 4; max++) {
		tree->cache.max_open = max;
		pin(tree, tree->chain[DEPTH]);
		check_open(tree, 2);
		for (unsigned int i = 1; i < DEPTH; i++) {
			assert_false(tree->chain[i]->is_open);
		}
		pin(tree, tree->chain[DEPTH / 2]);
		pin(tree, tree->chain[DEPTH - 1]);
		check_open(tree, 4);
		us_dircache_unpin(&tree->cache, tree->chain[DEPTH]);
		us_dircache_unpin(&tree->cache, tree->chain[DEPTH - 1]);
		us_dircache_unpin(&tree->cache, tree->chain[DEPTH / 2]);
		us_dircache_trim(&tree->cache);
		check_open(tree, 1);
	}
}

/** The chain begins at an open ancestor: what is wrong above that does not matter. */
static void test_reopen_nearest(void **state)
{
	struct tree *tree = *state;

	pin(tree, tree->chain[4]);
	move(tree, "src/d1/d2", "elsewhere");
	assert_int_equal(us_dircache_pin(&tree->cache, tree->chain[3]), -ENOENT);
	use(tree, tree->chain[DEPTH]);
	us_dircache_unpin(&tree->cache, tree->chain[4]);
}

/** Closing a directory gets back its parent by way of "..", even where the way down is cut. */
static void test_reopen_above(void **state)
{
	struct tree *tree = *state;

	pin(tree, tree->chain[DEPTH]);
	move(tree, "src/d1/d2", "elsewhere");
	for (unsigned int i = DEPTH; i > 3; i--) {
		us_dircache_close(&tree->cache, tree->chain[i]);
		assert_false(tree->chain[i]->is_open);
		assert_true(tree->chain[i - 1]->is_open);
		check_open(tree, 2);
		pin(tree, tree->chain[i - 1]);
	}
	us_dircache_unpin(&tree->cache, tree->chain[3]);
	us_dircache_trim(&tree->cache);
	assert_int_equal(us_dircache_pin(&tree->cache, tree->chain[3]), -ENOENT);
	check_open(tree, 1);
}

/** Where ".." leads elsewhere, on either side, the parent stays closed and nothing leaks. */
static void test_above_moved(void **state)
{
	static const char *const sides[] = {"src", "dst"};
	struct tree *tree = *state;

	for (size_t i = 0; i < unit_nr(sides); i++) {
		char from[32];
		char to[32];

		snprintf(from, sizeof(from), "%s/d1/d2/d3", sides[i]);
		snprintf(to, sizeof(to), "%s/d1/moved", sides[i]);
		pin(tree, tree->chain[3]);
		move(tree, from, to);
		us_dircache_close(&tree->cache, tree->chain[3]);
		assert_false(tree->chain[2]->is_open);
		check_open(tree, 1);
		move(tree, to, from);
	}
}

/** A parent that is open stays as it is when its child is closed. */
static void test_close_open_parent(void **state)
{
	struct tree *tree = *state;
	int fd;

	pin(tree, tree->chain[1]);
	fd = tree->chain[1]->fd[US_SRC];
	pin(tree, tree->chain[2]);
	us_dircache_close(&tree->cache, tree->chain[2]);
	assert_int_equal(tree->chain[1]->fd[US_SRC], fd);
	assert_int_equal(tree->chain[1]->pins, 1);
	check_open(tree, 2);
	us_dircache_unpin(&tree->cache, tree->chain[1]);
}

/** Another directory under the name, on either side, at any depth: not taken for the old one. */
static void test_swapped(void **state)
{
	static const char *const names[] = {"src/d1", "dst/d1", "src/d1/d2/d3", "dst/d1/d2/d3"};
	struct tree *tree = *state;
	int top = us_openat(AT_FDCWD, tree->path, O_RDONLY | O_DIRECTORY, 0);

	assert_true(top >= 0);
	tree->fds++;
	for (size_t i = 0; i < unit_nr(names); i++) {
		move(tree, names[i], "old");
		assert_int_equal(us_mkdirat(top, names[i], 0700), 0);
		assert_int_equal(us_dircache_pin(&tree->cache, tree->chain[3]), -ESTALE);
		assert_false(tree->chain[3]->is_open);
		assert_int_equal(tree->chain[3]->pins, 0);
		check_open(tree, 1);
		assert_int_equal(us_unlinkat(top, names[i], AT_REMOVEDIR), 0);
		move(tree, "old", names[i]);
		use(tree, tree->chain[3]);
		us_dircache_trim(&tree->cache);
	}
	us_close(top);
	tree->fds--;
}

/** A symbolic link in a directory's place is not followed, though it leads to that directory. */
static void test_link(void **state)
{
	struct tree *tree = *state;
	char link[80];

	snprintf(link, sizeof(link), "%s/src/d1/d2", tree->path);
	move(tree, "src/d1/d2", "src/d1/real");
	assert_int_equal(us_symlinkat("real", AT_FDCWD, link), 0);
	assert_true(us_dircache_pin(&tree->cache, tree->chain[2]) < 0);
	assert_true(us_dircache_pin(&tree->cache, tree->chain[DEPTH]) < 0);
	check_open(tree, 1);
	assert_int_equal(us_unlinkat(AT_FDCWD, link, 0), 0);
	move(tree, "src/d1/real", "src/d1/d2");
	use(tree, tree->chain[DEPTH]);
}

/** A side without a descriptor never gets one. */
static void test_one_side(void **state)
{
	struct tree *tree = *state;
	struct us_dir *dir = tree->siblings[0];
	int fd;

	pin(tree, dir);
	fd = us_openat(dir->fd[US_DST], ".", O_RDONLY | O_DIRECTORY, 0);
	assert_true(fd >= 0);
	us_dircache_close(&tree->cache, dir);
	dir->identity[US_SRC] = (struct us_identity){0};
	us_dircache_adopt(&tree->cache, dir, (const int[US_SIDES]){-1, fd});
	assert_int_equal(us_nofile_used(), tree->fds + 3);
	us_dircache_unpin(&tree->cache, dir);
	us_dircache_trim(&tree->cache);
	assert_int_equal(us_nofile_used(), tree->fds + 2);
	assert_int_equal(us_dircache_pin(&tree->cache, dir), 0);
	assert_int_equal(dir->fd[US_SRC], -1);
	assert_true(dir->fd[US_DST] >= 0);
	assert_int_equal(us_nofile_used(), tree->fds + 3);
	us_dircache_close(&tree->cache, dir);
	check_open(tree, 1);
}

/** Out of descriptors half-way: an error, nothing kept, and it works later. */
static void test_no_descriptors(void **state)
{
	struct tree *tree = *state;
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	for (rlim_t room = 0; room < 4; room++) {
		rlim_t next = (rlim_t)dup(0); /* The lowest free number, and so the limit. */
		struct rlimit low = {.rlim_cur = next + room, .rlim_max = limit.rlim_max};
		int ret;

		us_close((int)next);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
		ret = us_dircache_pin(&tree->cache, tree->chain[DEPTH]);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
		assert_int_equal(ret, -EMFILE);
		check_open(tree, 1);
	}
	use(tree, tree->chain[DEPTH]);
}

/** One thread of the stress test.  It asserts nothing itself: cmocka fails in its own thread. */
struct thread {
	struct tree *tree;
	pthread_t handle;
	uint32_t number;     /**< Of its own row of numbers. */
	unsigned int errors; /**< Pins that failed, descriptors that led elsewhere. */
};

/** Pin and unpin this and that, up to two at a time. */
static void *use_many(void *context)
{
	struct thread *thread = context;
	struct tree *tree = thread->tree;

	for (unsigned int i = 0; i < ROUNDS_NR; i++) {
		struct us_dir *first;
		struct us_dir *second;

		thread->number = thread->number * 1664525u + 1013904223u;
		first = tree->chain[1 + (thread->number >> 8) % DEPTH];
		second = tree->siblings[(thread->number >> 16) % SIBLINGS_NR];
		if (us_dircache_pin(&tree->cache, first) < 0) {
			thread->errors++;
			continue;
		}
		if (us_dircache_pin(&tree->cache, second) < 0) {
			thread->errors++;
		} else {
			thread->errors += !is_right(first) || !is_right(second);
			us_dircache_unpin(&tree->cache, second);
		}
		us_dircache_unpin(&tree->cache, first);
	}
	return NULL;
}

/** Several threads and few descriptors: who has pinned a directory has the right one. */
static void test_threads(void **state)
{
	struct tree *tree = *state;
	struct thread threads[THREADS_NR];

	tree->cache.max_open = 3;
	for (unsigned int i = 0; i < THREADS_NR; i++) {
		threads[i] = (struct thread){.tree = tree, .number = i};
		assert_int_equal(pthread_create(&threads[i].handle, NULL, use_many,
		                                &threads[i]), 0);
	}
	for (unsigned int i = 0; i < THREADS_NR; i++) {
		assert_int_equal(pthread_join(threads[i].handle, NULL), 0);
	}
	for (unsigned int i = 0; i < THREADS_NR; i++) {
		assert_int_equal(threads[i].errors, 0);
	}
	assert_true(tree->cache.open <= 3);
	check_open(tree, tree->cache.open);
}

/** A test with trees of its own. */
#define TREE_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TREE_TEST(test_evict),
		TREE_TEST(test_pins),
		TREE_TEST(test_adopt),
		TREE_TEST(test_reopen_chain),
		TREE_TEST(test_reopen_nearest),
		TREE_TEST(test_reopen_above),
		TREE_TEST(test_above_moved),
		TREE_TEST(test_close_open_parent),
		TREE_TEST(test_swapped),
		TREE_TEST(test_link),
		TREE_TEST(test_one_side),
		TREE_TEST(test_no_descriptors),
		TREE_TEST(test_threads),
	};

	return cmocka_run_group_tests_name("core/dircache", tests, NULL, NULL);
}
