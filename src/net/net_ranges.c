/* SPDX-License-Identifier: MIT */
/*
 * The sender's files that are sent in ranges:
 *
 *	|  there  | sent, or taken |  to be taken now  |  later  |
 *	base      low              next                low + ahead
 *
 * Each worker whose connection has room takes the next range of the first file of which there is one, reads it a
 * request at a time and sends that in pieces, before or after whatever else it has to do.  So a large file goes over
 * all connections that are idle, and a little over those that are not.  A piece whose turn has not come (--bwlimit) is
 * left for later: the connection is looked after meanwhile.  The lock is taken for each range, not for what is in it.
 */
#include "base/clock.h"
#include "base/us.h"
#include "core/bypass.h"
#include "core/file.h"
#include "core/job.h"
#include "core/large.h"
#include "core/mover.h"
#include "core/pace.h"
#include "core/worker.h"
#include "net/ranges.h"
#include "sys/call.h"

#include <stdlib.h>

struct us_net_large {
	/* Guarded by the session's share_lock, as the list is. */
	struct us_net_large *next_file;
	unsigned int refs;      /**< The list's, and one for each range that is under way. */
	uint64_t low;           /**< The receiver has all before that. */
	uint64_t next;          /**< The range to be taken next. */
	bool over;              /**< None will be. */
	bool is_short;          /**< There was less to be read than there should be. */
	int error;

	/* Set before others see it. */
	struct us_net *owner;
	struct us_file *file;   /**< Whose source is not looked at but by the owner. */
	int fd;                 /**< Its own, for a range may be read of a file that failed. */
	struct us_bypass bypass;
	uint32_t number;
	uint32_t range;
	uint64_t window;
	uint64_t base;
	uint64_t size;
	bool find_zeros;
	atomic_bool sparse;     /**< Holes are looked for. */
};

/** Free what is in no list. */
static void destroy(struct us_net_large *large)
{
	us_bypass_forget(&large->bypass, 0, 0); /* What was read ahead across the ends of ranges. */
	us_bypass_restore(&large->bypass);
	us_bypass_fini(&large->bypass);
	us_close(large->fd); /* Nothing was written to it. */
	free(large);
}

/** Give up a reference. */
static void put_large(struct us_net *net, struct us_net_large *large)
{
	unsigned int refs;

	pthread_mutex_lock(&net->session->share_lock);
	refs = --large->refs;
	pthread_mutex_unlock(&net->session->share_lock);
	if (refs == 0) {
		destroy(large);
	}
}

struct us_net_large *us_net_ranges_begin(struct us_net *net, struct us_file *file, uint32_t number, uint64_t offset)
{
	struct us_session *session = net->session;
	const struct us_large_plan *plan = &session->job->large;
	struct us_net_large *large = calloc(1, sizeof(*large));
	struct us_net_large **at;

	if (large == NULL || !us_large_has_buffer(net->worker)) {
		free(large);
		return NULL;
	}
	large->fd = us_dup(file->src_fd);
	if (large->fd < 0) {
		free(large);
		return NULL;
	}
	us_bypass_init(&large->bypass, large->fd);
	large->refs = 1;
	large->owner = net;
	large->file = file;
	large->number = number;
	large->range = plan->range;
	large->window = (uint64_t)us_wire_ahead(session->nr) * plan->range;
	large->base = offset;
	large->low = offset;
	large->next = offset;
	large->size = file->stx.stx_size;
	large->find_zeros = file->find_zeros;
	atomic_init(&large->sparse, file->sparse);
	pthread_mutex_lock(&session->share_lock);
	for (at = &session->larges; *at != NULL; at = &(*at)->next_file) {
	}
	*at = large;
	us_headway_begin(&session->job->headway, large->size, large->low);
	atomic_fetch_add(&session->nr_larges, 1);
	pthread_mutex_unlock(&session->share_lock);
	us_net_ring_others(net);
	return large;
}

/** True when a range of LARGE can be taken.  The lock is held. */
static bool has_range(const struct us_net_large *large)
{
	return !large->over && large->next < large->size && large->next - large->low < large->window;
}

