/* SPDX-License-Identifier: MIT */
/*
 * Frames are large and seldom full: their pages are touched only as far as they are filled, and a few are kept for the
 * next ones.
 */
#include "net/out.h"

#include "base/clock.h"
#include "base/us.h"
#include "net/compress.h"
#include "net/conn.h"
#include "sys/call.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/**
 * A frame goes when it has so many bytes: enough to make its head, sum and encryption cheap, few enough to stay in a
 * cache.
 */
#define RIPE_BYTES (128u << 10)

/**
 * The same of answers: a sender that has no token left reads nothing until it gets receipts, so they come a few at a
 * time.
 */
#define RIPE_REPLY_BYTES (1536u)

/** As much may be queued. */
#define FULL_BYTES (1u << 20)

/** Unused frames to keep. */
#define KEEP_FRAMES 6u

/** When the worker was at it, the keepalive looks again after this part of its interval. */
#define BUSY_DIVISOR 8u

void us_out_init(struct us_out *out, enum us_wire_type type)
{
	*out = (struct us_out){.type = type, .sent_ns = us_clock_ns()};
	out->last = &out->first;
	pthread_mutex_init(&out->lock, NULL);
}

int us_out_compress(struct us_out *out, unsigned int level)
{
	int ret;

	pthread_mutex_lock(&out->lock);
	ret = us_compress_new(&out->compress, level);
	pthread_mutex_unlock(&out->lock);
	return ret;
}

/** Free a list of frames. */
static void free_frames(struct us_out_frame *frame)
{
	while (frame != NULL) {
		struct us_out_frame *next = frame->next;

		free(frame);
		frame = next;
	}
}

void us_out_clear(struct us_out *out)
{
	pthread_mutex_lock(&out->lock);
	free(out->filling);
	free_frames(out->first);
	free_frames(out->free);
	out->filling = NULL;
	out->first = NULL;
	out->last = &out->first;
	out->free = NULL;
	out->nr_free = 0;
	atomic_store(&out->queued, 0);
	pthread_mutex_unlock(&out->lock);
}

void us_out_fini(struct us_out *out)
{
	us_out_clear(out);
	us_compress_free(out->compress);
	pthread_mutex_destroy(&out->lock);
}

/** An empty frame. */
static struct us_out_frame *take_frame(struct us_out *out, enum us_wire_type type)
{
	struct us_out_frame *frame = out->free;

	if (frame != NULL) {
		out->free = frame->next;
		out->nr_free--;
	} else {
		frame = malloc(sizeof(*frame));
	}
	if (frame != NULL) {
		frame->next = NULL;
		frame->pipe = NULL;
		frame->type = type;
		frame->length = 0;
		frame->sent = 0;
	}
	return frame;
}

/** A frame that was sent. */
static void put_frame(struct us_out *out, struct us_out_frame *frame)
{
	if (out->nr_free >= KEEP_FRAMES) {
		free(frame);
		return;
	}
	frame->next = out->free;
	out->free = frame;
	out->nr_free++;
}

/** Compress FRAME, where that pays.  @return what is to be sent in its place, or FRAME itself. */
static struct us_out_frame *compress(struct us_out *out, struct us_out_frame *frame, uint8_t *flags)
{
	struct us_out_frame *packed = take_frame(out, frame->type);

	if (packed == NULL) {
		return frame;
	}
	packed->length =
		us_compress(out->compress, frame->bytes + US_FRAME_HEAD, frame->length, packed->bytes + US_FRAME_HEAD);
	out->plain += frame->length;
	if (packed->length == 0) {
		out->packed += frame->length;
		put_frame(out, packed);
		return frame;
	}
	out->packed += packed->length;
	*flags = US_WIRE_COMPRESSED;
	put_frame(out, frame);
	return packed;
}

