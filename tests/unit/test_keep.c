/* SPDX-License-Identifier: MIT */
/* core/keep: which attributes are kept, and who may set them. */
#include "unit.h"

#include "core/keep.h"
#include "core/xattrs.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/** A user and a group that are no one's here. */
#define USER 1234u
#define GROUP 2345u

/** A further group of that user. */
#define OTHER_GROUP 3456u

/** What a job without any option keeps, or with KEEP alone. */
static struct us_keep init(uint32_t what)
{
	struct usync_options options = USYNC_OPTIONS_INIT;
	struct us_keep keep;

	options.keep = what;
	assert_int_equal(us_keep_init(&keep, &options), 0);
	return keep;
}

/** The same for an ordinary user with two groups, whoever runs the test. */
static struct us_keep ordinary(uint32_t what, gid_t groups[2])
{
	groups[0] = GROUP;
	groups[1] = OTHER_GROUP;
	return (struct us_keep){
		.what = what, .uid = USER, .groups = groups, .nr_groups = 2, .chown_uid = -1, .chown_gid = -1,
	};
}

/** An entry. */
static struct statx entry(uint16_t mode, uint32_t uid, uint32_t gid)
{
	return (struct statx){.stx_mode = mode, .stx_uid = uid, .stx_gid = gid};
}

/** Nothing asked for is the default; "nothing" is nothing; kinds of extended attributes follow what is kept. */
static void test_init(void **state)
{
	struct us_keep keep = init(0);

	(void)state;
	assert_int_equal(keep.what, USYNC_KEEP_DEFAULT);
	assert_int_equal(keep.strictly, 0);
	assert_int_equal(keep.xattr_kinds, 0);
	assert_int_equal(keep.chown_uid, -1);
	assert_int_equal(keep.chown_gid, -1);
	assert_int_equal(keep.uid, geteuid());
	assert_int_equal(keep.any_owner, geteuid() == 0);
	us_keep_fini(&keep);
	assert_null(keep.groups);
	us_keep_fini(&keep);

	keep = init(USYNC_KEEP_NONE);
	assert_int_equal(keep.what & USYNC_KEEP_DEFAULT, 0);
	us_keep_fini(&keep);
	keep = init(USYNC_KEEP_ACL);
	assert_int_equal(keep.xattr_kinds, US_XATTR_ACL);
	us_keep_fini(&keep);
	keep = init(USYNC_KEEP_XATTR);
	assert_int_equal(keep.xattr_kinds, US_XATTR_OTHER);
	us_keep_fini(&keep);
	keep = init(USYNC_KEEP_ARCHIVE);
	assert_int_equal(keep.xattr_kinds, US_XATTR_ACL | US_XATTR_OTHER);
	us_keep_fini(&keep);
}

/** All groups of the process are among those that it may give files to. */
static void test_groups(void **state)
{
	struct us_keep keep = init(0);
	gid_t groups[256];
	int nr = getgroups((int)unit_nr(groups), groups);

	(void)state;
	assert_true(nr >= 0 && nr < (int)unit_nr(groups));
	groups[nr++] = getegid();
	for (int i = 0; i < nr; i++) {
		bool found = false;

		for (size_t k = 0; k < keep.nr_groups; k++) {
			found |= keep.groups[k] == groups[i];
		}
		assert_true(found);
	}
	us_keep_fini(&keep);
	if (geteuid() == 0) {
		gid_t before = getegid();

		assert_int_equal(setegid(GROUP), 0);
		keep = init(0);
		assert_int_equal(setegid(before), 0);
		assert_int_equal(keep.groups[0], GROUP);
		us_keep_fini(&keep);
	}
}

/** --chown means that owners are kept, and that it is a failure when they can't; a wrong --chmod is refused. */
static void test_init_changes(void **state)
{
	struct usync_options options = USYNC_OPTIONS_INIT;
	struct us_keep keep;

	(void)state;
	options.chown_user = true;
	options.chown_uid = 0;
	assert_int_equal(us_keep_init(&keep, &options), 0);
	assert_int_equal(keep.what, USYNC_KEEP_DEFAULT | USYNC_KEEP_OWNER);
	assert_int_equal(keep.strictly, USYNC_KEEP_OWNER);
	assert_int_equal(keep.chown_uid, 0);
	assert_int_equal(keep.chown_gid, -1);
	us_keep_fini(&keep);
	options.chown_user = false;
	options.chown_group = true;
	options.chown_gid = UINT32_MAX - 1;
	assert_int_equal(us_keep_init(&keep, &options), 0);
	assert_int_equal(keep.what, USYNC_KEEP_DEFAULT | USYNC_KEEP_OWNER);
	assert_int_equal(keep.chown_uid, -1);
	assert_true(keep.chown_gid == (int64_t)UINT32_MAX - 1);
	us_keep_fini(&keep);
	options.chmod = "u=q";
	assert_int_equal(us_keep_init(&keep, &options), -EINVAL);
	us_keep_fini(&keep);
}

