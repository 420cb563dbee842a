/* SPDX-License-Identifier: MIT */
/* A part whose record could not be made is written as any other file: the next run begins it anew. */
#include "core/part.h"

#include "base/us.h"
#include "core/file.h"
#include "core/job.h"
#include "core/large.h"
#include "core/lease.h"
#include "core/leftovers.h"
#include "core/local_sink.h"
#include "core/paths.h"
#include "core/policy.h"
#include "core/progress.h"
#include "core/report.h"
#include "core/tempname.h"
#include "core/worker.h"
#include "sys/call.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

bool us_part_wanted(const struct us_worker *worker, const struct us_file *file)
{
	const struct us_progress *progress = worker->job->progress;

	return progress != NULL && progress->journal.fd >= 0 && file->stx.stx_size >= US_POLICY_PART_BYTES &&
	       !file->is_second;
}

/** Put PART on the list of those in flight. */
static void add(struct us_progress *progress, struct us_part *part)
{
	pthread_mutex_lock(&progress->parts_lock);
	part->next = progress->parts;
	part->to_this = &progress->parts;
	if (part->next != NULL) {
		part->next->to_this = &part->next;
	}
	progress->parts = part;
	pthread_mutex_unlock(&progress->parts_lock);
}

void us_part_end(struct us_worker *worker, struct us_file *file)
{
	struct us_progress *progress = worker->job->progress;
	struct us_part *part = file->part;

	if (part == NULL) {
		return;
	}
	file->part = NULL;
	pthread_mutex_lock(&progress->parts_lock);
	*part->to_this = part->next;
	if (part->next != NULL) {
		part->next->to_this = part->to_this;
	}
	pthread_mutex_unlock(&progress->parts_lock);
	free(part->record.path);
	free(part);
}

/** When the file of STX was made, as a journal tells it. */
static uint64_t born(const struct statx *stx)
{
	if ((stx->stx_mask & STATX_BTIME) == 0) {
		return 0;
	}
	return (uint64_t)stx->stx_btime.tv_sec * 1000000000u + stx->stx_btime.tv_nsec;
}

/**
 * FILE, which has bytes up to END, is on its way under the name TEMP.
 *
 * @return false when it can't be kept account of.
 */
static bool begin(struct us_worker *worker, struct us_file *file, const char *temp, uint64_t end)
{
	struct us_progress *progress = worker->job->progress;
	bool elsewhere = us_local_is_elsewhere(worker, file);
	struct us_part *part = calloc(1, sizeof(*part));
	struct statx stx;

	if (part == NULL || us_statx(file->dst_fd, "", AT_EMPTY_PATH, &stx) < 0) {
		free(part);
		return false;
	}
	part->record.identity = us_identity_of(&stx);
	part->record.born = born(&stx);
	part->record.elsewhere = elsewhere;
	part->record.slack = us_large_slack(worker->job, file);
	part->record.path = elsewhere ? strdup(temp) : us_dir_relative_path(file->dir, temp);
	if (part->record.path == NULL ||
	    us_fingerprint_of(file->dir, file->dst_name, &file->stx, &part->record.file) < 0 ||
	    us_journal_part(&progress->journal, &part->record) < 0) {
		free(part->record.path);
		free(part);
		return false;
	}
	atomic_init(&part->written, end);
	file->part = part;
	add(progress, part);
	return true;
}

void us_part_begin(struct us_worker *worker, struct us_file *file)
{
	char temp[US_TEMP_SIZE];

	if (us_part_wanted(worker, file)) {
		us_local_temp_name(worker, file->temp_number, temp);
		(void)begin(worker, file, temp, 0);
	}
}

/** The last name of what RECORD leads to. */
static const char *name_of(const struct us_journal_part *record)
{
	const char *slash = strrchr(record->path, '/');

	return slash != NULL ? slash + 1 : record->path;
}

const char *us_part_name(const struct us_part *part)
{
	return name_of(&part->record);
}

