/* SPDX-License-Identifier: MIT */
/*
 * A tree is deleted with one descriptor, whatever its depth: the way back up is "..", which has to lead to the same
 * directory as before.  No symbolic link is ever followed: directories are opened with O_NOFOLLOW.
 */
#include "core/mirror.h"

#include "base/us.h"
#include "core/backup.h"
#include "core/dir.h"
#include "core/entry_path.h"
#include "core/job.h"
#include "core/leftovers.h"
#include "core/local_sink.h"
#include "core/report.h"
#include "core/worker.h"
#include "sys/call.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

/** What can't be done with --backup. */
static const char *const with_backups = "replace a directory with backups in it";

/** A directory on the way down. */
struct level {
	struct level *up;
	struct us_identity identity;
	int64_t resume;     /**< Where its listing goes on. */
	size_t path_length; /**< Of its own path, without what is in it. */
	bool kept;          /**< Something in it stays, so it stays. */
	char name[];
};

/** One deletion, from the directory of the walk down. */
struct sweep {
	struct us_worker *worker;
	struct us_dir *dir;
	struct us_entry_path path; /**< From the root of the copy: what the filter and the reports go by. */
	struct level *level;       /**< The innermost one. */
	int fd;                    /**< Its descriptor. */
	bool makes_way;            /**< The outermost is not deleted, but replaced by an entry of another kind. */
	const char *why;           /**< With that: what can't be done to it, as something in it stays.  Or NULL. */
};

/** Tell of a failure with what the path says now. */
static void fail(struct sweep *sweep, const char *what, int error)
{
	struct us_place place = {.dir = sweep->worker->job->root, .name = sweep->path.text, .side = US_DST};

	us_report_failed(sweep->worker, &place, what, error);
}

/** Note what can't be done because something stays, where that is not known yet. */
static void note_why(struct sweep *sweep, const char *why)
{
	sweep->why = sweep->why != NULL ? sweep->why : why;
}

/** Take one from the deletions that are allowed. */
static bool is_allowed(struct usync_job *job)
{
	uint64_t max = job->options.max_delete;

	if (!job->options.limit_delete) {
		return true;
	}
	if (atomic_fetch_add(&job->nr_deletes, 1) < max) {
		return true;
	}
	atomic_fetch_add(&job->nr_not_deleted, 1);
	return false;
}

/** The source's directory of FD, or -1: then it has none, or does not tell. */
static int source_of(const struct sweep *sweep, int fd)
{
	return fd == sweep->dir->fd[US_DST] ? us_backup_source(sweep->dir) : -1;
}

/** Delete NAME in FD, or put it out of the way. @return true when nothing of that name is left. */
static bool delete_one(struct sweep *sweep, int fd, const char *name, bool is_dir)
{
	struct us_worker *worker = sweep->worker;
	const struct usync_options *options = &worker->job->options;
	int ret = 0;

	if (!is_allowed(worker->job)) {
		note_why(sweep, "replace a directory of which --max-delete keeps entries");
		return false;
	}
	if (!options->dry_run) {
		ret = options->backup && !is_dir ? us_backup_move(worker, fd, source_of(sweep, fd), name)
		                                 : us_unlinkat(fd, name, is_dir ? AT_REMOVEDIR : 0);
	}
	if (ret < 0 && ret != -ENOENT) {
		fail(sweep, "delete", ret);
		return false;
	}
	us_count(&worker->counts.deleted, 1);
	us_report_deleted(worker, sweep->path.text, is_dir);
	if (!is_dir && options->backup) {
		note_why(sweep, with_backups);
		return false;
	}
	return true;
}

/** Remove the directory NAME in FD, which is empty and replaced: that is no deletion.  @return true when it is gone. */
static bool remove_replaced(struct sweep *sweep, int fd, const char *name)
{
	int ret = sweep->worker->job->options.dry_run ? 0 : us_unlinkat(fd, name, AT_REMOVEDIR);

	if (ret < 0 && ret != -ENOENT) {
		fail(sweep, "delete", ret);
		return false;
	}
	return true;
}

/** True when STX is one of the NR that are SPARED; ino 0: none. */
static bool is_one_of(const struct us_identity *spared, size_t nr, const struct statx *stx)
{
	for (size_t i = 0; i < nr; i++) {
		if (spared[i].ino != 0 && us_identity_is(&spared[i], stx)) {
			return true;
		}
	}
	return false;
}

