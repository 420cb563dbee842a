/* SPDX-License-Identifier: MIT */
/**
 * @file session.h
 * One transfer: its connections, each with its worker, and what they have in common.
 *
 *	session.c         what there is from before the beginning until after the end
 *	session_begin.c   meets the other side, and agrees with it; with talk.c
 *	session_end.c     tells and learns how it ended
 *	net.c             one connection in the middle: frames in and out, silence
 *	keepalive.c       the signs of life
 *	net_events.c      what the other side's user is to be told
 *	net_sink.c        a sender's worker
 *	net_reply.c       what the receiver answers it
 *	net_pipe.c        contents that go from file to connection without coming into memory
 *	net_source.c      a receiver's worker
 *	net_dirs.c        directories by the numbers that the sender gives them
 *	net_xattrs.c      the extended attributes that it holds
 *	net_ranges.c      the sender's, net_share.c the receiver's part in files that come on all connections (ranges.h)
 */
#ifndef US_NET_SESSION_H
#define US_NET_SESSION_H

#include "base/clock.h"
#include "core/link.h"
#include "net/in.h"
#include "net/keepalive.h"
#include "net/out.h"
#include "net/peer.h"

#include <pthread.h>
#include <stdatomic.h>

/** A silence that has no limit has this one: ten years, in ns. */
#define US_NET_FOREVER (3600 * 24 * 3650 * US_SECOND_NS)

struct us_conn;
struct us_dir;
struct us_digest;
struct us_dir_open;
struct us_file;
struct us_session;
struct us_worker;
struct us_xattrs;
struct usync_event;
struct usync_job;

/** Files of a connection that may wait for their receipts. */
#define US_NET_TOKENS 1024u

/** A file that the sender has told of: what the receiver keeps of it beside struct us_file. */
struct us_token {
	struct us_file *file;      /**< In flight, or NULL. */
	struct us_in_frame *frame; /**< Which its name, or the part in hand, lies in; or NULL. */
	char *name;                /**< Its own copy of the name, once the frame was let go. */
	const void *data;          /**< Its first part, as long as the frame is there. */
	uint32_t length;
	bool first_eof;            /**< It is the last part. */
	bool began_at_0;           /**< And the first one. */
	bool failed;               /**< It is over, but the sender may not know yet. */
	bool parked;               /**< It waits for the next part. */
	bool wanted;               /**< Contents from the first byte were asked for. */
	bool is_begun;             /**< It was looked at, where that is needed. */
	bool restarting;           /**< It is voided because the sender sends it anew. */
	bool skipped;
	bool broken;               /**< The sender gave it up, and said why. */
	uint32_t xattrs;           /**< Bytes of its extended attributes, as they are counted. */
	uint32_t range;            /**< Its contents could come in ranges of so many bytes; 0: not. */
	uint32_t number;           /**< They do, under this number, or 0. */
	bool opening;              /**< It is being made for that. */
	bool is_void;              /**< What came so was not of the file that is there now. */
};

/** What the sender keeps of a file beside struct us_file, by its token. */
struct us_sent {
	uint64_t resume;           /**< From here on contents are wanted. */
	uint64_t size;             /**< Of the file, when the receiver was told of it. */
	struct statx_timestamp mtime; /**< Likewise. */
	uint8_t sum[16];           /**< Of the receiver's contents. */
	struct us_digest *digest;  /**< Of the own, while they are read to be compared. */
	bool has_failed;           /**< Its receipt came before all of it was sent. */
	bool again;                /**< What comes next is from the first byte wanted, whatever was sent. */
	bool is_held;              /**< It is kept open until its receipt, for some of it went through a pipe. */
	bool is_new;               /**< The receiver hears of it by the first frame of the pipe. */
	struct us_out_pipe pipe;   /**< Its own, as long as something of it is queued. */
	uint8_t wanted;            /**< How often contents were wanted. */
	struct statx_timestamp ctime; /**< As mtime. */
	bool offered;              /**< It was said that its contents could come in ranges. */
	bool ranged;               /**< They do, or did. */
	bool whole;                /**< With number: all were sent. */
	bool abandons;             /**< With number: what is left is to say that they can't be had. */
	uint32_t number;           /**< What the receiver calls it as long as ranges may come, or 0. */
	uint64_t ranges_end;       /**< With that: where those that were begun end. */
};

/** A range that is being sent. */
struct us_net_range {
	struct us_net_large *large; /**< Of which file; NULL: none is. */
	uint64_t start;
	uint64_t at;                /**< So far it was read. */
	uint64_t end;
	uint64_t data_end;          /**< Where the data at hand end, if there may be holes. */
	uint32_t got;               /**< Bytes in the worker's large_buf, */
	uint32_t sent;              /**< and of these queued. */
	uint64_t paced_ns;          /**< Before this moment --bwlimit lets the next of them not go. */
};

