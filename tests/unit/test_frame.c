/* SPDX-License-Identifier: MIT */
/* net/frame: what is written is read again, and what was not is refused. */
#include "unit.h"

#include "net/frame.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/** A regular file with everything that one can have. */
static const struct us_record full = {
	.type = US_RECORD_FILE,
	.flags = US_FILE_EOF | US_FILE_HOLES,
	.kind = US_KIND_REGULAR,
	.token = 7,
	.id = 3,
	.offset = 4096,
	.meta = {.mode = S_IFREG | 0640, .uid = 1, .gid = 2, .size = 5000, .mtime = -5, .mtime_nsec = 999999999, .atime = 9},
	.name = "a name",
	.name_length = 6,
	.xattrs = "xattrs",
	.xattrs_length = 6,
	.sum = "0123456789abcdef",
	.sum_length = 16,
	.data = "contents",
	.length = 8,
};

static uint8_t bytes[8192];

/** Write RECORD, and read what was written, after CHANGE bytes at AT were set to VALUE. */
static int round_trip(const struct us_record *record, struct us_record *out)
{
	size_t size = us_record_size(record);
	struct us_record_cursor cursor = {
		.at = bytes, .end = bytes + size, .replies = record->type >= US_REPLY_DIR};
	int ret;

	assert_true(size < sizeof(bytes));
	us_record_put(bytes, record);
	ret = us_record_next(&cursor, out);
	if (ret == 1) {
		assert_ptr_equal(cursor.at, cursor.end);
		assert_int_equal(us_record_next(&cursor, out), 0);
		cursor.at = bytes;
		assert_int_equal(us_record_next(&cursor, out), 1);
	}
	return ret;
}

/** What comes back when RECORD is sent. */
static int sent(const struct us_record *record)
{
	struct us_record out;

	return round_trip(record, &out);
}

static void test_file(void **state)
{
	struct us_record out;

	(void)state;
	assert_int_equal(round_trip(&full, &out), 1);
	assert_int_equal(out.type, full.type);
	assert_int_equal(out.flags, full.flags);
	assert_int_equal(out.kind, full.kind);
	assert_int_equal(out.token, 7);
	assert_int_equal(out.id, 3);
	assert_int_equal(out.offset, 4096);
	assert_memory_equal(&out.meta, &full.meta, sizeof(out.meta));
	assert_string_equal(out.name, "a name");
	assert_int_equal(out.name_length, 6);
	assert_null(out.target);
	assert_memory_equal(out.xattrs, "xattrs", 6);
	assert_memory_equal(out.sum, "0123456789abcdef", 16);
	assert_int_equal(out.length, 8);
	assert_memory_equal(out.data, "contents", 8);
}

