/* SPDX-License-Identifier: MIT */
/* core/order: the table, what listings are sorted by, and what samples make of it. */
#include "unit.h"

#include "core/dir.h"
#include "core/job.h"
#include "core/listing.h"
#include "core/order.h"
#include "core/policy.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/** Notes that came. */
static unsigned int nr_notes;
static char last_note[512];

/** Keep a note. */
static void keep_note(const struct usync_event *event, void *payload)
{
	(void)payload;
	assert_int_equal(event->type, USYNC_EVENT_NOTE);
	nr_notes++;
	snprintf(last_note, sizeof(last_note), "%s", event->what);
}

/** As much of a job as orders need. */
static struct usync_job *make_job(enum usync_order wish)
{
	static struct usync_job job;

	memset(&job, 0, sizeof(job));
	job.options.order = wish;
	job.options.event = keep_note;
	pthread_mutex_init(&job.event_lock, NULL);
	pthread_mutex_init(&job.order_lock, NULL);
	nr_notes = 0;
	return &job;
}

/** File systems by their numbers, as statfs(2) tells them. */
static void test_table(void **state)
{
	static const struct {
		uint32_t magic;
		enum us_order_rule rule;
		const char *name;
	} rows[] = {
		{0xef53, US_RULE_INODE, "ext4"},        {0x58465342, US_RULE_INODE, "XFS"},
		{0x794c7630, US_RULE_INODE, "overlay"}, {0x9123683e, US_RULE_EXTENT, "Btrfs"},
		{0xca451a4e, US_RULE_EXTENT, "bcachefs"}, {0xf2f52010, US_RULE_EXTENT, "F2FS"},
		{0x2fc12fc1, US_RULE_NAME, "ZFS"},      {0x6969, US_RULE_NAME, "NFS"},
		{0xff534d42, US_RULE_NAME, "SMB"},      {0xfe534d42, US_RULE_NAME, "SMB"},
		{0x01021997, US_RULE_NAME, "9p"},       {0x4d44, US_RULE_NAME, "FAT"},
		{0x2011bab0, US_RULE_NAME, "exFAT"},    {0x65735546, US_RULE_NONE, "FUSE"},
		{0x01021994, US_RULE_NONE, "tmpfs"},    {0x12345678, US_RULE_UNKNOWN, NULL},
		{0, US_RULE_UNKNOWN, NULL},
	};

	(void)state;
	for (size_t i = 0; i < unit_nr(rows); i++) {
		const struct us_order_row *row = us_order_row(rows[i].magic);

		assert_int_equal(row->rule, rows[i].rule);
		if (rows[i].name == NULL) {
			assert_null(row->name);
		} else {
			assert_string_equal(row->name, rows[i].name);
		}
	}
	assert_int_equal(us_order_row(0x9123683e)->inline_max, 2048);
	assert_int_equal(us_order_row(0xef53)->inline_max, 0);
	/* Servers and other processes, and nothing that lies on a disk of this machine. */
	assert_true(us_order_row(0x6969)->is_far);
	assert_true(us_order_row(0x65735546)->is_far);
	assert_true(us_order_row(0xff534d42)->is_far);
	assert_false(us_order_row(0xef53)->is_far);
	assert_false(us_order_row(0x9123683e)->is_far);
	assert_false(us_order_row(0x794c7630)->is_far);
	assert_false(us_order_row(0xdeadbeef)->is_far);
}

/** A directory of this machine, open; its order is what was asked for, and one for all of that file system. */
static void test_find(void **state)
{
	static const enum usync_order wishes[] = {
		USYNC_ORDER_INODE, USYNC_ORDER_EXTENT, USYNC_ORDER_NAME, USYNC_ORDER_NONE};
	static struct us_dir dir;
	static struct us_dir child;

	(void)state;
	dir.fd[US_SRC] = open("/", O_RDONLY | O_DIRECTORY);
	assert_true(dir.fd[US_SRC] >= 0);
	child.parent = &dir;
	child.fd[US_SRC] = -1;
	for (size_t i = 0; i < unit_nr(wishes); i++) {
		struct usync_job *job = make_job(wishes[i]);
		struct us_order *order = us_order_find(job, &dir);

		assert_non_null(order);
		assert_int_equal(us_order_now(order), wishes[i]);
		assert_int_equal(us_order_of_children(order),
		                 wishes[i] == USYNC_ORDER_EXTENT ? USYNC_ORDER_INODE : wishes[i]);
		assert_int_equal(nr_notes, 1);
		assert_non_null(strstr(last_note, "as asked for"));
		dir.order = NULL;
		assert_ptr_equal(us_order_find(job, &dir), order);
		assert_int_equal(nr_notes, 1);
		dir.order = order;
		assert_ptr_equal(us_order_find(job, &child), order); /* Though nothing of it is open. */
		dir.order = NULL;
		us_order_free(job);
	}
	close(dir.fd[US_SRC]);
}