/** A connection with its worker. */
struct us_net {
	struct us_session *session;
	struct us_worker *worker;
	struct us_conn *conn;
	struct us_in in;
	struct us_out out;
	uint64_t heard_ns;    /**< When something came. */
	struct us_net_mirror *mirrors; /**< Directories from which something is being deleted. */
	uint64_t begun_ns;    /**< When the frame that is coming began to; 0: none is. */
	uint64_t completed;   /**< As in.completed was then. */
	uint64_t begun_total; /**< And in.total. */
	bool failed;          /**< It is of no use any more. */
	bool broken;          /**< Nothing can be sent any more; what has come is still taken. */
	int send_error;       /**< Why, when a call said so: a negative errno. */
	bool end_sent;
	bool abort_queued;    /**< It was told why this side stops, or will be. */
	bool end_received;
	int bell;             /**< An eventfd, on which other workers ring: there is news of files that are shared with
	                           them. */
	bool has_begun;       /**< Its worker has seen how its calls are made. */
	struct us_pending_event *told; /**< With peer_reports: events that are queued and perhaps not sent. */
	struct us_pending_event **told_end;

	/* The sender's. */
	struct us_file *blocked; /**< Files that wait for room, in order. */
	struct us_file **blocked_end;
	struct us_file *piping;  /**< Files whose pipe is on its way. */
	unsigned int nr_held;    /**< Files that are kept open. */
	uint64_t paced_ns;       /**< Before this moment --bwlimit lets none of them go; a receiver's: not the record at
	                              hand. */
	struct us_sent *sent;    /**< By token. */
	struct us_net_range range;
	uint64_t nr_ranges;      /**< That went on this connection. */

	/* The receiver's. */
	struct us_token *tokens;
	unsigned int nr_shares;           /**< Files of this connection whose ranges come on all. */
	struct us_in_frame *frame;        /**< Whose records are being taken, or NULL. */
	struct us_record_cursor cursor;
	struct us_record record;          /**< The next one. */
	bool has_record;
	struct us_file *summing;          /**< It has that record, up to whose contents its sum is not taken yet; or
	                                       NULL. */
} __attribute__((aligned(64)));

/** A directory by its number. */
struct us_net_dir;

/** An event that is still to be told to the sender. */
struct us_pending_event;

struct us_session {
	struct usync_job *job;
	struct usync_peer *peer;
	bool is_sender;
	uint64_t timeout_ns;      /**< How long the other side may be silent. */
	uint64_t patience_ns;     /**< How long it lets this one be. */
	atomic_uint_fast64_t moved_ns; /**< When something but a sign of life went or came, on any connection. */
	atomic_bool is_still;     /**< It was told that nothing does. */
	unsigned int tokens;
	unsigned int nr;
	struct us_net *nets;      /**< One for each connection. */
	atomic_uint active;       /**< Workers that have not come to their end. */
	uint32_t features;        /**< That this side has, and once they have met, both. */
	atomic_bool ring_noted;   /**< It was told how the sockets' calls are made. */
	bool met;                 /**< Both know that the other speaks this protocol. */
	bool over;                /**< The other side has told how it ended. */

	pthread_mutex_t share_lock; /**< Guards what connections have in common of files that come in ranges. */

	/* The sender's. */
	atomic_uint_fast64_t next_id;
	uint32_t wishes;
	struct us_net_large *larges;      /**< Files that are sent in ranges, in order. */
	atomic_uint nr_larges;

	/* The receiver's. */
	pthread_mutex_t lock;     /**< Guards the directories. */
	struct us_net_dir **dirs; /**< A hash table. */
	size_t nr_dirs;
	size_t nr_buckets;
	atomic_uint_fast64_t xattrs_held; /**< See us_net_xattrs_take(). */
	bool trusts;              /**< Owners, set-id bits and devices are taken as they come. */
	char *one_name;           /**< What the only entry is called here, or NULL. */
	char *suffix;             /**< What options.suffix points to. */
	struct us_net_share *shares; /**< Files that come in ranges. */
	unsigned int nr_shares;
	uint32_t last_share;      /**< The last one's number. */
	struct us_start start;
	struct us_in_frame *start_frame;
	atomic_bool has_events;
	pthread_mutex_t events_lock;
	struct us_pending_event *events;
	struct us_pending_event **events_end;
	atomic_size_t events_bytes; /**< Of those that wait. */
	uint64_t events_lost;     /**< Others, for which there was no room. */
	bool events_over;         /**< The other side hears nothing more. */
	struct us_keepalive keepalive;
};