/** Every kind of record survives the way. */
static void test_all_kinds(void **state)
{
	static const struct us_record records[] = {
		{.type = US_RECORD_DIR, .flags = US_DIR_ASK, .id = 9, .parent = 1, .name = "d", .name_length = 1,
		 .meta.mode = S_IFDIR | 0755},
		{.type = US_RECORD_DIR, .flags = US_DIR_VIRTUAL, .id = 1, .name = "", .meta.mode = S_IFDIR},
		{.type = US_RECORD_DIR_END, .id = 9, .state = 2, .children = 3},
		{.type = US_RECORD_FILE, .flags = US_FILE_ASK, .kind = US_KIND_REGULAR, .meta.mode = S_IFREG, .name = "f",
		 .name_length = 1},
		{.type = US_RECORD_FILE, .flags = US_FILE_EOF, .kind = US_KIND_SYMLINK, .meta.mode = S_IFLNK, .name = "l",
		 .name_length = 1, .target = "/any/../where", .target_length = 13},
		{.type = US_RECORD_FILE, .flags = US_FILE_EOF, .kind = US_KIND_LINK, .meta.mode = S_IFREG, .name = "h",
		 .name_length = 1, .target = "d/f", .target_length = 3},
		{.type = US_RECORD_FILE, .flags = US_FILE_EOF, .kind = US_KIND_SPECIAL, .meta.mode = S_IFCHR,
		 .meta.rdev_major = 1, .meta.rdev_minor = 3, .name = "n", .name_length = 1},
		{.type = US_RECORD_PART, .token = 5, .offset = 1, .data = "x", .length = 1},
		{.type = US_RECORD_PART, .flags = US_FILE_EOF | US_FILE_SAME, .token = 5},
		{.type = US_RECORD_ABANDON, .token = 5},
		{.type = US_RECORD_MIRROR, .id = 4},
		{.type = US_RECORD_MISSING, .id = 4, .data = "a\0b\0", .length = 4},
		{.type = US_REPLY_DIR, .id = 4, .state = US_DIR_EXISTS},
		{.type = US_REPLY_DONE, .token = 8, .changes = 6, .state = US_RESULT_SAME},
		{.type = US_REPLY_WANT, .token = 8, .changes = 6, .offset = 77, .error = 31},
		{.type = US_REPLY_COMPARE, .token = 8, .changes = 6, .sum = "0123456789abcdef", .sum_length = 16},
		{.type = US_REPLY_EVENT, .state = 1, .error = 13, .name = "a/b", .name_length = 3, .what = "open",
		 .what_length = 4},
		{.type = US_REPLY_EVENT, .state = 5, .what = "", .target = "t", .target_length = 1},
		{.type = US_RECORD_EVENT, .state = 0, .error = 5, .name = "a", .name_length = 1, .what = "read",
		 .what_length = 4, .target = "/src/a", .target_length = 6},
		{.type = US_REPLY_ASK, .id = 4, .data = "a\0", .length = 2},
		{.type = US_REPLY_MIRRORED, .id = 4},
		{.type = US_RECORD_FILE, .flags = US_FILE_ASK | US_FILE_RANGES, .kind = US_KIND_REGULAR, .meta.mode = S_IFREG,
		 .name = "f", .name_length = 1, .range = 8192},
		{.type = US_RECORD_RANGE, .number = 5, .offset = 4096, .data = "x", .length = 1},
		{.type = US_RECORD_RANGE, .flags = US_RANGE_LAST, .number = 5, .offset = 4096},
		{.type = US_RECORD_RANGES_END, .flags = US_RANGES_COMPLETE, .number = 5, .offset = 8192},
		{.type = US_REPLY_WANT, .token = 8, .offset = 8192, .number = 9},
		{.type = US_REPLY_REACHED, .token = 8, .offset = 4096},
	};
	struct us_record out;

	(void)state;
	for (size_t i = 0; i < sizeof(records) / sizeof(records[0]); i++) {
		const struct us_record *in = &records[i];

		assert_int_equal(round_trip(in, &out), 1);
		assert_int_equal(out.type, in->type);
		assert_int_equal(out.flags, in->flags);
		assert_int_equal(out.token, in->token);
		assert_int_equal(out.id, in->id);
		assert_int_equal(out.parent, in->parent);
		assert_int_equal(out.offset, in->offset);
		assert_int_equal(out.number, in->number);
		assert_int_equal(out.range, in->range);
		assert_int_equal(out.state, in->state);
		assert_int_equal(out.changes, in->changes);
		assert_int_equal(out.children, in->children);
		assert_int_equal(out.error, in->error);
		assert_int_equal(out.length, in->length);
		assert_int_equal(out.name_length, in->name_length);
		assert_int_equal(out.target_length, in->target_length);
		if (in->target != NULL) {
			assert_string_equal(out.target, in->target);
		}
		if (in->length > 0) {
			assert_memory_equal(out.data, in->data, in->length);
		}
	}
}

/** No name leads anywhere but into its directory. */
static void test_names(void **state)
{
	static const struct {
		const char *name;
		size_t length;
		bool good;
	} rows[] = {
		{"a", 1, true},         {"a..b", 4, true},  {"...", 3, true},      {".a", 2, true},  {"\xff\n", 2, true},
		{"", 0, false},         {".", 1, false},    {"..", 2, false},      {"/", 1, false},  {"a/b", 3, false},
		{"../a", 4, false},     {"a\0b", 3, false}, {"/etc", 4, false},
	};
	char longest[300];

	(void)state;
	memset(longest, 'x', sizeof(longest));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct us_record record = full;

		record.name = rows[i].name;
		record.name_length = (uint32_t)rows[i].length;
		assert_int_equal(us_frame_is_name(rows[i].name, rows[i].length), rows[i].good);
		assert_int_equal(sent(&record), rows[i].good ? 1 : -EBADMSG);
	}
	assert_true(us_frame_is_name(longest, 255));
	assert_false(us_frame_is_name(longest, 256));
}