/** What is asked for instead of the source's own: its mode (never a link's), its user, its group, each by itself. */
static void test_transform(void **state)
{
	struct usync_options options = USYNC_OPTIONS_INIT;
	struct us_keep keep = init(0);
	struct statx stx = entry(S_IFREG | 04751, 1, 2);

	(void)state;
	us_keep_transform(&keep, &stx);
	assert_int_equal(stx.stx_mode, S_IFREG | 04751);
	assert_int_equal(stx.stx_uid, 1);
	assert_int_equal(stx.stx_gid, 2);
	us_keep_fini(&keep);

	options.chmod = "D700,F600";
	options.chown_user = true;
	options.chown_uid = 0;
	assert_int_equal(us_keep_init(&keep, &options), 0);
	us_keep_transform(&keep, &stx);
	assert_int_equal(stx.stx_mode, S_IFREG | 0600);
	assert_int_equal(stx.stx_uid, 0);
	assert_int_equal(stx.stx_gid, 2);
	stx = entry(S_IFDIR | 0755, 1, 2);
	us_keep_transform(&keep, &stx);
	assert_int_equal(stx.stx_mode, S_IFDIR | 0700);
	stx = entry(S_IFLNK | 0777, 1, 2);
	us_keep_transform(&keep, &stx);
	assert_int_equal(stx.stx_mode, S_IFLNK | 0777);
	assert_int_equal(stx.stx_uid, 0);
	us_keep_fini(&keep);

	options.chmod = NULL;
	options.chown_user = false;
	options.chown_group = true;
	options.chown_gid = 77;
	assert_int_equal(us_keep_init(&keep, &options), 0);
	stx = entry(S_IFREG | 0644, 1, 2);
	us_keep_transform(&keep, &stx);
	assert_int_equal(stx.stx_uid, 1);
	assert_int_equal(stx.stx_gid, 77);
	us_keep_fini(&keep);
}

/** Root gives what differs and only that; an ordinary user gives own files to own groups, and no user at all. */
static void test_owner(void **state)
{
	enum { LEAVE = -1 };
	static const struct {
		bool any_owner;
		uint32_t src_uid, src_gid; /**< What it is to become. */
		uint32_t uid, gid;         /**< What it is. */
		int64_t new_uid, new_gid;
		bool lacks;
	} rows[] = {
		{true, 1, 2, 1, 2, LEAVE, LEAVE, false}, {true, 1, 2, 3, 2, 1, LEAVE, false},
		{true, 1, 2, 1, 3, LEAVE, 2, false}, {true, 0, 0, 3, 4, 0, 0, false},
		{false, USER, GROUP, USER, GROUP, LEAVE, LEAVE, false},
		{false, USER, OTHER_GROUP, USER, GROUP, LEAVE, OTHER_GROUP, false},
		{false, USER, 9, USER, GROUP, LEAVE, LEAVE, true},
		{false, 9, GROUP, USER, GROUP, LEAVE, LEAVE, true},
		{false, 9, OTHER_GROUP, USER, GROUP, LEAVE, OTHER_GROUP, true},
		{false, USER, OTHER_GROUP, 9, GROUP, LEAVE, LEAVE, true},
		{false, 9, GROUP, 9, GROUP, LEAVE, LEAVE, false},
		{false, 0, 0, USER, GROUP, LEAVE, LEAVE, true},
	};
	gid_t groups[2];
	struct us_keep keep = ordinary(USYNC_KEEP_OWNER, groups);

	(void)state;
	for (size_t i = 0; i < unit_nr(rows); i++) {
		struct statx src = entry(S_IFREG | 0644, rows[i].src_uid, rows[i].src_gid);
		struct us_owner_change change;

		keep.any_owner = rows[i].any_owner;
		change = us_keep_owner(&keep, &src, rows[i].uid, rows[i].gid);
		if (change.uid != (uid_t)rows[i].new_uid || change.gid != (gid_t)rows[i].new_gid ||
		    change.lacks != rows[i].lacks) {
			fail_msg("row %zu: %u:%u, lacks %d", i, change.uid, change.gid, change.lacks);
		}
	}
	/* Owners that are not kept don't change, and nothing is missing. */
	keep.what = USYNC_KEEP_ARCHIVE & ~(uint32_t)USYNC_KEEP_OWNER;
	for (size_t i = 0; i < unit_nr(rows); i++) {
		struct statx src = entry(S_IFREG | 0644, rows[i].src_uid, rows[i].src_gid);
		struct us_owner_change change = us_keep_owner(&keep, &src, rows[i].uid, rows[i].gid);

		assert_int_equal(change.uid, (uid_t)-1);
		assert_int_equal(change.gid, (gid_t)-1);
		assert_false(change.lacks);
	}
}

