/* SPDX-License-Identifier: MIT */
/* core/links: which name of an inode is copied, which wait, and which become links. */
#include "unit.h"

#include "core/links.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct us_links *links;
static struct us_dir *dir;

/** An empty table, and a directory for all names. */
static int setup(void **state)
{
	(void)state;
	links = us_links_new();
	dir = us_dir_new(NULL, "src", "dst");
	return links != NULL && dir != NULL ? 0 : -1;
}

/** Whatever a test has left in the table goes with it. */
static int teardown(void **state)
{
	(void)state;
	us_links_free(links);
	us_dir_free(dir);
	return 0;
}

/** An inode with so many names. */
static struct statx inode(uint64_t ino, uint32_t nr_names)
{
	return (struct statx){.stx_ino = ino, .stx_nlink = nr_names, .stx_dev_major = 8, .stx_dev_minor = 1};
}

/** Claim NAME; it must not become a link yet. */
static int claim(const struct statx *stx, const char *name)
{
	char *target = NULL;
	int ret = us_links_claim(links, stx, dir, name, name, &target);

	assert_null(target);
	return ret;
}

/** Claim NAME, which must become a link to TARGET. */
static void claim_link(const struct statx *stx, const char *name, const char *target)
{
	char *found = NULL;

	assert_int_equal(us_links_claim(links, stx, dir, name, name, &found), US_LINK_MAKE);
	assert_non_null(found);
	assert_string_equal(found, target);
	free(found);
}

/** The copy of STX is complete at TARGET (NULL: it failed). */
static struct us_link_waiter *settle(const struct statx *stx, const char *target)
{
	char *copy = target != NULL ? strdup(target) : NULL;
	struct us_identity id = us_identity_of(stx);

	assert_int_equal(copy == NULL, target == NULL);
	return us_links_settle(links, &id, copy);
}

/** Free WAITERS and give back their shares.  @return how many they were. */
static unsigned int put_waiters(struct us_link_waiter *waiters)
{
	unsigned int nr = 0;

	while (waiters != NULL) {
		struct us_link_waiter *next = waiters->next;

		atomic_fetch_sub(&waiters->dir->pending, 1);
		free(waiters);
		waiters = next;
		nr++;
	}
	return nr;
}

/** One after the other: the first is copied, the others are links to it, and the last takes the inode with it. */
static void test_in_turn(void **state)
{
	for (uint32_t nr = 2; nr < 6; nr++) {
		struct statx stx = inode(nr, nr);

		assert_int_equal(claim(&stx, "first"), US_LINK_FIRST);
		assert_null(settle(&stx, "d/first"));
		for (uint32_t i = 1; i < nr; i++) {
			claim_link(&stx, "other", "d/first");
		}
		/* A number that is used again is another file. */
		assert_int_equal(claim(&stx, "again"), US_LINK_FIRST);
		assert_null(settle(&stx, "again"));
		claim_link(&stx, "other", "again");
	}
	(void)state;
}

/** Names that come while the first is copied are kept with both their names, and come back oldest first. */
static void test_waiters(void **state)
{
	struct statx stx = inode(1, 5);
	char name[] = "name 0";
	char dst_name[] = "copy 0";
	struct us_link_waiter *waiters;
	struct us_link_waiter *waiter;
	char *target = NULL;

	(void)state;
	assert_int_equal(claim(&stx, "first"), US_LINK_FIRST);
	for (int i = 0; i < 4; i++) {
		name[5] = dst_name[5] = (char)('0' + i);
		assert_int_equal(us_links_claim(links, &stx, dir, name, dst_name, &target), US_LINK_WAIT);
		assert_null(target);
		assert_int_equal(atomic_load(&dir->pending), 2 + i);
	}
	waiters = settle(&stx, "first");
	waiter = waiters;
	for (int i = 0; i < 4; i++) {
		assert_non_null(waiter);
		name[5] = dst_name[5] = (char)('0' + i);
		assert_string_equal(waiter->name, name);
		assert_string_equal(waiter->dst_name, dst_name);
		assert_ptr_equal(waiter->dir, dir);
		claim_link(&stx, waiter->name, "first");
		waiter = waiter->next;
	}
	assert_null(waiter);
	assert_int_equal(put_waiters(waiters), 4);
	assert_int_equal(atomic_load(&dir->pending), 1);
	/* All five names were met: they are not counted when they wait and again when they are links. */
	assert_int_equal(claim(&stx, "sixth"), US_LINK_FIRST);
}