/** FRAME is complete. */
static void queue(struct us_out *out, struct us_out_frame *frame)
{
	uint8_t flags = 0;
	uint8_t unsummed = out->unsummed && frame->type == out->type ? US_WIRE_UNSUMMED : 0;

	if (frame->pipe != NULL) {
		flags = US_WIRE_BARE;
	} else if (out->compress != NULL && frame->type == US_WIRE_DATA) {
		frame = compress(out, frame, &flags);
	}
	us_frame_seal(frame->bytes, frame->type, flags | unsummed, frame->length);
	if (out->first == NULL) {
		out->taken_ns = us_clock_ns();
	}
	*out->last = frame;
	out->last = &frame->next;
	out->last_type = frame->type;
	out->nr_queued++;
	atomic_fetch_add_explicit(&out->queued, US_FRAME_HEAD + frame->length, memory_order_relaxed);
}

/** See us_out_seal(). */
static void seal(struct us_out *out)
{
	struct us_out_frame *frame = out->filling;

	if (frame != NULL && frame->length > 0) {
		out->filling = NULL;
		queue(out, frame);
	}
}

void us_out_seal(struct us_out *out)
{
	pthread_mutex_lock(&out->lock);
	seal(out);
	pthread_mutex_unlock(&out->lock);
}

/** True when the frame at hand has grown large enough to go. */
static bool is_ripe(const struct us_out *out)
{
	return out->filling != NULL &&
	       out->filling->length >= (out->type == US_WIRE_REPLY ? RIPE_REPLY_BYTES : RIPE_BYTES);
}

/** See us_out_record(). */
static int put_record(struct us_out *out, const struct us_record *record)
{
	size_t size = us_record_size(record);

	if (is_ripe(out) || (out->filling != NULL && out->filling->length + size > US_WIRE_FRAME_MAX)) {
		seal(out);
	}
	if (out->filling == NULL) {
		out->filling = take_frame(out, out->type);
	}
	if (out->filling == NULL) {
		return -ENOMEM;
	}
	us_record_put(out->filling->bytes + US_FRAME_HEAD + out->filling->length, record);
	out->filling->length += (uint32_t)size;
	return 0;
}

int us_out_record(struct us_out *out, const struct us_record *record)
{
	int ret;

	pthread_mutex_lock(&out->lock);
	ret = put_record(out, record);
	pthread_mutex_unlock(&out->lock);
	return ret;
}

/** See us_out_frame(). */
static int put_control(struct us_out *out, enum us_wire_type type, const void *payload, uint32_t length)
{
	struct us_out_frame *frame;

	seal(out);
	frame = take_frame(out, type);
	if (frame == NULL) {
		return -ENOMEM;
	}
	if (length > 0) {
		memcpy(frame->bytes + US_FRAME_HEAD, payload, length);
	}
	frame->length = length;
	queue(out, frame);
	return 0;
}

int us_out_frame(struct us_out *out, enum us_wire_type type, const void *payload, uint32_t length)
{
	int ret;

	pthread_mutex_lock(&out->lock);
	ret = put_control(out, type, payload, length);
	pthread_mutex_unlock(&out->lock);
	return ret;
}

/** See us_out_piped(). */
static int put_piped(struct us_out *out, const struct us_record *record, struct us_out_pipe *pipe)
{
	static const struct us_wire_bare_end end;
	struct us_out_frame *frame;
	size_t size = us_record_size(record);

	seal(out);
	frame = take_frame(out, US_WIRE_DATA);
	if (frame == NULL) {
		return -ENOMEM;
	}
	us_record_put(frame->bytes + US_FRAME_HEAD, record);
	memcpy(frame->bytes + US_FRAME_HEAD + size, &end, sizeof(end));
	frame->length = (uint32_t)(size + sizeof(end));
	frame->pipe = pipe;
	frame->gap = (uint32_t)(US_FRAME_HEAD + size) - record->length;
	frame->gap_length = record->length;
	pipe->left += record->length;
	queue(out, frame);
	return 0;
}

