/* SPDX-License-Identifier: MIT */
/*
 * The receiver's directories, by the numbers that the sender gives them.
 *
 *	DIR --> OPENING --> OPEN --> DIR_END, and as much as it counts --> forgotten, and finished when all in it is
 *	              \--> FAILED --> the same
 *
 * Every connection on which a directory is used tells of it first, so that none has to wait for what another one
 * brings.  A DIR may so come on one connection after the DIR_END on another one, which therefore counts the DIRs, and
 * the directories in it that have to be over before.  The table holds a share in the pending of each open directory.
 *
 * What comes on one connection for a directory that another one is opening waits.  That it waits is noted under the
 * lock under which the directory was seen to be OPENING, and who has opened it looks at the notes under the same lock,
 * then rings.  So whoever looked too early is rung for, and finds when it looks again that the directory is OPENING no
 * more.
 */
#include "base/us.h"
#include "core/dir.h"
#include "core/job.h"
#include "core/keep.h"
#include "core/listing.h"
#include "core/report.h"
#include "core/sink.h"
#include "core/worker.h"
#include "net/session.h"

#include <stdlib.h>
#include <string.h>

#define BUCKETS 4096u

/** How far a directory is. */
enum state {
	OPENING,
	OPEN,
	FAILED,
};

struct us_net_dir {
	struct us_net_dir *next;
	uint64_t id;
	uint64_t parent;
	struct us_dir *dir; /**< While it is not FAILED. */
	enum state state;
	bool asks;          /**< The sender waits for what becomes of it. */
	uint32_t seen;      /**< DIRs. */
	uint32_t expected;  /**< As many as DIR_END counts; 0 before. */
	uint32_t ended;     /**< Directories in it that are forgotten. */
	uint32_t children;  /**< As many as DIR_END counts. */
	uint32_t xattrs;    /**< Bytes that are counted for its extended attributes. */
	uint64_t awaited;   /**< While it is OPENING: on which connections something waits for that to be over, by their
	                         bits. */
};

_Static_assert(USYNC_CONNECTIONS_MAX <= 64, "a bit for each connection");

/** What stands for NET where connections are noted. */
static uint64_t bit_of(const struct us_net *net)
{
	return UINT64_C(1) << (net - net->session->nets);
}

/** Where the pointer to the directory ID stands, or would stand.  The lock is held. */
static struct us_net_dir **find(struct us_session *session, uint64_t id)
{
	struct us_net_dir **at = &session->dirs[id % BUCKETS];

	while (*at != NULL && (*at)->id != id) {
		at = &(*at)->next;
	}
	return at;
}

/** Note a directory that was not known.  The lock is held.  @return NULL without memory. */
static struct us_net_dir *add(struct us_session *session, uint64_t id, uint64_t parent)
{
	struct us_net_dir **at = find(session, id);
	struct us_net_dir *entry = calloc(1, sizeof(*entry));

	if (entry != NULL) {
		entry->id = id;
		entry->parent = parent;
		entry->seen = 1;
		*at = entry;
		session->nr_dirs++;
	}
	return entry;
}

/** Forget *AT.  The lock is held.  @return its directory, whose share in its pending is the caller's, or NULL. */
static struct us_dir *forget(struct us_session *session, struct us_net_dir **at)
{
	struct us_net_dir *entry = *at;
	struct us_dir *dir = entry->state == OPEN ? entry->dir : NULL;

	*at = entry->next;
	session->nr_dirs--;
	us_net_xattrs_drop(session, &entry->xattrs);
	free(entry);
	return dir;
}

int us_net_dirs_init(struct us_session *session, struct us_dir *root, uint64_t id)
{
	struct us_net_dir *entry;

	session->dirs = calloc(BUCKETS, sizeof(struct us_net_dir *));
	entry = session->dirs != NULL ? add(session, id, 0) : NULL;
	if (entry == NULL) {
		return -ENOMEM;
	}
	entry->state = OPEN;
	entry->dir = root;
	root->net_id = id;
	return 0;
}

