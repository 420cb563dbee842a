/* SPDX-License-Identifier: MIT */
/*
 * A record is decoded in two steps: its fixed part, then the pieces that it counts, cut off one after the other from
 * what is left.  They have to come to exactly its length.
 */
#include "net/frame.h"

#include "base/us.h"
#include "net/frame_range.h"

#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the wire's numbers are used as they stand");

void us_meta_of(const struct statx *stx, struct us_wire_meta *meta)
{
	*meta = (struct us_wire_meta){
		.mode = stx->stx_mode,
		.uid = stx->stx_uid,
		.gid = stx->stx_gid,
		.rdev_major = stx->stx_rdev_major,
		.rdev_minor = stx->stx_rdev_minor,
		.mtime_nsec = stx->stx_mtime.tv_nsec,
		.atime_nsec = stx->stx_atime.tv_nsec,
		.size = stx->stx_size,
		.mtime = stx->stx_mtime.tv_sec,
		.atime = stx->stx_atime.tv_sec,
	};
}

void us_meta_to(const struct us_wire_meta *meta, struct statx *stx)
{
	*stx = (struct statx){
		.stx_mask = STATX_BASIC_STATS & ~(uint32_t)STATX_BLOCKS, /* They are not told. */
		.stx_mode = (uint16_t)meta->mode,
		.stx_uid = meta->uid,
		.stx_gid = meta->gid,
		.stx_nlink = 1,
		.stx_rdev_major = meta->rdev_major,
		.stx_rdev_minor = meta->rdev_minor,
		.stx_size = meta->size,
		.stx_mtime = {.tv_sec = meta->mtime, .tv_nsec = meta->mtime_nsec},
		.stx_atime = {.tv_sec = meta->atime, .tv_nsec = meta->atime_nsec},
	};
}

/** Bytes of the fixed part of a record of TYPE, with its head; 0 for what is none. */
static size_t fixed_size(uint8_t type)
{
	static const uint8_t sizes[US_RECORD_TYPES] = {
		[US_RECORD_DIR] = sizeof(struct us_wire_dir),
		[US_RECORD_DIR_END] = sizeof(struct us_wire_dir_end),
		[US_RECORD_FILE] = sizeof(struct us_wire_file),
		[US_RECORD_PART] = sizeof(struct us_wire_part),
		[US_RECORD_ABANDON] = sizeof(struct us_wire_abandon),
		[US_RECORD_MIRROR] = sizeof(struct us_wire_names),
		[US_RECORD_MISSING] = sizeof(struct us_wire_names),
		[US_RECORD_RANGE] = sizeof(struct us_wire_range),
		[US_RECORD_RANGES_END] = sizeof(struct us_wire_range),
		[US_RECORD_EVENT] = sizeof(struct us_wire_event),
		[US_REPLY_DIR] = sizeof(struct us_wire_dir_reply),
		[US_REPLY_DONE] = sizeof(struct us_wire_done),
		[US_REPLY_WANT] = sizeof(struct us_wire_want),
		[US_REPLY_COMPARE] = sizeof(struct us_wire_compare),
		[US_REPLY_EVENT] = sizeof(struct us_wire_event),
		[US_REPLY_ASK] = sizeof(struct us_wire_names),
		[US_REPLY_MIRRORED] = sizeof(struct us_wire_names),
		[US_REPLY_REACHED] = sizeof(struct us_wire_range),
	};

	return type < US_RECORD_TYPES && sizes[type] > 0 ? sizeof(struct us_wire_record) + sizes[type] : 0;
}

/** True when it is an event, of either side. */
static bool is_event(const struct us_record *record)
{
	return record->type == US_RECORD_EVENT || record->type == US_REPLY_EVENT;
}

/** True when a record of its type has a name. */
static bool has_name(const struct us_record *record)
{
	return record->type == US_RECORD_DIR || record->type == US_RECORD_FILE || is_event(record);
}

