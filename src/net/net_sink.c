/* SPDX-License-Identifier: MIT */
/*
 * A sink that is on another machine.  The way of a file:
 *
 *	look -> ASKING --> WANT ---------> source reads
 *	           |   +-> COMPARE ------> source reads, sums are held against each other
 *	           +-> DONE                      |
 *	put -----------------------> parts are sent -> SENT --> DONE --> finished
 *
 * With --splice a part may be in the file's pipe: then it waits until that is empty (net_pipe.c).
 *
 * One that is large is asked about in any case, and goes in ranges if the receiver has room for that: RANGING, then the
 * source has its last look.  What went is void when that shows a change, or there was less to read: VOIDING, until the
 * receiver wants it in order.
 *
 * Where the directory is new nothing is asked.  A file that is SENT, or about which something was asked, takes no room
 * in the worker's window and holds neither memory nor a descriptor; how many there may be is the receiver's choice.
 */
#include "base/clock.h"
#include "base/us.h"
#include "core/compare.h"
#include "core/digest.h"
#include "core/dir.h"
#include "core/dry_sink.h"
#include "core/file.h"
#include "core/job.h"
#include "core/local_sink.h"
#include "core/pace.h"
#include "core/report.h"
#include "core/sink.h"
#include "core/worker.h"
#include "core/xattrs.h"
#include "net/ranges.h"
#include "net/sink.h"
#include "sys/call.h"

#include <stdlib.h>
#include <string.h>

/** What is to be done with a directory; in opening->state. */
enum {
	OPEN_ASKING = 1000,
};

/** So often contents may be wanted again. */
#define WANTED_MAX 3u

/** The connection of WORKER. */
static struct us_net *net_of(const struct us_worker *worker)
{
	return worker->link;
}

void us_net_sink_let_go(struct us_net *net, struct us_file *file)
{
	struct us_sent *sent = us_net_sent_of(net, file);

	if (sent->number > 0 && !us_job_stopping(net->worker->job)) {
		us_net_end_ranges(net, sent, false);
	}
	us_net_pipe_forget(net, sent);
	us_digest_free(sent->digest);
	*sent = (struct us_sent){0};
	file->created = false; /* The receiver has no word for it any more. */
	us_worker_set_waiting(net->worker, file, false);
	us_worker_finished(net->worker, file);
}

void us_net_sink_fail(struct us_net *net, struct us_file *file, const char *what, int error)
{
	struct us_place place = {.dir = file->dir, .name = file->name, .side = US_SRC};

	us_report_failed(net->worker, &place, what, error);
	file->failed = true;
	us_net_sink.abandon(net->worker, file);
}

void us_net_describe_dir(const struct us_dir *dir, struct us_record *record)
{
	size_t size;

	*record = (struct us_record){
		.type = US_RECORD_DIR,
		.flags = dir->is_virtual ? US_DIR_VIRTUAL : 0,
		.id = dir->net_id,
		.parent = dir->parent != NULL ? dir->parent->net_id : 0,
		.name = dir->parent != NULL ? us_dir_name(dir, US_DST) : "",
	};
	record->name_length = (uint32_t)strlen(record->name);
	us_meta_of(&dir->source->stx, &record->meta);
	record->xattrs = us_xattrs_export(dir->source->xattrs, &size);
	record->xattrs_length = size <= US_WIRE_XATTRS_MAX ? (uint32_t)size : 0;
}

/** Tell of DIR, whose parent is known. */
static void announce_one(struct us_net *net, struct us_dir *dir, uint8_t flags)
{
	struct us_record record;

	us_net_describe_dir(dir, &record);
	record.flags |= flags;
	atomic_fetch_or(&dir->announced, UINT64_C(1) << net->worker->id);
	us_net_put(net, &record);
}

