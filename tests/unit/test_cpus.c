/* SPDX-License-Identifier: MIT */
/* The order of processors, as made-up machines have them. */
#include "unit.h"

#include "sys/cpus.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/** Two nodes of two cores of two threads, numbered as Intel's are: first all cores, then all second threads. */
static void test_order(void **state)
{
	struct us_cpu cpus[8];
	static const unsigned int wanted[] = {0, 2, 1, 3, 4, 6, 5, 7};

	(void)state;
	for (unsigned int i = 0; i < 8; i++) {
		cpus[i] = (struct us_cpu){.number = i, .node = i / 2 % 2, .thread = i / 4};
	}
	us_cpus_order(cpus, 8);
	for (unsigned int i = 0; i < 8; i++) {
		assert_int_equal(cpus[i].number, wanted[i]);
	}
}

/** Nodes of different sizes, given in any order: none is left out, and the larger one's rest comes last. */
static void test_order_uneven(void **state)
{
	struct us_cpu cpus[] = {
		{.number = 9, .node = 3}, {.number = 4, .node = 1}, {.number = 7, .node = 3},
		{.number = 8, .node = 3}, {.number = 5, .node = 1},
	};
	static const unsigned int wanted[] = {4, 7, 5, 8, 9};

	(void)state;
	us_cpus_order(cpus, unit_nr(cpus));
	for (unsigned int i = 0; i < unit_nr(cpus); i++) {
		assert_int_equal(cpus[i].number, wanted[i]);
	}
	us_cpus_order(cpus, 0);
}

/** Those that this thread may use, and no others. */
static void test_spread_allowed(void **state)
{
	struct us_cpu *cpus;
	cpu_set_t set;
	int nr = us_cpus_spread("/sys/devices/system/cpu", &cpus);

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof(set), &set), 0);
	assert_int_equal(nr, CPU_COUNT(&set));
	assert_int_equal(us_cpus_allowed(), nr);
	for (int i = 0; i < nr; i++) {
		assert_true(CPU_ISSET(cpus[i].number, &set));
		CPU_CLR(cpus[i].number, &set);
	}
	free(cpus);
}

/** Make DIR/NAME, a file with TEXT. */
static void put(const char *dir, const char *name, const char *text)
{
	char path[512];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

/** Node and thread are read where they stand; a tree that is not there is one node of single threads. */
static void test_spread_sysfs(void **state)
{
	char root[] = "/tmp/test-cpus-XXXXXX";
	char dir[256];
	char command[512];
	struct us_cpu *cpus;
	int nr = us_cpus_spread("/nonexistent", &cpus);
	unsigned int first;
	unsigned int last;

	(void)state;
	assert_true(nr >= 1);
	for (int i = 0; i < nr; i++) {
		assert_int_equal(cpus[i].node, 0);
		assert_int_equal(cpus[i].thread, 0);
	}
	first = cpus[0].number;
	last = cpus[nr - 1].number;
	free(cpus);
	assert_non_null(mkdtemp(root));
	snprintf(dir, sizeof(dir), "%s/cpu%u", root, first);
	mkdir(dir, 0755);
	put(dir, "node5", "");
	snprintf(dir, sizeof(dir), "%s/cpu%u/topology", root, first);
	mkdir(dir, 0755);
	snprintf(command, sizeof(command), "%u-%u,%u\n", first, first + 1, first + 64);
	put(dir, "thread_siblings_list", command);
	nr = us_cpus_spread(root, &cpus);
	assert_true(nr >= 1);
	for (int i = 0; i < nr; i++) {
		assert_int_equal(cpus[i].node, cpus[i].number == first ? 5 : 0);
		assert_int_equal(cpus[i].thread, 0);
	}
	free(cpus);
	/* The highest one comes after all others of its core. */
	snprintf(dir, sizeof(dir), "%s/cpu%u", root, last);
	mkdir(dir, 0755);
	snprintf(dir, sizeof(dir), "%s/cpu%u/topology", root, last);
	mkdir(dir, 0755);
	snprintf(command, sizeof(command), "0-%u,%u\n", last, last + 64);
	put(dir, "thread_siblings_list", command);
	nr = us_cpus_spread(root, &cpus);
	for (int i = 0; i < nr; i++) {
		assert_int_equal(cpus[i].thread, cpus[i].number == last ? last : 0);
	}
	free(cpus);
	snprintf(command, sizeof(command), "rm -r %s", root);
	assert_int_equal(system(command), 0);
}

/** A pinned thread runs where it was told to; a processor that is not there is an error. */
static void test_pin(void **state)
{
	struct us_cpu *cpus;
	cpu_set_t before;
	int nr = us_cpus_spread("/sys/devices/system/cpu", &cpus);

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof(before), &before), 0);
	for (int i = 0; i < nr; i++) {
		assert_int_equal(us_cpus_pin(cpus[i].number), 0);
		assert_int_equal(sched_getcpu(), cpus[i].number);
		assert_int_equal(us_cpus_allowed(), 1);
		assert_int_equal(sched_setaffinity(0, sizeof(before), &before), 0);
	}
	free(cpus);
	assert_true(us_cpus_pin(100000) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),          cmocka_unit_test(test_order_uneven),
		cmocka_unit_test(test_spread_allowed), cmocka_unit_test(test_spread_sysfs),
		cmocka_unit_test(test_pin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