/** A first name that failed leaves its place to the next one, and waiters come back to take it. */
static void test_failed(void **state)
{
	struct statx stx = inode(1, 4);
	struct us_link_waiter *waiters;

	(void)state;
	assert_int_equal(claim(&stx, "a"), US_LINK_FIRST);
	assert_int_equal(claim(&stx, "b"), US_LINK_WAIT);
	assert_int_equal(claim(&stx, "c"), US_LINK_WAIT);
	waiters = settle(&stx, NULL);
	assert_int_equal(put_waiters(waiters), 2);
	assert_int_equal(claim(&stx, "b"), US_LINK_FIRST);
	assert_int_equal(claim(&stx, "c"), US_LINK_WAIT);
	waiters = settle(&stx, NULL);
	assert_int_equal(put_waiters(waiters), 1);
	assert_int_equal(claim(&stx, "c"), US_LINK_FIRST);
	assert_null(settle(&stx, "c"));
	claim_link(&stx, "d", "c");
}

/** A failure with no one waiting leaves nothing behind. */
static void test_failed_alone(void **state)
{
	struct statx stx = inode(1, 2);

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(claim(&stx, "a"), US_LINK_FIRST);
		assert_null(settle(&stx, NULL));
	}
}

/** The same number on another device is another inode: every part of an identity counts. */
static void test_identity(void **state)
{
	struct statx all[] = {inode(7, 2), inode(7, 2), inode(7, 2), inode(7 + (1ull << 32), 2)};
	static const char *const names[] = {"zero", "one", "two", "three"};

	(void)state;
	all[1].stx_dev_major = 9;
	all[2].stx_dev_minor = 2;
	for (size_t i = 0; i < unit_nr(all); i++) {
		assert_int_equal(claim(&all[i], names[i]), US_LINK_FIRST);
	}
	for (size_t i = 0; i < unit_nr(all); i++) {
		assert_null(settle(&all[i], names[i]));
	}
	for (size_t i = 0; i < unit_nr(all); i++) {
		claim_link(&all[i], "other", names[i]);
	}
}

/** The largest counts of names, and names that lie outside of the tree, so that the inode is never complete. */
static void test_counts(void **state)
{
	struct statx stx = inode(UINT64_MAX, UINT32_MAX);

	(void)state;
	assert_int_equal(claim(&stx, "a"), US_LINK_FIRST);
	assert_null(settle(&stx, "a"));
	for (int i = 0; i < 1000; i++) {
		claim_link(&stx, "b", "a");
	}
	stx = inode(0, 3); /* 0 is a number like any other. */
	assert_int_equal(claim(&stx, "z"), US_LINK_FIRST);
	assert_null(settle(&stx, "z"));
	claim_link(&stx, "y", "z");
}

/** A table freed in the middle of a run takes with it those that wait and those that are settled. */
static void test_freed_early(void **state)
{
	struct statx stx = inode(1, 3);

	(void)state;
	us_links_free(NULL);
	assert_int_equal(claim(&stx, "a"), US_LINK_FIRST);
	assert_int_equal(claim(&stx, "b"), US_LINK_WAIT);
	stx.stx_ino++;
	assert_int_equal(claim(&stx, "c"), US_LINK_FIRST);
	assert_null(settle(&stx, "c"));
	us_links_free(links);
	links = us_links_new(); /* For the teardown; a sanitizer tells what is lost. */
	assert_non_null(links);
	assert_int_equal(claim(&stx, "c"), US_LINK_FIRST);
}

