/* SPDX-License-Identifier: MIT */
/*
 * A line is what sha256sum(1) and xxhsum(1) write: the sum in hex, two spaces, the path; with a backslash before it
 * when the path has a backslash or a newline, which are escaped then.
 */
#include "core/manifest.h"

#include "base/us.h"
#include "core/file.h"
#include "core/job.h"
#include "core/lease.h"
#include "core/link.h"
#include "core/mirror.h"
#include "core/report.h"
#include "core/worker.h"
#include "sys/call.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

/** What stands in the spool before a path. */
struct record {
	uint64_t size;
	struct us_sum sum;
	struct us_fingerprint fingerprint;
	uint32_t length; /**< Of the path, without a NUL. */
};

int us_manifest_open(struct usync_job *job)
{
	struct us_manifest *manifest;
	int ret = 0;

	if (!job->digests) {
		return 0;
	}
	manifest = calloc(1, sizeof(*manifest));
	if (manifest == NULL) {
		return -ENOMEM;
	}
	job->manifest = manifest;
	pthread_mutex_init(&manifest->lock, NULL);
	if (job->options.checksum_file != NULL) {
		manifest->out = fopen(job->options.checksum_file, "we");
		ret = manifest->out == NULL ? -errno : us_mirror_spare(job, fileno(manifest->out));
	}
	if (ret == 0 && job->options.verify) {
		manifest->spool = tmpfile();
		ret = manifest->spool == NULL ? -errno : 0;
	}
	if (ret < 0 && asprintf(&job->error_text, "%s: open: %s",
	                        manifest->out == NULL && job->options.checksum_file != NULL
	                                ? job->options.checksum_file
	                                : "a temporary file for --verify",
	                        strerrordesc_np(-ret)) < 0) {
		job->error_text = NULL;
	}
	return ret;
}

/** The worker's buffer for what has to be read once more. */
static char *spare_buffer(struct us_worker *worker)
{
	if (worker->compare_buf == NULL) {
		worker->compare_buf = malloc(worker->job->chunk);
	}
	return worker->compare_buf;
}

int us_manifest_begin(struct us_worker *worker, struct us_file *file, uint64_t end)
{
	char *buf;

	if (!worker->job->digests) {
		return 0;
	}
	if (file->digest == NULL) {
		file->digest = us_digest_new(worker->job->options.hash);
	} else {
		us_digest_reset(file->digest);
	}
	if (file->digest == NULL) {
		return -ENOMEM;
	}
	if (end == 0) {
		return 0;
	}
	buf = spare_buffer(worker);
	return buf != NULL ? us_digest_add_file(file->digest, file->src_fd, end, buf, worker->job->chunk) : -ENOMEM;
}

/**
 * Read a further name of a file that was copied under another one, for its sum; where the source is another machine,
 * the copy.
 */
static int digest_link(struct us_worker *worker, struct us_file *file)
{
	bool received = worker->job->link != NULL && worker->job->link->source != NULL;
	int ret;

	if (file->src_fd < 0) { /* In a new directory it was opened before it was known to be a link. */
		int fd = us_lease_open(worker->job, file->dir->fd[received ? US_DST : US_SRC],
		                       received ? file->dst_name : file->name, O_RDONLY | O_NOFOLLOW, 0);

		if (fd < 0) {
			return fd;
		}
		file->src_fd = fd;
	}
	ret = us_manifest_begin(worker, file, file->stx.stx_size);
	file->offset = file->stx.stx_size;
	if (received) {
		us_close(file->src_fd);
		file->src_fd = -1;
	}
	return ret; /* Else the source closes it. */
}

/** Write a line for those who read such files. */
static void write_line(FILE *out, const struct us_sum *sum, const char *path)
{
	if (strpbrk(path, "\\\n\r") != NULL) {
		fputc('\\', out);
	}
	for (uint8_t i = 0; i < sum->length; i++) {
		fprintf(out, "%02x", sum->bytes[i]);
	}
	fputs("  ", out);
	for (; *path != '\0'; path++) {
		switch (*path) {
		case '\\':
			fputs("\\\\", out);
			break;
		case '\n':
			fputs("\\n", out);
			break;
		case '\r':
			fputs("\\r", out);
			break;
		default:
			fputc(*path, out);
			break;
		}
	}
	fputc('\n', out);
}

