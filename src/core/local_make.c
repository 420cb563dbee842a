/* SPDX-License-Identifier: MIT */
/* Symbolic links, hard links, devices, FIFOs and sockets: made in one go, for nothing about them waits for a disk. */
#include "core/local_sink.h"

#include "base/us.h"
#include "core/file.h"
#include "core/job.h"
#include "core/leftovers.h"
#include "core/paths.h"
#include "core/reference.h"
#include "core/report.h"
#include "core/tempname.h"
#include "core/worker.h"
#include "core/xattrs.h"
#include "sys/call.h"


#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

/** A hard link's other name. */
struct original {
	int dirfd;
	const char *name;
};

/** Open the directory of FILE's target. */
static int open_original(const struct us_worker *worker, const struct us_file *file, struct original *original)
{
	const char *slash = strrchr(file->target, '/');
	char *parent;

	original->name = slash != NULL ? slash + 1 : file->target;
	parent = strndup(file->target, slash != NULL ? (size_t)(slash - file->target) : 0);
	if (parent == NULL) {
		return -ENOMEM;
	}
	original->dirfd = us_path_open_beneath(worker->job->root->fd[US_DST], parent);
	free(parent);
	return us_min(original->dirfd, 0);
}

/** Make FILE under NAME in DIRFD. */
static int make(struct us_worker *worker, struct us_file *file, const struct original *original, int dirfd,
                const char *name)
{
	const struct statx *stx = &file->stx;

	us_local_admit_owner(file->dir);
	switch (file->kind) {
	case US_FILE_SYMLINK:
		return us_symlinkat(file->data, dirfd, name);
	case US_FILE_LINK:
		return us_linkat(original->dirfd, original->name, dirfd, name);
	default:
		file->made_mode = us_local_create_mode(worker, file);
		return us_mknodat(dirfd, name, (stx->stx_mode & S_IFMT) | file->made_mode,
		                  makedev(stx->stx_rdev_major, stx->stx_rdev_minor));
	}
}

/** Its attributes, once made as NAME. */
static void set_attributes(struct us_worker *worker, struct us_file *file, int dirfd, const char *name)
{
	struct us_place place = {file->dir, file->dst_name, US_DST};
	struct us_handle handle = {.fd = dirfd, .name = name};

	if (file->kind != US_FILE_LINK && !us_local_set_new(worker, &place, file, &handle)) {
		file->failed = true;
	}
}

/** Make it under a temporary name and let it take the place of what is there. */
static int replace(struct us_worker *worker, struct us_file *file, const struct original *original,
                   const char **what)
{
	char temp[US_TEMP_SIZE];
	int dirfd = us_local_temp_dir(worker, file);
	int ret;

	file->temp_number = ++worker->temp_number;
	us_local_temp_name(worker, file->temp_number, temp);
	ret = make(worker, file, original, dirfd, temp);
	if (ret < 0) {
		return ret;
	}
	set_attributes(worker, file, dirfd, temp);
	ret = us_local_make_way(worker, file, what);
	if (ret == 0) {
		ret = us_local_take_name(worker, file, what);
	}
	if (ret == 0 && file->kind == US_FILE_LINK) {
		/* Where both were names of one file already, rename(2) did nothing. */
		ret = us_leftovers_remove(worker->job, dirfd, temp);
	} else if (ret < 0) {
		(void)us_leftovers_remove(worker->job, dirfd, temp);
	}
	if (ret == -EXDEV && us_local_is_elsewhere(worker, file)) {
		us_local_leave_temp_dir(worker, file);
		return replace(worker, file, original, what);
	}
	return ret;
}

/** True when what has FILE's name is what it is to be linked to. */
static bool is_linked(const struct us_file *file, const struct original *original)
{
	struct statx ours;
	struct statx there;
	struct us_identity identity;

	if (us_statx(original->dirfd, original->name, AT_SYMLINK_NOFOLLOW, &ours) < 0 ||
	    us_statx(file->dir->fd[US_DST], file->dst_name, AT_SYMLINK_NOFOLLOW, &there) < 0) {
		return false;
	}
	identity = us_identity_of(&ours);
	return us_identity_is(&identity, &there);
}

