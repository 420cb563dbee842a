/* SPDX-License-Identifier: MIT */
/**
 * @file budget.h
 * How many files and directories fit the descriptors that the process may hold.
 */
#ifndef US_CORE_BUDGET_H
#define US_CORE_BUDGET_H

#include <stdbool.h>

struct us_budget {
	unsigned int sides;     /**< Descriptors of a directory. */
	unsigned int workers;   /**< Asked for, and what is possible. */
	unsigned int depth;     /**< Files in flight for each worker: asked for, and possible. */
	unsigned int gather;    /**< Sources each worker holds open besides: asked for, and possible; may be 0. */
	unsigned int opening;   /**< Directories being opened by each worker: asked for, and possible. */
	unsigned int late;      /**< Workers that may come later: asked for, and possible; 0 is allowed. */
	unsigned int listings;  /**< Listings alive at a time in all. */
	unsigned int open_dirs; /**< Directories that may hold descriptors in all. */
	unsigned int fds;       /**< Descriptors that this comes to, with those in use already. */
};

/**
 * Lower what was asked for to what RLIMIT_NOFILE allows.  The soft limit is raised to the hard one first.
 * Every member but gather and late is at least 1 at the end.
 *
 * @param splice  Files take a pipe too.
 */
void us_budget_fit(struct us_budget *budget, bool splice);

#endif /* US_CORE_BUDGET_H */
