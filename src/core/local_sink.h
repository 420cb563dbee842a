/* SPDX-License-Identifier: MIT */
/**
 * @file local_sink.h
 * A sink that makes a directory tree on this machine.
 */
#ifndef US_CORE_LOCAL_SINK_H
#define US_CORE_LOCAL_SINK_H

#include "core/sink.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

struct usync_job;

extern const struct us_sink_ops us_local_sink;

/** Every temporary name begins so. */
#define US_TEMP_PREFIX ".uring-sync."

/** Room for any temporary name, with its NUL. */
#define US_TEMP_SIZE 64

/* The parts of it; see the .c files. */

/** local_mkdir.c: members of us_local_sink. */
void us_local_open_dst(struct us_worker *worker, struct us_dir_open *opening);
void us_local_finish_dst(struct us_worker *worker, struct us_dir *dir);

/**
 * local_write.c: the permission bits of SRC for the copy DST.  Set-user-ID and set-group-ID are a grant by the
 * owner to a group, so they go only to a copy that has the same owner and group.
 */
mode_t us_local_kept_mode(const struct statx *src, const struct statx *dst);

/**
 * local_mkdir.c: note in DIR what its open destination is (DST), and what the source's mode (SRC) comes to there.
 */
void us_local_know_dst(struct us_dir *dir, const struct statx *src, const struct statx *dst);

/**
 * local_mkdir.c: let the owner into FD, the destination of DIR, until the end sets its mode: it may be a read-only
 * directory of an earlier copy.
 */
void us_local_admit_owner(struct us_dir *dir, int fd);

/** local_mkdir.c: true when new entries of the open directory FD take a default ACL. */
bool us_local_has_default_acl(int fd);

/** local_write.c: true when there may be something of FILE in the destination. */
bool us_local_is_begun(const struct us_file *file);

/** local_write.c: make FILE, which is not begun, in the destination; the answer waits for us_local_write(). */
void us_local_create(struct us_worker *worker, struct us_file *file);

/** local_write.c: member of us_local_sink. */
void us_local_abandon(struct us_worker *worker, struct us_file *file);

/** local_write.c: write away one part of a file that is open or was just made. */
void us_local_write(struct us_worker *worker, struct us_file *file);

/** local_write.c: a new name in the directory of FILE, to be renamed when it is complete. */
void us_local_temp_name(const struct us_worker *worker, const struct us_file *file, char name[US_TEMP_SIZE]);

/** local_write.c: FILE failed on the destination: report it, remove it, and let it go. */
void us_local_fail(struct us_worker *worker, struct us_file *file, const char *what, int error);

#endif /* US_CORE_LOCAL_SINK_H */
