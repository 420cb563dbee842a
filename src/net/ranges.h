/* SPDX-License-Identifier: MIT */
/**
 * @file ranges.h
 * Large files, whose contents come in ranges on all connections: net_ranges.c is the sender's part, net_share.c the
 * receiver's.
 *
 * The receiver gives such a file a number when it has made it, so that no range comes before there is a place for it.
 * A range comes on one connection, from its start to its end.  The file's own connection is the one on which it was
 * told of; that one's worker begins and ends it on both sides.
 */
#ifndef US_NET_RANGES_H
#define US_NET_RANGES_H

#include "net/session.h"

struct us_net_large;
struct us_net_share;

/* The sender. */

/**
 * Send FILE, which is open, from OFFSET on in ranges; NUMBER is what the receiver calls it.
 *
 * @return NULL without memory or a descriptor for that.
 */
struct us_net_large *us_net_ranges_begin(struct us_net *net, struct us_file *file, uint32_t number, uint64_t offset);

/** What became of one, all of whose ranges have come to their end. */
struct us_net_ranged {
	struct us_file *file;
	uint64_t end;  /**< Where those that were begun end. */
	bool is_whole; /**< All of the file was read. */
	int error;     /**< Why it could not be read, or 0. */
};

/** Do a piece of what is to be done for large files on this connection.  @return true when anything was. */
bool us_net_ranges_move(struct us_net *net);

/** Take one of this connection's files that have come to their end.  @return false when there is none. */
bool us_net_ranges_take(struct us_net *net, struct us_net_ranged *out);

/** The receiver has all of FILE up to OFFSET.  @return false when that can't be. */
bool us_net_ranges_reached(struct us_net *net, const struct us_file *file, uint64_t offset);

/** No more of FILE is needed. */
void us_net_ranges_stop(struct us_net *net, const struct us_file *file);

/** The job is stopping: this connection's part in all of them is over. */
void us_net_ranges_give_up(struct us_net *net);

/* The receiver. */

/**
 * Bytes before the end of a file that comes in ranges of RANGE bytes which may not be there when those behind them are.
 */
uint64_t us_net_share_slack(const struct us_net *net, uint32_t range);

/**
 * Take what comes of FILE, which is open and has all before its offset, in ranges of RANGE bytes: then its offset is
 * where they begin.
 *
 * @return its number; 0 when it has to come in order; or a negative errno: there is no room on the disk.
 */
int64_t us_net_share_open(struct us_net *net, struct us_file *file, uint32_t range);

/** RANGE and RANGES_END. */
enum us_net_step us_net_share_range(struct us_net *net, const struct us_record *record);
enum us_net_step us_net_share_end(struct us_net *net, const struct us_record *record);

/** What became of one of a connection's own. */
struct us_net_shared {
	struct us_file *file;
	bool is_complete; /**< All of it was written.  Else, without an error, what was is void. */
	int error;        /**< Why a range could not be written, or 0. */
};

/**
 * Tell how far this connection's own have come, and take one that has come to its end.
 *
 * @return false when there is none.
 */
bool us_net_share_take(struct us_net *net, struct us_net_shared *out);

/**
 * FILE is over, or comes in order from here on.
 *
 * @return 0, or a negative errno: what was written did not reach the file after all.
 */
int us_net_share_leave(struct us_net *net, const struct us_file *file);

/** The transfer is over: free what is left of them. */
void us_net_shares_fini(struct us_session *session);

#endif /* US_NET_RANGES_H */
