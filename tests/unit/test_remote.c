/* SPDX-License-Identifier: MIT */
/* cli/remote: operands on other machines, and the command that reaches them. */
#include "unit.h"

#include "cli/remote.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/** Which operands are on another machine, and what they say. */
static void test_operands(void **state)
{
	static const struct {
		const char *operand;
		const char *host; /**< NULL: it is none; "": it is a wrong one. */
		const char *path;
	} rows[] = {
		{"host:path", "host", "path"},
		{"host:", "host", "."},
		{"user@host:/a b/'c'", "user@host", "/a b/'c'"},
		{"host:a:b", "host", "a:b"},
		{"host:-x", "host", "-x"},
		{"host:\n", "host", "\n"},
		{"[::1]:x", "::1", "x"},
		{"me@[fe80::1%eth0]:x", "me@fe80::1%eth0", "x"},
		{"path", NULL, NULL},
		{"./a:b", NULL, NULL},
		{"/a:b", NULL, NULL},
		{"a/b:c", NULL, NULL},
		{":x", NULL, NULL},
		{"", NULL, NULL},
		{"[::1]", NULL, NULL},
		{"[::1:x", NULL, NULL},
		{"-oProxyCommand=x:y", "", NULL},
		{"me@-oProxyCommand=x:y", "", NULL},
		{"host::module", "", NULL},
		{"me@:x", "", NULL},
		{"@host:x", "", NULL},
		{"a host:x", "", NULL},
		{"ho\nst:x", "", NULL},
	};

	(void)state;
	for (size_t i = 0; i < unit_nr(rows); i++) {
		struct remote remote = {0};
		const char *why = NULL;
		bool is = remote_is(rows[i].operand);
		int ret;

		if (is != (rows[i].host != NULL)) {
			fail_msg("'%s': %d", rows[i].operand, is);
		}
		if (!is) {
			continue;
		}
		ret = remote_parse(&remote, rows[i].operand, &why);
		if (rows[i].path == NULL) {
			assert_int_equal(ret, -EINVAL);
			assert_non_null(why);
			assert_null(remote.host);
			continue;
		}
		assert_int_equal(ret, 0);
		assert_string_equal(remote.host, rows[i].host);
		assert_string_equal(remote.path, rows[i].path);
		free(remote.host);
	}
}

/** A command's words. */
static void test_split(void **state)
{
	static const struct {
		const char *command;
		int nr;
		const char *words[5];
	} rows[] = {
		{"ssh", 1, {"ssh"}},
		{"  ssh  -p 2222\t-v ", 4, {"ssh", "-p", "2222", "-v"}},
		{"ssh -i 'a key'", 3, {"ssh", "-i", "a key"}},
		{"ssh -o \"A 'b'\" x", 4, {"ssh", "-o", "A 'b'", "x"}},
		{"my\\ ssh a''b", 2, {"my ssh", "ab"}},
		{"ssh ''", 2, {"ssh", ""}},
		{"ssh '\\'", 2, {"ssh", "\\"}},
		{"", -EINVAL, {NULL}},
		{"   ", -EINVAL, {NULL}},
		{"ssh 'open", -EINVAL, {NULL}},
		{"1 2 3 4 5 6 7", -EINVAL, {NULL}},
	};

	(void)state;
	for (size_t i = 0; i < unit_nr(rows); i++) {
		char copy[64];
		char *words[6];
		int nr = remote_split(rows[i].command, copy, words, unit_nr(words));

		assert_int_equal(nr, rows[i].nr);
		for (int j = 0; j < nr; j++) {
			assert_string_equal(words[j], rows[i].words[j]);
		}
		if (nr > 0) {
			assert_null(words[nr]);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_operands), cmocka_unit_test(test_split)};

	return cmocka_run_group_tests_name("cli/remote", tests, NULL, NULL);
}
