/* SPDX-License-Identifier: MIT */
/*
 * Descriptors: each worker needs its ring, two for each file (four with a pipe), and one a side for each directory
 * that it reads, makes, or is about to open.  What is left keeps directories open that will be used again, and then
 * files that wait to be read (gather.h).
 */
#include "core/budget.h"

#include "base/us.h"
#include "core/policy.h"
#include "sys/nofile.h"

/** For the caller's library functions, the lock, and what is opened for a moment only. */
#define SPARE 7u

/** So many directories come before files that wait to be read; then those have two thirds. */
#define OPEN_DIRS_FIRST 1024u

void us_budget_fit(struct us_budget *budget, bool splice)
{
	unsigned int limit = us_nofile_raise();
	unsigned int used = us_nofile_used() + SPARE;
	unsigned int free = limit > used ? limit - used : 1;
	unsigned int per_file = splice ? 4 : 2;
	unsigned int base = 1 + budget->sides * 2; /* A ring, and a directory and its parent on each side. */
	unsigned int late = budget->sides * 2 + US_POLICY_LATE_DEPTH * per_file;
	unsigned int share;
	unsigned int dirs;
	unsigned int left;

	budget->workers = us_max(us_min(budget->workers, free / (base + per_file)), 1u);
	share = us_max(free / budget->workers, base + per_file) - base;
	budget->opening = us_max(us_min(budget->opening, share / (4 * budget->sides)), 1u);
	/* A third of the share is left to the directories. */
	budget->depth = us_max(us_min(budget->depth, share * 2 / 3 / per_file), 1u);
	left = budget->workers * (1 + budget->depth * per_file + budget->opening * budget->sides);
	left = free > left ? free - left : 0;
	dirs = us_min(left / budget->sides, us_max(left / budget->sides / 3, OPEN_DIRS_FIRST));
	budget->open_dirs = us_max(us_min(dirs, US_POLICY_OPEN_DIRS), 2u);
	budget->listings = us_max(budget->open_dirs / 2, 1u);
	budget->fds = us_min(limit, used + budget->open_dirs * budget->sides +
	                                    budget->workers * (1 + budget->depth * per_file +
	                                                       budget->opening * budget->sides));
	left = limit - us_min(limit, budget->fds);
	budget->late = us_min(budget->late, left / late);
	left -= budget->late * late;
	budget->gather = us_min(left / budget->workers, budget->gather);
	budget->fds += budget->late * late + budget->gather * budget->workers;
}
