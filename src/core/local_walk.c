/* SPDX-License-Identifier: MIT */
/*
 * The walk: a directory is opened, listed in parts that fit the memory bound, and becomes tasks.
 *
 *	TASK_DIR --> open, stat --> sink.open_dir --> list --> TASK_MORE     when it was only a part
 *	                                                  |    TASK_DIR ...  child directories
 *	                                                  |    TASK_SLICE ...
 *	                                                  +--> the slice that this worker goes on with
 *
 * They are pushed in that order, so that the files at hand come first, then the child directories, then the
 * rest of the listing: what is pending is bounded by the depth of the tree and not by its size.
 */
#include "core/local_source.h"

#include "base/us.h"
#include "core/dir.h"
#include "core/entry_path.h"
#include "core/feed.h"
#include "core/job.h"
#include "core/mirror.h"
#include "core/order.h"
#include "core/policy.h"
#include "core/report.h"
#include "core/sink.h"
#include "core/tempname.h"
#include "core/worker.h"
#include "core/xattrs.h"
#include "sys/call.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

/** Steps of opening the source's side. */
enum {
	SRC_OPENING,
	SRC_STATTING,
};

static us_op_done_fn open_step;

/** Child directories of the listing at hand, to be sorted before they are pushed. */
struct children {
	struct us_dir **dirs;
	size_t nr;
	size_t max;
};

/** Report a failure with the directory that OPENING is for, and give it up. */
static void fail_opening(struct us_worker *worker, struct us_dir_open *opening, const char *what, int error)
{
	struct us_place place = {.dir = opening->dir, .side = US_SRC};

	if (error == -ENOENT) {
		us_report_vanished(worker, &place);
	} else {
		us_report_failed(worker, &place, what, error);
	}
	us_worker_dir_failed(worker, opening);
}

/** Ask for the source's side to be opened. */
static void start_open(struct us_worker *worker, struct us_dir_open *opening)
{
	int noatime = worker->noatime ? O_NOATIME : 0;

	opening->state = SRC_OPENING;
	opening->op = (struct us_op){
		.kind = US_OP_OPENAT,
		.fd = opening->dir->parent->fd[US_SRC],
		.path = us_dir_name(opening->dir, US_SRC),
		.flags = O_RDONLY | O_DIRECTORY | (opening->dir->followed ? 0 : O_NOFOLLOW) | noatime,
		.done = open_step,
	};
	us_io_run(&worker->io, &opening->op, worker);
}

/** True when DIR, which is STX, is a mount point that is not to be looked into. */
static bool is_beyond(const struct usync_job *job, const struct us_dir *dir, const struct statx *stx)
{
	return job->options.one_file_system && !dir->parent->is_virtual &&
	       us_is_mount_point(&dir->parent->source->stx, stx);
}

/** The source's side is known: remember it, and on to the sink. */
static void hand_over(struct us_worker *worker, struct us_dir_open *opening)
{
	struct us_dir *dir = opening->dir;
	struct us_handle handle = {.fd = opening->fd[US_SRC]};
	unsigned int kinds = worker->job->keep.xattr_kinds;
	int ret = us_dir_set_source(dir, &opening->stx);

	if (ret == 0 && worker->job->transforms) {
		us_keep_transform(&worker->job->keep, &dir->source->stx);
	}
	if (ret == 0 && kinds != 0) {
		ret = us_xattrs_read(&handle, kinds, &dir->source->xattrs);
	}
	if (ret < 0) {
		fail_opening(worker, opening, "read extended attributes", ret);
		return;
	}
	if (is_beyond(worker->job, dir, &opening->stx)) {
		us_close(opening->fd[US_SRC]);
		opening->fd[US_SRC] = -1;
	} else {
		dir->identity[US_SRC] = us_identity_of(&opening->stx);
	}
	worker->job->sink->open_dir(worker, opening);
}

/** True when DIR, which is STX, is one of the directories that lead to it. */
static bool is_loop(const struct us_dir *dir, const struct statx *stx)
{
	for (const struct us_dir *d = dir->parent; d != NULL; d = d->parent) {
		if (us_identity_is(&d->identity[US_SRC], stx)) {
			return true;
		}
	}
	return false;
}

