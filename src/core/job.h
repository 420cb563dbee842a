/* SPDX-License-Identifier: MIT */
/**
 * @file job.h
 * A whole copy: what all its workers share, its beginning and its end.
 */
#ifndef US_CORE_JOB_H
#define US_CORE_JOB_H

#include "core/dir.h"
#include "core/filter.h"
#include "core/headway.h"
#include "core/keep.h"
#include "core/large.h"
#include "core/listing.h"
#include "core/pace.h"
#include "sys/io.h"
#include "usync.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct us_backups;
struct us_cpu;
struct us_feed;
struct us_link_ops;
struct us_links;
struct us_manifest;
struct us_order;
struct us_progress;
struct us_session;
struct us_sink_ops;
struct us_source_ops;
struct us_tune;
struct us_worker;

/** What could not be kept of one kind. */
struct us_lack {
	atomic_bool seen; /**< There is one: how many, the workers count. */
	int error;   /**< The first one's; guarded by the event lock. */
	char *first; /**< The path of the first one. */
};

/** How far a job has come; it goes through these once. */
enum us_job_state {
	US_JOB_NEW,
	US_JOB_RUNNING,
	US_JOB_ENDED, /**< Waited for, or failed to start. */
};

/** The job behind the public handle. */
struct usync_job {
	struct usync_options options;
	char **sources;
	size_t nr_sources;
	char *destination;
	struct usync_filter *filters; /**< What options.filters points to. */
	char **patterns;              /**< What those point to. */
	char *chmod;                  /**< What options.chmod points to. */
	char *suffix;                 /**< options.suffix, or its default. */
	char **link_dests;            /**< What options.link_dests points to. */
	char *temp_dir;               /**< What options.temp_dir points to. */
	char *checksum_file;          /**< What options.checksum_file points to. */
	char *journal;                /**< What options.journal points to. */

	/* Settled by us_job_start() and then only read. */
	const struct us_source_ops *source;
	const struct us_sink_ops *sink; /**< NULL: by the options. */
	const struct us_link_ops *link; /**< Source or sink are on the other side of connections; or NULL. */
	struct us_session *session;     /**< And what those have in common. */
	enum us_io_mode io_mode;
	bool splice;
	bool transforms;            /**< us_keep_transform() has something to do. */
	bool looks;                 /**< Each entry is looked at before it is opened. */
	struct us_keep keep;
	struct us_filter filter;
	struct us_filelist *files;  /**< NULL: all. */
	struct us_progress *progress; /**< NULL: neither --resume nor --fsync. */
	bool digests;               /**< Sums of contents are taken. */
	struct us_manifest *manifest; /**< With digests. */
	struct us_links *links;     /**< NULL when hard links are not kept. */
	struct us_backups *backups; /**< NULL without --backup. */
	uint32_t chunk;
	struct us_large_plan large; /**< How large files are copied. */
	struct us_large_gate large_gate;
	struct us_headway headway;
	struct us_pace pace;
	unsigned int nr_workers;    /**< From the beginning. */
	unsigned int max_workers;   /**< With those that come when calls are slow. */
	struct us_cpu *cpus;        /**< Each worker's processor, by its number modulo nr_cpus. */
	unsigned int nr_cpus;       /**< 0: workers run where the kernel lets them. */
	unsigned int depth;         /**< Files in flight for each worker. */
	unsigned int window;        /**< With a link: those of them that do not wait for the other side. */
	unsigned int gather;        /**< Files each worker may hold open beside those, to read them by extents. */
	unsigned int max_opening;   /**< Directories being opened at a time by each worker. */
	unsigned int max_listings;  /**< Listings alive at a time, which pin their directories. */
	uint64_t run_id;            /**< Makes temporary names of this run unlike those of others (tempname.h). */
	struct us_identity *src_roots; /**< Directories that the user named: never to be written into. */
	size_t nr_src_roots;
	int lock_fd;                 /**< Holds the lock on the destination, or -1. */
	bool lock_whole;             /**< No other run has a share in it. */
	bool sweeps;                 /**< Temporary files of earlier runs are looked for. */
	pthread_mutex_t mark_lock;
	atomic_bool marked;          /**< It is announced that there may be temporary files. */
	struct us_identity mark;     /**< What announces it (leftovers.h); ino 0: nothing. */
	atomic_bool has_left;        /**< A temporary file could not be removed, or the source has the mark's name: the
	                                  mark stays. */
	int mark_error;              /**< Why it is not known which file the mark is, or 0. */
	int temp_fd;                 /**< Where temporary names go; -1: beside what they are for. */
	atomic_bool temp_held;       /**< It is told there that this run has some (tempname.h). */
	bool temp_acl;               /**< New entries there take a default ACL. */
	/** Directories that --delete leaves: the temporary one, the references; ino 0: none. */
	struct us_identity spared[1 + USYNC_LINK_DESTS_MAX];
	/** Files that it leaves: the journal, the sums, what the caller has; ino 0: none. */
	struct us_identity own_files[2 + USYNC_SPARED_MAX];
	struct us_identity dst_root; /**< Not to be copied into itself, should the walk come upon it. */
	char *root_path;             /**< Where it was opened (root_path.h). */

