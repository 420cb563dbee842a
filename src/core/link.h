/* SPDX-License-Identifier: MIT */
/**
 * @file link.h
 * A worker whose source or sink is on the other side of a connection.
 *
 * Such a worker never sleeps in its ring or its feed: it moves what there is to move, and when a whole round has moved
 * nothing it waits for the connection, the ring and the feed together.
 */
#ifndef US_CORE_LINK_H
#define US_CORE_LINK_H

#include <stdbool.h>

struct us_sink_ops;
struct us_source_ops;
struct us_worker;
struct usync_event;
struct usync_job;

/** What connections do for their job.  From move on, all calls but event are made by the worker's own thread. */
struct us_link_ops {
	const struct us_source_ops *source; /**< NULL: this machine's. */
	const struct us_sink_ops *sink;     /**< The same. */

	/**
	 * Before anything else: meet the other side, and learn from it what is wanted.
	 *
	 * @return 0 or -errno after error_text was set.
	 */
	int (*meet)(struct usync_job *job);

	/** Open this side's root (target.h), and agree with the other side that all can begin.  @return likewise. */
	int (*open)(struct usync_job *job);

	/**
	 * The workers have ended, or there were none: tell the other side how it ended (ERROR: why it did not begin, or
	 * 0), learn the same of it, and take leave.
	 */
	void (*finish)(struct usync_job *job, int error);

	/** How many workers there are: one for each connection. */
	unsigned int (*workers)(const struct usync_job *job);

	/** Files of one worker that there may be, most of which wait for the other side. */
	unsigned int (*tokens)(const struct usync_job *job);

	/**
	 * Send and receive what can be without waiting, and let files and directories go on by it.
	 *
	 * @return true when anything was.
	 */
	bool (*move)(struct us_worker *worker);

	/** Sleep until there may be something to do.  WANTS: a new task is, too. */
	void (*wait)(struct us_worker *worker, bool wants);

	/**
	 * Nothing is in flight and no more will come: say so to the other side.
	 *
	 * @return true when that has been settled, too.
	 */
	bool (*end)(struct us_worker *worker);

	/**
	 * True when nothing new is to be begun before move: what there is to tell of what was begun takes too much
	 * room. What fails at once neither fills the window nor waits for anything.
	 */
	bool (*holds)(const struct us_worker *worker);

	/**
	 * An event of this side's: it may be for the other side as well.  Any thread, never two at once.
	 *
	 * @return true when the other side will be told, or with peer_reports options.event if that can't be.
	 */
	bool (*event)(struct usync_job *job, const struct usync_event *event);
};

#endif /* US_CORE_LINK_H */
