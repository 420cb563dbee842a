/* SPDX-License-Identifier: MIT */
/**
 * @file backup.h
 * --backup: what is replaced or deleted keeps living under its name with a suffix.
 */
#ifndef US_CORE_BACKUP_H
#define US_CORE_BACKUP_H

#include <stdbool.h>

struct us_dir;
struct us_worker;
struct usync_job;

/** True when NAME is one that a backup has. */
bool us_backup_is_one(const struct usync_job *job, const char *name);

/**
 * Give what NAME in the destination of DIR stands for its backup's name too, so that there is no moment without a
 * NAME.  Where the file system has no hard links, it is moved there.
 *
 * @return 0, also when there is nothing of that name; 1 when it was moved; or a negative errno.
 */
int us_backup_keep(struct us_worker *worker, struct us_dir *dir, const char *name);

/** Take back what us_backup_keep() did when it answered 1.  @return 0 or a negative errno. */
int us_backup_undo(struct us_worker *worker, int dirfd, const char *name);

/** Rename NAME in DIRFD to its backup's name.  @return 0 or a negative errno. */
int us_backup_move(struct us_worker *worker, int dirfd, const char *name);

#endif /* US_CORE_BACKUP_H */