/** Nor does the target of a hard link lead out of the tree. */
static void test_link_targets(void **state)
{
	static const struct {
		const char *target;
		int want;
	} rows[] = {
		{"a", 1},           {"a/b/c", 1},         {"/a", -EBADMSG},     {"a/", -EBADMSG}, {"a//b", -EBADMSG},
		{"../a", -EBADMSG}, {"a/../../b", -EBADMSG}, {"a/./b", -EBADMSG}, {"..", -EBADMSG},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct us_record record = {
			.type = US_RECORD_FILE, .flags = US_FILE_EOF, .kind = US_KIND_LINK, .meta.mode = S_IFREG,
			.name = "h", .name_length = 1, .target = rows[i].target,
			.target_length = (uint32_t)strlen(rows[i].target)};

		assert_int_equal(sent(&record), rows[i].want);
	}
}

/** What goes beyond a limit, or does not fit together, is refused. */
static void test_limits(void **state)
{
	struct us_record record = full;

	(void)state;
	record.offset = INT64_MAX;
	assert_int_equal(sent(&record), -EBADMSG);
	record.offset = INT64_MAX - 8;
	assert_int_equal(sent(&record), 1);
	record.offset = UINT64_MAX;
	assert_int_equal(sent(&record), -EBADMSG);
	record = full;
	record.meta.size = (uint64_t)INT64_MAX + 1;
	assert_int_equal(sent(&record), -EBADMSG);
	record = full;
	record.meta.mtime_nsec = 1000000000;
	assert_int_equal(sent(&record), -EBADMSG);
	record = full;
	record.token = US_WIRE_TOKENS_MAX;
	assert_int_equal(sent(&record), -EBADMSG);
	record = full;
	record.meta.mode = S_IFDIR | 0755;
	assert_int_equal(sent(&record), -EBADMSG);
	record = full;
	record.kind = US_KIND_SPECIAL;
	assert_int_equal(sent(&record), -EBADMSG);
	record = full;
	record.flags = US_FILE_ASK;
	assert_int_equal(sent(&record), -EBADMSG);
	record = (struct us_record){.type = US_RECORD_FILE, .flags = US_FILE_ASK, .kind = US_KIND_REGULAR, .meta.mode = S_IFREG, .name = "f",
	                            .name_length = 1};
	assert_int_equal(sent(&record), 1);
	record.offset = 1;
	assert_int_equal(sent(&record), -EBADMSG);
	record = full;
	record.flags = 0x80;
	assert_int_equal(sent(&record), -EBADMSG);
	record = (struct us_record){.type = US_RECORD_DIR, .id = 0, .name = "", .meta.mode = S_IFDIR};
	assert_int_equal(sent(&record), -EBADMSG);
	record = (struct us_record){.type = US_RECORD_DIR, .id = 2, .parent = 1, .name = "", .meta.mode = S_IFDIR};
	assert_int_equal(sent(&record), -EBADMSG);
	record = (struct us_record){.type = US_RECORD_DIR_END, .id = 2, .state = US_WIRE_CONNS_MAX + 1};
	assert_int_equal(sent(&record), -EBADMSG);
}

/**
 * Each length that a record tells is held against what there is: none of these reads beyond the end (ASan sees to
 * that).
 */
static void test_lengths(void **state)
{
	size_t size = us_record_size(&full);

	(void)state;
	for (size_t at = 0; at < size - full.length; at++) {
		for (unsigned int bit = 0; bit < 8; bit++) {
			uint8_t *copy = malloc(size);
			struct us_record_cursor cursor = {.at = copy, .end = copy + size};
			struct us_record out;

			us_record_put(copy, &full);
			copy[at] ^= (uint8_t)(1u << bit);
			while (us_record_next(&cursor, &out) == 1) {
				assert_true(cursor.at <= cursor.end);
			}
			free(copy);
		}
	}
	for (size_t cut = 0; cut < size; cut++) {
		uint8_t *copy = malloc(size);
		struct us_record_cursor cursor = {.at = copy + size - cut, .end = copy + size};
		struct us_record out;

		us_record_put(bytes, &full);
		memcpy(copy + size - cut, bytes, cut);
		assert_int_equal(us_record_next(&cursor, &out), cut == 0 ? 0 : -EBADMSG);
		free(copy);
	}
}