/** A directory that may not be read is still made, as cp and rsync do; what is in it is a failure. */
static void open_unreadable(struct us_worker *worker, struct us_dir_open *opening, int error)
{
	struct us_dir *dir = opening->dir;
	struct us_handle handle = {.fd = dir->parent->fd[US_SRC], .name = us_dir_name(dir, US_SRC)};
	unsigned int kinds = worker->job->keep.xattr_kinds;
	int ret = us_statx(handle.fd, handle.name, dir->followed ? 0 : AT_SYMLINK_NOFOLLOW, &opening->stx);

	if (ret < 0 || !S_ISDIR(opening->stx.stx_mode)) {
		fail_opening(worker, opening, "open directory", error);
		return;
	}
	ret = us_dir_set_source(dir, &opening->stx);
	if (ret < 0) {
		fail_opening(worker, opening, "open directory", ret);
		return;
	}
	us_report_failed(worker, &(struct us_place){.dir = dir, .side = US_SRC}, "open directory", error);
	dir->list_failed = true;
	if (worker->job->transforms) {
		us_keep_transform(&worker->job->keep, &dir->source->stx);
	}
	if (kinds != 0 && !dir->followed) {
		/* ACLs can be read without permission, others not: it has failed already. */
		(void)us_xattrs_read(&handle, kinds, &dir->source->xattrs);
	}
	worker->job->sink->open_dir(worker, opening);
}

/** The source's side was opened, or not. */
static void after_open(struct us_worker *worker, struct us_dir_open *opening)
{
	int res;

	us_worker_retry_open(worker, &opening->op);
	res = opening->op.res;
	if (res == -EPERM && (opening->op.flags & O_NOATIME) != 0) {
		worker->noatime = false; /* Only its owner may open a file so (open(2)). */
		start_open(worker, opening);
		return;
	}
	if (res == -EACCES) {
		open_unreadable(worker, opening, res);
		return;
	}
	if (res < 0) {
		fail_opening(worker, opening, "open directory", res);
		return;
	}
	opening->fd[US_SRC] = res;
	opening->state = SRC_STATTING;
	opening->op = (struct us_op){
		.kind = US_OP_STATX,
		.fd = res,
		.path = "",
		.flags = AT_EMPTY_PATH,
		.buf = &opening->stx,
		.done = open_step,
	};
	us_io_run(&worker->io, &opening->op, worker);
}

/** The source's side is known: on to the sink. */
static void after_stat(struct us_worker *worker, struct us_dir_open *opening)
{
	struct us_dir *dir = opening->dir;

	if (opening->op.res < 0) {
		fail_opening(worker, opening, "stat", opening->op.res);
		return;
	}
	if (us_identity_is(&worker->job->dst_root, &opening->stx) && !is_beyond(worker->job, dir, &opening->stx)) {
		us_report_failed(worker, &(struct us_place){.dir = dir, .side = US_SRC},
		                 "copy: it is the destination itself", 0);
		us_worker_dir_failed(worker, opening);
		return;
	}
	if (dir->followed && is_loop(dir, &opening->stx)) {
		fail_opening(worker, opening, "follow link: it leads back to where it lies", -ELOOP);
		return;
	}
	hand_over(worker, opening);
}

/** An op of the source's side is done. */
static void open_step(struct us_op *op, void *context)
{
	struct us_dir_open *opening = (struct us_dir_open *)(void *)op;

	if (opening->state == SRC_OPENING) {
		after_open(context, opening);
	} else {
		after_stat(context, opening);
	}
}

void us_local_open_dir(struct us_worker *worker, struct us_dir *dir)
{
	struct us_dir_open *opening;
	int ret = us_dircache_pin(&worker->job->dirs, dir->parent);

	if (ret < 0) {
		us_report_failed(worker, &(struct us_place){.dir = dir}, "reopen its parent", ret);
		us_count(&worker->counts.listed_dirs, 1);
		us_worker_put_dir(worker, dir);
		return;
	}
	opening = us_worker_begin_dir(worker, dir);
	start_open(worker, opening);
}

/** Remember a child directory. */
static int add_child(struct children *children, struct us_dir *parent, const struct us_dent *dent)
{
	struct us_dir *child;

	if (children->nr == children->max) {
		size_t max = children->max > 0 ? children->max * 2 : 64;
		struct us_dir **dirs = reallocarray(children->dirs, max, sizeof(*dirs));

		if (dirs == NULL) {
			return -ENOMEM;
		}
		children->dirs = dirs;
		children->max = max;
	}
	child = us_dir_new(parent, dent->name, NULL);
	if (child == NULL) {
		return -ENOMEM;
	}
	child->ino = dent->ino;
	child->followed = dent->type == DT_LNK;
	children->dirs[children->nr++] = child;
	return 0;
}