void us_net_dirs_fini(struct us_session *session)
{
	for (unsigned int i = 0; session->dirs != NULL && i < BUCKETS; i++) {
		while (session->dirs[i] != NULL) {
			(void)forget(session, &session->dirs[i]); /* Whose directories are, or were, others' to free. */
		}
	}
	free(session->dirs);
	session->dirs = NULL;
}

void us_net_dirs_give_up(struct us_session *session, struct us_worker *worker)
{
	for (unsigned int i = 0; i < BUCKETS; i++) {
		while (session->dirs[i] != NULL) {
			struct us_dir *dir = forget(session, &session->dirs[i]);

			if (dir != NULL) {
				us_worker_put_dir(worker, dir);
			}
		}
	}
}

/** Answer that the directory ID is STATE now. */
static void reply(struct us_net *net, uint64_t id, enum us_wire_dir_state state)
{
	if (state == US_DIR_FAILED) {
		(void)us_net_events_tell(net); /* Why: the sender may stop at the answer. */
	}
	us_net_put(net, &(struct us_record){.type = US_REPLY_DIR, .id = id, .state = state});
}

/** Give up the table's share in DIR; NULL is allowed. */
static void release(struct us_worker *worker, struct us_dir *dir)
{
	if (dir == NULL) {
		return;
	}
	if (worker->slice != NULL && worker->slice->listing->dir == dir) {
		us_worker_drop_slice(worker);
	}
	us_worker_put_dir(worker, dir);
}

/**
 * Forget the directory ID, and then those above it, as far as all that their DIR_ENDs count has come.  The lock is
 * held, and given back.
 */
static void end_complete(struct us_net *net, uint64_t id)
{
	struct us_session *session = net->session;
	struct us_net_dir **at = find(session, id);

	while (*at != NULL && (*at)->expected > 0 && (*at)->seen >= (*at)->expected &&
	       (*at)->ended >= (*at)->children) {
		uint64_t parent = (*at)->parent;
		struct us_dir *dir = forget(session, at);

		at = find(session, parent);
		if (*at != NULL) {
			(*at)->ended++;
		}
		pthread_mutex_unlock(&session->lock);
		release(net->worker, dir);
		pthread_mutex_lock(&session->lock);
		at = find(session, parent);
	}
	pthread_mutex_unlock(&session->lock);
}

/** NET has something for ENTRY, which is OPENING: it waits until it is rung for.  The lock is held, and given back. */
static enum us_net_step await(struct us_net *net, struct us_net_dir *entry)
{
	entry->awaited |= bit_of(net);
	pthread_mutex_unlock(&net->session->lock);
	return US_NET_STALL;
}

/** Ring for those who wait, by their bits. */
static void ring_for(const struct us_session *session, uint64_t waiting)
{
	for (; waiting != 0; waiting &= waiting - 1) {
		us_net_ring(&session->nets[__builtin_ctzll(waiting)]);
	}
}

/** Make the node of the directory of RECORD in PARENT, with all that is known of it.  @return NULL, or 0 in ERROR. */
static struct us_dir *make_dir(struct us_net *net, const struct us_record *record, struct us_dir *parent,
                               struct us_net_dir *entry, int *error)
{
	struct us_session *session = net->session;
	struct us_dir *dir = us_dir_new(parent, record->name, NULL);
	struct statx stx;

	*error = -ENOMEM;
	if (dir == NULL) {
		return NULL;
	}
	us_meta_to(&record->meta, &stx);
	if (!session->trusts) {
		stx.stx_mode &= 0xffff & ~(S_ISUID | S_ISGID);
	}
	*error = us_dir_set_source(dir, &stx);
	if (*error == 0) {
		*error = us_net_xattrs_take(session, record, &dir->source->xattrs, &entry->xattrs);
	}
	dir->net_id = record->id;
	return dir;
}

/** A directory that was told of before, perhaps on another connection. */
static enum us_net_step see_again(struct us_net *net, const struct us_record *record, struct us_net_dir *entry)
{
	if (entry->parent != record->parent || (record->flags & US_DIR_ASK) != 0 || entry->seen >= US_WIRE_CONNS_MAX ||
	    (entry->state == OPEN && strcmp(entry->dir->name, record->name) != 0)) {
		pthread_mutex_unlock(&net->session->lock);
		return US_NET_WRONG;
	}
	if (entry->state == OPENING) {
		return await(net, entry);
	}
	entry->seen++;
	end_complete(net, record->id);
	return US_NET_TAKEN;
}

