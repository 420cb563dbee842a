/* SPDX-License-Identifier: MIT */
/* Directories have no descriptor on this side, and are new, as all in them is. */
#include "null_sink.h"

#include "core/file.h"
#include "core/job.h"
#include "core/worker.h"

/** See us_sink_ops. */
static void null_open_dir(struct us_worker *worker, struct us_dir_open *opening)
{
	opening->dir->dst_new = true;
	us_worker_dir_opened(worker, opening);
}

/** See us_sink_ops. */
static void null_look(struct us_worker *worker, struct us_file *file)
{
	file->verdict = US_VERDICT_COPY;
	us_worker_looked(worker, file);
}

/** See us_sink_ops. */
static bool null_put(struct us_worker *worker, struct us_file *first, bool wait)
{
	struct us_file *next;

	(void)wait;
	for (struct us_file *file = first; file != NULL; file = next) {
		next = file->next;
		us_count(&worker->counts.bytes, file->length);
		if (file->eof) {
			us_count(&worker->counts.files, 1);
			us_worker_finished(worker, file);
		} else {
			us_worker_drained(worker, file);
		}
	}
	return true;
}

/** See us_sink_ops. */
static void null_restart(struct us_worker *worker, struct us_file *file)
{
	us_worker_drained(worker, file);
}

/** See us_sink_ops. */
static void null_abandon(struct us_worker *worker, struct us_file *file)
{
	us_worker_finished(worker, file);
}

/** See us_sink_ops. */
static void null_finish_dir(struct us_worker *worker, struct us_dir *dir)
{
	(void)dir;
	us_count(&worker->counts.directories, 1);
}

const struct us_sink_ops null_sink = {
	.open_dir = null_open_dir,
	.look = null_look,
	.put = null_put,
	.restart = null_restart,
	.abandon = null_abandon,
	.finish_dir = null_finish_dir,
};
