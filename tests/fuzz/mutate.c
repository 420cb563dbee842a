/* SPDX-License-Identifier: MIT */
/*
 * Changes to a script (script.h) that leave most of it what the other side would take, so that the rest is looked at at
 * all: a record gets another value in one of its fields, records and frames are left out, said twice or in another
 * order, or those of another script come in between.  Some changes are made blindly, too.
 */
#include "script.h"

#include "base/us.h"
#include "fuzz.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *data1, size_t size1, const uint8_t *data2, size_t size2, uint8_t *out,
                                 size_t max_out_size, unsigned int seed);

#define FRAMES_MAX 256u
#define RECORDS_MAX 512u

/** Part of an input. */
struct piece {
	const uint8_t *at;
	size_t size;
};

/** A frame taken apart. */
struct frame {
	struct us_wire_head head;
	struct piece records[RECORDS_MAX];
	size_t nr;
	struct us_record changed; /**< In the place of number changed_at. */
	size_t changed_at;        /**< Or SIZE_MAX. */
};

static unsigned int state;

/** A number below LIMIT. */
static size_t pick(size_t limit)
{
	return limit > 0 ? (size_t)rand_r(&state) % limit : 0;
}

/** A number that is likely to matter. */
static uint64_t number(uint64_t now)
{
	static const uint64_t some[] = {0, 1, 2, 3, 4, 255, 256, 4095, 4096, 65535, 65536, 262144, 1048576, INT32_MAX, UINT32_MAX,
	                                UINT64_C(1) << 40, INT64_MAX, UINT64_C(1) << 63, UINT64_MAX};

	switch (pick(4)) {
	case 0:
		return some[pick(us_array_size(some))];
	case 1:
		return now + pick(9) - 4;
	case 2:
		return pick(40);
	default:
		return now ^ UINT64_C(1) << pick(64);
	}
}

/** A name that is there, or that leads elsewhere. */
static const char *name(void)
{
	static const char *const some[] = {"f", "g", "d", "h", "l", "e", "o", "kept", "gone", "large", "..", ".", "canary", "out", "f~",
	                                   "new", "../out/canary", "/tmp", "src", ".uring-sync.f", "o/canary", "d/f", "d/../../out/canary"};

	return some[pick(us_array_size(some))];
}

/** Find the frames after the configuration.  @return how many. */
static size_t find_frames(const uint8_t *data, size_t size, struct piece frames[FRAMES_MAX])
{
	const uint8_t *at = data + us_min(size, (size_t)SCRIPT_CONFIG);
	struct us_wire_head head;
	uint32_t length;
	size_t nr = 0;

	while (nr < FRAMES_MAX && script_frame(at, data + size, &head, &length)) {
		frames[nr++] = (struct piece){at, sizeof(head) + length};
		at += sizeof(head) + length;
	}
	return nr;
}

/** Take the frame apart; what is no record is one piece. */
static void open_frame(const struct piece *piece, struct frame *frame)
{
	const uint8_t *at = piece->at + sizeof(frame->head);
	const uint8_t *end = piece->at + piece->size;

	memcpy(&frame->head, piece->at, sizeof(frame->head));
	frame->nr = 0;
	frame->changed_at = SIZE_MAX;
	while (at < end) {
		struct us_wire_record head;
		size_t size = (size_t)(end - at);

		if ((frame->head.type == US_WIRE_DATA || frame->head.type == US_WIRE_REPLY) && size >= sizeof(head) &&
		    frame->nr < RECORDS_MAX - 1) {
			memcpy(&head, at, sizeof(head));
			size = head.length >= sizeof(head) && head.length <= size ? head.length : size;
		}
		frame->records[frame->nr++] = (struct piece){at, size};
		at += size;
	}
}

/** Give a number another value. */
#define change(field) ((field) = (__typeof__(field))number((uint64_t)(field)))

