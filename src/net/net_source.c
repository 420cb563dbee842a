/* SPDX-License-Identifier: MIT */
/*
 * A source that is on another machine.  Records are taken in the order in which they come; one that can't be taken yet
 * (its directory is being opened, its file has still a part in hand) holds up those behind it, and with them the
 * sender.
 *
 *	FILE with contents --------------------> filled ... put ... more:   parked <--> PART --> filled
 *	FILE that asks --> look --> WANT -------------------> parked, wanted <--> FILE again --> filled
 *	                       +--> COMPARE ----------------> the same, or the sum is the same: attributes
 *	                       +--> opening --> WANT ------> ranges, on all connections --> filled (net_share.c)
 *	finished --> DONE
 *
 * Contents and names are used where they lie in the frame, which stays as long as one of its files needs it.  A file
 * that waits for its sender needs none: it gets a copy of its name.
 */
#include "base/us.h"
#include "core/backup.h"
#include "core/digest.h"
#include "core/dir.h"
#include "core/file.h"
#include "core/job.h"
#include "core/manifest.h"
#include "core/reference.h"
#include "core/report.h"
#include "core/sink.h"
#include "core/source.h"
#include "core/worker.h"
#include "net/ranges.h"
#include "net/source.h"
#include "sys/call.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

/** Let the frame go that FILE's name or part lies in. */
static void drop_frame(struct us_token *token, struct us_file *file)
{
	file->data = NULL;
	token->data = NULL;
	if (token->frame != NULL) {
		us_in_put(token->frame);
		token->frame = NULL;
	}
}

/** FILE waits for its sender.  @return false when it could not, and is over. */
static bool park(struct us_worker *worker, struct us_file *file)
{
	struct us_token *token = us_net_token_of(worker, file);

	if (token->name == NULL) {
		token->name = strdup(file->dst_name);
		if (token->name == NULL) {
			us_report_failed(worker, &(struct us_place){file->dir, file->dst_name, US_DST}, "receive",
			                 -ENOMEM);
			us_worker_lost(worker, file);
			return false;
		}
		file->name = token->name;
		file->dst_name = token->name;
	}
	drop_frame(token, file);
	token->parked = true;
	us_worker_set_waiting(worker, file, true);
	return true;
}

void us_net_unpark(struct us_worker *worker, struct us_file *file)
{
	us_net_token_of(worker, file)->parked = false;
	us_worker_set_waiting(worker, file, false);
}

/** Let FILE's extended attributes go. */
static void drop_xattrs(struct us_net *net, struct us_file *file)
{
	free(file->xattrs);
	file->xattrs = NULL;
	us_net_xattrs_drop(net->session, &net->tokens[file->token].xattrs);
}

void us_net_want(struct us_worker *worker, struct us_file *file, uint32_t error)
{
	struct us_record record = {
		.type = US_REPLY_WANT,
		.token = file->token,
		.changes = file->changes,
		.offset = file->offset,
		.error = error,
		.number = us_net_token_of(worker, file)->number,
	};

	file->length = 0;
	file->written = 0;
	file->eof = false;
	if (record.number == 0) {
		drop_xattrs(us_net_of(worker), file); /* They come once more. */
	}
	if (park(worker, file)) {
		us_net_token_of(worker, file)->wanted = true;
		us_net_put(us_net_of(worker), &record);
	}
}

/** Have FILE's contents held against what there is. */
static void compare(struct us_worker *worker, struct us_file *file)
{
	struct us_record record = {.type = US_REPLY_COMPARE, .token = file->token, .changes = file->changes};
	struct us_sum sum;
	int ret = us_net_take_sum(worker, file, &sum);

	if (ret < 0 && file->is_reference) {
		us_reference_note_error(worker, file->dir, file->dst_name, ret);
		us_net_leave_reference(file);
		us_net_begin_contents(worker, file);
		return;
	}
	if (ret < 0) {
		us_report_failed(worker, &(struct us_place){file->dir, file->dst_name, US_DST}, "compare", ret);
		us_worker_lost(worker, file);
		return;
	}
	record.sum = sum.bytes;
	if (park(worker, file)) {
		us_net_token_of(worker, file)->wanted = true;
		us_net_put(us_net_of(worker), &record);
	}
}

/** Hand FILE to the sink with the first part that is in hand. */
static void fill_first(struct us_worker *worker, struct us_file *file)
{
	struct us_token *token = us_net_token_of(worker, file);

	/* The sink only reads what is in hand. */
	file->data = (char *)(uintptr_t)token->data;
	file->length = token->length;
	file->eof = token->first_eof;
	us_worker_filled(worker, file);
}