/** Set-id bits are for a copy of the same owner and group; the sticky bit and the rest are for all. */
static void test_mode(void **state)
{
	struct statx src = entry(S_IFREG | 07751, 1, 2);
	struct statx dir = entry(S_IFDIR | 03700, 1, 2);

	(void)state;
	assert_int_equal(us_keep_mode(&src, 1, 2), 07751);
	assert_int_equal(us_keep_mode(&src, 1, 3), 01751);
	assert_int_equal(us_keep_mode(&src, 3, 2), 01751);
	assert_int_equal(us_keep_mode(&src, 3, 3), 01751);
	assert_int_equal(us_keep_mode(&dir, 1, 2), 03700);
	assert_int_equal(us_keep_mode(&dir, 1, 3), 01700);
	assert_int_equal(us_keep_plain_mode(&src, 0), 0666);
	assert_int_equal(us_keep_plain_mode(&src, 022), 0644);
	assert_int_equal(us_keep_plain_mode(&src, 0777), 0);
	assert_int_equal(us_keep_plain_mode(&dir, 0), 0777);
	assert_int_equal(us_keep_plain_mode(&dir, 027), 0750);
}

/** Two times: to the nanosecond without a window, in whole seconds with one; the ends of time do not wrap. */
static void test_same_time(void **state)
{
	static const struct {
		int64_t a, b;
		uint32_t a_ns, b_ns;
		uint32_t window;
		bool same;
	} rows[] = {
		{0, 0, 0, 0, 0, true}, {5, 5, 1, 1, 0, true}, {5, 5, 1, 2, 0, false}, {5, 6, 1, 1, 0, false},
		{5, 5, 0, 999999999, 1, true}, {5, 6, 0, 0, 1, true}, {6, 5, 0, 0, 1, true},
		{5, 7, 0, 0, 1, false}, {7, 5, 0, 0, 1, false}, {-1, 1, 0, 0, 2, true}, {-1, 1, 0, 0, 1, false},
		{0, UINT32_MAX, 0, 0, UINT32_MAX, true}, {0, (int64_t)UINT32_MAX + 1, 0, 0, UINT32_MAX, false},
		{INT64_MIN, INT64_MAX, 0, 0, 1, false}, {INT64_MAX, INT64_MIN, 0, 0, UINT32_MAX, false},
		{INT64_MIN, 0, 0, 0, 1, false}, {0, INT64_MIN, 0, 0, 1, false},
		{INT64_MIN, INT64_MIN + 1, 0, 0, 1, true},
	};

	(void)state;
	for (size_t i = 0; i < unit_nr(rows); i++) {
		struct statx_timestamp a = {.tv_sec = rows[i].a, .tv_nsec = rows[i].a_ns};
		struct statx_timestamp b = {.tv_sec = rows[i].b, .tv_nsec = rows[i].b_ns};

		if (us_keep_same_time(&a, &b, rows[i].window) != rows[i].same) {
			fail_msg("row %zu", i);
		}
	}
}

/** The bits that tell of changes, and that "owner missing" was told. */
static void check_changes(const struct us_keep *keep, const struct statx *src, const struct statx *dst,
                          uint32_t expected, bool expected_lacks)
{
	bool lacks = !expected_lacks;

	assert_int_equal(us_keep_changes(keep, src, dst, 0, &lacks), expected);
	assert_int_equal(lacks, expected_lacks);
}

/** Each attribute that differs is told when it is kept, and not when it is not. */
static void test_changes(void **state)
{
	static const uint32_t all = USYNC_KEEP_DEFAULT | USYNC_KEEP_ATIME | USYNC_KEEP_OWNER;
	struct us_keep keep = init(all);
	const struct statx src = entry(S_IFREG | 0644, 1, 2);
	struct statx dst = src;

	(void)state;
	keep.any_owner = true;
	check_changes(&keep, &src, &dst, 0, false);
	dst.stx_mode = S_IFREG | 0600;
	check_changes(&keep, &src, &dst, USYNC_CHANGE_MODE, false);
	dst.stx_mtime.tv_nsec = 1;
	check_changes(&keep, &src, &dst, USYNC_CHANGE_MODE | USYNC_CHANGE_MTIME, false);
	dst.stx_atime.tv_sec = 1;
	dst.stx_uid = 3;
	dst.stx_gid = 4;
	check_changes(&keep, &src, &dst,
	              USYNC_CHANGE_MODE | USYNC_CHANGE_MTIME | USYNC_CHANGE_ATIME | USYNC_CHANGE_USER |
	                      USYNC_CHANGE_GROUP,
	              false);
	keep.what = USYNC_KEEP_NONE;
	check_changes(&keep, &src, &dst, 0, false);
	keep.what = USYNC_KEEP_ATIME;
	check_changes(&keep, &src, &dst, USYNC_CHANGE_ATIME, false);
	us_keep_fini(&keep);
}

