/* SPDX-License-Identifier: MIT */
/**
 * @file dir.h
 * The directories that are being copied, and the descriptors that stand for them.
 *
 * A tree of any depth is copied with few descriptors: a directory that no one uses for the moment may lose
 * its own, and gets them back when it is used again, by way of its parents or of "..".  Each directory is
 * known by device and inode number, so a reopened one is certainly the same, whatever was renamed or
 * replaced by a link in the meantime.
 */
#ifndef US_CORE_DIR_H
#define US_CORE_DIR_H

#include "core/filelist.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

struct us_order;
struct us_xattrs;

/** The trees.  An index. */
enum us_side {
	US_SRC,
	US_DST,
	US_SIDES,
};

/** Which directory of a file system it is. */
struct us_identity {
	uint32_t dev_major;
	uint32_t dev_minor;
	uint64_t ino;
};

/** The directory of the same name in an earlier copy (--link-dest). */
struct us_dir_reference {
	int fd;                      /**< -1 while not open. */
	struct us_identity identity; /**< ino 0: there is none. */
};

/** What is kept of a source directory until its copy is complete. */
struct us_dir_source {
	struct statx stx;
	struct us_xattrs *xattrs; /**< Those that are kept, or NULL. */
};

/** One directory of the tree.  Lives until everything in it is complete. */
struct us_dir {
	struct us_dir *parent;   /**< NULL for the root.  Held alive by this one's share in its pending. */
	atomic_uint pending;     /**< What is yet to come to an end: its listings and child directories. */
	int fd[US_SIDES];        /**< -1 while not open.  Guarded by the cache's lock; stable while pinned. */
	struct us_identity identity[US_SIDES]; /**< ino 0: this side has no descriptor. */
	struct us_dir_reference *references; /**< The cache's nr_references, or NULL: none.  Guarded as fd is. */
	unsigned int pins;       /**< Users of the descriptors.  Guarded by the cache's lock. */
	struct us_dir *older;    /**< Neighbours in the cache's list of unpinned open directories. */
	struct us_dir *newer;
	struct us_dir_source *source; /**< What the source is like, for the end; NULL until it was looked at. */
	atomic_uint_fast64_t new_owner; /**< Whose new entries of the destination are: user << 32 | group. */
	atomic_bool owner_known;  /**< new_owner is set. */
	struct us_order *order;  /**< Of its file system; NULL before it is listed, and where that can't be told. */
	uint64_t ino;            /**< As the parent's listing said; the order to go in. */
	int64_t resume;          /**< Where its listing goes on; 0 at first. */
	uint32_t dst_changes;    /**< How the destination differed when it was opened: USYNC_CHANGE_ bits. */
	atomic_uint_least16_t dst_mode; /**< The destination's permission bits, as last known. */
	uint16_t dst_name;       /**< Offset in name[] of its name in the destination. */
	atomic_bool held;        /**< It is told by a lock on its destination that this run has temporary files
	                              there. */
	bool is_open;            /**< Holds its descriptors.  Guarded by the cache's lock. */
	bool opened;             /**< Was open once; the end has something to set. */
	bool left_out;           /**< By a rule: it is not made, and that is no failure. */
	bool dst_new;            /**< Made by this job: holds nothing that this job did not make. */
	bool dst_acl;            /**< New entries take a default ACL, so their mode is not as asked for. */
	bool is_virtual;         /**< Stands for the destination of several sources: nothing is set on it. */
	bool list_failed;        /**< Not all in its source is known. */
	struct us_filelist_range listed; /**< Its names on the list of those to be copied; empty: all it has. */
	bool followed;           /**< Its source may be reached by way of a symbolic link. */
	uint64_t net_id;         /**< With a link (link.h): what it is called there. */
	atomic_uint net_children; /**< And how many directories in it were told of. */
	atomic_uint_fast64_t announced; /**< And the connections on which the other side was told of it, a bit each. */
	char name[];             /**< In the source's parent, then (where dst_name is not 0) in the destination. */
};

