/* SPDX-License-Identifier: MIT */
/* net/net_xattrs, net/net_events: what a receiver holds for its sender has a limit, and what is beyond it is told. */
#include "unit.h"

#include "core/job.h"
#include "core/xattrs.h"
#include "net/session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/** What files and directories have together at most. */
#define XATTRS_MAX (UINT64_C(256) << 20)

static struct usync_job job;
static struct us_session session;
static struct us_net net;

static int setup(void **state)
{
	(void)state;
	memset(&job, 0, sizeof(job));
	memset(&session, 0, sizeof(session));
	memset(&net, 0, sizeof(net));
	job.session = &session;
	session.job = &job;
	session.trusts = true;
	session.events_end = &session.events;
	pthread_mutex_init(&session.events_lock, NULL);
	net.session = &session;
	us_out_init(&net.out, US_WIRE_REPLY);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	us_net_events_free(&session);
	us_out_fini(&net.out);
	pthread_mutex_destroy(&session.events_lock);
	return 0;
}

/** Attributes are counted as long as they are held, and refused when there are too many, whoever has them. */
static void test_xattrs(void **state)
{
	struct us_xattrs *made = NULL;
	struct us_xattrs *again = NULL;
	struct us_record record = {.type = US_RECORD_FILE, .xattrs = "what is no block", .xattrs_length = 16};
	uint32_t held = 0;

	(void)state;
	job.keep.xattr_kinds = US_XATTR_OTHER;
	assert_int_equal(us_net_xattrs_take(&session, &record, &made, &held), -EBADMSG);
	assert_null(made);
	assert_int_equal(held, 0);
	assert_int_equal(atomic_load(&session.xattrs_held), 0);

	record.xattrs = "user.a\0\3\0\0\0one";
	record.xattrs_length = 14;
	assert_int_equal(us_net_xattrs_take(&session, &record, &made, &held), 0);
	assert_non_null(made);
	assert_int_equal(held, 14);
	assert_int_equal(atomic_load(&session.xattrs_held), 14);
	free(made);
	us_net_xattrs_drop(&session, &held);
	assert_int_equal(held, 0);
	assert_int_equal(atomic_load(&session.xattrs_held), 0);

	atomic_store(&session.xattrs_held, XATTRS_MAX - 10);
	record.xattrs_length = 11;
	assert_int_equal(us_net_xattrs_take(&session, &record, &again, &held), -E2BIG);
	assert_null(again);
	assert_int_equal(held, 0);
	assert_int_equal(atomic_load(&session.xattrs_held), XATTRS_MAX - 10);
}

/** Events wait as long as there is room for them; the others are counted, and their number is told, once. */
static void test_events(void **state)
{
	static char path[1024];
	struct usync_event event = {.type = USYNC_EVENT_FAILED, .path = path, .what = "open", .error = EACCES};
	struct us_record_cursor cursor;
	struct us_record record = {0};
	unsigned int nr = 0;
	unsigned int warnings = 0;

	(void)state;
	memset(path, 'x', sizeof(path) - 1);
	for (unsigned int i = 0; i < 20000; i++) {
		us_net_events_add(&job, &event);
	}
	assert_true(us_net_events_tell(&net));
	assert_false(us_net_events_tell(&net));
	us_out_seal(&net.out);
	for (struct us_out_frame *frame = net.out.first; frame != NULL; frame = frame->next) {
		cursor = (struct us_record_cursor){
			.at = frame->bytes + US_FRAME_HEAD, .end = frame->bytes + US_FRAME_HEAD + frame->length, .replies = true};
		while (us_record_next(&cursor, &record) == 1) {
			nr++;
			warnings += record.state == USYNC_EVENT_WARNING;
		}
		assert_true(cursor.at == cursor.end);
	}
	assert_in_range(nr, 5000, 10000);
	assert_int_equal(warnings, 1);
	assert_int_equal(record.state, USYNC_EVENT_WARNING);
	assert_int_equal(strtoul(record.what, NULL, 10), 20000 - (nr - 1));

	us_net_events_add(&job, &event);
	assert_true(us_net_events_tell(&net));
	assert_int_equal(session.events_lost, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_xattrs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_events, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