void us_net_announce(struct us_net *net, struct us_dir *dir, uint8_t flags)
{
	uint64_t bit = UINT64_C(1) << net->worker->id;
	struct us_dir **chain;
	size_t nr = 0;

	for (struct us_dir *d = dir; (atomic_load(&d->announced) & bit) == 0; d = d->parent) {
		nr++;
	}
	if (nr <= 1) {
		if (nr == 1) {
			announce_one(net, dir, flags);
		}
		return;
	}
	chain = calloc(nr, sizeof(struct us_dir *));
	if (chain == NULL) {
		us_net_fail(net, "send", -ENOMEM);
		return;
	}
	for (struct us_dir *d = dir; nr > 0; d = d->parent) {
		chain[--nr] = d;
	}
	for (size_t i = 0;; i++) {
		announce_one(net, chain[i], chain[i] == dir ? flags : 0);
		if (chain[i] == dir) {
			break;
		}
	}
	free(chain);
}

/** See us_sink_ops. */
static void net_open_dir(struct us_worker *worker, struct us_dir_open *opening)
{
	struct us_net *net = net_of(worker);
	struct us_dir *dir = opening->dir;
	bool is_sure = dir->parent->dst_new;
	size_t size;

	if (us_job_stopping(worker->job)) {
		us_worker_dir_failed(worker, opening);
		return;
	}
	(void)us_xattrs_export(dir->source->xattrs, &size);
	if (size > US_WIRE_XATTRS_MAX) {
		us_report_failed(worker, &(struct us_place){.dir = dir, .side = US_SRC}, "send extended attributes",
		                 -E2BIG);
	}
	dir->net_id = atomic_fetch_add(&net->session->next_id, 1) + 1;
	atomic_fetch_add(&dir->parent->net_children, 1);
	dir->dst_new = is_sure;
	us_net_announce(net, dir, is_sure ? 0 : US_DIR_ASK);
	if (is_sure) {
		us_worker_dir_opened(worker, opening);
	} else {
		opening->state = OPEN_ASKING;
	}
}

bool us_net_sink_dir(struct us_net *net, const struct us_record *record)
{
	struct us_worker *worker = net->worker;

	for (unsigned int i = 0; i < worker->job->max_opening; i++) {
		struct us_dir_open *opening = &worker->dir_opens[i];

		if (opening->state != OPEN_ASKING || opening->dir->net_id != record->id) {
			continue;
		}
		opening->state = 0;
		if (record->state == US_DIR_FAILED || record->state == US_DIR_SKIPPED) {
			atomic_fetch_sub(&opening->dir->parent->net_children, 1); /* It has no end. */
			if (record->state == US_DIR_SKIPPED) {
				us_worker_dir_left_out(worker, opening);
			} else {
				us_report_failed_there(worker->job);
				us_worker_dir_failed(worker, opening);
			}
		} else {
			opening->dir->dst_new = record->state == US_DIR_NEW;
			us_worker_dir_opened(worker, opening);
		}
		return true;
	}
	return false;
}

void us_net_block(struct us_net *net, struct us_file *file, int state)
{
	file->dst_state = state;
	file->next = NULL;
	*net->blocked_end = file;
	net->blocked_end = &file->next;
}

/** The record of FILE, without contents. */
static void describe(const struct us_file *file, struct us_record *record)
{
	static const uint8_t kinds[] = {
		[US_FILE_REGULAR] = US_KIND_REGULAR,
		[US_FILE_SYMLINK] = US_KIND_SYMLINK,
		[US_FILE_SPECIAL] = US_KIND_SPECIAL,
		[US_FILE_LINK] = US_KIND_LINK,
	};
	size_t size;

	*record = (struct us_record){
		.type = US_RECORD_FILE,
		.token = file->token,
		.id = file->dir->net_id,
		.kind = kinds[file->kind],
		.name = file->dst_name,
		.name_length = (uint32_t)strlen(file->dst_name),
	};
	us_meta_of(&file->stx, &record->meta);
	record->xattrs = us_xattrs_export(file->xattrs, &size);
	record->xattrs_length = (uint32_t)size;
	if (file->kind == US_FILE_SYMLINK) {
		record->target = file->data;
	} else if (file->kind == US_FILE_LINK) {
		record->target = file->target;
	}
	record->target_length = record->target != NULL ? (uint32_t)strlen(record->target) : 0;
}

