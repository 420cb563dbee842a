/* SPDX-License-Identifier: MIT */
/*
 * The table, and what samples make of it.
 *
 *	rule       listings by        reads by
 *	inode      inode              the same; first extent when a sample says that they lie otherwise
 *	extent     inode              first extent; the same when a sample says that they lie so
 *	name       name               the same
 *	none       nothing            the same
 *	unknown    inode, or nothing  the same
 *
 * Listings are sorted by inode even where reads go by extents, because the inodes are what is read first, and those lie
 * in that order on every file system that has extents.
 */
#include "core/order.h"

#include "base/us.h"
#include "core/dir.h"
#include "core/job.h"
#include "core/listing.h"
#include "core/policy.h"
#include "core/report.h"
#include "sys/call.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/** Numbers that stand in no public header, or only in newer ones. */
#define MAGIC_XFS 0x58465342u
#define MAGIC_BCACHEFS 0xca451a4eu
#define MAGIC_ZFS 0x2fc12fc1u
#define MAGIC_CIFS 0xff534d42u
#define MAGIC_SMB2 0xfe534d42u
#define MAGIC_EXFAT 0x2011bab0u
#define MAGIC_FUSE 0x65735546u
#define MAGIC_JFS 0x3153464au
#define MAGIC_NTFS 0x5346544eu
#define MAGIC_NTFS3 0x7366746eu
#define MAGIC_SQUASHFS 0x73717368u
#define MAGIC_EROFS 0xe0f5e1e2u
#define MAGIC_NILFS 0x3434u
#define MAGIC_VBOXSF 0x786f4256u
#define MAGIC_CEPH 0x00c36400u
#define MAGIC_RAMFS 0x858458f6u

/** Btrfs keeps files up to this size in its tree (btrfs(5), max_inline). */
#define BTRFS_INLINE_MAX 2048u

/*
 * Inodes of XFS and the ext family lie in their numbers' order, and a file's blocks are looked for near its inode.
 * Of the copy-on-write ones only the extents tell.  On network file systems a number says nothing and a server is
 * asked for names; FAT makes its numbers up from places in directories.  FUSE may number as it likes, and memory has
 * no places.  An overlay hands on the numbers and extents of its layers, which are ext4 or XFS nearly always.
 */
static const struct us_order_row table[] = {
	{.magic = EXT4_SUPER_MAGIC, .rule = US_RULE_INODE, .name = "ext4"},
	{.magic = MAGIC_XFS, .rule = US_RULE_INODE, .name = "XFS", .clones_wait = true},
	{.magic = OVERLAYFS_SUPER_MAGIC, .rule = US_RULE_INODE, .name = "overlay"},
	{.magic = MAGIC_JFS, .rule = US_RULE_INODE, .name = "JFS"},
	{.magic = MAGIC_NTFS, .rule = US_RULE_INODE, .name = "NTFS"},
	{.magic = MAGIC_NTFS3, .rule = US_RULE_INODE, .name = "NTFS"},
	{.magic = MAGIC_SQUASHFS, .rule = US_RULE_INODE, .name = "SquashFS"},
	{.magic = MAGIC_EROFS, .rule = US_RULE_INODE, .name = "EROFS"},
	{.magic = BTRFS_SUPER_MAGIC, .rule = US_RULE_EXTENT, .name = "Btrfs", .inline_max = BTRFS_INLINE_MAX,
	 .is_one_tree = true},
	{.magic = MAGIC_BCACHEFS, .rule = US_RULE_EXTENT, .name = "bcachefs"},
	{.magic = F2FS_SUPER_MAGIC, .rule = US_RULE_EXTENT, .name = "F2FS"},
	{.magic = MAGIC_NILFS, .rule = US_RULE_EXTENT, .name = "NILFS2"},
	{.magic = MAGIC_ZFS, .rule = US_RULE_NAME, .name = "ZFS"},
	{.magic = NFS_SUPER_MAGIC, .rule = US_RULE_NAME, .name = "NFS", .is_far = true},
	{.magic = MAGIC_CIFS, .rule = US_RULE_NAME, .name = "SMB", .is_far = true},
	{.magic = MAGIC_SMB2, .rule = US_RULE_NAME, .name = "SMB", .is_far = true},
	{.magic = V9FS_MAGIC, .rule = US_RULE_NAME, .name = "9p", .is_far = true},
	{.magic = AFS_SUPER_MAGIC, .rule = US_RULE_NAME, .name = "AFS", .is_far = true},
	{.magic = MAGIC_CEPH, .rule = US_RULE_NAME, .name = "Ceph", .is_far = true},
	{.magic = MAGIC_VBOXSF, .rule = US_RULE_NAME, .name = "VirtualBox", .is_far = true},
	{.magic = MSDOS_SUPER_MAGIC, .rule = US_RULE_NAME, .name = "FAT"},
	{.magic = MAGIC_EXFAT, .rule = US_RULE_NAME, .name = "exFAT"},
	{.magic = ISOFS_SUPER_MAGIC, .rule = US_RULE_NAME, .name = "ISO 9660"},
	{.magic = MAGIC_FUSE, .rule = US_RULE_NONE, .name = "FUSE", .is_far = true},
	{.magic = TMPFS_MAGIC, .rule = US_RULE_NONE, .name = "tmpfs"},
	{.magic = MAGIC_RAMFS, .rule = US_RULE_NONE, .name = "ramfs"},
	{.magic = PROC_SUPER_MAGIC, .rule = US_RULE_NONE, .name = "proc"},
	{.magic = SYSFS_MAGIC, .rule = US_RULE_NONE, .name = "sysfs"},
};

