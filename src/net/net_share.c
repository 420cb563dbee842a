/* SPDX-License-Identifier: MIT */
/*
 * The receiver's files that come in ranges:
 *
 *	|  there  | coming | there | coming |  not begun  |
 *	base      low                begun                size
 *
 * Each range is written where it belongs by the worker of the connection that it comes on.  The file's own worker
 * looks now and then how far they have come, and goes on with the file when the sender has said that no more will be
 * begun and all that were have ended.  No range may lie further behind the lowest that is coming than there are cells;
 * so what is remembered is bounded, and what a killed receiver leaves of a file is good up to that many ranges before
 * its end.
 *
 * One that fails leaves its number here until the ranges that are under way have come.
 */
#include "base/us.h"
#include "core/bypass.h"
#include "core/file.h"
#include "core/job.h"
#include "core/large.h"
#include "core/pace.h"
#include "core/part.h"
#include "core/worker.h"
#include "net/ranges.h"
#include "sys/call.h"

#include <stdlib.h>

/** A range that is coming, or has come while lower ones have not. */
struct cell {
	const struct us_net *net; /**< On which connection, or NULL: it was not begun. */
	uint64_t at;              /**< So far it has come. */
	bool done;
};

struct us_net_share {
	struct us_net_share *next;
	uint32_t number;
	uint32_t range;
	uint32_t ahead;          /**< Cells that there are. */
	const struct us_net *owner;
	struct us_file *file;    /**< The owner's; NULL once it is over. */
	int fd;                  /**< Its own, for a range may be on its way to a file that failed. */
	struct us_bypass bypass;
	uint64_t base;
	uint64_t size;
	uint64_t told;           /**< What the sender was told of low. */

	/* Guarded by the session's share_lock, as the list is. */
	uint64_t low;
	uint64_t begun;
	uint64_t end;            /**< With ended: no range begins there or behind it. */
	bool ended;
	bool complete;
	int error;
	struct cell cells[];     /**< By their number, modulo ahead. */
};

uint64_t us_net_share_slack(const struct us_net *net, uint32_t range)
{
	return (uint64_t)us_wire_ahead(net->session->nr) * range;
}

/** Memory and a descriptor for one.  @return NULL without. */
static struct us_net_share *make(const struct us_net *net, struct us_file *file, uint32_t range)
{
	uint32_t ahead = us_wire_ahead(net->session->nr);
	struct us_net_share *share = calloc(1, sizeof(*share) + ahead * sizeof(struct cell));

	if (share == NULL) {
		return NULL;
	}
	share->fd = us_dup(file->dst_fd);
	if (share->fd < 0) {
		free(share);
		return NULL;
	}
	us_bypass_init(&share->bypass, share->fd);
	share->owner = net;
	share->file = file;
	share->range = range;
	share->ahead = ahead;
	share->size = file->stx.stx_size;
	share->base = us_min(file->offset, share->size) / US_WIRE_RANGE_ALIGN * US_WIRE_RANGE_ALIGN;
	share->low = share->base;
	share->begun = share->base;
	share->told = share->base;
	return share;
}

/**
 * Free SHARE, which is in no list.
 *
 * @return 0, or what close(2) says of bytes that were written: NFS, SMB and FUSE say it to the first descriptor that is
 *         closed, and no more to the file's own.
 */
static int destroy(struct us_net_share *share)
{
	int ret;

	us_bypass_forget(&share->bypass, 0, 0);
	us_bypass_restore(&share->bypass);
	us_bypass_fini(&share->bypass);
	ret = us_close(share->fd);
	free(share);
	return ret;
}

int64_t us_net_share_open(struct us_net *net, struct us_file *file, uint32_t range)
{
	struct us_session *session = net->session;
	struct us_net_share *share = make(net, file, range);
	int ret;

	if (share == NULL) {
		return 0;
	}
	ret = us_large_reserve(file, share->base);
	if (ret < 0) {
		(void)destroy(share);
		return ret;
	}
	pthread_mutex_lock(&session->share_lock);
	if (session->nr_shares < US_WIRE_SHARES_MAX && session->last_share < UINT32_MAX && us_large_hide_size(file)) {
		share->number = ++session->last_share;
		share->next = session->shares;
		session->shares = share;
		session->nr_shares++;
	}
	pthread_mutex_unlock(&session->share_lock);
	if (share->number == 0) {
		(void)destroy(share); /* Nothing was written by it. */
		return 0;
	}
	file->offset = share->base;
	net->nr_shares++;
	return share->number;
}