/** The reason for which FILE can't be told of, or NULL. */
static const char *oversize(const struct us_file *file)
{
	size_t size;

	(void)us_xattrs_export(file->xattrs, &size);
	if (size > US_WIRE_XATTRS_MAX) {
		return "send extended attributes";
	}
	return file->target != NULL && strlen(file->target) > US_WIRE_PATH_MAX ? "send hard link" : NULL;
}

/** Ask what is to become of FILE. */
static void ask(struct us_net *net, struct us_file *file)
{
	const char *what = oversize(file);
	struct us_record record;

	if (what != NULL) {
		us_net_sink_fail(net, file, what, -E2BIG);
		return;
	}
	if (us_out_is_full(&net->out)) {
		us_net_block(net, file, US_SEND_TO_ASK);
		return;
	}
	(void)us_net_sent_of(net, file);
	us_net_announce(net, file->dir, 0);
	describe(file, &record);
	record.flags = US_FILE_ASK | (file->created ? US_FILE_AGAIN : 0);
	if (us_net_could_share(net, file)) {
		us_net_offer_ranges(net, file, &record);
	}
	us_net_put(net, &record);
	file->created = true;
	file->dst_state = US_SEND_ASKING;
	us_worker_set_waiting(net->worker, file, true);
}

/** See us_sink_ops. */
static void net_look(struct us_worker *worker, struct us_file *file)
{
	const struct usync_job *job = worker->job;

	if (us_job_stopping(job)) {
		us_net_sink_let_go(net_of(worker), file);
		return;
	}
	if (file->kind == US_FILE_REGULAR && (!file->dir->dst_new || job->options.dry_run)) {
		ask(net_of(worker), file);
		return;
	}
	file->verdict = US_VERDICT_COPY;
	if (file->dir->dst_new) {
		file->verdict = us_compare(&job->options, &file->stx, NULL, &file->changes);
	}
	us_worker_looked(worker, file);
}

void us_net_now_sent(struct us_net *net, struct us_file *file)
{
	struct us_worker *worker = net->worker;

	file->dst_state = US_SEND_SENT;
	us_worker_set_waiting(worker, file, true);
	if (file->src_fd >= 0 && !us_net_sent_of(net, file)->is_held) { /* Its pages may still be read. */
		us_close(file->src_fd); /* Nothing was written to it. */
		file->src_fd = -1;
	}
	if (file->kind != US_FILE_SYMLINK || !worker->job->options.report_copied) {
		us_bufpool_put(&worker->bufs, file->data);
		file->data = NULL;
	}
}

/** Take the sum of what was read of FILE, for the receiver to compare.  @return where it is, or NULL. */
static const struct us_sum *sum_of(const struct us_net *net, struct us_file *file, struct us_sum *sum)
{
	if ((net->session->wishes & US_WISH_VERIFY) == 0 || file->digest == NULL) {
		return NULL;
	}
	us_digest_end(file->digest, file->offset + file->length, sum);
	return sum;
}

/** The bytes of the next piece of the part of FILE in hand. */
static uint32_t piece_length(const struct us_file *file)
{
	return us_min(file->length - file->written, US_WIRE_DATA_MAX);
}

/**
 * True when there is room for the next piece of FILE, and it is its turn.  No one sleeps for that: the connection is
 * to be looked after.
 */
static bool may_go(struct us_net *net, const struct us_file *file)
{
	if (us_out_is_full(&net->out)) {
		return false;
	}
	net->paced_ns = us_pace_ask(net->worker, piece_length(file));
	return net->paced_ns == 0;
}