const struct us_order_row *us_order_row(uint32_t magic)
{
	static const struct us_order_row unknown = {.rule = US_RULE_UNKNOWN};

	for (size_t i = 0; i < us_array_size(table); i++) {
		if (table[i].magic == magic) {
			return &table[i];
		}
	}
	return &unknown;
}

const char *us_order_name(enum usync_order order)
{
	static const char *const names[] = {
		[USYNC_ORDER_AUTO] = "auto", [USYNC_ORDER_INODE] = "inode", [USYNC_ORDER_EXTENT] = "extent",
		[USYNC_ORDER_NAME] = "name", [USYNC_ORDER_NONE] = "none",
	};

	return names[order];
}

/** Settle ORDER from its row and its device. */
static void settle_auto(struct us_order *order)
{
	bool has_extents = order->row->rule == US_RULE_INODE || order->row->rule == US_RULE_EXTENT;

	switch (order->row->rule) {
	case US_RULE_UNKNOWN:
		order->by = USYNC_ORDER_AUTO;
		break;
	case US_RULE_NAME:
		order->by = USYNC_ORDER_NAME;
		break;
	case US_RULE_NONE:
		order->by = USYNC_ORDER_NONE;
		break;
	default:
		order->by = USYNC_ORDER_INODE;
		break;
	}
	order->rotates = has_extents && us_place_rotates("/sys", &order->fs);
	order->checked = has_extents && !order->rotates;
	if (order->rotates) {
		order->mode = US_ORDER_EXTENT;
	} else if (order->checked) {
		order->mode = US_ORDER_SAMPLING;
	}
}

/** Settle ORDER as the user wants it. */
static void settle_forced(struct us_order *order, enum usync_order wish)
{
	order->by = wish;
	if (wish == USYNC_ORDER_EXTENT) {
		order->by = USYNC_ORDER_INODE;
		order->mode = US_ORDER_EXTENT;
		order->rotates = us_place_rotates("/sys", &order->fs);
	}
}

enum usync_order us_order_now(const struct us_order *order)
{
	bool by_extent = (atomic_load_explicit(&order->mode, memory_order_relaxed) & US_ORDER_EXTENT) != 0;

	return by_extent ? USYNC_ORDER_EXTENT : atomic_load_explicit(&order->by, memory_order_relaxed);
}

/** Say what was chosen for ORDER, and WHY. */
static void note(struct usync_job *job, const struct us_order *order, const char *why)
{
	char number[16];
	const char *name = order->row->name;

	if (name == NULL) {
		snprintf(number, sizeof(number), "type %#x", order->fs.magic);
		name = number;
	}
	us_report_note(job, "order=%s for %s, device %u:%u%s%s", us_order_name(us_order_now(order)), name,
	               order->fs.dev_major, order->fs.dev_minor, order->rotates ? " (it turns)" : "", why);
}

/** True when ORDER is for the file system FS.  All subvolumes of a Btrfs are one. */
static bool is_for(const struct us_order *order, const struct us_place_fs *fs)
{
	static const uint8_t none[sizeof(fs->uuid)];

	if (order->fs.magic != fs->magic) {
		return false;
	}
	if (memcmp(fs->uuid, none, sizeof(none)) != 0) {
		return memcmp(order->fs.uuid, fs->uuid, sizeof(fs->uuid)) == 0;
	}
	return order->fs.dev_major == fs->dev_major && order->fs.dev_minor == fs->dev_minor;
}

/** Make the order for FS. */
static struct us_order *make(struct usync_job *job, const struct us_place_fs *fs)
{
	struct us_order *order = calloc(1, sizeof(*order));

	if (order == NULL) {
		return NULL;
	}
	order->fs = *fs;
	order->row = us_order_row(fs->magic);
	order->next_nr = US_POLICY_RESAMPLE;
	if (job->options.order == USYNC_ORDER_AUTO) {
		settle_auto(order);
	} else {
		settle_forced(order, job->options.order);
	}
	return order;
}

struct us_order *us_order_find(struct usync_job *job, const struct us_dir *dir)
{
	const struct us_dir *parent = dir->parent;
	struct us_place_fs fs;
	struct us_order *order;
	bool is_new = false;

