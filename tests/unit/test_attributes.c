/* SPDX-License-Identifier: MIT */
/* core/attributes: which calls give a copy its attributes, in which order, and what becomes of their errors. */
#include "unit.h"

#include "core/attributes.h"
#include "core/job.h"
#include "core/report.h"
#include "core/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

/** A user and a group that the copy is to have. */
#define USER 1234u
#define GROUP 2345u

/** The calls that were made, one letter each, and what each kind shall answer (a positive errno, or 0). */
static char calls[32];
static int answers[128];
static uid_t asked_uid;
static gid_t asked_gid;
static mode_t asked_mode;
static struct timespec asked_times[2];

static struct usync_job *job;
static struct us_worker *worker;
static unsigned int nr_events;
static char what[64];
static int event_error;

static char file_path[64];
static int fd = -1;
static struct us_xattrs *xattrs; /**< With one that is no ACL; NULL where files can't have it. */

/** Note a call. */
static int note(char letter)
{
	strncat(calls, (char[]){letter, '\0'}, sizeof(calls) - strlen(calls) - 1);
	errno = answers[(unsigned char)letter];
	return errno > 0 ? -1 : 0;
}

/* These stand before the C library's: nothing is set, so that all is the same for every user. */

int fchownat(int at, const char *name, uid_t uid, gid_t gid, int flags)
{
	(void)at;
	(void)name;
	(void)flags;
	asked_uid = uid;
	asked_gid = gid;
	return note('o');
}

int fsetxattr(int at, const char *name, const void *value, size_t size, int flags)
{
	(void)at;
	(void)name;
	(void)value;
	(void)size;
	(void)flags;
	return note('x');
}

int fremovexattr(int at, const char *name)
{
	(void)at;
	(void)name;
	return note('r');
}

int fchmod(int at, mode_t mode)
{
	(void)at;
	asked_mode = mode;
	return note('m');
}

int futimens(int at, const struct timespec times[2])
{
	(void)at;
	memcpy(asked_times, times, sizeof(asked_times));
	return note('t');
}

/** What is told of an entry. */
static void on_event(const struct usync_event *event, void *payload)
{
	(void)payload;
	assert_int_equal(event->type, USYNC_EVENT_FAILED);
	assert_string_equal(event->path, "dst/file");
	snprintf(what, sizeof(what), "%s", event->what);
	event_error = event->error;
	nr_events++;
}

/** A file with an attribute. */
static int group_setup(void **state)
{
	const char *tmp = getenv("TMPDIR");
	struct us_handle file;

	(void)state;
	snprintf(file_path, sizeof(file_path), "%s/unit-attributes.XXXXXX",
	         tmp != NULL && strlen(tmp) < 32 ? tmp : "/tmp");
	fd = mkstemp(file_path);
	if (fd < 0) {
		return -1;
	}
	syscall(SYS_fsetxattr, fd, "user.a", "x", (size_t)1, 0);
	file = (struct us_handle){.fd = fd};
	return us_xattrs_read(&file, US_XATTR_OTHER, &xattrs);
}

static int group_teardown(void **state)
{
	(void)state;
	free(xattrs);
	close(fd);
	return unlink(file_path);
}

/** A job of which only what this module looks at is set: all is kept, by one who may give files away. */
static int setup(void **state)
{
	(void)state;
	memset(calls, 0, sizeof(calls));
	memset(answers, 0, sizeof(answers));
	nr_events = 0;
	job = aligned_alloc(_Alignof(struct usync_job), sizeof(*job));
	worker = aligned_alloc(_Alignof(struct us_worker), sizeof(*worker));
	if (job == NULL || worker == NULL) {
		return -1;
	}
	memset(job, 0, sizeof(*job));
	memset(worker, 0, sizeof(*worker));
	worker->job = job;
	worker->user_umask = 027;
	job->options.event = on_event;
	pthread_mutex_init(&job->event_lock, NULL);
	job->keep = (struct us_keep){
		.what = USYNC_KEEP_ARCHIVE | USYNC_KEEP_ATIME,
		.xattr_kinds = US_XATTR_ACL | US_XATTR_OTHER,
		.any_owner = true,
		.chown_uid = -1,
		.chown_gid = -1,
	};
	job->root = us_dir_new(NULL, "src", "dst");
	return job->root != NULL ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < US_LACK_NR; i++) {
		free(job->lacks[i].first);
	}
	free(job->error_text);
	us_dir_free(job->root);
	pthread_mutex_destroy(&job->event_lock);
	free(worker);
	free(job);
	return 0;
}

