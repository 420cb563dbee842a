/* SPDX-License-Identifier: MIT */
/**
 * @file xattrs.h
 * The extended attributes of one file as one block of memory, to be carried from the source to the sink.
 * POSIX ACLs are extended attributes too (system.posix_acl_*, in the kernel's own form).
 */
#ifndef US_CORE_XATTRS_H
#define US_CORE_XATTRS_H

#include "core/dir.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct us_xattrs;

/** Attributes of which one thing is said: bits. */
enum {
	US_XATTR_ACL = 1,   /**< system.posix_acl_access, system.posix_acl_default */
	US_XATTR_OTHER = 2, /**< All others. */
};

/** A file: FD itself when name is NULL, else NAME in the directory FD, not followed if it is a link. */
struct us_handle {
	int fd;
	const char *name;
};

/**
 * Read the attributes of KINDS that FILE has.
 *
 * @param[out] out  NULL when it has none (or its file system has none at all); to be freed with free(3).
 * @return 0 or a negative errno.
 */
int us_xattrs_read(const struct us_handle *file, unsigned int kinds, struct us_xattrs **out);

/** True when both hold the same attributes of KINDS; either may be NULL. */
bool us_xattrs_equal(const struct us_xattrs *a, const struct us_xattrs *b, unsigned int kinds);

/** The bytes that XATTRS (may be NULL) takes in one piece, and where it begins: see us_xattrs_import(). */
const void *us_xattrs_export(const struct us_xattrs *xattrs, size_t *size);

/**
 * Make a block of SIZE bytes that us_xattrs_export() gave, perhaps on another machine: nothing in it is believed.
 *
 * @param kinds      Others are left out.
 * @param user_only  Of those that are no ACL, only those that any owner may set (user.*).
 * @param[out] out   NULL when there are none; to be freed with free(3).
 * @return 0, -EBADMSG when it is no such block, or -ENOMEM.
 */
int us_xattrs_import(const void *data, size_t size, unsigned int kinds, bool user_only, struct us_xattrs **out);

/** What us_xattrs_write() could not do, by kind. */
struct us_xattrs_result {
	int acl;   /**< 0 or the first negative errno. */
	int other;
};

/**
 * Give FILE the attributes WANT (may be NULL) of KINDS.
 *
 * @param exact  FILE may have others: those are removed.
 */
struct us_xattrs_result us_xattrs_write(const struct us_handle *file, const struct us_xattrs *want,
                                        unsigned int kinds, bool exact);

#endif /* US_CORE_XATTRS_H */