/** Take the next range.  @return false when there is none. */
static bool take_range(struct us_net *net)
{
	struct us_session *session = net->session;
	struct us_net_range *range = &net->range;
	struct us_net_large *large;

	pthread_mutex_lock(&session->share_lock);
	large = session->larges;
	while (large != NULL && !has_range(large)) {
		large = large->next_file;
	}
	if (large != NULL) {
		large->refs++;
		*range = (struct us_net_range){
			.large = large,
			.start = large->next,
			.at = large->next,
			.end = us_min(large->next + large->range, large->size),
			.data_end = large->next,
		};
		large->next = range->end;
	}
	pthread_mutex_unlock(&session->share_lock);
	return large != NULL;
}

/** LARGE can't be read, for ERROR, or has less in it than it should have (0). */
static void fail(struct us_net *net, struct us_net_large *large, int error)
{
	pthread_mutex_lock(&net->session->share_lock);
	large->over = true;
	large->is_short = true;
	large->error = large->error == 0 ? error : large->error;
	pthread_mutex_unlock(&net->session->share_lock);
}

/** True when no more of LARGE is to be read. */
static bool is_over(struct us_net *net, const struct us_net_large *large)
{
	bool over;

	pthread_mutex_lock(&net->session->share_lock);
	over = large->over;
	pthread_mutex_unlock(&net->session->share_lock);
	return over;
}

/** The range at hand is over: the receiver waits for no more of it. */
static void leave_range(struct us_net *net)
{
	struct us_net_large *large = net->range.large;
	struct us_net *owner = large->owner;

	us_bypass_forget(&large->bypass, net->range.start, net->range.end - net->range.start);
	net->range.large = NULL;
	put_large(net, large);
	if (owner != net) {
		us_net_ring(owner); /* Not before: it would see that this one is at it still, and sleep on. */
	}
}

/** Say that nothing more comes of the range at hand. */
static void end_range(struct us_net *net)
{
	us_net_put(net, &(struct us_record){
		.type = US_RECORD_RANGE,
		.flags = US_RANGE_LAST,
		.number = net->range.large->number,
		.offset = net->range.start,
	});
	net->nr_ranges++;
	leave_range(net);
}

/**
 * Go on to where data are, if the file may have holes.
 *
 * @return false when there are none before the end of the range.
 */
static bool find_data(struct us_net_range *range)
{
	struct us_net_large *large = range->large;

	if (range->at < range->data_end) {
		return true;
	}
	if (!us_mover_seek_data(large->fd, &large->sparse, &range->at, range->end, &range->data_end)) {
		/* A hole to its end; or it has become shorter, which the last look will show. */
		range->at = range->end;
	}
	return range->at < range->end;
}

/** Read the next request of the range at hand. */
static void read_request(struct us_net *net)
{
	struct us_net_range *range = &net->range;
	uint64_t length = us_min(range->data_end - range->at, (uint64_t)net->session->job->large.request);
	struct us_op op = {
		.kind = US_OP_READ,
		.side = US_OP_SRC,
		.buf = net->worker->large_buf,
		.len = (uint32_t)length,
		.offset = (int64_t)range->at,
	};

	if (us_bypass_way(&range->large->bypass) == US_BYPASS_DIRECT) {
		op.len = (uint32_t)us_bypass_up(length);
	}
	us_bypass_call(&range->large->bypass, &op);
	range->sent = 0;
	range->got = (uint32_t)us_max(us_min(op.res, (int32_t)length), 0);
	range->at += range->got;
	if (range->got == 0) {
		fail(net, range->large, op.res);
	}
}

/** True when it is the turn of BYTES more. */
static bool may_go(struct us_net *net, uint32_t bytes)
{
	struct us_net_range *range = &net->range;

	if (range->paced_ns == 0 || us_clock_ns() >= range->paced_ns) {
		range->paced_ns = us_pace_ask(net->worker, bytes);
	}
	return range->paced_ns == 0;
}

/** Queue what was read, as long as there is room and it is its turn.  @return true when any of it is done with. */
static bool send_pieces(struct us_net *net)
{
	struct us_net_range *range = &net->range;
	uint32_t before = range->sent;

	while (range->sent < range->got && !us_out_is_full(&net->out)) {
		const char *data = net->worker->large_buf + range->sent;
		uint64_t offset = range->at - range->got + range->sent;
		uint32_t length = us_min(range->got - range->sent, US_WIRE_DATA_MAX);

		if (range->large->find_zeros && offset % US_BYPASS_ALIGN == 0) {
			uint32_t zeros = us_mover_run(data, length, true);

			if (zeros > 0) {
				range->sent += zeros;
				continue;
			}
			length = us_mover_run(data, length, false);
		}
		if (!may_go(net, length)) {
			break;
		}
		us_net_put(net, &(struct us_record){
			.type = US_RECORD_RANGE,
			.number = range->large->number,
			.offset = offset,
			.data = data,
			.length = length,
		});
		us_count(&net->worker->counts.bytes, length);
		range->sent += length;
	}
	return range->sent > before;
}

