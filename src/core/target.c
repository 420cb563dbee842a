/* SPDX-License-Identifier: MIT */
/*
 * From paths to roots.  Two shapes:
 *
 *	one directory SRC          root: SRC <-> DST
 *	anything else              a virtual root: where the paths start <-> the destination directory;
 *	                           its entries are the sources, under the names that they get there
 *
 * All checks come before the first write, which is that of a missing destination directory.
 */
#include "core/target.h"

#include "base/us.h"
#include "core/backup.h"
#include "core/dir.h"
#include "core/extra_dirs.h"
#include "core/feed.h"
#include "core/job.h"
#include "core/local_sink.h"
#include "core/local_source.h"
#include "core/lock.h"
#include "core/paths.h"
#include "core/report.h"
#include "core/root_path.h"
#include "core/worker.h"
#include "core/xattrs.h"
#include "sys/call.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/** One source, looked at. */
struct source {
	const char *path;
	char *name;       /**< In the destination directory; freed at the end. */
	struct statx stx;
	int error;        /**< Why it could not be looked at, or 0. */
};

/** Say why the job can't start. */
static int refuse(struct usync_job *job, int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (vasprintf(&job->error_text, format, args) < 0) {
		job->error_text = NULL;
	}
	va_end(args);
	return error;
}

/** The same for a call that failed. */
static int refuse_call(struct usync_job *job, const char *path, const char *what, int error)
{
	return refuse(job, error, "%s: %s: %s", path, what, strerrordesc_np(-error));
}

/** Look at a path; a symbolic link is itself, unless a slash follows. */
static int look(const char *path, struct statx *stx)
{
	return us_statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, stx);
}

/** Look at a source, which may be what a symbolic link leads to. */
static int look_at_source(const struct usync_job *job, const char *path, struct statx *stx)
{
	return us_statx(AT_FDCWD, path, job->options.follow == USYNC_FOLLOW_NONE ? AT_SYMLINK_NOFOLLOW : 0, stx);
}

/** True when the two are one file or directory. */
static bool is_same(const struct statx *a, const struct statx *b)
{
	struct us_identity identity = us_identity_of(a);

	return us_identity_is(&identity, b);
}

/**
 * Refuse a destination (PATH, which need not exist) that is the directory STX or lies in it.  With --one-file-system
 * the walk never comes to one on another device.
 */
static int check_into_self(struct usync_job *job, const char *source, const struct statx *stx,
                           const char *path)
{
	struct us_identity identity = us_identity_of(stx);
	bool beyond;
	int ret = us_path_is_within(path, &identity, &beyond);

	if (ret < 0) {
		return refuse_call(job, path, "stat", ret);
	}
	if (ret == US_PATH_SAME) {
		return refuse(job, -EINVAL, "%s: the destination is the source itself: %s", path, source);
	}
	if (ret == US_PATH_WITHIN && !(beyond && job->options.one_file_system)) {
		return refuse(job, -EINVAL, "%s: the destination lies in the source: %s", path, source);
	}
	return 0;
}

/** What stands for the descriptor of a destination that a dry run does not make. */
#define NO_DESTINATION INT_MAX

/**
 * Open the directory PATH, made with its parents where missing: then MADE is set; and lock it, all of it or for single
 * entries (lock.h).
 * @return a descriptor, NO_DESTINATION, or -errno.
 */
static int open_destination(struct usync_job *job, const char *path, mode_t mode, struct statx *stx, bool whole,
                            bool *made)
{
	int fd;
	int ret = us_statx(AT_FDCWD, path, 0, stx);

	*made = ret == -ENOENT;
	ret = job->options.dry_run ? 0 : us_path_make(path, mode);

	if (ret < 0) {
		return refuse_call(job, path, "make directory", ret);
	}
	fd = us_openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0);
	if (fd == -ENOENT && job->options.dry_run) {
		return NO_DESTINATION;
	}
	if (fd < 0) {
		return refuse_call(job, path, "open destination", fd);
	}
	ret = us_statx(fd, "", AT_EMPTY_PATH, stx);
	if (ret < 0) {
		us_close(fd);
		return refuse_call(job, path, "stat", ret);
	}
	ret = job->options.dry_run ? 0 : us_lock_destination(job, fd, whole);
	if (ret < 0) {
		us_close(fd);
		return ret == -EBUSY ? refuse(job, ret, "%s: another uring-sync is copying to it", path)
		                     : refuse_call(job, path, "lock", ret);
	}
	return fd;
}