void us_net_fill_empty(struct us_worker *worker, struct us_file *file)
{
	file->length = 0;
	file->eof = true;
	us_worker_filled(worker, file);
}

/** A regular file is to be copied from what comes. */
static void begin_copy(struct us_worker *worker, struct us_file *file)
{
	struct us_token *token = us_net_token_of(worker, file);
	const struct usync_job *job = worker->job;
	bool is_shared = token->range > 0 && !job->digests; /* A sum needs all of it, in order. */

	file->slack = is_shared ? us_net_share_slack(us_net_of(worker), token->range) : 0;
	if (job->progress != NULL && job->sink->resume != NULL && !job->digests) {
		job->sink->resume(worker, file);
	}
	if (!is_shared) {
		us_net_want(worker, file, 0);
		return;
	}
	token->opening = true; /* With nothing in hand: it is made, and comes back by net_more(). */
	file->length = 0;
	file->written = 0;
	file->eof = false;
	us_worker_filled(worker, file);
}

void us_net_begin_contents(struct us_worker *worker, struct us_file *file)
{
	struct us_token *token = us_net_token_of(worker, file);
	const struct usync_job *job = worker->job;

	if (token->data != NULL) {
		if (file->verdict == US_VERDICT_COMPARE && !token->first_eof) {
			file->verdict = US_VERDICT_COPY; /* It was sent unasked, so it is taken. */
			file->changes |= USYNC_CHANGE_CONTENT;
		}
		fill_first(worker, file);
	} else if (file->verdict == US_VERDICT_COMPARE) {
		compare(worker, file);
	} else if (job->options.dry_run) {
		us_net_fill_empty(worker, file);
	} else {
		begin_copy(worker, file);
	}
}

/** See us_source_ops. */
static void net_looked(struct us_worker *worker, struct us_file *file)
{
	struct us_token *token = us_net_token_of(worker, file);

	switch (file->verdict) {
	case US_VERDICT_SKIP:
		token->skipped = true;
		us_count(&worker->counts.skipped, 1);
		us_worker_finished(worker, file);
		return;
	case US_VERDICT_SAME:
		file->kind = US_FILE_ATTRIBUTES;
		us_net_fill_empty(worker, file);
		return;
	case US_VERDICT_LINK:
		file->kind = US_FILE_REFERENCE;
		us_net_fill_empty(worker, file);
		return;
	default:
		break;
	}
	if (file->kind == US_FILE_REGULAR) {
		us_net_begin_contents(worker, file);
	} else if (file->kind == US_FILE_SYMLINK && token->data == NULL) {
		us_net_want(worker, file, EMLINK); /* It was to be a hard link. */
	} else if (file->kind == US_FILE_SYMLINK) {
		file->data = (char *)(uintptr_t)token->data;
		us_net_fill_empty(worker, file);
	} else {
		us_net_fill_empty(worker, file);
	}
}

/** What kind of file a record tells of. */
static enum us_file_kind kind_of(const struct us_record *record)
{
	switch (record->kind) {
	case US_KIND_REGULAR:
		return US_FILE_REGULAR;
	case US_KIND_SYMLINK:
		return US_FILE_SYMLINK;
	case US_KIND_LINK:
		return US_FILE_LINK;
	default:
		return US_FILE_SPECIAL;
	}
}

int us_net_take_meta(struct us_net *net, const struct us_record *record, struct us_file *file)
{
	struct us_session *session = net->session;

	us_meta_to(&record->meta, &file->stx);
	if (!session->trusts) {
		file->stx.stx_mode &= 0xffff & ~(S_ISUID | S_ISGID);
	}
	file->kind = kind_of(record);
	file->has_holes = (record->flags & (US_FILE_HOLES | US_FILE_FIND_ZEROS)) != 0;
	file->find_zeros = (record->flags & US_FILE_FIND_ZEROS) != 0;
	file->offset = record->offset;
	drop_xattrs(net, file);
	return us_net_xattrs_take(session, record, &file->xattrs, &net->tokens[file->token].xattrs);
}