/** Send the next piece of the part of FILE in hand. */
static void send_piece(struct us_net *net, struct us_file *file)
{
	struct us_sent *sent = us_net_sent_of(net, file);
	uint32_t length = piece_length(file);
	bool is_last = file->eof && file->written + length == file->length;
	struct us_record record = {.type = US_RECORD_PART, .token = file->token};
	struct us_sum sum;
	const struct us_sum *told = is_last ? sum_of(net, file, &sum) : NULL;

	if (!file->created || sent->again) {
		us_net_announce(net, file->dir, 0);
		describe(file, &record);
		record.flags |= file->created ? US_FILE_AGAIN : 0;
	}
	record.offset = file->offset + file->written;
	/* Where nothing was read there is no buffer. */
	record.data = file->piped == 0 && length > 0 ? file->data + file->written : NULL;
	record.length = length;
	record.flags |= (uint8_t)((is_last ? US_FILE_EOF : 0) | (file->has_holes ? US_FILE_HOLES : 0) |
	                          (file->find_zeros ? US_FILE_FIND_ZEROS : 0) |
	                          (is_last && file->failed ? US_FILE_BROKEN : 0));
	if (told != NULL) {
		record.sum = told->bytes;
		record.sum_length = told->length;
	}
	if (file->piped > 0) {
		us_net_pipe_put(net, file, sent, &record);
	} else {
		us_net_put(net, &record);
	}
	us_count(&net->worker->counts.bytes, length);
	file->created = true;
	sent->again = false;
	file->written += length;
}

/**
 * FILE, which is open, is to be sent in ranges: offer that, and let go what is needed for it no sooner than it is
 * wanted.
 */
static void ask_for_ranges(struct us_net *net, struct us_file *file)
{
	us_bufpool_put(&net->worker->bufs, file->data);
	file->data = NULL;
	if (file->src_fd >= 0) {
		us_close(file->src_fd); /* Nothing was written to it. */
		file->src_fd = -1;
	}
	file->length = 0;
	ask(net, file);
}

/** Send what is in hand of FILE, as far as there is room. */
static void send_part(struct us_net *net, struct us_file *file)
{
	const char *what = oversize(file);
	struct us_record record;

	if (what != NULL) {
		us_net_sink_fail(net, file, what, -E2BIG);
		return;
	}
	if (!file->created && us_net_could_share(net, file)) {
		ask_for_ranges(net, file);
		return;
	}
	if (file->kind != US_FILE_REGULAR) {
		if (us_out_is_full(&net->out)) {
			us_net_block(net, file, US_SEND_TO_SEND);
			return;
		}
		struct us_sent *sent = us_net_sent_of(net, file);

		us_net_announce(net, file->dir, 0);
		describe(file, &record);
		record.flags = US_FILE_EOF | (sent->again ? US_FILE_AGAIN : 0);
		us_net_put(net, &record);
		sent->again = false;
		file->created = true;
		us_net_now_sent(net, file);
		return;
	}
	while (file->written < file->length || (file->eof && file->written == file->length)) {
		if (!may_go(net, file)) {
			us_net_block(net, file, US_SEND_TO_SEND);
			return;
		}
		send_piece(net, file);
		if (file->eof && file->written == file->length) {
			us_net_now_sent(net, file);
			return;
		}
	}
	if (file->piped > 0) {
		us_net_pipe_wait(net, file);
		return;
	}
	file->written = 0;
	us_worker_drained(net->worker, file);
}

/** FILE is not what the receiver has: send it, from the start. */
static void after_difference(struct us_net *net, struct us_file *file)
{
	struct us_sent *sent = us_net_sent_of(net, file);

	file->verdict = US_VERDICT_COPY;
	file->changes |= USYNC_CHANGE_VALUE | USYNC_CHANGE_CONTENT;
	file->offset = 0;
	file->length = 0;
	file->written = 0;
	file->eof = false;
	file->all_given = false;
	sent->again = true;
	if (net->worker->job->options.dry_run) {
		file->eof = true;
		us_bufpool_put(&net->worker->bufs, file->data);
		file->data = NULL;
		send_part(net, file);
		return;
	}
	if (us_net_could_share(net, file)) {
		ask_for_ranges(net, file);
		return;
	}
	us_worker_drained(net->worker, file);
}

