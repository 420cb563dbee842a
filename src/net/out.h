/* SPDX-License-Identifier: MIT */
/**
 * @file out.h
 * What is to be sent on one connection: records are put into a frame, full frames wait for the connection.
 *
 * Two threads use it at a time, the worker and the keepalive (keepalive.h); each call takes its lock, and none waits
 * for the other side.
 */
#ifndef US_NET_OUT_H
#define US_NET_OUT_H

#include "net/frame.h"

#include <pthread.h>
#include <stdatomic.h>

struct us_compress;
struct us_conn;

/**
 * A pipe with contents that go to the connection without coming into memory.  Its owner's; zero at first but for fd.
 */
struct us_out_pipe {
	int fd;
	uint32_t left;      /**< Bytes of it that are queued and not sent: until there are none it has to stay. */
	uint32_t nr_frames; /**< So many frames of it have been sent, as they should be. */
	int error;          /**< Why it could not be read: others are void.  Or 0. */
};

/** A frame that is being filled, or sent. */
struct us_out_frame {
	struct us_out_frame *next;
	struct us_out_pipe *pipe; /**< Where what is missing in bytes comes from, or NULL. */
	uint32_t gap;    /**< With that: where in bytes it is missing, */
	uint32_t gap_length; /**< and how much. */
	enum us_wire_type type;
	uint32_t length; /**< Of the payload so far. */
	uint32_t sent;   /**< Of head and payload. */
	uint8_t bytes[US_FRAME_HEAD + US_WIRE_FRAME_MAX];
};

struct us_out {
	pthread_mutex_t lock;         /**< Guards what follows. */
	enum us_wire_type type;       /**< What records go into: US_WIRE_DATA or US_WIRE_REPLY. */
	struct us_out_frame *filling; /**< Or NULL. */
	struct us_out_frame *first;   /**< Sealed ones, in order. */
	struct us_out_frame **last;
	struct us_out_frame *free;
	unsigned int nr_free;
	bool unsummed;                /**< Frames of this type need no sum: that was agreed. */
	uint64_t nr_queued;           /**< Frames that were sealed, */
	uint64_t nr_sent;             /**< and that were sent to their end. */
	atomic_size_t queued;         /**< Bytes of the sealed ones that are not sent; read by the worker without the
	                                   lock. */
	int error;                    /**< Why nothing can be sent any more, or 0. */
	enum us_wire_type last_type;  /**< Of what was sealed last. */
	uint64_t sent_ns;             /**< When something was sent last, or it began (us_clock_ns()). */
	uint64_t taken_ns;            /**< Since then what is queued has not become less. */
	struct us_compress *compress; /**< For DATA; NULL: it goes as it is. */
	uint64_t plain;               /**< With that: bytes of the payloads, */
	uint64_t packed;              /**< and what they have become. */
};

void us_out_init(struct us_out *out, enum us_wire_type type);
void us_out_fini(struct us_out *out);

/** Let go of all that is queued. */
void us_out_clear(struct us_out *out);

/** From now on compress DATA at LEVEL, where it gets smaller by that.  @return 0 or -ENOMEM. */
int us_out_compress(struct us_out *out, unsigned int level);

/** Put RECORD into the frame at hand.  @return 0 or -ENOMEM. */
int us_out_record(struct us_out *out, const struct us_record *record);

/**
 * Queue RECORD, a FILE or PART whose contents are the next bytes of PIPE, with what is before it: as a bare frame.
 *
 * @return 0 or -ENOMEM.
 */
int us_out_piped(struct us_out *out, const struct us_record *record, struct us_out_pipe *pipe);

/** PIPE goes away: what is queued of it is void. */
void us_out_void(struct us_out *out, const struct us_out_pipe *pipe);

/** Queue a frame of another type, with what is before it.  @return 0 or -ENOMEM. */
int us_out_frame(struct us_out *out, enum us_wire_type type, const void *payload, uint32_t length);

/** Let the frame at hand go, if there is something in it. */
void us_out_seal(struct us_out *out);

/** True when as much is queued as should be: what can wait ought to. */
bool us_out_is_full(const struct us_out *out);

/** True when nothing is left to be sent, sealed or not. */
bool us_out_is_empty(struct us_out *out);

/** The number of the frame that the record put last is in: us_out_is_gone() says whether it was sent. */
uint64_t us_out_last(struct us_out *out);
bool us_out_is_gone(struct us_out *out, uint64_t frame);

/** True when nothing is sealed and not sent. */
bool us_out_is_sent(const struct us_out *out);

/** True when something is queued, and LIMIT_NS before NOW the connection had taken the last of what it took. */
bool us_out_is_stuck(struct us_out *out, uint64_t now, uint64_t limit_ns);

/** Send what the connection takes.  @return bytes, or a negative errno, again and again (-EAGAIN is none: 0). */
int us_out_send(struct us_out *out, struct us_conn *conn);

/**
 * The keepalive: when nothing was sent for INTERVAL_NS, send what is queued and not taken yet, or else a PING; after an
 * ABORT nothing, after an END when AFTER_END is set.  Nothing, too, while the worker is at it.  A failure is the
 * worker's to find, by us_out_send().
 *
 * @return for how long nothing has to be done, in nanoseconds.
 */
uint64_t us_out_keep_alive(struct us_out *out, struct us_conn *conn, uint64_t interval_ns, bool after_end);

#endif /* US_NET_OUT_H */