bool us_mirror_spares(const struct usync_job *job, const struct statx *stx)
{
	if (!S_ISDIR(stx->stx_mode)) {
		return is_one_of(job->own_files, us_array_size(job->own_files), stx);
	}
	return is_one_of(job->spared, us_array_size(job->spared), stx) ||
	       is_one_of(job->src_roots, job->nr_src_roots, stx);
}

/** True for what this job uses for other things. */
static bool is_spared(const struct usync_job *job, int dirfd, const char *name, bool is_dir)
{
	struct statx stx;

	if (!is_dir && job->own_files[0].ino == 0) {
		return false; /* It need not be looked at. */
	}
	return us_statx(dirfd, name, AT_SYMLINK_NOFOLLOW, &stx) == 0 && us_mirror_spares(job, &stx);
}

int us_mirror_spare(struct usync_job *job, int fd)
{
	struct statx stx;
	int ret = us_statx(fd, "", AT_EMPTY_PATH, &stx);
	size_t i = 0;

	while (ret == 0 && job->own_files[i].ino != 0) {
		i++;
	}
	if (ret == 0) {
		job->own_files[i] = us_identity_of(&stx);
	}
	return ret;
}

/** With --one-file-system: true when NAME in DIRFD is a mount point, or may be one.  What is there is left as it is. */
static bool is_beyond(const struct usync_job *job, int dirfd, const char *name)
{
	struct statx parent;
	struct statx stx;
	int ret;

	if (!job->options.one_file_system) {
		return false;
	}
	ret = us_statx(dirfd, "", AT_EMPTY_PATH, &parent);
	if (ret == 0) {
		ret = us_statx(dirfd, name, AT_SYMLINK_NOFOLLOW, &stx);
	}
	return ret < 0 ? ret != -ENOENT : us_is_mount_point(&parent, &stx);
}

/** The last name of PATH. */
static const char *last_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

/** Whether NAME in DIRFD is protected: what can't be done for it to the directory that it is in, or NULL. */
static const char *protection(const struct sweep *sweep, int dirfd, const char *name, bool is_dir)
{
	const struct usync_job *job = sweep->worker->job;

	if (job->options.backup && !is_dir && us_backup_is_one(job, name)) {
		return with_backups;
	}
	if (is_dir && is_beyond(job, dirfd, name)) {
		return "replace a directory with another file system in it";
	}
	if (is_spared(job, dirfd, last_name(name), is_dir) ||
	    (!is_dir && us_leftovers_is_used(job, dirfd, last_name(name)))) {
		return "replace a directory with something in it that is in use";
	}
	if (us_filter_excludes(&job->filter, sweep->path.text, name, is_dir)) {
		return "replace a directory with something in it that a pattern excludes";
	}
	return NULL;
}

/** Go down into NAME. @return 0 or a negative errno. */
static int enter(struct sweep *sweep, int parent, const char *name)
{
	size_t size = strlen(name) + 1;
	struct level *level = malloc(sizeof(*level) + size);
	struct statx stx;
	int fd;
	int ret;

	if (level == NULL) {
		return -ENOMEM;
	}
	fd = us_openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	ret = fd < 0 ? fd : us_statx(fd, "", AT_EMPTY_PATH, &stx);
	if (ret < 0) {
		if (fd >= 0) {
			us_close(fd);
		}
		free(level);
		return ret;
	}
	*level = (struct level){
		.up = sweep->level,
		.identity = us_identity_of(&stx),
		.path_length = strlen(sweep->path.text),
	};
	memcpy(level->name, name, size);
	if (sweep->level != NULL) {
		us_close(sweep->fd);
	}
	sweep->level = level;
	sweep->fd = fd;
	return 0;
}

/** The descriptor of the directory above the innermost level; the caller's own for the outermost. */
static int open_above(struct sweep *sweep, int top)
{
	const struct level *up = sweep->level->up;
	struct statx stx;
	int fd;
	int ret;

	if (up == NULL) {
		return top;
	}
	fd = us_openat(sweep->fd, "..", O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0) {
		return fd;
	}
	ret = us_statx(fd, "", AT_EMPTY_PATH, &stx);
	if (ret == 0 && !us_identity_is(&up->identity, &stx)) {
		ret = -ESTALE;
	}
	if (ret < 0) {
		us_close(fd);
		return ret;
	}
	return fd;
}