/** Make the root, open on both sides.  Takes the descriptors over. */
static int make_root(struct usync_job *job, const char *src, int src_fd, const struct statx *src_stx,
                     const char *dst, int dst_fd, const struct statx *dst_stx)
{
	struct us_dir *root = us_dir_new(NULL, src, dst);
	int fd[US_SIDES] = {src_fd, dst_fd != NO_DESTINATION ? dst_fd : -1};
	const char *wrong = NULL;
	int ret = root != NULL ? us_dir_set_source(root, src_stx) : -ENOMEM;

	if (ret == 0) {
		ret = us_extra_dirs_open(job, root, fd[US_DST], &wrong);
	}
	if (ret < 0) {
		if (root != NULL) {
			us_dir_free(root);
		}
		if (src_fd >= 0) {
			us_close(src_fd);
		}
		if (fd[US_DST] >= 0) {
			us_close(fd[US_DST]);
		}
		return wrong != NULL ? refuse_call(job, wrong, "open directory", ret)
		                     : refuse(job, ret, "out of memory");
	}
	root->identity[US_SRC] = us_identity_of(src_stx);
	if (job->transforms) {
		us_keep_transform(&job->keep, &root->source->stx);
	}
	if (fd[US_DST] >= 0) {
		us_local_know_dst(job, root, dst_stx);
		root->dst_acl = us_local_has_default_acl(fd[US_DST]);
	} else {
		root->dst_new = true;
	}
	root->opened = true;
	job->root = root;
	us_root_path_know(job, root);
	/* This pin is given up by the end of the root (us_dircache_close): it is never closed before. */
	us_dircache_adopt(&job->dirs, root, fd);
	return 0;
}

/** Keep the source root's extended attributes for the end. */
static int read_root_xattrs(struct usync_job *job)
{
	struct us_handle handle = {.fd = job->root->fd[US_SRC]};
	unsigned int kinds = job->keep.xattr_kinds;
	int ret = kinds != 0 ? us_xattrs_read(&handle, kinds, &job->root->source->xattrs) : 0;

	return ret < 0 ? refuse_call(job, job->sources[0], "read extended attributes", ret) : 0;
}

/** Open the directory PATH to read it.  @return a descriptor or a negative errno. */
static int open_source(struct usync_job *job, const char *path, struct statx *stx)
{
	int fd = us_openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_NOATIME, 0);
	int ret;

	if (fd == -EPERM) { /* Only its owner may open it so (open(2)). */
		fd = us_openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0);
	}
	if (fd < 0) {
		return refuse_call(job, path, "open", fd);
	}
	ret = us_statx(fd, "", AT_EMPTY_PATH, stx);
	if (ret < 0) {
		us_close(fd);
		return refuse_call(job, path, "stat", ret);
	}
	return fd;
}

/** The root is known: it is the first task. */
static int push_root(struct usync_job *job)
{
	struct us_task task = {.kind = US_TASK_MORE, .dir = job->root};
	int ret = read_root_xattrs(job);

	if (ret < 0) {
		return ret;
	}
	if (job->files != NULL) {
		job->root->listed = us_filelist_root(job->files);
	}
	us_count(&job->workers[0].counts.found_dirs, 1);
	return us_feed_push(job->feed, 0, &task);
}

/** One directory whose copy DESTINATION becomes. */
static int open_tree(struct usync_job *job, const struct source *source)
{
	struct statx src_stx;
	struct statx dst_stx;
	bool made = false;
	int src_fd;
	int dst_fd;
	int ret = check_into_self(job, source->path, &source->stx, job->destination);

	if (ret < 0) {
		return ret;
	}
	src_fd = open_source(job, source->path, &src_stx);
	if (src_fd < 0) {
		return src_fd;
	}
	/* The rest of its mode it gets when it is complete. */
	dst_fd = open_destination(job, job->destination, 0700, &dst_stx, true, &made);
	if (dst_fd < 0) {
		us_close(src_fd);
		return dst_fd;
	}
	ret = make_root(job, source->path, src_fd, &src_stx, job->destination, dst_fd, &dst_stx);
	if (ret < 0) {
		return ret;
	}
	job->root->dst_new = made;
	/* By now it exists, and ".." in its path may lead elsewhere than it seemed to. */
	ret = check_into_self(job, source->path, &src_stx, job->destination);
	return ret < 0 ? ret : push_root(job);
}

