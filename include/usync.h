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
	USYNC_IO_AUTO,   /**< As inline, and calls that turn out to be slow are made by many at a time. */
	USYNC_IO_INLINE, /**< Plain opens and creates, batched ring reads. */
	USYNC_IO_ASYNC,  /**< Opens, creates, stats, reads, writes and closes are queued on the ring. */
	USYNC_IO_SYNC,   /**< No ring at all. */
};

/** How file contents move. */
enum usync_copy {
	USYNC_COPY_AUTO,    /**< The library chooses: reflink where it works, else cfr within one NFS or SMB mount, else
	                         rw. */
	USYNC_COPY_RW,      /**< Read into memory, write from it. */
	USYNC_COPY_SPLICE,  /**< splice(2) through a pipe: no copy through user space; rw where that can't be. */
	USYNC_COPY_REFLINK, /**< Share the source's blocks, or the file fails: the same as USYNC_REFLINK_ALWAYS. */
	USYNC_COPY_CFR,     /**< copy_file_range(2); rw where that can't be. */
};

/** In which order the entries of a directory are taken. */
enum usync_order {
	USYNC_ORDER_AUTO,   /**< As is right for the file system and the disk that they lie on. */
	USYNC_ORDER_INODE,  /**< By inode number. */
	USYNC_ORDER_EXTENT, /**< By inode number, and read by where their first blocks lie, across directories. */
	USYNC_ORDER_NAME,   /**< By name, byte by byte. */
	USYNC_ORDER_NONE,   /**< As the directory has them. */
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

/** How data go through the sockets between machines. */
enum usync_sockets {
	USYNC_SOCKETS_AUTO,  /**< Plain calls: those by a ring were no faster where that was measured. */
	USYNC_SOCKETS_RING,  /**< By each worker's io_uring, as far as it is the kernel that encrypts, or nobody; else
	                          as PLAIN. */
	USYNC_SOCKETS_PLAIN,
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
	USYNC_EVENT_WARNING,  /**< Something that was asked for can't be had; the run goes on.  Path: the first it
	                           struck. */
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

/** A log, and a list of what failed. */
#define USYNC_SPARED_MAX 2u

/** What is to be done, and how.  Start from USYNC_OPTIONS_INIT; 0 always means "choose for me". */
struct usync_options {
	uint32_t version;      /**< USYNC_OPTIONS_VERSION. */
	uint32_t jobs;         /**< Worker threads, 1 to USYNC_JOBS_MAX. */
	uint32_t queue_depth;  /**< Files in flight for each worker, 1 to USYNC_QUEUE_DEPTH_MAX. */
	uint64_t chunk_size;   /**< Bytes of one read or write, USYNC_CHUNK_MIN to USYNC_CHUNK_MAX. */
	enum usync_io io;      /**< See enum usync_io. */
	enum usync_copy copy;  /**< See enum usync_copy.  What it forces leaves reflink no choice. */
	uint64_t large_size;   /**< Files from this size on are copied in ranges by several workers, USYNC_LARGE_MIN or
	                            more. */
	enum usync_order order; /**< See enum usync_order. */
	uint32_t keep;         /**< USYNC_KEEP_ bits. */
	uint32_t keep_strictly; /**< Of these: what can't be kept is a failure of the entry, not a warning. */
	enum usync_compare compare; /**< See enum usync_compare. */
	enum usync_sparse sparse;   /**< See enum usync_sparse. */
	const char *chmod;     /**< Changes to the permission bits ("D755,go-w"), or NULL; copied. */
	bool chown_user;       /**< All is given to chown_uid; implies USYNC_KEEP_OWNER. */
	bool chown_group;      /**< The same for the group. */
	uint32_t chown_uid;
	uint32_t chown_gid;
	const char *const *files; /**< nr_files paths from the root of the one source: only these, with all in them;
	                               copied. */
	size_t nr_files;
	bool only_files;       /**< Obey files, also when there are none. */
	bool update;           /**< Leave what is newer in the destination. */
	bool existing;         /**< Make nothing new. */
	bool ignore_existing;  /**< Leave everything that exists, but for what is in directories. */
	bool remove;           /**< Delete what the source does not have (--delete). */
	bool limit_delete;     /**< No more deletions than max_delete. */
	int spared[USYNC_SPARED_MAX]; /**< nr_spared files that the caller has open, and that are not deleted wherever
	                                   they lie, as the job's own are not. */
	size_t nr_spared;
	bool backup;           /**< Keep what is replaced or deleted, under its name with suffix. */
	const char *suffix;    /**< NULL: "~"; copied. */
	const char *const *link_dests; /**< nr_link_dests earlier copies: what is new and the same in one of them, the
	                                    first of which counts, becomes a hard link to it.  Paths, from the
	                                    destination when they are relative; copied. */
	size_t nr_link_dests;  /**< At most USYNC_LINK_DESTS_MAX. */
	const char *temp_dir;  /**< Where files that replace others are written until they are complete; on another
	                            file system than they, it is not used.  A path likewise; copied. */
	const char *journal;   /**< A file, made if missing, that tells what is complete (--resume): a job with the same
	                            journal, sources, destination and attributes goes on where one was stopped.  NULL:
	                            none; copied. */
	bool fsync;            /**< What the job says to be complete is on the disk: by its end, and in its journal. */
	bool verify;           /**< When all is copied, read back what was written and hold it against what was read. */
	const char *checksum_file; /**< Where a line with the sum and the path of each regular file goes, or NULL;
	                                copied.  Files that are in the destination already are compared with the
	                                source, and so read.  A sender's has the sums of what it read, a receiver's of
	                                what came. */
	enum usync_hash hash;  /**< For both. */
	uint64_t max_delete;
	uint32_t max_errors;   /**< So many entries that failed stop the job, with -EIO; 0: no limit. */
	uint64_t max_rate;     /**< Bytes of contents written a second, USYNC_RATE_MIN or more; 0: no limit. */
	uint32_t compress;     /**< A sender's: what is sent is compressed with Zstandard at this level, 1 to
	                            USYNC_COMPRESS_MAX; 0: it is not. */
	enum usync_sockets sockets; /**< See enum usync_sockets. */
	bool idle;             /**< The job's threads come last for processor and disk (nice(2), ioprio_set(2)). */
	bool pin;              /**< Each of the job's threads keeps to one processor, spread over those that the caller
	                            may run on and over the nodes of memory. */
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
	bool trust_peer;       /**< A receiver's: take owners, set-id bits, devices and all extended attributes as the
	                            sender has them.  USYNC_KEEP_OWNER in keep does the same. */
	bool ordered;          /**< A receiver's: the sender was told what is wanted; it may not wish for deletions
	                            where remove is not set. */
	bool peer_reports;     /**< The other side's user is this one's, as over ssh: what the other side is told, or
	                            tells, is no event here.  What could not be told it any more is.  See
	                            usync_job_peer_knows(). */
	bool report_copied;    /**< Send USYNC_EVENT_COPIED for each entry. */
	usync_event_fn *event; /**< May be NULL. */
	void *payload;         /**< Handed to event as it is. */
};

#define USYNC_OPTIONS_INIT {.version = USYNC_OPTIONS_VERSION}

#define USYNC_JOBS_MAX 1024u
#define USYNC_QUEUE_DEPTH_MAX 4096u
#define USYNC_CHUNK_MIN (4096ull)
#define USYNC_CHUNK_MAX (64ull << 20)

/** As many as rsync takes. */
#define USYNC_LINK_DESTS_MAX 20u

#define USYNC_LARGE_MIN (4096ull)

#define USYNC_RATE_MIN (1024ull)
#define USYNC_COMPRESS_MAX 19u

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
	uint64_t skipped;     /**< Entries left out by a rule that was asked for; what lies below them is not
	                           counted. */
	uint64_t bytes;       /**< Bytes of file contents written. */
	uint64_t verified;    /**< Files that were read back and are what was read from the source. */
	uint64_t failed;      /**< Entries that could not be copied. */
	uint64_t vanished;    /**< Entries that were gone before they could be copied. */
	uint64_t found;       /**< Entries of the sources that are known of, directories among them. */
	uint64_t unlisted;    /**< Directories that are yet to be read: as long as there are any, found grows. */
	bool found_unknown;   /**< A receiver's: it knows of entries when they come, and no sooner; found and unlisted
	                           say nothing. */
	uint64_t by_inode;    /**< Listings of directories (a long one is several) gone through by inode, ... */
	uint64_t by_extent;   /**< ... by inode, and their files read by extent, ... */
	uint64_t by_name;     /**< ... by name, ... */
	uint64_t unordered;   /**< ... and in no order. */
	uint64_t extents;     /**< Files of which it was asked where they lie. */
	uint64_t by_rw;       /**< Of files: those whose contents were read and written, or that have none, ... */
	uint64_t by_splice;   /**< ... spliced, ... */
	uint64_t by_cfr;      /**< ... copied by copy_file_range(2), ... */
	uint64_t by_reflink;  /**< ... or are the source's blocks. */
	uint64_t in_ranges;   /**< And those of all these that were large, and so were copied in ranges. */
	uint64_t large_size;  /**< Bytes of the large files that are being copied in ranges now, ... */
	uint64_t large_done;  /**< ... and how many of these are there.  A receiver of a transfer does not know. */
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

/** The other side of a transfer between machines: authenticated connections to it.  Opaque. */
struct usync_peer;

/**
 * Make a job that sends SOURCES to PEER, where another job receives them (usync_job_new_recv()).  The receiver's
 * destination is what a copy's would be.  There is one worker for each connection: options.jobs does not count.
 *
 * @param peer  Borrowed until the job is freed, and of no use afterwards; usync_peer_free() frees it.
 * @return 0; -EINVAL for an option out of its range, or one that is the receiver's (link_dests, temp_dir, journal); or
 *         -ENOMEM.
 */
int usync_job_new_send(struct usync_job **job, const struct usync_options *options, const char *const *sources,
                       size_t nr_sources, struct usync_peer *peer);

/**
 * Make a job that receives into DESTINATION what PEER sends.  What is to be done is the sender's choice; of the
 * options here those count that say how (io, queue_depth, idle, max_rate), where (link_dests, temp_dir, journal,
 * checksum_file with hash), and what more (fsync, verify, dry_run, trust_peer, max_errors).  Owners, set-id bits,
 * devices and extended attributes other than user.* are taken only with trust_peer, or with USYNC_KEEP_OWNER in keep;
 * of a receiver that is not root, owners and groups that it may set.  With ordered a sender that wishes for deletions
 * without remove is refused, and what becomes of what exists is as the options here say, not as the sender does:
 * update, existing, ignore_existing, modify_window, limit_delete, max_delete, backup, suffix, filters.
 *
 * @return likewise.
 */
int usync_job_new_recv(struct usync_job **job, const struct usync_options *options, struct usync_peer *peer,
                       const char *destination);

/**
 * Check the sources and the destination and start the job's threads.  When this returns an error nothing
 * was written, except directories on the way to the destination.
 *
 * A job is started once.  The destination is locked until the job ends (flock(2)): one whose copy it becomes, by this
 * job alone; one that gets entries, together with others that do the same.
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

/** How long the calls of one kind take on one side, as far as it was measured: see usync_job_latencies(). */
struct usync_latency {
	const char *side;   /**< "source" or "destination". */
	const char *call;   /**< "open", "create", "stat", "mkdir", "read", "write", "splice" or "close". */
	uint64_t measured;  /**< Calls whose time was taken: a sample, except where they are slow. */
	uint64_t median_ns; /**< Half of them took no longer. */
	uint64_t tail_ns;   /**< 99 of 100 took no longer. */
	int is_async;       /**< 0: who makes such a call waits for it; 1: others go on meanwhile. */
};

/** The most that usync_job_latencies() gives. */
#define USYNC_LATENCIES_MAX 16

/**
 * Read how long a job's calls take.  May be called from any thread while the job exists.
 *
 * @param[out] latencies  Room for USYNC_LATENCIES_MAX; kinds of which no call was measured are left out.
 * @return how many there are.
 */
size_t usync_job_latencies(const struct usync_job *job, struct usync_latency *latencies);

/**
 * What stopped the job, in one line of text without a newline ("" when nothing did).  Names in it are raw
 * bytes.  Valid after usync_job_start() failed or usync_job_wait() returned, until the job is freed.
 */
const char *usync_job_error(const struct usync_job *job);

/**
 * With peer_reports: whether what stopped the job was told to the other side, or by it, and so is that one's to
 * report.  Valid as usync_job_error() is; false for every other job.
 */
bool usync_job_peer_knows(const struct usync_job *job);

/** Free a job that was not started or has been waited for.  NULL is allowed. */
void usync_job_free(struct usync_job *job);

/*
 * Between machines.  A net is one end of it: it holds the secret that both sides share, and either connects, or
 * listens.
 *
 *	usync_net_new(&net, &options, secret)
 *	usync_net_connect(net, host, port, &peer)	or usync_net_listen(), then usync_net_accept(net, &peer) for each transfer
 *	... a job with the peer ...
 *	usync_peer_free(peer), usync_net_free(net)
 */

/** The bytes of a secret that usync_secret_make() makes, with its NUL. */
#define USYNC_SECRET_SIZE 52

/** The longest secret that is read from a file, with its NUL. */
#define USYNC_SECRET_MAX 1025

/** The bytes of a reason in words, with its NUL. */
#define USYNC_WHY_SIZE 512

/** Make a secret of 256 bits, in printable characters. @return 0 or -EIO. */
int usync_secret_make(char text[USYNC_SECRET_SIZE]);

/**
 * Read a secret from a file: its only line.  It must belong to the process's user or to root, and nobody else may have
 * any right to it.
 *
 * @param[out] text  To be overwritten when it is of no more use: usync_secret_wipe().
 * @param[out] why   On failure: what is wrong, in words.
 * @return 0, -EPERM when others could read it, -EINVAL when it holds no secret, or another negative errno.
 */
int usync_secret_read(char text[USYNC_SECRET_MAX], const char *path, char why[USYNC_WHY_SIZE]);

/** Overwrite a text so that the compiler does not leave it out. */
void usync_secret_wipe(char *text, size_t size);

/** Who encrypts what is sent. */
enum usync_ktls {
	USYNC_KTLS_AUTO, /**< The kernel where it can, else OpenSSL. */
	USYNC_KTLS_ON,   /**< The kernel, or there is no connection. */
	USYNC_KTLS_OFF,  /**< OpenSSL. */
};

/** One end of the network.  Opaque. */
struct usync_net;

/** The connections of one transfer, at most. */
#define USYNC_CONNECTIONS_MAX 64u

/** How things are between machines.  Start from USYNC_NET_OPTIONS_INIT; 0 always means "choose for me". */
struct usync_net_options {
	uint32_t version;     /**< USYNC_OPTIONS_VERSION. */
	bool no_tls;          /**< Prove the secret and encrypt nothing: for loopback and tunnels.  Both sides have to
	                           want it. */
	enum usync_ktls ktls; /**< See enum usync_ktls. */
	uint32_t connections; /**< Of a transfer that this side begins: 1 to USYNC_CONNECTIONS_MAX. */
	uint32_t max_clients; /**< Transfers at a time at a side that listens; others wait. */
	uint32_t timeout_s;   /**< How long the other side may be silent. */
	usync_event_fn *event; /**< Notes and warnings; path is NULL.  May be NULL. */
	void *payload;        /**< Handed to event as it is. */
};

/** Initial value of struct usync_net_options. */
#define USYNC_NET_OPTIONS_INIT {.version = USYNC_OPTIONS_VERSION}

/**
 * Make one end.  A secret that usync_secret_make() did not make is stretched: that takes up to half a second and 32
 * MiB, and is not repeated for connections.
 *
 * @param[out] why  On failure: what is wrong, in words.
 * @return 0, -EINVAL for an option or a secret that can't be, -ENOMEM, or -EIO.
 */
int usync_net_new(struct usync_net **net, const struct usync_net_options *options, const char *secret,
                  char why[USYNC_WHY_SIZE]);

/**
 * Connect to a side that listens, and wait until it is ready for a transfer.
 *
 * @param host  A name or an address, without brackets.
 * @param port  "1" to "65535".
 * @return 0; -EACCES when the secrets differ; -ECANCELED after usync_net_stop(); or another negative errno:
 *         usync_net_error() tells.
 */
int usync_net_connect(struct usync_net *net, const char *host, const char *port, struct usync_peer **peer);

/**
 * Listen.
 *
 * @param host  A name or an address of this machine, without brackets; NULL: every address.
 * @param port  "0" for a free one: usync_net_port() tells which.
 */
int usync_net_listen(struct usync_net *net, const char *host, const char *port);

/** The port that is listened on. */
uint16_t usync_net_port(const struct usync_net *net);

/**
 * Wait for the next transfer that another side begins, while fewer than max_clients are going on: a transfer is over
 * when its peer is freed, which any thread may do.  Connections are taken, and waiting sides kept, only during this
 * call: it is to be called again at once.
 *
 * @return 0; -ECANCELED after usync_net_stop(); after usync_net_shut(), when the last peer was freed, -ESHUTDOWN; or
 *         another negative errno.
 */
int usync_net_accept(struct usync_net *net, struct usync_peer **peer);

/**
 * Listen no more, and turn away who waits.  The transfers that are going on do so.  Not while usync_net_accept()
 * runs.
 */
void usync_net_shut(struct usync_net *net);

/**
 * Let a connect or accept, now or later, return -ECANCELED.  May be called from any thread and from a signal handler.
 */
void usync_net_stop(struct usync_net *net);

/** What went wrong with the last call, in one line without a newline. */
const char *usync_net_error(const struct usync_net *net);

/** Free it, when all its peers are freed.  NULL is allowed. */
void usync_net_free(struct usync_net *net);

/**
 * A peer at the other end of IN and OUT, two pipes or one socket, of which something else keeps strangers away: the
 * standard streams below ssh.  There is no encryption and no secret.  The descriptors are borrowed, and SIGPIPE
 * should be ignored.
 *
 * @param name       What it is called in messages; copied.
 * @param timeout_s  As in struct usync_net_options.
 * @return 0, -ENOMEM, or another negative errno.
 */
int usync_peer_stdio(struct usync_peer **peer, int in, int out, const char *name, uint32_t timeout_s);

/** The other side's address, for messages; valid until it is freed. */
const char *usync_peer_name(const struct usync_peer *peer);

/** Close the connections and free it, after the job that used it.  NULL is allowed. */
void usync_peer_free(struct usync_peer *peer);

/**
 * Leave the calling thread, and threads that it starts from now on, no files in reach but what lies below TREES, and,
 * for reading, what the C library needs (Landlock, Linux 5.19): for a program that receives from others.  No other
 * program can be run.  There is no way back, and no other process is concerned.
 *
 * @param trees  Paths; for one that does not exist its parent counts, or the parent's.
 * @param[out] note  What was done, or why not, in words.
 * @return 0; -EOPNOTSUPP where the kernel can't; or another negative errno.
 */
int usync_sandbox(const char *const *trees, size_t nr, char note[USYNC_WHY_SIZE]);

/** The library's version, "MAJOR.MINOR.PATCH". */
const char *usync_version(void);

#ifdef __cplusplus
}
#endif

#endif /* USYNC_H */
