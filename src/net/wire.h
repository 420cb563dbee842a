/* SPDX-License-Identifier: MIT */
/**
 * @file wire.h
 * What stands on the wire, byte for byte: docs/protocol.md tells what it means and in which order it comes.
 *
 * All numbers are little-endian, no structure has gaps, and bytes called zero are sent as 0 and refused otherwise.
 * Both sides run on Linux: errors are its errno numbers, modes and kinds those of inode(7), and names are bytes.
 *
 *	frame    head | payload
 *	payload  of DATA and REPLY: record, record, ...; of others one structure and what it counts
 *	         bare: a FILE or PART with contents | end
 *	record   head | fixed part | name and NUL | target and NUL | extended attributes | sum | contents
 */
#ifndef US_NET_WIRE_H
#define US_NET_WIRE_H

#include <stddef.h>
#include <stdint.h>

/** Versions that this program speaks. */
#define US_WIRE_VERSION_MIN 1u
#define US_WIRE_VERSION_MAX 1u

/** The first bytes of a HELLO. */
#define US_WIRE_MAGIC "USYNC\r\n"

/* Limits: what goes beyond one is refused before memory is taken for it. */
#define US_WIRE_FRAME_MAX (1u << 20)    /**< Bytes of a payload. */
#define US_WIRE_HELLO_MAX 1024u         /**< The same of a HELLO, whose sender's version is not known. */
#define US_WIRE_TEXT_MAX 4096u          /**< Of a text for people. */
#define US_WIRE_NAME_MAX 255u           /**< Of a name in a directory. */
#define US_WIRE_TARGET_MAX 4095u        /**< Of what a symbolic link holds. */
#define US_WIRE_PATH_MAX 65535u         /**< Of a path from the root of the destination. */
#define US_WIRE_XATTRS_MAX (256u << 10) /**< Of all extended attributes of one entry. */
#define US_WIRE_DATA_MAX (256u << 10)   /**< Of contents in one record. */
#define US_WIRE_SUM_MAX 32u             /**< Of a sum of contents. */
#define US_WIRE_TOKENS_MAX 4096u        /**< Files of one connection without a receipt. */
#define US_WIRE_DIRS_MAX 65536u         /**< Directories announced and not ended. */
#define US_WIRE_CONNS_MAX 64u           /**< Connections of one transfer. */
#define US_WIRE_FILTERS_MAX 65536u
#define US_WIRE_NAMES_MAX (64u << 10)  /**< Bytes of the names in one record. */
#define US_WIRE_RANGE_ALIGN 4096u      /**< A range has a multiple of these. */
#define US_WIRE_RANGE_MAX (64u << 20)  /**< Bytes of a range. */
#define US_WIRE_SHARES_MAX 64u         /**< Files whose ranges come at a time. */

/** No range is sent that lies so many behind the lowest that the receiver did not confirm. */
static inline uint32_t us_wire_ahead(uint32_t connections)
{
	return connections > 4 ? connections * 2 : 8;
}

/** What a frame is. */
enum us_wire_type {
	US_WIRE_HELLO = 1, /**< Both, first: struct us_wire_hello. */
	US_WIRE_START,     /**< Sender: struct us_wire_start; what is wanted. */
	US_WIRE_STARTED,   /**< Receiver: struct us_wire_started; it is ready. */
	US_WIRE_DATA,      /**< Sender: records. */
	US_WIRE_REPLY,     /**< Receiver: records. */
	US_WIRE_PING,      /**< Both: empty; still there. */
	US_WIRE_END,       /**< Both: struct us_wire_end; nothing follows on this connection. */
	US_WIRE_FINAL,     /**< Receiver: struct us_wire_final; all is done, or what became of it. */
	US_WIRE_ABORT,     /**< Both: struct us_wire_abort; the transfer is over. */
	US_WIRE_TYPES,
};

/**
 * A DATA payload is compressed (Zstandard, one frame with its size, US_WIRE_FRAME_MAX at most); a bit of the head's
 * flags.
 */
#define US_WIRE_COMPRESSED 1u

/**
 * A DATA payload is one record with contents, which its sender has not looked at, and a struct us_wire_bare_end;
 * another bit, not together with US_WIRE_COMPRESSED.
 */
#define US_WIRE_BARE 2u

/**
 * A DATA or REPLY frame has no sum, but 0 in its place: the connection sees to it that what comes is what was sent
 * (TLS).
 */
#define US_WIRE_UNSUMMED 4u

