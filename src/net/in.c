/* SPDX-License-Identifier: MIT */
/* A head is read first, and held against its limits before a byte of the payload is waited for. */
#include "net/in.h"

#include "base/us.h"
#include "net/compress.h"
#include "net/conn.h"

#include <limits.h>
#include <stdlib.h>

/** At most so many bytes at a time: then others have their turn. */
#define RECEIVE_MAX (4u << 20)

void us_in_init(struct us_in *in, unsigned int max)
{
	*in = (struct us_in){.max = max};
	in->last = &in->first;
}

int us_in_take_compressed(struct us_in *in)
{
	in->spare = malloc(sizeof(*in->spare));
	return in->spare != NULL ? us_decompress_new(&in->decompress) : -ENOMEM;
}

/** Free a list of frames. */
static void free_frames(struct us_in_frame *frame)
{
	while (frame != NULL) {
		struct us_in_frame *next = frame->next;

		free(frame);
		frame = next;
	}
}

void us_in_fini(struct us_in *in)
{
	free(in->filling);
	free_frames(in->first);
	free_frames(in->free);
	free(in->spare);
	us_decompress_free(in->decompress);
	us_in_init(in, in->max);
}

bool us_in_wants(const struct us_in *in)
{
	if (in->error < 0) {
		return in->first == NULL; /* It is still to be told. */
	}
	return !in->ended && (in->filling != NULL || in->free != NULL || in->nr < in->max);
}

/** Have a frame to read into.  @return 1, 0 when there are too many, or -ENOMEM. */
static int begin_frame(struct us_in *in)
{
	if (in->filling != NULL) {
		return 1;
	}
	if (in->free != NULL) {
		in->filling = in->free;
		in->free = in->free->next;
	} else if (in->nr < in->max) {
		in->filling = malloc(sizeof(*in->filling));
		if (in->filling == NULL) {
			return -ENOMEM;
		}
		in->nr++;
	} else {
		return 0;
	}
	in->filling->in = in;
	in->filling->next = NULL;
	in->filling->got = 0;
	in->filling->refs = 1;
	return 1;
}

/** Bytes that the frame at hand needs to be complete, or to tell how many it needs. */
static uint32_t missing(const struct us_in_frame *frame)
{
	uint32_t whole = US_FRAME_HEAD;

	if (frame->got >= US_FRAME_HEAD) {
		whole += frame->head.length;
	}
	return whole - frame->got;
}

/** The frame at hand is complete and compressed: put the one that is in it in its place.  @return 0 or -EBADMSG. */
static int decompress(struct us_in *in)
{
	struct us_in_frame *from = in->filling;
	struct us_in_frame *to = in->spare;
	uint32_t length;
	int ret = us_decompress(in->decompress, us_in_payload(from), from->head.length, to->bytes + US_FRAME_HEAD,
	                        &length);

	if (ret < 0) {
		return ret;
	}
	to->in = in;
	to->next = NULL;
	to->refs = 1;
	to->head = from->head;
	to->head.flags = 0;
	to->head.length = length;
	to->got = US_FRAME_HEAD + length;
	in->filling = to;
	in->spare = from;
	return 0;
}

/** The frame at hand is complete and bare: make one like others of it.  @return 1, 0 when it is void, or -EBADMSG. */
static int cut_bare(struct us_in_frame *frame)
{
	int ret = us_frame_cut_bare(&frame->head, us_in_payload(frame));

	if (ret == 0) {
		frame->got = 0; /* The next one is read into its place. */
	}
	return ret;
}

/** The frame at hand has grown.  @return 0 or -EBADMSG. */
static int look(struct us_in *in)
{
	struct us_in_frame *frame = in->filling;
	int ret;

	if (frame->got == US_FRAME_HEAD) {
		ret = us_frame_open(frame->bytes, &frame->head);
		if (ret < 0) {
			return ret;
		}
		if (((frame->head.flags & US_WIRE_COMPRESSED) != 0 && in->decompress == NULL) ||
		    ((frame->head.flags & US_WIRE_BARE) != 0 && !in->bare) ||
		    ((frame->head.flags & US_WIRE_UNSUMMED) != 0 && !in->unsummed)) {
			return -EBADMSG; /* That was not agreed. */
		}
	}
	if (missing(frame) > 0) {
		return 0;
	}
	ret = us_frame_check(&frame->head, us_in_payload(frame));
	if (ret < 0) {
		return ret;
	}
	in->completed++;
	if (frame->head.type == US_WIRE_PING) {
		/* That it came is all that it says; so there is room for it whatever others are waited for. */
		frame->got = 0;
		in->pings++;
		return 0;
	}
	if ((frame->head.flags & US_WIRE_COMPRESSED) != 0) {
		ret = decompress(in);
		if (ret < 0) {
			return ret;
		}
		frame = in->filling;
	}
	if ((frame->head.flags & US_WIRE_BARE) != 0) {
		ret = cut_bare(frame);
		if (ret <= 0) {
			return ret;
		}
	}
	frame->bytes[US_FRAME_HEAD + frame->head.length] = 0;
	*in->last = frame;
	in->last = &frame->next;
	in->filling = NULL;
	return 0;
}

int us_in_receive(struct us_in *in, struct us_conn *conn)
{
	int total = 0;

	while (!in->ended && in->error == 0 && total < (int)RECEIVE_MAX) {
		struct us_in_frame *frame;
		int ret = begin_frame(in);

		if (ret <= 0) {
			return ret < 0 ? ret : total;
		}
		frame = in->filling;
		ret = us_conn_read(conn, frame->bytes + frame->got, missing(frame));
		if (ret == -EAGAIN) {
			break;
		}
		if (ret < 0) {
			in->error = ret;
			break;
		}
		if (ret == 0) {
			in->ended = true;
			break;
		}
		frame->got += (uint32_t)ret;
		total += ret;
		in->total += (uint64_t)ret;
		if (frame->got == US_FRAME_HEAD || missing(frame) == 0) {
			ret = look(in);
			if (ret < 0) {
				return ret;
			}
		}
	}
	return total > 0 || in->first != NULL ? total : in->error;
}

struct us_in_frame *us_in_take(struct us_in *in)
{
	struct us_in_frame *frame = in->first;

	if (frame != NULL) {
		in->first = frame->next;
		if (in->first == NULL) {
			in->last = &in->first;
		}
		frame->next = NULL;
	}
	return frame;
}

void us_in_put(struct us_in_frame *frame)
{
	struct us_in *in = frame->in;

	if (--frame->refs == 0) {
		frame->next = in->free;
		in->free = frame;
	}
}
