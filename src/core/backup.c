/* SPDX-License-Identifier: MIT */
/* A backup of an earlier run that has the same name is replaced. */
#include "core/backup.h"

#include "base/us.h"
#include "core/dir.h"
#include "core/job.h"
#include "core/leftovers.h"
#include "core/local_sink.h"
#include "core/mirror.h"
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

#define NR_NAME_LOCKS 64u

/** What has a name that no backup may take. */
enum holder {
	SOURCE, /**< An entry of the source that has a backup's name. */
	BACKUP, /**< A backup of this run. */
};

/** Sums of such names.  Two that are the same cost a backup a longer name. */
struct us_backups {
	pthread_mutex_t names[NR_NAME_LOCKS]; /**< Held while a name in a directory is given or met: one for several. */
	pthread_mutex_t lock; /**< Of what follows. */
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
		for (unsigned int i = 0; i < NR_NAME_LOCKS; i++) {
			pthread_mutex_init(&backups->names[i], NULL);
		}
	}
	return backups;
}

void us_backups_free(struct us_backups *backups)
{
	if (backups != NULL) {
		for (unsigned int i = 0; i < NR_NAME_LOCKS; i++) {
			pthread_mutex_destroy(&backups->names[i]);
		}
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

/** Of NAME in the directory of STX, which HOLDER has; never 0. */
static uint64_t sum_of(const struct statx *stx, const char *name, enum holder holder)
{
	struct us_identity id = us_identity_of(stx);
	uint64_t seed = id.ino ^ ((uint64_t)id.dev_major << 52) ^ ((uint64_t)id.dev_minor << 32);
	uint64_t sum = XXH3_64bits_withSeed(name, strlen(name), seed);

	return holder == SOURCE ? sum | 1 : (sum & ~UINT64_C(1)) | 2;
}

/** The lock of the names in the directory of STX. */
static pthread_mutex_t *names_of(struct us_backups *backups, const struct statx *stx)
{
	return &backups->names[stx->stx_ino % NR_NAME_LOCKS];
}

/** True when HOLDER has NAME in the directory of STX, as far as is remembered. */
static bool has(struct us_backups *backups, const struct statx *stx, const char *name, enum holder holder)
{
	bool found;

	pthread_mutex_lock(&backups->lock);
	found = backups->nr > 0 && *find(backups, sum_of(stx, name, holder)) != 0;
	pthread_mutex_unlock(&backups->lock);
	return found;
}

bool us_backup_is_one(const struct usync_job *job, const char *name)
{
	size_t length = strlen(name);
	size_t suffix = strlen(job->suffix);

	return length > suffix && strcmp(name + length - suffix, job->suffix) == 0;
}

/** Remember that HOLDER has NAME in the directory of STX; what could not be is an error from then on. */
static void remember(struct us_backups *backups, const struct statx *stx, const char *name, enum holder holder)
{
	uint64_t sum = sum_of(stx, name, holder);
	int ret;

	pthread_mutex_lock(&backups->lock);
	ret = backups->nr >= backups->nr_slots / 2 ? grow(backups) : 0;
	if (ret == 0) {
		backups->nr += *find(backups, sum) == 0;
		*find(backups, sum) = sum;
	} else {
		backups->error = ret;
	}
	pthread_mutex_unlock(&backups->lock);
}

void us_backup_meet(struct usync_job *job, const struct us_dir *dir, const char *name)
{
	struct us_backups *backups = job->backups;
	struct statx stx;
	int ret;

	/* In a new directory there is nothing to keep. */
	if (backups == NULL || dir->dst_new || dir->fd[US_DST] < 0 || !us_backup_is_one(job, name)) {
		return;
	}
	ret = us_statx(dir->fd[US_DST], "", AT_EMPTY_PATH, &stx);
	if (ret < 0) {
		pthread_mutex_lock(&backups->lock);
		backups->error = ret;
		pthread_mutex_unlock(&backups->lock);
		return;
	}
	pthread_mutex_lock(names_of(backups, &stx));
	remember(backups, &stx, name, SOURCE);
	pthread_mutex_unlock(names_of(backups, &stx));
}

int us_backup_source(const struct us_dir *dir)
{
	return dir->is_virtual ? -1 : dir->fd[US_SRC];
}

/** Whether SRC_FD, the source's directory, or -1, has NAME: 1, 0, or a negative errno when it does not tell. */
static int source_has(int src_fd, const char *name)
{
	struct statx stx;
	int ret = src_fd >= 0 ? us_statx(src_fd, name, AT_SYMLINK_NOFOLLOW, &stx) : -ENOENT;

	if (ret == 0) {
		return 1;
	}
	return ret == -ENOENT || ret == -ENAMETOOLONG ? 0 : ret;
}

/** Whether what NAME in DIRFD stands for can't be replaced: a directory, or a file that is in use.  1, 0 or -errno. */
static int is_fixed(const struct usync_job *job, int dirfd, const char *name)
{
	struct statx stx;
	int ret = us_statx(dirfd, name, AT_SYMLINK_NOFOLLOW, &stx);

	if (ret < 0) {
		return ret == -ENOENT ? 0 : ret;
	}
	return S_ISDIR(stx.stx_mode) || us_mirror_spares(job, &stx);
}

/** Whether the backup name NAME in DIRFD, the directory of STX, is something else's: 1, 0 or a negative errno. */
static int is_taken(const struct usync_job *job, int dirfd, const struct statx *stx, int src_fd, const char *name)
{
	int ret;

	if (has(job->backups, stx, name, SOURCE) || has(job->backups, stx, name, BACKUP)) {
		return 1;
	}
	/* What the source has may not have been met yet. */
	ret = source_has(src_fd, name);
	return ret == 0 ? is_fixed(job, dirfd, name) : ret;
}

/** The name of NAME's backup in DIRFD, the directory of STX: one that nothing else has. */
static int choose(const struct usync_job *job, int dirfd, const struct statx *stx, int src_fd, const char *name,
                  char out[NAME_MAX + 1])
{
	size_t suffix = strlen(job->suffix);
	size_t length = strlen(name);
	int ret;

	if (length > NAME_MAX) {
		return -ENAMETOOLONG; /* On vfat that many characters may be more bytes. */
	}
	memcpy(out, name, length + 1);
	do {
		if (length + suffix > NAME_MAX) {
			return -ENAMETOOLONG;
		}
		memcpy(out + length, job->suffix, suffix + 1);
		length += suffix;
		ret = is_taken(job, dirfd, stx, src_fd, out);
	} while (ret > 0);
	return ret;
}

/** BACKUP in the directory of STX is one now.  Another file's may want that name only if it has the suffix twice. */
static void note_made(const struct usync_job *job, const struct statx *stx, char backup[NAME_MAX + 1])
{
	size_t length = strlen(backup) - strlen(job->suffix);
	char last = backup[length];
	bool twice;

	backup[length] = '\0';
	twice = us_backup_is_one(job, backup);
	backup[length] = last;
	if (twice) {
		remember(job->backups, stx, backup, BACKUP);
	}
}

/** Why no backup can be made any more, or 0. */
static int error_of(struct us_backups *backups)
{
	int error;

	pthread_mutex_lock(&backups->lock);
	error = backups->error;
	pthread_mutex_unlock(&backups->lock);
	return error;
}

/** Rename FROM in DIRFD to the name that NAME's backup is to have.  @return 0 or a negative errno. */
static int give_name(const struct usync_job *job, int dirfd, int src_fd, const char *from, const char *name,
                     char backup[NAME_MAX + 1])
{
	struct us_backups *backups = job->backups;
	struct statx stx;
	int ret = error_of(backups);

	if (ret == 0) {
		ret = us_statx(dirfd, "", AT_EMPTY_PATH, &stx);
	}
	if (ret < 0) {
		return ret;
	}
	pthread_mutex_lock(names_of(backups, &stx));
	ret = choose(job, dirfd, &stx, src_fd, name, backup);
	if (ret == 0) {
		ret = us_renameat(dirfd, from, dirfd, backup);
	}
	if (ret == 0) {
		note_made(job, &stx, backup);
	}
	pthread_mutex_unlock(names_of(backups, &stx));
	return ret;
}

/** Remove NAME in DIRFD if it and BACKUP are names of one file: then rename(2) did nothing. */
static int remove_twin(int dirfd, const char *name, const char *backup)
{
	struct us_identity identity;
	struct statx stx;
	int ret = us_statx(dirfd, name, AT_SYMLINK_NOFOLLOW, &stx);

	if (ret == 0) {
		identity = us_identity_of(&stx);
		ret = us_statx(dirfd, backup, AT_SYMLINK_NOFOLLOW, &stx);
	}
	if (ret == 0 && us_identity_is(&identity, &stx)) {
		ret = us_unlinkat(dirfd, name, 0);
	}
	return ret == -ENOENT ? 0 : ret;
}

int us_backup_move(struct us_worker *worker, int dirfd, int src_fd, const char *name)
{
	char backup[NAME_MAX + 1];
	int ret = give_name(worker->job, dirfd, src_fd, name, name, backup);

	return ret == 0 ? remove_twin(dirfd, name, backup) : ret;
}

int us_backup_undo(struct us_worker *worker, int dirfd, const char *name, const char *backup)
{
	struct us_backups *backups = worker->job->backups;
	struct statx stx;
	int ret = us_statx(dirfd, "", AT_EMPTY_PATH, &stx);

	if (ret < 0) {
		return ret;
	}
	pthread_mutex_lock(names_of(backups, &stx));
	/* The source's entry of that name may have been met since, and be what is there now. */
	ret = has(backups, &stx, backup, SOURCE) ? -EEXIST : us_renameat(dirfd, backup, dirfd, name);
	pthread_mutex_unlock(names_of(backups, &stx));
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
		ret = give_name(worker->job, dirfd, us_backup_source(dir), name, name, backup);
		return ret < 0 ? ret : 1;
	}
	if (ret < 0) {
		return ret;
	}
	ret = give_name(worker->job, dirfd, us_backup_source(dir), temp, name, backup);
	/* Where both were names of one file already, rename(2) did nothing. */
	removed = us_leftovers_remove(worker->job, dirfd, temp);
	return ret == 0 ? removed : ret;
}
