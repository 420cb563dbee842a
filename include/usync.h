/* SPDX-License-Identifier: MIT */
/**
 * @file usync.h
 * libusync: copy trees of very many small files as fast as the hardware allows.
 *
 * The life of a job:
 *
 *	struct usync_options opts = USYNC_OPTIONS_INIT;
 *	struct usync_job *job;
 *
 *	usync_job_new(&job, &opts, sources, nr, destination);	copies all it is given
 *	usync_job_run(job);					blocks; or _start, then _wait
 *	usync_job_stats(job, &stats);				at any time
 *	usync_job_error(job);					when _run or _wait was < 0
 *	usync_job_free(job);
 *
 * Errors come in two classes.  What goes wrong with one file or directory is an event and a count; the
 * job goes on.  What stops the job (destination full, read-only, gone; a single source that is not there) is
 * the negative errno that usync_job_run() or usync_job_wait() returns.
 *
 * Every int here is 0 or positive when all is well and a negative errno otherwise; errno itself is not
 * part of the interface.  No call prints, exits, changes a signal handler or the process's umask; starting a
 * job raises the soft limit of open files to the hard one.
 */
#ifndef USYNC_H
#define USYNC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Version of this interface, and of the options structure. */
#define USYNC_OPTIONS_VERSION 1

/** Which calls go through io_uring. */
enum usync_io {
	USYNC_IO_AUTO,   /**< The library chooses. */
	USYNC_IO_INLINE, /**< Plain opens and creates, batched ring reads. */
	USYNC_IO_ASYNC,  /**< Opens, creates, stats, reads, writes and closes are queued on the ring. */
	USYNC_IO_SYNC,   /**< No ring at all. */
};

/** How file contents move. */
enum usync_copy {
	USYNC_COPY_AUTO,   /**< The library chooses. */
	USYNC_COPY_RW,     /**< Read into memory, write from it. */
	USYNC_COPY_SPLICE, /**< splice(2) through a pipe: no copy through user space. */
};

/** What is kept of an entry, beside its contents and its kind: a set of these bits. */
enum usync_keep {
	USYNC_KEEP_MODE = 1 << 0,  /**< Permission bits. */
	USYNC_KEEP_TIMES = 1 << 1, /**< Modification times, in nanoseconds. */
	USYNC_KEEP_ATIME = 1 << 2, /**< Access times. */
	USYNC_KEEP_OWNER = 1 << 3, /**< User and group. */
	USYNC_KEEP_XATTR = 1 << 4, /**< Extended attributes that are no ACL. */
	USYNC_KEEP_ACL = 1 << 5,   /**< POSIX ACLs, default ones too (acl(5)). */
	USYNC_KEEP_LINKS = 1 << 6, /**< Which names are hard links of one another. */
	USYNC_KEEP_NONE = 1 << 7,  /**< Nothing at all, where 0 would mean the default. */
};

/** What is kept when options.keep is 0. */
#define USYNC_KEEP_DEFAULT (USYNC_KEEP_MODE | USYNC_KEEP_TIMES)

/** What --archive keeps. */
#define USYNC_KEEP_ARCHIVE \
	(USYNC_KEEP_DEFAULT | USYNC_KEEP_OWNER | USYNC_KEEP_XATTR | USYNC_KEEP_ACL | USYNC_KEEP_LINKS)

/** How the contents of a file that exists in the destination are held against the source's. */
enum usync_compare {
	USYNC_COMPARE_QUICK,    /**< The same size and modification time: they are the same. */
	USYNC_COMPARE_CONTENTS, /**< They are read, on both sides, when the size is the same. */
	USYNC_COMPARE_NEVER,    /**< They are taken to differ. */
};

/** What becomes of holes. */
enum usync_sparse {
	USYNC_SPARSE_AUTO,   /**< Holes of the source stay holes. */
	USYNC_SPARSE_ALWAYS, /**< Blocks of zeros become holes, too. */
	USYNC_SPARSE_NEVER,  /**< Every byte is written. */
};