int us_out_piped(struct us_out *out, const struct us_record *record, struct us_out_pipe *pipe)
{
	int ret;

	pthread_mutex_lock(&out->lock);
	ret = put_piped(out, record, pipe);
	pthread_mutex_unlock(&out->lock);
	return ret;
}

/** Read SIZE bytes of a pipe that has them.  @return 0 or a negative errno. */
static int read_pipe(int fd, uint8_t *buf, uint32_t size)
{
	while (size > 0) {
		int ret = us_read_pipe(fd, buf, size);

		if (ret <= 0) {
			return ret < 0 ? ret : -EIO;
		}
		buf += ret;
		size -= (uint32_t)ret;
	}
	return 0;
}

/**
 * What is left of FRAME's gap is filled after all: by way of memory where ERROR is 0, or where that can't be, with
 * zeros.  Then it is void.
 */
static void fill_gap(struct us_out_frame *frame, int error)
{
	struct us_out_pipe *pipe = frame->pipe;
	uint32_t end = frame->gap + frame->gap_length;
	uint32_t at = us_max(frame->sent, frame->gap);
	struct us_wire_bare_end tail = {0};

	error = error == 0 ? read_pipe(pipe->fd, frame->bytes + at, end - at) : error;
	if (error < 0) {
		memset(frame->bytes + at, 0, end - at);
		tail.error = (uint32_t)-error;
		memcpy(frame->bytes + end, &tail, sizeof(tail));
		pipe->error = pipe->error != 0 ? pipe->error : error;
	} else {
		pipe->nr_frames++;
	}
	pipe->left -= end - at;
	frame->pipe = NULL;
}

void us_out_void(struct us_out *out, const struct us_out_pipe *pipe)
{
	pthread_mutex_lock(&out->lock);
	for (struct us_out_frame *frame = out->first; frame != NULL && pipe->left > 0; frame = frame->next) {
		if (frame->pipe == pipe) {
			fill_gap(frame, -ECANCELED);
		}
	}
	pthread_mutex_unlock(&out->lock);
}

bool us_out_is_full(const struct us_out *out)
{
	return atomic_load_explicit(&out->queued, memory_order_relaxed) >= FULL_BYTES;
}

bool us_out_is_sent(const struct us_out *out)
{
	return atomic_load_explicit(&out->queued, memory_order_relaxed) == 0;
}

bool us_out_is_empty(struct us_out *out)
{
	bool is_empty;

	pthread_mutex_lock(&out->lock);
	is_empty = out->first == NULL && (out->filling == NULL || out->filling->length == 0);
	pthread_mutex_unlock(&out->lock);
	return is_empty;
}

bool us_out_is_stuck(struct us_out *out, uint64_t now, uint64_t limit_ns)
{
	bool is_stuck;

	pthread_mutex_lock(&out->lock);
	is_stuck = out->first != NULL && now > out->taken_ns && now - out->taken_ns > limit_ns;
	pthread_mutex_unlock(&out->lock);
	return is_stuck;
}

uint64_t us_out_last(struct us_out *out)
{
	uint64_t last;

	pthread_mutex_lock(&out->lock);
	last = out->nr_queued + (out->filling != NULL && out->filling->length > 0);
	pthread_mutex_unlock(&out->lock);
	return last;
}

bool us_out_is_gone(struct us_out *out, uint64_t frame)
{
	bool is_gone;

	pthread_mutex_lock(&out->lock);
	is_gone = out->nr_sent >= frame;
	pthread_mutex_unlock(&out->lock);
	return is_gone;
}

/** SENT bytes of what is queued are on their way. */
static void advance(struct us_out *out, size_t sent)
{
	atomic_fetch_sub_explicit(&out->queued, sent, memory_order_relaxed);
	while (sent > 0) {
		struct us_out_frame *frame = out->first;
		size_t left = US_FRAME_HEAD + frame->length - frame->sent;

		if (sent < left) {
			frame->sent += (uint32_t)sent;
			return;
		}
		sent -= left;
		out->nr_sent++;
		out->first = frame->next;
		if (out->first == NULL) {
			out->last = &out->first;
		}
		put_frame(out, frame);
	}
}