size_t us_record_size(const struct us_record *record)
{
	size_t size = fixed_size((uint8_t)record->type);

	if (has_name(record)) {
		size += record->name_length + 1u;
	}
	if (record->target != NULL) {
		size += record->target_length + 1u;
	}
	if (is_event(record)) {
		size += record->what_length + 1u;
	}
	size += record->xattrs_length + record->length;
	return record->type == US_REPLY_COMPARE ? size : size + record->sum_length;
}

/** Write LENGTH bytes and go on behind them. */
static void put(uint8_t **at, const void *from, size_t length)
{
	if (length > 0) {
		memcpy(*at, from, length);
	}
	*at += length;
}

/** Write a text of LENGTH bytes with its NUL. */
static void put_text(uint8_t **at, const char *text, size_t length)
{
	put(at, text, length);
	*(*at)++ = 0;
}

/** The fixed part of a FILE. */
static void put_file(uint8_t **at, const struct us_record *record)
{
	struct us_wire_file wire = {
		.token = record->token,
		.length = record->length,
		.dir = record->id,
		.offset = (record->flags & US_FILE_RANGES) != 0 ? record->range : record->offset,
		.meta = record->meta,
		.xattrs = record->xattrs_length,
		.target = record->target_length,
		.name = (uint16_t)record->name_length,
		.kind = record->kind,
		.sum = (uint8_t)record->sum_length,
	};

	put(at, &wire, sizeof(wire));
}

/** The fixed part of an event. */
static void put_event(uint8_t **at, const struct us_record *record)
{
	put(at,
	    &(struct us_wire_event){
		    .type = record->state,
		    .error = record->error,
		    .mode = record->meta.mode,
		    .changes = record->changes,
		    .name = record->name_length,
		    .target = record->target_length,
		    .what = (uint16_t)record->what_length,
		    .has_name = record->name != NULL},
	    sizeof(struct us_wire_event));
}

/** The fixed parts of the others in DATA. */
static void put_data(uint8_t **at, const struct us_record *record)
{
	switch (record->type) {
	case US_RECORD_DIR:
		put(at,
		    &(struct us_wire_dir){
			    .id = record->id,
			    .parent = record->parent,
			    .meta = record->meta,
			    .xattrs = record->xattrs_length,
			    .name = (uint16_t)record->name_length},
		    sizeof(struct us_wire_dir));
		break;
	case US_RECORD_DIR_END:
		put(at,
		    &(struct us_wire_dir_end){
			    .id = record->id, .announced = record->state, .children = record->children},
		    sizeof(struct us_wire_dir_end));
		break;
	case US_RECORD_PART:
		put(at,
		    &(struct us_wire_part){
			    .token = record->token,
			    .length = record->length,
			    .offset = record->offset,
			    .sum = record->sum_length},
		    sizeof(struct us_wire_part));
		break;
	case US_RECORD_ABANDON:
		put(at, &(struct us_wire_abandon){.token = record->token}, sizeof(struct us_wire_abandon));
		break;
	case US_RECORD_RANGE:
	case US_RECORD_RANGES_END:
		*at = us_range_put(*at, record);
		break;
	case US_RECORD_MIRROR:
	case US_RECORD_MISSING:
		put(at, &(struct us_wire_names){.dir = record->id, .bytes = record->length},
		    sizeof(struct us_wire_names));
		break;
	case US_RECORD_EVENT:
		put_event(at, record);
		break;
	default:
		put_file(at, record);
		break;
	}
}