/** Before each payload. */
struct us_wire_head {
	uint32_t length; /**< Of the payload. */
	uint8_t type;
	uint8_t flags;
	uint16_t zero;
	uint64_t sum; /**< XXH3-64 of the payload; of a bare one, of what comes before the contents. */
} __attribute__((packed));

/** Behind the contents of a bare frame. */
struct us_wire_bare_end {
	uint32_t error; /**< A positive errno: they could not be had, zeros stand in their place, and the record is
	                     void; or 0. */
	uint32_t zero;
} __attribute__((packed));

/** Features that may be used when both have them. */
enum us_wire_feature {
	US_WIRE_FEATURE_ZSTD = 1, /**< Receiver: can take compressed payloads; sender: may send them. */
	US_WIRE_FEATURE_BARE = 2, /**< The same for bare ones. */
	US_WIRE_FEATURE_UNSUMMED = 4, /**< Every connection is one of TLS, as far as this side can tell: no sums are
	                                   needed on top. */
	US_WIRE_FEATURE_RANGES = 8, /**< Contents of a file may come on all connections. */
};

/** Who is who. */
enum us_wire_role {
	US_WIRE_SENDER = 1,
	US_WIRE_RECEIVER,
};

struct us_wire_hello {
	uint8_t magic[8];
	uint16_t version_min;
	uint16_t version_max;
	uint32_t features;
	uint8_t role;
	uint8_t zero[3];
	uint32_t connections; /**< Sender: of this transfer. */
	uint32_t tokens;      /**< Receiver: files of a connection without a receipt. */
	uint32_t patience;    /**< Milliseconds without a sign of life after which this side gives up; 0, or left out:
	                           it does not tell. */
} __attribute__((packed));

/** The least bytes of a HELLO. */
#define US_WIRE_HELLO_MIN offsetof(struct us_wire_hello, patience)

/** What is known of an entry. */
struct us_wire_meta {
	uint32_t mode;
	uint32_t uid;
	uint32_t gid;
	uint32_t rdev_major;
	uint32_t rdev_minor;
	uint32_t mtime_nsec;
	uint32_t atime_nsec;
	uint32_t zero;
	uint64_t size;
	int64_t mtime;
	int64_t atime;
} __attribute__((packed));

/** What the sender's user wants of the receiver: bits of us_wire_start.wishes. */
enum us_wire_wish {
	US_WISH_UPDATE = 1 << 0,
	US_WISH_EXISTING = 1 << 1,
	US_WISH_IGNORE_EXISTING = 1 << 2,
	US_WISH_DELETE = 1 << 3,
	US_WISH_LIMIT_DELETE = 1 << 4,
	US_WISH_BACKUP = 1 << 5,
	US_WISH_DRY_RUN = 1 << 6,
	US_WISH_REPORT = 1 << 7, /**< Tell of each change. */
	US_WISH_VERIFY = 1 << 8,
	US_WISH_FSYNC = 1 << 9,
	US_WISH_ENTRIES = 1 << 10, /**< Sources get names of their own in the destination; else it becomes the copy of
	                                the root. */
	US_WISH_ONE = 1 << 11,     /**< With that: there is one, which is no directory. */
	US_WISH_KEEP_OWNER_STRICTLY = 1 << 12,
	US_WISH_ALL = (1 << 13) - 1,
};

struct us_wire_start {
	uint32_t wishes;
	uint32_t keep;          /**< USYNC_KEEP_ bits (usync.h). */
	uint8_t compare;        /**< enum usync_compare. */
	uint8_t hash;           /**< enum usync_hash. */
	uint8_t sparse;         /**< enum usync_sparse. */
	uint8_t zero;
	uint32_t modify_window;
	uint32_t max_errors;
	uint32_t suffix;        /**< Bytes of the backups' suffix, which follows with its NUL; 0: the receiver's own. */
	uint32_t filters;       /**< Patterns that follow, each a byte (1: include) and a text with its NUL. */
	uint64_t max_delete;
	/* suffix, filters, then a US_RECORD_DIR: the root */
} __attribute__((packed));

struct us_wire_started {
	uint32_t is_new; /**< 1: the destination was not there, nor is an earlier copy of it. */
	uint32_t zero;
} __attribute__((packed));

/** On each connection, from both. */
struct us_wire_end {
	uint64_t failed;   /**< Sender: entries that it could not send. */
	uint64_t vanished;
} __attribute__((packed));

