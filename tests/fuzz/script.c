/* SPDX-License-Identifier: MIT */
/* A layer on a connection that carries nothing: what is read comes from the input, what is written is looked at. */
#include "script.h"

#include "base/us.h"
#include "fuzz.h"
#include "net/compress.h"
#include "net/conn_layer.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <xxhash.h>

/** A job that has read so often in vain, and said nothing, has nothing to say. */
#define QUIET 4u

/** Writes that are refused, one after the other. */
#define REFUSALS 40u

/** A silence after which a session gives up: none, so that a hang is one. */
#define TIMEOUT_NS (UINT64_C(36000) * 1000000000)

/** What is polled for: it can always be read and written. */
static int ready_fd = -1;

bool script_frame(const uint8_t *at, const uint8_t *end, struct us_wire_head *head, uint32_t *length)
{
	if ((size_t)(end - at) < sizeof(*head)) {
		return false;
	}
	memcpy(head, at, sizeof(*head));
	*length = (uint32_t)us_min((size_t)head->length, (size_t)(end - at) - sizeof(*head));
	return true;
}

/** What is said is counted, where the oracles need it. */
static void count_said(struct script *script, const struct us_wire_head *head, const uint8_t *payload)
{
	struct us_record_cursor cursor = {.at = payload, .end = payload + head->length, .replies = true};
	struct us_record record;

	if (head->type == US_WIRE_FINAL && head->length >= sizeof(struct us_wire_final)) {
		struct us_wire_final final;

		memcpy(&final, payload, sizeof(final));
		atomic_fetch_add(&script->final_said, final.error >= 0);
	}
	while (head->type == US_WIRE_REPLY && us_record_next(&cursor, &record) == 1) {
		atomic_fetch_add(&script->done_said, record.type == US_REPLY_DONE);
	}
}

/** Have CONN's next frame ready to be sent.  @return false when there is none. */
static bool next_frame(struct script_conn *conn)
{
	struct us_wire_head head;
	uint32_t length;

	while (script_frame(conn->next, conn->script->end, &head, &length)) {
		const uint8_t *payload = conn->next + sizeof(head);

		conn->next = payload + length;
		if ((head.zero >> SCRIPT_CONN_SHIFT) % conn->script->nr != conn->index) {
			continue;
		}
		conn->how = head.zero;
		if ((head.zero & SCRIPT_RAW) == 0) {
			head.zero = 0;
			head.length = length;
			head.sum = XXH3_64bits(payload, (head.flags & US_WIRE_BARE) != 0 ? us_frame_bare_head(payload, length) : length);
			count_said(conn->script, &head, payload);
		}
		conn->length = sizeof(head) + length;
		conn->sent = 0;
		conn->frame = malloc(conn->length);
		fuzz_check(conn->frame != NULL);
		memcpy(conn->frame, &head, sizeof(head));
		memcpy(conn->frame + sizeof(head), payload, length);
		return true;
	}
	return false;
}

/** See us_conn_layer: what the input says next. */
static int read_script(void *state, struct us_conn *conn, void *buf, size_t size)
{
	struct script_conn *own = state;

	conn->read_wants = POLLIN;
	if (own->frame == NULL && !next_frame(own)) {
		return ++own->quiet <= QUIET ? -EAGAIN : 0;
	}
	if (own->sent == 0 && (own->how & SCRIPT_EAGER) == 0 && ++own->quiet <= QUIET) {
		return -EAGAIN;
	}
	conn->read_wants = 0;
	size = us_min(size, own->length - own->sent);
	if ((own->how & SCRIPT_DRIP) != 0) {
		size = us_min(size, (size_t)7);
	}
	memcpy(buf, own->frame + own->sent, size);
	own->sent += size;
	if (own->sent == own->length) {
		free(own->frame);
		own->frame = NULL;
		own->quiet = 0;
	}
	return (int)size;
}

/** Records that the job has sent: all can be decoded, and none has what it may not. */
static void hear_records(struct script *script, const uint8_t *payload, uint32_t length)
{
	struct us_record_cursor cursor = {.at = payload, .end = payload + length, .replies = script->of_sender};
	struct us_record record;
	int ret;

	while ((ret = us_record_next(&cursor, &record)) == 1) {
		atomic_fetch_add(&script->files_heard, record.type == US_RECORD_FILE && (record.flags & US_FILE_AGAIN) == 0);
	}
	fuzz_check(ret == 0);
	fuzz_check(script->secret == NULL || memmem(payload, length, script->secret, strlen(script->secret)) == NULL);
}