/**
 * Make JOB one that sends to, or receives from, PEER, which is borrowed.
 *
 * @return 0 or a negative errno.
 */
int us_session_new(struct usync_job *job, struct usync_peer *peer, bool is_sender);

/** Free what that made; the connections stay. */
void us_session_free(struct usync_job *job);

/** Free what the connections hold while they are in use. */
void us_session_release(struct us_session *session);

/* The beginning: session_begin.c.  For each see us_link_ops. */
int us_session_send_meet(struct usync_job *job);
int us_session_send_open(struct usync_job *job);
int us_session_receive_meet(struct usync_job *job);
int us_session_receive_open(struct usync_job *job);

/* The end: session_end.c */

/** See us_link_ops. */
void us_session_send_finish(struct usync_job *job, int error);
void us_session_receive_finish(struct usync_job *job, int error);

/** Queue why this side stops.  @return 0, -EALREADY, or -ENOMEM. */
int us_net_queue_abort(struct us_net *net);

/** It was queued, and what can be sent was: see whether it has gone. */
void us_net_abort_sent(struct us_net *net);

/* net.c */

/** The connection failed, or what came on it is wrong: the job stops. */
void us_net_fail(struct us_net *net, const char *what, int error);

/** See us_link_ops. */
bool us_net_move(struct us_worker *worker);
void us_net_wait(struct us_worker *worker, bool wants);
bool us_net_end(struct us_worker *worker);

/** Put a record into the frame at hand; without memory for it the connection fails. */
void us_net_put(struct us_net *net, const struct us_record *record);

/** Wake the worker of NET: there is news for it.  Any thread. */
void us_net_ring(const struct us_net *net);

/** Wake all of them but NET's. */
void us_net_ring_others(const struct us_net *net);

/** Handle a frame that is neither DATA nor REPLY. @return false when it is one of those. */
bool us_net_take_control(struct us_net *net, const struct us_in_frame *frame);

/* The sender: net_sink.c, net_reply.c */
extern const struct us_sink_ops us_net_sink;

/** Tell of DIR and of all above it, as far as this connection has not yet. FLAGS are of DIR alone. */
void us_net_announce(struct us_net *net, struct us_dir *dir, uint8_t flags);

/** Make the record of DIR. */
void us_net_describe_dir(const struct us_dir *dir, struct us_record *record);

/** Go on with files all of whose ranges were sent, or can't be.  @return true when there was one. */
bool us_net_sink_ranged(struct us_net *net);

/** Go on with files that waited for room. */
void us_net_unblock(struct us_net *net);

/** The job is stopping: no answers will be waited for. */
void us_net_sink_give_up(struct us_net *net);

/** The receiver's answers are in FRAME. */
void us_net_take_replies(struct us_net *net, const struct us_in_frame *frame);

/**
 * What the receiver says of FILE, of which it was told: WANT, REACHED, COMPARE, DONE.
 * @return false when it can't say that.
 */
bool us_net_sink_wanted(struct us_net *net, struct us_file *file, const struct us_record *record);
bool us_net_sink_reached(struct us_net *net, struct us_file *file, const struct us_record *record);
bool us_net_sink_compare(struct us_net *net, struct us_file *file, const struct us_record *record);
bool us_net_sink_done(struct us_net *net, struct us_file *file, const struct us_record *record);

/** The same for the directory of a DIR reply. */
bool us_net_sink_dir(struct us_net *net, const struct us_record *record);

/** FILE is over, for good or bad. */
void us_net_sink_let_go(struct us_net *net, struct us_file *file);

/** It failed here, before the receiver could say so. */
void us_net_sink_fail(struct us_net *net, struct us_file *file, const char *what, int error);

/* The same, by splice: net_pipe.c */

/** Can contents of this job go through pipes, if its user wants that?  What comes of it is noted. */
bool us_net_pipe_settle(const struct us_session *session);

/** True when FILE, which is about to be read, is to go through a pipe. */
bool us_net_pipe_takes(const struct us_net *net, const struct us_file *file);

/** Queue RECORD, whose contents are next in FILE's pipe. */
void us_net_pipe_put(struct us_net *net, struct us_file *file, struct us_sent *sent, const struct us_record *record);

/** All of the part in hand of FILE is queued: go on when it was sent. */
void us_net_pipe_wait(struct us_net *net, struct us_file *file);

/** Go on with files whose pipe is empty. */
void us_net_pipe_unblock(struct us_net *net);

