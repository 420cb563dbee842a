/* SPDX-License-Identifier: MIT */
#include "net/frame_range.h"

#include <string.h>

uint8_t *us_range_put(uint8_t *to, const struct us_record *record)
{
	struct us_wire_range wire = {
		.number = record->type == US_REPLY_REACHED ? record->token : record->number,
		.length = record->length,
		.offset = record->offset,
	};

	memcpy(to, &wire, sizeof(wire));
	return to + sizeof(wire);
}

bool us_range_decode(const uint8_t *at, size_t length, struct us_record *record)
{
	bool is_last = (record->flags & US_RANGE_LAST) != 0;
	struct us_wire_range wire;

	if (at == NULL || length < sizeof(wire)) {
		return false;
	}
	memcpy(&wire, at, sizeof(wire));
	if (length - sizeof(wire) != wire.length || wire.length > US_WIRE_DATA_MAX || wire.offset > INT64_MAX ||
	    wire.length > INT64_MAX - wire.offset || (record->flags & ~US_RANGE_LAST) != 0) {
		return false;
	}
	record->offset = wire.offset;
	record->length = wire.length;
	if (record->type == US_REPLY_REACHED) {
		record->token = wire.number;
		return wire.length == 0 && wire.number < US_WIRE_TOKENS_MAX;
	}
	record->number = wire.number;
	record->data = at + sizeof(wire);
	return wire.number > 0 && (record->type == US_RECORD_RANGE ? is_last || wire.length > 0 : wire.length == 0);
}

void us_range_told(struct us_record *record, uint64_t offset)
{
	if ((record->flags & US_FILE_RANGES) == 0) {
		record->offset = offset;
	} else if (offset <= US_WIRE_RANGE_MAX && offset % US_WIRE_RANGE_ALIGN == 0) {
		record->range = (uint32_t)offset;
	}
}