/** Whether a copy shares the source's blocks, where the file system can (Btrfs, XFS, bcachefs). */
enum usync_reflink {
	USYNC_REFLINK_AUTO,   /**< Where that works. */
	USYNC_REFLINK_ALWAYS, /**< Or the file fails. */
	USYNC_REFLINK_NEVER,
};

/** What sums of contents are made with. */
enum usync_hash {
	USYNC_HASH_XXH128, /**< XXH3-128: finds what went wrong by accident; as xxhsum -H2 writes it. */
	USYNC_HASH_SHA256, /**< SHA-256: finds what was changed on purpose, too. */
};

/** Which symbolic links are followed. */
enum usync_follow {
	USYNC_FOLLOW_NONE,    /**< They are copied as links. */
	USYNC_FOLLOW_SOURCES, /**< Those that are sources themselves. */
	USYNC_FOLLOW_ALL,     /**< All: what they lead to is copied.  A loop is a failure of the link that closes it. */
};

/** One pattern of a filter; the first that matches an entry decides (uring-sync(1) describes them). */
struct usync_filter {
	const char *pattern;
	bool include;
};

/** What an event tells of. */
enum usync_event_type {
	USYNC_EVENT_FAILED,   /**< An entry could not be copied; counted in failed. */
	USYNC_EVENT_VANISHED, /**< An entry was gone before it could be copied; counted in vanished. */
	USYNC_EVENT_COPIED,   /**< An entry was copied or changed; only when options.report_copied is set. */
	USYNC_EVENT_NOTE,     /**< A choice that the library made, for a verbose log; no path. */
	USYNC_EVENT_DELETED,  /**< An entry of the destination was deleted; only when options.report_copied is set. */
	USYNC_EVENT_WARNING,  /**< Something that was asked for can't be had; the run goes on.  Path: the first it struck. */
};

/** What is different about an entry: a set of these bits. */
enum usync_change {
	USYNC_CHANGE_NEW = 1 << 0,     /**< There was none, or one of another kind. */
	USYNC_CHANGE_CONTENT = 1 << 1, /**< Contents are transferred. */
	USYNC_CHANGE_VALUE = 1 << 2,   /**< Contents were compared and differ; or a link's target, a device's number. */
	USYNC_CHANGE_SIZE = 1 << 3,
	USYNC_CHANGE_MTIME = 1 << 4,
	USYNC_CHANGE_MODE = 1 << 5,
	USYNC_CHANGE_USER = 1 << 6,
	USYNC_CHANGE_GROUP = 1 << 7,
	USYNC_CHANGE_ATIME = 1 << 8,
	USYNC_CHANGE_ACL = 1 << 9,
	USYNC_CHANGE_XATTR = 1 << 10,
	USYNC_CHANGE_LINK = 1 << 11,   /**< It becomes a hard link to an entry copied before. */
};

/** One event.  The strings are valid during the callback only. */
struct usync_event {
	enum usync_event_type type;
	const char *path; /**< The entry's path, raw bytes, as reached from the source given; or NULL. */
	const char *what; /**< What was being done ("open", "write", ...), or the note's text; or NULL. */
	int error;        /**< A positive errno, or 0 where no system call failed. */

	const char *name; /**< With a path: the same from the root of the destination; "" for that itself. */

	/* COPIED only. */
	const char *target; /**< What a symbolic or hard link leads to; else NULL. */
	uint32_t mode;      /**< The source's kind and permission bits (inode(7)). */
	uint32_t changes;   /**< USYNC_CHANGE_ bits. */
};

/**
 * Called for each event, by any of the job's threads or by the one that starts it, never by two at once.  It must
 * not call back into the job, except usync_job_cancel().
 */
typedef void usync_event_fn(const struct usync_event *event, void *payload);

