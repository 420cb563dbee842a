/* SPDX-License-Identifier: MIT */
/* Who may give what to whom: chown(2), credentials(7). */
#include "core/keep.h"

#include "base/us.h"
#include "core/xattrs.h"

#include <stdlib.h>
#include <unistd.h>

int us_keep_init(struct us_keep *keep, const struct usync_options *options)
{
	int nr = getgroups(0, NULL);

	*keep = (struct us_keep){
		.what = options->keep != 0 ? options->keep : USYNC_KEEP_DEFAULT,
		.strictly = options->keep_strictly,
		.any_owner = geteuid() == 0,
		.uid = geteuid(),
	};
	keep->xattr_kinds = ((keep->what & USYNC_KEEP_ACL) != 0 ? US_XATTR_ACL : 0u) |
	                    ((keep->what & USYNC_KEEP_XATTR) != 0 ? US_XATTR_OTHER : 0u);
	if (options->chmod != NULL && us_modespec_parse(&keep->chmod, options->chmod) < 0) {
		return -EINVAL;
	}
	keep->chown_uid = options->chown_user ? (int64_t)options->chown_uid : -1;
	keep->chown_gid = options->chown_group ? (int64_t)options->chown_gid : -1;
	if (options->chown_user || options->chown_group) {
		keep->chown_alone = options->ordered && (keep->what & USYNC_KEEP_OWNER) == 0;
		keep->what |= USYNC_KEEP_OWNER;
		keep->strictly |= USYNC_KEEP_OWNER;
	}
	keep->groups = calloc((size_t)us_max(nr, 0) + 1, sizeof(gid_t));
	if (keep->groups == NULL) {
		return -ENOMEM;
	}
	keep->groups[0] = getegid();
	nr = getgroups(us_max(nr, 0), keep->groups + 1);
	keep->nr_groups = (size_t)us_max(nr, 0) + 1;
	return 0;
}

void us_keep_transform(const struct us_keep *keep, struct statx *stx)
{
	if (!S_ISLNK(stx->stx_mode)) {
		stx->stx_mode = (uint16_t)us_modespec_apply(&keep->chmod, stx->stx_mode);
	}
	if (keep->chown_uid >= 0) {
		stx->stx_uid = (uint32_t)keep->chown_uid;
	}
	if (keep->chown_gid >= 0) {
		stx->stx_gid = (uint32_t)keep->chown_gid;
	}
}

void us_keep_fini(struct us_keep *keep)
{
	free(keep->groups);
	keep->groups = NULL;
}

/** True when this process may give its own files to GID. */
static bool has_group(const struct us_keep *keep, gid_t gid)
{
	for (size_t i = 0; i < keep->nr_groups; i++) {
		if (keep->groups[i] == gid) {
			return true;
		}
	}
	return false;
}

/** Whom a copy is to belong to whose source belongs to SRC, GIVEN being --chown's or -1, and which belongs to NOW. */
static uint32_t wanted(const struct us_keep *keep, int64_t given, uint32_t src, uint32_t now)
{
	if (given >= 0) {
		return (uint32_t)given;
	}
	return keep->chown_alone ? now : src;
}

struct us_owner_change us_keep_owner(const struct us_keep *keep, const struct statx *src, uint32_t uid,
                                     uint32_t gid)
{
	struct us_owner_change change = {.uid = (uid_t)-1, .gid = (gid_t)-1};
	uint32_t to_uid = wanted(keep, keep->chown_uid, src->stx_uid, uid);
	uint32_t to_gid = wanted(keep, keep->chown_gid, src->stx_gid, gid);

	if ((keep->what & USYNC_KEEP_OWNER) == 0) {
		return change;
	}
	if (to_uid != uid) {
		change.uid = keep->any_owner ? to_uid : (uid_t)-1;
		change.lacks |= !keep->any_owner;
	}
	if (to_gid != gid) {
		bool may = keep->any_owner || (uid == keep->uid && has_group(keep, to_gid));

		change.gid = may ? to_gid : (gid_t)-1;
		change.lacks |= !may;
	}
	return change;
}

mode_t us_keep_plain_mode(const struct statx *src, mode_t user_umask)
{
	return (S_ISDIR(src->stx_mode) ? 0777 : 0666) & ~user_umask;
}

mode_t us_keep_mode(const struct statx *src, uint32_t uid, uint32_t gid)
{
	bool is_same = uid == src->stx_uid && gid == src->stx_gid;

	return src->stx_mode & (is_same ? 07777 : 01777);
}

bool us_keep_same_time(const struct statx_timestamp *a, const struct statx_timestamp *b, uint32_t window)
{
	int64_t apart;

	if (window == 0) {
		return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
	}
	/* Whole seconds, as rsync has it: what a window is for has no finer ones. */
	if (__builtin_sub_overflow(a->tv_sec, b->tv_sec, &apart)) {
		return false;
	}
	return apart <= (int64_t)window && apart >= -(int64_t)window;
}

uint32_t us_keep_changes(const struct us_keep *keep, const struct statx *src, const struct statx *dst,
                         uint32_t modify_window, bool *lacks)
{
	struct us_owner_change owner = us_keep_owner(keep, src, dst->stx_uid, dst->stx_gid);
	uint32_t uid = owner.uid != (uid_t)-1 ? owner.uid : dst->stx_uid;
	uint32_t gid = owner.gid != (gid_t)-1 ? owner.gid : dst->stx_gid;
	uint32_t changes = 0;

	*lacks = owner.lacks;
	if (owner.uid != (uid_t)-1) {
		changes |= USYNC_CHANGE_USER;
	}
	if (owner.gid != (gid_t)-1) {
		changes |= USYNC_CHANGE_GROUP;
	}
	if ((keep->what & USYNC_KEEP_MODE) != 0 && !S_ISLNK(src->stx_mode) &&
	    us_keep_mode(src, uid, gid) != (dst->stx_mode & 07777)) {
		changes |= USYNC_CHANGE_MODE;
	}
	if ((keep->what & USYNC_KEEP_TIMES) != 0 &&
	    !us_keep_same_time(&src->stx_mtime, &dst->stx_mtime, modify_window)) {
		changes |= USYNC_CHANGE_MTIME;
	}
	if ((keep->what & USYNC_KEEP_ATIME) != 0 &&
	    !us_keep_same_time(&src->stx_atime, &dst->stx_atime, modify_window)) {
		changes |= USYNC_CHANGE_ATIME;
	}
	return changes;
}
