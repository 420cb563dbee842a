/* SPDX-License-Identifier: MIT */
/*
 * Deletions.  A directory of which the sender has listed all, without an error, is gone through by the receiver:
 *
 *	MIRROR --> [ some of the receiver's names: ASK --> MISSING: which the sender does not have --> deleted ] ... --> MIRRORED
 *
 * So neither side ever holds more than a few names, whatever the directory has.  Meanwhile each holds a share in the
 * directory's pending.
 */
#include "base/us.h"
#include "core/dir.h"
#include "core/job.h"
#include "core/mirror.h"
#include "core/report.h"
#include "core/worker.h"
#include "net/session.h"
#include "sys/call.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

/** Bytes of names in one question; a directory on the way may be asked about by more than one. */
#define ASK_BYTES 16384u

/** A receiver asks again when it has its answer.  It may have that before this side knows that it was sent. */
#define AHEAD_MAX 8u

_Static_assert(ASK_BYTES + US_WIRE_NAME_MAX + 1 <= US_WIRE_NAMES_MAX, "a question fits its record");

/** A directory on its way. */
struct us_net_mirror {
	struct us_net_mirror *next;
	struct us_dir *dir;  /**< Of which this holds a share. */
	int64_t resume;      /**< The receiver's: where its listing goes on. */
	bool at_end;         /**< And that it has come to its end. */
	uint64_t answered;   /**< The sender's: where the last answer stands among the frames that are sent. */
	unsigned int ahead;  /**< Questions that came before the answer to the one before was sent. */
};

/** Where the pointer to the one of directory ID stands, or would stand. */
static struct us_net_mirror **find(struct us_net *net, uint64_t id)
{
	struct us_net_mirror **at = &net->mirrors;

	while (*at != NULL && (*at)->dir->net_id != id) {
		at = &(*at)->next;
	}
	return at;
}

/** Note DIR, of which the caller gives a share.  @return NULL without memory: the share is the caller's still. */
static struct us_net_mirror *add(struct us_net *net, struct us_dir *dir)
{
	struct us_net_mirror *mirror = calloc(1, sizeof(*mirror));

	if (mirror != NULL) {
		mirror->dir = dir;
		mirror->next = net->mirrors;
		net->mirrors = mirror;
	}
	return mirror;
}

/** *AT is over. */
static void end(struct us_net *net, struct us_net_mirror **at)
{
	struct us_net_mirror *mirror = *at;

	*at = mirror->next;
	us_worker_put_dir(net->worker, mirror->dir);
	free(mirror);
}

void us_net_mirror_give_up(struct us_net *net)
{
	while (net->mirrors != NULL) {
		end(net, &net->mirrors);
	}
}

/* The sender. */

void us_net_mirror_begin(struct us_worker *worker, struct us_dir *dir)
{
	struct us_net *net = worker->link;

	if (add(net, dir) == NULL) {
		us_report_failed(worker, &(struct us_place){.dir = dir}, "delete from directory", -ENOMEM);
		return;
	}
	atomic_fetch_add_explicit(&dir->pending, 1, memory_order_relaxed);
	us_net_announce(net, dir, 0);
	us_net_put(net, &(struct us_record){.type = US_RECORD_MIRROR, .id = dir->net_id});
}

/** True when DIR's source, which is pinned, has no NAME; what can't be told counts as there. */
static bool is_missing(struct us_net *net, struct us_dir *dir, const char *name)
{
	struct statx stx;
	int ret = us_statx(dir->fd[US_SRC], name, AT_SYMLINK_NOFOLLOW, &stx);

	if (ret < 0 && ret != -ENOENT) {
		us_report_failed(net->worker, &(struct us_place){dir, name, US_SRC}, "stat", ret);
	}
	return ret == -ENOENT;
}

/** Which of the names in RECORD are missing. */
static void answer(struct us_net *net, struct us_net_mirror *mirror, const struct us_record *record)
{
	struct us_dir *dir = mirror->dir;
	char *missing = malloc(record->length);
	struct us_record reply = {.type = US_RECORD_MISSING, .id = record->id, .data = missing};
	const char *name = record->data;
	const char *names_end = name + record->length;
	int ret = missing != NULL ? us_dircache_pin(&net->session->job->dirs, dir) : -ENOMEM;

	if (ret < 0) {
		us_report_failed(net->worker, &(struct us_place){.dir = dir}, "reopen directory", ret);
	}
	for (; ret == 0 && name < names_end; name += strlen(name) + 1) {
		if (is_missing(net, dir, name)) {
			uint32_t size = (uint32_t)strlen(name) + 1;

			memcpy(missing + reply.length, name, size);
			reply.length += size;
		}
	}
	if (ret == 0) {
		us_dircache_unpin(&net->session->job->dirs, dir);
	}
	us_net_put(net, &reply);
	mirror->answered = us_out_last(&net->out);
	free(missing);
}