/** What the source is like. */
static const struct statx source = {
	.stx_mode = S_IFREG | 04755,
	.stx_uid = USER,
	.stx_gid = GROUP,
	.stx_atime = {.tv_sec = 11, .tv_nsec = 12},
	.stx_mtime = {.tv_sec = 21, .tv_nsec = 22},
};

/** A new copy of it, which belongs to root. */
static struct us_attributes copy_of(const struct statx *src)
{
	return (struct us_attributes){
		.copy = {.fd = fd},
		.src = src,
		.xattrs = xattrs,
		.mode = 0600,
		.is_new = true,
		.changes = US_ATTRIBUTES_ALL,
	};
}

/** Set them. */
static bool set(const struct us_attributes *attributes)
{
	const struct us_place place = {.dir = job->root, .name = "file", .side = US_DST};

	return us_attributes_set(worker, &place, attributes);
}

/** How often an attribute could not be kept without that being a failure. */
static uint64_t nr_lacks(enum us_lack_kind kind)
{
	return atomic_load(&worker->counts.lacks[kind]);
}

/** Owner, extended attributes, mode, times: each once, in this order, with the source's values. */
static void test_order(void **state)
{
	struct us_attributes copy = copy_of(&source);

	(void)state;
	assert_true(set(&copy));
	assert_string_equal(calls, xattrs != NULL ? "oxmt" : "omt");
	assert_int_equal(asked_uid, USER);
	assert_int_equal(asked_gid, GROUP);
	assert_int_equal(asked_mode, 04755);
	assert_int_equal(asked_times[0].tv_sec, 11);
	assert_int_equal(asked_times[0].tv_nsec, 12);
	assert_int_equal(asked_times[1].tv_sec, 21);
	assert_int_equal(asked_times[1].tv_nsec, 22);
	assert_int_equal(nr_events, 0);
	assert_int_equal(atomic_load(&worker->counts.failed), 0);
}

/** Only what changes is set; a mode that is right stays, but not after a call that may have taken bits away. */
static void test_changes(void **state)
{
	static const struct {
		uint32_t changes;
		mode_t mode; /**< The copy's. */
		const char *calls;
	} rows[] = {
		{0, 0600, ""}, {USYNC_CHANGE_CONTENT | USYNC_CHANGE_SIZE, 0600, ""},
		{USYNC_CHANGE_MTIME, 0600, "t"}, {USYNC_CHANGE_ATIME, 0600, "t"},
		{USYNC_CHANGE_MODE, 0600, "m"}, {USYNC_CHANGE_USER, 04755, "om"},
		{USYNC_CHANGE_GROUP, 04755, "om"}, {USYNC_CHANGE_MODE | USYNC_CHANGE_MTIME, 0600, "mt"},
		{USYNC_CHANGE_MODE | USYNC_CHANGE_MTIME, 0755, "t"}, /* As it is to be: set-id bits are not root's. */
	};

	(void)state;
	for (size_t i = 0; i < unit_nr(rows); i++) {
		struct us_attributes copy = copy_of(&source);

		memset(calls, 0, sizeof(calls));
		copy.xattrs = NULL;
		copy.is_new = false;
		copy.mode = rows[i].mode;
		copy.changes = rows[i].changes;
		assert_true(set(&copy));
		assert_string_equal(calls, rows[i].calls);
	}
}

