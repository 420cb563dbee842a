/* SPDX-License-Identifier: MIT */
/*
 *	          add ...            close            release ...
 *	open -------------> full -----------> closed -------------> empty: open again
 *	     inode order      |     sorted            extent order
 *	                      +-- or nothing more can be begun
 */
#include "core/gather.h"

#include "base/us.h"
#include "core/file.h"
#include "core/job.h"
#include "core/order.h"
#include "core/policy.h"
#include "core/sink.h"
#include "core/source.h"
#include "core/worker.h"
#include "sys/place.h"

#include <stdlib.h>

int us_gather_init(struct us_gather *gather, unsigned int max)
{
	*gather = (struct us_gather){.max = max};
	gather->files = calloc(us_max(max, 1u), sizeof(*gather->files));
	return gather->files != NULL ? 0 : -ENOMEM;
}

void us_gather_fini(struct us_gather *gather)
{
	free(gather->files);
	gather->files = NULL;
}

/** Order of two files for qsort(3). */
static int compare(const void *left, const void *right)
{
	const struct us_gathered *a = left;
	const struct us_gathered *b = right;

	return (a->where > b->where) - (a->where < b->where);
}

/** Add what is known of FILE, which lies at WHERE, to the sample of ORDER. */
static void sample(struct us_worker *worker, struct us_order *order, const struct us_file *file, uint64_t where)
{
	struct us_gather *gather = &worker->gather;

	if (gather->slice == file->slice && gather->nr_asked > 0) {
		us_order_sample(worker->job, order, where < gather->where);
	} else {
		gather->slice = file->slice;
		gather->nr_asked = 0;
	}
	gather->nr_asked++;
	gather->where = where;
}

/** True when the sample has enough of the slice that FILE is of: it is to tell of several places. */
static bool has_enough(const struct us_gather *gather, const struct us_file *file)
{
	return gather->slice == file->slice && gather->nr_asked > US_POLICY_SAMPLE_RUN;
}

/** True when another file can be taken in. */
static bool has_place(const struct us_gather *gather)
{
	return !gather->closed && gather->nr < gather->max;
}

/** True when FILE, the first of another listing, is to be the last: the others of that one come together then. */
static bool is_enough(const struct us_gather *gather, const struct us_file *file)
{
	unsigned int enough = file->dir->order->rotates ? US_POLICY_GATHER_DISK : US_POLICY_GATHER;

	return gather->nr > enough || gather->nr + file->slice->listing->nr_entries > gather->max;
}

bool us_gather_add(struct us_worker *worker, struct us_file *file)
{
	struct us_gather *gather = &worker->gather;
	struct us_order *order = file->dir->order;
	unsigned int mode = order != NULL ? atomic_load_explicit(&order->mode, memory_order_relaxed) : 0;
	bool by_extent = (mode & US_ORDER_EXTENT) != 0;
	uint64_t where;
	int ret;

	if (mode == 0 || gather->max == 0 || file->was_gathered || file->stx.stx_size <= order->row->inline_max ||
	    us_io_may_be_cached(&worker->io) || (!by_extent && has_enough(gather, file)) ||
	    ((mode & US_ORDER_SAMPLING) == 0 && !has_place(gather))) {
		return false;
	}
	ret = us_place_first_extent(file->src_fd, &where);
	us_count(&worker->counts.extents, 1);
	if (ret <= 0) {
		if (ret < 0) {
			us_order_no_extents(worker->job, order, ret);
		}
		return false;
	}
	if ((mode & US_ORDER_SAMPLING) != 0) {
		sample(worker, order, file, where);
	}
	if (!by_extent || !has_place(gather)) {
		return false;
	}
	file->was_gathered = true;
	file->is_gathered = true;
	gather->files[gather->nr++] = (struct us_gathered){where, file};
	gather->full =
		gather->nr == gather->max || (gather->listing != file->slice->listing && is_enough(gather, file));
	gather->listing = file->slice->listing;
	return true;
}

void us_gather_close(struct us_gather *gather)
{
	qsort(gather->files, gather->nr, sizeof(*gather->files), compare);
	gather->closed = true;
	gather->full = false;
}

void us_gather_release(struct us_worker *worker, unsigned int nr)
{
	struct us_gather *gather = &worker->gather;

	for (; nr > 0 && gather->next < gather->nr; nr--) {
		struct us_file *file = gather->files[gather->next++].file;

		if (us_job_stopping(worker->job)) {
			worker->job->sink->abandon(worker, file);
		} else {
			worker->job->source->more(worker, file);
		}
	}
	if (gather->next == gather->nr) {
		gather->next = 0;
		gather->nr = 0;
		gather->closed = false;
	}
}