struct us_wire_final {
	int32_t error; /**< A negative errno when something stopped the job, or 0. */
	uint32_t text; /**< Bytes of the reason, which follows with its NUL; or 0. */
	uint64_t failed;
	uint64_t deleted;
	uint64_t not_deleted;
	uint64_t verified;
} __attribute__((packed));

struct us_wire_abort {
	int32_t error;
	uint32_t text; /**< As in us_wire_final. */
} __attribute__((packed));

/** What a record is.  The first ones stand in DATA, the others in REPLY. */
enum us_wire_record_type {
	US_RECORD_DIR = 1, /**< struct us_wire_dir: a directory, before it is named in others. */
	US_RECORD_DIR_END, /**< struct us_wire_dir_end: all in it has its receipt. */
	US_RECORD_FILE,    /**< struct us_wire_file: any other entry. */
	US_RECORD_PART,    /**< struct us_wire_part: more of a file's contents. */
	US_RECORD_ABANDON, /**< struct us_wire_abandon: a file's contents can't be had. */
	US_RECORD_MIRROR,  /**< struct us_wire_names: all in a directory was listed; what it does not have may be
	                        deleted. */
	US_RECORD_MISSING, /**< struct us_wire_names: of the names asked for, those that it does not have. */
	US_RECORD_RANGE,   /**< struct us_wire_range: contents of a file whose ranges come on all connections. */
	US_RECORD_RANGES_END, /**< struct us_wire_range: no further range of it will be begun. */
	US_RECORD_EVENT,   /**< struct us_wire_event: to be told to the receiver's user, who has ordered the copy. */
	US_RECORD_DATA_TYPES,

	US_REPLY_DIR = 16, /**< struct us_wire_dir_reply: what became of a directory. */
	US_REPLY_DONE,     /**< struct us_wire_done: the receipt of a file. */
	US_REPLY_WANT,     /**< struct us_wire_want: its contents are needed. */
	US_REPLY_COMPARE,  /**< struct us_wire_compare: they are, if they have another sum. */
	US_REPLY_EVENT,    /**< struct us_wire_event: to be told to the sender's user. */
	US_REPLY_ASK,      /**< struct us_wire_names: which of these names does it have? */
	US_REPLY_MIRRORED, /**< struct us_wire_names: what was to be deleted of it is. */
	US_REPLY_REACHED,  /**< struct us_wire_range: up to there all ranges of a file are written. */
	US_RECORD_TYPES,
};

struct us_wire_record {
	uint32_t length; /**< Of the record with this head. */
	uint8_t type;
	uint8_t flags;
	uint16_t zero;
} __attribute__((packed));

/** Flags of a US_RECORD_DIR. */
enum {
	US_DIR_ASK = 1,     /**< An answer is waited for. */
	US_DIR_VIRTUAL = 2, /**< It stands for the destination of several sources: nothing is set on it. */
	US_DIR_FLAGS = 3,
};

struct us_wire_dir {
	uint64_t id;     /**< Not 0, and not used before in this transfer. */
	uint64_t parent; /**< 0 for the root alone. */
	struct us_wire_meta meta;
	uint32_t xattrs;
	uint16_t name;   /**< Bytes of the name, without its NUL. */
	uint16_t zero;
} __attribute__((packed));

struct us_wire_dir_end {
	uint64_t id;
	uint32_t announced; /**< On so many connections. */
	uint32_t children;  /**< So many directories in it have their own end. */
} __attribute__((packed));

/** Kinds of a US_RECORD_FILE. */
enum us_wire_kind {
	US_KIND_REGULAR = 1,
	US_KIND_SYMLINK, /**< Target: what it holds. */
	US_KIND_SPECIAL,
	US_KIND_LINK,    /**< Target: a path from the root, of which this is a further name. */
	US_KINDS,
};

/** Flags of a US_RECORD_FILE and a US_RECORD_PART. */
enum {
	US_FILE_ASK = 1,        /**< No contents are here: are they needed? */
	US_FILE_AGAIN = 2,      /**< Contents from the first byte, as wanted, or because the file changed: what was sent
	                             is void. */
	US_FILE_EOF = 4,        /**< They are the last. */
	US_FILE_HOLES = 8,      /**< Not every byte is sent: the others are holes. */
	US_FILE_FIND_ZEROS = 16, /**< Blocks of zeros are holes. */
	US_FILE_BROKEN = 32,    /**< With EOF: the file did not come to rest, and counts as failed. */
	US_FILE_SAME = 64,      /**< With EOF, of a PART: the contents have the sum that was told; only attributes are
	                             to be set. */
	US_FILE_RANGES = 128,   /**< With ASK, of a regular FILE: should it be wanted, its contents could come in
	                             ranges. */
};

