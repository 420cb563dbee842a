/* SPDX-License-Identifier: MIT */
/*
 * Reading a journal.  Nothing in it is believed before its sum was found right, and no length before it was held
 * against what there is: the file may be anything.
 */
#include "core/journal.h"

#include "base/us.h"
#include "core/journal_format.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

/** A block that was found right. */
struct block {
	struct us_journal_block head;
	const uint8_t *payload;
	size_t size; /**< All of it. */
};

/** True when a right block begins at AT, with LEFT bytes from there to the end. */
static bool read_block(const uint8_t *at, size_t left, struct block *block)
{
	uint64_t sum;
	size_t summed;

	if (left < US_JOURNAL_OVERHEAD) {
		return false;
	}
	memcpy(&block->head, at, sizeof(block->head));
	if (block->head.magic != US_JOURNAL_MAGIC || block->head.reserved != 0 ||
	    block->head.length > US_JOURNAL_PAYLOAD_MAX || block->head.length > left - US_JOURNAL_OVERHEAD) {
		return false;
	}
	summed = sizeof(block->head) + block->head.length;
	memcpy(&sum, at + summed, sizeof(sum));
	block->payload = at + sizeof(block->head);
	block->size = summed + sizeof(sum);
	return XXH3_64bits(at, summed) == sum;
}

/** True when there is a right block anywhere in the LEFT bytes from AT on. */
static bool has_block(const uint8_t *at, size_t left)
{
	const uint32_t magic = US_JOURNAL_MAGIC;
	struct block block;

	while (left >= US_JOURNAL_OVERHEAD) {
		const uint8_t *found = memmem(at, left, &magic, sizeof(magic));

		if (found == NULL) {
			return false;
		}
		left -= (size_t)(found - at);
		at = found;
		if (read_block(at, left, &block)) {
			return true;
		}
		at++;
		left--;
	}
	return false;
}

/** The first block: which copy it is. */
static int take_head(struct us_journal_content *content, const struct block *block)
{
	content->head = malloc(block->head.length + 1);
	if (content->head == NULL) {
		return -ENOMEM;
	}
	memcpy(content->head, block->payload, block->head.length);
	content->head[block->head.length] = '\0';
	content->head_length = block->head.length;
	return 0;
}

/** Files that are complete. */
static int take_done(struct us_journal_content *content, const struct block *block)
{
	size_t nr = block->head.length / sizeof(struct us_fingerprint);

	if (block->head.length % sizeof(struct us_fingerprint) != 0) {
		return US_JOURNAL_DAMAGED;
	}
	if (content->done == NULL) {
		/* There can't be more than the file has room for, and what is not used is never touched. */
		content->done = malloc(content->size);
	}
	if (content->done == NULL) {
		return -ENOMEM;
	}
	if (nr > 0) {
		memcpy(content->done + content->nr_done, block->payload, nr * sizeof(*content->done));
	}
	content->nr_done += nr;
	return 0;
}

/** Forget the part of FILE. */
static void drop_part(struct us_journal_content *content, const struct us_fingerprint *file)
{
	for (size_t i = 0; i < content->nr_parts; i++) {
		if (us_fingerprint_compare(&content->parts[i].file, file) == 0) {
			free(content->parts[i].path);
			content->parts[i] = content->parts[--content->nr_parts];
			return;
		}
	}
}

/** A large file that was begun; the last word on it counts. */
static int take_part(struct us_journal_content *content, const struct block *block)
{
	struct us_journal_part_record record;
	struct us_journal_part part;
	struct us_journal_part *parts;

	if (block->head.length <= sizeof(record)) {
		return US_JOURNAL_DAMAGED;
	}
	memcpy(&record, block->payload, sizeof(record));
	part = (struct us_journal_part){
		.file = record.file,
		.identity = {.dev_major = record.dev_major, .dev_minor = record.dev_minor, .ino = record.ino},
		.offset = record.offset,
		.born = record.born,
		.elsewhere = record.elsewhere != 0,
		.slack = (uint64_t)record.slack_kib * 1024,
		.path = strndup((const char *)block->payload + sizeof(record), block->head.length - sizeof(record)),
	};
	if (part.path == NULL) {
		return -ENOMEM;
	}
	drop_part(content, &record.file);
	parts = reallocarray(content->parts, content->nr_parts + 1, sizeof(*parts));
	if (parts == NULL) {
		free(part.path);
		return -ENOMEM;
	}
	content->parts = parts;
	content->parts[content->nr_parts++] = part;
	return 0;
}