bool us_net_ranges_move(struct us_net *net)
{
	struct us_net_range *range = &net->range;

	if (us_out_is_full(&net->out) || net->failed || net->broken) {
		return false;
	}
	if (range->large == NULL &&
	    (atomic_load(&net->session->nr_larges) == 0 || !us_large_has_buffer(net->worker) || !take_range(net))) {
		return false;
	}
	if (range->sent == range->got) {
		if (range->at >= range->end || is_over(net, range->large) || !find_data(range)) {
			end_range(net);
			return true;
		}
		read_request(net);
		(void)send_pieces(net);
		return true;
	}
	return send_pieces(net);
}

/** Take *AT out of the list.  The lock is held. */
static struct us_net_large *unlink_large(struct us_session *session, struct us_net_large **at)
{
	struct us_net_large *large = *at;

	*at = large->next_file;
	us_headway_end(&session->job->headway, large->size, large->low);
	atomic_fetch_sub(&session->nr_larges, 1);
	return large;
}

/**
 * Where the pointer to the first of NET's own that FILE is, or any with FILE NULL that has come to its end, stands.
 * The lock is held.
 */
static struct us_net_large **find_own(const struct us_net *net, const struct us_file *file)
{
	struct us_net_large **at = &net->session->larges;

	while (*at != NULL && ((*at)->owner != net ||
	                       (file != NULL ? (*at)->file != file
	                                     : (*at)->refs > 1 || (!(*at)->over && (*at)->next < (*at)->size)))) {
		at = &(*at)->next_file;
	}
	return at;
}

bool us_net_ranges_take(struct us_net *net, struct us_net_ranged *out)
{
	struct us_session *session = net->session;
	struct us_net_large **at;
	struct us_net_large *large = NULL;

	if (atomic_load(&session->nr_larges) == 0) {
		return false;
	}
	pthread_mutex_lock(&session->share_lock);
	at = find_own(net, NULL);
	if (*at != NULL) {
		large = unlink_large(session, at);
		*out = (struct us_net_ranged){
			.file = large->file,
			.end = large->next,
			.is_whole = !large->is_short && large->next >= large->size,
			.error = large->error,
		};
	}
	pthread_mutex_unlock(&session->share_lock);
	if (large == NULL) {
		return false;
	}
	put_large(net, large);
	return true;
}

bool us_net_ranges_reached(struct us_net *net, const struct us_file *file, uint64_t offset)
{
	struct us_session *session = net->session;
	struct us_net_large *large;
	bool can_be = true;

	pthread_mutex_lock(&session->share_lock);
	large = *find_own(net, file);
	if (large != NULL) {
		can_be = offset > large->low && offset <= large->next;
		if (can_be) {
			us_headway_go(&session->job->headway, offset - large->low);
			large->low = offset;
		}
	}
	pthread_mutex_unlock(&session->share_lock);
	us_net_ring_others(net);
	return can_be;
}

void us_net_ranges_stop(struct us_net *net, const struct us_file *file)
{
	struct us_net_large *large;

	pthread_mutex_lock(&net->session->share_lock);
	large = *find_own(net, file);
	if (large != NULL) {
		large->over = true;
		large->is_short = true;
	}
	pthread_mutex_unlock(&net->session->share_lock);
}

void us_net_ranges_give_up(struct us_net *net)
{
	struct us_session *session = net->session;
	struct us_net_large *mine = NULL;

	if (net->range.large != NULL) {
		leave_range(net);
	}
	do {
		struct us_net_large **at = &session->larges;

		if (atomic_load(&session->nr_larges) == 0) {
			return;
		}
		pthread_mutex_lock(&session->share_lock);
		while (*at != NULL && (*at)->owner != net) {
			at = &(*at)->next_file;
		}
		mine = *at != NULL ? unlink_large(session, at) : NULL;
		if (mine != NULL) {
			mine->over = true;
		}
		pthread_mutex_unlock(&session->share_lock);
		if (mine != NULL) {
			put_large(net, mine);
		}
	} while (mine != NULL);
}
