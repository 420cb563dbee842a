/* SPDX-License-Identifier: MIT */
/*
 * The beginning of an entry's way:
 *
 *	               new directory, regular file
 *	begin ---------------------------------------------------> open (local_read.c)
 *	  |                                                          ^
 *	  +--> STATTING --> rules, hard links --> sink.look --> looked +--> filled (links, devices, attributes alone)
 *	                                                             +--> nothing to be done
 */
#include "core/local_source.h"

#include "base/us.h"
#include "core/dir.h"
#include "core/file.h"
#include "core/job.h"
#include "core/links.h"
#include "core/report.h"
#include "core/sink.h"
#include "core/worker.h"
#include "core/xattrs.h"
#include "sys/call.h"


#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/** True when nothing has FILE's name any more. */
static bool is_gone(const struct us_file *file)
{
	struct statx stx;

	return us_statx(file->dir->fd[US_SRC], file->name, AT_SYMLINK_NOFOLLOW, &stx) == -ENOENT;
}

void us_local_lose(struct us_worker *worker, struct us_file *file, const char *what, int error)
{
	struct us_place place = {.dir = file->dir, .name = file->name, .side = US_SRC};

	if (error == -ENOENT) {
		us_report_vanished(worker, &place);
	} else {
		us_report_failed(worker, &place, what, error);
	}
	us_worker_lost(worker, file);
}

/** FILE is left out by a rule. */
static void skip(struct us_worker *worker, struct us_file *file)
{
	us_count(&worker->counts.skipped, 1);
	us_worker_finished(worker, file);
}

/** Keep FILE's extended attributes for the sink; HANDLE leads to it. */
static int read_xattrs(const struct us_worker *worker, struct us_file *file, const struct us_handle *handle)
{
	unsigned int kinds = worker->job->keep.xattr_kinds;

	if (kinds == 0 || file->xattrs != NULL) {
		return 0;
	}
	return us_xattrs_read(handle, kinds, &file->xattrs);
}

bool us_local_read_xattrs(struct us_worker *worker, struct us_file *file)
{
	struct us_handle handle = {.fd = file->src_fd};
	int ret;

	if (file->src_fd < 0) {
		handle = (struct us_handle){.fd = file->dir->fd[US_SRC], .name = file->name};
	}
	ret = read_xattrs(worker, file, &handle);
	if (ret == -ENOENT && !is_gone(file)) { /* It is /proc that is not there. */
		us_report_failed(worker, &(struct us_place){file->dir, file->name, US_SRC},
		                 "read extended attributes by way of /proc", ret);
		us_worker_lost(worker, file);
		return false;
	}
	if (ret < 0) {
		us_local_lose(worker, file, "read extended attributes", ret);
		return false;
	}
	return true;
}

bool us_local_claim(struct us_worker *worker, struct us_file *file)
{
	struct us_links *links = worker->job->links;
	int ret;

	if (file->settles && !us_identity_is(&file->claimed, &file->stx)) {
		us_local_settle(worker, file); /* Another file has its name by now: its fellows are not that one's. */
	}
	/*
	 * One that was begun as a file, or that a receiver was told of, stays one, though it has got another name
	 * since.
	 */
	if (links == NULL || file->settles || file->is_unlinkable || file->created || file->stx.stx_nlink < 2) {
		return true;
	}
	ret = us_links_claim(links, &file->stx, file->dir, file->name, file->dst_name, &file->target);
	switch (ret) {
	case US_LINK_FIRST:
		file->settles = true;
		file->claimed = us_identity_of(&file->stx);
		return true;
	case US_LINK_WAIT:
		us_worker_finished(worker, file);
		return false;
	case US_LINK_MAKE:
		file->kind = US_FILE_LINK;
		file->changes = 0;
		file->eof = true;
		us_worker_filled(worker, file);
		return false;
	default:
		us_local_lose(worker, file, "remember hard links", ret);
		return false;
	}
}

bool us_local_follows(const struct us_worker *worker, const struct us_file *file)
{
	switch (worker->job->options.follow) {
	case USYNC_FOLLOW_ALL:
		return true;
	case USYNC_FOLLOW_SOURCES:
		return file->dir->is_virtual;
	default:
		return false;
	}
}