/** The part in hand of FILE is for comparison alone. */
static void compare_part(struct us_net *net, struct us_file *file)
{
	struct us_sent *sent = us_net_sent_of(net, file);
	struct us_sum sum;

	if (sent->digest == NULL) {
		sent->digest = us_digest_new(USYNC_HASH_XXH128);
	} else if (file->offset == 0) {
		us_digest_reset(sent->digest);
	}
	if (sent->digest == NULL) {
		us_net_sink_fail(net, file, "compare", -ENOMEM);
		return;
	}
	us_digest_add(sent->digest, file->offset, file->data, file->length);
	if (!file->eof) {
		us_worker_drained(net->worker, file);
		return;
	}
	us_digest_end(sent->digest, file->offset + file->length, &sum);
	if (file->failed || memcmp(sum.bytes, sent->sum, sizeof(sent->sum)) != 0) {
		after_difference(net, file);
		return;
	}
	us_net_put(net, &(struct us_record){
		.type = US_RECORD_PART, .flags = US_FILE_EOF | US_FILE_SAME, .token = file->token});
	us_net_now_sent(net, file);
}

/** Go on with FILE, of which a part is in hand. */
static void put_one(struct us_net *net, struct us_file *file)
{
	if (us_job_stopping(net->worker->job) || us_net_sent_of(net, file)->has_failed) {
		us_net_sink_let_go(net, file);
	} else if (us_net_sent_of(net, file)->number > 0) {
		us_net_put_shared(net, file);
	} else if (file->kind == US_FILE_REGULAR && file->verdict == US_VERDICT_COMPARE) {
		compare_part(net, file);
	} else {
		send_part(net, file);
	}
}

/** See us_sink_ops. */
static bool net_put(struct us_worker *worker, struct us_file *first, bool wait)
{
	struct us_file *next;

	(void)wait;
	for (struct us_file *file = first; file != NULL; file = next) {
		next = file->next;
		put_one(net_of(worker), file);
	}
	return true;
}

void us_net_unblock(struct us_net *net)
{
	us_net_pipe_unblock(net);
	while (net->blocked != NULL && !us_out_is_full(&net->out) && !net->failed) {
		if (net->paced_ns != 0 && us_clock_ns() < net->paced_ns) {
			return;
		}
		net->paced_ns = 0;
		struct us_file *file = net->blocked;

		net->blocked = file->next;
		if (net->blocked == NULL) {
			net->blocked_end = &net->blocked;
		}
		net->worker->activity++;
		if (file->dst_state == US_SEND_TO_ASK) {
			ask(net, file);
		} else {
			put_one(net, file);
		}
	}
}

/** See us_sink_ops: what the receiver has is of the file that it was told of, and of no other. */
static void net_resume(struct us_worker *worker, struct us_file *file)
{
	const struct us_sent *sent = us_net_sent_of(net_of(worker), file);

	file->offset = us_net_is_as_told(sent, file) ? us_min(sent->resume, sent->size) : 0;
	file->splice = file->splice && us_net_pipe_takes(net_of(worker), file);
}

/** See us_sink_ops. */
static void net_restart(struct us_worker *worker, struct us_file *file)
{
	struct us_sent *sent = us_net_sent_of(net_of(worker), file);

	if (sent->has_failed || us_job_stopping(worker->job)) {
		us_net_sink_let_go(net_of(worker), file);
		return;
	}
	us_net_pipe_forget(net_of(worker), sent);
	sent->resume = 0;
	sent->again = file->created;
	file->written = 0;
	if (sent->number > 0) {
		us_net_void_ranges(net_of(worker), file);
		return;
	}
	us_worker_drained(worker, file);
}

