/* SPDX-License-Identifier: MIT */
/**
 * @file local_sink.h
 * A sink that makes a directory tree on this machine.
 */
#ifndef US_CORE_LOCAL_SINK_H
#define US_CORE_LOCAL_SINK_H

#include "core/dir.h"
#include "core/sink.h"
#include "core/tempname.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

struct us_dir;
struct us_handle;
struct us_place;
struct usync_job;

extern const struct us_sink_ops us_local_sink;

/* The parts of it; see the .c files. */

/** local_mkdir.c: members of us_local_sink. */
void us_local_open_dst(struct us_worker *worker, struct us_dir_open *opening);
void us_local_finish_dst(struct us_worker *worker, struct us_dir *dir);

/** local_look.c: member of us_local_sink. */
void us_local_look(struct us_worker *worker, struct us_file *file);

/**
 * local_look.c: true when the update rules leave FILE, a further name of a copied inode, out.  Waits for the
 * destination's answer, if there are such rules.
 */
bool us_local_is_left_out(const struct us_worker *worker, const struct us_file *file);

/** local_look.c: the directory that holds what FILE is compared with: the destination's, or an earlier copy's. */
int us_local_compared_dir(const struct us_file *file);

/**
 * local_look.c: hold the part in hand of FILE against what is in the destination.
 * @return 1 when they are the same, 0 when not, or a negative errno.
 */
int us_local_compare_part(struct us_worker *worker, struct us_file *file);

/**
 * local_look.c: add to CHANGES which extended attributes of FILE differ from those of its name in DIRFD.
 * @return 0 or a negative errno.
 */
int us_local_xattr_changes(const struct us_worker *worker, const struct us_file *file, int dirfd, uint32_t *changes);

/**
 * local_look.c: true when FILE's changes would reach another name as well: what is there is one inode with that, and
 * nothing says that the source has the two as one.
 */
bool us_local_shares_changes(const struct us_file *file);

/** local_look.c: the same for the target of a symbolic link. */
int us_local_compare_symlink(const struct us_file *file);

/** local_attributes.c: the permission bits to make FILE with: never more than it will have. */
mode_t us_local_create_mode(const struct us_worker *worker, const struct us_file *file);

/**
 * local_attributes.c: give what was just made of FILE its attributes.
 * @return false when it counts as failed now.
 */
bool us_local_set_new(struct us_worker *worker, const struct us_place *place, struct us_file *file,
                      const struct us_handle *handle);

/** local_attributes.c: set those that differ, of a FILE whose contents are right, and let it go. */
void us_local_put_attributes(struct us_worker *worker, struct us_file *file);

/** local_make.c: make what is no regular file, or replace what stands there, and let it go. */
void us_local_make(struct us_worker *worker, struct us_file *file);

/** local_mkdir.c: note in DIR, whose source is known, what its open destination is. */
void us_local_know_dst(const struct usync_job *job, struct us_dir *dir, const struct statx *dst);

/**
 * local_mkdir.c: let the owner write in the destination of DIR, until the end sets its mode.
 * @return true when he could not before.
 */
bool us_local_admit_owner(struct us_dir *dir);

/**
 * local_mkdir.c: what differs between DIR's source and its destination, which is NOW.
 * @return USYNC_CHANGE_ bits, or 0 after a failure that was reported.
 */
uint32_t us_local_dir_changes(struct us_worker *worker, struct us_dir *dir, const struct statx *now);

/** local_mkdir.c: true when new entries of the open directory FD take a default ACL. */
bool us_local_has_default_acl(int fd);

/** local_write.c: true when there may be something of FILE in the destination. */
bool us_local_is_begun(const struct us_file *file);

/** local_write.c: make FILE, which is not begun, in the destination; the answer waits for us_local_write(). */
void us_local_create(struct us_worker *worker, struct us_file *file);

/** local_write.c: member of us_local_sink, and of us_dry_sink. */
void us_local_restart(struct us_worker *worker, struct us_file *file);

/** local_write.c: member of us_local_sink. */
void us_local_abandon(struct us_worker *worker, struct us_file *file);

/** local_write.c: write away one part of a file that is open or was just made. */
void us_local_write(struct us_worker *worker, struct us_file *file);

/** local_write.c: a name for what is to be renamed when it is complete; NUMBER is new in this worker. */
void us_local_temp_name(const struct us_worker *worker, uint64_t number, char name[US_TEMP_SIZE]);

/** local_write.c: the temporary name that FILE has. */
void us_local_temp_of(const struct us_worker *worker, const struct us_file *file, char name[US_TEMP_SIZE]);

/** local_write.c: see us_sink_ops.resume. */
void us_local_resume(struct us_worker *worker, struct us_file *file);

/**
 * local_replace.c: a directory has FILE's name: delete it, if the user lets us.
 *
 * @param[in,out] what  What can't be done; set when that can be told better.
 * @return 0 when there is none (any more), or a negative errno: -EISDIR.
 */
int us_local_make_way(struct us_worker *worker, struct us_file *file, const char **what);

/**
 * local_replace.c: let FILE, complete under its temporary name, take its own; what it replaces is backed up, if the
 * user wants that.
 *
 * @param[out] what  What failed.
 * @return 0 or a negative errno: then what there was has its name still, and FILE the temporary one.
 */
int us_local_take_name(struct us_worker *worker, struct us_file *file, const char **what);

/** local_replace.c: the directory for FILE's temporary name, which is noted in it. */
int us_local_temp_dir(const struct us_worker *worker, struct us_file *file);

/** local_replace.c: true when FILE's temporary name is not beside its own. */
bool us_local_is_elsewhere(const struct us_worker *worker, const struct us_file *file);

/** local_replace.c: no rename leads from the temporary directory to where FILE belongs: use it no more. */
void us_local_leave_temp_dir(struct us_worker *worker, struct us_file *file);

/** local_make.c: true for the errors that say that a hard link is not to be had there. */
bool us_local_has_no_link(int error);

/** local_make.c: FILE was to become a hard link, which does not go: copy it. */
void us_local_copy_instead(struct us_worker *worker, struct us_file *file, int error);

/** local_write.c: FILE failed on the destination: report it, remove it, and let it go. */
void us_local_fail(struct us_worker *worker, struct us_file *file, const char *what, int error);

#endif /* US_CORE_LOCAL_SINK_H */
