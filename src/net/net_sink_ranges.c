/* SPDX-License-Identifier: MIT */
/* A sender's files that go in ranges (ranges.h): from the offer to the end, or to where they go in order after all. */
#include "base/us.h"
#include "core/job.h"
#include "core/large.h"
#include "core/sink.h"
#include "net/ranges.h"
#include "net/sink.h"

bool us_net_could_share(const struct us_net *net, const struct us_file *file)
{
	const struct usync_job *job = net->worker->job;

	return (net->session->features & US_WIRE_FEATURE_RANGES) != 0 && file->kind == US_FILE_REGULAR &&
	       !file->is_second && !job->options.dry_run && !job->digests && job->large.sent > 0 &&
	       file->stx.stx_size >= job->large.sent && file->stx.stx_blocks * 512 >= file->stx.stx_size / 2;
}

void us_net_offer_ranges(struct us_net *net, struct us_file *file, struct us_record *record)
{
	const struct usync_job *job = net->worker->job;
	enum usync_sparse sparse = job->options.sparse;
	bool has_holes = file->stx.stx_blocks * 512 < file->stx.stx_size;

	us_net_sent_of(net, file)->offered = true;
	record->flags |= US_FILE_RANGES;
	record->range = job->large.range;
	if (sparse == USYNC_SPARSE_ALWAYS || (sparse == USYNC_SPARSE_AUTO && has_holes)) {
		record->flags |= US_FILE_HOLES;
	}
}

void us_net_end_ranges(struct us_net *net, struct us_sent *sent, bool complete)
{
	us_net_put(net, &(struct us_record){
		.type = US_RECORD_RANGES_END,
		.flags = complete ? US_RANGES_COMPLETE : 0,
		.number = sent->number,
		.offset = sent->ranges_end,
	});
	sent->number = 0;
}

void us_net_void_ranges(struct us_net *net, struct us_file *file)
{
	struct us_sent *sent = us_net_sent_of(net, file);

	us_net_end_ranges(net, sent, false);
	file->shares = false;
	file->is_ranged = false;
	file->dst_state = US_SEND_VOIDING;
	us_worker_set_waiting(net->worker, file, true);
}

bool us_net_is_as_told(const struct us_sent *sent, const struct us_file *file)
{
	return file->stx.stx_size == sent->size && file->stx.stx_mtime.tv_sec == sent->mtime.tv_sec &&
	       file->stx.stx_mtime.tv_nsec == sent->mtime.tv_nsec;
}

void us_net_put_shared(struct us_net *net, struct us_file *file)
{
	struct us_sent *sent = us_net_sent_of(net, file);

	if (us_out_is_full(&net->out)) {
		us_net_block(net, file, US_SEND_TO_SEND);
		return;
	}
	if (file->shares && us_net_is_as_told(sent, file) && file->stx.stx_ctime.tv_sec == sent->ctime.tv_sec &&
	    file->stx.stx_ctime.tv_nsec == sent->ctime.tv_nsec &&
	    us_net_ranges_begin(net, file, sent->number, sent->resume) != NULL) {
		file->shares = false;
		file->dst_state = US_SEND_RANGING;
		us_worker_set_waiting(net->worker, file, true);
	} else if (!file->shares && sent->whole && !file->failed) {
		us_net_end_ranges(net, sent, true);
		file->is_ranged = true;
		us_net_now_sent(net, file);
	} else {
		file->is_second = false;
		us_net_void_ranges(net, file);
	}
}

bool us_net_sink_ranged(struct us_net *net)
{
	struct us_net_ranged ranged;
	bool any = false;

	while (us_net_ranges_take(net, &ranged)) {
		struct us_file *file = ranged.file;
		struct us_sent *sent = us_net_sent_of(net, file);

		any = true;
		sent->ranges_end = ranged.end;
		sent->whole = ranged.is_whole;
		us_worker_set_waiting(net->worker, file, false);
		file->dst_state = US_SEND_NEW;
		if (sent->has_failed) {
			us_net_sink_let_go(net, file);
			continue;
		}
		file->src_error = ranged.error;
		file->all_given = true;
		file->offset = file->stx.stx_size;
		file->length = 0;
		us_worker_drained(net->worker, file);
	}
	return any;
}

bool us_net_go_on_in_order(struct us_net *net, struct us_file *file, const struct us_record *record)
{
	struct us_sent *sent = us_net_sent_of(net, file);

	if (record->number > 0 || record->offset > 0) {
		return false;
	}
	us_worker_set_waiting(net->worker, file, false);
	net->worker->activity++;
	file->dst_state = US_SEND_NEW;
	if (sent->abandons) {
		us_net_sink.abandon(net->worker, file);
		return true;
	}
	sent->resume = 0;
	sent->again = true;
	file->offset = 0;
	file->length = 0;
	file->written = 0;
	file->eof = false;
	file->all_given = false;
	us_worker_drained(net->worker, file);
	return true;
}

bool us_net_sink_reached(struct us_net *net, struct us_file *file, const struct us_record *record)
{
	return us_net_sent_of(net, file)->ranged && us_net_ranges_reached(net, file, record->offset);
}