/** The earlier run's part of FILE; taken, so that no one else gets it. */
static struct us_journal_part *find(struct us_progress *progress, const struct us_file *file)
{
	struct us_journal_content *content = &progress->content;
	struct us_journal_part *found = NULL;
	struct us_fingerprint fingerprint;

	if (content->nr_parts == 0 || us_fingerprint_of(file->dir, file->dst_name, &file->stx, &fingerprint) < 0) {
		return NULL;
	}
	pthread_mutex_lock(&progress->parts_lock);
	for (size_t i = 0; i < content->nr_parts && found == NULL; i++) {
		struct us_journal_part *part = &content->parts[i];

		if (!part->taken && us_fingerprint_compare(&part->file, &fingerprint) == 0) {
			part->taken = true;
			found = part;
		}
	}
	pthread_mutex_unlock(&progress->parts_lock);
	return found;
}

/** Open what RECORD leads to in DIRFD, if it is that still.  @return a descriptor or a negative errno. */
static int open_part(struct usync_job *job, const struct us_journal_part *record, int dirfd, struct statx *stx)
{
	int fd = us_lease_open(job, dirfd, name_of(record), O_WRONLY | O_NOFOLLOW, 0);
	int ret = fd < 0 ? fd : us_statx(fd, "", AT_EMPTY_PATH, stx);

	if (ret == 0 && (!S_ISREG(stx->stx_mode) || stx->stx_nlink != 1 || !us_identity_is(&record->identity, stx) ||
	                 born(stx) != record->born)) {
		ret = -ESTALE;
	}
	if (ret < 0 && fd >= 0) {
		us_close(fd);
	}
	return ret < 0 ? ret : fd;
}

bool us_part_adopt(struct us_worker *worker, struct us_file *file)
{
	struct usync_job *job = worker->job;
	struct us_journal_part *record;
	const char *what; /* It is told where the file is begun anew. */
	struct statx stx;
	uint64_t end;
	int dirfd;
	int fd;

	if (!us_part_wanted(worker, file) || file->dir->fd[US_DST] < 0) {
		return false;
	}
	record = find(job->progress, file);
	if (record == NULL || (record->elsewhere && job->temp_fd < 0) || strlen(name_of(record)) >= US_TEMP_SIZE ||
	    strncmp(name_of(record), US_TEMP_PREFIX, strlen(US_TEMP_PREFIX)) != 0) {
		return false;
	}
	dirfd = record->elsewhere ? job->temp_fd : file->dir->fd[US_DST];
	us_leftovers_adopt(dirfd, name_of(record));
	fd = open_part(job, record, dirfd, &stx);
	if (fd == -ECANCELED) {
		record->taken = false; /* It is as good as it was, for the next run. */
		return false;
	}
	if (fd < 0) {
		/* What has such a name by now is no one's: as with all that earlier runs have left. */
		fd = us_leftovers_remove(worker->job, dirfd, name_of(record));
		if (fd < 0) {
			us_report_failed(worker, &(struct us_place){file->dir, file->dst_name, US_DST},
			                 "remove what an earlier run had begun of it", fd);
		}
		return false;
	}
	end = stx.stx_size > record->slack ? stx.stx_size - record->slack : 0;
	end = us_min(end, (uint64_t)file->stx.stx_size);
	end = job->options.fsync ? us_min(end, record->offset) : end;
	us_local_admit_owner(file->dir);
	file->temp_fd = dirfd;
	file->dst_fd = fd;
	if (us_local_make_way(worker, file, &what) < 0 || us_ftruncate(fd, end) < 0 ||
	    !begin(worker, file, name_of(record), end)) {
		us_close(fd);
		file->dst_fd = -1;
		file->temp_fd = -1;
		record->taken = false; /* It goes with the rest. */
		return false;
	}
	file->offset = end;
	file->made_mode = stx.stx_mode & 0777;
	return true;
}

void us_part_wrote(struct us_file *file, uint64_t end)
{
	if (file->part != NULL) {
		atomic_store_explicit(&file->part->written, end, memory_order_relaxed);
	}
}