/** Order of two sources by the name they get, for qsort(3). */
static int compare_names(const void *left, const void *right)
{
	const struct source *a = *(const struct source *const *)left;
	const struct source *b = *(const struct source *const *)right;

	return strcmp(a->name, b->name);
}

/** Refuse two sources that would get one name. */
static int check_duplicates(struct usync_job *job, const struct source *sources)
{
	const struct source **sorted = calloc(job->nr_sources, sizeof(*sorted));
	int ret = 0;

	if (sorted == NULL) {
		return refuse(job, -ENOMEM, "out of memory");
	}
	for (size_t i = 0; i < job->nr_sources; i++) {
		sorted[i] = &sources[i];
	}
	for (size_t i = 0; i < job->nr_sources && job->nr_sources > 1 && ret == 0; i++) {
		if (strcmp(sources[i].name, ".") == 0) {
			ret = refuse(job, -EINVAL, "%s: among several sources it has no name to get in %s",
			             sources[i].path, job->destination);
		}
	}
	qsort(sorted, job->nr_sources, sizeof(*sorted), compare_names);
	for (size_t i = 1; i < job->nr_sources && ret == 0; i++) {
		if (strcmp(sorted[i - 1]->name, sorted[i]->name) == 0) {
			ret = refuse(job, -EEXIST, "%s and %s would both become %s/%s",
			             sorted[i - 1]->path, sorted[i]->path, job->destination,
			             sorted[i]->name);
		}
	}
	free(sorted);
	return ret;
}

/**
 * True when SOURCE can't be copied to PATH without harm, as cp(1) sees it: PATH is SOURCE, or a link to it, or
 * what SOURCE, a link, points to.
 */
static bool is_source(const struct source *source, const char *path)
{
	struct statx target = source->stx;
	struct statx stx;

	(void)us_statx(AT_FDCWD, source->path, 0, &target);
	if (look(path, &stx) == 0 && (is_same(&source->stx, &stx) || is_same(&target, &stx))) {
		return true;
	}
	return us_statx(AT_FDCWD, path, 0, &stx) == 0 && is_same(&source->stx, &stx);
}

/** Refuse a source that is what has its name in the directory DST, or that DST lies in. */
static int check_source(struct usync_job *job, const struct source *source, const char *dst)
{
	char *path;
	int ret = 0;

	if (source->error < 0) {
		return 0; /* Reported when its turn comes. */
	}
	if (S_ISDIR(source->stx.stx_mode)) {
		ret = check_into_self(job, source->path, &source->stx, dst);
	}
	if (ret < 0) {
		return ret;
	}
	if (asprintf(&path, "%s/%s", dst, source->name) < 0) {
		return refuse(job, -ENOMEM, "out of memory");
	}
	if (is_source(source, path)) {
		ret = refuse(job, -EINVAL, "%s and %s are the same file", source->path, path);
	}
	free(path);
	return ret;
}

/** Give the entries of a virtual root to the feed and to a first listing. */
static int push_sources(struct usync_job *job, const struct source *sources)
{
	struct us_worker *worker = &job->workers[0];
	struct us_listing *listing = us_listing_new(job->root);
	int ret = listing != NULL ? us_dircache_pin(&job->dirs, job->root) : -ENOMEM;

	for (size_t i = 0; i < job->nr_sources && ret == 0; i++) {
		const struct source *source = &sources[i];
		struct us_task task = {.kind = US_TASK_DIR};

		us_backup_meet(job, job->root, source->name);
		if (source->error < 0) {
			us_count(&worker->counts.found, 1);
			us_report_failed(worker, &(struct us_place){job->root, source->path, US_SRC},
			                 "stat", source->error);
		} else if (!S_ISDIR(source->stx.stx_mode)) {
			ret = us_listing_add(listing, source->stx.stx_ino,
			                     (uint8_t)IFTODT(source->stx.stx_mode), source->path,
			                     source->name);
		} else {
			task.dir = us_dir_new(job->root, source->path, source->name);
			ret = -ENOMEM;
			if (task.dir != NULL) {
				task.dir->followed = job->options.follow != USYNC_FOLLOW_NONE;
				us_count(&worker->counts.found_dirs, 1);
				ret = us_feed_push(job->feed, 0, &task);
			}
			if (ret < 0 && task.dir != NULL) {
				us_dir_free(task.dir);
			}
		}
	}
	if (ret < 0) {
		if (listing != NULL) {
			us_listing_free(listing);
		}
		return refuse(job, ret, "out of memory");
	}
	us_listing_sort(listing, USYNC_ORDER_INODE);
	us_count(&worker->counts.found, listing->nr_entries);
	atomic_fetch_add(&job->nr_listings, 1);
	us_local_hand_out(worker, listing);
	return 0;
}