/** It is as it should be. */
static void finish(struct us_worker *worker, struct us_file *file)
{
	if (!file->failed) {
		file->done = true;
		us_count(file->changes == 0                     ? &worker->counts.unchanged
		         : file->kind == US_FILE_LINK            ? &worker->counts.links
		         : file->kind == US_FILE_SYMLINK         ? &worker->counts.symlinks
		                                                 : &worker->counts.specials,
		         1);
		us_report_file(worker, file);
	}
	us_worker_finished(worker, file);
}

void us_local_copy_instead(struct us_worker *worker, struct us_file *file, int error)
{
	us_report_once(worker, &worker->job->no_link_noted, &(struct us_place){file->dir, file->dst_name, US_DST},
	               "a hard link can't be made here; such names are copied instead", error);
	free(file->target);
	file->target = NULL;
	file->kind = S_ISREG(file->stx.stx_mode) ? US_FILE_REGULAR
	           : S_ISLNK(file->stx.stx_mode) ? US_FILE_SYMLINK
	                                         : US_FILE_SPECIAL;
	file->eof = false;
	file->is_reference = false;
	file->is_unlinkable = true;
	file->offset = 0;
	file->length = 0;
	file->written = 0;
	file->verdict = US_VERDICT_COPY;
	file->changes = USYNC_CHANGE_NEW | USYNC_CHANGE_CONTENT;
	if (file->src_fd >= 0) {
		us_worker_drained(worker, file); /* It is open: its contents were compared. */
	} else {
		us_worker_looked(worker, file);
	}
}

bool us_local_has_no_link(int error)
{
	return error == -EMLINK || error == -EXDEV || error == -EPERM || error == -EOPNOTSUPP;
}

/** A further name of a file that was copied before. */
static void make_link(struct us_worker *worker, struct us_file *file)
{
	struct original original;
	const char *what = "make hard link";
	int ret;

	if (us_local_is_left_out(worker, file)) {
		us_count(&worker->counts.skipped, 1);
		us_worker_finished(worker, file);
		return;
	}
	ret = open_original(worker, file, &original);
	if (ret == 0) {
		file->changes = USYNC_CHANGE_LINK | USYNC_CHANGE_NEW;
		ret = make(worker, file, &original, file->dir->fd[US_DST], file->dst_name);
		if (ret == -EEXIST && is_linked(file, &original)) {
			file->changes = 0;
			ret = 0;
		} else if (ret == -EEXIST) {
			file->changes = USYNC_CHANGE_LINK;
			ret = replace(worker, file, &original, &what);
		}
		us_close(original.dirfd);
	}
	if (us_local_has_no_link(ret)) {
		us_local_copy_instead(worker, file, ret);
	} else if (ret < 0) {
		us_local_fail(worker, file, what, ret);
	} else {
		finish(worker, file);
	}
}

void us_local_make(struct us_worker *worker, struct us_file *file)
{
	const char *what = file->kind == US_FILE_SYMLINK ? "make link" : "make special file";
	int ret;

	if (file->kind == US_FILE_LINK) {
		make_link(worker, file);
		return;
	}
	if (file->kind == US_FILE_REFERENCE) {
		us_reference_link(worker, file);
		return;
	}
	if (file->verdict == US_VERDICT_COMPARE) {
		do {
			ret = us_local_compare_symlink(file);
		} while (ret <= 0 && file->is_reference && us_reference_next(worker, file));
		if (ret > 0 && file->is_reference) {
			us_reference_link(worker, file);
			return;
		}
		if (ret > 0 && !us_local_shares_changes(file)) {
			file->kind = US_FILE_ATTRIBUTES;
			us_local_put_attributes(worker, file);
			return;
		}
		file->changes |= ret > 0 ? USYNC_CHANGE_CONTENT : USYNC_CHANGE_VALUE | USYNC_CHANGE_CONTENT;
	}
	ret = make(worker, file, NULL, file->dir->fd[US_DST], file->dst_name);
	if (ret == 0) {
		set_attributes(worker, file, file->dir->fd[US_DST], file->dst_name);
	} else if (ret == -EEXIST) {
		ret = replace(worker, file, NULL, &what);
	}
	if (ret < 0) {
		us_local_fail(worker, file, what, ret);
		return;
	}
	finish(worker, file);
}
