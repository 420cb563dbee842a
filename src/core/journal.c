/* SPDX-License-Identifier: MIT */
/* Writing a journal: each block goes out in one write(2) at the end of the file, so that a killed process cuts none. */
#include "core/journal.h"

#include "base/us.h"
#include "core/journal_format.h"
#include "core/job.h"
#include "core/lease.h"
#include "sys/call.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <xxhash.h>

/** Write all of DATA at the end of the file. */
static int write_all(int fd, const char *data, size_t size)
{
	while (size > 0) {
		int ret = us_append(fd, data, (uint32_t)size);

		if (ret <= 0) {
			return ret < 0 ? ret : -EIO;
		}
		data += ret;
		size -= (size_t)ret;
	}
	return 0;
}

/** Append a block whose payload is FIRST, then SECOND; the lock is held. */
static int append_locked(struct us_journal *journal, enum us_journal_type type, const void *first, size_t first_size,
                         const void *second, size_t second_size)
{
	struct us_journal_block head = {
		.magic = US_JOURNAL_MAGIC,
		.type = (uint32_t)type,
		.length = (uint32_t)(first_size + second_size),
		.sequence = journal->sequence,
	};
	size_t summed = sizeof(head) + head.length;
	char *block = malloc(summed + sizeof(uint64_t));
	uint64_t sum;
	int ret;

	if (block == NULL) {
		return -ENOMEM;
	}
	memcpy(block, &head, sizeof(head));
	if (first_size > 0) {
		memcpy(block + sizeof(head), first, first_size);
	}
	if (second_size > 0) {
		memcpy(block + sizeof(head) + first_size, second, second_size);
	}
	sum = XXH3_64bits(block, summed);
	memcpy(block + summed, &sum, sizeof(sum));
	ret = write_all(journal->fd, block, summed + sizeof(sum));
	free(block);
	journal->sequence++;
	return ret;
}

/** Append a block; after a failure the file may end in half a block, so nothing more is written to it. */
static int append(struct us_journal *journal, enum us_journal_type type, const void *first, size_t first_size,
                  const void *second, size_t second_size)
{
	int ret;

	if (first_size + second_size > US_JOURNAL_PAYLOAD_MAX) {
		return -E2BIG;
	}
	pthread_mutex_lock(&journal->lock);
	if (journal->error == 0) {
		journal->error = append_locked(journal, type, first, first_size, second, second_size);
	}
	ret = journal->error;
	pthread_mutex_unlock(&journal->lock);
	return ret;
}

int us_journal_done(struct us_journal *journal, const struct us_fingerprint *files, size_t nr)
{
	const size_t most = US_JOURNAL_PAYLOAD_MAX / sizeof(*files);
	int ret = 0;

	for (size_t at = 0; at < nr && ret == 0; at += most) {
		ret = append(journal, US_JOURNAL_DONE, files + at, us_min(nr - at, most) * sizeof(*files), NULL, 0);
	}
	return ret;
}

int us_journal_revoke(struct us_journal *journal, const struct us_fingerprint *file)
{
	return append(journal, US_JOURNAL_REVOKE, file, sizeof(*file), NULL, 0);
}

int us_journal_part(struct us_journal *journal, const struct us_journal_part *part)
{
	struct us_journal_part_record record = {
		.file = part->file,
		.ino = part->identity.ino,
		.offset = part->offset,
		.born = part->born,
		.dev_major = part->identity.dev_major,
		.dev_minor = part->identity.dev_minor,
		.elsewhere = part->elsewhere,
		.slack_kib = (uint32_t)us_min((part->slack + 1023) / 1024, (uint64_t)UINT32_MAX),
	};

	return append(journal, part->slack > 0 ? US_JOURNAL_RANGED : US_JOURNAL_PART, &record, sizeof(record),
	              part->path, strlen(part->path));
}

int us_journal_end(struct us_journal *journal)
{
	return append(journal, US_JOURNAL_END, NULL, 0, NULL, 0);
}

int us_journal_sync(struct us_journal *journal)
{
	int ret;

	pthread_mutex_lock(&journal->lock);
	if (journal->error == 0) {
		journal->error = us_fdatasync(journal->fd);
	}
	ret = journal->error;
	pthread_mutex_unlock(&journal->lock);
	return ret;
}

/** Understand what FD, of SIZE bytes, holds. */
static int read_content(int fd, size_t size, struct us_journal_content *content)
{
	void *data;
	int ret;

	*content = (struct us_journal_content){0};
	if (size == 0) {
		return 0;
	}
	data = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (data == MAP_FAILED) {
		return -errno;
	}
	ret = us_journal_parse(data, size, content);
	munmap(data, size);
	return ret;
}

/** Begin the file anew. */
static int begin(struct us_journal *journal, const char *head, size_t head_length)
{
	int ret = us_ftruncate(journal->fd, 0);

	if (ret == 0) {
		ret = write_all(journal->fd, US_JOURNAL_SIGNATURE, US_JOURNAL_SIGNATURE_SIZE);
	}
	return ret < 0 ? ret : append_locked(journal, US_JOURNAL_HEAD, head, head_length, NULL, 0);
}

/** Lock and read the open file, and make it ready to be appended to. */
static int prepare(struct us_journal *journal, const char *head, size_t head_length,
                   struct us_journal_content *content)
{
	struct statx stx;
	int ret = us_flock(journal->fd, LOCK_EX);

	if (ret == -EWOULDBLOCK) {
		return US_JOURNAL_BUSY;
	}
	/* A file system without locks does without. */
	ret = us_statx(journal->fd, "", AT_EMPTY_PATH, &stx);
	if (ret == 0 && !S_ISREG(stx.stx_mode)) {
		return US_JOURNAL_FOREIGN;
	}
	if (ret == 0) {
		ret = read_content(journal->fd, stx.stx_size, content);
	}
	if (ret != 0) {
		return ret;
	}
	if (content->head != NULL &&
	    (content->head_length != head_length || memcmp(content->head, head, head_length) != 0)) {
		return US_JOURNAL_OTHER;
	}
	if (content->head == NULL || content->ended) {
		us_journal_content_free(content);
		return begin(journal, head, head_length);
	}
	journal->sequence = content->sequence;
	return content->length < stx.stx_size ? us_ftruncate(journal->fd, content->length) : 0;
}

int us_journal_open(struct us_journal *journal, struct usync_job *job, const char *head, size_t head_length,
                    struct us_journal_content *content)
{
	int ret;

	*journal = (struct us_journal){.fd = -1};
	*content = (struct us_journal_content){0};
	if (head_length > US_JOURNAL_PAYLOAD_MAX) {
		return -E2BIG;
	}
	ret = us_lease_open(job, AT_FDCWD, job->options.journal, O_RDWR | O_CREAT | O_APPEND, 0600);
	if (ret < 0) {
		return ret;
	}
	journal->fd = ret;
	pthread_mutex_init(&journal->lock, NULL);
	ret = prepare(journal, head, head_length, content);
	if (ret != 0) {
		us_journal_close(journal);
	}
	return ret;
}

void us_journal_close(struct us_journal *journal)
{
	if (journal->fd >= 0) {
		us_close(journal->fd);
		journal->fd = -1;
		pthread_mutex_destroy(&journal->lock);
	}
}
