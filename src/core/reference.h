/* SPDX-License-Identifier: MIT */
/**
 * @file reference.h
 * The reference (--link-dest): an earlier copy of the same tree.  What is new in the destination and the same there,
 * attributes and all, becomes a hard link to it.
 */
#ifndef US_CORE_REFERENCE_H
#define US_CORE_REFERENCE_H

struct us_dir;
struct us_dir_open;
struct us_file;
struct us_worker;

/** Open the reference's directory of the same name as OPENING's, if there is one. */
void us_reference_open_dir(struct us_worker *worker, struct us_dir_open *opening);

/**
 * FILE is new, and there is a reference of its directory: settles file->verdict, then us_worker_looked(), at once or
 * when its op is done.
 */
void us_reference_look(struct us_worker *worker, struct us_file *file);

/** NAME in DIR (NULL: DIR itself) could not be read in the reference: say so, once a run. */
void us_reference_note_error(struct us_worker *worker, const struct us_dir *dir, const char *name, int error);

/** FILE is the same in the reference: make the link and let it go; where that can't be, copy it. */
void us_reference_link(struct us_worker *worker, struct us_file *file);

#endif /* US_CORE_REFERENCE_H */
