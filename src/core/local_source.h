/* SPDX-License-Identifier: MIT */
/**
 * @file local_source.h
 * A source that walks a directory tree of this machine.
 */
#ifndef US_CORE_LOCAL_SOURCE_H
#define US_CORE_LOCAL_SOURCE_H

#include "core/source.h"

#include <stdbool.h>
#include <stdint.h>

struct us_dir;
struct us_listing;

extern const struct us_source_ops us_local_source;

/* The parts of it; see the .c files. */

/** local_walk.c: open DIR on both sides, when its turn has come.  Takes over its first share in pending. */
void us_local_open_dir(struct us_worker *worker, struct us_dir *dir);

/** local_walk.c: list an open DIR from where it stands, and make tasks of it.  Takes over one pin and one share. */
void us_local_list(struct us_worker *worker, struct us_dir *dir);

/** local_walk.c: make slices of LISTING, one of which becomes the worker's.  Takes over its reference. */
void us_local_hand_out(struct us_worker *worker, struct us_listing *listing);

/** local_walk.c: give the second half of the worker's slice away, when it is worth a task of its own. */
void us_local_share_slice(struct us_worker *worker);

/** local_begin.c: begin the next entry of the worker's slice. */
void us_local_begin_entry(struct us_worker *worker);

/** local_begin.c: true when FILE, should it be a symbolic link, is what that leads to. */
bool us_local_follows(const struct us_worker *worker, const struct us_file *file);

/** local_begin.c: member of us_local_source. */
void us_local_looked(struct us_worker *worker, struct us_file *file);

/** local_begin.c: get FILE's contents, or what stands for them, on their way; also when it had no memory before. */
void us_local_begin_contents(struct us_worker *worker, struct us_file *file);

/** local_begin.c: FILE could not be begun or read: report it and take it out. */
void us_local_lose(struct us_worker *worker, struct us_file *file, const char *what, int error);

/** local_begin.c: keep the extended attributes of FILE for the sink.  @return false when it was lost by that. */
bool us_local_read_xattrs(struct us_worker *worker, struct us_file *file);

/**
 * local_begin.c: see whether FILE is another name of a file that came before.
 * @return false when its way is another one from here on.
 */
bool us_local_claim(struct us_worker *worker, struct us_file *file);

/** local_begin.c: FILE is at its end: let the other names of its inode go on. */
void us_local_settle(struct us_worker *worker, struct us_file *file);

/** local_read.c: open FILE and read it. */
void us_local_open_file(struct us_worker *worker, struct us_file *file);

/** local_read.c: the members of us_local_source. */
void us_local_more(struct us_worker *worker, struct us_file *file);
void us_local_close(struct us_worker *worker, struct us_file *file);

#endif /* US_CORE_LOCAL_SOURCE_H */