/** The parent of a new directory can't be had, or the directory could not be noted: so is all in it. */
static enum us_net_step note_failed(struct us_net *net, const struct us_record *record)
{
	bool asks = (record->flags & US_DIR_ASK) != 0;
	struct us_net_dir *entry = asks ? NULL : add(net->session, record->id, record->parent);

	if (entry != NULL) {
		entry->state = FAILED;
	}
	pthread_mutex_unlock(&net->session->lock);
	if (asks) {
		reply(net, record->id, US_DIR_FAILED); /* It is not told of again. */
	} else if (entry == NULL) {
		us_net_fail(net, "receive", -ENOMEM);
	}
	return US_NET_TAKEN;
}

/** DIR, just made, can't be opened: report it, and let the table know. */
static enum us_net_step fail_dir(struct us_net *net, struct us_dir *dir, int error)
{
	us_report_failed(net->worker, &(struct us_place){.dir = dir, .side = US_DST}, "make directory", error);
	us_net_dirs_failed(net->worker, dir);
	us_worker_put_dir(net->worker, dir);
	return US_NET_TAKEN;
}

/** A directory that was not known.  The lock is held; PARENT is open. */
static enum us_net_step see_first(struct us_net *net, const struct us_record *record, struct us_dir *parent)
{
	struct us_session *session = net->session;
	struct us_worker *worker = net->worker;
	struct us_net_dir *entry;
	struct us_dir *dir;
	int error;

	entry = add(session, record->id, record->parent);
	dir = entry != NULL ? make_dir(net, record, parent, entry, &error) : NULL;
	if (dir == NULL) {
		pthread_mutex_unlock(&session->lock);
		us_net_fail(net, "receive", -ENOMEM);
		return US_NET_TAKEN;
	}
	entry->dir = dir;
	entry->state = OPENING;
	entry->asks = (record->flags & US_DIR_ASK) != 0;
	pthread_mutex_unlock(&session->lock);
	if (error == -EBADMSG) {
		us_net_dirs_failed(worker, dir);
		us_worker_put_dir(worker, dir);
		return US_NET_WRONG;
	}
	error = error == 0 ? us_dircache_pin(&worker->job->dirs, parent) : error;
	if (error < 0) {
		return fail_dir(net, dir, error);
	}
	worker->job->sink->open_dir(worker, us_worker_begin_dir(worker, dir));
	return US_NET_TAKEN;
}

enum us_net_step us_net_dirs_announce(struct us_net *net, const struct us_record *record)
{
	struct us_session *session = net->session;
	struct us_net_dir *entry;
	struct us_net_dir *parent;

	if (record->parent == 0 || session->one_name != NULL) {
		/* With one entry the root is what the destination lies in: nothing else there is the sender's. */
		return US_NET_WRONG;
	}
	if (net->worker->free_dir_opens == NULL) {
		return US_NET_STALL; /* One of its own will be over. */
	}
	pthread_mutex_lock(&session->lock);
	entry = *find(session, record->id);
	if (entry != NULL) {
		return see_again(net, record, entry);
	}
	parent = *find(session, record->parent);
	if (parent == NULL || session->nr_dirs >= US_WIRE_DIRS_MAX) {
		pthread_mutex_unlock(&session->lock);
		return US_NET_WRONG;
	}
	switch (parent->state) {
	case OPEN:
		return see_first(net, record, parent->dir);
	case FAILED:
		return note_failed(net, record);
	default:
		return await(net, parent);
	}
}

enum us_net_step us_net_dirs_end(struct us_net *net, const struct us_record *record)
{
	struct us_session *session = net->session;
	struct us_net_dir *entry;

	pthread_mutex_lock(&session->lock);
	entry = *find(session, record->id);
	if (entry == NULL || entry->expected > 0 || record->state > session->nr) {
		pthread_mutex_unlock(&session->lock);
		return US_NET_WRONG;
	}
	if (entry->state == OPENING) {
		return await(net, entry);
	}
	entry->expected = record->state;
	entry->children = record->children;
	end_complete(net, record->id);
	return US_NET_TAKEN;
}

