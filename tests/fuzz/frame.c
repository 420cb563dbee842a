/* SPDX-License-Identifier: MIT */
/* net/frame: a record that is taken is the one that its bytes say, and nothing beyond its payload is read. */
#include "fuzz.h"

#include "base/us.h"
#include "core/xattrs.h"
#include "net/compress.h"
#include "net/frame.h"

/** Take all records of a payload; each, written again, has the bytes that it had. */
static void take_records(const uint8_t *data, size_t size, bool replies)
{
	struct us_record_cursor cursor = {.at = data, .end = data + size, .replies = replies};
	struct us_record record;
	const uint8_t *begin = data;

	while (us_record_next(&cursor, &record) == 1) {
		size_t length = (size_t)(cursor.at - begin);
		uint8_t *again = malloc(length);
		struct us_xattrs *xattrs = NULL;

		fuzz_check(again != NULL && us_record_size(&record) == length);
		us_record_put(again, &record);
		fuzz_check(memcmp(again, begin, length) == 0);
		if (record.xattrs_length > 0 &&
		    us_xattrs_import(record.xattrs, record.xattrs_length, US_XATTR_ACL | US_XATTR_OTHER, false, &xattrs) == 0) {
			fuzz_check(us_xattrs_equal(xattrs, xattrs, US_XATTR_ACL | US_XATTR_OTHER));
		}
		free(xattrs);
		free(again);
		begin = cursor.at;
	}
	fuzz_check(cursor.at <= cursor.end);
}

/** Take a START. */
static void take_start(const uint8_t *data, size_t size)
{
	struct us_start start;
	const uint8_t *at;

	if (us_start_decode(data, (uint32_t)size, &start) < 0) {
		return;
	}
	at = start.filters;
	for (uint32_t i = 0; i < start.wire.filters; i++) {
		bool include;

		fuzz_check(us_start_filter(&at, &include)[0] != '\0');
		fuzz_check(at <= data + size);
	}
}

/** Decompress a payload: it has no more bytes than a frame may. */
static void decompress(const uint8_t *data, size_t size)
{
	static struct us_decompress *context;
	uint8_t *out = malloc(US_WIRE_FRAME_MAX);
	uint32_t length = 0;

	fuzz_check(out != NULL && (context != NULL || us_decompress_new(&context) == 0));
	if (us_decompress(context, data, (uint32_t)size, out, &length) == 0) {
		fuzz_check(length > 0 && length <= US_WIRE_FRAME_MAX);
	}
	free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {data, size};
	uint8_t what = fuzz_byte(&input);
	uint8_t *copy = malloc(input.size + 1); /* Of its exact size, so that a read behind its end is found. */
	struct us_frame frame;
	const char *text;

	fuzz_check(copy != NULL);
	copy = realloc(copy, input.size > 0 ? input.size : 1);
	memcpy(copy, input.data, input.size);
	switch (what % 5) {
	case 0:
		take_records(copy, input.size, false);
		break;
	case 1:
		take_records(copy, input.size, true);
		break;
	case 2:
		take_start(copy, input.size);
		break;
	case 4:
		decompress(copy, input.size);
		break;
	default:
		if (input.size >= US_FRAME_HEAD && us_frame_open(copy, &frame) == 0) {
			fuzz_check(frame.length <= US_WIRE_FRAME_MAX);
		}
		fuzz_check(us_frame_bare_head(copy, (uint32_t)input.size) + sizeof(struct us_wire_bare_end) <= us_max(input.size, (size_t)8));
		(void)us_frame_text(copy, (uint32_t)input.size, 8, what, &text);
		break;
	}
	free(copy);
	return 0;
}