/** The fixed parts of replies. */
static void put_reply(uint8_t **at, const struct us_record *record)
{
	struct us_wire_compare compare = {.token = record->token, .changes = record->changes};

	switch (record->type) {
	case US_REPLY_DIR:
		put(at, &(struct us_wire_dir_reply){.id = record->id, .state = record->state},
		    sizeof(struct us_wire_dir_reply));
		break;
	case US_REPLY_DONE:
		put(at,
		    &(struct us_wire_done){
			    .token = record->token, .changes = record->changes, .result = record->state},
		    sizeof(struct us_wire_done));
		break;
	case US_REPLY_WANT:
		put(at,
		    &(struct us_wire_want){
			    .token = record->token,
			    .changes = record->changes,
			    .offset = record->offset,
			    .error = record->error,
			    .number = record->number},
		    sizeof(struct us_wire_want));
		break;
	case US_REPLY_REACHED:
		*at = us_range_put(*at, record);
		break;
	case US_REPLY_COMPARE:
		memcpy(compare.sum, record->sum, sizeof(compare.sum));
		put(at, &compare, sizeof(compare));
		break;
	case US_REPLY_ASK:
	case US_REPLY_MIRRORED:
		put(at, &(struct us_wire_names){.dir = record->id, .bytes = record->length},
		    sizeof(struct us_wire_names));
		break;
	default:
		put_event(at, record);
		break;
	}
}

void us_record_put(void *to, const struct us_record *record)
{
	uint8_t *at = to;
	struct us_wire_record head = {
		.length = (uint32_t)us_record_size(record),
		.type = (uint8_t)record->type,
		.flags = record->flags,
	};

	put(&at, &head, sizeof(head));
	if (record->type < US_RECORD_DATA_TYPES) {
		put_data(&at, record);
	} else {
		put_reply(&at, record);
	}
	if (has_name(record)) {
		put_text(&at, record->name, record->name_length);
	}
	if (record->target != NULL) {
		put_text(&at, record->target, record->target_length);
	}
	if (is_event(record)) {
		put_text(&at, record->what, record->what_length);
	}
	put(&at, record->xattrs, record->xattrs_length);
	if (record->type != US_REPLY_COMPARE) {
		put(&at, record->sum, record->sum_length);
	}
	if (record->data != NULL) {
		put(&at, record->data, record->length);
	}
}

/** What is left of a record. */
struct rest {
	const uint8_t *at;
	size_t left;
	bool wrong; /**< It is shorter than it says. */
};

/** Cut LENGTH bytes off. */
static const void *cut(struct rest *rest, size_t length)
{
	const uint8_t *at = rest->at;

	if (rest->wrong || length > rest->left) {
		rest->wrong = true;
		return NULL;
	}
	rest->at += length;
	rest->left -= length;
	return at;
}

/** Cut a text of LENGTH bytes off, which has no NUL but the one behind it. */
static const char *cut_text(struct rest *rest, size_t length, size_t max)
{
	const char *text = length <= max ? cut(rest, length + 1) : NULL;

	if (text == NULL || memchr(text, 0, length + 1) != text + length) {
		rest->wrong = true;
		return NULL;
	}
	return text;
}

bool us_frame_is_name(const char *name, size_t length)
{
	if (length == 0 || length > US_WIRE_NAME_MAX || memchr(name, '/', length) != NULL ||
	    memchr(name, 0, length) != NULL) {
		return false;
	}
	return !(name[0] == '.' && (length == 1 || (length == 2 && name[1] == '.')));
}

/** True when PATH leads down from the root by names alone. */
static bool is_path(const char *path)
{
	for (;;) {
		size_t length = strcspn(path, "/");

		if (!us_frame_is_name(path, length)) {
			return false;
		}
		path += length;
		if (*path == '\0') {
			return true;
		}
		path++;
	}
}

/** True when META can be an entry's. */
static bool is_meta(const struct us_wire_meta *meta)
{
	return meta->mode <= UINT16_MAX && meta->zero == 0 && meta->mtime_nsec < 1000000000u &&
	       meta->atime_nsec < 1000000000u && meta->size <= INT64_MAX;
}

/** True when the bytes from OFFSET on can be a file's. */
static bool is_range(uint64_t offset, uint32_t length)
{
	return offset <= INT64_MAX && length <= US_WIRE_DATA_MAX && length <= INT64_MAX - offset;
}

