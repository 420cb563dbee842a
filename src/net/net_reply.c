/* SPDX-License-Identifier: MIT */
/*
 * What the receiver answers.  It is believed no more than a receiver believes: what it can't say at that moment ends
 * the transfer.
 */
#include "base/us.h"
#include "core/file.h"
#include "core/job.h"
#include "core/worker.h"
#include "net/session.h"

/** The file of a token that the receiver may speak of, or NULL. */
static struct us_file *file_of(const struct us_net *net, uint32_t token)
{
	struct us_file *file;

	if (token >= net->worker->job->depth) {
		return NULL;
	}
	file = &net->worker->files[token];
	return file->created ? file : NULL;
}

/** One answer. */
static bool take_reply(struct us_net *net, const struct us_record *record)
{
	struct us_file *file;

	switch (record->type) {
	case US_REPLY_DIR:
		return us_net_sink_dir(net, record);
	case US_REPLY_EVENT:
		return us_net_events_take(net, record);
	case US_REPLY_ASK:
	case US_REPLY_MIRRORED:
		return us_net_mirror_reply(net, record);
	case US_REPLY_DONE:
	case US_REPLY_WANT:
	case US_REPLY_COMPARE:
	case US_REPLY_REACHED:
		break;
	default:
		return false;
	}
	file = file_of(net, record->token);
	if (file == NULL) {
		return false;
	}
	if (record->type == US_REPLY_WANT) {
		return us_net_sink_wanted(net, file, record);
	}
	if (record->type == US_REPLY_REACHED) {
		return us_net_sink_reached(net, file, record);
	}
	return record->type == US_REPLY_DONE ? us_net_sink_done(net, file, record)
	                                     : us_net_sink_compare(net, file, record);
}

void us_net_take_replies(struct us_net *net, const struct us_in_frame *frame)
{
	struct us_record_cursor cursor = {
		.at = us_in_payload(frame),
		.end = us_in_payload(frame) + frame->head.length,
		.replies = true,
	};
	struct us_record record;
	int ret;

	while (!net->failed && (ret = us_record_next(&cursor, &record)) != 0) {
		/* What failed there before this side stopped is told all the same. */
		bool takes = ret > 0 && (record.type == US_REPLY_EVENT || !us_job_stopping(net->session->job));

		if (ret < 0 || (takes && !take_reply(net, &record))) {
			us_net_fail(net, "receive", ret < 0 ? ret : -EPROTO);
		}
	}
}