/** FILE's receipt has come. @return false, after that was reported, when it was not what the receiver has for sure. */
bool us_net_pipe_check(struct us_net *net, struct us_file *file, const struct us_sent *sent);

/** What went through FILE's pipe is of no interest any more. */
void us_net_pipe_forget(struct us_net *net, struct us_sent *sent);

/** The job is stopping. */
void us_net_pipe_give_up(struct us_net *net);

/* The receiver: net_source.c, net_dirs.c */
extern const struct us_source_ops us_net_source;

/** Go on with files all of whose ranges have come, or can't be written.  @return true when there was one. */
bool us_net_source_shared(struct us_net *net);

/** The job is stopping: no more parts will be waited for. */
void us_net_source_give_up(struct us_net *net);

/** The root: told of by START, open. */
int us_net_dirs_init(struct us_session *session, struct us_dir *root, uint64_t id);
void us_net_dirs_fini(struct us_session *session);

/** All workers but this one have ended: let all directories go that the sender has not ended. */
void us_net_dirs_give_up(struct us_session *session, struct us_worker *worker);

/** What became of a record that needs a directory. */
enum us_net_step {
	US_NET_TAKEN, /**< It was dealt with. */
	US_NET_STALL, /**< It can't be yet: later.  What it waits for wakes the worker: its own ring, its bell, or its
	                   turn. */
	US_NET_WRONG, /**< No sender may send that. */
};

/** DIR and DIR_END. */
enum us_net_step us_net_dirs_announce(struct us_net *net, const struct us_record *record);
enum us_net_step us_net_dirs_end(struct us_net *net, const struct us_record *record);

/** What us_net_dirs_use() found. */
enum us_net_dir_use {
	US_NET_DIR_READY, /**< It is that of the worker's slice now. */
	US_NET_DIR_GONE,  /**< It failed, and with it all in it. */
	US_NET_DIR_LATER, /**< It is being opened; another worker that does rings when it has. */
	US_NET_DIR_NONE,  /**< There is no such one. */
};

/** Find the directory ID.  @return READY with a share in its pending, which is the caller's. */
enum us_net_dir_use us_net_dirs_share(struct us_net *net, uint64_t id, struct us_dir **dir);

/** Make the directory ID that of the worker's slice. */
enum us_net_dir_use us_net_dirs_use(struct us_net *net, uint64_t id);

/** For us_net_source. */
void us_net_dirs_opened(struct us_worker *worker, struct us_dir *dir);
void us_net_dirs_failed(struct us_worker *worker, struct us_dir *dir);

/**
 * True when nothing in DIR, which is open, need be asked for: it was made, and there is no reference of it, which may
 * have what would be sent.
 */
bool us_net_dirs_is_new(const struct us_dir *dir);

/**
 * Take the extended attributes that RECORD has into OUT (NULL: there are none), to be freed with free(3).
 *
 * @param[in,out] held  Bytes that are counted for them; once they are freed us_net_xattrs_drop() gives that back.
 * @return 0; -EBADMSG; -ENOMEM; or -E2BIG when all entries together have too many.
 */
int us_net_xattrs_take(struct us_session *session, const struct us_record *record, struct us_xattrs **out,
                       uint32_t *held);
void us_net_xattrs_drop(struct us_session *session, uint32_t *held);

/* What the other side's user is told: net_events.c */

/** See us_link_ops: what failed here is for the other side's user, too, unless this is a sender with a user of its own. */
bool us_net_events_add(struct usync_job *job, const struct usync_event *event);

/** See us_link_ops: so much waits to be told that it comes first. */
bool us_net_events_hold(const struct us_worker *worker);

/** Put what waits to be told into NET's frame at hand.  @return true when there was anything. */
bool us_net_events_tell(struct us_net *net);

/** Something that happened there: tell it as if it had here, unless it is told there.  @return false: it can't be. */
bool us_net_events_take(struct us_net *net, const struct us_record *record);

/** Nothing more will be told there: with peer_reports hand to the caller what was not. */
void us_net_events_end(struct us_session *session);

/** Forget what waits. */
void us_net_events_free(struct us_session *session);

/* Deletions: net_mirror.c */

/** Member of us_net_sink. */
void us_net_mirror_begin(struct us_worker *worker, struct us_dir *dir);

/** The sender: ASK and MIRRORED.  @return false when the receiver can't say that. */
bool us_net_mirror_reply(struct us_net *net, const struct us_record *record);

/** The receiver: MIRROR and MISSING. */
enum us_net_step us_net_mirror_take(struct us_net *net, const struct us_record *record);

/** The job is stopping. */
void us_net_mirror_give_up(struct us_net *net);

#endif /* US_NET_SESSION_H */