/** True when KIND and MODE go together, and what only one kind has is there for that alone. */
static bool is_kind(const struct us_record *record)
{
	uint32_t format = record->meta.mode & S_IFMT;

	switch (record->kind) {
	case US_KIND_REGULAR:
		return format == S_IFREG && record->target == NULL;
	case US_KIND_SYMLINK:
		return format == S_IFLNK && record->target_length > 0 && record->target_length <= US_WIRE_TARGET_MAX;
	case US_KIND_SPECIAL:
		return (format == S_IFIFO || format == S_IFSOCK || format == S_IFCHR || format == S_IFBLK) &&
		       record->target == NULL;
	case US_KIND_LINK:
		return format != S_IFDIR && record->target_length > 0 && is_path(record->target);
	default:
		return false;
	}
}

/** True when flags of a FILE or PART make sense together. */
static bool are_file_flags(const struct us_record *record)
{
	bool asks = (record->flags & US_FILE_ASK) != 0;
	bool ends = (record->flags & US_FILE_EOF) != 0;

	if (((record->flags & US_FILE_RANGES) != 0 && (!asks || record->kind != US_KIND_REGULAR)) ||
	    (asks && (ends || record->length > 0 || record->offset > 0)) ||
	    (!asks && !ends && record->length == 0) ||
	    (!ends && ((record->flags & (US_FILE_BROKEN | US_FILE_SAME)) != 0 || record->sum_length > 0))) {
		return false;
	}
	return record->type != US_RECORD_FILE || record->kind == US_KIND_REGULAR ||
	       (ends && record->length == 0 && record->offset == 0 && !asks && record->sum_length == 0);
}

/** A US_RECORD_FILE. */
static bool decode_file(struct rest *rest, struct us_record *record)
{
	struct us_wire_file wire;
	const void *fixed = cut(rest, sizeof(wire));

	if (fixed == NULL) {
		return false;
	}
	memcpy(&wire, fixed, sizeof(wire));
	if (wire.xattrs > US_WIRE_XATTRS_MAX || wire.sum > US_WIRE_SUM_MAX || !is_meta(&wire.meta) ||
	    !is_range(wire.offset, wire.length)) {
		return false;
	}
	record->token = wire.token;
	record->id = wire.dir;
	us_range_told(record, wire.offset);
	record->meta = wire.meta;
	record->kind = wire.kind;
	record->name = cut_text(rest, wire.name, US_WIRE_NAME_MAX);
	record->name_length = wire.name;
	if (wire.target > 0) {
		record->target = cut_text(rest, wire.target, US_WIRE_PATH_MAX);
		record->target_length = wire.target;
	}
	record->xattrs = cut(rest, wire.xattrs);
	record->xattrs_length = wire.xattrs;
	record->sum = cut(rest, wire.sum);
	record->sum_length = wire.sum;
	record->data = cut(rest, wire.length);
	record->length = wire.length;
	return !rest->wrong && us_frame_is_name(record->name, wire.name) && is_kind(record) && are_file_flags(record) &&
	       ((record->flags & US_FILE_RANGES) == 0 || record->range > 0) &&
	       (record->flags & US_FILE_SAME) == 0 && wire.token < US_WIRE_TOKENS_MAX;
}

/** A US_RECORD_PART. */
static bool decode_part(struct rest *rest, struct us_record *record)
{
	struct us_wire_part wire;
	const void *fixed = cut(rest, sizeof(wire));

	if (fixed == NULL) {
		return false;
	}
	memcpy(&wire, fixed, sizeof(wire));
	if (wire.zero != 0 || wire.sum > US_WIRE_SUM_MAX || !is_range(wire.offset, wire.length) ||
	    wire.token >= US_WIRE_TOKENS_MAX) {
		return false;
	}
	record->token = wire.token;
	record->offset = wire.offset;
	record->sum = cut(rest, wire.sum);
	record->sum_length = wire.sum;
	record->data = cut(rest, wire.length);
	record->length = wire.length;
	return !rest->wrong && are_file_flags(record) &&
	       (record->flags & (US_FILE_ASK | US_FILE_AGAIN | US_FILE_RANGES)) == 0 &&
	       ((record->flags & US_FILE_SAME) == 0 || wire.length == 0);
}