/** What is in a compressed payload. */
static const uint8_t *unpack(struct script_conn *conn, const uint8_t *payload, uint32_t *length)
{
	if (conn->decompress == NULL) {
		conn->plain = malloc(US_WIRE_FRAME_MAX);
		fuzz_check(conn->plain != NULL && us_decompress_new(&conn->decompress) == 0);
	}
	fuzz_check(us_decompress(conn->decompress, payload, *length, conn->plain, length) == 0);
	return conn->plain;
}

/** A whole frame that the job has sent. */
static void hear(struct script_conn *conn, const struct us_frame *frame, const uint8_t *payload)
{
	struct us_wire_final final;
	uint32_t length = frame->length;

	fuzz_check(us_frame_check(frame, payload) == 0);
	switch (frame->type) {
	case US_WIRE_DATA:
	case US_WIRE_REPLY:
		fuzz_check((frame->type == US_WIRE_REPLY) == conn->script->of_sender);
		if ((frame->flags & US_WIRE_COMPRESSED) != 0) {
			payload = unpack(conn, payload, &length);
		}
		hear_records(conn->script, payload, length);
		break;
	case US_WIRE_FINAL:
		memcpy(&final, payload, sizeof(final));
		fuzz_check(conn->script->of_sender);
		atomic_fetch_add(&conn->script->final_heard, final.error == 0);
		break;
	case US_WIRE_START:
		fuzz_check(us_start_decode(payload, length, &(struct us_start){0}) == 0);
		break;
	default:
		break;
	}
}

/** Take SIZE bytes that the job has written. */
static void take(struct script_conn *conn, const void *bytes, size_t size)
{
	struct us_frame frame;
	size_t at = 0;

	if (conn->nr_heard + size > conn->room) {
		conn->room = conn->nr_heard + size;
		conn->heard = realloc(conn->heard, conn->room);
		fuzz_check(conn->heard != NULL);
	}
	memcpy(conn->heard + conn->nr_heard, bytes, size);
	conn->nr_heard += size;
	while (conn->nr_heard - at >= US_FRAME_HEAD) {
		fuzz_check(us_frame_open(conn->heard + at, &frame) == 0);
		if (conn->nr_heard - at < US_FRAME_HEAD + frame.length) {
			break;
		}
		hear(conn, &frame, conn->heard + at + US_FRAME_HEAD);
		at += US_FRAME_HEAD + frame.length;
	}
	memmove(conn->heard, conn->heard + at, conn->nr_heard - at);
	conn->nr_heard -= at;
}

/** See us_conn_layer: what the job says. */
static int write_script(void *state, struct us_conn *conn, const struct iovec *iov, int nr)
{
	struct script_conn *own = state;
	size_t left = own->script->most > 0 ? own->script->most : SIZE_MAX;
	size_t taken = 0;

	if (++own->writes > own->script->takes && own->refused < REFUSALS) {
		own->refused++;
		conn->write_wants = POLLOUT;
		return -EAGAIN;
	}
	conn->write_wants = 0;
	own->quiet = 0;
	for (int i = 0; i < nr && left > 0; i++) {
		size_t size = us_min(iov[i].iov_len, left);

		take(own, iov[i].iov_base, size);
		taken += size;
		left -= size;
	}
	return (int)taken;
}

/** See us_conn_layer. */
static int nothing(void *state, struct us_conn *conn)
{
	(void)state;
	conn->write_wants = 0;
	return 0;
}

static const struct us_conn_layer layer = {
	.handshake = nothing,
	.read = read_script,
	.write = write_script,
	.finish = nothing,
};

void script_init(struct script *script, const uint8_t *data, size_t size, unsigned int nr, bool of_sender)
{
	if (ready_fd < 0) {
		ready_fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
		fuzz_check(ready_fd >= 0);
	}
	*script = (struct script){.data = data + SCRIPT_CONFIG, .end = data + size, .nr = nr, .of_sender = of_sender, .takes = UINT32_MAX};
	for (unsigned int i = 0; i < nr; i++) {
		script->conns[i] = (struct script_conn){.script = script, .index = i, .next = script->data};
	}
}

struct usync_peer *script_peer(struct script *script)
{
	struct usync_peer *peer;

	fuzz_check(us_peer_new(&peer, script->of_sender, "peer", TIMEOUT_NS) == 0);
	peer->nr = script->nr;
	for (unsigned int i = 0; i < script->nr; i++) {
		fuzz_check(us_conn_stdio(&peer->conns[i], ready_fd, ready_fd, "peer") == 0);
		us_conn_set_layer(peer->conns[i], &layer, &script->conns[i]);
		peer->conns[i]->plain_send = false;
		peer->conns[i]->plain_recv = false;
	}
	return peer;
}

void script_fini(struct script *script)
{
	for (unsigned int i = 0; i < script->nr; i++) {
		free(script->conns[i].frame);
		free(script->conns[i].heard);
		us_decompress_free(script->conns[i].decompress);
		free(script->conns[i].plain);
	}
}
