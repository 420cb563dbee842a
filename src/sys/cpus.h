/* SPDX-License-Identifier: MIT */
/**
 * @file cpus.h
 * The processors that this process may use, and how they lie: nodes of memory, cores with several threads.
 *
 * What sysfs does not tell (no /sys, another architecture) counts as one node, and each processor as a core.
 */
#ifndef US_SYS_CPUS_H
#define US_SYS_CPUS_H

/** One processor. */
struct us_cpu {
	unsigned int number; /**< As sched_setaffinity(2) counts them. */
	unsigned int node;   /**< Whose memory is near. */
	unsigned int thread; /**< How many processors of its core come before it. */
};

/** How many processors this thread may run on (sched_getaffinity(2)); at least 1. */
unsigned int us_cpus_allowed(void);

/**
 * Those processors in the order in which to give them to threads: a first one of each node, then a second of each, ...;
 * and all cores before any gets a second thread.
 *
 * @param sysfs      What describes them: "/sys/devices/system/cpu".
 * @param[out] cpus  To be freed by the caller.
 * @return how many, or a negative errno: -ENOMEM, or what sched_getaffinity(2) said.
 */
int us_cpus_spread(const char *sysfs, struct us_cpu **cpus);

/** Put NR processors, whose members are set, into that order. */
void us_cpus_order(struct us_cpu *cpus, unsigned int nr);

/** Let the calling thread run on processor NUMBER alone.  @return 0 or a negative errno. */
int us_cpus_pin(unsigned int number);

#endif /* US_SYS_CPUS_H */
