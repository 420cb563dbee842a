/* SPDX-License-Identifier: MIT */
/**
 * @file script.h
 * The other side of a transfer, which says what an input has, and not what the protocol would have it say.
 *
 * An input is SCRIPT_CONFIG bytes that say under what circumstances, and then frames as they are on the wire, head and
 * payload, but that their sums are made when they are sent, that the last payload is as long as there are bytes for it,
 * and that the head's zero says how it goes (SCRIPT_ bits).  So what a transfer has said is an input, and small
 * changes to it come past the sums.
 *
 * A frame is sent when the job has nothing to say about the one before it any more.  What the job says is held against
 * the protocol: whatever it was told, it sends nothing that can't be decoded.
 */
#ifndef SCRIPT_H
#define SCRIPT_H

#include "net/frame.h"
#include "net/peer.h"

#include <stdatomic.h>

#define SCRIPT_CONFIG 8u

/**
 * The configuration's last byte of what was recorded and not changed: the job will be content.  No mutation leaves it.
 */
#define SCRIPT_RECORDED 1u
#define SCRIPT_CONNS_MAX 3u

/** What stands in a head's zero. */
enum {
	SCRIPT_EAGER = 1,     /**< It is sent without waiting for anything. */
	SCRIPT_DRIP = 2,      /**< In small pieces. */
	SCRIPT_RAW = 4,       /**< With its length, its sum and this as they stand. */
	SCRIPT_CONN_SHIFT = 4, /**< Above that: the number of its connection. */
};

struct script;

/** One connection. */
struct script_conn {
	struct script *script;
	unsigned int index;
	const uint8_t *next;    /**< Where its next frame may stand. */
	uint8_t *frame;         /**< What is being sent: a head and a payload; or NULL. */
	size_t length;
	size_t sent;
	uint16_t how;
	unsigned int quiet;     /**< Reads since something was written. */
	unsigned int writes;
	unsigned int refused;
	uint8_t *heard;         /**< What was written, up to a whole frame. */
	size_t nr_heard;
	size_t room;
	struct us_decompress *decompress; /**< Once something compressed was heard. */
	uint8_t *plain;         /**< Room for what was in it. */
};

struct script {
	const uint8_t *data;
	const uint8_t *end;
	unsigned int nr;            /**< Connections. */
	bool of_sender;             /**< The job is a receiver. */
	unsigned int takes;         /**< Writes after which some are refused. */
	unsigned int most;          /**< Bytes of a write that are taken, or 0: all. */
	const char *secret;         /**< What the job may not say, or NULL. */
	struct script_conn conns[SCRIPT_CONNS_MAX];

	/* What was heard and said; the job's threads count. */
	atomic_uint files_heard;    /**< FILE records that are not AGAIN. */
	atomic_uint done_said;      /**< DONE records. */
	atomic_uint final_heard;    /**< FINAL without an error. */
	atomic_uint final_said;
};

/** Begin to play DATA, which has SCRIPT_CONFIG bytes at least and stays, to NR connections of a job. */
void script_init(struct script *script, const uint8_t *data, size_t size, unsigned int nr, bool of_sender);

/** The connections, for a job. */
struct usync_peer *script_peer(struct script *script);

/** The job has ended and its peer is freed. */
void script_fini(struct script *script);

/**
 * The frame at AT, before END: its head, and its payload's length, cut to what is there.
 *
 * @return false when there is none.
 */
bool script_frame(const uint8_t *at, const uint8_t *end, struct us_wire_head *head, uint32_t *length);

#endif /* SCRIPT_H */