/** A head is held against the limits of its type, and its payload against the sum. */
static void test_heads(void **state)
{
	static uint8_t frame[US_FRAME_HEAD + 64];
	struct us_wire_head head;
	struct us_frame out;

	(void)state;
	memset(frame + US_FRAME_HEAD, 7, 64);
	us_frame_seal(frame, US_WIRE_DATA, 0, 64);
	assert_int_equal(us_frame_open(frame, &out), 0);
	assert_int_equal(out.type, US_WIRE_DATA);
	assert_int_equal(out.length, 64);
	assert_int_equal(us_frame_check(&out, frame + US_FRAME_HEAD), 0);
	frame[US_FRAME_HEAD + 13] ^= 1;
	assert_int_equal(us_frame_check(&out, frame + US_FRAME_HEAD), -EBADMSG);
	memcpy(&head, frame, sizeof(head));
	head.flags = US_WIRE_UNSUMMED; /* It has one. */
	memcpy(frame, &head, sizeof(head));
	assert_int_equal(us_frame_open(frame, &out), 0);
	assert_int_equal(us_frame_check(&out, frame + US_FRAME_HEAD), -EBADMSG);
	us_frame_seal(frame, US_WIRE_REPLY, US_WIRE_UNSUMMED, 64);
	assert_int_equal(us_frame_open(frame, &out), 0);
	assert_int_equal(us_frame_check(&out, frame + US_FRAME_HEAD), 0);
	us_frame_seal(frame, US_WIRE_PING, US_WIRE_UNSUMMED, 0);
	assert_int_equal(us_frame_open(frame, &out), -EBADMSG);
	head.flags = 0;
	for (unsigned int type = 0; type < 256; type++) {
		head.type = (uint8_t)type;
		head.length = UINT32_MAX;
		memcpy(frame, &head, sizeof(head));
		assert_int_equal(us_frame_open(frame, &out), -EBADMSG);
		head.length = US_WIRE_FRAME_MAX + 1;
		memcpy(frame, &head, sizeof(head));
		assert_int_equal(us_frame_open(frame, &out), -EBADMSG);
	}
	head.type = US_WIRE_HELLO;
	head.length = US_WIRE_HELLO_MAX + 1;
	memcpy(frame, &head, sizeof(head));
	assert_int_equal(us_frame_open(frame, &out), -EBADMSG);
	head.type = US_WIRE_PING;
	head.length = 0;
	memcpy(frame, &head, sizeof(head));
	assert_int_equal(us_frame_open(frame, &out), 0);
	head.flags = 0x40;
	memcpy(frame, &head, sizeof(head));
	assert_int_equal(us_frame_open(frame, &out), -EBADMSG);
}

/** Make a bare frame of RECORD, whose contents are all 7.  @return bytes of its payload. */
static uint32_t make_bare(uint8_t *frame, struct us_record record, uint32_t error)
{
	struct us_wire_bare_end end = {.error = error};
	uint32_t size = (uint32_t)us_record_size(&record);

	record.data = NULL;
	us_record_put(frame + US_FRAME_HEAD, &record);
	memset(frame + US_FRAME_HEAD + size - record.length, 7, record.length);
	memcpy(frame + US_FRAME_HEAD + size, &end, sizeof(end));
	us_frame_seal(frame, US_WIRE_DATA, US_WIRE_BARE, size + sizeof(end));
	return size + sizeof(end);
}