/** An order of the kind MAGIC as samples would find it. */
static struct us_order *make_order(uint32_t magic)
{
	struct us_order *order = calloc(1, sizeof(*order));

	assert_non_null(order);
	order->fs.magic = magic;
	order->row = us_order_row(magic);
	order->by = USYNC_ORDER_INODE;
	order->checked = true;
	order->mode = US_ORDER_SAMPLING;
	order->next_nr = US_POLICY_RESAMPLE;
	return order;
}

/** Take a whole sample, of which NR_DESCENTS pairs descend. */
static void take_sample(struct usync_job *job, struct us_order *order, unsigned int nr_descents)
{
	for (unsigned int i = 0; i < US_POLICY_SAMPLE; i++) {
		us_order_sample(job, order, i < nr_descents);
	}
}

/** Files that lie in order are not asked about any more; others are; and that can change, and is told when it does. */
static void test_sample(void **state)
{
	struct usync_job *job = make_job(USYNC_ORDER_AUTO);
	struct us_order *order = make_order(0xef53);

	(void)state;
	take_sample(job, order, US_POLICY_SAMPLE / 8);
	assert_int_equal(order->mode, 0);
	assert_int_equal(us_order_now(order), USYNC_ORDER_INODE);
	assert_int_equal(nr_notes, 0);

	order->mode = US_ORDER_SAMPLING;
	order->sample = 0;
	take_sample(job, order, US_POLICY_SAMPLE / 2);
	assert_int_equal(order->mode, US_ORDER_EXTENT);
	assert_int_equal(us_order_now(order), USYNC_ORDER_EXTENT);
	assert_int_equal(nr_notes, 1);
	assert_non_null(strstr(last_note, "order=extent for ext4"));
	us_order_sample(job, order, false); /* One that comes late counts for nothing. */
	assert_int_equal(order->mode, US_ORDER_EXTENT);

	order->mode = US_ORDER_EXTENT | US_ORDER_SAMPLING;
	order->sample = 0;
	take_sample(job, order, US_POLICY_SAMPLE / 2);
	assert_int_equal(nr_notes, 1);
	order->mode = US_ORDER_EXTENT | US_ORDER_SAMPLING;
	order->sample = 0;
	take_sample(job, order, 0);
	assert_int_equal(order->mode, 0);
	assert_int_equal(nr_notes, 2);
	assert_non_null(strstr(last_note, "order=inode for ext4"));

	order->mode = US_ORDER_SAMPLING;
	us_order_no_extents(job, order, -EOPNOTSUPP);
	assert_int_equal(order->mode, 0);
	assert_false(order->checked);
	assert_int_equal(nr_notes, 3);
	us_order_no_extents(job, order, -EOPNOTSUPP);
	assert_int_equal(nr_notes, 3);
	free(order);
}

/** A listing of NR entries in scratch directory DIR, whose inode numbers and names are made up. */
static struct us_listing *make_listing(struct us_dir *dir, unsigned int nr, bool rising)
{
	struct us_listing *listing = us_listing_new(dir);

	assert_non_null(listing);
	for (unsigned int i = 0; i < nr; i++) {
		char name[32];

		snprintf(name, sizeof(name), "%03u", (i * 7) % nr);
		assert_int_equal(us_listing_add(listing, rising ? i + 1 : (i * 2654435761u) % 100003, DT_REG, name, NULL), 0);
	}
	return listing;
}

