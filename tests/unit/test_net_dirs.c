/* SPDX-License-Identifier: MIT */
/*
 * net/net_dirs: who waits for a directory that another connection is opening is rung for when that is over, and no one
 * else.
 */
#include "unit.h"

#include "core/dir.h"
#include "core/job.h"
#include "core/sink.h"
#include "core/worker.h"
#include "net/session.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

/** Connections: the first one opens, the second one waits, and the others have nothing to do with it. */
#define NETS_NR 4u

#define ROOT_ID 1u
#define DIR_ID 2u

/** A receiver's side, as far as directories are concerned. */
static struct usync_job job;
static struct us_session session;
static struct us_worker workers[NETS_NR];
static struct us_dir_open openings[NETS_NR];
static struct us_dir *root;

/** What is being opened. */
static struct us_dir_open *begun;

/** A sink whose disk is slow. */
static void open_dir(struct us_worker *worker, struct us_dir_open *opening)
{
	(void)worker;
	begun = opening;
}

static const struct us_sink_ops slow_sink = {.open_dir = open_dir};

static int setup(void **state)
{
	static struct us_net nets[NETS_NR];
	int fd[US_SIDES] = {-1, open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC)};

	(void)state;
	job.sink = &slow_sink;
	us_dircache_init(&job.dirs, 100);
	session = (struct us_session){.job = &job, .nr = NETS_NR, .nets = nets, .trusts = true};
	pthread_mutex_init(&session.lock, NULL);
	for (unsigned int i = 0; i < NETS_NR; i++) {
		nets[i] = (struct us_net){.session = &session, .worker = &workers[i], .bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
		workers[i] = (struct us_worker){.job = &job, .id = i, .link = &nets[i], .free_dir_opens = &openings[i]};
	}
	root = us_dir_new(NULL, "/", NULL);
	us_dircache_adopt(&job.dirs, root, fd);
	return us_net_dirs_init(&session, root, ROOT_ID);
}

static int teardown(void **state)
{
	(void)state;
	us_net_dirs_fini(&session);
	us_dircache_close(&job.dirs, root);
	us_dir_free(root);
	us_dircache_fini(&job.dirs);
	pthread_mutex_destroy(&session.lock);
	for (unsigned int i = 0; i < NETS_NR; i++) {
		close(session.nets[i].bell);
	}
	return 0;
}

/** True when the bell of the connection I has rung since this was asked for the last time. */
static bool has_rung(unsigned int i)
{
	uint64_t rung;

	return read(session.nets[i].bell, &rung, sizeof(rung)) == (ssize_t)sizeof(rung);
}

/** What is told of the directory ID in PARENT. */
static struct us_record dir_record(uint64_t id, uint64_t parent)
{
	return (struct us_record){.type = US_RECORD_DIR, .id = id, .parent = parent, .name = "d", .name_length = 1,
	                          .meta = {.mode = S_IFDIR | 0755}};
}

/** The first connection begins to open DIR_ID. */
static struct us_dir *begin_opening(void)
{
	struct us_record record = dir_record(DIR_ID, ROOT_ID);

	begun = NULL;
	assert_int_equal(us_net_dirs_announce(&session.nets[0], &record), US_NET_TAKEN);
	assert_non_null(begun);
	return begun->dir;
}

/** It could not be opened: that is over, too. */
static void fail_opening(void)
{
	us_worker_dir_failed(&workers[0], begun);
}

/** Each way to wait for a directory: DIR of it, of one in it, its end, and what is in it. */
static void test_waits(void **state)
{
	struct us_net *waits = &session.nets[1];

	(void)state;
	job.source = &us_net_source;
	for (unsigned int i = 0; i < 4; i++) {
		struct us_record again = dir_record(DIR_ID, ROOT_ID);
		struct us_record below = dir_record(DIR_ID + 1, DIR_ID);
		struct us_record end = {.type = US_RECORD_DIR_END, .id = DIR_ID, .state = i == 0 ? 2 : 1, .children = i == 1 ? 1 : 0};
		struct us_record end_below = {.type = US_RECORD_DIR_END, .id = DIR_ID + 1, .state = 1};
		struct us_dir *dir = begin_opening();

		switch (i) {
		case 0:
			assert_int_equal(us_net_dirs_announce(waits, &again), US_NET_STALL);
			break;
		case 1:
			assert_int_equal(us_net_dirs_announce(waits, &below), US_NET_STALL);
			break;
		case 2:
			assert_int_equal(us_net_dirs_end(waits, &end), US_NET_STALL);
			break;
		default:
			assert_int_equal(us_net_dirs_share(waits, DIR_ID, &dir), US_NET_DIR_LATER);
			break;
		}
		for (unsigned int n = 0; n < NETS_NR; n++) {
			assert_false(has_rung(n));
		}
		fail_opening();
		for (unsigned int n = 0; n < NETS_NR; n++) {
			assert_true(has_rung(n) == (n == 1));
		}
		switch (i) {
		case 0:
			assert_int_equal(us_net_dirs_announce(waits, &again), US_NET_TAKEN);
			break;
		case 1:
			assert_int_equal(us_net_dirs_announce(waits, &below), US_NET_TAKEN);
			assert_int_equal(us_net_dirs_end(waits, &end_below), US_NET_TAKEN);
			break;
		case 2:
			break;
		default:
			assert_int_equal(us_net_dirs_share(waits, DIR_ID, &dir), US_NET_DIR_GONE);
			break;
		}
		assert_int_equal(us_net_dirs_end(waits, &end), US_NET_TAKEN);
		assert_int_equal(session.nr_dirs, 1);
	}
}

/** Nobody waits, or the opener itself: no one is rung for. */
static void test_no_one(void **state)
{
	struct us_record again = dir_record(DIR_ID, ROOT_ID);
	struct us_record end = {.type = US_RECORD_DIR_END, .id = DIR_ID, .state = 1};

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		(void)begin_opening();
		if (i == 1) {
			assert_int_equal(us_net_dirs_announce(&session.nets[0], &again), US_NET_STALL);
		}
		fail_opening();
		for (unsigned int n = 0; n < NETS_NR; n++) {
			assert_false(has_rung(n));
		}
		assert_int_equal(us_net_dirs_end(&session.nets[0], &end), US_NET_TAKEN);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_waits),
		cmocka_unit_test(test_no_one),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