/** What kind DENT is, where the file system left that open. */
static unsigned char resolve_type(const struct usync_job *job, const struct us_dir *dir, const struct us_dent *dent)
{
	struct statx stx;

	if (dent->type == DT_LNK && job->options.follow == USYNC_FOLLOW_ALL) {
		/* One that leads nowhere is reported at its turn. */
		return us_statx(dir->fd[US_SRC], dent->name, 0, &stx) == 0 && S_ISDIR(stx.stx_mode) ? DT_DIR
		                                                                                   : DT_UNKNOWN;
	}
	if (dent->type != DT_UNKNOWN ||
	    us_statx(dir->fd[US_SRC], dent->name, AT_SYMLINK_NOFOLLOW, &stx) < 0) {
		return dent->type; /* A stat that failed now fails again, and is reported, at its turn. */
	}
	return (unsigned char)IFTODT(stx.stx_mode);
}

/**
 * True when NAME, which is to be added next, has a twin in the listing with which it is one name in the destination of
 * DIR.
 */
static bool has_twin(struct us_worker *worker, struct us_dir *dir, const struct us_listing *listing,
                     const struct children *children, const char *name, bool is_dir)
{
	uint32_t ref = (uint32_t)(is_dir ? children->nr : listing->nr_entries) << 1 | is_dir;
	const char *other;
	uint32_t twin;

	if (dir->fd[US_DST] < 0 || !us_fold_meet(&worker->fold, name, ref, &twin)) {
		return false;
	}
	other = (twin & 1) != 0 ? us_dir_name(children->dirs[twin >> 1], US_SRC)
	                        : us_entry_name(listing, &listing->entries[twin >> 1]);
	return us_fold_is_pair(name, other) && us_fold_is_one(worker, dir, name, other);
}

/** True when NAME is one of this run's temporary files, which --temp-dir may have in the source. */
static bool is_own(const struct usync_job *job, const char *name)
{
	uint64_t run;

	return job->temp_fd >= 0 && us_tempname_parse(name, &run) && run == job->run_id;
}

/** Add one entry to the listing or the children, unless it is left out. */
static int add_entry(struct us_worker *worker, struct us_dir *dir, struct us_listing *listing,
                     struct children *children, struct us_entry_path *path, size_t prefix,
                     const struct us_dent *dent)
{
	unsigned char type;

	if (is_own(worker->job, dent->name)) {
		return 0;
	}
	type = resolve_type(worker->job, dir, dent);
	if (path->text != NULL) {
		const char *name = us_entry_path_set(path, prefix, dent->name);

		if (name == NULL) {
			return -ENOMEM;
		}
		if (us_filter_excludes(&worker->job->filter, path->text, name, type == DT_DIR)) {
			us_count(&worker->counts.skipped, 1);
			us_count(&worker->counts.found, 1);
			return 0;
		}
	}
	if (has_twin(worker, dir, listing, children, dent->name, type == DT_DIR)) {
		us_count(&worker->counts.found, 1);
		us_report_failed(worker, &(struct us_place){dir, dent->name, US_SRC},
		                 "copy: a name that differs in case alone is the same in the destination", 0);
		return 0;
	}
	return type == DT_DIR ? add_child(children, dir, dent)
	                      : us_listing_add(listing, dent->ino, type, dent->name, NULL);
}

/** What DENT would be for a name on the list. @return 0 or a negative errno. */
static int look_up(const struct us_dir *dir, const char *name, struct us_dent *dent)
{
	struct statx stx;
	int ret = us_statx(dir->fd[US_SRC], name, AT_SYMLINK_NOFOLLOW, &stx);

	*dent = (struct us_dent){.name = name, .length = (uint16_t)strlen(name)};
	if (ret == 0) {
		dent->ino = stx.stx_ino;
		dent->type = (unsigned char)IFTODT(stx.stx_mode);
	}
	return ret;
}

/** Take the names that are on the list instead of those that the directory has. */
static int read_listed(struct us_worker *worker, struct us_dir *dir, struct us_listing *listing,
                       struct children *children)
{
	const struct us_filelist *files = worker->job->files;
	struct us_filelist_range below;
	struct us_entry_path path;
	size_t at = dir->listed.first + (size_t)dir->resume;
	const char *found;
	size_t length;
	size_t prefix;
	int ret = us_entry_path_init(&path, dir);