/** Each order sorts by its own key, and the next sample comes when there are enough files. */
static void test_sort(void **state)
{
	struct usync_job *job = make_job(USYNC_ORDER_AUTO);
	struct us_dir dir = {.fd = {-1, -1}};

	(void)state;
	for (enum usync_order by = USYNC_ORDER_INODE; by <= USYNC_ORDER_NONE; by++) {
		struct us_order *order = make_order(0xef53);
		struct us_listing *listing = make_listing(&dir, 100, false);

		if (by == USYNC_ORDER_EXTENT) {
			free(order);
			us_listing_free(listing);
			continue;
		}
		order->by = by;
		us_order_sort(job, order, listing);
		for (unsigned int i = 1; i < 100; i++) {
			const struct us_entry *entry = &listing->entries[i];
			char name[32];

			if (by == USYNC_ORDER_INODE) {
				assert_true(entry->ino >= entry[-1].ino);
			} else if (by == USYNC_ORDER_NAME) {
				assert_true(strcmp(us_entry_name(listing, entry), us_entry_name(listing, entry - 1)) > 0);
			} else {
				snprintf(name, sizeof(name), "%03u", (i * 7) % 100);
				assert_string_equal(us_entry_name(listing, entry), name);
			}
		}
		order->mode = 0;
		order->nr = US_POLICY_RESAMPLE - 100;
		us_order_sort(job, order, listing);
		assert_int_equal(order->mode, US_ORDER_SAMPLING);
		assert_int_equal(order->next_nr, 2 * US_POLICY_RESAMPLE);
		us_listing_free(listing);
		free(order);
	}
}

/** What an unknown file system's listings say of its numbers; short ones say nothing. */
static void test_unknown(void **state)
{
	struct usync_job *job = make_job(USYNC_ORDER_AUTO);
	struct us_dir dir = {.fd = {-1, -1}};

	(void)state;
	for (unsigned int rising = 0; rising < 2; rising++) {
		struct us_order *order = make_order(0x12345678);
		struct us_listing *few = make_listing(&dir, US_POLICY_JUDGED - 1, true);
		struct us_listing *many = make_listing(&dir, US_POLICY_JUDGED * 4, rising != 0);

		nr_notes = 0;
		order->by = USYNC_ORDER_AUTO;
		us_order_sort(job, order, few);
		assert_int_equal(order->by, USYNC_ORDER_AUTO);
		assert_int_equal(nr_notes, 0);
		us_order_sort(job, order, many);
		assert_int_equal(order->by, rising != 0 ? USYNC_ORDER_INODE : USYNC_ORDER_NONE);
		assert_int_equal(nr_notes, 1);
		assert_non_null(strstr(last_note, "type 0x12345678"));
		us_order_sort(job, order, few);
		assert_int_equal(nr_notes, 1);
		us_listing_free(few);
		us_listing_free(many);
		free(order);
	}
}

/** Numbers that are not those of the files mean nothing, however they rise. */
static void test_made_up(void **state)
{
	struct usync_job *job = make_job(USYNC_ORDER_AUTO);
	char scratch[] = "/tmp/test_order.XXXXXX";
	struct us_order *order = make_order(0x12345678);
	struct us_dir dir = {.fd = {-1, -1}};
	struct us_listing *listing;

	(void)state;
	assert_non_null(mkdtemp(scratch));
	dir.fd[US_SRC] = open(scratch, O_RDONLY | O_DIRECTORY);
	assert_true(dir.fd[US_SRC] >= 0);
	assert_int_equal(mkdirat(dir.fd[US_SRC], "000", 0700), 0);
	listing = make_listing(&dir, US_POLICY_JUDGED * 4, true);
	listing->entries[0].ino = 0; /* No file has it. */
	order->by = USYNC_ORDER_AUTO;
	us_order_sort(job, order, listing);
	assert_int_equal(order->by, USYNC_ORDER_NONE);
	us_listing_free(listing);
	free(order);
	unlinkat(dir.fd[US_SRC], "000", AT_REMOVEDIR);
	close(dir.fd[US_SRC]);
	rmdir(scratch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table), cmocka_unit_test(test_find),    cmocka_unit_test(test_sample),
		cmocka_unit_test(test_sort),  cmocka_unit_test(test_unknown), cmocka_unit_test(test_made_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
