/* SPDX-License-Identifier: MIT */
/**
 * @file reference.h
 * References (--link-dest): earlier copies of the same tree.  What is new in the destination and the same in one of
 * them, attributes and all, becomes a hard link to it; they are searched in the order in which they were given.
 */
#ifndef US_CORE_REFERENCE_H
#define US_CORE_REFERENCE_H

#include <stdbool.h>

struct us_dir;
struct us_dir_open;
struct us_file;
struct us_worker;

/** Open the references' directories of the same name as OPENING's, as far as there are any. */
void us_reference_open_dir(struct us_worker *worker, struct us_dir_open *opening);

/**
 * FILE is new, and there is a reference of its directory: settles file->verdict, then us_worker_looked(), at once or
 * when its op is done.
 */
void us_reference_look(struct us_worker *worker, struct us_file *file);

/**
 * FILE's contents are not those of the reference that it was compared with.  Makes plain calls.
 *
 * @return true when there is a further one to compare them with, from their start.
 */
bool us_reference_next(struct us_worker *worker, struct us_file *file);

/** NAME in DIR (NULL: DIR itself) could not be read in the reference: say so, once a run. */
void us_reference_note_error(struct us_worker *worker, const struct us_dir *dir, const char *name, int error);

/** FILE is the same in a reference: make the link and let it go; where that can't be, copy it. */
void us_reference_link(struct us_worker *worker, struct us_file *file);

#endif /* US_CORE_REFERENCE_H */
