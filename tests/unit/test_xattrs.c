/* SPDX-License-Identifier: MIT */
/* core/xattrs: the extended attributes of one file, read, held against each other, and written. */
#include "unit.h"

#include "core/xattrs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define ALL (US_XATTR_ACL | US_XATTR_OTHER)

static char root[PATH_MAX];
static int dir = -1;
static int files[2];
static const char *const names[] = {"one", "two"};

/** user::rw- user:1234:rw- group::r-- mask::rw- other::---, in the kernel's form. */
static const unsigned char acl[] = {
	2, 0, 0, 0, 1, 0, 6, 0, 255, 255, 255, 255, 2, 0, 6, 0, 0xd2, 4, 0, 0, 4, 0, 4, 0, 255, 255, 255, 255,
	16, 0, 6, 0, 255, 255, 255, 255, 32, 0, 0, 0, 255, 255, 255, 255,
};

/** Two empty files, where files can have attributes. */
static int setup(void **state)
{
	const char *tmp = getenv("TMPDIR");

	(void)state;
	snprintf(root, sizeof(root), "%s/unit-xattrs.XXXXXX", tmp != NULL ? tmp : "/tmp");
	if (mkdtemp(root) == NULL || (dir = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0) {
		return -1;
	}
	for (size_t i = 0; i < unit_nr(files); i++) {
		files[i] = openat(dir, names[i], O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		if (files[i] < 0) {
			return -1;
		}
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < unit_nr(files); i++) {
		close(files[i]);
		unlinkat(dir, names[i], 0);
	}
	close(dir);
	return rmdir(root);
}

/** Give file I an attribute; where its file system has none there is nothing to be tested. */
static void give(size_t i, const char *name, const void *value, size_t size)
{
	if (fsetxattr(files[i], name, value, size, 0) != 0) {
		if (errno == EOPNOTSUPP || errno == EPERM || errno == EACCES) {
			skip();
		}
		fail_msg("%s: %s", name, strerror(errno));
	}
}

/** The attributes of KINDS of file I. */
static struct us_xattrs *get(size_t i, unsigned int kinds)
{
	const struct us_handle file = {.fd = files[i]};
	struct us_xattrs *xattrs = NULL;

	assert_int_equal(us_xattrs_read(&file, kinds, &xattrs), 0);
	return xattrs;
}

/** Write WANT to file I, which must go well. */
static void put(size_t i, const struct us_xattrs *want, unsigned int kinds, bool exact)
{
	const struct us_handle file = {.fd = files[i]};
	struct us_xattrs_result result = us_xattrs_write(&file, want, kinds, exact);

	assert_int_equal(result.acl, 0);
	assert_int_equal(result.other, 0);
}

/** File I has the attribute NAME with this value; SIZE -1: it has none of that name. */
static void check(size_t i, const char *name, const void *value, ssize_t size)
{
	static char found[XATTR_SIZE_MAX];

	assert_int_equal(fgetxattr(files[i], name, found, sizeof(found)), size);
	if (size > 0) {
		assert_memory_equal(found, value, (size_t)size);
	}
}

/** A file without any has no block at all, and all kinds of nothing are equal. */
static void test_none(void **state)
{
	(void)state;
	give(0, "user.a", "x", 1);
	assert_int_equal(fremovexattr(files[0], "user.a"), 0);
	assert_null(get(0, ALL));
	assert_true(us_xattrs_equal(NULL, NULL, ALL));
	put(1, NULL, ALL, true);
	put(1, NULL, ALL, false);
}

/** Values of any bytes and none come through, by the descriptor and by the name. */
static void test_copy(void **state)
{
	const struct us_handle source = {.fd = dir, .name = "one"};
	const struct us_handle copy = {.fd = dir, .name = "two"};
	struct us_xattrs_result result;
	struct us_xattrs *by_name;
	struct us_xattrs *by_fd;

	(void)state;
	give(0, "user.nul", "a\0b\0", 4);
	give(0, "user.empty", "", 0);
	give(0, "user.bytes", "\xff\x80\n", 3);
	by_fd = get(0, ALL);
	assert_int_equal(us_xattrs_read(&source, ALL, &by_name), 0);
	assert_non_null(by_fd);
	assert_true(us_xattrs_equal(by_fd, by_name, ALL));
	put(1, by_fd, ALL, false);
	check(1, "user.nul", "a\0b\0", 4);
	check(1, "user.empty", "", 0);
	check(1, "user.bytes", "\xff\x80\n", 3);
	put(1, NULL, ALL, true);
	check(1, "user.nul", NULL, -1);
	result = us_xattrs_write(&copy, by_name, ALL, true);
	assert_int_equal(result.other, 0);
	check(1, "user.nul", "a\0b\0", 4);
	free(by_name);
	free(by_fd);
}

/** Names that together do not fit a first small buffer. */
static void test_many(void **state)
{
	enum { NR = 30 };
	struct us_xattrs *xattrs;
	char name[64];
	char value[8];

	(void)state;
	for (int i = 0; i < NR; i++) {
		snprintf(name, sizeof(name), "user.a-name-of-some-length-%d", i);
		snprintf(value, sizeof(value), "v%d", i);
		give(0, name, value, strlen(value));
	}
	xattrs = get(0, ALL);
	assert_non_null(xattrs);
	put(1, xattrs, ALL, true);
	for (int i = 0; i < NR; i++) {
		snprintf(name, sizeof(name), "user.a-name-of-some-length-%d", i);
		snprintf(value, sizeof(value), "v%d", i);
		check(1, name, value, (ssize_t)strlen(value));
	}
	free(xattrs);
	xattrs = get(1, ALL);
	put(1, NULL, ALL, true);
	assert_int_equal(flistxattr(files[1], NULL, 0), 0);
	put(1, xattrs, ALL, true);
	free(xattrs);
}

/** The largest value that this file system takes. */
static void test_large(void **state)
{
	static char value[XATTR_SIZE_MAX];
	struct us_xattrs *xattrs;
	size_t size = sizeof(value);

	(void)state;
	give(0, "user.small", "s", 1);
	for (size_t i = 0; i < sizeof(value); i++) {
		value[i] = (char)(i * 31 >> 3);
	}
	while (fsetxattr(files[0], "user.large", value, size, 0) != 0) {
		size /= 2;
		assert_true(size >= 512);
	}
	xattrs = get(0, ALL);
	put(1, xattrs, ALL, true);
	check(1, "user.large", value, (ssize_t)size);
	check(1, "user.small", "s", 1);
	free(xattrs);
}

/** What the file had before goes only when that is asked for. */
static void test_exact(void **state)
{
	struct us_xattrs *xattrs;

	(void)state;
	give(0, "user.a", "new", 3);
	give(1, "user.a", "old", 3);
	give(1, "user.b", "other", 5);
	xattrs = get(0, ALL);
	put(1, xattrs, ALL, false);
	check(1, "user.a", "new", 3);
	check(1, "user.b", "other", 5);
	put(1, xattrs, ALL, true);
	check(1, "user.a", "new", 3);
	check(1, "user.b", NULL, -1);
	free(xattrs);
}

/** Two files are equal whatever the order of their attributes, and differ by one name, value or length. */
static void test_equal(void **state)
{
	struct us_xattrs *one;
	struct us_xattrs *two;

	(void)state;
	give(0, "user.a", "1", 1);
	give(0, "user.bb", "2", 1);
	give(1, "user.bb", "2", 1);
	give(1, "user.a", "1", 1);
	one = get(0, ALL);
	two = get(1, ALL);
	assert_true(us_xattrs_equal(one, two, ALL));
	assert_false(us_xattrs_equal(one, NULL, ALL));
	assert_false(us_xattrs_equal(NULL, one, ALL));
	assert_true(us_xattrs_equal(one, NULL, US_XATTR_ACL));
	free(two);

	give(1, "user.a", "9", 1);
	two = get(1, ALL);
	assert_false(us_xattrs_equal(one, two, ALL));
	free(two);
	for (int i = 0; i < 2; i++) { /* The second is how "user.bb" may go on behind the shorter value. */
		give(1, "user.a", i == 0 ? "1\0" : "1u", 2);
		two = get(1, ALL);
		assert_false(us_xattrs_equal(one, two, ALL));
		assert_false(us_xattrs_equal(two, one, ALL));
		free(two);
	}
	give(1, "user.a", "1", 1);
	give(1, "user.c", "", 0);
	two = get(1, ALL);
	assert_false(us_xattrs_equal(one, two, ALL));
	assert_false(us_xattrs_equal(two, one, ALL));
	free(two);
	free(one);
}

/** ACLs and the rest are read, compared, removed and written each by itself. */
static void test_kinds(void **state)
{
	static const char acl_name[] = "system.posix_acl_access";
	struct us_xattrs *both;
	struct us_xattrs *acls;
	struct us_xattrs *others;

	(void)state;
	give(0, "user.a", "x", 1);
	give(0, acl_name, acl, sizeof(acl));
	both = get(0, ALL);
	acls = get(0, US_XATTR_ACL);
	others = get(0, US_XATTR_OTHER);
	assert_true(us_xattrs_equal(both, acls, US_XATTR_ACL));
	assert_false(us_xattrs_equal(both, acls, US_XATTR_OTHER));
	assert_true(us_xattrs_equal(both, others, US_XATTR_OTHER));
	assert_false(us_xattrs_equal(both, others, US_XATTR_ACL));
	assert_null(get(0, 0));

	put(1, both, US_XATTR_OTHER, true);
	check(1, "user.a", "x", 1);
	check(1, acl_name, NULL, -1);
	give(1, "user.b", "y", 1);
	put(1, both, US_XATTR_ACL, true);
	check(1, acl_name, acl, sizeof(acl));
	check(1, "user.b", "y", 1);
	put(1, NULL, US_XATTR_OTHER, true);
	check(1, "user.b", NULL, -1);
	check(1, acl_name, acl, sizeof(acl));
	put(1, NULL, US_XATTR_ACL, true);
	check(1, acl_name, NULL, -1);
	free(others);
	free(acls);
	free(both);
}

/** What XFS shows of its ACLs in a form of its own is neither copied nor removed. */
static void test_foreign(void **state)
{
	struct us_xattrs *xattrs;

	(void)state;
	give(0, "trusted.SGI_ACL_FILE", "x", 1);
	give(0, "trusted.mine", "y", 1);
	give(1, "trusted.SGI_ACL_FILE", "z", 1);
	xattrs = get(0, ALL);
	put(1, xattrs, ALL, true);
	check(1, "trusted.mine", "y", 1);
	check(1, "trusted.SGI_ACL_FILE", "z", 1);
	put(1, NULL, ALL, true);
	check(1, "trusted.mine", NULL, -1);
	check(1, "trusted.SGI_ACL_FILE", "z", 1);
	free(xattrs);
}

/** A symbolic link is itself, and not what it leads to. */
static void test_link(void **state)
{
	const struct us_handle link = {.fd = dir, .name = "link"};
	struct us_xattrs *xattrs = NULL;
	struct us_xattrs *want;
	struct us_xattrs_result result;
	int ret;

	(void)state;
	give(0, "user.a", "x", 1);
	want = get(0, ALL);
	assert_int_equal(symlinkat("one", dir, "link"), 0);
	ret = us_xattrs_read(&link, ALL, &xattrs);
	result = us_xattrs_write(&link, want, ALL, false);
	assert_int_equal(us_xattrs_write(&link, NULL, ALL, true).other, 0);
	assert_int_equal(unlinkat(dir, "link", 0), 0);
	assert_int_equal(ret, 0);
	assert_null(xattrs);
	assert_int_equal(result.other, -EPERM); /* Links have no attributes of users (xattr(7)). */
	assert_int_equal(result.acl, 0);
	check(0, "user.a", "x", 1);
	free(want);
}

/** What goes wrong is told by kind, and does not keep the other kind from being set. */
static void test_errors(void **state)
{
	const struct us_handle gone = {.fd = dir, .name = "gone"};
	char anything;
	struct us_xattrs *xattrs = (void *)&anything;
	struct us_xattrs *want;
	struct us_xattrs_result result;

	(void)state;
	assert_int_equal(us_xattrs_read(&gone, ALL, &xattrs), -ENOENT);
	assert_null(xattrs);
	give(0, "user.a", "x", 1);
	give(0, "system.posix_acl_access", acl, sizeof(acl));
	want = get(0, ALL);
	result = us_xattrs_write(&gone, want, ALL, false);
	assert_int_equal(result.acl, -ENOENT);
	assert_int_equal(result.other, -ENOENT);
	result = us_xattrs_write(&gone, want, US_XATTR_ACL, false);
	assert_int_equal(result.acl, -ENOENT);
	assert_int_equal(result.other, 0);
	result = us_xattrs_write(&(struct us_handle){.fd = -1}, want, US_XATTR_OTHER, false);
	assert_int_equal(result.acl, 0);
	assert_int_equal(result.other, -EBADF);
	free(want);
}

/** Write a record of NAME and VALUE as they are sent. @return what is behind it. */
static char *put_record(char *at, const char *name, const char *value)
{
	uint32_t length = (uint32_t)strlen(value);

	memcpy(at, name, strlen(name) + 1);
	at += strlen(name) + 1;
	memcpy(at, &length, sizeof(length));
	memcpy(at + sizeof(length), value, length);
	return at + sizeof(length) + length;
}

/** What another machine sends: each name once, no more names than a file can have, and nothing cut short. */
static void test_import(void **state)
{
	static char block[256 << 10];
	struct us_xattrs *xattrs;
	char *end = put_record(block, "user.a", "first");
	char name[256];

	(void)state;
	end = put_record(end, "user.b", "");
	end = put_record(end, "user.a", "second");
	assert_int_equal(us_xattrs_import(block, (size_t)(end - block), ALL, false, &xattrs), 0);
	assert_true(us_xattrs_equal(xattrs, xattrs, ALL));
	put(0, xattrs, ALL, true);
	check(0, "user.a", "first", 5);
	check(0, "user.b", "", 0);
	free(xattrs);
	for (const char *cut = block + 1; cut < end; cut++) {
		size_t size = (size_t)(cut - block);
		bool whole = size == 16 || size == 27; /* The first, or the first two. */

		assert_int_equal(us_xattrs_import(block, size, ALL, false, &xattrs), whole ? 0 : -EBADMSG);
		free(xattrs);
	}
	memset(name, 'x', sizeof(name));
	memcpy(name, "user.", 5);
	name[255] = '\0';
	end = block;
	for (unsigned int i = 0; i < 256; i++) {
		char number[4];

		snprintf(number, sizeof(number), "%03u", i);
		memcpy(name + 5, number, 3);
		end = put_record(end, name, "");
	}
	assert_int_equal(us_xattrs_import(block, (size_t)(end - block), ALL, false, &xattrs), 0);
	free(xattrs);
	end = put_record(end, "user.a", "");
	assert_int_equal(us_xattrs_import(block, (size_t)(end - block), ALL, false, &xattrs), -EBADMSG);
	assert_null(xattrs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_none, setup, teardown),
		cmocka_unit_test_setup_teardown(test_copy, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many, setup, teardown),
		cmocka_unit_test_setup_teardown(test_large, setup, teardown),
		cmocka_unit_test_setup_teardown(test_exact, setup, teardown),
		cmocka_unit_test_setup_teardown(test_equal, setup, teardown),
		cmocka_unit_test_setup_teardown(test_kinds, setup, teardown),
		cmocka_unit_test_setup_teardown(test_foreign, setup, teardown),
		cmocka_unit_test_setup_teardown(test_link, setup, teardown),
		cmocka_unit_test_setup_teardown(test_errors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_import, setup, teardown),
	};

	return cmocka_run_group_tests_name("core/xattrs", tests, NULL, NULL);
}
