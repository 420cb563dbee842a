/* SPDX-License-Identifier: MIT */
/* core/listing: entries, their names on both sides, and their order. */
#include "unit.h"

#include "core/dir.h"
#include "core/listing.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/** Enough entries that both arrays grow several times. */
#define ENTRIES_NR 5000u

/** The longest name that can stand in a listing. */
#define LONGEST (UINT16_MAX - 1u)

/** A listing for a directory that nothing looks into. */
static struct us_listing *make_listing(void)
{
	static struct us_dir dir;
	struct us_listing *listing = us_listing_new(&dir);

	assert_non_null(listing);
	assert_ptr_equal(listing->dir, &dir);
	return listing;
}

/** A name of LENGTH bytes, to be freed. */
static char *make_name(size_t length)
{
	char *name = malloc(length + 1);

	assert_non_null(name);
	memset(name, 'n', length);
	name[length] = '\0';
	return name;
}

/** A new one is empty, is not shared, and has one reference. */
static void test_new(void **state)
{
	struct us_listing *listing = make_listing();

	(void)state;
	assert_int_equal(listing->nr_entries, 0);
	assert_int_equal(us_listing_bytes(listing), 0);
	assert_int_equal(atomic_load(&listing->refs), 1);
	assert_false(atomic_load(&listing->shared));
	us_listing_sort(listing, USYNC_ORDER_INODE);
	assert_int_equal(listing->nr_entries, 0);
	us_listing_free(listing);
}

/** Names on both sides: the same, another, paths, and bytes of any kind. */
static void test_names(void **state)
{
	static const struct {
		uint64_t ino;
		uint8_t type;
		const char *name;
		const char *dst_name;
	} rows[] = {
		{UINT64_MAX, DT_REG, "a", NULL},
		{7, DT_LNK, "a/b/c", "c"},
		{0, DT_FIFO, "/", "."},
		{7, DT_UNKNOWN, "\xff\n\x01 ", NULL},
		{8, DT_SOCK, "short", "much longer than in the source"},
		{9, DT_REG, "", ""},
	};
	struct us_listing *listing = make_listing();
	size_t bytes = 0;

	(void)state;
	for (size_t i = 0; i < unit_nr(rows); i++) {
		assert_int_equal(us_listing_add(listing, rows[i].ino, rows[i].type, rows[i].name,
		                                rows[i].dst_name), 0);
		bytes += sizeof(struct us_entry) + strlen(rows[i].name) + 1;
		bytes += rows[i].dst_name != NULL ? strlen(rows[i].dst_name) + 1 : 0;
		assert_int_equal(us_listing_bytes(listing), bytes);
	}
	assert_int_equal(listing->nr_entries, unit_nr(rows));
	for (size_t i = 0; i < unit_nr(rows); i++) {
		const struct us_entry *entry = &listing->entries[i];
		const char *dst_name = rows[i].dst_name != NULL ? rows[i].dst_name : rows[i].name;

		assert_int_equal(entry->ino, rows[i].ino);
		assert_int_equal(entry->type, rows[i].type);
		assert_string_equal(us_entry_name(listing, entry), rows[i].name);
		assert_string_equal(us_entry_dst_name(listing, entry), dst_name);
	}
	us_listing_free(listing);
}

/** The inode number of entry I: all different, in no order, and some beyond 32 bits. */
static uint64_t number_of(unsigned int i)
{
	return (uint64_t)((i * 2654435761u) ^ 0x5bd1e995u) << (i % 2 * 20) | i % 2;
}

/** Many entries: sorted by inode number, each still with its own names and type, none lost. */
static void test_sort(void **state)
{
	struct us_listing *listing = make_listing();
	bool seen[ENTRIES_NR] = {false};
	char name[32];
	char dst_name[32];

	(void)state;
	for (unsigned int i = 0; i < ENTRIES_NR; i++) {
		snprintf(name, sizeof(name), "name-%u", i);
		snprintf(dst_name, sizeof(dst_name), "copy of %u", i);
		assert_int_equal(us_listing_add(listing, number_of(i), (uint8_t)(i % 16), name,
		                                i % 3 == 0 ? dst_name : NULL), 0);
	}
	us_listing_sort(listing, USYNC_ORDER_INODE);
	assert_int_equal(listing->nr_entries, ENTRIES_NR);
	for (size_t n = 0; n < ENTRIES_NR; n++) {
		const struct us_entry *entry = &listing->entries[n];
		unsigned int i;

		assert_true(n == 0 || entry[-1].ino <= entry->ino);
		assert_int_equal(sscanf(us_entry_name(listing, entry), "name-%u", &i), 1);
		assert_in_range(i, 0, ENTRIES_NR - 1);
		assert_false(seen[i]);
		seen[i] = true;
		assert_int_equal(entry->ino, number_of(i));
		assert_int_equal(entry->type, i % 16);
		snprintf(dst_name, sizeof(dst_name), i % 3 == 0 ? "copy of %u" : "name-%u", i);
		assert_string_equal(us_entry_dst_name(listing, entry), dst_name);
	}
	us_listing_free(listing);
}

/** The longest name is kept; a longer one is an error that leaves the listing as it was. */
static void test_longest(void **state)
{
	struct us_listing *listing = make_listing();
	char *longest = make_name(LONGEST);
	char *longer = make_name(LONGEST + 1);
	size_t bytes;

	(void)state;
	assert_int_equal(us_listing_add(listing, 1, DT_REG, longest, "short"), 0);
	assert_int_equal(us_listing_add(listing, 2, DT_REG, "short", longer), 0);
	assert_int_equal(us_listing_add(listing, 3, DT_REG, longest, NULL), 0);
	bytes = us_listing_bytes(listing);
	assert_true(us_listing_add(listing, 4, DT_REG, longer, NULL) < 0);
	assert_true(us_listing_add(listing, 4, DT_REG, longer, "short") < 0);
	assert_int_equal(us_listing_bytes(listing), bytes);
	assert_int_equal(listing->nr_entries, 3);
	assert_string_equal(us_entry_name(listing, &listing->entries[0]), longest);
	assert_string_equal(us_entry_dst_name(listing, &listing->entries[0]), "short");
	assert_string_equal(us_entry_name(listing, &listing->entries[1]), "short");
	assert_string_equal(us_entry_dst_name(listing, &listing->entries[1]), longer);
	assert_string_equal(us_entry_dst_name(listing, &listing->entries[2]), longest);
	free(longest);
	free(longer);
	us_listing_free(listing);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_new),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_sort),
		cmocka_unit_test(test_longest),
	};

	return cmocka_run_group_tests_name("core/listing", tests, NULL, NULL);
}
