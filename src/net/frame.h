/* SPDX-License-Identifier: MIT */
/**
 * @file frame.h
 * Frames and records between the form that they have on the wire (wire.h) and one that can be worked with.
 *
 * No I/O and no memory is taken here.  What comes from the wire is believed in nothing: each length is held against
 * its limit and against what is there before it is used.  Texts and contents of a decoded record lie in the payload.
 */
#ifndef US_NET_FRAME_H
#define US_NET_FRAME_H

#include "net/wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

/** Bytes of a frame's head. */
#define US_FRAME_HEAD sizeof(struct us_wire_head)

/**
 * Write the head of a frame whose payload of LENGTH bytes follows it in memory; of a bare one the contents need not.
 */
void us_frame_seal(void *frame, enum us_wire_type type, uint8_t flags, uint32_t length);

/** A head that was looked at. */
struct us_frame {
	enum us_wire_type type;
	uint8_t flags;
	uint32_t length; /**< Of the payload, within the limit for its type. */
	uint64_t sum;
};

/** Look at the US_FRAME_HEAD bytes at HEAD.  @return 0, or -EBADMSG when they are no head. */
int us_frame_open(const void *head, struct us_frame *frame);

/** Hold PAYLOAD against the head's sum.  @return 0 or -EBADMSG. */
int us_frame_check(const struct us_frame *frame, const void *payload);

/** The bytes of a bare PAYLOAD, of LENGTH bytes, that come before its contents; 0 when it is none. */
uint32_t us_frame_bare_head(const void *payload, uint32_t length);

/**
 * Cut the end off a bare frame that was checked, which is then like others.
 *
 * @return 1, 0 when it is void, or -EBADMSG.
 */
int us_frame_cut_bare(struct us_frame *frame, const void *payload);

/** A record.  Which members mean something is told by wire.h for each type; others are 0. */
struct us_record {
	enum us_wire_record_type type;
	uint8_t flags;
	uint8_t kind;           /**< FILE: enum us_wire_kind. */
	uint32_t token;
	uint32_t changes;
	uint32_t state;         /**< DIR replies, DONE: what became of it; DIR_END: announced; EVENT: its type. */
	uint32_t children;      /**< DIR_END. */
	uint32_t error;         /**< A positive errno, or 0. */
	uint64_t id;            /**< The directory. */
	uint64_t parent;
	uint64_t offset;
	uint32_t number;        /**< RANGE, RANGES_END, WANT: of a file whose contents come in ranges. */
	uint32_t range;         /**< FILE with US_FILE_RANGES: bytes of one. */
	struct us_wire_meta meta; /**< EVENT: mode alone. */
	const char *name;       /**< Ended with NUL, as the other texts. */
	uint32_t name_length;
	const char *target;
	uint32_t target_length;
	const char *what;
	uint32_t what_length;
	const void *xattrs;     /**< Not looked into: us_xattrs_import() does that. */
	uint32_t xattrs_length;
	const void *sum;
	uint32_t sum_length;
	const void *data;       /**< Contents; NAMES: names, each with its NUL. */
	uint32_t length;
};

/** The bytes that RECORD takes on the wire. */
size_t us_record_size(const struct us_record *record);

/**
 * Write RECORD to TO, where us_record_size() bytes are free; contents too, unless data is NULL: then they are left out.
 */
void us_record_put(void *to, const struct us_record *record);

/** Where the next record of a payload stands. */
struct us_record_cursor {
	const uint8_t *at;
	const uint8_t *end;
	bool replies; /**< They are replies. */
};

/** Take the next record.  @return 1, 0 at the end, or -EBADMSG. */
int us_record_next(struct us_record_cursor *cursor, struct us_record *record);

/** True when NAME, of LENGTH bytes, can be that of an entry in a directory. */
bool us_frame_is_name(const char *name, size_t length);

/** What a sender wishes, and the root. */
struct us_start {
	struct us_wire_start wire;
	const char *suffix;      /**< Or NULL. */
	const uint8_t *filters;  /**< wire.filters of them: see us_start_filter(). */
	struct us_record root;
};

/** Take apart the START in the LENGTH bytes of PAYLOAD.  @return 0 or -EBADMSG. */
int us_start_decode(const void *payload, uint32_t length, struct us_start *start);

/** Take the filter at *AT of a START that was decoded, and go on to the next.  @return its pattern. */
const char *us_start_filter(const uint8_t **at, bool *include);

/** The text that follows the SIZE bytes of a structure in the LENGTH bytes of PAYLOAD and has TEXT bytes, or NULL. */
int us_frame_text(const void *payload, uint32_t length, size_t size, uint32_t text, const char **out);

/** What an entry is like, in both forms. */
void us_meta_of(const struct statx *stx, struct us_wire_meta *meta);
void us_meta_to(const struct us_wire_meta *meta, struct statx *stx);

#endif /* US_NET_FRAME_H */
