/* SPDX-License-Identifier: MIT */
/* The heads of frames: what they may say, and the sum of what follows them. */
#include "net/frame.h"

#include "base/us.h"

#include <string.h>
#include <xxhash.h>

uint32_t us_frame_bare_head(const void *payload, uint32_t length)
{
	const uint8_t *fixed = (const uint8_t *)payload + sizeof(struct us_wire_record);
	struct us_wire_record head;
	uint32_t contents;
	size_t least = sizeof(head);

	if (length < sizeof(head) + us_max(sizeof(struct us_wire_file), sizeof(struct us_wire_part)) +
	                     sizeof(struct us_wire_bare_end)) {
		return 0;
	}
	memcpy(&head, payload, sizeof(head));
	if (head.type == US_RECORD_FILE) {
		memcpy(&contents, fixed + offsetof(struct us_wire_file, length), sizeof(contents));
		least += sizeof(struct us_wire_file);
	} else if (head.type == US_RECORD_PART) {
		memcpy(&contents, fixed + offsetof(struct us_wire_part, length), sizeof(contents));
		least += sizeof(struct us_wire_part);
	} else {
		return 0;
	}
	if (head.length != length - sizeof(struct us_wire_bare_end) || contents == 0 ||
	    contents > head.length - least) {
		return 0;
	}
	return head.length - contents;
}

void us_frame_seal(void *frame, enum us_wire_type type, uint8_t flags, uint32_t length)
{
	const uint8_t *payload = (const uint8_t *)frame + sizeof(struct us_wire_head);
	uint32_t summed = (flags & US_WIRE_BARE) != 0 ? us_frame_bare_head(payload, length) : length;
	struct us_wire_head head = {
		.length = length,
		.type = (uint8_t)type,
		.flags = flags,
		.sum = (flags & US_WIRE_UNSUMMED) != 0 ? 0 : XXH3_64bits(payload, summed),
	};

	memcpy(frame, &head, sizeof(head));
}

/** The most and the least bytes that a payload of TYPE may have. */
static bool is_length(uint8_t type, uint32_t length)
{
	switch (type) {
	case US_WIRE_HELLO:
		return length >= US_WIRE_HELLO_MIN && length <= US_WIRE_HELLO_MAX;
	case US_WIRE_START:
		return length > sizeof(struct us_wire_start) && length <= US_WIRE_FRAME_MAX;
	case US_WIRE_STARTED:
		return length == sizeof(struct us_wire_started);
	case US_WIRE_DATA:
	case US_WIRE_REPLY:
		return length > 0 && length <= US_WIRE_FRAME_MAX;
	case US_WIRE_PING:
		return length == 0;
	case US_WIRE_END:
		return length == sizeof(struct us_wire_end);
	case US_WIRE_FINAL:
		return length >= sizeof(struct us_wire_final) &&
		       length <= sizeof(struct us_wire_final) + US_WIRE_TEXT_MAX;
	case US_WIRE_ABORT:
		return length >= sizeof(struct us_wire_abort) &&
		       length <= sizeof(struct us_wire_abort) + US_WIRE_TEXT_MAX;
	default:
		return false;
	}
}

/** True when a frame of TYPE may have FLAGS. */
static bool are_flags(uint8_t type, uint8_t flags)
{
	unsigned int kind = flags & ~US_WIRE_UNSUMMED;

	if (type == US_WIRE_DATA) {
		return kind == 0 || kind == US_WIRE_COMPRESSED || kind == US_WIRE_BARE;
	}
	return kind == 0 && (flags == 0 || type == US_WIRE_REPLY);
}

int us_frame_open(const void *head, struct us_frame *frame)
{
	struct us_wire_head wire;

	memcpy(&wire, head, sizeof(wire));
	if (!is_length(wire.type, wire.length) || wire.zero != 0 || !are_flags(wire.type, wire.flags)) {
		return -EBADMSG;
	}
	*frame = (struct us_frame){
		.type = (enum us_wire_type)wire.type, .flags = wire.flags, .length = wire.length, .sum = wire.sum};
	return 0;
}

int us_frame_check(const struct us_frame *frame, const void *payload)
{
	uint32_t summed = frame->length;

	if ((frame->flags & US_WIRE_BARE) != 0) {
		summed = us_frame_bare_head(payload, frame->length);
		if (summed == 0) {
			return -EBADMSG;
		}
	}
	if ((frame->flags & US_WIRE_UNSUMMED) != 0) {
		return frame->sum == 0 ? 0 : -EBADMSG;
	}
	return XXH3_64bits(payload, summed) == frame->sum ? 0 : -EBADMSG;
}

int us_frame_cut_bare(struct us_frame *frame, const void *payload)
{
	struct us_wire_bare_end end;

	frame->length -= (uint32_t)sizeof(end);
	frame->flags &= (uint8_t)~US_WIRE_BARE;
	memcpy(&end, (const uint8_t *)payload + frame->length, sizeof(end));
	if (end.zero != 0) {
		return -EBADMSG;
	}
	return end.error == 0;
}