/** The window is for both times. */
static void test_changes_window(void **state)
{
	struct us_keep keep = init(USYNC_KEEP_TIMES | USYNC_KEEP_ATIME);
	const struct statx src = entry(S_IFREG | 0644, 1, 2);
	struct statx dst = src;
	bool lacks;

	(void)state;
	dst.stx_mtime.tv_sec = dst.stx_atime.tv_sec = 2;
	assert_int_equal(us_keep_changes(&keep, &src, &dst, 2, &lacks), 0);
	assert_int_equal(us_keep_changes(&keep, &src, &dst, 1, &lacks), USYNC_CHANGE_MTIME | USYNC_CHANGE_ATIME);
	us_keep_fini(&keep);
}

/** A mode is held against what the copy will have: no set-id bits while the owner can't be had. */
static void test_changes_set_id(void **state)
{
	gid_t groups[2];
	struct us_keep keep = ordinary(USYNC_KEEP_MODE | USYNC_KEEP_OWNER, groups);
	const struct statx src = entry(S_IFREG | 04755, 9, GROUP);
	struct statx dst = entry(S_IFREG | 0755, USER, GROUP);

	(void)state;
	check_changes(&keep, &src, &dst, 0, true);
	dst.stx_mode = S_IFREG | 04755;
	check_changes(&keep, &src, &dst, USYNC_CHANGE_MODE, true);
	keep.any_owner = true;
	dst.stx_mode = S_IFREG | 0755;
	check_changes(&keep, &src, &dst, USYNC_CHANGE_USER | USYNC_CHANGE_MODE, false);
	dst.stx_mode = S_IFREG | 04755;
	check_changes(&keep, &src, &dst, USYNC_CHANGE_USER, false);
}

/** Where the source is another machine's, what --chown names is set whatever that says, and without -a no more. */
static void test_chown_alone(void **state)
{
	struct usync_options options = USYNC_OPTIONS_INIT;
	const struct statx src = entry(S_IFREG | 0644, 1, 2);
	struct us_owner_change change;
	struct us_keep keep;

	(void)state;
	options.keep = USYNC_KEEP_DEFAULT;
	options.ordered = true;
	options.chown_group = true;
	options.chown_gid = 7;
	for (unsigned int i = 0; i < 2; i++) {
		bool owners = i == 1;

		options.keep |= owners ? USYNC_KEEP_OWNER : 0u;
		assert_int_equal(us_keep_init(&keep, &options), 0);
		keep.any_owner = true;
		change = us_keep_owner(&keep, &src, 3, 4);
		assert_int_equal(change.uid, owners ? 1u : (uid_t)-1);
		assert_int_equal(change.gid, 7);
		change = us_keep_owner(&keep, &src, 3, 7);
		assert_int_equal(change.gid, (gid_t)-1);
		us_keep_fini(&keep);
	}
}

/** A symbolic link has no mode of its own; its owner and times are kept like others'. */
static void test_changes_link(void **state)
{
	struct us_keep keep = init(USYNC_KEEP_DEFAULT | USYNC_KEEP_OWNER);
	const struct statx src = entry(S_IFLNK | 0777, 1, 2);
	struct statx dst = entry(S_IFLNK | 0700, 3, 2);

	(void)state;
	keep.any_owner = true;
	dst.stx_mtime.tv_sec = 1;
	check_changes(&keep, &src, &dst, USYNC_CHANGE_USER | USYNC_CHANGE_MTIME, false);
	us_keep_fini(&keep);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_init),           cmocka_unit_test(test_groups),
		cmocka_unit_test(test_init_changes),   cmocka_unit_test(test_transform),
		cmocka_unit_test(test_owner),          cmocka_unit_test(test_mode),
		cmocka_unit_test(test_same_time),      cmocka_unit_test(test_changes),
		cmocka_unit_test(test_changes_window), cmocka_unit_test(test_changes_set_id),
		cmocka_unit_test(test_changes_link),   cmocka_unit_test(test_chown_alone),
	};

	return cmocka_run_group_tests_name("core/keep", tests, NULL, NULL);
}