/** Let FILE's data be those of RECORD, which lies in the frame at hand. */
static void take_data(struct us_net *net, const struct us_record *record, struct us_file *file)
{
	struct us_token *token = &net->tokens[file->token];

	drop_frame(token, file);
	token->frame = net->frame;
	net->frame->refs++;
	file->offset = record->offset;
	file->written = 0;
	token->length = record->length;
	token->began_at_0 = record->type == US_RECORD_FILE;
	token->first_eof = (record->flags & US_FILE_EOF) != 0;
	token->broken = (record->flags & US_FILE_BROKEN) != 0;
	file->failed = file->failed || token->broken;
	if (record->kind == US_KIND_SYMLINK) {
		token->data = record->target;
	} else if ((record->flags & US_FILE_ASK) == 0 && record->kind != US_KIND_LINK) {
		token->data = record->data;
	}
}

/** Add the part in hand to FILE's sum; at its end that has to be the sender's.  @return 0, or 1 when it is not. */
static int add_to_sum(struct us_worker *worker, const struct us_record *record, struct us_file *file)
{
	struct us_sum sum;

	if (file->digest == NULL) {
		return 0;
	}
	us_digest_add(file->digest, record->offset, record->data, record->length);
	if (record->sum_length == 0) {
		return 0;
	}
	us_digest_end(file->digest, record->offset + record->length, &sum);
	if (sum.length == record->sum_length && memcmp(sum.bytes, record->sum, sum.length) == 0) {
		return 0;
	}
	us_report_failed(worker, &(struct us_place){file->dir, file->dst_name, US_DST},
	                 "receive: it is not what the sender has read", 0);
	us_worker_lost(worker, file);
	return 1;
}

/** What is in hand of FILE has been added to its sum: go on. */
static void hand_on(struct us_worker *worker, struct us_file *file)
{
	struct us_token *token = us_net_token_of(worker, file);

	if (token->is_begun) {
		fill_first(worker, file);
		return;
	}
	token->is_begun = true;
	if (file->dir->dst_new && !worker->job->looks && token->data != NULL) {
		file->changes = USYNC_CHANGE_NEW | USYNC_CHANGE_CONTENT;
		fill_first(worker, file);
	} else {
		worker->job->sink->look(worker, file);
	}
}

/**
 * Add what the record at hand has of FILE, a regular one, to its sum, and go on; the zeros of a large hole before it
 * take several turns.
 */
static void sum_up(struct us_net *net, struct us_file *file)
{
	net->summing = NULL;
	if (file->digest != NULL && !us_digest_skip(file->digest, net->record.offset)) {
		net->summing = file;
		net->worker->activity++;
		return;
	}
	if (add_to_sum(net->worker, &net->record, file) == 0) {
		hand_on(net->worker, file);
	}
}

/** Refuse a device that a peer who is not trusted wants.  @return true when it was. */
static bool refuse_device(struct us_worker *worker, struct us_file *file)
{
	if (us_net_of(worker)->session->trusts || (!S_ISCHR(file->stx.stx_mode) && !S_ISBLK(file->stx.stx_mode))) {
		return false;
	}
	us_report_failed(worker, &(struct us_place){file->dir, file->dst_name, US_DST},
	                 "make special file: devices are not taken over from another machine, "
	                 "unless the receiver keeps owners (-a) or has --trust-peer-metadata", 0);
	us_worker_lost(worker, file);
	return true;
}

/** Answer for a file whose directory is not to be had. */
static void give_up_token(struct us_net *net, uint32_t token)
{
	net->tokens[token].failed = true;
	us_net_put(net, &(struct us_record){.type = US_REPLY_DONE, .token = token, .state = US_RESULT_GIVEN_UP});
}

/** A file that was not told of before. */
static enum us_net_step begin_file(struct us_net *net, const struct us_record *record)
{
	struct us_worker *worker = net->worker;
	const struct us_session *session = net->session;
	struct us_token *token = &net->tokens[record->token];
	struct us_file *file;
	int ret;

