/* SPDX-License-Identifier: MIT */
/**
 * @file backup.h
 * --backup: what is replaced or deleted keeps living under its name with a suffix.
 *
 * The source may have an entry of that very name, as an editor's `f~` beside `f`: it is asked, and where it is on
 * another machine those are remembered that were met.  A backup that would take the place of one, or of a directory, a
 * file that this run uses or another file's backup of this run, gets the suffix once more.
 */
#ifndef US_CORE_BACKUP_H
#define US_CORE_BACKUP_H

#include <limits.h>
#include <stdbool.h>

struct us_backups;
struct us_dir;
struct us_worker;
struct usync_job;

/** @return a memory without any names, or NULL without memory. */
struct us_backups *us_backups_new(void);
void us_backups_free(struct us_backups *backups);

/** True when NAME is one that a backup has. */
bool us_backup_is_one(const struct usync_job *job, const char *name);

/**
 * NAME in the destination of DIR, which is pinned, is an entry of the source: from now on no backup takes its place.
 * To be called before what is there now is looked at.  For any thread.
 */
void us_backup_meet(struct usync_job *job, const struct us_dir *dir, const char *name);

/**
 * Give what NAME in the destination of DIR stands for its backup's name too, so that there is no moment without a
 * NAME.  Where the file system has no hard links, it is moved there.
 *
 * @param[out] backup  That name.
 * @return 0, also when there is nothing of that name; 1 when it was moved; or a negative errno.
 */
int us_backup_keep(struct us_worker *worker, struct us_dir *dir, const char *name, char backup[NAME_MAX + 1]);

/** Take back what us_backup_keep() did when it answered 1.  @return 0 or a negative errno. */
int us_backup_undo(struct us_worker *worker, int dirfd, const char *name, const char *backup);

/**
 * Rename NAME in DIRFD to its backup's name.
 *
 * @param src_fd  The source's directory, or -1: us_backup_source().
 * @return 0 or a negative errno.
 */
int us_backup_move(struct us_worker *worker, int dirfd, int src_fd, const char *name);

/** The source's directory of DIR, which is pinned, if a name in there gets the same one in the destination; or -1. */
int us_backup_source(const struct us_dir *dir);

#endif /* US_CORE_BACKUP_H */
