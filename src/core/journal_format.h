/* SPDX-License-Identifier: MIT */
/**
 * @file journal_format.h
 * The bytes of a journal; for journal.c, which writes them, and journal_parse.c, which reads them.
 */
#ifndef US_CORE_JOURNAL_FORMAT_H
#define US_CORE_JOURNAL_FORMAT_H

#include "core/fingerprint.h"

#include <stdint.h>

/** What each version of the format begins with, and what this one does. */
#define US_JOURNAL_KIN "uring-sync journal "
#define US_JOURNAL_SIGNATURE US_JOURNAL_KIN "1\n"
#define US_JOURNAL_SIGNATURE_SIZE (sizeof(US_JOURNAL_SIGNATURE) - 1)

/** "USJb" on a little-endian machine. */
#define US_JOURNAL_MAGIC UINT32_C(0x624a5355)

/** Most bytes of one block's payload. */
#define US_JOURNAL_PAYLOAD_MAX (1u << 20)

/** Bytes of a block beside its payload. */
#define US_JOURNAL_OVERHEAD (sizeof(struct us_journal_block) + sizeof(uint64_t))

enum us_journal_type {
	US_JOURNAL_HEAD = 1,   /**< Payload: which copy it is. */
	US_JOURNAL_DONE = 2,   /**< Payload: fingerprints. */
	US_JOURNAL_PART = 3,   /**< Payload: a record, then a path without a NUL. */
	US_JOURNAL_REVOKE = 4, /**< Payload: one fingerprint. */
	US_JOURNAL_END = 5,    /**< No payload. */
	US_JOURNAL_RANGED = 6, /**< The same as PART, with slack: who does not know that must not go on with it. */
};

/** What a block begins with. */
struct us_journal_block {
	uint32_t magic;
	uint32_t type;
	uint32_t length;   /**< Of the payload. */
	uint32_t reserved; /**< 0: four NULs, so that no path in a payload looks like a block. */
	uint64_t sequence; /**< 0, 1, 2, ...: no block of an earlier journal is taken for one of this. */
};

/** A large file that was begun. */
struct us_journal_part_record {
	struct us_fingerprint file;
	uint64_t ino;
	uint64_t offset;
	uint64_t born;
	uint32_t dev_major;
	uint32_t dev_minor;
	uint32_t elsewhere;
	uint32_t slack_kib; /**< PART: 0. */
};

#endif /* US_CORE_JOURNAL_FORMAT_H */