/** See us_sink_ops. */
static void net_abandon(struct us_worker *worker, struct us_file *file)
{
	struct us_net *net = net_of(worker);

	if (!file->created || us_net_sent_of(net, file)->has_failed || us_job_stopping(worker->job)) {
		us_net_sink_let_go(net, file);
		return;
	}
	if (us_net_sent_of(net, file)->number > 0) {
		us_net_sent_of(net, file)->abandons = true;
		us_net_void_ranges(net, file);
		return;
	}
	us_net_put(net, &(struct us_record){.type = US_RECORD_ABANDON, .token = file->token});
	us_net_now_sent(net, file);
	file->dst_state = US_SEND_ABANDONED;
}

/** See us_sink_ops. */
static void net_finish_dir(struct us_worker *worker, struct us_dir *dir)
{
	struct us_net *net = net_of(worker);
	struct us_record record = {.type = US_RECORD_DIR_END, .id = dir->net_id, .state = 1};

	record.children = atomic_load(&dir->net_children);

	if (us_job_stopping(worker->job)) {
		return;
	}
	if (dir->parent != NULL) {
		us_net_announce(net, dir, 0);
		record.state = (uint32_t)__builtin_popcountll(atomic_load(&dir->announced));
	}
	us_net_put(net, &record);
	if (!dir->is_virtual) {
		us_count(&worker->counts.directories, 1);
	}
}

/** Take FILE's contents, or what stands for them, up from the start. */
static void begin_again(struct us_file *file)
{
	file->verdict = US_VERDICT_COPY;
	file->offset = 0;
	file->length = 0;
	file->written = 0;
	file->eof = false;
	file->all_given = false;
	file->is_second = false;
	file->is_ranged = false;
}

bool us_net_sink_wanted(struct us_net *net, struct us_file *file, const struct us_record *record)
{
	struct us_sent *sent = us_net_sent_of(net, file);
	bool was_asked = file->dst_state == US_SEND_ASKING;
	bool was_offered = sent->offered;

	if (++sent->wanted > WANTED_MAX) {
		return false;
	}
	if (file->dst_state == US_SEND_VOIDING) {
		return us_net_go_on_in_order(net, file, record);
	}
	sent->offered = false;
	if ((!was_asked && file->dst_state != US_SEND_SENT) ||
	    (record->number > 0 && (!was_offered || record->offset > file->stx.stx_size))) {
		return false;
	}
	us_worker_set_waiting(net->worker, file, false);
	net->worker->activity++;
	file->dst_state = US_SEND_NEW;
	sent->again = true;
	if (file->kind == US_FILE_LINK) {
		us_local_copy_instead(net->worker, file, -(int)record->error);
		return true;
	}
	if (!was_asked) {
		us_net_pipe_forget(net, sent);
		if (file->src_fd >= 0) {
			us_close(file->src_fd);
			file->src_fd = -1;
		}
		us_bufpool_put(&net->worker->bufs, file->data);
		file->data = NULL;
	}
	sent->resume = record->offset;
	sent->size = file->stx.stx_size;
	sent->mtime = file->stx.stx_mtime;
	sent->ctime = file->stx.stx_ctime;
	sent->number = record->number;
	sent->ranged = record->number > 0;
	sent->ranges_end = record->offset;
	file->shares = record->number > 0;
	file->changes = record->changes;
	begin_again(file);
	us_worker_looked(net->worker, file);
	return true;
}

bool us_net_sink_compare(struct us_net *net, struct us_file *file, const struct us_record *record)
{
	struct us_sent *sent = us_net_sent_of(net, file);

	if (file->dst_state != US_SEND_ASKING || file->kind != US_FILE_REGULAR) {
		return false;
	}
	us_worker_set_waiting(net->worker, file, false);
	net->worker->activity++;
	file->dst_state = US_SEND_NEW;
	file->changes = record->changes;
	file->verdict = US_VERDICT_COMPARE;
	memcpy(sent->sum, record->sum, sizeof(sent->sum));
	us_worker_looked(net->worker, file);
	return true;
}

