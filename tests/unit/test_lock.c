/* SPDX-License-Identifier: MIT */
/* core/lock: who may make the same tree at the same time. */
#include "unit.h"

#include "core/job.h"
#include "core/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

/** Two runs, each with a descriptor of its own of the same directory. */
static struct usync_job *jobs[2];
static int fds[2];
static char path[64];
static unsigned int nr_notes;
static char note[256];

/** What flock(2) shall answer (a positive errno); 0 to ask the system. */
static int refusal;

/** Stands before the C library's, for file systems that have no locks. */
int flock(int fd, int operation)
{
	if (refusal > 0) {
		errno = refusal;
		return -1;
	}
	return (int)syscall(SYS_flock, fd, operation);
}

/** Count what is told. */
static void on_event(const struct usync_event *event, void *payload)
{
	(void)payload;
	assert_int_equal(event->type, USYNC_EVENT_NOTE);
	nr_notes++;
	strncpy(note, event->what, sizeof(note) - 1);
}

/** A job of which only what this module looks at is set. */
static int setup(void **state)
{
	const char *tmp = getenv("TMPDIR");

	(void)state;
	refusal = 0;
	nr_notes = 0;
	snprintf(path, sizeof(path), "%s/unit-lock.XXXXXX", tmp != NULL && strlen(tmp) < 40 ? tmp : "/tmp");
	if (mkdtemp(path) == NULL) {
		return -1;
	}
	for (size_t i = 0; i < unit_nr(jobs); i++) {
		jobs[i] = calloc(1, sizeof(*jobs[i]));
		fds[i] = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (jobs[i] == NULL || fds[i] < 0) {
			return -1;
		}
		jobs[i]->lock_fd = -1;
		jobs[i]->options.event = on_event;
		pthread_mutex_init(&jobs[i]->event_lock, NULL);
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < unit_nr(jobs); i++) {
		us_unlock_destination(jobs[i]);
		pthread_mutex_destroy(&jobs[i]->event_lock);
		free(jobs[i]);
		if (fds[i] >= 0) {
			close(fds[i]);
		}
	}
	return rmdir(path);
}

/** The whole tree is one run's alone; entries of their own are for many. */
static void test_kinds(void **state)
{
	static const struct {
		bool first;
		bool second;
		int ret;
	} rows[] = {{true, true, -EBUSY}, {true, false, -EBUSY}, {false, true, -EBUSY}, {false, false, 0}};

	for (size_t i = 0; i < unit_nr(rows); i++) {
		assert_int_equal(us_lock_destination(jobs[0], fds[0], rows[i].first), 0);
		assert_true(jobs[0]->lock_fd >= 0);
		assert_int_equal(us_lock_destination(jobs[1], fds[1], rows[i].second), rows[i].ret);
		assert_int_equal(jobs[1]->lock_fd >= 0, rows[i].ret == 0);
		teardown(state);
		assert_int_equal(setup(state), 0);
	}
	assert_int_equal(nr_notes, 0);
}

/** The lock stays when the job closes its descriptor of the directory, for it may be short of them. */
static void test_outlives(void **state)
{
	(void)state;
	assert_int_equal(us_lock_destination(jobs[0], fds[0], true), 0);
	assert_int_not_equal(jobs[0]->lock_fd, fds[0]);
	assert_int_not_equal(fcntl(jobs[0]->lock_fd, F_GETFD) & FD_CLOEXEC, 0);
	close(fds[0]);
	fds[0] = -1;
	assert_int_equal(us_lock_destination(jobs[1], fds[1], false), -EBUSY);
	us_unlock_destination(jobs[0]);
	assert_int_equal(jobs[0]->lock_fd, -1);
	assert_int_equal(us_lock_destination(jobs[1], fds[1], true), 0);
}

/** It is given back at once, though the directory is still open; and to give back what no one has is no mistake. */
static void test_unlock(void **state)
{
	(void)state;
	us_unlock_destination(jobs[1]);
	assert_int_equal(us_lock_destination(jobs[0], fds[0], true), 0);
	us_unlock_destination(jobs[0]);
	us_unlock_destination(jobs[0]);
	assert_int_equal(us_lock_destination(jobs[1], fds[1], true), 0);
	assert_int_equal(us_lock_destination(jobs[0], fds[0], true), -EBUSY);
	us_unlock_destination(jobs[1]);
	assert_int_equal(us_lock_destination(jobs[0], fds[0], true), 0);
}

/** Where there are no locks the run goes on without one, and says so once. */
static void test_none(void **state)
{
	static const int refusals[] = {EOPNOTSUPP, ENOLCK, EBADF, ENOSYS};

	(void)state;
	for (size_t i = 0; i < unit_nr(refusals); i++) {
		refusal = refusals[i];
		nr_notes = 0;
		assert_int_equal(us_lock_destination(jobs[0], fds[0], true), 0);
		assert_int_equal(jobs[0]->lock_fd, -1);
		assert_int_equal(nr_notes, 1);
		assert_non_null(strstr(note, "can't be locked"));
		assert_non_null(strstr(note, strerrordesc_np(refusal)));
		us_unlock_destination(jobs[0]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_kinds, setup, teardown),
		cmocka_unit_test_setup_teardown(test_outlives, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unlock, setup, teardown),
		cmocka_unit_test_setup_teardown(test_none, setup, teardown),
	};

	return cmocka_run_group_tests_name("core/lock", tests, NULL, NULL);
}