/** What is to be done, and how.  Start from USYNC_OPTIONS_INIT; 0 always means "choose for me". */
struct usync_options {
	uint32_t version;      /**< USYNC_OPTIONS_VERSION. */
	uint32_t jobs;         /**< Worker threads, 1 to USYNC_JOBS_MAX. */
	uint32_t queue_depth;  /**< Files in flight for each worker, 1 to USYNC_QUEUE_DEPTH_MAX. */
	uint64_t chunk_size;   /**< Bytes of one read or write, USYNC_CHUNK_MIN to USYNC_CHUNK_MAX. */
	enum usync_io io;      /**< See enum usync_io. */
	enum usync_copy copy;  /**< See enum usync_copy. */
	uint32_t keep;         /**< USYNC_KEEP_ bits. */
	uint32_t keep_strictly; /**< Of these: what can't be kept is a failure of the entry, not a warning. */
	enum usync_compare compare; /**< See enum usync_compare. */
	enum usync_sparse sparse;   /**< See enum usync_sparse. */
	const char *chmod;     /**< Changes to the permission bits ("D755,go-w"), or NULL; copied. */
	bool chown_user;       /**< All is given to chown_uid; implies USYNC_KEEP_OWNER. */
	bool chown_group;      /**< The same for the group. */
	uint32_t chown_uid;
	uint32_t chown_gid;
	const char *const *files; /**< nr_files paths from the root of the one source: only these, with all in them; copied. */
	size_t nr_files;
	bool only_files;       /**< Obey files, also when there are none. */
	bool update;           /**< Leave what is newer in the destination. */
	bool existing;         /**< Make nothing new. */
	bool ignore_existing;  /**< Leave everything that exists, but for what is in directories. */
	bool remove;           /**< Delete what the source does not have (--delete). */
	bool limit_delete;     /**< No more deletions than max_delete. */
	bool backup;           /**< Keep what is replaced or deleted, under its name with suffix. */
	const char *suffix;    /**< NULL: "~"; copied. */
	const char *link_dest; /**< An earlier copy: what is new and the same there becomes a hard link to it.  A path, from
	                            the destination when it is relative, or NULL; copied. */
	const char *temp_dir;  /**< Where files that replace others are written until they are complete; on another
	                            file system than they, it is not used.  A path likewise; copied. */
	const char *journal;   /**< A file, made if missing, that tells what is complete (--resume): a job with the same journal,
	                            sources, destination and attributes goes on where one was stopped.  NULL: none; copied. */
	bool fsync;            /**< What the job says to be complete is on the disk: by its end, and in its journal. */
	bool verify;           /**< When all is copied, read back what was written and hold it against what was read. */
	const char *checksum_file; /**< Where a line with the sum and the path of each regular file goes, or NULL; copied.  Files that
	                            are in the destination already are compared with the source, and so read. */
	enum usync_hash hash;  /**< For both. */
	uint64_t max_delete;
	uint32_t max_errors;   /**< So many entries that failed stop the job, with -EIO; 0: no limit. */
	uint64_t max_rate;     /**< Bytes of contents written a second, USYNC_RATE_MIN or more; 0: no limit. */
	bool idle;             /**< The job's threads come last for processor and disk (nice(2), ioprio_set(2)). */
	enum usync_reflink reflink; /**< See enum usync_reflink. */
	enum usync_follow follow; /**< See enum usync_follow. */
	bool safe_links;       /**< Leave out symbolic links that lead out of the tree, or may. */
	bool one_file_system;  /**< Do not look into mount points; they become empty directories. */
	bool dry_run;          /**< Change nothing; events tell what would be done. */
	uint32_t modify_window; /**< Seconds by which two equal times may differ. */
	uint64_t min_size;     /**< Leave out smaller files. */
	uint64_t max_size;     /**< Leave out larger files; 0: no limit. */
	const struct usync_filter *filters; /**< nr_filters patterns; copied. */
	size_t nr_filters;
	bool report_copied;    /**< Send USYNC_EVENT_COPIED for each entry. */
	usync_event_fn *event; /**< May be NULL. */
	void *payload;         /**< Handed to event as it is. */
};

#define USYNC_OPTIONS_INIT {.version = USYNC_OPTIONS_VERSION}