/** A US_RECORD_DIR. */
static bool decode_dir(struct rest *rest, struct us_record *record)
{
	struct us_wire_dir wire;
	const void *fixed = cut(rest, sizeof(wire));
	bool is_root;

	if (fixed == NULL) {
		return false;
	}
	memcpy(&wire, fixed, sizeof(wire));
	if (wire.id == 0 || wire.zero != 0 || wire.xattrs > US_WIRE_XATTRS_MAX || !is_meta(&wire.meta) ||
	    (record->flags & ~US_DIR_FLAGS) != 0 || (wire.meta.mode & S_IFMT) != S_IFDIR) {
		return false;
	}
	is_root = wire.parent == 0;
	record->id = wire.id;
	record->parent = wire.parent;
	record->meta = wire.meta;
	record->name = cut_text(rest, wire.name, US_WIRE_NAME_MAX);
	record->name_length = wire.name;
	record->xattrs = cut(rest, wire.xattrs);
	record->xattrs_length = wire.xattrs;
	return !rest->wrong && (is_root ? wire.name == 0 : us_frame_is_name(record->name, wire.name)) &&
	       (is_root || (record->flags & US_DIR_VIRTUAL) == 0);
}

/** Names of a directory: each is looked at. */
static bool decode_names(struct rest *rest, struct us_record *record)
{
	struct us_wire_names wire;
	const void *fixed = cut(rest, sizeof(wire));
	const char *name;
	const char *end;

	if (fixed == NULL) {
		return false;
	}
	memcpy(&wire, fixed, sizeof(wire));
	name = cut(rest, wire.bytes);
	if (rest->wrong || wire.zero != 0 || record->flags != 0 || wire.bytes > US_WIRE_NAMES_MAX ||
	    (wire.bytes > 0 && (record->type == US_RECORD_MIRROR || record->type == US_REPLY_MIRRORED))) {
		return false;
	}
	record->id = wire.dir;
	record->data = name;
	record->length = wire.bytes;
	end = name + wire.bytes;
	while (name < end) {
		const char *nul = memchr(name, 0, (size_t)(end - name));

		if (nul == NULL || !us_frame_is_name(name, (size_t)(nul - name))) {
			return false;
		}
		name = nul + 1;
	}
	return true;
}

/** The short ones in DATA. */
static bool decode_short(struct rest *rest, struct us_record *record)
{
	struct us_wire_dir_end end;
	struct us_wire_abandon abandon;
	const void *fixed;

	if (record->flags != 0) {
		return false;
	}
	if (record->type == US_RECORD_DIR_END) {
		fixed = cut(rest, sizeof(end));
		if (fixed == NULL) {
			return false;
		}
		memcpy(&end, fixed, sizeof(end));
		record->id = end.id;
		record->state = end.announced;
		record->children = end.children;
		return end.announced > 0 && end.announced <= US_WIRE_CONNS_MAX;
	}
	fixed = cut(rest, sizeof(abandon));
	if (fixed == NULL) {
		return false;
	}
	memcpy(&abandon, fixed, sizeof(abandon));
	record->token = abandon.token;
	return abandon.zero == 0 && abandon.token < US_WIRE_TOKENS_MAX;
}

/** A piece of a range, or what is said of all of them. */
static bool decode_range(struct rest *rest, struct us_record *record)
{
	size_t left = rest->left;

	return us_range_decode(cut(rest, left), left, record);
}

