/* SPDX-License-Identifier: MIT */
/*
 * core/journal_parse: any bytes are taken, refused or cut, and what was understood does not depend on what follows.
 *
 * Blocks are believed only with their right sum, which no blind change keeps, so half of the mutations set the sums
 * and numbers right again: then what is in the blocks is wrong, and not only that something is.
 */
#include "fuzz.h"

#include "core/journal.h"
#include "core/journal_format.h"

#include <xxhash.h>

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);

/** Give each block in DATA its magic, its number, a length that fits, and its sum. */
static void mend(uint8_t *data, size_t size, unsigned int seed)
{
	size_t at = US_JOURNAL_SIGNATURE_SIZE;
	struct us_journal_block head;
	uint64_t sum;

	if (size < at) {
		return;
	}
	memcpy(data, US_JOURNAL_SIGNATURE, at);
	for (uint64_t nr = 0; size - at >= US_JOURNAL_OVERHEAD; nr++) {
		size_t most = size - at - US_JOURNAL_OVERHEAD;

		memcpy(&head, data + at, sizeof(head));
		head.magic = US_JOURNAL_MAGIC;
		head.sequence = nr;
		head.reserved = 0;
		head.type = nr == 0 ? US_JOURNAL_HEAD : head.type % 7;
		if (head.length > most) {
			/* Records of 16 bytes, mostly. */
			head.length = (uint32_t)(seed % 8 == 0 ? most : most / 16 * 16);
		}
		memcpy(data + at, &head, sizeof(head));
		sum = XXH3_64bits(data + at, sizeof(head) + head.length);
		memcpy(data + at + sizeof(head) + head.length, &sum, sizeof(sum));
		at += US_JOURNAL_OVERHEAD + head.length;
	}
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
	size = LLVMFuzzerMutate(data, size, max_size);
	if (seed % 2 == 0) {
		mend(data, size, seed / 2);
	}
	return size;
}

/** True when both tell the same. */
static bool is_same(const struct us_journal_content *a, const struct us_journal_content *b)
{
	if (a->head_length != b->head_length || a->nr_done != b->nr_done || a->nr_parts != b->nr_parts ||
	    a->ended != b->ended || a->sequence != b->sequence || a->length != b->length ||
	    (a->head == NULL) != (b->head == NULL)) {
		return false;
	}
	for (size_t i = 0; i < a->nr_parts; i++) {
		if (strcmp(a->parts[i].path, b->parts[i].path) != 0 || a->parts[i].offset != b->parts[i].offset) {
			return false;
		}
	}
	return (a->head == NULL || memcmp(a->head, b->head, a->head_length) == 0) &&
	       (a->nr_done == 0 || memcmp(a->done, b->done, a->nr_done * sizeof(*a->done)) == 0);
}

/** What holds of each content. */
static void check_content(const struct us_journal_content *content, size_t size)
{
	fuzz_check(content->length <= size);
	fuzz_check((content->head == NULL) == (content->length == 0));
	fuzz_check(content->nr_done * sizeof(*content->done) <= size);
	for (size_t i = 1; i < content->nr_done; i++) {
		fuzz_check(us_fingerprint_compare(&content->done[i - 1], &content->done[i]) <= 0);
	}
	for (size_t i = 0; i < content->nr_parts; i++) {
		fuzz_check(content->parts[i].path != NULL);
		for (size_t j = 0; j < i; j++) {
			fuzz_check(us_fingerprint_compare(&content->parts[i].file, &content->parts[j].file) != 0);
		}
	}
}

/** How often the bytes that a block begins with stand in DATA. */
static uint64_t count_magic(const uint8_t *data, size_t size)
{
	const uint32_t magic = US_JOURNAL_MAGIC;
	uint64_t nr = 0;

	for (size_t at = 0; at + sizeof(magic) <= size; at++) {
		nr += memcmp(data + at, &magic, sizeof(magic)) == 0;
	}
	return nr;
}

/** A run that died earlier would have left less: of a right journal each beginning is right, too. */
static void check_cut(const uint8_t *data, const struct us_journal_content *whole, size_t cut)
{
	struct us_journal_content content;
	uint8_t *less = malloc(cut);

	fuzz_check(cut == 0 || less != NULL);
	memcpy(less, data, cut);
	fuzz_check(us_journal_parse(less, cut, &content) == 0);
	check_content(&content, cut);
	fuzz_check(content.sequence <= whole->sequence && content.length <= whole->length);
	us_journal_content_free(&content);
	free(less);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct us_journal_content content;
	struct us_journal_content again;
	int ret = us_journal_parse(data, size, &content);

	fuzz_check(ret >= 0 && ret <= US_JOURNAL_DAMAGED);
	if (ret == 0) {
		check_content(&content, size);
		if (content.length > 0) {
			/* What is cut off changes nothing. */
			fuzz_check(us_journal_parse(data, content.length, &again) == 0);
			fuzz_check(is_same(&content, &again));
			us_journal_content_free(&again);
			/* No path holds a block, but an input may. */
			if (count_magic(data, content.length) == content.sequence) {
				check_cut(data, &content, XXH3_64bits(data, size) % content.length);
			}
		}
	}
	us_journal_content_free(&content);
	return 0;
}