/** A bare frame's sum is that of all but its contents; it is one FILE or PART with contents, and nothing else. */
static void test_bare(void **state)
{
	static uint8_t frame[US_FRAME_HEAD + 1024];
	uint8_t *payload = frame + US_FRAME_HEAD;
	struct us_record file = {
		.type = US_RECORD_FILE, .kind = US_KIND_REGULAR, .name = "name", .name_length = 4, .meta.mode = S_IFREG, .length = 100};
	struct us_record part = {.type = US_RECORD_PART, .token = 3, .length = 100};
	struct us_record end = {.type = US_RECORD_DIR_END, .id = 1, .state = 1};
	struct us_record *records[] = {&file, &part};
	struct us_frame out;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		uint32_t length = make_bare(frame, *records[i], 0);
		struct us_record_cursor cursor = {.at = payload};
		struct us_record got;

		assert_int_equal(us_frame_bare_head(payload, length), us_record_size(records[i]) - 100);
		assert_int_equal(us_frame_open(frame, &out), 0);
		assert_int_equal(us_frame_check(&out, payload), 0);
		payload[length - 20] ^= 1;
		assert_int_equal(us_frame_check(&out, payload), 0);
		payload[length - 20] ^= 1;
		payload[sizeof(struct us_wire_record)] ^= 1;
		assert_int_equal(us_frame_check(&out, payload), -EBADMSG);
		payload[sizeof(struct us_wire_record)] ^= 1;
		assert_int_equal(us_frame_cut_bare(&out, payload), 1);
		assert_int_equal(out.flags, 0);
		cursor.end = payload + out.length;
		assert_int_equal(us_record_next(&cursor, &got), 1);
		assert_int_equal(got.length, 100);
		assert_int_equal(((const uint8_t *)got.data)[99], 7);
		assert_int_equal(us_record_next(&cursor, &got), 0);

		/* Its length can't be what it is not, nor that of its contents. */
		for (uint32_t cut = 1; cut < length; cut++) {
			assert_int_equal(us_frame_bare_head(payload, length - cut), 0);
		}
		make_bare(frame, *records[i], EIO);
		assert_int_equal(us_frame_open(frame, &out), 0);
		assert_int_equal(us_frame_check(&out, payload), 0);
		assert_int_equal(us_frame_cut_bare(&out, payload), 0);
		assert_int_equal(us_frame_open(frame, &out), 0);
		payload[length - 1] = 1;
		assert_int_equal(us_frame_cut_bare(&out, payload), -EBADMSG);
	}
	part.length = 0;
	assert_int_equal(us_frame_bare_head(payload, make_bare(frame, part, 0)), 0);
	assert_int_equal(us_frame_bare_head(payload, make_bare(frame, end, 0)), 0);
	make_bare(frame, file, 0);
	frame[offsetof(struct us_wire_head, flags)] |= US_WIRE_COMPRESSED;
	assert_int_equal(us_frame_open(frame, &out), -EBADMSG);
	frame[offsetof(struct us_wire_head, flags)] = US_WIRE_BARE;
	frame[offsetof(struct us_wire_head, type)] = US_WIRE_REPLY;
	assert_int_equal(us_frame_open(frame, &out), -EBADMSG);
}

/** What is wanted, with filters and the root; cut anywhere it is refused. */
static void test_start(void **state)
{
	struct us_record root = {.type = US_RECORD_DIR, .id = 1, .name = "", .meta.mode = S_IFDIR | 0700};
	struct us_wire_start wire = {.wishes = US_WISH_DELETE, .keep = 3, .suffix = 4, .filters = 2, .max_delete = 5};
	static const char filters[] = "\1*.c\0\0/build";
	const uint8_t *at;
	struct us_start start;
	bool include;
	uint32_t size;

	(void)state;
	memcpy(bytes, &wire, sizeof(wire));
	memcpy(bytes + sizeof(wire), ".old", 5);
	memcpy(bytes + sizeof(wire) + 5, filters, sizeof(filters));
	us_record_put(bytes + sizeof(wire) + 5 + sizeof(filters), &root);
	size = (uint32_t)(sizeof(wire) + 5 + sizeof(filters) + us_record_size(&root));
	assert_int_equal(us_start_decode(bytes, size, &start), 0);
	assert_string_equal(start.suffix, ".old");
	assert_int_equal(start.wire.max_delete, 5);
	at = start.filters;
	assert_string_equal(us_start_filter(&at, &include), "*.c");
	assert_true(include);
	assert_string_equal(us_start_filter(&at, &include), "/build");
	assert_false(include);
	for (uint32_t cut = 0; cut < size; cut++) {
		uint8_t *copy = malloc(cut + 1);

		memcpy(copy, bytes, cut);
		assert_int_equal(us_start_decode(copy, cut, &start), -EBADMSG);
		free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_file),   cmocka_unit_test(test_all_kinds), cmocka_unit_test(test_names),
		cmocka_unit_test(test_limits), cmocka_unit_test(test_lengths),   cmocka_unit_test(test_link_targets),
		cmocka_unit_test(test_heads),  cmocka_unit_test(test_start),     cmocka_unit_test(test_bare),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