/** Where the pointer to the one that is called NUMBER stands, or would stand.  The lock is held. */
static struct us_net_share **find(struct us_session *session, uint32_t number)
{
	struct us_net_share **at = &session->shares;

	while (*at != NULL && (*at)->number != number) {
		at = &(*at)->next;
	}
	return at;
}

/** True when nothing more comes of SHARE.  The lock is held. */
static bool is_settled(const struct us_net_share *share)
{
	return share->ended && share->low >= share->end;
}

/** Take *AT out of the list.  The lock is held. */
static struct us_net_share *unlink_share(struct us_session *session, struct us_net_share **at)
{
	struct us_net_share *share = *at;

	*at = share->next;
	session->nr_shares--;
	return share;
}

/** Where the range that OFFSET lies in begins, and where it ends. */
static uint64_t start_of(const struct us_net_share *share, uint64_t offset)
{
	return offset - (offset - share->base) % share->range;
}

static uint64_t end_of(const struct us_net_share *share, uint64_t start)
{
	return us_min(start + share->range, share->size);
}

static struct cell *cell_of(struct us_net_share *share, uint64_t start)
{
	return &share->cells[(start - share->base) / share->range % share->ahead];
}

/** The cell for RECORD, a RANGE, if it may come now on NET; else NULL.  The lock is held. */
static struct cell *claim(struct us_net_share *share, const struct us_net *net, const struct us_record *record)
{
	uint64_t offset = record->offset;
	struct cell *cell;
	uint64_t start;

	if (offset < share->low || offset >= share->size) {
		return NULL;
	}
	start = start_of(share, offset);
	if ((start - share->low) / share->range >= share->ahead || record->length > end_of(share, start) - offset ||
	    (share->ended && start >= share->end)) {
		return NULL;
	}
	cell = cell_of(share, start);
	if (cell->done || (cell->net != NULL && cell->net != net) || (record->length > 0 && offset < cell->at) ||
	    (record->length == 0 && offset != start)) {
		return NULL;
	}
	cell->net = net;
	cell->at = us_max(cell->at, offset + record->length);
	share->begun = us_max(share->begun, end_of(share, start));
	return cell;
}

/** A range has come to its end: the lowest that has not may be another one.  The lock is held. */
static void advance(struct us_net_share *share)
{
	while (share->low < share->size && cell_of(share, share->low)->done) {
		*cell_of(share, share->low) = (struct cell){0};
		share->low = end_of(share, share->low);
	}
}

/** Write what RECORD brings.  @return 0 or a negative errno. */
static int write_range(struct us_net *net, struct us_net_share *share, const struct us_record *record)
{
	uint32_t done = 0;

	while (done < record->length) {
		struct us_op op = {
			.kind = US_OP_WRITE,
			.side = US_OP_DST,
			.buf = (char *)(uintptr_t)record->data + done, /* It is only read. */
			.len = record->length - done,
			.offset = (int64_t)(record->offset + done),
		};

		us_bypass_call(&share->bypass, &op);
		if (op.res <= 0) {
			return op.res < 0 ? op.res : -EIO;
		}
		done += (uint32_t)op.res;
	}
	us_count(&net->worker->counts.bytes, record->length);
	return 0;
}

enum us_net_step us_net_share_range(struct us_net *net, const struct us_record *record)
{
	struct us_session *session = net->session;
	struct us_net_share **at;
	struct us_net_share *share;
	struct us_net_share *over = NULL;
	struct cell *cell = NULL;
	bool is_wanted = false;
	int ret = 0;

