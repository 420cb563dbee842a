/* SPDX-License-Identifier: MIT */
/*
 * The block: one record after another, each a name with its NUL, four bytes of length, and the value.  They stand in
 * the order that the kernel lists them in, which two file systems need not share.
 *
 * A name in a directory is reached by way of /proc/self/fd, for before Linux 6.13 there are no calls that take a
 * directory's descriptor; its last part is not followed (the l... calls).
 */
#include "core/xattrs.h"

#include "base/us.h"
#include "sys/call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/** Most bytes of a list of names, and of a value (xattr(7)). */
#define XATTR_SIZE_LIMIT 65536u

struct us_xattrs {
	size_t size;
	size_t max;
	char records[];
};

/** One record of a block. */
struct record {
	const char *name;
	const char *value;
	uint32_t length;
};

/** Which kind an attribute is of. */
static unsigned int kind_of(const char *name)
{
	return strncmp(name, "system.posix_acl_", 17) == 0 ? US_XATTR_ACL : US_XATTR_OTHER;
}

/** Attributes that a file system makes up by itself and that say nothing about the file to another one. */
static bool is_foreign(const char *name)
{
	if (strncmp(name, "trusted.SGI_ACL_", 16) == 0) {
		return true; /* XFS shows its ACLs to root a second time, in a form of its own. */
	}
	return strncmp(name, "system.", 7) == 0 && kind_of(name) != US_XATTR_ACL;
}

/** Take the record at *AT; moves *AT on.  @return false at the end. */
static bool next_record(const struct us_xattrs *xattrs, size_t *at, struct record *record)
{
	if (xattrs == NULL || *at >= xattrs->size) {
		return false;
	}
	record->name = xattrs->records + *at;
	*at += strlen(record->name) + 1;
	memcpy(&record->length, xattrs->records + *at, sizeof(record->length));
	*at += sizeof(record->length);
	record->value = xattrs->records + *at;
	*at += record->length;
	return true;
}

/** Find an attribute by name. */
static bool find(const struct us_xattrs *xattrs, const char *name, struct record *record)
{
	size_t at = 0;

	while (next_record(xattrs, &at, record)) {
		if (strcmp(record->name, name) == 0) {
			return true;
		}
	}
	return false;
}

/** Add a record, unless there is one of that name: what is listed twice, or sent so, counts as it came first. */
static int add(struct us_xattrs **xattrs, const char *name, const char *value, uint32_t length)
{
	struct record same;
	size_t name_size = strlen(name) + 1;
	size_t old = *xattrs != NULL ? (*xattrs)->size : 0;
	size_t size = old + name_size + sizeof(length) + length;
	char *at;

	if (find(*xattrs, name, &same)) {
		return 0;
	}
	if (*xattrs == NULL || size > (*xattrs)->max) {
		size_t max = size * 2;
		struct us_xattrs *grown = realloc(*xattrs, sizeof(*grown) + max);

		if (grown == NULL) {
			return -ENOMEM;
		}
		grown->max = max;
		*xattrs = grown;
	}
	at = (*xattrs)->records + old;
	memcpy(at, name, name_size);
	memcpy(at + name_size, &length, sizeof(length));
	memcpy(at + name_size + sizeof(length), value, length);
	(*xattrs)->size = size;
	return 0;
}

const void *us_xattrs_export(const struct us_xattrs *xattrs, size_t *size)
{
	*size = xattrs != NULL ? xattrs->size : 0;
	return xattrs != NULL ? xattrs->records : NULL;
}

int us_xattrs_import(const void *data, size_t size, unsigned int kinds, bool user_only, struct us_xattrs **out)
{
	const char *at = data;
	const char *end = at + size;
	size_t names = 0;
	int ret = 0;

	*out = NULL;
	while (ret == 0 && at < end) {
		const char *name = at;
		const char *nul = memchr(at, 0, (size_t)(end - at));
		uint32_t length;

		if (nul == NULL || nul == name || nul - name > 255 || (size_t)(end - nul - 1) < sizeof(length)) {
			ret = -EBADMSG;
			break;
		}
		memcpy(&length, nul + 1, sizeof(length));
		names += (size_t)(nul + 1 - name);
		at = nul + 1 + sizeof(length);
		if (names > XATTR_SIZE_LIMIT || length > XATTR_SIZE_LIMIT || length > (size_t)(end - at)) {
			ret = -EBADMSG;
			break;
		}
		if ((kind_of(name) & kinds) != 0 && !is_foreign(name) &&
		    (!user_only || kind_of(name) == US_XATTR_ACL || strncmp(name, "user.", 5) == 0)) {
			ret = add(out, name, at, length);
		}
		at += length;
	}
	if (ret < 0) {
		free(*out);
		*out = NULL;
	}
	return ret;
}

