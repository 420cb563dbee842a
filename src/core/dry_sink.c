/* SPDX-License-Identifier: MIT */
/* A directory that is not there yet has no descriptor on this side, and is new, as all in it is. */
#include "core/dry_sink.h"

#include "base/us.h"
#include "core/file.h"
#include "core/job.h"
#include "core/keep.h"
#include "core/local_sink.h"
#include "core/paths.h"
#include "core/reference.h"
#include "core/report.h"
#include "core/worker.h"
#include "core/xattrs.h"
#include "sys/call.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

/** See us_sink_ops. */
static void dry_open_dir(struct us_worker *worker, struct us_dir_open *opening)
{
	struct us_dir *dir = opening->dir;
	int parent = dir->parent->fd[US_DST];
	int fd = -ENOENT;
	int ret;

	if (parent >= 0) {
		fd = us_openat(parent, us_dir_name(dir, US_DST), O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	}
	if (fd == -ENOENT && worker->job->options.existing) {
		us_worker_dir_left_out(worker, opening);
		return;
	}
	if ((fd == -ENOTDIR || fd == -ELOOP) && worker->job->options.remove) {
		fd = -ENOENT; /* What stands there would go. */
	}
	ret = us_min(fd, 0);
	if (fd >= 0) {
		opening->fd[US_DST] = fd;
		ret = us_statx(fd, "", AT_EMPTY_PATH, &opening->dst_stx);
	}
	if (ret < 0 && ret != -ENOENT) {
		us_report_failed(worker, &(struct us_place){.dir = dir, .side = US_DST}, "make directory", ret);
		us_worker_dir_failed(worker, opening);
		return;
	}
	dir->dst_new = fd < 0;
	if (fd >= 0) {
		us_local_know_dst(worker->job, dir, &opening->dst_stx);
	}
	us_reference_open_dir(worker, opening);
	us_worker_dir_opened(worker, opening);
}

/** Close what was opened to compare FILE, and let it go. */
static void let_go(struct us_worker *worker, struct us_file *file)
{
	if (file->dst_fd >= 0) {
		us_close(file->dst_fd);
		file->dst_fd = -1;
	}
	us_worker_finished(worker, file);
}

uint64_t us_dry_bytes(const struct usync_job *job, const struct statx *stx)
{
	if (job->options.sparse == USYNC_SPARSE_NEVER || (stx->stx_attributes & STATX_ATTR_COMPRESSED) != 0 ||
	    (stx->stx_mask & STATX_BLOCKS) == 0) {
		return stx->stx_size;
	}
	return us_min(stx->stx_size, stx->stx_blocks * 512);
}

/** FILE would be done. */
static void finish(struct us_worker *worker, struct us_file *file, atomic_uint_fast64_t *count)
{
	file->done = true;
	us_count(count, 1);
	us_report_file(worker, file);
	let_go(worker, file);
}

/** FILE is in the destination already, or would become a link to the reference. */
static void finish_equal(struct us_worker *worker, struct us_file *file)
{
	if (file->is_reference) {
		file->changes = 0;
	}
	finish(worker, file, file->is_reference ? &worker->counts.links : &worker->counts.unchanged);
}

/** Say what would be deleted for FILE to have its place. @return false when it can't have that, and was let go. */
static bool make_way(struct us_worker *worker, struct us_file *file)
{
	const char *what = "replace";
	int ret = file->dir->fd[US_DST] >= 0 ? us_local_make_way(worker, file, &what) : 0;

	if (ret < 0) {
		us_report_failed(worker, &(struct us_place){file->dir, file->dst_name, US_DST}, what, ret);
		let_go(worker, file);
	}
	return ret == 0;
}

/** FILE's contents are held against the destination's. */
static void put_compared(struct us_worker *worker, struct us_file *file)
{
	int ret = us_local_compare_part(worker, file);

	if (ret < 0 && file->is_reference) {
		us_reference_note_error(worker, file->dir, file->dst_name, ret);
		ret = 0;
	}
	if (ret < 0) {
		us_report_failed(worker, &(struct us_place){file->dir, file->dst_name, US_DST}, "compare", ret);
		let_go(worker, file);
	} else if (ret > 0 && !file->eof) {
		us_worker_drained(worker, file);
	} else if (ret > 0) {
		finish_equal(worker, file);
	} else if (file->is_reference && us_reference_next(worker, file)) {
		us_close(file->dst_fd);
		file->dst_fd = -1;
		file->offset = 0;
		file->length = 0;
		file->eof = false;
		file->all_given = false;
		us_worker_drained(worker, file);
	} else {
		file->changes |= USYNC_CHANGE_VALUE | USYNC_CHANGE_CONTENT;
		us_count(&worker->counts.bytes, us_dry_bytes(worker->job, &file->stx));
		finish(worker, file, &worker->counts.files);
	}
}

/** A symbolic link's target likewise. */
static void put_symlink(struct us_worker *worker, struct us_file *file)
{
	if (file->verdict == US_VERDICT_COMPARE) {
		do {
			if (us_local_compare_symlink(file) > 0) {
				finish_equal(worker, file);
				return;
			}
		} while (file->is_reference && us_reference_next(worker, file));
		file->changes |= USYNC_CHANGE_VALUE | USYNC_CHANGE_CONTENT;
	}
	if (make_way(worker, file)) {
		finish(worker, file, &worker->counts.symlinks);
	}
}

/** Compare extended attributes, which a further name has not brought along; those at a sender are not known. */
static void compare_xattrs(const struct us_worker *worker, struct us_file *file, uint32_t *changes)
{
	struct us_handle handle = {.fd = file->dir->fd[US_SRC], .name = file->name};
	unsigned int kinds = worker->job->keep.xattr_kinds;

	if (kinds != 0 && handle.fd >= 0 && file->xattrs == NULL &&
	    us_xattrs_read(&handle, kinds, &file->xattrs) == 0) {
		(void)us_local_xattr_changes(worker, file, file->dir->fd[US_DST], changes);
	}
}

/** True when the inode THERE, which FILE and its fellows are, would be left for a new one: see local_look.c. */
static bool is_left(const struct us_worker *worker, struct us_file *file, const struct statx *there)
{
	const struct usync_job *job = worker->job;
	uint32_t changes = 0;
	bool lacks;
	enum us_verdict verdict = us_compare(&job->options, &file->stx, there, &changes);

	changes |= us_keep_changes(&job->keep, &file->stx, there, job->options.modify_window, &lacks);
	compare_xattrs(worker, file, &changes);
	return verdict != US_VERDICT_SKIP && changes != 0;
}

/** What is to be done for FILE to be a hard link, as far as the destination exists: USYNC_CHANGE_ bits. */
static uint32_t link_changes(const struct us_worker *worker, struct us_file *file)
{
	int root = worker->job->root->fd[US_DST];
	char *parent = strdup(file->target);
	char *slash = parent != NULL ? strrchr(parent, '/') : NULL;
	struct us_identity identity;
	struct statx ours;
	struct statx there;
	uint32_t changes = USYNC_CHANGE_LINK | USYNC_CHANGE_NEW;
	int fd = -1;

	if (parent != NULL && root >= 0 && file->dir->fd[US_DST] >= 0) {
		*(slash != NULL ? slash : parent) = '\0';
		fd = us_path_open_beneath(root, parent);
	}
	if (fd >= 0) {
		const char *name = slash != NULL ? slash + 1 : file->target;

		if (us_statx(file->dir->fd[US_DST], file->dst_name, AT_SYMLINK_NOFOLLOW, &there) == 0) {
			changes = USYNC_CHANGE_LINK;
			if (us_statx(fd, name, AT_SYMLINK_NOFOLLOW, &ours) == 0) {
				identity = us_identity_of(&ours);
				if (us_identity_is(&identity, &there) && !is_left(worker, file, &there)) {
					changes = 0;
				}
			}
		}
		us_close(fd);
	}
	free(parent);
	return changes;
}

/** Say what would be done with FILE. */
static void put_one(struct us_worker *worker, struct us_file *file)
{
	switch (file->kind) {
	case US_FILE_REGULAR:
		if (file->verdict == US_VERDICT_COMPARE) {
			put_compared(worker, file);
			break;
		}
		if (make_way(worker, file)) {
			us_count(&worker->counts.bytes, us_dry_bytes(worker->job, &file->stx));
			finish(worker, file, &worker->counts.files);
		}
		break;
	case US_FILE_SYMLINK:
		put_symlink(worker, file);
		break;
	case US_FILE_LINK:
		if (us_local_is_left_out(worker, file)) {
			us_count(&worker->counts.skipped, 1);
			let_go(worker, file);
			break;
		}
		file->changes = link_changes(worker, file);
		finish(worker, file, file->changes == 0 ? &worker->counts.unchanged : &worker->counts.links);
		break;
	case US_FILE_SPECIAL:
		if (make_way(worker, file)) {
			finish(worker, file, &worker->counts.specials);
		}
		break;
	case US_FILE_ATTRIBUTES:
		finish(worker, file, &worker->counts.unchanged);
		break;
	case US_FILE_REFERENCE:
		file->changes = 0;
		finish(worker, file, &worker->counts.links);
		break;
	}
}

/** See us_sink_ops. */
static bool dry_put(struct us_worker *worker, struct us_file *first, bool wait)
{
	struct us_file *next;

	(void)wait;
	for (struct us_file *file = first; file != NULL; file = next) {
		next = file->next;
		put_one(worker, file);
	}
	return true;
}

/** See us_sink_ops. */
static void dry_abandon(struct us_worker *worker, struct us_file *file)
{
	let_go(worker, file);
}

/** See us_sink_ops. */
static void dry_finish_dir(struct us_worker *worker, struct us_dir *dir)
{
	uint32_t changes = USYNC_CHANGE_NEW;
	struct statx now;

	if (dir->is_virtual) {
		return;
	}
	if (dir->fd[US_DST] >= 0) {
		int ret = us_statx(dir->fd[US_DST], "", AT_EMPTY_PATH, &now);

		if (ret < 0) {
			us_report_failed(worker, &(struct us_place){.dir = dir, .side = US_DST}, "stat", ret);
			return;
		}
		changes = us_local_dir_changes(worker, dir, &now);
	}
	us_count(&worker->counts.directories, !dir->list_failed);
	us_report_dir(worker, dir, changes);
}

const struct us_sink_ops us_dry_sink = {
	.open_dir = dry_open_dir,
	.look = us_local_look,
	.put = dry_put,
	.restart = us_local_restart,
	.abandon = dry_abandon,
	.finish_dir = dry_finish_dir,
};