/** An event, of either side. */
static bool decode_event(struct rest *rest, struct us_record *record)
{
	struct us_wire_event wire;
	const void *fixed = cut(rest, sizeof(wire));

	if (fixed == NULL) {
		return false;
	}
	memcpy(&wire, fixed, sizeof(wire));
	if (wire.has_name > 1 || wire.zero != 0 || wire.mode > UINT16_MAX || wire.error > 4095) {
		return false;
	}
	record->state = wire.type;
	record->error = wire.error;
	record->meta.mode = wire.mode;
	record->changes = wire.changes;
	record->name = cut_text(rest, wire.name, US_WIRE_PATH_MAX);
	record->name_length = wire.name;
	if (wire.target > 0) {
		record->target = cut_text(rest, wire.target, US_WIRE_PATH_MAX);
		record->target_length = wire.target;
	}
	record->what = cut_text(rest, wire.what, US_WIRE_TEXT_MAX);
	record->what_length = wire.what;
	if (wire.has_name == 0) {
		record->name = NULL;
	}
	return !rest->wrong && (wire.has_name == 1 || wire.name == 0);
}

/** A record of DATA. */
static bool decode_data(struct rest *rest, struct us_record *record)
{
	switch (record->type) {
	case US_RECORD_DIR:
		return decode_dir(rest, record);
	case US_RECORD_FILE:
		return decode_file(rest, record);
	case US_RECORD_PART:
		return decode_part(rest, record);
	case US_RECORD_MIRROR:
	case US_RECORD_MISSING:
		return decode_names(rest, record);
	case US_RECORD_RANGE:
	case US_RECORD_RANGES_END:
		return decode_range(rest, record);
	case US_RECORD_DIR_END:
	case US_RECORD_ABANDON:
		return decode_short(rest, record);
	case US_RECORD_EVENT:
		return record->flags == 0 && decode_event(rest, record);
	default:
		return false;
	}
}

/** Replies that are told by numbers. */
static bool decode_numbers(const void *fixed, struct us_record *record)
{
	struct us_wire_dir_reply dir;
	struct us_wire_done done;
	struct us_wire_want want;

	switch (record->type) {
	case US_REPLY_DIR:
		memcpy(&dir, fixed, sizeof(dir));
		record->id = dir.id;
		record->state = dir.state;
		return dir.zero == 0 && dir.state > 0 && dir.state < US_DIR_STATES;
	case US_REPLY_DONE:
		memcpy(&done, fixed, sizeof(done));
		record->token = done.token;
		record->changes = done.changes;
		record->state = done.result;
		return done.zero == 0 && done.result > 0 && done.result < US_RESULTS &&
		       done.token < US_WIRE_TOKENS_MAX;
	case US_REPLY_WANT:
		memcpy(&want, fixed, sizeof(want));
		record->token = want.token;
		record->changes = want.changes;
		record->offset = want.offset;
		record->error = want.error;
		record->number = want.number;
		return want.error <= 4095 && want.token < US_WIRE_TOKENS_MAX &&
		       want.offset <= INT64_MAX;
	default:
		record->sum = (const uint8_t *)fixed + offsetof(struct us_wire_compare, sum);
		record->sum_length = sizeof(((struct us_wire_compare *)NULL)->sum);
		memcpy(&record->token, fixed, sizeof(record->token));
		memcpy(&record->changes, (const uint8_t *)fixed + sizeof(record->token), sizeof(record->changes));
		return record->token < US_WIRE_TOKENS_MAX;
	}
}

/** A record of REPLY. */
static bool decode_reply(struct rest *rest, struct us_record *record)
{
	const void *fixed;

	if (record->flags != 0) {
		return false;
	}
	if (record->type == US_REPLY_EVENT) {
		return decode_event(rest, record);
	}
	if (record->type == US_REPLY_ASK || record->type == US_REPLY_MIRRORED) {
		return decode_names(rest, record);
	}
	if (record->type == US_REPLY_REACHED) {
		return decode_range(rest, record);
	}
	fixed = cut(rest, fixed_size((uint8_t)record->type) - sizeof(struct us_wire_record));
	return fixed != NULL && decode_numbers(fixed, record);
}