/** User or group alone, with a mode that is right already: a new owner takes set-id bits away, so it is set again. */
static void test_mode_after_owner(void **state)
{
	struct us_attributes copy = copy_of(&source);

	(void)state;
	copy.xattrs = NULL;
	copy.mode = 04755;
	copy.gid = GROUP;
	copy.changes = USYNC_CHANGE_USER;
	assert_true(set(&copy));
	assert_string_equal(calls, "om");
	assert_int_equal(asked_uid, USER);
	assert_int_equal(asked_gid, (gid_t)-1);
	copy.uid = USER;
	copy.gid = 0;
	copy.changes = USYNC_CHANGE_GROUP;
	memset(calls, 0, sizeof(calls));
	assert_true(set(&copy));
	assert_string_equal(calls, "om");
	assert_int_equal(asked_uid, (uid_t)-1);
	assert_int_equal(asked_gid, GROUP);
	assert_int_equal(asked_mode, 04755);
}

/** A time that does not change, or is not kept, is left as it is. */
static void test_one_time(void **state)
{
	struct us_attributes copy = copy_of(&source);

	(void)state;
	copy.changes = USYNC_CHANGE_MTIME;
	assert_true(set(&copy));
	assert_int_equal(asked_times[0].tv_nsec, UTIME_OMIT);
	assert_int_equal(asked_times[1].tv_sec, 21);
	copy.changes = USYNC_CHANGE_MTIME | USYNC_CHANGE_ATIME;
	job->keep.what = USYNC_KEEP_ATIME;
	assert_true(set(&copy));
	assert_int_equal(asked_times[0].tv_sec, 11);
	assert_int_equal(asked_times[1].tv_nsec, UTIME_OMIT);
	job->keep.what = USYNC_KEEP_NONE;
	memset(calls, 0, sizeof(calls));
	copy.mode = 0640;
	copy.changes = US_ATTRIBUTES_ALL;
	copy.xattrs = NULL;
	job->keep.xattr_kinds = 0;
	assert_true(set(&copy));
	assert_string_equal(calls, "");
}

/** A mode that is not kept: a new copy gets what the umask leaves, another one keeps its own. */
static void test_plain_mode(void **state)
{
	struct us_attributes copy = copy_of(&source);

	(void)state;
	job->keep.what = USYNC_KEEP_TIMES;
	copy.xattrs = NULL;
	assert_true(set(&copy));
	assert_string_equal(calls, "mt");
	assert_int_equal(asked_mode, 0640);
	memset(calls, 0, sizeof(calls));
	copy.is_new = false;
	assert_true(set(&copy));
	assert_string_equal(calls, "t");
}

/** A copy that does not get the owner, for whatever reason, gets no set-id bits. */
static void test_set_id(void **state)
{
	struct us_attributes copy = copy_of(&source);

	(void)state;
	answers['o'] = EPERM;
	assert_true(set(&copy));
	assert_int_equal(asked_mode, 0755);
	assert_int_equal(nr_lacks(US_LACK_OWNER), 1);
	answers['o'] = 0;
	job->keep.any_owner = false;
	memset(calls, 0, sizeof(calls));
	assert_true(set(&copy));
	assert_null(strchr(calls, 'o'));
	assert_int_equal(asked_mode, 0755);
	assert_int_equal(nr_lacks(US_LACK_OWNER), 2);
	assert_int_equal(nr_events, 0);
}

/** A symbolic link has no mode. */
static void test_link(void **state)
{
	struct statx link = source;
	struct us_attributes copy = copy_of(&link);

	(void)state;
	link.stx_mode = S_IFLNK | 0777;
	copy.xattrs = NULL;
	assert_true(set(&copy));
	assert_string_equal(calls, "ot");
}

/** What the copy has of its own goes when it may have any; a mode is set again after that. */
static void test_exact(void **state)
{
	struct us_attributes copy = copy_of(&source);

	(void)state;
	if (xattrs == NULL) {
		skip(); /* No file here has any. */
	}
	copy.xattrs = NULL;
	copy.changes = USYNC_CHANGE_XATTR;
	assert_true(set(&copy));
	assert_string_equal(calls, "");
	copy.exact = true;
	assert_true(set(&copy));
	assert_string_equal(calls, "r");
	copy.changes |= USYNC_CHANGE_ACL;
	copy.mode = 04755;
	copy.uid = USER;
	copy.gid = GROUP;
	memset(calls, 0, sizeof(calls));
	assert_true(set(&copy));
	assert_string_equal(calls, "rm");
	job->keep.xattr_kinds = 0;
	memset(calls, 0, sizeof(calls));
	copy.changes = USYNC_CHANGE_XATTR;
	assert_true(set(&copy));
	assert_string_equal(calls, "");
}