	prefix = ret == 0 ? strlen(path.text) : 0;
	while (ret == 0 && us_listing_bytes(listing) < US_POLICY_LISTING_BYTES &&
	       children->nr < US_POLICY_CHILDREN &&
	       us_filelist_next(files, &dir->listed, &at, &found, &length, &below)) {
		char *name = strndup(found, length);
		struct us_dent dent;

		dir->resume = (int64_t)(at - dir->listed.first);
		if (name == NULL) {
			ret = -ENOMEM;
			break;
		}
		ret = look_up(dir, name, &dent);
		if (ret == 0 && below.prefix > 0 && resolve_type(worker->job, dir, &dent) != DT_DIR) {
			ret = -ENOTDIR;
		}
		if (ret == -ENOTDIR && below.end == 0) {
			us_report_failed(worker, &(struct us_place){dir, name, US_SRC}, "look for listed names in it",
			                 ret);
			ret = 0; /* It is on the list itself, too. */
		}
		if (ret < 0) {
			us_report_failed(worker, &(struct us_place){dir, name, US_SRC}, "stat", ret);
			ret = 0;
		} else {
			size_t nr = children->nr;

			ret = add_entry(worker, dir, listing, children, &path, prefix, &dent);
			if (ret == 0 && children->nr > nr) {
				children->dirs[nr]->listed = below;
			}
		}
		free(name);
	}
	us_entry_path_fini(&path);
	return ret == 0 && at < dir->listed.end ? 1 : ret;
}

/** Read entries until the end (0), the bound of one listing (1), or an error. */
static int read_part(struct us_worker *worker, struct us_dir *dir, struct us_listing *listing,
                     struct children *children)
{
	bool crowded = us_feed_length(worker->job->feed) > US_POLICY_CROWD;
	size_t max_children = crowded ? US_POLICY_CHILDREN_CROWDED : US_POLICY_CHILDREN;
	struct us_entry_path path = {0};
	size_t prefix = 0;
	struct us_dent dent;
	int64_t resume = dir->resume; /* Others write to what stands around it in DIR. */
	bool full = false;
	int ret = us_dents_begin(&worker->dents, dir->fd[US_SRC], resume);

	if (ret == 0 && worker->job->filter.nr > 0) {
		ret = us_entry_path_init(&path, dir);
		prefix = ret == 0 ? strlen(path.text) : 0;
	}
	while (ret == 0 && !full && (ret = us_dents_next(&worker->dents, &dent)) > 0) {
		ret = add_entry(worker, dir, listing, children, &path, prefix, &dent);
		resume = dent.next;
		full = children->nr >= max_children || us_listing_bytes(listing) >= US_POLICY_LISTING_BYTES;
	}
	us_entry_path_fini(&path);
	dir->resume = resume;
	return ret == 0 && full ? 1 : ret;
}

/** Order of two child directories for qsort(3): by name. */
static int compare_names(const void *left, const void *right)
{
	const struct us_dir *a = *(struct us_dir *const *)left;
	const struct us_dir *b = *(struct us_dir *const *)right;

	return strcmp(us_dir_name(a, US_SRC), us_dir_name(b, US_SRC));
}

/** The same by inode. */
static int compare_inodes(const void *left, const void *right)
{
	const struct us_dir *a = *(struct us_dir *const *)left;
	const struct us_dir *b = *(struct us_dir *const *)right;

	return (a->ino > b->ino) - (a->ino < b->ino);
}

/** Push a directory's task; without memory for that, give it up. */
static void push_dir(struct us_worker *worker, enum us_task_kind kind, struct us_dir *dir)
{
	struct us_task task = {.kind = kind, .dir = dir};
	int ret = us_feed_push(worker->job->feed, worker->id, &task);

	if (ret < 0) {
		us_report_failed(worker, &(struct us_place){.dir = dir}, "list", ret);
		us_count(&worker->counts.listed_dirs, 1);
		us_worker_put_dir(worker, dir);
	}
}

void us_local_hand_out(struct us_worker *worker, struct us_listing *listing)
{
	uint32_t nr = (uint32_t)listing->nr_entries;
	uint32_t nr_slices = (nr + US_POLICY_SLICE - 1) / US_POLICY_SLICE;

	/* One reference a slice, beside the caller's own, which is given up at the end. */
	atomic_fetch_add_explicit(&listing->refs, nr_slices, memory_order_relaxed);
	for (uint32_t i = nr_slices; i > 0; i--) {
		struct us_slice slice = {
			.listing = listing,
			.next = (i - 1) * US_POLICY_SLICE,
			.end = us_min(i * US_POLICY_SLICE, nr),
		};
		struct us_task task = {.kind = US_TASK_SLICE, .slice = slice};
		int ret;

		if (i == 1 && worker->slice == NULL) {
			us_worker_set_slice(worker, &slice);
			continue;
		}
		ret = us_feed_push(worker->job->feed, worker->id, &task);
		if (ret < 0) {
			us_report_failed(worker, &(struct us_place){.dir = listing->dir}, "list", ret);
			us_worker_put_listing(worker, listing);
		}
	}
	us_worker_put_listing(worker, listing);
}