/** All in the innermost level is done: delete it too, if nothing stays. @return 0, or -errno: the sweep is over. */
static int leave(struct sweep *sweep, int top)
{
	struct level *level = sweep->level;
	struct level *up = level->up;
	int above = open_above(sweep, top);
	bool gone;

	us_entry_path_cut(&sweep->path, level->path_length);
	us_close(sweep->fd);
	sweep->level = up;
	sweep->fd = above;
	if (above < 0) {
		fail(sweep, "delete", above);
		free(level);
		return above;
	}
	if (level->kept) {
		gone = false;
	} else if (up == NULL && sweep->makes_way) {
		gone = remove_replaced(sweep, above, level->name);
	} else {
		gone = delete_one(sweep, above, level->name, true);
	}
	if (!gone && up != NULL) {
		up->kept = true;
	}
	free(level);
	return gone ? 0 : 1;
}

/**
 * Delete what can be of the innermost level, up to the first directory in it.
 * @return 1 for that, 0 at the end, or a negative errno.
 */
static int delete_entries(struct sweep *sweep)
{
	struct us_dents *dents = &sweep->worker->dents;
	struct level *level = sweep->level;
	struct us_dent dent;
	int ret = us_dents_begin(dents, sweep->fd, level->resume);

	while (ret == 0 && (ret = us_dents_next(dents, &dent)) > 0) {
		const char *why;
		bool is_dir;
		char *name;

		level->resume = dent.next;
		name = us_entry_path_set(&sweep->path, level->path_length, dent.name);
		if (name == NULL) {
			return -ENOMEM;
		}
		is_dir = us_entry_is_dir(sweep->fd, &dent);
		ret = 0;
		why = protection(sweep, sweep->fd, name, is_dir);
		if (why != NULL) {
			note_why(sweep, why);
			level->kept = true;
		} else if (is_dir) {
			return 1;
		} else if (!delete_one(sweep, sweep->fd, name, false)) {
			level->kept = true;
		}
	}
	return ret;
}

/** Delete the directory NAME in TOP and all in it. @return 0 when it is gone, 1 when some of it stays, -errno. */
static int delete_tree(struct sweep *sweep, int top, const char *name)
{
	int ret = enter(sweep, top, name);

	if (ret < 0) {
		fail(sweep, "delete", ret);
		return ret;
	}
	while (sweep->level != NULL) {
		ret = delete_entries(sweep);
		if (ret > 0) {
			char *child = strdup(strrchr(sweep->path.text, '/') + 1);

			ret = child != NULL ? enter(sweep, sweep->fd, child) : -ENOMEM;
			free(child);
			if (ret < 0 && ret != -ENOENT) {
				fail(sweep, "delete", ret);
				sweep->level->kept = true;
			}
			continue;
		}
		if (ret < 0) {
			fail(sweep, "delete", ret);
			sweep->level->kept = true;
		}
		ret = leave(sweep, top);
		if (ret < 0) {
			while (sweep->level != NULL) { /* The way up is lost. */
				struct level *level = sweep->level;

				sweep->level = level->up;
				free(level);
			}
		}
	}
	return ret;
}

/** Whether the source has NAME in DIR: 1, 0, or a negative errno when it does not tell. */
static int is_in_source(const struct us_dir *dir, const char *name)
{
	struct statx stx;
	int ret = us_statx(dir->fd[US_SRC], name, AT_SYMLINK_NOFOLLOW, &stx);

	if (ret == -ENOENT) {
		return 0;
	}
	return ret < 0 ? ret : 1;
}

/**
 * Delete what is called NAME, and has that path now, unless it is protected.
 *
 * @return 1 when a listing was made, 0, or -ENOMEM.
 */
static int sweep_name(struct sweep *sweep, const char *name, bool is_dir)
{
	struct us_dir *dir = sweep->dir;
	char *copy;

	if (protection(sweep, dir->fd[US_DST], name, is_dir) != NULL) {
		return 0;
	}
	if (!sweep->worker->job->options.dry_run) {
		us_local_admit_owner(dir);
	}
	if (!is_dir) {
		delete_one(sweep, dir->fd[US_DST], name, false);
		return 0;
	}
	copy = strdup(name);
	if (copy == NULL) {
		return -ENOMEM;
	}
	delete_tree(sweep, dir->fd[US_DST], copy);
	free(copy);
	return 1;
}

