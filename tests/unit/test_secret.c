/* SPDX-License-Identifier: MIT */
/* net/secret: secrets that are made, read and judged, and the keys that come of them. */
#include "unit.h"

#include "net/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char why[US_NET_TEXT_MAX];
static char path[64];

/** A file for secrets. */
static int setup(void **state)
{
	int fd;

	(void)state;
	snprintf(path, sizeof(path), "/tmp/unit-secret.XXXXXX");
	fd = mkstemp(path);
	return fd < 0 ? -1 : close(fd);
}

static int teardown(void **state)
{
	(void)state;
	return unlink(path);
}

/** Put LENGTH bytes into the file, with MODE. */
static void put(const char *bytes, size_t length, mode_t mode)
{
	int fd;

	assert_int_equal(chmod(path, 0600), 0);
	fd = open(path, O_WRONLY | O_TRUNC);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, length), length);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

/** Made ones have their form, differ, and are strong. */
static void test_make(void **state)
{
	char a[US_SECRET_MADE + 1];
	char b[US_SECRET_MADE + 1];
	struct us_secret secret;

	(void)state;
	assert_int_equal(us_secret_make(a), 0);
	assert_int_equal(us_secret_make(b), 0);
	assert_int_equal(strlen(a), US_SECRET_MADE);
	assert_memory_equal(a, "usk1", 4);
	assert_string_not_equal(a, b);
	assert_int_equal(strspn(a, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"), US_SECRET_MADE);
	assert_int_equal(us_secret_init(&secret, a, strlen(a), why), 0);
	assert_int_equal(secret.bits, 256);
	assert_false(secret.weak);
}

/** Each character that is mistyped is found, and so is one that lacks. */
static void test_typing_error(void **state)
{
	char text[US_SECRET_MADE + 1];
	struct us_secret secret;

	(void)state;
	assert_int_equal(us_secret_make(text), 0);
	for (size_t i = 4; i < US_SECRET_MADE; i++) {
		char was = text[i];

		text[i] = was == 'x' ? 'y' : 'x';
		assert_int_equal(us_secret_init(&secret, text, US_SECRET_MADE, why), -EINVAL);
		assert_non_null(strstr(why, "typing error"));
		assert_null(strstr(why, text + 4));
		text[i] = was;
	}
	assert_int_equal(us_secret_init(&secret, text, US_SECRET_MADE - 1, why), -EINVAL);
	assert_int_equal(us_secret_init(&secret, text, US_SECRET_MADE, why), 0);
}

/**
 * The same text gives the same keys, for each use another one, and another text others; by known values, as they are
 * part of the protocol.
 */
static void test_keys(void **state)
{
	/* scrypt and HMAC by Python's hashlib and hmac. */
	static const uint8_t tls[] = {0x84, 0x17, 0x73, 0x22, 0x18, 0x60, 0x77, 0x38, 0x73, 0xd1, 0xb7, 0x94, 0xd2, 0xca, 0xf7, 0x57,
	                               0x06, 0x8c, 0x81, 0x5f, 0xf3, 0x3a, 0x65, 0xcb, 0x51, 0x7b, 0xbd, 0xab, 0x86, 0xc8, 0x21, 0xa0};
	static const uint8_t auth[] = {0x9d, 0x94, 0xdc, 0x63, 0x12, 0xb2, 0x68, 0x85, 0x74, 0xe6, 0x55, 0x07, 0xa0, 0x89, 0x1a, 0x86,
	                               0xec, 0xbb, 0xcc, 0x47, 0x0e, 0x2e, 0x02, 0x46, 0xa3, 0xad, 0xd3, 0xa2, 0x6b, 0x0f, 0x89, 0xe6};
	static const uint8_t made_tls[] = {0x51, 0xb2, 0xef, 0xea, 0x33, 0xbb, 0x04, 0xba, 0x7b, 0x29, 0x52, 0xb1, 0x4a, 0xc1, 0x5d, 0x34,
	                               0x8c, 0xcc, 0x6a, 0x4f, 0xbf, 0x24, 0xdf, 0x29, 0x27, 0x6f, 0x13, 0xcf, 0x2b, 0xfd, 0x29, 0x2a};
	struct us_secret a;
	struct us_secret b;

	(void)state;
	assert_int_equal(us_secret_init(&a, "correct horse", 13, why), 0);
	assert_memory_equal(a.tls, tls, sizeof(tls));
	assert_memory_equal(a.auth, auth, sizeof(auth));
	assert_true(a.weak);
	assert_int_equal(us_secret_init(&b, "correct horsf", 13, why), 0);
	assert_memory_not_equal(a.tls, b.tls, sizeof(a.tls));
	assert_memory_not_equal(a.auth, b.auth, sizeof(a.auth));
	assert_int_equal(us_secret_init(&a, "usk1AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8ZwJ-", US_SECRET_MADE, why), 0);
	assert_memory_equal(a.tls, made_tls, sizeof(made_tls));
}

/** What can be no secret. */
static void test_refused(void **state)
{
	static char text[US_SECRET_MAX + 1];
	struct us_secret secret;

	(void)state;
	assert_int_equal(us_secret_init(&secret, "", 0, why), -EINVAL);
	assert_non_null(strstr(why, "empty"));
	assert_int_equal(us_secret_init(&secret, "two\nlines", 9, why), -EINVAL);
	assert_int_equal(us_secret_init(&secret, "a\0b", 3, why), -EINVAL);
	memset(text, 'x', sizeof(text));
	assert_int_equal(us_secret_init(&secret, text, sizeof(text), why), -EINVAL);
	assert_non_null(strstr(why, "longer"));
	assert_int_equal(us_secret_init(&secret, text, sizeof(text) - 1, why), 0);
	assert_true(secret.weak);
}

/** What is there to guess. */
static void test_bits(void **state)
{
	static const struct {
		const char *text;
		bool weak;
	} rows[] = {
		{"a", true},
		{"secret", true},
		{"hunter2", true},
		{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", true},
		{"abcdefghijklmnopqrstuvwxyz0123456789", true},
		{"0123456789abcdef0123456789abcdef", true},
		{"passwordpasswordpasswordpassword", true},
		{"correct horse battery staple", true},
		{"Tr0ub4dor&3", true},
		{"9f86d081884c7d659a2feaa0c55ad015", false},
		{"d7a8fbb307d7809469ca9abcb0082e4f8d5651e46d3cdb762d02d0bf37c9e592", false},
		{"pF3#kd82Lw!vQz90_mXa7Rt5", false},
	};

	(void)state;
	for (size_t i = 0; i < unit_nr(rows); i++) {
		unsigned int bits = us_secret_bits(rows[i].text, strlen(rows[i].text));

		if ((bits < 100) != rows[i].weak) {
			fail_msg("'%s': %u bits", rows[i].text, bits);
		}
	}
	assert_int_equal(us_secret_bits("", 0), 0);
}

/** A file's only line, with whatever end. */
static void test_file(void **state)
{
	static const struct {
		const char *bytes;
		const char *text;
	} rows[] = {{"key", "key"}, {"key\n", "key"}, {"key\r\n", "key"}, {" k e y ", " k e y "}, {"k\xc3\xa4y\n", "k\xc3\xa4y"},
	            {"", NULL},     {"\n", NULL},     {"a\nb\n", NULL},     {"a\n\n", NULL},        {"a\tb", NULL}};
	static char big[US_SECRET_MAX + 2];
	char text[US_SECRET_MAX + 1];

	(void)state;
	for (size_t i = 0; i < unit_nr(rows); i++) {
		int ret;

		put(rows[i].bytes, strlen(rows[i].bytes), 0600);
		ret = us_secret_read(text, path, why);
		if (rows[i].text == NULL) {
			assert_int_equal(ret, -EINVAL);
			assert_non_null(strstr(why, path));
		} else {
			assert_int_equal(ret, strlen(rows[i].text));
			assert_string_equal(text, rows[i].text);
		}
	}
	memset(big, 'b', sizeof(big));
	put(big, US_SECRET_MAX, 0400);
	assert_int_equal(us_secret_read(text, path, why), US_SECRET_MAX);
	put(big, sizeof(big), 0600);
	assert_int_equal(us_secret_read(text, path, why), -EINVAL);
	put("a\0b", 3, 0600);
	assert_int_equal(us_secret_read(text, path, why), -EINVAL);
}

/** A file that others can get at is refused, whatever right it is. */
static void test_modes(void **state)
{
	char text[US_SECRET_MAX + 1];

	(void)state;
	for (mode_t bit = 01; bit <= 040; bit <<= 1) {
		put("key", 3, 0600 | bit);
		assert_int_equal(us_secret_read(text, path, why), -EPERM);
		assert_non_null(strstr(why, path));
		assert_non_null(strstr(why, "others"));
	}
	assert_int_equal(us_secret_read(text, "/nonexistent/secret", why), -ENOENT);
	assert_non_null(strstr(why, "/nonexistent/secret"));
	assert_int_equal(us_secret_read(text, "/", why), -EISDIR);
}

/** A file of another user's is refused, but root's is taken. */
static void test_owner(void **state)
{
	char text[US_SECRET_MAX + 1];

	(void)state;
	if (geteuid() != 0) {
		skip(); /* Only root can give a file away. */
	}
	put("key", 3, 0600);
	assert_int_equal(chown(path, 12345, (gid_t)-1), 0);
	assert_int_equal(us_secret_read(text, path, why), -EPERM);
	assert_non_null(strstr(why, "another user"));
	assert_int_equal(chown(path, 0, (gid_t)-1), 0);
	assert_int_equal(us_secret_read(text, path, why), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_make),
		cmocka_unit_test(test_typing_error),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_bits),
		cmocka_unit_test_setup_teardown(test_file, setup, teardown),
		cmocka_unit_test_setup_teardown(test_modes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_owner, setup, teardown),
	};

	return cmocka_run_group_tests_name("net/secret", tests, NULL, NULL);
}