/** Sources that keep a name of their own in the directory DST. */
static int open_entries(struct usync_job *job, const struct source *sources, const char *dst)
{
	struct statx src_stx;
	struct statx dst_stx;
	bool made = false;
	const char *start = "/"; /* Whether the current directory can be had matters to relative paths alone. */
	int src_fd;
	int dst_fd;
	int ret = check_duplicates(job, sources);

	for (size_t i = 0; i < job->nr_sources && ret == 0; i++) {
		start = sources[i].path[0] != '/' ? "." : start;
		ret = check_source(job, &sources[i], dst);
	}
	if (ret < 0) {
		return ret;
	}
	src_fd = us_openat(AT_FDCWD, start, O_PATH | O_DIRECTORY, 0);
	if (src_fd < 0) {
		return refuse_call(job, start, "open", src_fd);
	}
	ret = us_statx(src_fd, "", AT_EMPTY_PATH, &src_stx);
	dst_fd = ret == 0 ? open_destination(job, dst, 0777, &dst_stx, false, &made) : ret;
	if (dst_fd < 0) {
		us_close(src_fd);
		return dst_fd;
	}
	ret = make_root(job, "", src_fd, &src_stx, dst, dst_fd, &dst_stx);
	if (ret < 0) {
		return ret;
	}
	job->root->is_virtual = true;
	return push_sources(job, sources);
}

/** Where the sources go: into the destination, or one to the destination's own name. */
static int open_shape(struct usync_job *job, struct source *sources)
{
	struct statx stx;
	int ret = us_statx(AT_FDCWD, job->destination, 0, &stx);
	bool is_dir = ret == 0 && S_ISDIR(stx.stx_mode);
	bool has_slash = us_path_has_trailing_slash(job->destination);
	char *parent;

	if (job->destination[0] == '\0') {
		return refuse(job, -ENOENT, "the destination has an empty name");
	}
	if (ret < 0 && ret != -ENOENT && ret != -ENOTDIR) {
		return refuse_call(job, job->destination, "stat", ret);
	}
	if (job->files != NULL && (job->nr_sources > 1 || !S_ISDIR(sources[0].stx.stx_mode))) {
		return refuse(job, -EINVAL, "%s: a list of files needs one source that is a directory",
		              sources[job->nr_sources - 1].path);
	}
	if (job->nr_sources > 1 && !is_dir) {
		return refuse(job, -ENOTDIR, "%s: with several sources the destination must be an "
		              "existing directory", job->destination);
	}
	if (job->nr_sources == 1 && S_ISDIR(sources[0].stx.stx_mode)) {
		if (ret == 0 && !is_dir) {
			return refuse(job, -ENOTDIR, "%s: the source is a directory and the destination "
			              "is not", job->destination);
		}
		return open_tree(job, &sources[0]);
	}
	if (is_dir || has_slash) {
		return open_entries(job, sources, job->destination);
	}
	parent = us_path_parent(job->destination);
	free(sources[0].name);
	sources[0].name = us_path_base(job->destination);
	ret = parent != NULL && sources[0].name != NULL
	              ? open_entries(job, sources, parent)
	              : refuse(job, -ENOMEM, "out of memory");
	free(parent);
	return ret;
}

/** Note which directories are sources. */
static int remember_roots(struct usync_job *job, const struct source *sources)
{
	job->src_roots = calloc(job->nr_sources, sizeof(*job->src_roots));
	if (job->src_roots == NULL) {
		return refuse(job, -ENOMEM, "out of memory");
	}
	for (size_t i = 0; i < job->nr_sources; i++) {
		if (sources[i].error == 0 && S_ISDIR(sources[i].stx.stx_mode)) {
			job->src_roots[job->nr_src_roots++] = us_identity_of(&sources[i].stx);
		}
	}
	return 0;
}