void us_local_share_slice(struct us_worker *worker)
{
	struct us_slice *slice = worker->slice;
	uint32_t left = slice->end - slice->next;
	struct us_task task = {.kind = US_TASK_SLICE, .slice = *slice};
	bool narrow = atomic_load_explicit(&worker->job->narrow, memory_order_relaxed);

	if (left < (narrow ? US_POLICY_SHARE_NARROW : US_POLICY_SHARE)) {
		return;
	}
	if (narrow && atomic_load_explicit(&slice->listing->refs, memory_order_relaxed) >=
	                      atomic_load_explicit(&worker->job->max_sharers, memory_order_relaxed)) {
		/* They would wait for each other's creates, and be missing in directories that are still to come. */
		return;
	}
	task.slice.next = slice->end - left / 2;
	atomic_fetch_add_explicit(&slice->listing->refs, 1, memory_order_relaxed);
	if (us_feed_push(worker->job->feed, worker->id, &task) == 0) {
		slice->end = task.slice.next;
	} else {
		us_worker_put_listing(worker, slice->listing);
	}
}

/** Push the child directories so that the first in order is on top. */
static void push_children(struct us_worker *worker, struct children *children, enum usync_order by)
{
	if (children->nr > 1 && by != USYNC_ORDER_NONE) {
		qsort(children->dirs, children->nr, sizeof(struct us_dir *),
		      by == USYNC_ORDER_NAME ? compare_names : compare_inodes);
	}
	for (size_t i = children->nr; i > 0; i--) {
		push_dir(worker, US_TASK_DIR, children->dirs[i - 1]);
	}
	free(children->dirs);
}

/** True when what the source of DIR does not have is to go: all of it was read, and there may be something. */
static bool may_mirror(const struct usync_job *job, const struct us_dir *dir)
{
	return job->options.remove && !dir->list_failed && !dir->is_virtual && !dir->dst_new &&
	       dir->fd[US_SRC] >= 0 && (dir->fd[US_DST] >= 0 || job->sink->mirror != NULL) && !us_job_stopping(job);
}

void us_local_list(struct us_worker *worker, struct us_dir *dir)
{
	struct children children = {0};
	struct us_listing *listing = us_listing_new(dir);
	int ret = 0;

	if (listing == NULL) {
		us_report_failed(worker, &(struct us_place){.dir = dir}, "list", -ENOMEM);
		us_count(&worker->counts.listed_dirs, 1);
		us_dircache_unpin(&worker->job->dirs, dir);
		us_worker_put_dir(worker, dir);
		return;
	}
	atomic_fetch_add_explicit(&worker->job->nr_listings, 1, memory_order_relaxed);
	us_fold_begin(&worker->fold);
	if (dir->fd[US_SRC] >= 0) {
		if (dir->order == NULL) {
			dir->order = us_order_find(worker->job, dir);
		}
		ret = dir->listed.end > 0 ? read_listed(worker, dir, listing, &children)
		                          : read_part(worker, dir, listing, &children);
	}
	if (ret == -ENOENT) {
		us_report_vanished(worker, &(struct us_place){.dir = dir}); /* Removed since it was opened. */
	} else if (ret < 0) {
		us_report_failed(worker, &(struct us_place){.dir = dir}, "read directory", ret);
	}
	us_order_sort(worker->job, dir->order, listing);
	us_count(&worker->counts.listings[dir->order != NULL ? us_order_now(dir->order) : USYNC_ORDER_INODE], 1);
	us_count(&worker->counts.found, listing->nr_entries);
	us_count(&worker->counts.found_dirs, children.nr);
	us_count(&worker->counts.listed_dirs, ret <= 0);
	if (ret < 0) {
		dir->list_failed = true;
	}
	if (ret == 0 && may_mirror(worker->job, dir)) {
		(worker->job->sink->mirror != NULL ? worker->job->sink->mirror : us_mirror_dir)(worker, dir);
	}
	if (ret > 0) {
		atomic_fetch_add_explicit(&dir->pending, 1, memory_order_relaxed);
		push_dir(worker, US_TASK_MORE, dir);
	}
	push_children(worker, &children, us_order_of_children(dir->order));
	us_local_hand_out(worker, listing);
}
