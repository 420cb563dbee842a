/* SPDX-License-Identifier: MIT */
/* What this machine's copies are made with, and what they get afterwards. */
#include "core/local_sink.h"

#include "base/us.h"
#include "core/attributes.h"
#include "core/file.h"
#include "core/job.h"
#include "core/keep.h"
#include "core/report.h"
#include "core/worker.h"
#include "sys/call.h"

#include <fcntl.h>

/** True when new entries of DIR are known to belong to whom SRC belongs to. */
static bool has_owner(const struct us_dir *dir, const struct statx *src)
{
	uint64_t owner = ((uint64_t)src->stx_uid << 32) | src->stx_gid;

	return atomic_load_explicit(&dir->owner_known, memory_order_acquire) &&
	       atomic_load_explicit(&dir->new_owner, memory_order_relaxed) == owner;
}

/** True when FILE is made in a directory with a default ACL. */
static bool takes_acl(const struct us_worker *worker, const struct us_file *file)
{
	return us_local_is_elsewhere(worker, file) ? worker->job->temp_acl : file->dir->dst_acl;
}

mode_t us_local_create_mode(const struct us_worker *worker, const struct us_file *file)
{
	uint32_t what = worker->job->keep.what;
	mode_t mode = (what & USYNC_KEEP_MODE) != 0 ? file->stx.stx_mode & 0777
	                                            : us_keep_plain_mode(&file->stx, worker->user_umask);

	/* The group's bits are the mask where there is an ACL, and another group's before the owner is set. */
	if (file->xattrs != NULL || takes_acl(worker, file) ||
	    ((what & USYNC_KEEP_OWNER) != 0 &&
	     (us_local_is_elsewhere(worker, file) || !has_owner(file->dir, &file->stx)))) {
		mode &= 0700;
	}
	return mode;
}

/** Whose HANDLE is. */
static int owner_of(const struct us_handle *handle, uint64_t *owner)
{
	struct statx stx;
	int ret = us_statx(handle->fd, handle->name != NULL ? handle->name : "",
	                   handle->name != NULL ? AT_SYMLINK_NOFOLLOW : AT_EMPTY_PATH, &stx);

	if (ret >= 0) {
		*owner = ((uint64_t)stx.stx_uid << 32) | stx.stx_gid;
	}
	return ret;
}

/** Whose the new entry HANDLE is; in DIR that of all new entries there, so only the first is asked. */
static int owner_of_new(struct us_dir *dir, bool elsewhere, const struct us_handle *handle,
                        struct us_attributes *attributes)
{
	uint64_t owner;

	if (elsewhere) {
		int ret = owner_of(handle, &owner);

		if (ret < 0) {
			return ret;
		}
	} else if (atomic_load_explicit(&dir->owner_known, memory_order_acquire)) {
		owner = atomic_load_explicit(&dir->new_owner, memory_order_relaxed);
	} else {
		int ret = owner_of(handle, &owner);

		if (ret < 0) {
			return ret;
		}
		atomic_store_explicit(&dir->new_owner, owner, memory_order_relaxed);
		atomic_store_explicit(&dir->owner_known, true, memory_order_release);
	}
	attributes->uid = (uint32_t)(owner >> 32);
	attributes->gid = (uint32_t)owner;
	return 0;
}

bool us_local_set_new(struct us_worker *worker, const struct us_place *place, struct us_file *file,
                      const struct us_handle *handle)
{
	const struct us_keep *keep = &worker->job->keep;
	struct us_attributes attributes = {
		.copy = *handle,
		.src = &file->stx,
		.xattrs = file->xattrs,
		.uid = file->stx.stx_uid,
		.gid = file->stx.stx_gid,
		.mode = file->made_mode & ~worker->umask,
		.exact = takes_acl(worker, file),
		.is_new = true,
		.has_failed = file->failed,
		.changes = US_ATTRIBUTES_ALL,
	};

	if (takes_acl(worker, file) || worker->umask != 0) {
		attributes.mode = (mode_t)-1; /* Not known. */
	}
	if ((keep->what & USYNC_KEEP_OWNER) != 0 || (file->stx.stx_mode & (S_ISUID | S_ISGID)) != 0) {
		int ret = owner_of_new(file->dir, us_local_is_elsewhere(worker, file), handle, &attributes);

		if (ret < 0) {
			us_report_failed(worker, place, "stat", ret);
			return false;
		}
	}
	return us_attributes_set(worker, place, &attributes);
}

void us_local_put_attributes(struct us_worker *worker, struct us_file *file)
{
	struct us_place place = {file->dir, file->dst_name, US_DST};
	struct us_attributes attributes = {
		.copy = {.fd = file->dir->fd[US_DST], .name = file->dst_name},
		.src = &file->stx,
		.xattrs = file->xattrs,
		.uid = file->dst_stx.stx_uid,
		.gid = file->dst_stx.stx_gid,
		.mode = file->dst_stx.stx_mode & 07777,
		.exact = true,
		.changes = file->changes,
	};

	if (file->changes == 0 || us_attributes_set(worker, &place, &attributes)) {
		file->done = true;
		us_count(&worker->counts.unchanged, 1);
		us_report_file(worker, file);
	}
	us_worker_finished(worker, file);
}