/** Keep the first error of writing to OUT, while errno still tells of it. */
static void note_error(struct us_manifest *manifest, const FILE *out)
{
	if (manifest->error == 0 && out != NULL && ferror((FILE *)(uintptr_t)out) != 0) {
		manifest->error = errno > 0 ? -errno : -EIO;
	}
}

/** Write what was found of FILE. */
static void write_entry(struct us_manifest *manifest, const struct us_file *file, const char *path,
                        const struct us_sum *sum, const struct us_fingerprint *fingerprint)
{
	struct record record = {
		.size = file->offset + file->length,
		.sum = *sum,
		.fingerprint = *fingerprint,
		.length = (uint32_t)strlen(path),
	};

	pthread_mutex_lock(&manifest->lock);
	errno = 0;
	if (manifest->out != NULL) {
		write_line(manifest->out, sum, path);
		note_error(manifest, manifest->out);
	}
	if (manifest->spool != NULL) {
		fwrite(&record, sizeof(record), 1, manifest->spool);
		fwrite(path, 1, record.length, manifest->spool);
		note_error(manifest, manifest->spool);
	}
	pthread_mutex_unlock(&manifest->lock);
}

void us_manifest_leave(struct us_worker *worker, struct us_file *file)
{
	struct us_fingerprint fingerprint;
	struct us_sum sum;
	char *path;
	int ret = 0;

	if (!file->done || !S_ISREG(file->stx.stx_mode)) {
		return;
	}
	if (file->kind == US_FILE_LINK && worker->job->manifest->out != NULL) {
		ret = digest_link(worker, file);
	}
	if (ret == 0 && file->digest == NULL) {
		return; /* Its contents were left as they are, and not looked at. */
	}
	path = us_dir_relative_path(file->dir, file->dst_name);
	if (ret == 0) {
		ret = path != NULL ? us_fingerprint_of(file->dir, file->dst_name, &file->stx, &fingerprint) : -ENOMEM;
	}
	if (ret == 0) {
		us_digest_end(file->digest, file->offset + file->length, &sum);
		write_entry(worker->job->manifest, file, path, &sum, &fingerprint);
	} else {
		us_report_failed(worker, &(struct us_place){file->dir, file->name, US_SRC}, "take its sum", ret);
	}
	free(path);
}

int us_manifest_next(struct us_manifest *manifest, struct us_manifest_entry *entry)
{
	struct record record;
	int ret = 1;

	*entry = (struct us_manifest_entry){0};
	pthread_mutex_lock(&manifest->lock);
	errno = 0;
	if (fread(&record, sizeof(record), 1, manifest->spool) != 1) {
		ret = feof(manifest->spool) ? 0 : (errno > 0 ? -errno : -EIO);
	} else {
		entry->path = malloc((size_t)record.length + 1);
		if (entry->path == NULL) {
			ret = -ENOMEM;
		} else if (fread(entry->path, 1, record.length, manifest->spool) != record.length) {
			ret = errno > 0 ? -errno : -EIO;
		} else {
			entry->path[record.length] = '\0';
			entry->size = record.size;
			entry->sum = record.sum;
			entry->fingerprint = record.fingerprint;
		}
	}
	pthread_mutex_unlock(&manifest->lock);
	if (ret < 0) {
		us_manifest_entry_free(entry);
	}
	return ret;
}

void us_manifest_entry_free(struct us_manifest_entry *entry)
{
	free(entry->path);
	entry->path = NULL;
}

void us_manifest_finish(struct usync_job *job)
{
	struct us_manifest *manifest = job->manifest;

	if (manifest == NULL || manifest->out == NULL) {
		return;
	}
	errno = 0;
	if (fclose(manifest->out) != 0 && manifest->error == 0) {
		manifest->error = errno > 0 ? -errno : -EIO;
	}
	manifest->out = NULL;
	if (manifest->error < 0) {
		us_report_file_failed(job, job->options.checksum_file, "write", manifest->error);
	}
}

void us_manifest_free(struct usync_job *job)
{
	struct us_manifest *manifest = job->manifest;

	if (manifest == NULL) {
		return;
	}
	if (manifest->out != NULL) {
		fclose(manifest->out);
	}
	if (manifest->spool != NULL) {
		fclose(manifest->spool);
	}
	pthread_mutex_destroy(&manifest->lock);
	free(manifest);
	job->manifest = NULL;
}
