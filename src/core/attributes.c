/* SPDX-License-Identifier: MIT */
/* What can't be had is a warning with a count where the user asked for "all that is possible", else a failure. */
#include "core/attributes.h"

#include "base/us.h"
#include "core/job.h"
#include "core/keep.h"
#include "core/report.h"
#include "core/worker.h"
#include "sys/call.h"

/** One run through the attributes of one copy. */
struct run {
	struct us_worker *worker;
	const struct us_place *place;
	const struct us_attributes *attributes;
	uint32_t uid;
	uint32_t gid;
	bool failed;
};

/** Answers that say "not here" or "not you", rather than that something broke. */
static bool is_lack(int error)
{
	return error == -EPERM || error == -EACCES || error == -EOPNOTSUPP || error == -ENOSYS || error == -EINVAL;
}

/** A file system may have no room for this one's attributes (ext4 gives them a block) and much for other files. */
static bool is_of_entry(enum usync_keep which, int error)
{
	return (which & (USYNC_KEEP_XATTR | USYNC_KEEP_ACL)) != 0 && (error == -ENOSPC || error == -EDQUOT);
}

/** A call for the attribute WHICH answered ERROR. */
static void note(struct run *run, enum usync_keep which, const char *what, int error)
{
	const struct us_keep *keep = &run->worker->job->keep;

	if (error >= 0) {
		return;
	}
	if (is_lack(error) && (keep->strictly & which) == 0 && (which & USYNC_KEEP_DEFAULT) == 0) {
		us_report_lack(run->worker, run->place, which, error);
		return;
	}
	us_report_attribute(run->worker, run->place, what, error, !run->failed, !is_of_entry(which, error));
	run->failed = true;
}

/** The owner. */
static void set_owner(struct run *run)
{
	const struct us_attributes *a = run->attributes;
	struct us_owner_change change =
		us_keep_owner(&run->worker->job->keep, a->src, run->uid, run->gid);
	int ret;

	if (change.lacks) {
		note(run, USYNC_KEEP_OWNER, "set owner", -EPERM);
	}
	if (change.uid == (uid_t)-1 && change.gid == (gid_t)-1) {
		return;
	}
	ret = us_chown(a->copy.fd, a->copy.name, change.uid, change.gid);
	if (ret < 0) {
		note(run, USYNC_KEEP_OWNER, "set owner", ret);
		return;
	}
	run->uid = change.uid != (uid_t)-1 ? change.uid : run->uid;
	run->gid = change.gid != (gid_t)-1 ? change.gid : run->gid;
}

/** Extended attributes and ACLs. */
static void set_xattrs(struct run *run)
{
	const struct us_attributes *a = run->attributes;
	unsigned int kinds = run->worker->job->keep.xattr_kinds;
	struct us_xattrs_result result;

	if (kinds == 0 || (a->xattrs == NULL && !a->exact)) {
		return;
	}
	result = us_xattrs_write(&a->copy, a->xattrs, kinds, a->exact);
	note(run, USYNC_KEEP_ACL, "set ACL", result.acl);
	note(run, USYNC_KEEP_XATTR, "set extended attributes", result.other);
}

/** The mode.  With an ACL just set, its mask may have moved the group's bits. */
static void set_mode(struct run *run)
{
	const struct us_attributes *a = run->attributes;
	mode_t mode = us_keep_mode(a->src, run->uid, run->gid);
	bool moved = a->xattrs != NULL || a->exact || run->uid != a->uid || run->gid != a->gid;
	int ret;

	if ((run->worker->job->keep.what & USYNC_KEEP_MODE) == 0) {
		if (!a->is_new) {
			return;
		}
		mode = us_keep_plain_mode(a->src, run->worker->user_umask);
	}
	if (mode == a->mode && !moved) {
		return;
	}
	ret = a->copy.name != NULL ? us_fchmodat(a->copy.fd, a->copy.name, mode)
	                           : us_fchmod(a->copy.fd, mode);
	note(run, USYNC_KEEP_MODE, "set mode", ret);
}

/** The times, last: nothing after it changes the copy. */
static void set_times(struct run *run)
{
	const struct us_attributes *a = run->attributes;
	uint32_t what = run->worker->job->keep.what;
	bool mtime = (what & USYNC_KEEP_TIMES) != 0 && (a->changes & USYNC_CHANGE_MTIME) != 0;
	bool atime = (what & USYNC_KEEP_ATIME) != 0 && (a->changes & USYNC_CHANGE_ATIME) != 0;

	if (mtime || atime) {
		note(run, USYNC_KEEP_TIMES, "set times",
		     us_set_times(a->copy.fd, a->copy.name, atime ? &a->src->stx_atime : NULL,
		                  mtime ? &a->src->stx_mtime : NULL));
	}
}

bool us_attributes_set(struct us_worker *worker, const struct us_place *place,
                       const struct us_attributes *attributes)
{
	struct run run = {
		.worker = worker,
		.place = place,
		.attributes = attributes,
		.uid = attributes->uid,
		.gid = attributes->gid,
		.failed = attributes->has_failed,
	};

	if ((attributes->changes & (USYNC_CHANGE_USER | USYNC_CHANGE_GROUP)) != 0) {
		set_owner(&run);
	}
	if ((attributes->changes & (USYNC_CHANGE_ACL | USYNC_CHANGE_XATTR)) != 0) {
		set_xattrs(&run);
	}
	if (!S_ISLNK(attributes->src->stx_mode) &&
	    (attributes->changes & (USYNC_CHANGE_MODE | USYNC_CHANGE_USER | USYNC_CHANGE_GROUP |
	                            USYNC_CHANGE_ACL)) != 0) {
		set_mode(&run);
	}
	set_times(&run);
	return !run.failed;
}
