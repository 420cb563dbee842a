/* SPDX-License-Identifier: MIT */
/* base/parse: numbers and sizes. */
#include "unit.h"

#include "base/parse.h"

#include <errno.h>

/** One text and what it should be read as. */
struct row {
	const char *text;
	int ret;
	uint64_t value;
};

/** Hold FN against a table. */
static void check_rows(int (*fn)(const char *, uint64_t *), const struct row *rows, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		uint64_t value = 4711;
		int ret = fn(rows[i].text, &value);

		if (ret != rows[i].ret || (ret == 0 && value != rows[i].value)) {
			fail_msg("'%s' gives %d, %llu", rows[i].text, ret, (unsigned long long)value);
		}
	}
}

/** Texts that are no number whichever function reads them. */
static const struct row never[] = {
	{"", -EINVAL, 0},    {" 1", -EINVAL, 0},   {"1 ", -EINVAL, 0}, {"-1", -EINVAL, 0},
	{"+1", -EINVAL, 0},  {"0x10", -EINVAL, 0}, {"1.5", -EINVAL, 0}, {"1e3", -EINVAL, 0},
	{"one", -EINVAL, 0}, {"1\n", -EINVAL, 0},  {"1,000", -EINVAL, 0},
	{"18446744073709551616", -ERANGE, 0},      {"99999999999999999999999", -ERANGE, 0},
};

/** Numbers. */
static void test_uint(void **state)
{
	static const struct row rows[] = {
		{"0", 0, 0},       {"7", 0, 7},         {"007", 0, 7},
		{"1024", 0, 1024}, {"1K", -EINVAL, 0},  {"18446744073709551615", 0, UINT64_MAX},
	};

	(void)state;
	check_rows(us_parse_uint, rows, unit_nr(rows));
	check_rows(us_parse_uint, never, unit_nr(never));
}

/** Sizes and their units. */
static void test_size(void **state)
{
	static const struct row rows[] = {
		{"0", 0, 0},
		{"4096", 0, 4096},
		{"4K", 0, 4096},
		{"4k", 0, 4096},
		{"3M", 0, 3145728},
		{"3m", 0, 3145728},
		{"2G", 0, 2147483648},
		{"2g", 0, 2147483648},
		{"18446744073709551615", 0, UINT64_MAX},
		{"17179869183G", 0, UINT64_C(17179869183) << 30},
		{"17179869184G", -ERANGE, 0},
		{"18014398509481984K", -ERANGE, 0},
		{"K", -EINVAL, 0},
		{"4KB", -EINVAL, 0},
		{"4KiB", -EINVAL, 0},
		{"4KK", -EINVAL, 0},
		{"4T", -EINVAL, 0},
		{"4 K", -EINVAL, 0},
	};

	(void)state;
	check_rows(us_parse_size, rows, unit_nr(rows));
	check_rows(us_parse_size, never, unit_nr(never));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_uint),
		cmocka_unit_test(test_size),
	};

	return cmocka_run_group_tests_name("base/parse", tests, NULL, NULL);
}