	switch (us_net_dirs_use(net, record->id)) {
	case US_NET_DIR_GONE:
		give_up_token(net, record->token);
		return US_NET_TAKEN;
	case US_NET_DIR_LATER:
		return US_NET_STALL;
	case US_NET_DIR_NONE:
		return US_NET_WRONG;
	case US_NET_DIR_READY:
		break;
	}
	if (session->one_name != NULL && record->kind == US_KIND_LINK) {
		/* There is no first name: it would be a link to what lies beside the destination. */
		return US_NET_WRONG;
	}
	file = us_worker_take_file(worker);
	*token = (struct us_token){.file = file, .range = record->range};
	file->token = record->token;
	file->dir = worker->slice->listing->dir;
	file->name = record->name;
	if (session->one_name != NULL && file->dir->parent == NULL) {
		file->name = session->one_name;
	}
	file->dst_name = file->name;
	ret = us_net_take_meta(net, record, file);
	take_data(net, record, file);
	if (ret == 0 && record->kind == US_KIND_LINK) {
		file->target = strdup(record->target);
		ret = file->target != NULL ? 0 : -ENOMEM;
	}
	if (ret == 0 && file->kind == US_FILE_REGULAR && (record->flags & US_FILE_ASK) == 0) {
		ret = us_manifest_begin(worker, file, 0);
	}
	if (ret < 0) {
		us_report_failed(worker, &(struct us_place){file->dir, file->dst_name, US_DST}, "receive", ret);
		us_worker_lost(worker, file);
		return ret == -EBADMSG ? US_NET_WRONG : US_NET_TAKEN;
	}
	if (refuse_device(worker, file)) {
		return US_NET_TAKEN;
	}
	if (file->kind == US_FILE_REGULAR) {
		sum_up(net, file);
	} else if (file->kind == US_FILE_LINK) {
		us_backup_meet(worker->job, file->dir, file->dst_name);
		us_net_fill_empty(worker, file);
	} else {
		worker->job->sink->look(worker, file);
	}
	return US_NET_TAKEN;
}

/** True when RECORD tells of a file that is not the one that FILE's first bytes are here of. */
static bool is_another(const struct us_record *record, const struct us_file *file)
{
	return file->offset > 0 &&
	       (record->meta.size != file->stx.stx_size || record->meta.mtime != file->stx.stx_mtime.tv_sec ||
	        record->meta.mtime_nsec != file->stx.stx_mtime.tv_nsec);
}

/** FILE, which is parked, comes from the first byte that was wanted, or all of it anew. */
static enum us_net_step begin_again(struct us_net *net, const struct us_record *record, struct us_token *token)
{
	struct us_worker *worker = net->worker;
	struct us_file *file = token->file;
	bool was_wanted = token->wanted;
	bool is_anew = !was_wanted || is_another(record, file);
	int ret;

	/* Once it is unparked something has to become of it. */
	if (record->kind == US_KIND_LINK || record->id != file->dir->net_id ||
	    (was_wanted && file->kind != kind_of(record)) || (!was_wanted && record->kind != US_KIND_REGULAR) ||
	    (!is_anew && record->offset < file->offset)) {
		return US_NET_WRONG;
	}
	us_net_unpark(worker, file);
	token->wanted = false;
	if (is_anew) {
		token->restarting = true;
		us_worker_restart(worker, file);
		if (token->file != file) {
			return US_NET_TAKEN; /* It could not be. */
		}
		us_net_unpark(worker, file);
	}
	ret = us_net_take_meta(net, record, file);
	if (ret == 0 && file->kind == US_FILE_REGULAR) {
		ret = us_manifest_begin(worker, file, 0);
	}
	if (file->verdict == US_VERDICT_COMPARE && file->kind == US_FILE_REGULAR) {
		us_net_leave_reference(file);
	}
	take_data(net, record, file);
	if (ret < 0) {
		us_report_failed(worker, &(struct us_place){file->dir, file->dst_name, US_DST}, "receive", ret);
		us_worker_lost(worker, file);
		return ret == -EBADMSG ? US_NET_WRONG : US_NET_TAKEN;
	}
	if (file->kind == US_FILE_SYMLINK) {
		file->data = (char *)(uintptr_t)token->data;
		us_net_fill_empty(worker, file);
	} else if (file->kind == US_FILE_REGULAR) {
		sum_up(net, file);
	} else {
		fill_first(worker, file);
	}
	return US_NET_TAKEN;
}

/** A US_RECORD_FILE. */
static enum us_net_step take_file(struct us_net *net, const struct us_record *record)
{
	struct us_token *token;

	if (record->token >= net->session->tokens ||
	    (record->range > 0 && (net->session->features & US_WIRE_FEATURE_RANGES) == 0)) {
		return US_NET_WRONG;
	}
	token = &net->tokens[record->token];
	if ((record->flags & US_FILE_AGAIN) == 0) {
		return token->file == NULL ? begin_file(net, record) : US_NET_WRONG;
	}
	if (token->file == NULL) {
		return token->failed ? US_NET_TAKEN : US_NET_WRONG;
	}
	if (token->number > 0) {
		return US_NET_WRONG; /* It is told of anew when its ranges have come to their end. */
	}
	if (!token->parked) {
		return US_NET_STALL;
	}
	return (record->flags & US_FILE_ASK) != 0 ? us_net_offer_again(net, record, token)
	                                          : begin_again(net, record, token);
}