/** True when FILE is a symbolic link, wherever it leads. */
static bool is_link(const struct us_file *file)
{
	struct statx stx;

	return us_statx(file->dir->fd[US_SRC], file->name, AT_SYMLINK_NOFOLLOW, &stx) == 0 &&
	       S_ISLNK(stx.stx_mode);
}

/** What kind of file MODE tells of. */
static enum us_file_kind kind_of(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return US_FILE_REGULAR;
	case S_IFLNK:
		return US_FILE_SYMLINK;
	default:
		return US_FILE_SPECIAL;
	}
}

/** False for what a process has open and no file system has: links in /proc lead to that. */
static bool has_type(mode_t mode)
{
	return S_ISREG(mode) || S_ISLNK(mode) || S_ISCHR(mode) || S_ISBLK(mode) || S_ISFIFO(mode) || S_ISSOCK(mode);
}

/** True when the size of a regular file leaves it out. */
static bool is_left_out(const struct us_worker *worker, const struct us_file *file)
{
	const struct usync_options *options = &worker->job->options;
	uint64_t size = file->stx.stx_size;

	return S_ISREG(file->stx.stx_mode) &&
	       (size < options->min_size || (options->max_size > 0 && size > options->max_size));
}

/** What it is, is known. */
static void after_stat(struct us_op *op, void *context)
{
	struct us_worker *worker = context;
	struct us_file *file = (struct us_file *)(void *)op;

	if (op->res == -ENOENT && us_local_follows(worker, file) && is_link(file)) {
		us_report_failed(worker, &(struct us_place){file->dir, file->name, US_SRC}, "follow link", op->res);
		us_worker_lost(worker, file);
		return;
	}
	if (op->res < 0) {
		us_local_lose(worker, file, "stat", op->res);
		return;
	}
	if (S_ISDIR(file->stx.stx_mode)) {
		us_local_lose(worker, file, "copy: it became a directory", 0);
		return;
	}
	if (!has_type(file->stx.stx_mode)) {
		us_local_lose(worker, file, "copy: it is no file of any type", 0);
		return;
	}
	file->kind = kind_of(file->stx.stx_mode);
	if (is_left_out(worker, file)) {
		skip(worker, file);
		return;
	}
	if (worker->job->transforms) {
		us_keep_transform(&worker->job->keep, &file->stx);
	}
	if (!us_local_claim(worker, file) || !us_local_read_xattrs(worker, file)) {
		return;
	}
	worker->job->sink->look(worker, file);
}

/**
 * True when the target of FILE, a symbolic link, is absolute or has more ".." than directories to come back from, at
 * any point of its way.
 */
static bool leads_out(const struct us_file *file)
{
	const char *part = file->data;
	long depth = 0;

	if (part[0] == '/' || part[0] == '\0') {
		return true;
	}
	for (const struct us_dir *d = file->dir; d->parent != NULL; d = d->parent) {
		depth++;
	}
	while (*part != '\0') {
		size_t length = strcspn(part, "/");

		if (length == 2 && part[0] == '.' && part[1] == '.') {
			if (--depth < 0) {
				return true;
			}
		} else if (length > 0 && !(length == 1 && part[0] == '.')) {
			depth++;
		}
		part += length;
		part += strspn(part, "/");
	}
	return false;
}

/** Read the target of a symbolic link. */
static void begin_symlink(struct us_worker *worker, struct us_file *file)
{
	int ret;

	if (file->data == NULL) {
		file->data = us_bufpool_get(&worker->bufs, PATH_MAX);
	}
	if (file->data == NULL) {
		us_worker_starve(worker, file);
		return;
	}
	ret = us_readlinkat(file->dir->fd[US_SRC], file->name, file->data, PATH_MAX);
	if (ret == PATH_MAX) {
		ret = -ENAMETOOLONG;
	}
	if (ret < 0) {
		us_local_lose(worker, file, "read link", ret);
		return;
	}
	file->data[ret] = '\0';
	if (worker->job->options.safe_links && leads_out(file)) {
		us_report_note(worker->job, "left out, for it leads out of the tree: %s", file->name);
		skip(worker, file);
		return;
	}
	file->eof = true;
	us_worker_filled(worker, file);
}