/** True when the receiver asks without having taken what it was answered: else answers could pile up without end. */
static bool asks_ahead(struct us_net *net, struct us_net_mirror *mirror)
{
	mirror->ahead = us_out_is_gone(&net->out, mirror->answered) ? 0 : mirror->ahead + 1;
	return mirror->ahead > AHEAD_MAX;
}

bool us_net_mirror_reply(struct us_net *net, const struct us_record *record)
{
	struct us_net_mirror **at = find(net, record->id);

	if (*at == NULL || (record->type == US_REPLY_ASK && record->length == 0)) {
		return false;
	}
	net->worker->activity++;
	if (record->type == US_REPLY_MIRRORED) {
		end(net, at);
	} else {
		if (asks_ahead(net, *at)) {
			return false;
		}
		answer(net, *at, record);
	}
	return true;
}

/* The receiver. */

/** Collect names of DIR, which is pinned, into NAMES.  @return their bytes, or a negative errno. */
static int collect(struct us_worker *worker, struct us_net_mirror *mirror, char *names)
{
	struct us_dent dent;
	uint32_t length = 0;
	int ret = us_dents_begin(&worker->dents, mirror->dir->fd[US_DST], mirror->resume);

	while (ret == 0 && length < ASK_BYTES && (ret = us_dents_next(&worker->dents, &dent)) > 0) {
		mirror->resume = dent.next;
		ret = 0;
		if (dent.length > US_WIRE_NAME_MAX) { /* As on vfat, where 255 are characters. */
			us_report_failed(worker, &(struct us_place){mirror->dir, dent.name, US_DST},
			                 "ask the sender for it", -ENAMETOOLONG);
			continue;
		}
		memcpy(names + length, dent.name, dent.length + 1u);
		length += dent.length + 1u;
	}
	mirror->at_end = ret <= 0 && length < ASK_BYTES;
	return ret < 0 ? ret : (int)length;
}

/** Ask about the next names of *AT, or end it. */
static void go_on(struct us_net *net, struct us_net_mirror **at)
{
	struct us_worker *worker = net->worker;
	struct us_net_mirror *mirror = *at;
	char names[ASK_BYTES + US_WIRE_NAME_MAX + 1];
	struct us_record record = {.type = US_REPLY_ASK, .id = mirror->dir->net_id, .data = names};
	int ret = 0;

	if (!mirror->at_end && mirror->dir->fd[US_DST] >= 0) {
		ret = collect(worker, mirror, names);
	}
	if (ret < 0) {
		us_report_failed(worker, &(struct us_place){.dir = mirror->dir, .side = US_DST},
		                 "delete from directory", ret);
	}
	if (ret <= 0) {
		record = (struct us_record){.type = US_REPLY_MIRRORED, .id = record.id};
	}
	record.length = ret > 0 ? (uint32_t)ret : 0;
	us_net_put(net, &record);
	if (ret <= 0) {
		end(net, at);
	}
}

/** The same while its directory is pinned. */
static void with_pin(struct us_net *net, struct us_net_mirror **at, const struct us_record *missing)
{
	struct us_dircache *dirs = &net->session->job->dirs;
	struct us_dir *dir = (*at)->dir;
	int ret = us_dircache_pin(dirs, dir);

	if (ret < 0) {
		us_report_failed(net->worker, &(struct us_place){.dir = dir, .side = US_DST}, "reopen directory", ret);
		us_net_put(net, &(struct us_record){.type = US_REPLY_MIRRORED, .id = dir->net_id});
		end(net, at);
		return;
	}
	atomic_fetch_add_explicit(&dir->pending, 1, memory_order_relaxed); /* It may be over by the end of this. */
	if (missing != NULL && missing->length > 0) {
		us_mirror_names(net->worker, dir, missing->data, missing->length);
	}
	go_on(net, at);
	us_dircache_unpin(dirs, dir);
	us_worker_put_dir(net->worker, dir);
}

enum us_net_step us_net_mirror_take(struct us_net *net, const struct us_record *record)
{
	struct us_net_mirror **at = find(net, record->id);
	enum us_net_dir_use use;
	struct us_dir *dir;

	if (!net->session->job->options.remove || (record->type == US_RECORD_MIRROR) != (*at == NULL)) {
		return US_NET_WRONG;
	}
	if (record->type == US_RECORD_MISSING) {
		with_pin(net, at, record);
		return US_NET_TAKEN;
	}
	use = us_net_dirs_share(net, record->id, &dir);
	if (use == US_NET_DIR_GONE) {
		us_net_put(net, &(struct us_record){.type = US_REPLY_MIRRORED, .id = record->id});
	}
	if (use != US_NET_DIR_READY) {
		return use == US_NET_DIR_GONE ? US_NET_TAKEN : use == US_NET_DIR_LATER ? US_NET_STALL : US_NET_WRONG;
	}
	if (dir->is_virtual || add(net, dir) == NULL) {
		us_worker_put_dir(net->worker, dir);
		return US_NET_WRONG;
	}
	with_pin(net, find(net, record->id), NULL);
	return US_NET_TAKEN;
}
