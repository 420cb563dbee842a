/* SPDX-License-Identifier: MIT */
/**
 * @file dents.h
 * Directory entries as the kernel gives them (getdents64(2)), with places to come back to.
 */
#ifndef US_SYS_DENTS_H
#define US_SYS_DENTS_H

#include <stddef.h>
#include <stdint.h>

/** One entry.  "." and ".." are left out. */
struct us_dent {
	uint64_t ino;
	int64_t next;      /**< Where to go on after this entry; for us_dents_begin(). */
	const char *name;  /**< Valid until the next us_dents_next(). */
	uint16_t length;   /**< strlen(name). */
	unsigned char type; /**< DT_*; DT_UNKNOWN where the file system does not say. */
};

/** A buffer of entries, for one directory after another. */
struct us_dents {
	int fd;
	char *buf;
	size_t size;
	size_t pos;
	size_t end;
};

/** @return 0 or -ENOMEM. */
int us_dents_init(struct us_dents *dents);
void us_dents_fini(struct us_dents *dents);

/**
 * Begin to read the open directory FD (borrowed until the last us_dents_next()) at WHERE: 0 for its start,
 * or a dent's next.
 *
 * @return 0 or a negative errno.
 */
int us_dents_begin(struct us_dents *dents, int fd, int64_t where);

/** @return 1 and the next entry, 0 at the end of the directory, or a negative errno. */
int us_dents_next(struct us_dents *dents, struct us_dent *dent);

#endif /* US_SYS_DENTS_H */
