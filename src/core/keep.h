/* SPDX-License-Identifier: MIT */
/**
 * @file keep.h
 * What is kept of an entry's attributes, as far as this process may set them.
 */
#ifndef US_CORE_KEEP_H
#define US_CORE_KEEP_H

#include "core/modespec.h"
#include "usync.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

/** Attributes of which a lack is told once. */
enum us_lack_kind {
	US_LACK_OWNER,
	US_LACK_XATTR,
	US_LACK_ACL,
	US_LACK_ATIME,
	US_LACK_NR,
};

/** Settled at the start of a job, then only read. */
struct us_keep {
	uint32_t what;     /**< USYNC_KEEP_ bits. */
	uint32_t strictly; /**< Of these: not to be had is a failure. */
	unsigned int xattr_kinds; /**< US_XATTR_ bits. */
	bool any_owner;    /**< This process may give files away. */
	uid_t uid;         /**< Whose it is. */
	gid_t *groups;     /**< Groups it may give files to. */
	size_t nr_groups;
	struct us_modespec chmod; /**< What modes are changed by. */
	int64_t chown_uid;        /**< Whom all is given to, or -1. */
	int64_t chown_gid;
	bool chown_alone;         /**< No other owner is set: what the source's are is another machine's word. */
};

/** What is to become of an owner: -1 leaves it. */
struct us_owner_change {
	uid_t uid;
	gid_t gid;
	bool lacks; /**< It ought to change and this process may not do that. */
};

/** Settle what OPTIONS ask for.  @return 0, -ENOMEM, or -EINVAL for a list of modes that is none. */
int us_keep_init(struct us_keep *keep, const struct usync_options *options);
void us_keep_fini(struct us_keep *keep);

/** Make of STX, a source, what its copy is to be like: --chmod, --chown. */
void us_keep_transform(const struct us_keep *keep, struct statx *stx);

/** How the owner of a copy, which is UID and GID now, has to change to become that of SRC. */
struct us_owner_change us_keep_owner(const struct us_keep *keep, const struct statx *src, uint32_t uid,
                                     uint32_t gid);

/**
 * The permission bits of a new copy of SRC whose own are not kept: what the user's umask leaves.
 */
mode_t us_keep_plain_mode(const struct statx *src, mode_t user_umask);

/**
 * The permission bits of SRC for a copy that belongs to UID and GID.  Set-user-ID and set-group-ID are a grant by
 * the owner to a group, so they go only to a copy that has the same owner and group.
 */
mode_t us_keep_mode(const struct statx *src, uint32_t uid, uint32_t gid);

/**
 * Which attributes that are kept differ between SRC and DST, apart from extended ones.
 *
 * @param[out] lacks  The owner differs and this process may not change that.
 * @return USYNC_CHANGE_ bits.
 */
uint32_t us_keep_changes(const struct us_keep *keep, const struct statx *src, const struct statx *dst,
                         uint32_t modify_window, bool *lacks);

/** True when A and B are at most WINDOW seconds apart; to the nanosecond when that is 0. */
bool us_keep_same_time(const struct statx_timestamp *a, const struct statx_timestamp *b, uint32_t window);

#endif /* US_CORE_KEEP_H */