/** Change one of the numbers that an entry's attributes are. */
static void change_meta(struct us_wire_meta *meta)
{
	switch (pick(8)) {
	case 0:
		meta->mode = (meta->mode & 07777) | (uint32_t)(1 + pick(15)) << 12;
		break;
	case 1:
		meta->mode ^= 1u << pick(12);
		break;
	case 2:
		change(meta->uid);
		break;
	case 3:
		change(meta->size);
		break;
	case 4:
		change(meta->mtime);
		break;
	case 5:
		meta->mtime_nsec = (uint32_t)pick(1000000000);
		break;
	case 6:
		change(meta->rdev_major);
		break;
	default:
		change(meta->atime);
		break;
	}
}

/** Change RECORD in one point. */
static void change_record(struct us_record *record)
{
	static const char contents[4096] = "zyxwvutsrqponmlkjihgfedcba";

	switch (pick(15)) {
	case 0:
		record->flags ^= (uint8_t)(1u << pick(7));
		break;
	case 1:
		record->kind = (uint8_t)pick(US_KINDS);
		break;
	case 2:
		record->token = (uint32_t)pick(16);
		break;
	case 3:
		change(record->token);
		break;
	case 4:
		record->id = pick(8);
		break;
	case 5:
		record->parent = pick(8);
		break;
	case 6:
		change(record->offset);
		break;
	case 7:
		change(record->state);
		break;
	case 8:
		record->children = (uint32_t)pick(4);
		break;
	case 9:
		record->error = (uint32_t)pick(140);
		break;
	case 10:
		record->changes ^= 1u << pick(13);
		break;
	case 11:
		record->name = record->name != NULL ? name() : NULL;
		record->name_length = record->name != NULL ? (uint32_t)strlen(record->name) : 0;
		break;
	case 12:
		record->target = pick(4) > 0 ? name() : NULL;
		record->target_length = record->target != NULL ? (uint32_t)strlen(record->target) : 0;
		break;
	case 13:
		record->data = contents;
		record->length = (uint32_t)pick(sizeof(contents) + 1);
		break;
	default:
		change_meta(&record->meta);
		break;
	}
}

/** Change FRAME in one point. */
static void change_frame(struct frame *frame)
{
	size_t at = pick(frame->nr);
	size_t other = pick(frame->nr);
	struct piece kept;
	struct us_record_cursor cursor;

	if (frame->nr == 0 || pick(8) == 0) {
		switch (pick(4)) {
		case 0:
			frame->head.type = (uint8_t)pick(US_WIRE_TYPES);
			break;
		case 1:
			frame->head.flags ^= 1;
			break;
		default:
			frame->head.zero ^= (uint16_t)(1u << pick(6));
			break;
		}
		return;
	}
	switch (pick(6)) {
	case 0:
		memmove(&frame->records[at], &frame->records[at + 1], (frame->nr - at - 1) * sizeof(frame->records[0]));
		frame->nr--;
		break;
	case 1:
		if (frame->nr < RECORDS_MAX) {
			frame->records[frame->nr++] = frame->records[at];
		}
		break;
	case 2:
		kept = frame->records[at];
		frame->records[at] = frame->records[other];
		frame->records[other] = kept;
		break;
	default:
		cursor = (struct us_record_cursor){.at = frame->records[at].at, .end = frame->records[at].at + frame->records[at].size,
		                                   .replies = frame->head.type == US_WIRE_REPLY};
		if ((frame->head.type == US_WIRE_DATA || frame->head.type == US_WIRE_REPLY) && us_record_next(&cursor, &frame->changed) == 1) {
			frame->changed_at = at;
			change_record(&frame->changed);
		}
		break;
	}
}

/** Where an input is put together. */
struct output {
	uint8_t *bytes;
	size_t size;
	size_t max;
};

/** Add bytes.  @return false when there is no room. */
static bool add(struct output *output, const void *bytes, size_t size)
{
	if (size > output->max - output->size) {
		return false;
	}
	memcpy(output->bytes + output->size, bytes, size);
	output->size += size;
	return true;
}