/** The name of DIR in the parent of SIDE. */
const char *us_dir_name(const struct us_dir *dir, enum us_side side);

/**
 * Make the node of a directory called NAME, and DST_NAME in the destination (NULL: the same).  It gets a
 * share in PARENT's pending, and begins with one of its own.
 *
 * @return the node, or NULL without memory.
 */
struct us_dir *us_dir_new(struct us_dir *parent, const char *name, const char *dst_name);

/**
 * Remember what the source of DIR is like.
 *
 * @return 0 or -ENOMEM.
 */
int us_dir_set_source(struct us_dir *dir, const struct statx *stx);

/**
 * Places for NR references, none of them open.
 *
 * @return them, to be freed with the directory that they are given to, or NULL without memory.
 */
struct us_dir_reference *us_dir_references_new(size_t nr);

/** Close what is open of NR references. */
void us_dir_references_close(struct us_dir_reference *references, size_t nr);

/**
 * Free a node whose pending is 0.  Gives back nothing to the parent.  Its descriptors must be closed.
 */
void us_dir_free(struct us_dir *dir);

/**
 * The path of NAME in DIR (NAME NULL: of DIR itself), as reached from what the user gave for SIDE.  Of any
 * length.
 *
 * @return the path, to be freed by the caller; NULL without memory.
 */
char *us_dir_path(const struct us_dir *dir, const char *name, enum us_side side);

/**
 * The path of NAME in DIR (NAME NULL: of DIR itself) from the root of the destination: "" for that.  NAME is one in the
 * destination.
 *
 * @return the path, to be freed by the caller; NULL without memory.
 */
char *us_dir_relative_path(const struct us_dir *dir, const char *name);

/** True when STX is the directory (or file) that IDENTITY stands for. */
bool us_identity_is(const struct us_identity *identity, const struct statx *stx);

/** The identity of what STX tells of. */
struct us_identity us_identity_of(const struct statx *stx);

/**
 * True when the directory STX, which is in the directory PARENT, is another file system, or the same one mounted once
 * more (STATX_MNT_ID, Linux 5.8).  Where --one-file-system ends.
 */
bool us_is_mount_point(const struct statx *parent, const struct statx *stx);

/** All open directories of a job.  Any thread. */
struct us_dircache {
	pthread_mutex_t lock;
	unsigned int open;     /**< Directories that hold descriptors. */
	unsigned int nr_references; /**< Earlier copies that each directory may have its like in. */
	unsigned int max_open; /**< Above this, unpinned ones lose theirs. */
	struct us_dir *oldest; /**< Unpinned and open, least recently used first. */
	struct us_dir *newest;
};

void us_dircache_init(struct us_dircache *cache, unsigned int max_open);
void us_dircache_fini(struct us_dircache *cache);

/**
 * Give DIR its descriptors, freshly opened, identities already set; it is pinned once.  Takes them over.
 * A side that has none (-1) has no identity either.  DIR's references are open already.
 */
void us_dircache_adopt(struct us_dircache *cache, struct us_dir *dir, const int fd[US_SIDES]);

/**
 * Make DIR's descriptors usable until us_dircache_unpin().  Nests.
 *
 * @return 0, or a negative errno when they were closed in the meantime and can't be had again: -ESTALE when
 *         another directory stands in its place now, -ENOTDIR when something else does.  A reference that can't
 *         be had again is given up.
 */
int us_dircache_pin(struct us_dircache *cache, struct us_dir *dir);
void us_dircache_unpin(struct us_dircache *cache, struct us_dir *dir);

/**
 * Close the descriptors of DIR, which must be pinned once and is unpinned by this.  When its parent has lost
 * its own, they are got back by way of ".." first: the parent is used next, and the way from the root may
 * be long.
 */
void us_dircache_close(struct us_dircache *cache, struct us_dir *dir);

/** Close all that is not pinned: the process is out of descriptors. */
void us_dircache_trim(struct us_dircache *cache);

#endif /* US_CORE_DIR_H */
