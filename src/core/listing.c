/* SPDX-License-Identifier: MIT */
/* Entries of 16 bytes and one block of names: a quarter of a million entries take about 8 MiB. */
#include "core/listing.h"

#include "base/us.h"

#include <stdlib.h>
#include <string.h>

/** Room to begin with; most directories need no more. */
#define ENTRIES_FIRST 128u
#define NAMES_FIRST 4096u

struct us_listing *us_listing_new(struct us_dir *dir)
{
	struct us_listing *listing = calloc(1, sizeof(*listing));

	if (listing == NULL) {
		return NULL;
	}
	listing->dir = dir;
	listing->max_entries = ENTRIES_FIRST;
	listing->names_max = NAMES_FIRST;
	listing->entries = malloc(ENTRIES_FIRST * sizeof(struct us_entry));
	listing->names = malloc(NAMES_FIRST);
	atomic_init(&listing->refs, 1);
	pthread_mutex_init(&listing->turn, NULL);
	if (listing->entries == NULL || listing->names == NULL) {
		us_listing_free(listing);
		return NULL;
	}
	return listing;
}

void us_listing_free(struct us_listing *listing)
{
	pthread_mutex_destroy(&listing->turn);
	free(listing->entries);
	free(listing->names);
	free(listing);
}

/** Make room for one more entry. */
static int grow_entries(struct us_listing *listing)
{
	size_t max = listing->max_entries * 2;
	struct us_entry *entries;

	if (listing->nr_entries < listing->max_entries) {
		return 0;
	}
	entries = reallocarray(listing->entries, max, sizeof(*entries));
	if (entries == NULL) {
		return -ENOMEM;
	}
	listing->entries = entries;
	listing->max_entries = max;
	return 0;
}

/** Make room for SIZE more bytes of names. */
static int grow_names(struct us_listing *listing, size_t size)
{
	size_t max = listing->names_max;
	char *names;

	while (max - listing->names_size < size) {
		max *= 2;
	}
	if (max == listing->names_max) {
		return 0;
	}
	if (max > UINT32_MAX) {
		return -ENOMEM;
	}
	names = realloc(listing->names, max);
	if (names == NULL) {
		return -ENOMEM;
	}
	listing->names = names;
	listing->names_max = max;
	return 0;
}

int us_listing_add(struct us_listing *listing, uint64_t ino, uint8_t type, const char *name,
                   const char *dst_name)
{
	size_t length = strlen(name) + 1;
	size_t dst_length = dst_name != NULL ? strlen(dst_name) + 1 : 0;

	if (length > UINT16_MAX) {
		return -ENAMETOOLONG;
	}
	if (grow_entries(listing) < 0 || grow_names(listing, length + dst_length) < 0) {
		return -ENOMEM;
	}
	listing->entries[listing->nr_entries++] = (struct us_entry){
		.ino = ino,
		.name = (uint32_t)listing->names_size,
		.dst_shift = (uint16_t)(dst_name != NULL ? length : 0),
		.type = type,
	};
	memcpy(listing->names + listing->names_size, name, length);
	listing->names_size += length;
	if (dst_name != NULL) {
		memcpy(listing->names + listing->names_size, dst_name, dst_length);
		listing->names_size += dst_length;
	}
	return 0;
}

size_t us_listing_bytes(const struct us_listing *listing)
{
	return listing->nr_entries * sizeof(struct us_entry) + listing->names_size;
}

/** Order of two entries for qsort(3): by inode. */
static int compare_inodes(const void *left, const void *right)
{
	const struct us_entry *a = left;
	const struct us_entry *b = right;

	return (a->ino > b->ino) - (a->ino < b->ino);
}

/** The same for qsort_r(3), by name; NAMES are the listing's. */
static int compare_names(const void *left, const void *right, void *names)
{
	const struct us_entry *a = left;
	const struct us_entry *b = right;

	return strcmp((const char *)names + a->name, (const char *)names + b->name);
}

void us_listing_sort(struct us_listing *listing, enum usync_order by)
{
	if (by == USYNC_ORDER_INODE) {
		qsort(listing->entries, listing->nr_entries, sizeof(struct us_entry), compare_inodes);
	} else if (by == USYNC_ORDER_NAME) {
		qsort_r(listing->entries, listing->nr_entries, sizeof(struct us_entry), compare_names, listing->names);
	}
}