/** What was said of a file does not hold any more: seldom, so the list is gone through. */
static int take_revoke(struct us_journal_content *content, const struct block *block)
{
	struct us_fingerprint file;
	size_t kept = 0;

	if (block->head.length != sizeof(file)) {
		return US_JOURNAL_DAMAGED;
	}
	memcpy(&file, block->payload, sizeof(file));
	for (size_t i = 0; i < content->nr_done; i++) {
		if (us_fingerprint_compare(&content->done[i], &file) != 0) {
			content->done[kept++] = content->done[i];
		}
	}
	content->nr_done = kept;
	drop_part(content, &file);
	return 0;
}

/** One block after another. */
static int take_block(struct us_journal_content *content, const struct block *block)
{
	bool is_first = content->head == NULL;

	if (block->head.sequence != content->sequence || content->ended ||
	    is_first != (block->head.type == US_JOURNAL_HEAD)) {
		return US_JOURNAL_DAMAGED;
	}
	content->sequence++;
	switch (block->head.type) {
	case US_JOURNAL_HEAD:
		return take_head(content, block);
	case US_JOURNAL_DONE:
		return take_done(content, block);
	case US_JOURNAL_PART:
	case US_JOURNAL_RANGED:
		return take_part(content, block);
	case US_JOURNAL_REVOKE:
		return take_revoke(content, block);
	case US_JOURNAL_END:
		content->ended = true;
		return 0;
	default:
		return US_JOURNAL_DAMAGED;
	}
}

/** Take blocks up to the first that is not right. */
static int take_blocks(struct us_journal_content *content, const uint8_t *data, size_t size)
{
	struct block block;
	size_t at = US_JOURNAL_SIGNATURE_SIZE;
	int ret = 0;

	while (ret == 0 && read_block(data + at, size - at, &block)) {
		ret = take_block(content, &block);
		at += block.size;
	}
	if (ret != 0) {
		return ret;
	}
	if (has_block(data + at, size - at)) {
		return US_JOURNAL_DAMAGED;
	}
	content->length = content->head != NULL ? at : 0;
	return 0;
}

/** True when DATA is the start of a signature and zeros: what a crash of the machine leaves of the first write. */
static bool is_torn_start(const char *data, size_t size)
{
	size_t same = 0;

	while (same < size && same < US_JOURNAL_SIGNATURE_SIZE && data[same] == US_JOURNAL_SIGNATURE[same]) {
		same++;
	}
	for (size_t i = same; i < size; i++) {
		if (data[i] != 0) {
			return false;
		}
	}
	return true;
}

int us_journal_parse(const void *data, size_t size, struct us_journal_content *content)
{
	const size_t kin = strlen(US_JOURNAL_KIN);
	int ret;

	*content = (struct us_journal_content){.size = size};
	if (is_torn_start(data, size)) {
		return 0;
	}
	if (size < kin || memcmp(data, US_JOURNAL_KIN, kin) != 0) {
		return US_JOURNAL_FOREIGN;
	}
	if (size < US_JOURNAL_SIGNATURE_SIZE || memcmp(data, US_JOURNAL_SIGNATURE, US_JOURNAL_SIGNATURE_SIZE) != 0) {
		return US_JOURNAL_VERSION;
	}
	ret = take_blocks(content, data, size);
	if (ret == 0 && content->nr_done > 0) {
		qsort(content->done, content->nr_done, sizeof(*content->done), us_fingerprint_compare);
	}
	return ret;
}

void us_journal_content_free(struct us_journal_content *content)
{
	for (size_t i = 0; i < content->nr_parts; i++) {
		free(content->parts[i].path);
	}
	free(content->parts);
	free(content->done);
	free(content->head);
	*content = (struct us_journal_content){0};
}