void us_part_void(struct us_worker *worker, struct us_file *file)
{
	struct us_progress *progress = worker->job->progress;

	if (file->part != NULL) {
		pthread_mutex_lock(&progress->parts_lock);
		file->part->is_void = true;
		pthread_mutex_unlock(&progress->parts_lock);
		(void)us_journal_revoke(&progress->journal, &file->part->record.file);
	}
}

bool us_part_is_kept(const struct us_worker *worker, const struct us_file *file)
{
	return file->part != NULL && !file->part->is_void && us_job_stopping(worker->job);
}

/** How far one part had come. */
struct us_part_snapshot {
	struct us_part_snapshot *next;
	struct us_journal_part record;
};

struct us_part_snapshot *us_part_take_snapshot(struct us_progress *progress)
{
	struct us_part_snapshot *list = NULL;

	pthread_mutex_lock(&progress->parts_lock);
	for (struct us_part *part = progress->parts; part != NULL; part = part->next) {
		uint64_t written = atomic_load_explicit(&part->written, memory_order_relaxed);
		struct us_part_snapshot *one;

		if (written == part->record.offset || part->is_void) {
			continue;
		}
		one = calloc(1, sizeof(*one));
		if (one == NULL) {
			break; /* The journal tells less than there is, which costs time alone. */
		}
		part->record.offset = written;
		one->record = part->record;
		one->record.path = strdup(part->record.path);
		one->next = list;
		list = one;
		if (one->record.path == NULL) {
			break;
		}
	}
	pthread_mutex_unlock(&progress->parts_lock);
	return list;
}

void us_part_write_snapshot(struct us_progress *progress, struct us_part_snapshot *snapshot)
{
	for (; snapshot != NULL; snapshot = snapshot->next) {
		if (snapshot->record.path != NULL) {
			(void)us_journal_part(&progress->journal, &snapshot->record);
		}
	}
}

void us_part_snapshot_free(struct us_part_snapshot *snapshot)
{
	while (snapshot != NULL) {
		struct us_part_snapshot *next = snapshot->next;

		free(snapshot->record.path);
		free(snapshot);
		snapshot = next;
	}
}

/** Open the directory that RECORD's file is in.  @return a descriptor or a negative errno. */
static int open_parent(const struct usync_job *job, const struct us_journal_part *record)
{
	const char *name = name_of(record);
	size_t length = name > record->path ? (size_t)(name - record->path) - 1 : 0;
	char *parent;
	int fd;

	if (record->elsewhere) {
		return job->temp_fd >= 0 ? us_dup(job->temp_fd) : -ENOENT;
	}
	parent = strndup(record->path, length);
	fd = parent != NULL ? us_path_open_beneath(job->progress->root_fd, parent) : -ENOMEM;
	free(parent);
	return fd;
}

/** Remove one, if it is there still.  @return 0 or a negative errno. */
static int remove_one(const struct usync_job *job, const struct us_journal_part *record)
{
	const char *name = name_of(record);
	struct statx stx;
	int dirfd = open_parent(job, record);
	int ret = dirfd < 0 ? dirfd : us_statx(dirfd, name, AT_SYMLINK_NOFOLLOW, &stx);

	if (ret == 0 && us_identity_is(&record->identity, &stx)) {
		ret = us_leftovers_unlink(dirfd, name);
	}
	if (dirfd >= 0) {
		us_close(dirfd);
	}
	/* Its directory may be gone, or something else by now. */
	return ret == -ENOENT || ret == -ENOTDIR || ret == -ELOOP ? 0 : ret;
}

void us_part_remove_rest(struct usync_job *job)
{
	const struct us_journal_content *content = &job->progress->content;

	for (size_t i = 0; i < content->nr_parts; i++) {
		const struct us_journal_part *part = &content->parts[i];
		int ret = part->taken ? 0 : remove_one(job, part);

		if (ret < 0) {
			us_report_dst_failed(job, part->path, "remove what an earlier run had begun", ret);
		}
	}
}
