/* SPDX-License-Identifier: MIT */
/* cli/opts_net: addresses as people write them. */
#include "unit.h"

#include "cli/opts_net.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/** Where to connect to. */
static void test_connect(void **state)
{
	static const struct {
		const char *text;
		const char *host;
		const char *port;
	} rows[] = {
		{"host:9000", "host", "9000"},
		{"192.0.2.1:1", "192.0.2.1", "1"},
		{"[::1]:65535", "::1", "65535"},
		{"[fe80::1%eth0]:9000", "fe80::1%eth0", "9000"},
		{"[host]:22", "host", "22"},
		{"9000", NULL, NULL},
		{":9000", NULL, NULL},
		{"*:9000", NULL, NULL},
		{"", NULL, NULL},
		{":", NULL, NULL},
		{"host", NULL, NULL},
		{"host:", NULL, NULL},
		{"host:0", NULL, NULL},
		{"host:65536", NULL, NULL},
		{"host:66000", NULL, NULL},
		{"host:4294967376", NULL, NULL},
		{"host:18446744073709551696", NULL, NULL},
		{"host:-1", NULL, NULL},
		{"host:+80", NULL, NULL},
		{"host: 80", NULL, NULL},
		{"host:80 ", NULL, NULL},
		{"host:http", NULL, NULL},
		{"host:80x", NULL, NULL},
		{"::1:9000", NULL, NULL},
		{"a:b:80", NULL, NULL},
		{"[::1]", NULL, NULL},
		{"[::1]9000", NULL, NULL},
		{"[::1]:", NULL, NULL},
		{"[]:9000", NULL, NULL},
		{"[::1:9000", NULL, NULL},
	};
	struct opts_address address;

	(void)state;
	for (size_t i = 0; i < unit_nr(rows); i++) {
		const char *why = NULL;
		int ret = opts_parse_address(&address, rows[i].text, false, &why);

		if (ret != (rows[i].host != NULL ? 0 : -EINVAL)) {
			fail_msg("'%s': %d", rows[i].text, ret);
		}
		if (ret == 0) {
			assert_string_equal(address.host, rows[i].host);
			assert_string_equal(address.port, rows[i].port);
		} else {
			assert_non_null(why);
		}
		opts_free_address(&address);
	}
}

/** Where to listen. */
static void test_listen(void **state)
{
	static const struct {
		const char *text;
		const char *host;
		const char *port;
	} rows[] = {
		{"9000", NULL, "9000"},     {":9000", NULL, "9000"},        {"*:9000", NULL, "9000"},  {"0", NULL, "0"},
		{"[::]:0", "::", "0"},      {"127.0.0.1:0", "127.0.0.1", "0"}, {"localhost:9", "localhost", "9"},
		{"65536", NULL, NULL},      {"-1", NULL, NULL},             {"", NULL, NULL},          {"host", NULL, NULL},
		{"::1", NULL, NULL},        {"::", NULL, NULL},             {"9000x", NULL, NULL},
	};
	struct opts_address address;

	(void)state;
	for (size_t i = 0; i < unit_nr(rows); i++) {
		const char *why = NULL;
		int ret = opts_parse_address(&address, rows[i].text, true, &why);

		if (ret != (rows[i].port != NULL ? 0 : -EINVAL)) {
			fail_msg("'%s': %d", rows[i].text, ret);
		}
		if (ret == 0) {
			assert_string_equal(address.port, rows[i].port);
			assert_true((address.host == NULL) == (rows[i].host == NULL));
			if (rows[i].host != NULL) {
				assert_string_equal(address.host, rows[i].host);
			}
		} else {
			assert_non_null(why);
		}
		opts_free_address(&address);
	}
}

/** A host's name has a longest form. */
static void test_long(void **state)
{
	char text[400];
	struct opts_address address;
	const char *why = NULL;

	(void)state;
	memset(text, 'a', sizeof(text));
	memcpy(text + sizeof(text) - 4, ":80", 4);
	assert_int_equal(opts_parse_address(&address, text, false, &why), -EINVAL);
	assert_non_null(strstr(why, "too long"));
	memcpy(text + 253, ":80", 4);
	assert_int_equal(opts_parse_address(&address, text, false, &why), 0);
	assert_int_equal(strlen(address.host), 253);
	opts_free_address(&address);
}

/** A secret is taken, and gone where it stood; the last one counts. */
static void test_secret(void **state)
{
	struct opts opts = {0};
	char first[] = "first";
	char second[] = "second";
	static const char zeros[sizeof(second)];

	(void)state;
	assert_int_equal(opts_store_secret(&opts, ""), -EINVAL);
	assert_int_equal(opts_store_secret(&opts, first), 0);
	assert_string_equal(opts.secret, "first");
	assert_memory_equal(first, zeros, sizeof(first));
	assert_int_equal(opts_store_secret(&opts, second), 0);
	assert_string_equal(opts.secret, "second");
	assert_memory_equal(second, zeros, sizeof(second));
	opts_free_net(&opts);
	assert_null(opts.secret);
	opts_free_net(&opts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_connect),
		cmocka_unit_test(test_listen),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_secret),
	};

	return cmocka_run_group_tests_name("cli/opts_net", tests, NULL, NULL);
}
