/* SPDX-License-Identifier: MIT */
/* What the local source does next: the entry at hand, or a task from the feed. */
#include "core/local_source.h"

#include "core/dir.h"
#include "core/feed.h"
#include "core/job.h"
#include "core/large.h"
#include "core/report.h"
#include "core/worker.h"

/** Go on listing DIR, of which a first part was listed before. */
static void list_more(struct us_worker *worker, struct us_dir *dir)
{
	int ret = us_dircache_pin(&worker->job->dirs, dir);

	if (ret < 0) {
		us_report_failed(worker, &(struct us_place){.dir = dir}, "reopen directory", ret);
		us_worker_put_dir(worker, dir);
		return;
	}
	us_local_list(worker, dir);
}

/** The job is stopping: give up what TASK holds. */
static void discard(struct us_worker *worker, const struct us_task *task)
{
	if (task->kind == US_TASK_SLICE) {
		us_worker_put_listing(worker, task->slice.listing);
	} else if (task->kind == US_TASK_LARGE) {
		us_large_put(task->large);
	} else {
		us_worker_put_dir(worker, task->dir);
	}
}

/** Begin TASK. */
static void begin(struct us_worker *worker, const struct us_task *task)
{
	switch (task->kind) {
	case US_TASK_DIR:
		us_local_open_dir(worker, task->dir);
		break;
	case US_TASK_MORE:
		list_more(worker, task->dir);
		break;
	case US_TASK_SLICE:
		us_worker_set_slice(worker, &task->slice);
		break;
	case US_TASK_LARGE:
		us_worker_help(worker, task->large);
		break;
	}
}

/** See us_source_ops. */
static enum us_fill local_fill(struct us_worker *worker, bool wait)
{
	struct usync_job *job = worker->job;
	struct us_task task;

	if (worker->slice != NULL) {
		if (us_job_stopping(job) || worker->slice->next == worker->slice->end) {
			us_worker_drop_slice(worker);
			return US_FILL_STARTED;
		}
		if (us_feed_is_wanting(job->feed)) {
			us_local_share_slice(worker);
		}
		us_local_begin_entry(worker);
		return US_FILL_STARTED;
	}
	if (!wait && (worker->free_dir_opens == NULL ||
	              atomic_load_explicit(&job->nr_listings, memory_order_relaxed) >=
	                      job->max_listings)) {
		return US_FILL_NOTHING; /* Descriptors are scarce: first finish what is in flight. */
	}
	switch (us_feed_next(job->feed, worker->id, wait && job->link == NULL, &task)) {
	case US_FEED_TASK:
		break;
	case US_FEED_EMPTY:
		return US_FILL_NOTHING;
	case US_FEED_END:
		return US_FILL_END;
	}
	if (us_job_stopping(job)) {
		discard(worker, &task);
	} else {
		begin(worker, &task);
	}
	return US_FILL_STARTED;
}

const struct us_source_ops us_local_source = {
	.fill = local_fill,
	.dir_opened = us_local_list,
	.looked = us_local_looked,
	.more = us_local_more,
	.close = us_local_close,
};
