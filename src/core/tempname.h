/* SPDX-License-Identifier: MIT */
/**
 * @file tempname.h
 * Whose temporary files are: a name says which run made it, and a lock whether that run lives.
 *
 * A name is ".uring-sync." and three hexadecimal numbers, of the run, its worker and its file.  The upper bits of a
 * run's number stand for the kernel that it runs under since that was started, the others are random.  A run that has
 * temporary files in a directory holds a read lock on it (fcntl(2), F_OFD_SETLK), of the one byte that has the run's
 * number for its place.  So who finds a file asks for that lock, without taking it.  It ends with the run, however
 * that ends, and no number is ever given to another.
 *
 * Locks on directories are the kernel's own business: other machines don't see them on a network file system.  There
 * what is not this kernel's counts as in use until no one has touched it for a day.
 */
#ifndef US_CORE_TEMPNAME_H
#define US_CORE_TEMPNAME_H

#include <stdbool.h>
#include <stdint.h>

/** Every temporary name begins so. */
#define US_TEMP_PREFIX ".uring-sync."

/** Room for any temporary name, with its NUL. */
#define US_TEMP_SIZE 64

/** Write the temporary name of RUN's file NUMBER of WORKER, each of which is new. */
void us_tempname_make(char name[US_TEMP_SIZE], uint64_t run, unsigned int worker, uint64_t number);

/** A number for a run that no other has. */
uint64_t us_tempname_new_run(void);

/** True when NAME is one that some run makes for a temporary file: of which is told in *RUN. */
bool us_tempname_parse(const char *name, uint64_t *run);

/** RUN has, or will have, temporary files in the directory DIRFD, open for reading, until that is closed. */
void us_tempname_hold(int dirfd, uint64_t run);

/** What is known of a temporary file's run. */
enum us_tempname_state {
	US_TEMPNAME_DEAD,
	US_TEMPNAME_ALIVE,
	US_TEMPNAME_UNKNOWN, /**< It may live: on another machine, or where locks can't be asked for. */
};

/**
 * What is known of RUN, of which DIRFD has the temporary file NAME; ask after its name was seen.  For runs other than
 * the caller's.  @return an enum us_tempname_state, or a negative errno when something broke.
 */
int us_tempname_state(int dirfd, const char *name, uint64_t run);

/** True when a run other than the caller's holds the directory DIRFD, or may. */
bool us_tempname_has_run(int dirfd);

#endif /* US_CORE_TEMPNAME_H */
