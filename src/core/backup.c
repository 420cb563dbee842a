/* SPDX-License-Identifier: MIT */
/* An older backup of the same name is replaced. */
#include "core/backup.h"

#include "base/us.h"
#include "core/dir.h"
#include "core/job.h"
#include "core/leftovers.h"
#include "core/local_sink.h"
#include "core/tempname.h"
#include "core/worker.h"
#include "sys/call.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

/** Slots to begin with. */
#define SLOTS_FIRST 64u

/** Sums of the source's entries that have a backup's name.  Two that are the same cost a backup a longer name. */
struct us_backups {
	pthread_mutex_t lock; /**< Also held while a backup gets its name. */
	uint64_t *slots;      /**< 0: empty. */
	size_t nr_slots;      /**< A power of two. */
	size_t nr;
	int error;            /**< Why not all are remembered, or 0. */
};

struct us_backups *us_backups_new(void)
{
	struct us_backups *backups = calloc(1, sizeof(*backups));

	if (backups != NULL) {
		pthread_mutex_init(&backups->lock, NULL);
	}
	return backups;
}

void us_backups_free(struct us_backups *backups)
{
	if (backups != NULL) {
		pthread_mutex_destroy(&backups->lock);
		free(backups->slots);
	}
	free(backups);
}

/** The slot of SUM, or the empty one that it goes into. */
static uint64_t *find(const struct us_backups *backups, uint64_t sum)
{
	size_t at = sum & (backups->nr_slots - 1);

	while (backups->slots[at] != 0 && backups->slots[at] != sum) {
		at = (at + 1) & (backups->nr_slots - 1);
	}
	return &backups->slots[at];
}

/** Make the table twice as large.  @return 0 or -ENOMEM. */
static int grow(struct us_backups *backups)
{
	struct us_backups old = *backups;

	backups->nr_slots = us_max(old.nr_slots * 2, SLOTS_FIRST);
	backups->slots = calloc(backups->nr_slots, sizeof(*backups->slots));
	if (backups->slots == NULL) {
		backups->slots = old.slots;
		backups->nr_slots = old.nr_slots;
		return -ENOMEM;
	}
	for (size_t i = 0; i < old.nr_slots; i++) {
		if (old.slots[i] != 0) {
			*find(backups, old.slots[i]) = old.slots[i];
		}
	}
	free(old.slots);
	return 0;
}

/** Of NAME in the directory of STX; never 0. */
static uint64_t sum_of(const struct statx *stx, const char *name)
{
	struct us_identity id = us_identity_of(stx);
	uint64_t seed = id.ino ^ ((uint64_t)id.dev_major << 52) ^ ((uint64_t)id.dev_minor << 32);

	return XXH3_64bits_withSeed(name, strlen(name), seed) | 1;
}


bool us_backup_is_one(const struct usync_job *job, const char *name)
{
	size_t length = strlen(name);
	size_t suffix = strlen(job->suffix);

	return length > suffix && strcmp(name + length - suffix, job->suffix) == 0;
}

/** Remember NAME in DIRFD.  @return 0 or a negative errno. */
static int remember(struct us_backups *backups, int dirfd, const char *name)
{
	struct statx stx;
	uint64_t sum;
	int ret = us_statx(dirfd, "", AT_EMPTY_PATH, &stx);

	if (ret == 0 && backups->nr >= backups->nr_slots / 2) {
		ret = grow(backups);
	}
	if (ret < 0) {
		return ret;
	}
	sum = sum_of(&stx, name);
	backups->nr += *find(backups, sum) == 0;
	*find(backups, sum) = sum;
	return 0;
}

void us_backup_meet(struct usync_job *job, const struct us_dir *dir, const char *name)
{
	struct us_backups *backups = job->backups;
	int ret;

	/* In a new directory there is nothing to keep. */
	if (backups == NULL || dir->dst_new || dir->fd[US_DST] < 0 || !us_backup_is_one(job, name)) {
		return;
	}
	pthread_mutex_lock(&backups->lock);
	ret = remember(backups, dir->fd[US_DST], name);
	if (ret < 0) {
		backups->error = ret;
	}
	pthread_mutex_unlock(&backups->lock);
}

/** The name of NAME's backup in DIRFD: one that the source does not have, as far as it was met. */
static int choose(const struct usync_job *job, int dirfd, const char *name, char out[NAME_MAX + 1])
{
	const struct us_backups *backups = job->backups;
	size_t suffix = strlen(job->suffix);
	size_t length = strlen(name);
	struct statx stx;
	int ret = backups->error;

	if (ret == 0 && backups->nr > 0) {
		ret = us_statx(dirfd, "", AT_EMPTY_PATH, &stx);
	}
	if (ret < 0) {
		return ret;
	}
	memcpy(out, name, length + 1);
	do {
		if (length + suffix > NAME_MAX) {
			return -ENAMETOOLONG;
		}
		memcpy(out + length, job->suffix, suffix + 1);
		length += suffix;
	} while (backups->nr > 0 && *find(backups, sum_of(&stx, out)) != 0);
	return 0;
}

/** Rename FROM in DIRFD to the name that NAME's backup is to have.  @return 0 or a negative errno. */
static int give_name(const struct usync_job *job, int dirfd, const char *from, const char *name,
                     char backup[NAME_MAX + 1])
{
	int ret;

	pthread_mutex_lock(&job->backups->lock);
	ret = choose(job, dirfd, name, backup);
	if (ret == 0) {
		ret = us_renameat(dirfd, from, dirfd, backup);
	}
	pthread_mutex_unlock(&job->backups->lock);
	return ret;
}

int us_backup_move(struct us_worker *worker, int dirfd, const char *name)
{
	char backup[NAME_MAX + 1];

	return give_name(worker->job, dirfd, name, name, backup);
}

int us_backup_undo(struct us_worker *worker, int dirfd, const char *name, const char *backup)
{
	struct us_backups *backups = worker->job->backups;
	struct statx stx;
	int ret = us_statx(dirfd, "", AT_EMPTY_PATH, &stx);

	pthread_mutex_lock(&backups->lock);
	if (ret == 0 && backups->nr > 0 && *find(backups, sum_of(&stx, backup)) != 0) {
		ret = -EEXIST; /* The source's entry of that name was met since, and may be what is there now. */
	}
	if (ret == 0) {
		ret = us_renameat(dirfd, backup, dirfd, name);
	}
	pthread_mutex_unlock(&backups->lock);
	return ret;
}

int us_backup_keep(struct us_worker *worker, struct us_dir *dir, const char *name, char backup[NAME_MAX + 1])
{
	int dirfd = dir->fd[US_DST];
	char temp[US_TEMP_SIZE];
	int removed;
	int ret;

	us_leftovers_announce(worker->job, dir);
	us_local_temp_name(worker, ++worker->temp_number, temp);
	ret = us_linkat(dirfd, name, dirfd, temp);
	if (ret == -ENOENT) {
		return 0;
	}
	if (us_local_has_no_link(ret)) {
		ret = give_name(worker->job, dirfd, name, name, backup);
		return ret < 0 ? ret : 1;
	}
	if (ret < 0) {
		return ret;
	}
	ret = give_name(worker->job, dirfd, temp, name, backup);
	/* Where both were names of one file already, rename(2) did nothing. */
	removed = us_leftovers_remove(worker->job, dirfd, temp);
	return ret == 0 ? removed : ret;
}