int us_record_next(struct us_record_cursor *cursor, struct us_record *record)
{
	size_t left = (size_t)(cursor->end - cursor->at);
	struct us_wire_record head;
	struct rest rest;
	bool is_reply;

	if (left == 0) {
		return 0;
	}
	if (left < sizeof(head)) {
		return -EBADMSG;
	}
	memcpy(&head, cursor->at, sizeof(head));
	is_reply = head.type >= US_REPLY_DIR;
	if (fixed_size(head.type) == 0 || is_reply != cursor->replies || head.zero != 0 || head.length > left ||
	    head.length < sizeof(head)) {
		return -EBADMSG;
	}
	rest = (struct rest){.at = cursor->at + sizeof(head), .left = head.length - sizeof(head)};
	*record = (struct us_record){.type = (enum us_wire_record_type)head.type, .flags = head.flags};
	if (!(is_reply ? decode_reply(&rest, record) : decode_data(&rest, record)) || rest.wrong || rest.left > 0) {
		return -EBADMSG;
	}
	cursor->at += head.length;
	return 1;
}

const char *us_start_filter(const uint8_t **at, bool *include)
{
	const char *pattern = (const char *)*at + 1;

	*include = **at == 1;
	*at += 1 + strlen(pattern) + 1;
	return pattern;
}

/** Pass over the filters of a START. */
static bool check_filters(struct rest *rest, uint32_t nr)
{
	for (uint32_t i = 0; i < nr; i++) {
		const uint8_t *include = cut(rest, 1);
		const void *nul = !rest->wrong ? memchr(rest->at, 0, rest->left) : NULL;
		size_t length = nul != NULL ? (size_t)((const uint8_t *)nul - rest->at) : 0;

		if (include == NULL || *include > 1 || nul == NULL || length == 0) {
			return false;
		}
		cut(rest, length + 1);
	}
	return true;
}

int us_start_decode(const void *payload, uint32_t length, struct us_start *start)
{
	struct rest rest = {.at = payload, .left = length};
	const struct us_wire_start *wire = &start->wire;
	const void *fixed = cut(&rest, sizeof(*wire));
	struct us_record_cursor cursor;

	*start = (struct us_start){0};
	if (fixed == NULL) {
		return -EBADMSG;
	}
	memcpy(&start->wire, fixed, sizeof(start->wire));
	if ((wire->wishes & ~(uint32_t)US_WISH_ALL) != 0 || wire->zero != 0 || wire->filters > US_WIRE_FILTERS_MAX) {
		return -EBADMSG;
	}
	if (wire->suffix > 0) {
		start->suffix = cut_text(&rest, wire->suffix, US_WIRE_NAME_MAX);
		if (start->suffix == NULL || strchr(start->suffix, '/') != NULL) {
			return -EBADMSG;
		}
	}
	start->filters = rest.at;
	if (!check_filters(&rest, wire->filters)) {
		return -EBADMSG;
	}
	cursor = (struct us_record_cursor){.at = rest.at, .end = rest.at + rest.left};
	if (us_record_next(&cursor, &start->root) != 1 || cursor.at != cursor.end ||
	    start->root.type != US_RECORD_DIR || start->root.parent != 0) {
		return -EBADMSG;
	}
	return 0;
}

int us_frame_text(const void *payload, uint32_t length, size_t size, uint32_t text, const char **out)
{
	struct rest rest = {.at = payload, .left = length};

	*out = NULL;
	if (cut(&rest, size) == NULL) {
		return -EBADMSG;
	}
	if (text > 0) {
		*out = cut_text(&rest, text, US_WIRE_TEXT_MAX);
	}
	return rest.wrong || rest.left > 0 ? -EBADMSG : 0;
}
