/* SPDX-License-Identifier: MIT */
/**
 * @file file.h
 * One file in flight, on its way from a source to a sink (source.h, sink.h).
 */
#ifndef US_CORE_FILE_H
#define US_CORE_FILE_H

#include "core/compare.h"
#include "core/dir.h"
#include "core/listing.h"
#include "sys/op.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

/** What kind of entry it is. */
enum us_file_kind {
	US_FILE_REGULAR,
	US_FILE_SYMLINK,    /**< Its target, with a NUL, is in data. */
	US_FILE_SPECIAL,    /**< A device, FIFO or socket: stx says all of it. */
	US_FILE_LINK,       /**< A further name of what stands at target. */
	US_FILE_REFERENCE,  /**< It is in the reference, too, and becomes a link to that. */
	US_FILE_ATTRIBUTES, /**< The contents are right: only the attributes in changes are set. */
};

/** How contents came to the destination. */
enum us_method {
	US_METHOD_RW,     /**< Read into memory and written from it. */
	US_METHOD_SPLICE, /**< splice(2) through a pipe. */
	US_METHOD_CFR,    /**< copy_file_range(2). */
	US_METHOD_CLONE,  /**< They are the source's blocks. */
	US_METHODS,
};

struct us_digest;
struct us_large;
struct us_part;
struct us_xattrs;

/**
 * A file goes back and forth: the source fills data with the next part of the contents, the sink writes it
 * away, until a part comes with eof set.  One op is under way at most, of whose turn it is.
 */
struct us_file {
	struct us_op op;   /**< First, so that an op leads back to its file. */
	struct us_file *next;

	/* What it is: set when it is begun. */
	struct us_slice *slice; /**< Where it comes from; stays while the file is in flight. */
	struct us_dir *dir;     /**< The slice's; pinned. */
	const char *name;       /**< In the source directory. */
	const char *dst_name;   /**< In the destination directory. */
	enum us_file_kind kind;
	enum us_verdict verdict;  /**< Set by the sink's look; US_VERDICT_COPY without one. */
	uint32_t changes;         /**< USYNC_CHANGE_ bits. */
	struct us_xattrs *xattrs; /**< Those that are kept, or NULL; freed when it is returned. */
	char *target;             /**< A link's: a path from the root of the destination; freed when it is returned. */
	bool is_reference;        /**< What it is compared with is a reference's. */
	uint8_t reference;        /**< Which of them is looked at. */
	bool settles;             /**< Other names of the inode claimed wait for it (links.h). */
	struct us_identity claimed; /**< With settles. */
	bool is_unlinkable;       /**< It is copied though it has other names. */
	bool done;                /**< It is in the destination as it should be. */
	bool is_waiting;          /**< With a link (link.h): it is the other side's turn. */
	uint32_t token;           /**< And what it is called there. */

	/* The part in hand: set by the source, read by the sink. */
	struct statx stx; /**< Of the source, when it was opened. */
	char *data;       /**< A block of the worker's pool, or NULL. */
	uint32_t data_max; /**< Size of the block. */
	uint32_t length;  /**< Bytes in hand, in data or in the pipe. */
	uint64_t offset;  /**< Where in the file they belong. */
	bool eof;         /**< They are the last. */
	bool sizeless;    /**< It holds more than its size says, as files of /proc do: read to its end. */
	bool clone;       /**< Its contents are src_fd's blocks, if the sink can share them; else more() reads them. */
	bool clone_rest;  /**< The same of all from offset on, in ranges: a part is there already, or the whole was
	                       refused. */
	bool clone_refused; /**< Not the whole of it, at least. */
	struct us_large *large; /**< Its contents are copied from src_fd in ranges (large.h), or NULL; freed by the
	                             sink. */
	int src_error;    /**< With that, or shares: src_fd could not be read. */
	bool shares;      /**< With a link: its contents are sent from src_fd in ranges, and the sink sees to that. */
	enum us_method method; /**< How what is there came there, by the sink's account. */
	bool is_ranged;   /**< And it did so in ranges. */
	bool find_zeros;  /**< Blocks of zeros become holes. */
	bool has_holes;   /**< Not every byte is written: its size is set at the end. */
	int pipe[2];      /**< With splice: where the bytes are instead of in data; -1 otherwise. */
	uint32_t piped;   /**< Bytes put into the pipe and not taken out again. */

	struct us_digest *digest; /**< With job->digests: of what was read of it, or NULL; freed when it is returned. */

	/* The source's own. */
	int src_state;
	int src_fd;
	bool splice; /**< Contents go through a pipe, as long as that works. */
	bool sparse; /**< Its holes are looked for, and not read. */
	uint64_t data_end; /**< With sparse: where the data at hand ends. */
	bool is_gathered;  /**< It waits for its turn to be read (gather.h). */
	bool was_gathered; /**< It has waited once. */
	bool all_given;    /**< The sink has all of it: what is left is the last look. */
	bool is_second;    /**< It changed while it was read, and is read again. */
	struct statx last; /**< Of the source, when all was read. */

	/* The sink's own. */
	int dst_state;
	int dst_fd;
	struct statx dst_stx; /**< What was there, when the sink looked. */
	uint32_t written;     /**< Of the bytes in hand. */
	mode_t made_mode;     /**< Permission bits that it was made with, as far as the umask let them. */
	bool is_queued;       /**< Its create is on the ring. */
	bool created;         /**< There is a file of ours under dst_name or the temporary name. */
	bool replaces;        /**< It is under the temporary name, to be renamed. */
	bool failed;          /**< Reported already; only closing is left. */
	struct us_part *part; /**< With a journal: its way is kept account of (part.h), or NULL. */
	bool is_recorded;     /**< The journal knows already that it is complete. */
	uint64_t slack;       /**< With a journal and a link: bytes before its end that may not be there (part.h). */
	uint64_t temp_number; /**< Makes the temporary name. */
	int temp_fd;          /**< The directory of the temporary name. */
};

#endif /* US_CORE_FILE_H */
