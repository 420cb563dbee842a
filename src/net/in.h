/* SPDX-License-Identifier: MIT */
/**
 * @file in.h
 * What was received on one connection: whole frames, in order.  A frame's memory is used as it is, so it stays until
 * the last one who needs it has let it go; when as many are in use as may be, no more is read.
 */
#ifndef US_NET_IN_H
#define US_NET_IN_H

#include "net/frame.h"

struct us_conn;
struct us_decompress;

/** A frame. */
struct us_in_frame {
	struct us_in *in;
	struct us_in_frame *next;
	struct us_frame head;
	unsigned int refs;
	uint32_t got; /**< Bytes of head and payload that are there. */
	uint8_t bytes[US_FRAME_HEAD + US_WIRE_FRAME_MAX + 1]; /**< And a NUL. */
};

struct us_in {
	struct us_in_frame *filling; /**< Being read, or NULL. */
	struct us_in_frame *first;   /**< Complete, not taken. */
	struct us_in_frame **last;
	struct us_in_frame *free;
	unsigned int nr;             /**< Frames that there are. */
	unsigned int max;            /**< And may be. */
	uint64_t total;              /**< Bytes received. */
	uint64_t completed;          /**< Frames. */
	uint64_t pings;              /**< Of these: signs of life, which are for no one to take. */
	struct us_decompress *decompress; /**< NULL: compressed frames are refused. */
	struct us_in_frame *spare;   /**< With that: what the next one is decompressed into. */
	bool bare;                   /**< Bare frames are taken; else they are refused. */
	bool unsummed;               /**< Frames without a sum are taken: that was agreed. */
	bool ended;                  /**< The other side has closed its end. */
	int error;                   /**< Why nothing more can be read, or 0. */
};

void us_in_init(struct us_in *in, unsigned int max);

/** From now on take compressed frames, too.  @return 0 or -ENOMEM. */
int us_in_take_compressed(struct us_in *in);

/** No frame may be in use. */
void us_in_fini(struct us_in *in);

/** True when there is room for more to be read. */
bool us_in_wants(const struct us_in *in);

/**
 * Read what is there.  Why no more can be read is told once the frames that came before are taken: the last one may
 * say why that is.
 *
 * @return bytes; 0 when there was nothing, or in->ended is set; -EBADMSG when it is no frame; another negative errno.
 */
int us_in_receive(struct us_in *in, struct us_conn *conn);

/** True when no complete frame is left to be taken. */
static inline bool us_in_is_empty(const struct us_in *in)
{
	return in->first == NULL;
}

/** Take the next frame, with one reference; NULL when there is none. */
struct us_in_frame *us_in_take(struct us_in *in);

/** Drop a reference. */
void us_in_put(struct us_in_frame *frame);

/** Its payload. */
static inline const uint8_t *us_in_payload(const struct us_in_frame *frame)
{
	return frame->bytes + US_FRAME_HEAD;
}

#endif /* US_NET_IN_H */