	pthread_mutex_lock(&session->share_lock);
	share = *find(session, record->number);
	if (share != NULL) {
		is_wanted = share->file != NULL && share->error == 0 && record->length > 0;
		net->paced_ns = is_wanted ? us_pace_ask(net->worker, record->length) : 0;
		cell = net->paced_ns == 0 ? claim(share, net, record) : NULL;
	}
	pthread_mutex_unlock(&session->share_lock);
	if (share != NULL && net->paced_ns != 0) {
		return US_NET_STALL;
	}
	if (cell == NULL) {
		return US_NET_WRONG;
	}
	if (is_wanted) {
		ret = write_range(net, share, record); /* It stays as long as this range is not done. */
	}
	pthread_mutex_lock(&session->share_lock);
	if (ret < 0 && share->error == 0) {
		share->error = ret;
		us_net_ring(share->owner);
	}
	if ((record->flags & US_RANGE_LAST) != 0) {
		cell->done = true;
		advance(share);
		at = find(session, record->number);
		over = is_settled(share) && share->file == NULL ? unlink_share(session, at) : NULL;
		us_net_ring(share->owner);
	}
	pthread_mutex_unlock(&session->share_lock);
	if (over != NULL) {
		(void)destroy(over); /* The file has failed. */
	}
	return US_NET_TAKEN;
}

/** True when RECORD, a RANGES_END, can be the one of SHARE.  The lock is held. */
static bool is_end(const struct us_net_share *share, const struct us_net *net, const struct us_record *record)
{
	bool is_complete = (record->flags & US_RANGES_COMPLETE) != 0;

	return share->owner == net && !share->ended && record->offset >= share->begun &&
	       record->offset <= share->size &&
	       (record->offset == share->size || (record->offset - share->base) % share->range == 0) &&
	       (!is_complete || record->offset == share->size);
}

enum us_net_step us_net_share_end(struct us_net *net, const struct us_record *record)
{
	struct us_session *session = net->session;
	struct us_net_share **at;
	struct us_net_share *over = NULL;
	bool taken = false;

	pthread_mutex_lock(&session->share_lock);
	at = find(session, record->number);
	if (*at != NULL && is_end(*at, net, record)) {
		taken = true;
		(*at)->ended = true;
		(*at)->end = record->offset;
		(*at)->complete = (record->flags & US_RANGES_COMPLETE) != 0;
		over = is_settled(*at) && (*at)->file == NULL ? unlink_share(session, at) : NULL;
	}
	pthread_mutex_unlock(&session->share_lock);
	if (over != NULL) {
		(void)destroy(over); /* The file has failed. */
	}
	return taken ? US_NET_TAKEN : US_NET_WRONG;
}

/** One of NET's own that has news, or NULL.  The lock is held. */
static struct us_net_share *next_own(const struct us_net *net)
{
	for (struct us_net_share *share = net->session->shares; share != NULL; share = share->next) {
		if (share->owner == net && share->file != NULL &&
		    (share->error < 0 || share->low > share->told || is_settled(share))) {
			return share;
		}
	}
	return NULL;
}

bool us_net_share_take(struct us_net *net, struct us_net_shared *out)
{
	struct us_session *session = net->session;
	struct us_net_share *share;
	uint64_t reached;
	bool is_over = false;

	while (net->nr_shares > 0 && !is_over && !us_out_is_full(&net->out)) {
		pthread_mutex_lock(&session->share_lock);
		share = next_own(net);
		if (share == NULL) {
			pthread_mutex_unlock(&session->share_lock);
			return false;
		}
		*out = (struct us_net_shared){
			.file = share->file, .is_complete = share->complete, .error = share->error};
		is_over = share->error < 0 || is_settled(share);
		reached = share->low > share->told ? share->low : 0;
		share->told = share->low;
		pthread_mutex_unlock(&session->share_lock);
		if (reached > 0) {
			us_part_wrote(out->file, reached);
		}
		if (reached > 0 && !is_over) {
			us_net_put(net, &(struct us_record){
				.type = US_REPLY_REACHED, .token = out->file->token, .offset = reached});
		}
	}
	return is_over;
}

int us_net_share_leave(struct us_net *net, const struct us_file *file)
{
	struct us_session *session = net->session;
	struct us_net_share *over = NULL;

	pthread_mutex_lock(&session->share_lock);
	for (struct us_net_share **at = &session->shares; *at != NULL; at = &(*at)->next) {
		if ((*at)->file == file) {
			(*at)->file = NULL;
			net->nr_shares--;
			over = is_settled(*at) ? unlink_share(session, at) : NULL;
			break;
		}
	}
	pthread_mutex_unlock(&session->share_lock);
	return over != NULL ? destroy(over) : 0;
}

void us_net_shares_fini(struct us_session *session)
{
	while (session->shares != NULL) {
		(void)destroy(unlink_share(session, &session->shares)); /* The transfer was stopped. */
	}
}