	pthread_mutex_t order_lock;
	struct us_order *orders;    /**< One for each file system of the source; guarded by order_lock. */
	struct us_feed *feed;
	bool report_there;          /**< What is copied and deleted is for the other side of a link, not for this
	                                 user. */

	/* Written once a directory, and so not beside what is read once a file, before and after. */
	struct us_dircache dirs __attribute__((aligned(64)));
	atomic_uint nr_listings;
	atomic_uint_fast64_t nr_deletes;     /**< With limit_delete: deletions taken from what is allowed. */
	atomic_uint_fast64_t nr_not_deleted; /**< And those that were too many. */
	atomic_uint_fast64_t nr_verified;
	atomic_uint_fast64_t nr_unverified;  /**< They count as failed. */
	atomic_uint_fast64_t nr_failed_there; /**< With a link: what failed on the other side. */
	atomic_uint_fast64_t nr_vanished_there;
	atomic_uint_fast64_t nr_deleted_there;
	atomic_uint_fast64_t nr_errors;      /**< Failed entries, as far as max_errors counts them. */
	pthread_mutex_t event_lock;

	struct us_worker *_Atomic workers __attribute__((aligned(64))); /**< max_workers of them, each valid when
	                                                                     nr_made tells so. */
	atomic_uint nr_made;        /**< Workers that were made so far. */
	struct us_tune *tune;       /**< NULL: what goes to the ring is settled (tune.h). */
	atomic_uint async_kinds[US_OP_SIDES]; /**< US_OP_BIT of the kinds that are slow, and go to the ring
	                                           therefore. */
	atomic_bool is_far[US_OP_SIDES]; /**< Calls there are answered by a server or another process (order.h), as is
	                                      known so far. */
	atomic_bool narrow;         /**< Calls are slow: few files for each worker, so that there are some for all. */
	atomic_uint max_sharers;    /**< With narrow: workers that share a directory, so that there are some for
	                                 each. */
	struct us_dir *root;        /**< Freed by the worker that completes it. */

	struct us_lack lacks[US_LACK_NR];

	atomic_bool cancelled;      /**< Asked for by the caller. */
	atomic_bool stopping;       /**< Cancelled, or stopped by an error: begin nothing new. */
	atomic_int error;           /**< The negative errno that stopped the job; the first one stays. */
	atomic_bool ring_noted;     /**< That there is no io_uring was said. */
	atomic_uint_fast64_t large_noted; /**< Ways of copying large files that were told of (mover.c). */
	atomic_bool no_clone;       /**< Sharing blocks did not work. */
	atomic_bool no_link_noted;  /**< That a hard link could not be made was said. */
	atomic_bool no_reference_noted; /**< That the reference could not be looked into was said. */
	atomic_bool left_noted;     /**< That temporary files of another run may be in use was said. */
	atomic_bool no_temp_dir;    /**< It lies on another file system: temporary names go beside the files. */
	char *error_text;
	atomic_bool peer_knows;     /**< The other side was told why, or told it. */
	atomic_uint_fast64_t started_ns;
	atomic_uint_fast64_t ended_ns;
	enum us_job_state state;
};

/** Check sources and destination, open the roots, start the threads.  See usync_job_start(). */
int us_job_start(struct usync_job *job);

/** Wait for the threads and release all that us_job_start() took.  See usync_job_wait(). */
int us_job_wait(struct usync_job *job);

/** True when nothing new is to be begun. */
static inline bool us_job_stopping(const struct usync_job *job)
{
	return atomic_load_explicit(&job->stopping, memory_order_relaxed);
}

#endif /* US_CORE_JOB_H */