#define USYNC_JOBS_MAX 1024u
#define USYNC_QUEUE_DEPTH_MAX 4096u
#define USYNC_CHUNK_MIN (4096ull)
#define USYNC_CHUNK_MAX (64ull << 20)

#define USYNC_RATE_MIN (1024ull)

/** What a job has done so far. */
struct usync_stats {
	uint64_t files;       /**< Regular files copied. */
	uint64_t directories; /**< Directories gone through (made, or there already). */
	uint64_t symlinks;    /**< Symbolic links copied. */
	uint64_t specials;    /**< Devices, FIFOs and sockets made. */
	uint64_t links;       /**< Names that became hard links. */
	uint64_t unchanged;   /**< Entries, other than directories, that were right already. */
	uint64_t deleted;     /**< Entries of the destination deleted. */
	uint64_t not_deleted; /**< Deletions left out because of max_delete. */
	uint64_t skipped;     /**< Entries left out by a rule that was asked for; what lies below them is not counted. */
	uint64_t bytes;       /**< Bytes of file contents written. */
	uint64_t verified;    /**< Files that were read back and are what was read from the source. */
	uint64_t failed;      /**< Entries that could not be copied. */
	uint64_t vanished;    /**< Entries that were gone before they could be copied. */
	uint64_t elapsed_ns;  /**< Time since the start, or from the start to the end. */
};

/** A copy job.  Opaque. */
struct usync_job;

/**
 * Make a job that copies SOURCES to DESTINATION.  Nothing is opened or written yet.
 *
 * One source that is a directory: DESTINATION becomes its copy.  One source of another kind: DESTINATION
 * becomes its copy, or, where DESTINATION is a directory, gets it under its own name.  Several sources:
 * each gets its own name in DESTINATION, which must be a directory.
 *
 * @param[out] job     The new job; to be freed with usync_job_free().
 * @param options      Copied; NULL for the defaults.
 * @param sources      Paths; copied.
 * @param nr_sources   How many, at least 1.
 * @param destination  A path; copied.
 * @return 0, -EINVAL for an option out of its range, or -ENOMEM.
 */
int usync_job_new(struct usync_job **job, const struct usync_options *options,
                  const char *const *sources, size_t nr_sources, const char *destination);

/**
 * Check the sources and the destination and start the job's threads.  When this returns an error nothing
 * was written, except directories on the way to the destination.
 *
 * A job is started once.  The destination is locked until the job ends (flock(2)): one whose copy it becomes, by this job
 * alone; one that gets entries, together with others that do the same.
 *
 * @return 0, -EBUSY for a job that was started before or whose destination another has locked, or another negative
 *         errno; usync_job_error() then says what is wrong.
 */
int usync_job_start(struct usync_job *job);

/**
 * Wait for the end of a started job.  One thread may wait.
 *
 * @return 0 when the whole tree was gone through (entries may have failed: see usync_job_stats()),
 *         -ECANCELED after usync_job_cancel(), the negative errno of what stopped the job, or -EINVAL
 *         when it is not running.
 */
int usync_job_wait(struct usync_job *job);

/** usync_job_start(), then usync_job_wait(). */
int usync_job_run(struct usync_job *job);

/**
 * Ask a job to stop: no new file is made; one that is made is finished when its last bytes are already read and
 * removed otherwise.  May be called from any thread and from a signal handler, any number of times.
 */
void usync_job_cancel(struct usync_job *job);

/** Read a job's counts.  May be called from any thread while the job exists. */
void usync_job_stats(const struct usync_job *job, struct usync_stats *stats);

/**
 * What stopped the job, in one line of text without a newline ("" when nothing did).  Names in it are raw
 * bytes.  Valid after usync_job_start() failed or usync_job_wait() returned, until the job is freed.
 */
const char *usync_job_error(const struct usync_job *job);

/** Free a job that was not started or has been waited for.  NULL is allowed. */
void usync_job_free(struct usync_job *job);

/** The library's version, "MAJOR.MINOR.PATCH". */
const char *usync_version(void);

#ifdef __cplusplus
}
#endif

#endif /* USYNC_H */