/** A US_RECORD_PART. */
static enum us_net_step take_part(struct us_net *net, const struct us_record *record)
{
	struct us_worker *worker = net->worker;
	struct us_token *token;
	struct us_file *file;

	if (record->token >= net->session->tokens) {
		return US_NET_WRONG;
	}
	token = &net->tokens[record->token];
	file = token->file;
	if (file == NULL) {
		return token->failed ? US_NET_TAKEN : US_NET_WRONG;
	}
	if (token->number > 0) {
		return US_NET_WRONG;
	}
	if (!token->parked) {
		return token->first_eof ? US_NET_WRONG : US_NET_STALL;
	}
	if ((record->flags & US_FILE_SAME) != 0) {
		if (!token->wanted || file->verdict != US_VERDICT_COMPARE || file->kind != US_FILE_REGULAR) {
			return US_NET_WRONG;
		}
		us_net_unpark(worker, file);
		file->offset = file->dst_stx.stx_size; /* That is all of it. */
		file->kind = file->is_reference ? US_FILE_REFERENCE : US_FILE_ATTRIBUTES;
		token->first_eof = true;
		us_net_fill_empty(worker, file);
		return US_NET_TAKEN;
	}
	if (token->wanted || record->offset < file->offset || file->kind != US_FILE_REGULAR) {
		return US_NET_WRONG;
	}
	us_net_unpark(worker, file);
	take_data(net, record, file);
	sum_up(net, file);
	return US_NET_TAKEN;
}

/** A US_RECORD_ABANDON. */
static enum us_net_step take_abandon(struct us_net *net, const struct us_record *record)
{
	struct us_token *token;

	if (record->token >= net->session->tokens) {
		return US_NET_WRONG;
	}
	token = &net->tokens[record->token];
	if (token->file == NULL) {
		return token->failed ? US_NET_TAKEN : US_NET_WRONG;
	}
	if (token->number > 0) {
		return US_NET_WRONG;
	}
	if (!token->parked) {
		return US_NET_STALL;
	}
	us_net_unpark(net->worker, token->file);
	token->broken = true;
	us_worker_lost(net->worker, token->file);
	return US_NET_TAKEN;
}

/** One record. */
static enum us_net_step take_record(struct us_net *net, const struct us_record *record)
{
	switch (record->type) {
	case US_RECORD_DIR:
		return us_net_dirs_announce(net, record);
	case US_RECORD_DIR_END:
		return us_net_dirs_end(net, record);
	case US_RECORD_FILE:
		return take_file(net, record);
	case US_RECORD_PART:
		return take_part(net, record);
	case US_RECORD_ABANDON:
		return take_abandon(net, record);
	case US_RECORD_RANGE:
		return us_net_share_range(net, record);
	case US_RECORD_RANGES_END:
		return us_net_share_end(net, record);
	case US_RECORD_MIRROR:
	case US_RECORD_MISSING:
		return us_net_mirror_take(net, record);
	case US_RECORD_EVENT:
		return net->session->job->options.ordered && us_net_events_take(net, record) ? US_NET_TAKEN
		                                                                             : US_NET_WRONG;
	default:
		return US_NET_WRONG;
	}
}

/** Have a frame with records at hand.  @return false when there is none. */
static bool next_frame(struct us_net *net)
{
	while (net->frame == NULL && !net->failed) {
		struct us_in_frame *frame = us_in_take(&net->in);

		if (frame == NULL) {
			return false;
		}
		if (us_net_take_control(net, frame)) {
			us_in_put(frame);
			continue;
		}
		if (frame->head.type != US_WIRE_DATA || net->end_received) {
			us_in_put(frame);
			us_net_fail(net, "receive", -EPROTO);
			return false;
		}
		net->frame = frame;
		net->cursor = (struct us_record_cursor){
			.at = us_in_payload(frame),
			.end = us_in_payload(frame) + frame->head.length,
		};
		net->has_record = false;
	}
	return net->frame != NULL;
}

/** The next record, if there is one. */
static bool next_record(struct us_net *net)
{
	while (!net->has_record && next_frame(net)) {
		int ret = us_record_next(&net->cursor, &net->record);

		if (ret < 0) {
			us_net_fail(net, "receive", ret);
			return false;
		}
		net->has_record = ret > 0;
		if (ret == 0) {
			us_in_put(net->frame);
			net->frame = NULL;
		}
	}
	return net->has_record;
}

