/* SPDX-License-Identifier: MIT */
#include "core/fold.h"

#include "core/dir.h"
#include "core/job.h"
#include "core/leftovers.h"
#include "core/local_sink.h"
#include "core/tempname.h"
#include "core/worker.h"
#include "sys/call.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

/** Slots to begin with, and those that are never exceeded: 512 KiB. */
#define SLOTS_FIRST 256u
#define SLOTS_MOST 65536u

/** A name; both 0: none. */
struct us_fold_slot {
	uint32_t hash;
	uint32_t ref; /**< One more than the caller's. */
};

/** C as a small letter. */
static char small(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/** The same for all names that differ in case alone. */
static uint32_t hash_of(const char *name)
{
	char folded[256];
	size_t length = 0;

	while (length < sizeof(folded) && name[length] != '\0') {
		folded[length] = small(name[length]);
		length++;
	}
	return (uint32_t)XXH3_64bits(folded, length);
}

void us_fold_fini(struct us_fold *fold)
{
	free(fold->slots);
	fold->slots = NULL;
}

/** Have room for NR slots, all empty.  @return false without memory: then no name is remembered. */
static bool make_room(struct us_fold *fold, size_t nr)
{
	if (nr > fold->max) {
		free(fold->slots);
		fold->slots = malloc(nr * sizeof(*fold->slots));
		fold->max = fold->slots != NULL ? nr : 0;
	}
	fold->nr = 0;
	fold->nr_slots = fold->slots != NULL ? nr : 0;
	if (fold->slots != NULL) {
		memset(fold->slots, 0, nr * sizeof(*fold->slots));
	}
	return fold->slots != NULL;
}

void us_fold_begin(struct us_fold *fold)
{
	fold->is_asked = false;
	fold->nr = 0;
	fold->nr_slots = 0;
}

/** The slot of HASH, or the empty one that it goes into. */
static struct us_fold_slot *find(const struct us_fold *fold, uint32_t hash)
{
	size_t at = hash & (fold->nr_slots - 1);

	while (fold->slots[at].ref != 0 && fold->slots[at].hash != hash) {
		at = (at + 1) & (fold->nr_slots - 1);
	}
	return &fold->slots[at];
}

/** Make the table larger by four; at its largest begin it anew.  @return false without memory. */
static bool grow(struct us_fold *fold)
{
	struct us_fold old = *fold;

	if (old.nr_slots == 0 || old.nr_slots >= SLOTS_MOST) {
		return make_room(fold, old.nr_slots == 0 ? SLOTS_FIRST : SLOTS_MOST);
	}
	fold->slots = NULL;
	fold->max = 0;
	if (make_room(fold, old.nr_slots * 4)) {
		for (size_t i = 0; i < old.nr_slots; i++) {
			if (old.slots[i].ref != 0) {
				*find(fold, old.slots[i].hash) = old.slots[i];
			}
		}
		fold->nr = old.nr;
	}
	free(old.slots);
	return fold->slots != NULL;
}

bool us_fold_meet(struct us_fold *fold, const char *name, uint32_t ref, uint32_t *twin)
{
	uint32_t hash = hash_of(name);
	struct us_fold_slot *slot;

	if (fold->nr >= fold->nr_slots / 2 && !grow(fold)) {
		return false;
	}
	slot = find(fold, hash);
	if (slot->ref != 0) {
		*twin = slot->ref - 1;
		return true;
	}
	*slot = (struct us_fold_slot){.hash = hash, .ref = ref + 1};
	fold->nr++;
	return false;
}

bool us_fold_is_pair(const char *name, const char *other)
{
	bool differ = false;

	while (*name != '\0' && small(*name) == small(*other)) {
		differ = differ || *name != *other;
		name++;
		other++;
	}
	return differ && *name == *other;
}

/** Ask the destination of DIR: a file is made there, and looked for under its name in capitals. */
static bool ask(struct us_worker *worker, struct us_dir *dir)
{
	int dirfd = dir->fd[US_DST];
	char name[US_TEMP_SIZE];
	char capitals[US_TEMP_SIZE];
	struct statx stx;
	bool folds;
	int fd;

	us_local_admit_owner(dir);
	us_leftovers_announce(worker->job, dir);
	us_local_temp_name(worker, ++worker->temp_number, name);
	fd = us_openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_NOCTTY, 0600);
	if (fd < 0) {
		return false; /* Nothing else can be made there either, which is told at its turn. */
	}
	us_close(fd);
	for (size_t i = 0; i < sizeof(name); i++) {
		capitals[i] = name[i] >= 'a' && name[i] <= 'z' ? (char)(name[i] & ~0x20) : name[i];
	}
	folds = us_statx(dirfd, capitals, AT_SYMLINK_NOFOLLOW, &stx) == 0;
	(void)us_leftovers_remove(worker->job, dirfd, name);
	return folds;
}

bool us_fold_is_one(struct us_worker *worker, struct us_dir *dir, const char *name, const char *other)
{
	struct us_fold *fold = &worker->fold;
	struct us_identity identity;
	struct statx one;
	struct statx two;
	int ret = us_statx(dir->fd[US_DST], name, AT_SYMLINK_NOFOLLOW, &one);
	int ret_other = us_statx(dir->fd[US_DST], other, AT_SYMLINK_NOFOLLOW, &two);

	if (ret == 0 && ret_other == 0) {
		identity = us_identity_of(&one);
		if (!us_identity_is(&identity, &two)) {
			return false;
		}
		if (S_ISDIR(one.stx_mode) || one.stx_nlink == 1) {
			return true;
		}
	} else if (ret == 0 || ret_other == 0) {
		return false;
	}
	/* Neither is there, or they may be hard links to one file. */
	if (!fold->is_asked && !worker->job->options.dry_run) {
		fold->folds = ask(worker, dir);
		fold->is_asked = true;
	}
	return fold->is_asked && fold->folds;
}