bool us_net_dirs_is_new(const struct us_dir *dir)
{
	return dir->dst_new && dir->references == NULL;
}

/**
 * The opening of DIR has come to its end.  When it is OPEN another connection may end it as soon as that is known: it
 * is not looked at any more.
 */
static void settle(struct us_worker *worker, struct us_dir *dir, enum state state)
{
	struct us_net *net = worker->link;
	struct us_session *session = net->session;
	enum us_wire_dir_state told = state == FAILED           ? (dir->left_out ? US_DIR_SKIPPED : US_DIR_FAILED)
	                              : us_net_dirs_is_new(dir) ? US_DIR_NEW
	                                                        : US_DIR_EXISTS;
	uint64_t id = dir->net_id;
	struct us_net_dir **at;
	uint64_t awaited;
	bool asks;

	pthread_mutex_lock(&session->lock);
	at = find(session, id);
	asks = (*at)->asks;
	awaited = (*at)->awaited;
	(*at)->awaited = 0;
	(*at)->asks = false;
	(*at)->state = state;
	if (state == FAILED) {
		(*at)->dir = NULL;
		if (asks) {
			(void)forget(session, at);
		}
	}
	pthread_mutex_unlock(&session->lock);
	ring_for(session, awaited & ~bit_of(net));
	if (asks) {
		reply(net, id, told);
	}
}

void us_net_dirs_opened(struct us_worker *worker, struct us_dir *dir)
{
	us_dircache_unpin(&worker->job->dirs, dir);
	settle(worker, dir, OPEN);
}

void us_net_dirs_failed(struct us_worker *worker, struct us_dir *dir)
{
	settle(worker, dir, FAILED);
}

/**
 * Make DIR, of which the caller has a share, that of the worker's slice.
 *
 * @return 0 or a negative errno: then the share is gone.
 */
static int enter(struct us_worker *worker, struct us_dir *dir)
{
	struct us_listing *listing = us_listing_new(dir);
	int ret = listing != NULL ? us_dircache_pin(&worker->job->dirs, dir) : -ENOMEM;

	if (ret < 0) {
		us_report_failed(worker, &(struct us_place){.dir = dir, .side = US_DST}, "reopen directory", ret);
		if (listing != NULL) {
			us_listing_free(listing);
		}
		us_worker_put_dir(worker, dir);
		return ret;
	}
	atomic_fetch_add_explicit(&worker->job->nr_listings, 1, memory_order_relaxed);
	if (worker->slice != NULL) {
		us_worker_drop_slice(worker);
	}
	us_worker_set_slice(worker, &(struct us_slice){.listing = listing});
	return 0;
}

enum us_net_dir_use us_net_dirs_share(struct us_net *net, uint64_t id, struct us_dir **dir)
{
	struct us_session *session = net->session;
	enum us_net_dir_use use = US_NET_DIR_NONE;
	struct us_net_dir *entry;

	*dir = NULL;
	pthread_mutex_lock(&session->lock);
	entry = *find(session, id);
	if (entry != NULL) {
		use = entry->state == FAILED    ? US_NET_DIR_GONE
		      : entry->state == OPENING ? US_NET_DIR_LATER
		                                : US_NET_DIR_READY;
	}
	if (use == US_NET_DIR_LATER) {
		entry->awaited |= bit_of(net);
	}
	if (use == US_NET_DIR_READY) {
		*dir = entry->dir;
		atomic_fetch_add_explicit(&entry->dir->pending, 1, memory_order_relaxed);
	}
	pthread_mutex_unlock(&session->lock);
	return use;
}

enum us_net_dir_use us_net_dirs_use(struct us_net *net, uint64_t id)
{
	struct us_worker *worker = net->worker;
	enum us_net_dir_use use;
	struct us_dir *dir;

	if (worker->slice != NULL && worker->slice->listing->dir->net_id == id) {
		return US_NET_DIR_READY;
	}
	use = us_net_dirs_share(net, id, &dir);
	return dir != NULL && enter(worker, dir) < 0 ? US_NET_DIR_GONE : use;
}