/** Add FRAME; nothing, when there is no room for all of it. */
static void add_frame(struct output *output, const struct frame *frame)
{
	struct us_wire_head head = frame->head;
	size_t begin = output->size;
	bool fits = add(output, &head, sizeof(head));

	for (size_t i = 0; i < frame->nr && fits; i++) {
		size_t size = us_record_size(&frame->changed);

		if (i != frame->changed_at) {
			fits = add(output, frame->records[i].at, frame->records[i].size);
			continue;
		}
		fits = size <= output->max - output->size;
		if (fits) {
			us_record_put(output->bytes + output->size, &frame->changed);
			output->size += size;
		}
	}
	if (!fits) {
		output->size = begin;
		return;
	}
	if ((head.zero & SCRIPT_RAW) == 0) {
		head.length = (uint32_t)(output->size - begin - sizeof(head));
		memcpy(output->bytes + begin, &head, sizeof(head));
	}
}

/** Change DATA in one frame, or in the order of two. */
static size_t change_script(uint8_t *data, size_t size, size_t max_size)
{
	static struct frame frame;
	struct piece frames[FRAMES_MAX];
	size_t nr = find_frames(data, size, frames);
	struct output output = {malloc(max_size), 0, max_size};
	size_t at = pick(nr);
	size_t what = pick(8);

	fuzz_check(output.bytes != NULL);
	add(&output, data, SCRIPT_CONFIG);
	for (size_t i = 0; i < nr; i++) {
		if (i != at) {
			add(&output, frames[i].at, frames[i].size);
		} else if (what == 0) {
			continue; /* It is not said. */
		} else if (what == 1) {
			add(&output, frames[i].at, frames[i].size);
			add(&output, frames[i].at, frames[i].size);
		} else if (what == 2) {
			at = i + 1 < nr ? i + 1 : i;
			add(&output, frames[at].at, frames[at].size);
			add(&output, frames[i].at, at != i ? frames[i].size : 0);
			i = at;
			at = SIZE_MAX;
		} else {
			open_frame(&frames[i], &frame);
			change_frame(&frame);
			add_frame(&output, &frame);
		}
	}
	memcpy(data, output.bytes, output.size);
	free(output.bytes);
	return output.size;
}

/** Let DATA pass for what it is. */
static size_t marked(uint8_t *data, size_t size)
{
	if (size >= SCRIPT_CONFIG) {
		data[SCRIPT_CONFIG - 1] = 0;
	}
	return size;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
	state = seed;
	if (size <= SCRIPT_CONFIG || pick(10) == 0) {
		return marked(data, LLVMFuzzerMutate(data, size, max_size));
	}
	if (pick(16) == 0) {
		data[pick(4)] ^= (uint8_t)(1u << pick(8));
	}
	for (size_t i = 1 + pick(3); i > 0; i--) {
		size = change_script(data, size, max_size);
	}
	return marked(data, size);
}

size_t LLVMFuzzerCustomCrossOver(const uint8_t *data1, size_t size1, const uint8_t *data2, size_t size2, uint8_t *out,
                                 size_t max_out_size, unsigned int seed)
{
	struct piece first[FRAMES_MAX];
	struct piece second[FRAMES_MAX];
	size_t nr1 = find_frames(data1, size1, first);
	size_t nr2 = find_frames(data2, size2, second);
	struct output output = {out, 0, max_out_size};
	size_t at;

	state = seed;
	at = pick(nr1 + 1);
	if (!add(&output, data1, us_min(size1, (size_t)SCRIPT_CONFIG))) {
		return 0;
	}
	for (size_t i = 0; i < nr1 + 1; i++) {
		if (i == at && nr2 > 0) {
			size_t from = pick(nr2);
			size_t end = from + 1 + pick(nr2 - from);

			for (; from < end; from++) {
				add(&output, second[from].at, second[from].size);
			}
		}
		if (i < nr1) {
			add(&output, first[i].at, first[i].size);
		}
	}
	return marked(out, output.size);
}