void us_mirror_names(struct us_worker *worker, struct us_dir *dir, const char *names, uint32_t length)
{
	struct sweep sweep = {.worker = worker, .dir = dir};
	const char *end = names + length;
	size_t prefix;
	int ret = us_entry_path_init(&sweep.path, dir);

	prefix = ret == 0 ? strlen(sweep.path.text) : 0;
	for (; ret >= 0 && names < end && !us_job_stopping(worker->job); names += strlen(names) + 1) {
		const char *name = us_entry_path_set(&sweep.path, prefix, names);
		struct statx stx;

		ret = name != NULL ? us_statx(dir->fd[US_DST], names, AT_SYMLINK_NOFOLLOW, &stx) : -ENOMEM;
		if (ret == 0) {
			ret = sweep_name(&sweep, name, S_ISDIR(stx.stx_mode));
		}
		ret = ret == -ENOENT ? 0 : ret;
	}
	if (ret < 0) {
		us_report_failed(worker, &(struct us_place){.dir = dir, .side = US_DST}, "delete from directory", ret);
	}
	us_entry_path_fini(&sweep.path);
}

/** Judge one entry of the destination. @return 1 when the listing has to be taken up anew, 0, or -errno to stop. */
static int sweep_entry(struct sweep *sweep, size_t prefix, const struct us_dent *dent)
{
	struct us_dir *dir = sweep->dir;
	char *name = us_entry_path_set(&sweep->path, prefix, dent->name);
	int ret;

	if (name == NULL) {
		return -ENOMEM;
	}
	ret = is_in_source(dir, name);
	if (ret != 0) {
		return us_min(ret, 0);
	}
	return sweep_name(sweep, name, us_entry_is_dir(dir->fd[US_DST], dent));
}

void us_mirror_dir(struct us_worker *worker, struct us_dir *dir)
{
	struct sweep sweep = {.worker = worker, .dir = dir};
	struct us_dent dent;
	int64_t resume = 0;
	size_t prefix;
	int ret = us_entry_path_init(&sweep.path, dir);

	prefix = ret == 0 ? strlen(sweep.path.text) : 0;
	while (ret == 0 && (ret = us_dents_begin(&worker->dents, dir->fd[US_DST], resume)) == 0) {
		while (ret == 0 && (ret = us_dents_next(&worker->dents, &dent)) > 0 && !us_job_stopping(worker->job)) {
			resume = dent.next;
			ret = sweep_entry(&sweep, prefix, &dent);
		}
		if (ret <= 0 || us_job_stopping(worker->job)) {
			break;
		}
		ret = 0;
	}
	if (ret < 0) {
		us_report_failed(worker, &(struct us_place){.dir = dir, .side = US_DST}, "delete from directory", ret);
	}
	us_entry_path_fini(&sweep.path);
}

int us_mirror_make_way(struct us_worker *worker, struct us_dir *dir, const char *name, const char **what)
{
	struct sweep sweep = {.worker = worker, .dir = dir, .makes_way = true};
	struct statx stx;
	int ret = us_entry_path_init(&sweep.path, dir);

	if (ret == 0 && us_entry_path_set(&sweep.path, strlen(sweep.path.text), name) == NULL) {
		ret = -ENOMEM;
	}
	if (ret == 0) {
		ret = us_statx(dir->fd[US_DST], name, AT_SYMLINK_NOFOLLOW, &stx);
	}
	if (ret == 0 && us_mirror_spares(worker->job, &stx)) {
		ret = -EBUSY;
	} else if (ret == 0 && S_ISDIR(stx.stx_mode) && is_beyond(worker->job, dir->fd[US_DST], name)) {
		ret = -EBUSY; /* As rmdir(2) says of a mount point. */
	} else if (ret == 0 && S_ISDIR(stx.stx_mode)) {
		ret = delete_tree(&sweep, dir->fd[US_DST], name) == 0 ? 0 : -ENOTEMPTY;
		if (ret < 0) {
			*what = sweep.why != NULL ? sweep.why : "replace a directory that could not be deleted";
		}
	} else if (ret == 0 && !worker->job->options.dry_run) {
		ret = us_unlinkat(dir->fd[US_DST], name, 0);
	}
	us_entry_path_fini(&sweep.path);
	return ret == -ENOENT ? 0 : ret;
}