/** Count FILE, which is in the destination as it should be by RESULT, and tell of it. */
static void count_done(struct us_net *net, struct us_file *file, uint32_t result)
{
	struct us_counts *counts = &net->worker->counts;
	atomic_uint_fast64_t *count = &counts->files;

	if (result == US_RESULT_LINKED) {
		count = &counts->links;
	} else if (result == US_RESULT_SAME || file->changes == 0) {
		count = &counts->unchanged;
	} else if (file->kind == US_FILE_LINK) {
		count = &counts->links;
	} else if (file->kind == US_FILE_SYMLINK) {
		count = &counts->symlinks;
	} else if (file->kind == US_FILE_SPECIAL) {
		count = &counts->specials;
	} else if (net->worker->job->options.dry_run) {
		us_count(&counts->bytes, us_dry_bytes(net->worker->job, &file->stx));
	} else {
		us_count(&counts->methods[us_net_sent_of(net, file)->is_held ? US_METHOD_SPLICE : US_METHOD_RW], 1);
		us_count(&counts->in_ranges, file->is_ranged ? 1 : 0);
	}
	file->done = true;
	us_count(count, 1);
	us_report_file(net->worker, file);
}

bool us_net_sink_done(struct us_net *net, struct us_file *file, const struct us_record *record)
{
	bool is_bad = record->state == US_RESULT_FAILED || record->state == US_RESULT_GIVEN_UP;

	if (!file->created || us_net_sent_of(net, file)->has_failed) {
		return false;
	}
	net->worker->activity++;
	if (record->state == US_RESULT_FAILED) {
		us_report_failed_there(net->worker->job);
	}
	if (!file->is_waiting || file->dst_state == US_SEND_RANGING) {
		us_net_sent_of(net, file)->has_failed = true;
		us_net_ranges_stop(net, file);
		return is_bad; /* It is noticed when its next part comes, or its ranges have come to their end. */
	}
	if (file->dst_state == US_SEND_ABANDONED && !is_bad) {
		return false;
	}
	file->changes = record->changes;
	if (record->state == US_RESULT_SKIPPED) {
		us_count(&net->worker->counts.skipped, 1);
	} else if (!is_bad && !file->failed && us_net_pipe_check(net, file, us_net_sent_of(net, file))) {
		count_done(net, file, record->state);
	}
	us_net_sink_let_go(net, file);
	return true;
}

void us_net_sink_give_up(struct us_net *net)
{
	struct us_worker *worker = net->worker;

	us_net_mirror_give_up(net);
	us_net_pipe_give_up(net);
	us_net_ranges_give_up(net);
	while (net->blocked != NULL) {
		struct us_file *file = net->blocked;

		net->blocked = file->next;
		us_net_sink_let_go(net, file);
	}
	net->blocked_end = &net->blocked;
	for (unsigned int i = 0; i < worker->job->depth && worker->nr_waiting > 0; i++) {
		if (worker->files[i].is_waiting) {
			us_net_sink_let_go(net, &worker->files[i]);
		}
	}
	for (unsigned int i = 0; i < worker->job->max_opening && worker->nr_opening > 0; i++) {
		if (worker->dir_opens[i].state == OPEN_ASKING) {
			worker->dir_opens[i].state = 0;
			us_worker_dir_failed(worker, &worker->dir_opens[i]);
		}
	}
}

const struct us_sink_ops us_net_sink = {
	.open_dir = net_open_dir,
	.look = net_look,
	.put = net_put,
	.resume = net_resume,
	.restart = net_restart,
	.abandon = net_abandon,
	.mirror = us_net_mirror_begin,
	.finish_dir = net_finish_dir,
};