/** The names that FILE has; *LIST is to be freed.  @return their bytes, 0 for none, or a negative errno. */
static int list_names(const struct us_handle *file, char **list)
{
	char few[256];
	int ret = us_listxattr(file->fd, file->name, few, sizeof(few));

	*list = NULL;
	if (ret == -EOPNOTSUPP) {
		return 0;
	}
	if (ret == 0 || (ret < 0 && ret != -ERANGE)) {
		return ret;
	}
	*list = malloc(XATTR_SIZE_LIMIT);
	if (*list == NULL) {
		return -ENOMEM;
	}
	if (ret > 0) {
		memcpy(*list, few, (size_t)ret);
		return ret;
	}
	return us_listxattr(file->fd, file->name, *list, XATTR_SIZE_LIMIT);
}

/** Read one attribute into the block; one that vanished, or may not be read though it is listed, is left out. */
static int read_one(const struct us_handle *file, const char *name, char *value, struct us_xattrs **out)
{
	int ret = us_getxattr(file->fd, file->name, name, value, XATTR_SIZE_LIMIT);

	if (ret == -ENODATA) {
		return 0;
	}
	return ret < 0 ? ret : add(out, name, value, (uint32_t)ret);
}

int us_xattrs_read(const struct us_handle *file, unsigned int kinds, struct us_xattrs **out)
{
	char *list;
	char *value;
	int length = list_names(file, &list);
	int ret = 0;

	*out = NULL;
	if (length <= 0) {
		free(list);
		return length;
	}
	value = malloc(XATTR_SIZE_LIMIT);
	if (value == NULL) {
		ret = -ENOMEM;
	}
	for (const char *name = list; ret == 0 && name < list + length; name += strlen(name) + 1) {
		if ((kind_of(name) & kinds) != 0 && !is_foreign(name)) {
			ret = read_one(file, name, value, out);
		}
	}
	if (ret < 0) {
		free(*out);
		*out = NULL;
	}
	free(value);
	free(list);
	return ret;
}

/** True when each attribute of KINDS in A is in B, too. */
static bool is_in(const struct us_xattrs *a, const struct us_xattrs *b, unsigned int kinds)
{
	struct record left;
	struct record right;
	size_t at = 0;

	while (next_record(a, &at, &left)) {
		if ((kind_of(left.name) & kinds) == 0) {
			continue;
		}
		if (!find(b, left.name, &right) || left.length != right.length ||
		    memcmp(left.value, right.value, left.length) != 0) {
			return false;
		}
	}
	return true;
}

bool us_xattrs_equal(const struct us_xattrs *a, const struct us_xattrs *b, unsigned int kinds)
{
	return is_in(a, b, kinds) && is_in(b, a, kinds);
}

/** Keep the first error of a kind. */
static void note(struct us_xattrs_result *result, const char *name, int error)
{
	int *first = kind_of(name) == US_XATTR_ACL ? &result->acl : &result->other;

	if (*first == 0) {
		*first = error;
	}
}

/** Remove what FILE has and WANT has not. */
static void remove_others(const struct us_handle *file, const struct us_xattrs *want, unsigned int kinds,
                          struct us_xattrs_result *result)
{
	struct record record;
	char *list;
	int length = list_names(file, &list);

	for (const char *name = list; length > 0 && name < list + length; name += strlen(name) + 1) {
		if ((kind_of(name) & kinds) != 0 && !is_foreign(name) && !find(want, name, &record)) {
			int ret = us_removexattr(file->fd, file->name, name);

			note(result, name, ret == -ENODATA ? 0 : ret);
		}
	}
	if (length < 0) {
		result->other = length;
	}
	free(list);
}

struct us_xattrs_result us_xattrs_write(const struct us_handle *file, const struct us_xattrs *want,
                                        unsigned int kinds, bool exact)
{
	struct us_xattrs_result result = {0};
	struct record record;
	size_t at = 0;

	if (exact) {
		remove_others(file, want, kinds, &result);
	}
	while (next_record(want, &at, &record)) {
		if ((kind_of(record.name) & kinds) != 0) {
			note(&result, record.name,
			     us_setxattr(file->fd, file->name, record.name, record.value, record.length));
		}
	}
	return result;
}