	if (parent != NULL && parent->order != NULL &&
	    parent->identity[US_SRC].dev_major == dir->identity[US_SRC].dev_major &&
	    parent->identity[US_SRC].dev_minor == dir->identity[US_SRC].dev_minor) {
		return parent->order;
	}
	if (us_place_fs(dir->fd[US_SRC], &fs) < 0) {
		return NULL;
	}
	pthread_mutex_lock(&job->order_lock);
	for (order = job->orders; order != NULL && !is_for(order, &fs); order = order->next) {
	}
	if (order == NULL) {
		order = make(job, &fs);
		is_new = order != NULL;
	}
	if (is_new) {
		order->next = job->orders;
		job->orders = order;
		if (order->row->is_far) {
			atomic_store(&job->is_far[US_OP_SRC], true);
		}
	}
	pthread_mutex_unlock(&job->order_lock);
	if (is_new && order->by != USYNC_ORDER_AUTO) {
		note(job, order, job->options.order != USYNC_ORDER_AUTO ? ", as asked for" : "");
	}
	return order;
}

void us_order_free(struct usync_job *job)
{
	while (job->orders != NULL) {
		struct us_order *order = job->orders;

		job->orders = order->next;
		free(order);
	}
}

/** True when the inode numbers in LISTING mean something: they are those of the files, and most rise. */
static bool numbers_rise(const struct us_listing *listing)
{
	size_t nr_rising = 0;

	for (size_t i = 1; i < listing->nr_entries; i++) {
		nr_rising += listing->entries[i].ino > listing->entries[i - 1].ino;
	}
	if (nr_rising * US_POLICY_RISING_PARTS < (listing->nr_entries - 1) * (US_POLICY_RISING_PARTS - 1)) {
		return false;
	}
	for (size_t i = 0; i < listing->nr_entries; i += listing->nr_entries / 4) {
		struct statx stx;

		if (us_statx(listing->dir->fd[US_SRC], us_entry_name(listing, &listing->entries[i]),
		             AT_SYMLINK_NOFOLLOW, &stx) == 0 &&
		    stx.stx_ino != listing->entries[i].ino) {
			return false;
		}
	}
	return true;
}

/** What a listing of an unknown file system is sorted by; one that is long enough settles it. */
static enum usync_order find_out(struct usync_job *job, struct us_order *order, const struct us_listing *listing)
{
	enum usync_order by = USYNC_ORDER_AUTO;
	enum usync_order found;

	if (listing->nr_entries < US_POLICY_JUDGED) {
		return USYNC_ORDER_INODE;
	}
	found = numbers_rise(listing) ? USYNC_ORDER_INODE : USYNC_ORDER_NONE;
	if (atomic_compare_exchange_strong(&order->by, &by, found)) {
		note(job, order, found == USYNC_ORDER_NONE ? ": inode numbers mean nothing there" : "");
		return found;
	}
	return by;
}

void us_order_sort(struct usync_job *job, struct us_order *order, struct us_listing *listing)
{
	enum usync_order by = USYNC_ORDER_INODE;
	uint64_t next;
	uint64_t nr;

	if (order != NULL) {
		by = atomic_load_explicit(&order->by, memory_order_relaxed);
	}
	if (by == USYNC_ORDER_AUTO) {
		by = find_out(job, order, listing);
	}
	us_listing_sort(listing, by);
	if (order == NULL || !order->checked) {
		return;
	}
	nr = atomic_fetch_add_explicit(&order->nr, listing->nr_entries, memory_order_relaxed) + listing->nr_entries;
	next = atomic_load_explicit(&order->next_nr, memory_order_relaxed);
	if (nr >= next && atomic_compare_exchange_strong(&order->next_nr, &next, nr * 2)) {
		atomic_store(&order->sample, 0);
		atomic_fetch_or(&order->mode, US_ORDER_SAMPLING);
	}
}

enum usync_order us_order_of_children(const struct us_order *order)
{
	enum usync_order by =
		order != NULL ? atomic_load_explicit(&order->by, memory_order_relaxed) : USYNC_ORDER_INODE;

	return by == USYNC_ORDER_AUTO ? USYNC_ORDER_INODE : by;
}

void us_order_sample(struct usync_job *job, struct us_order *order, bool descends)
{
	uint64_t step = ((uint64_t)1 << 32) | descends;
	uint64_t sample = atomic_fetch_add(&order->sample, step) + step;
	unsigned int pairs = (unsigned int)(sample >> 32);
	unsigned int descents = (unsigned int)(sample & UINT32_MAX);
	unsigned int was;
	bool by_extent;

	if (pairs != US_POLICY_SAMPLE) {
		return;
	}
	by_extent = descents * US_POLICY_DESCENT_PARTS > pairs;
	was = atomic_exchange(&order->mode, by_extent ? US_ORDER_EXTENT : 0);
	if (by_extent != ((was & US_ORDER_EXTENT) != 0)) {
		char why[80];

		snprintf(why, sizeof(why), ": of %u files %u lie before the one with the inode before", pairs,
		         descents);
		note(job, order, why);
	}
}

void us_order_no_extents(struct usync_job *job, struct us_order *order, int error)
{
	if (atomic_exchange(&order->mode, 0) != 0) {
		char why[80];

		order->checked = false;
		snprintf(why, sizeof(why), ": where extents lie is not told (%s)", strerrordesc_np(-error));
		note(job, order, why);
	}
}