/** The same where the destination is on another machine. */
static int open_sources(struct usync_job *job, struct source *sources)
{
	struct statx stx;
	const char *start = "/";
	bool is_tree = job->nr_sources == 1 && S_ISDIR(sources[0].stx.stx_mode);
	int ret = 0;
	int fd;

	if (job->files != NULL && !is_tree) {
		return refuse(job, -EINVAL, "%s: a list of files needs one source that is a directory",
		              sources[job->nr_sources - 1].path);
	}
	if (is_tree) {
		fd = open_source(job, sources[0].path, &stx);
		ret = fd < 0 ? fd : make_root(job, sources[0].path, fd, &stx, "", NO_DESTINATION, NULL);
		return ret < 0 ? ret : push_root(job);
	}
	ret = check_duplicates(job, sources);
	if (ret < 0) {
		return ret;
	}
	for (size_t i = 0; i < job->nr_sources; i++) {
		start = sources[i].path[0] != '/' ? "." : start;
	}
	fd = us_openat(AT_FDCWD, start, O_PATH | O_DIRECTORY, 0);
	ret = fd < 0 ? fd : us_statx(fd, "", AT_EMPTY_PATH, &stx);
	if (ret < 0) {
		if (fd >= 0) {
			us_close(fd);
		}
		return refuse_call(job, start, "open", ret);
	}
	ret = make_root(job, "", fd, &stx, "", NO_DESTINATION, NULL);
	if (ret < 0) {
		return ret;
	}
	job->root->is_virtual = true;
	return push_sources(job, sources);
}

int us_target_open_destination(struct usync_job *job, const struct statx *root, bool is_virtual, bool is_one,
                               char **name)
{
	char *parent = NULL;
	const char *path = job->destination;
	struct statx stx;
	bool made = false;
	int ret = us_statx(AT_FDCWD, path, 0, &stx);
	int fd;

	*name = NULL;
	if (path[0] == '\0') {
		return refuse(job, -ENOENT, "the destination has an empty name");
	}
	if (is_one && !(ret == 0 && S_ISDIR(stx.stx_mode)) && !us_path_has_trailing_slash(path)) {
		parent = us_path_parent(path);
		*name = us_path_base(path);
		if (parent == NULL || *name == NULL) {
			free(parent);
			return refuse(job, -ENOMEM, "out of memory");
		}
		path = parent;
	}
	fd = open_destination(job, path, is_virtual ? 0777 : 0700, &stx, !is_virtual, &made);
	ret = fd < 0 ? fd : make_root(job, "", -1, root, path, fd, &stx);
	if (ret == 0) {
		job->root->dst_new = made;
		job->root->is_virtual = is_virtual;
	}
	free(parent);
	return ret;
}

/** Look at all that was given, and open what OPEN makes of it. */
static int open_with(struct usync_job *job, int (*open)(struct usync_job *job, struct source *sources))
{
	struct source *sources = calloc(job->nr_sources, sizeof(*sources));
	int ret = 0;

	if (sources == NULL) {
		return refuse(job, -ENOMEM, "out of memory");
	}
	for (size_t i = 0; i < job->nr_sources && ret == 0; i++) {
		sources[i].path = job->sources[i];
		sources[i].name = us_path_base(job->sources[i]);
		sources[i].error = look_at_source(job, job->sources[i], &sources[i].stx);
		if (sources[i].name == NULL) {
			ret = refuse(job, -ENOMEM, "out of memory");
		} else if (sources[i].path[0] == '\0') {
			ret = refuse(job, -ENOENT, "a source has an empty name");
		}
	}
	if (ret == 0 && job->nr_sources == 1 && sources[0].error < 0) {
		ret = refuse_call(job, sources[0].path, "stat", sources[0].error);
	}
	if (ret == 0) {
		ret = remember_roots(job, sources);
	}
	if (ret == 0) {
		ret = open(job, sources);
	}
	for (size_t i = 0; i < job->nr_sources; i++) {
		free(sources[i].name);
	}
	free(sources);
	return ret;
}

int us_target_open(struct usync_job *job)
{
	return open_with(job, open_shape);
}

int us_target_open_sources(struct usync_job *job)
{
	return open_with(job, open_sources);
}
