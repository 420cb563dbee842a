/* SPDX-License-Identifier: MIT */
/* A receiver's files that come in ranges (ranges.h): from when they are made to when they are complete, or void. */
#include "base/us.h"
#include "core/report.h"
#include "net/ranges.h"
#include "net/source.h"

void us_net_begin_ranges(struct us_worker *worker, struct us_file *file)
{
	struct us_token *token = us_net_token_of(worker, file);
	int64_t ret = us_net_share_open(us_net_of(worker), file, token->range);

	token->opening = false;
	if (ret < 0) {
		us_report_failed(worker, &(struct us_place){file->dir, file->dst_name, US_DST}, "reserve space",
		                 (int)ret);
		us_worker_lost(worker, file);
		return;
	}
	token->number = (uint32_t)ret;
	us_net_want(worker, file, 0);
}

/** All ranges of FILE have come. */
static void fill_shared(struct us_worker *worker, struct us_file *file)
{
	struct us_token *token = us_net_token_of(worker, file);

	token->wanted = false;
	token->first_eof = true;
	file->offset = file->stx.stx_size;
	file->has_holes = true; /* Its size is set in the end. */
	file->is_ranged = true;
	us_net_fill_empty(worker, file);
}

/** What has come of FILE was void: it comes anew, and in order. */
static void void_shared(struct us_worker *worker, struct us_file *file)
{
	struct us_token *token = us_net_token_of(worker, file);

	token->wanted = false;
	token->is_void = true;
	file->offset = 0;
	file->length = 0;
	us_worker_restart(worker, file);
}

bool us_net_source_shared(struct us_net *net)
{
	struct us_worker *worker = net->worker;
	struct us_net_shared shared;
	bool any = false;

	while (us_net_share_take(net, &shared)) {
		struct us_file *file = shared.file;
		int ret = us_net_share_leave(net, file);

		any = true;
		net->tokens[file->token].number = 0;
		us_net_unpark(worker, file);
		if (shared.error < 0) {
			us_report_failed(worker, &(struct us_place){file->dir, file->dst_name, US_DST}, "write",
			                 shared.error);
			us_worker_lost(worker, file);
		} else if (ret < 0) {
			us_report_failed(worker, &(struct us_place){file->dir, file->dst_name, US_DST}, "close", ret);
			us_worker_lost(worker, file);
		} else if (shared.is_complete) {
			fill_shared(worker, file);
		} else {
			void_shared(worker, file);
		}
	}
	return any;
}

enum us_net_step us_net_offer_again(struct us_net *net, const struct us_record *record, struct us_token *token)
{
	struct us_worker *worker = net->worker;
	struct us_file *file = token->file;
	int ret;

	if (!token->wanted || file->verdict != US_VERDICT_COMPARE || file->kind != US_FILE_REGULAR ||
	    record->range == 0 || record->id != file->dir->net_id) {
		return US_NET_WRONG;
	}
	us_net_unpark(worker, file);
	token->wanted = false;
	token->range = record->range;
	us_net_leave_reference(file);
	ret = us_net_take_meta(net, record, file);
	if (ret < 0) {
		us_report_failed(worker, &(struct us_place){file->dir, file->dst_name, US_DST}, "receive", ret);
		us_worker_lost(worker, file);
		return ret == -EBADMSG ? US_NET_WRONG : US_NET_TAKEN;
	}
	us_net_begin_contents(worker, file);
	return US_NET_TAKEN;
}