struct us_wire_file {
	uint32_t token;  /**< Which file it is in what follows, until its receipt. */
	uint32_t length; /**< Bytes of contents. */
	uint64_t dir;
	uint64_t offset; /**< Where they belong; with US_FILE_RANGES: the bytes of a range. */
	struct us_wire_meta meta;
	uint32_t xattrs;
	uint32_t target; /**< Bytes without the NUL. */
	uint16_t name;   /**< The same. */
	uint8_t kind;
	uint8_t sum;     /**< With EOF: bytes of the sum of all contents, or 0. */
} __attribute__((packed));

struct us_wire_part {
	uint32_t token;
	uint32_t length;
	uint64_t offset;
	uint32_t zero;
	uint32_t sum;
} __attribute__((packed));

/** Flags of a US_RECORD_RANGE, and of a US_RECORD_RANGES_END. */
enum {
	US_RANGE_LAST = 1,      /**< Nothing more comes of the range that the offset lies in. */
	US_RANGES_COMPLETE = 1, /**< All contents were sent, and are of the file that was told of; else all that was is
	                             void. */
};

/** RANGE, RANGES_END, REACHED. */
struct us_wire_range {
	uint32_t number; /**< That the receiver gave the file; REACHED: its token. */
	uint32_t length; /**< RANGE: bytes of contents; else 0. */
	uint64_t offset; /**< RANGE: where they belong; RANGES_END: where the ranges that were begun end; REACHED: see
	                      there. */
} __attribute__((packed));

struct us_wire_abandon {
	uint32_t token;
	uint32_t zero;
} __attribute__((packed));

/** MIRROR, MISSING, ASK, MIRRORED: names of a directory. */
struct us_wire_names {
	uint64_t dir;
	uint32_t bytes; /**< Of the names, each with its NUL; 0 in MIRROR and MIRRORED. */
	uint32_t zero;
} __attribute__((packed));

/** What became of a directory. */
enum us_wire_dir_state {
	US_DIR_NEW = 1, /**< It was made, and no earlier copy has its like: nothing in it need be asked for. */
	US_DIR_EXISTS,
	US_DIR_FAILED,  /**< Nothing in it will be taken; the reason was told. */
	US_DIR_SKIPPED, /**< Nothing in it will be taken, for a rule leaves it out. */
	US_DIR_STATES,
};

struct us_wire_dir_reply {
	uint64_t id;
	uint32_t state;
	uint32_t zero;
} __attribute__((packed));

/** What became of a file. */
enum us_wire_result {
	US_RESULT_DONE = 1,  /**< It is in the destination as it should be, and was changed for that. */
	US_RESULT_SAME,      /**< It was there already; changes says which attributes were set. */
	US_RESULT_SKIPPED,   /**< A rule leaves it out. */
	US_RESULT_FAILED,    /**< The reason was told. */
	US_RESULT_GIVEN_UP,  /**< It was abandoned, or its directory failed. */
	US_RESULT_LINKED,    /**< It is a link to what an earlier copy has. */
	US_RESULTS,
};

struct us_wire_done {
	uint32_t token;
	uint32_t changes; /**< USYNC_CHANGE_ bits. */
	uint32_t result;
	uint32_t zero;
} __attribute__((packed));

struct us_wire_want {
	uint32_t token;
	uint32_t changes;
	uint64_t offset; /**< From here on. */
	uint32_t error;  /**< A positive errno when a hard link could not be made, and contents are wanted instead; or
	                      0. */
	uint32_t number; /**< Not 0: they are to come in ranges, under this number, which no other file had. */
} __attribute__((packed));

struct us_wire_compare {
	uint32_t token;
	uint32_t changes;
	uint8_t sum[16]; /**< XXH3-128, canonical, of the receiver's contents. */
} __attribute__((packed));

/** An event of the side that sends it (struct usync_event). */
struct us_wire_event {
	uint32_t type;
	uint32_t error;
	uint32_t mode;
	uint32_t changes;
	uint32_t name;   /**< Bytes of the path from the root, without its NUL. */
	uint32_t target; /**< The same, or 0: none.  Of what failed: the path there, where one user has both sides. */
	uint16_t what;
	uint8_t has_name;
	uint8_t zero;
	/* name, target, what: each with its NUL, target only when it is not 0 */
} __attribute__((packed));

#endif /* US_NET_WIRE_H */