/** See us_source_ops. */
static enum us_fill net_fill(struct us_worker *worker, bool wait)
{
	struct us_net *net = us_net_of(worker);

	(void)wait;
	if (us_job_stopping(worker->job)) {
		if (worker->slice != NULL) {
			us_worker_drop_slice(worker);
		}
		return US_FILL_END;
	}
	if (us_out_is_full(&net->out)) {
		return US_FILL_NOTHING; /* Answers first. */
	}
	if (net->summing != NULL) {
		sum_up(net, net->summing);
		return US_FILL_NOTHING; /* And others have their turn. */
	}
	if (!next_record(net)) {
		bool is_over = net->end_received || net->failed;

		if (is_over && worker->slice != NULL) {
			us_worker_drop_slice(worker);
		}
		return is_over ? US_FILL_END : US_FILL_NOTHING;
	}
	switch (take_record(net, &net->record)) {
	case US_NET_TAKEN:
		net->has_record = false;
		worker->activity++;
		return US_FILL_STARTED;
	case US_NET_STALL:
		return US_FILL_NOTHING;
	default:
		us_net_fail(net, "receive", -EPROTO);
		return US_FILL_NOTHING;
	}
}

/** See us_source_ops: the part in hand was written, or what there was of FILE is void. */
static void net_more(struct us_worker *worker, struct us_file *file)
{
	struct us_token *token = us_net_token_of(worker, file);

	if (us_job_stopping(worker->job)) {
		us_worker_lost(worker, file);
		return;
	}
	if (token->restarting) {
		token->restarting = false;
		(void)park(worker, file);
		return;
	}
	if (token->opening) {
		us_net_begin_ranges(worker, file);
		return;
	}
	if (token->is_void) {
		token->is_void = false;
		us_net_want(worker, file, 0);
		return;
	}
	if (file->offset + file->length > 0) {
		file->offset += file->length;
		file->length = 0;
		(void)park(worker, file);
	} else if (token->data != NULL && token->began_at_0) {
		fill_first(worker, file);
	} else {
		us_net_want(worker, file, 0);
	}
}

/** What became of FILE. */
static enum us_wire_result result_of(const struct usync_job *job, const struct us_token *token,
                                     const struct us_file *file)
{
	if (file->done) {
		if (file->kind == US_FILE_REFERENCE || (file->is_reference && file->changes == 0)) {
			return US_RESULT_LINKED;
		}
		return file->kind == US_FILE_ATTRIBUTES || file->changes == 0 ? US_RESULT_SAME : US_RESULT_DONE;
	}
	if (token->broken || us_job_stopping(job)) {
		return US_RESULT_GIVEN_UP;
	}
	return file->failed ? US_RESULT_FAILED : US_RESULT_SKIPPED;
}

/** See us_source_ops. */
static void net_close(struct us_worker *worker, struct us_file *file)
{
	struct us_net *net = us_net_of(worker);
	struct us_token *token = us_net_token_of(worker, file);
	struct us_record record = {
		.type = US_REPLY_DONE,
		.token = file->token,
		.changes = file->changes,
		.state = result_of(worker->job, token, file),
	};
	bool failed = record.state == US_RESULT_FAILED || record.state == US_RESULT_GIVEN_UP;

	if (record.state == US_RESULT_FAILED) {
		(void)us_net_events_tell(net); /* Why: the sender may stop at the receipt. */
	}
	us_net_put(net, &record);
	drop_xattrs(net, file);
	if (token->number > 0) {
		(void)us_net_share_leave(net, file); /* It has failed. */
	}
	drop_frame(token, file);
	free(token->name);
	*token = (struct us_token){.failed = failed};
	us_worker_return_file(worker, file);
}

void us_net_source_give_up(struct us_net *net)
{
	us_net_mirror_give_up(net);
	if (net->summing != NULL) {
		us_worker_lost(net->worker, net->summing);
		net->summing = NULL;
	}
	for (unsigned int i = 0; net->tokens != NULL && i < net->session->tokens; i++) {
		if (net->tokens[i].parked) {
			us_net_unpark(net->worker, net->tokens[i].file);
			us_worker_lost(net->worker, net->tokens[i].file);
		}
	}
}

const struct us_source_ops us_net_source = {
	.fill = net_fill,
	.dir_opened = us_net_dirs_opened,
	.dir_failed = us_net_dirs_failed,
	.looked = net_looked,
	.more = net_more,
	.close = net_close,
};