/** What can't be had here is a lack where "all that is possible" was asked for, and a failure where it was named. */
static void test_lack(void **state)
{
	static const int lacks[] = {EPERM, EACCES, EOPNOTSUPP, EINVAL};

	(void)state;
	for (size_t i = 0; i < unit_nr(lacks); i++) {
		struct us_attributes copy = copy_of(&source);

		nr_events = 0;
		job->keep.strictly = 0;
		answers['o'] = lacks[i];
		assert_true(set(&copy));
		assert_int_equal(nr_lacks(US_LACK_OWNER), i + 1);
		assert_int_equal(nr_events, 0);
		assert_string_equal(job->lacks[US_LACK_OWNER].first, "dst/file");
		assert_int_equal(job->lacks[US_LACK_OWNER].error, -lacks[0]);
		job->keep.strictly = USYNC_KEEP_OWNER;
		assert_false(set(&copy));
		assert_int_equal(nr_events, 1);
		assert_string_equal(what, "set owner");
		assert_int_equal(event_error, lacks[i]);
		assert_int_equal(atomic_load(&worker->counts.failed), i + 1);
	}
}

/** Mode and times are always meant: not to be allowed to set them is a failure, and all the rest is still tried. */
static void test_default_fails(void **state)
{
	struct us_attributes copy = copy_of(&source);

	(void)state;
	copy.xattrs = NULL;
	answers['m'] = EPERM;
	assert_false(set(&copy));
	assert_string_equal(calls, "omt");
	assert_int_equal(nr_events, 1);
	assert_string_equal(what, "set mode");
	answers['t'] = EPERM;
	assert_false(set(&copy));
	assert_int_equal(nr_events, 3);
	assert_string_equal(what, "set times");
	assert_int_equal(atomic_load(&worker->counts.failed), 2); /* Entries, and not calls. */
}

/** What breaks is no lack: it is a failure whoever asked for the attribute, told for each call, counted once. */
static void test_broken(void **state)
{
	struct us_attributes copy = copy_of(&source);

	(void)state;
	answers['o'] = answers['m'] = answers['t'] = EIO;
	answers['x'] = EIO;
	assert_false(set(&copy));
	assert_int_equal(nr_events, xattrs != NULL ? 4 : 3);
	assert_int_equal(atomic_load(&worker->counts.failed), 1);
	assert_int_equal(nr_lacks(US_LACK_OWNER), 0);
	assert_int_equal(atomic_load(&job->error), 0);
}

/** No room for attributes is this file's trouble; no room for a mode, or no disk, is everyone's. */
static void test_stop(void **state)
{
	struct us_attributes copy = copy_of(&source);

	(void)state;
	if (xattrs != NULL) {
		answers['x'] = ENOSPC;
		assert_false(set(&copy));
		assert_int_equal(atomic_load(&job->error), 0);
		assert_string_equal(what, "set extended attributes");
		answers['x'] = EDQUOT;
		assert_false(set(&copy));
		assert_int_equal(atomic_load(&job->error), 0);
		answers['x'] = 0;
	}
	assert_false(us_job_stopping(job));
	answers['m'] = EROFS;
	assert_false(set(&copy));
	assert_int_equal(atomic_load(&job->error), -EROFS);
	assert_true(us_job_stopping(job));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_changes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mode_after_owner, setup, teardown),
		cmocka_unit_test_setup_teardown(test_one_time, setup, teardown),
		cmocka_unit_test_setup_teardown(test_plain_mode, setup, teardown),
		cmocka_unit_test_setup_teardown(test_set_id, setup, teardown),
		cmocka_unit_test_setup_teardown(test_link, setup, teardown),
		cmocka_unit_test_setup_teardown(test_exact, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lack, setup, teardown),
		cmocka_unit_test_setup_teardown(test_default_fails, setup, teardown),
		cmocka_unit_test_setup_teardown(test_broken, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stop, setup, teardown),
	};

	return cmocka_run_group_tests_name("core/attributes", tests, group_setup, group_teardown);
}