/** Nothing is to be read: hand FILE to the sink as it is. */
static void fill_empty(struct us_worker *worker, struct us_file *file)
{
	file->eof = true;
	us_worker_filled(worker, file);
}

void us_local_begin_contents(struct us_worker *worker, struct us_file *file)
{
	switch (file->kind) {
	case US_FILE_SYMLINK:
		begin_symlink(worker, file);
		break;
	case US_FILE_REGULAR:
		if (!worker->job->options.dry_run || file->verdict == US_VERDICT_COMPARE) {
			us_local_open_file(worker, file);
			break;
		}
		fill_empty(worker, file);
		break;
	default:
		fill_empty(worker, file);
		break;
	}
}

void us_local_looked(struct us_worker *worker, struct us_file *file)
{
	switch (file->verdict) {
	case US_VERDICT_SKIP:
		skip(worker, file);
		break;
	case US_VERDICT_SAME:
		file->kind = US_FILE_ATTRIBUTES;
		fill_empty(worker, file);
		break;
	case US_VERDICT_LINK:
		file->kind = US_FILE_REFERENCE;
		fill_empty(worker, file);
		break;
	case US_VERDICT_COPY:
	case US_VERDICT_COMPARE:
		/* They were not read of what was to be a link; of a regular file they are when it is open. */
		if (file->kind == US_FILE_REGULAR || us_local_read_xattrs(worker, file)) {
			us_local_begin_contents(worker, file);
		}
		break;
	}
}

void us_local_begin_entry(struct us_worker *worker)
{
	struct us_listing *listing = worker->slice->listing;
	const struct us_entry *entry = &listing->entries[worker->slice->next++];
	struct us_file *file = us_worker_take_file(worker);

	file->dir = listing->dir;
	file->splice = worker->job->splice;
	file->name = us_entry_name(listing, entry);
	file->dst_name = us_entry_dst_name(listing, entry);
	if (entry->type == DT_REG && file->dir->dst_new && !worker->job->looks) {
		file->changes = USYNC_CHANGE_NEW | USYNC_CHANGE_CONTENT;
		us_local_open_file(worker, file);
		return;
	}
	file->op = (struct us_op){
		.kind = US_OP_STATX,
		.fd = file->dir->fd[US_SRC],
		.path = file->name,
		.flags = us_local_follows(worker, file) ? 0 : AT_SYMLINK_NOFOLLOW,
		.buf = &file->stx,
		.done = after_stat,
	};
	us_io_run(&worker->io, &file->op, worker);
}

/** Give the names that waited back to the feed, those of one directory together. */
static void begin_again(struct us_worker *worker, struct us_link_waiter *waiters)
{
	while (waiters != NULL) {
		struct us_dir *dir = waiters->dir;
		struct us_listing *listing = us_listing_new(dir);
		int ret = listing != NULL ? us_dircache_pin(&worker->job->dirs, dir) : -ENOMEM;
		bool pinned = listing != NULL && ret == 0;

		for (bool first = true; waiters != NULL && waiters->dir == dir; first = false) {
			struct us_link_waiter *next = waiters->next;

			if (ret == 0) {
				ret = us_listing_add(listing, 0, DT_UNKNOWN, waiters->name, waiters->dst_name);
			}
			if (ret < 0) {
				us_report_failed(worker, &(struct us_place){dir, waiters->name, US_SRC},
				                 "make hard link", ret);
			}
			free(waiters);
			waiters = next;
			if (!first) {
				us_worker_put_dir(worker, dir); /* The listing stands for the first one's share. */
			}
		}
		if (pinned) {
			atomic_fetch_add_explicit(&worker->job->nr_listings, 1, memory_order_relaxed);
			us_local_hand_out(worker, listing);
			continue;
		}
		if (listing != NULL) {
			us_listing_free(listing);
		}
		us_worker_put_dir(worker, dir);
	}
}

void us_local_settle(struct us_worker *worker, struct us_file *file)
{
	char *target = file->done ? us_dir_relative_path(file->dir, file->dst_name) : NULL;

	if (file->done && target == NULL) {
		us_report_failed(worker, &(struct us_place){file->dir, file->name, US_SRC}, "remember hard links",
		                 -ENOMEM);
	}
	file->settles = false;
	begin_again(worker, us_links_settle(worker->job->links, &file->claimed, target));
}