/** Send what is in memory before the next gap. */
static int send_bytes(const struct us_out *out, struct us_conn *conn)
{
	struct iovec iov[8];
	int nr = 0;

	for (struct us_out_frame *frame = out->first; frame != NULL && nr < (int)us_array_size(iov);
	     frame = frame->next) {
		bool has_gap = frame->pipe != NULL;

		iov[nr].iov_base = frame->bytes + frame->sent;
		iov[nr++].iov_len = (has_gap ? frame->gap : US_FRAME_HEAD + frame->length) - frame->sent;
		if (has_gap) {
			break;
		}
	}
	return us_conn_write(conn, iov, nr);
}

/**
 * The first frame has been sent up to its gap: go on from the pipe.
 *
 * @return bytes, 0 when it was filled in memory, or a negative errno.
 */
static int send_gap(struct us_out_frame *frame, struct us_conn *conn)
{
	struct us_out_pipe *pipe = frame->pipe;
	uint32_t left = frame->gap + frame->gap_length - frame->sent;
	int ret;

	if (pipe->error < 0) {
		fill_gap(frame, pipe->error);
		return 0;
	}
	ret = us_conn_splice(conn, pipe->fd, left);
	if (ret == -EINVAL) {
		fill_gap(frame, 0); /* It can't be done to this descriptor. */
		return 0;
	}
	if (ret == 0 || ret == -EIO || ret == -ENODATA) {
		fill_gap(frame, ret < 0 ? ret : -EIO); /* What the pipe leads to can't be had. */
		return 0;
	}
	if (ret < 0) {
		return ret;
	}
	pipe->left -= (uint32_t)ret;
	if ((uint32_t)ret == left) {
		pipe->nr_frames++;
		frame->pipe = NULL;
	}
	return ret;
}

/** See us_out_send(); what goes through pipes only when PIPES is set, for there it may have to wait for a disk. */
static int send_queued(struct us_out *out, struct us_conn *conn, bool pipes)
{
	int total = 0;

	while (out->error == 0 && out->first != NULL && total < INT_MAX / 2) {
		struct us_out_frame *frame = out->first;
		bool is_gap = frame->pipe != NULL && frame->sent >= frame->gap;
		int ret;

		if (is_gap && !pipes) {
			break;
		}
		ret = is_gap ? send_gap(frame, conn) : send_bytes(out, conn);

		if (ret == -EAGAIN) {
			break;
		}
		if (ret < 0) {
			out->error = ret;
			break;
		}
		advance(out, (size_t)ret);
		total += ret;
	}
	if (total > 0) {
		out->sent_ns = us_clock_ns();
		out->taken_ns = out->sent_ns;
	}
	return out->error < 0 ? out->error : total;
}

int us_out_send(struct us_out *out, struct us_conn *conn)
{
	int ret;

	pthread_mutex_lock(&out->lock);
	ret = send_queued(out, conn, true);
	pthread_mutex_unlock(&out->lock);
	return ret;
}

uint64_t us_out_keep_alive(struct us_out *out, struct us_conn *conn, uint64_t interval_ns, bool after_end)
{
	uint64_t now = us_clock_ns();
	uint64_t left = interval_ns;

	if (pthread_mutex_trylock(&out->lock) != 0) {
		return interval_ns / BUSY_DIVISOR;
	}
	if (now < out->sent_ns + interval_ns) {
		left = out->sent_ns + interval_ns - now;
	} else {
		bool is_over = out->last_type == US_WIRE_ABORT || (out->last_type == US_WIRE_END && !after_end);

		if (out->first == NULL && !is_over) {
			/* Without memory for it there is none this time. */
			(void)put_control(out, US_WIRE_PING, NULL, 0);
		}
		(void)send_queued(out, conn, false);
	}
	pthread_mutex_unlock(&out->lock);
	return left;
}
