/* SPDX-License-Identifier: MIT */
/*
 * Sets of processors are as large as the kernel wants them: with more than 1024 possible ones cpu_set_t is too small.
 */
#include "sys/cpus.h"

#include "base/us.h"

#include <dirent.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

/** The most processors that a set is made for: far more than any kernel is built for. */
#define CPUS_MAX (1u << 20)

/**
 * This thread's affinity mask.
 *
 * @return how many it has room for, or a negative errno; *SET is freed with CPU_FREE().
 */
static int get_allowed(cpu_set_t **set)
{
	for (unsigned int nr = CPU_SETSIZE; nr <= CPUS_MAX; nr *= 2) {
		*set = CPU_ALLOC(nr);
		if (*set == NULL) {
			return -ENOMEM;
		}
		if (sched_getaffinity(0, CPU_ALLOC_SIZE(nr), *set) == 0) {
			return (int)nr;
		}
		CPU_FREE(*set);
		if (errno != EINVAL) {
			return -errno;
		}
	}
	return -EINVAL;
}

unsigned int us_cpus_allowed(void)
{
	cpu_set_t *set;
	int room = get_allowed(&set);
	int nr;

	if (room < 0) {
		return 1;
	}
	nr = CPU_COUNT_S(CPU_ALLOC_SIZE((unsigned int)room), set);
	CPU_FREE(set);
	return nr > 0 ? (unsigned int)nr : 1;
}

/** The node of processor NUMBER: its directory has an entry "nodeN". */
static unsigned int node_of(const char *sysfs, unsigned int number)
{
	char path[256];
	const struct dirent *entry;
	unsigned int node = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/cpu%u", sysfs, number);
	dir = opendir(path);
	if (dir == NULL) {
		return 0;
	}
	while ((entry = readdir(dir)) != NULL) {
		if (sscanf(entry->d_name, "node%u", &node) == 1) {
			break;
		}
	}
	closedir(dir);
	return node;
}

/** How many processors of its core come before NUMBER, in a list such as "0-1,64". */
static unsigned int thread_of(const char *sysfs, unsigned int number)
{
	char path[256];
	unsigned int before = 0;
	unsigned int first;
	FILE *list;

	snprintf(path, sizeof(path), "%s/cpu%u/topology/thread_siblings_list", sysfs, number);
	list = fopen(path, "re");
	if (list == NULL) {
		return 0;
	}
	while (fscanf(list, "%u", &first) == 1 && first < number) {
		unsigned int last = first;
		int next = fgetc(list);

		if (next == '-' && fscanf(list, "%u", &last) == 1) {
			next = fgetc(list);
		}
		before += us_min(last + 1, number) - first;
		if (next != ',') {
			break;
		}
	}
	fclose(list);
	return before;
}

/** By thread of the core, then node, then number. */
static int compare_nodes(const void *left, const void *right)
{
	const struct us_cpu *a = left;
	const struct us_cpu *b = right;

	if (a->thread != b->thread) {
		return a->thread < b->thread ? -1 : 1;
	}
	if (a->node != b->node) {
		return a->node < b->node ? -1 : 1;
	}
	return (a->number > b->number) - (a->number < b->number);
}

/** A processor, and how many of its node come before it among those of the same thread number. */
struct ranked {
	struct us_cpu cpu;
	unsigned int rank;
};

/** By thread, then rank, then node. */
static int compare_ranks(const void *left, const void *right)
{
	const struct ranked *a = left;
	const struct ranked *b = right;

	if (a->cpu.thread != b->cpu.thread) {
		return a->cpu.thread < b->cpu.thread ? -1 : 1;
	}
	if (a->rank != b->rank) {
		return a->rank < b->rank ? -1 : 1;
	}
	return (a->cpu.node > b->cpu.node) - (a->cpu.node < b->cpu.node);
}

void us_cpus_order(struct us_cpu *cpus, unsigned int nr)
{
	struct ranked *ranked = calloc(nr, sizeof(*ranked));

	qsort(cpus, nr, sizeof(*cpus), compare_nodes);
	if (ranked == NULL) {
		return; /* Node after node: less even, and right all the same. */
	}
	for (unsigned int i = 0; i < nr; i++) {
		bool same = i > 0 && cpus[i].node == cpus[i - 1].node && cpus[i].thread == cpus[i - 1].thread;

		ranked[i] = (struct ranked){cpus[i], same ? ranked[i - 1].rank + 1 : 0};
	}
	qsort(ranked, nr, sizeof(*ranked), compare_ranks);
	for (unsigned int i = 0; i < nr; i++) {
		cpus[i] = ranked[i].cpu;
	}
	free(ranked);
}

int us_cpus_spread(const char *sysfs, struct us_cpu **cpus)
{
	cpu_set_t *set;
	int room = get_allowed(&set);
	size_t size;
	unsigned int nr = 0;

	if (room < 0) {
		return room;
	}
	size = CPU_ALLOC_SIZE((unsigned int)room);
	*cpus = calloc((size_t)CPU_COUNT_S(size, set) + 1, sizeof(**cpus));
	if (*cpus == NULL) {
		CPU_FREE(set);
		return -ENOMEM;
	}
	for (unsigned int i = 0; i < (unsigned int)room; i++) {
		if (CPU_ISSET_S(i, size, set)) {
			(*cpus)[nr++] = (struct us_cpu){i, node_of(sysfs, i), thread_of(sysfs, i)};
		}
	}
	CPU_FREE(set);
	us_cpus_order(*cpus, nr);
	return (int)nr;
}

int us_cpus_pin(unsigned int number)
{
	size_t size = CPU_ALLOC_SIZE(number + 1);
	cpu_set_t *set = CPU_ALLOC(number + 1);
	int ret;

	if (set == NULL) {
		return -ENOMEM;
	}
	CPU_ZERO_S(size, set);
	CPU_SET_S(number, size, set);
	ret = sched_setaffinity(0, size, set) < 0 ? -errno : 0;
	CPU_FREE(set);
	return ret;
}