/** Many inodes at once, in numbers that stand close together and in ones that are far apart. */
static void test_many(void **state)
{
	enum { NR = 40000 };
	static const uint64_t strides[] = {1, 64, 4096, 1ull << 40 | 1};
	char name[32];

	(void)state;
	for (size_t s = 0; s < unit_nr(strides); s++) {
		for (uint64_t i = 0; i < NR; i++) {
			struct statx stx = inode(i * strides[s], 3);

			assert_int_equal(claim(&stx, "first"), US_LINK_FIRST);
		}
		for (uint64_t i = 0; i < NR; i++) {
			struct statx stx = inode(i * strides[s], 3);

			snprintf(name, sizeof(name), "%llu", (unsigned long long)i);
			assert_null(settle(&stx, name));
		}
		for (uint64_t i = 0; i < 2 * NR; i++) {
			struct statx stx = inode(i % NR * strides[s], 3);

			snprintf(name, sizeof(name), "%llu", (unsigned long long)(i % NR));
			claim_link(&stx, "other", name);
		}
	}
	/* All are gone: the next claims are first ones. */
	for (uint64_t i = 0; i < NR; i++) {
		struct statx stx = inode(i, 2);

		assert_int_equal(claim(&stx, "new"), US_LINK_FIRST);
	}
}

enum { THREADS = 4, INODES = 3000, NAMES = 8 };

/** What became of the names of one inode. */
static struct {
	atomic_uint firsts;
	atomic_uint made;
} outcome[INODES];

/** One name of an inode: copied and settled, linked, or left to the one who settles, as a worker does. */
static void run_name(uint64_t ino)
{
	struct statx stx = inode(ino, NAMES);
	struct us_link_waiter *waiters = NULL;
	unsigned int nr = 1;

	while (nr > 0) {
		char *target = NULL;

		switch (us_links_claim(links, &stx, dir, "n", "n", &target)) {
		case US_LINK_FIRST:
			/* Each third inode's first try fails: its name is lost, but not those that waited. */
			if (atomic_fetch_add(&outcome[ino].firsts, 1) == 0 && ino % 3 == 0) {
				waiters = settle(&stx, NULL);
			} else {
				waiters = settle(&stx, "n");
			}
			nr += put_waiters(waiters);
			break;
		case US_LINK_MAKE:
			atomic_fetch_add(&outcome[ino].made, 1);
			free(target);
			break;
		default:
			break;
		}
		nr--;
	}
}

/** A worker: each inode's names are spread over all of them. */
static void *run_names(void *arg)
{
	uintptr_t thread = (uintptr_t)arg;

	for (unsigned int name = 0; name < NAMES / THREADS; name++) {
		for (uint64_t i = 0; i < INODES; i++) {
			run_name((i + thread) % INODES);
		}
	}
	return NULL;
}

/** Threads that meet at the same inodes: none is copied twice, and no name is lost. */
static void test_threads(void **state)
{
	pthread_t threads[THREADS];

	(void)state;
	for (uintptr_t i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, run_names, (void *)i), 0);
	}
	for (unsigned int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
	}
	for (unsigned int i = 0; i < INODES; i++) {
		assert_int_equal(atomic_load(&outcome[i].firsts), i % 3 == 0 ? 2 : 1);
		assert_int_equal(atomic_load(&outcome[i].firsts) + atomic_load(&outcome[i].made), NAMES);
	}
	assert_int_equal(atomic_load(&dir->pending), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_in_turn, setup, teardown),
		cmocka_unit_test_setup_teardown(test_waiters, setup, teardown),
		cmocka_unit_test_setup_teardown(test_failed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_failed_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_identity, setup, teardown),
		cmocka_unit_test_setup_teardown(test_counts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_freed_early, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many, setup, teardown),
		cmocka_unit_test_setup_teardown(test_threads, setup, teardown),
	};

	return cmocka_run_group_tests_name("core/links", tests, NULL, NULL);
}
