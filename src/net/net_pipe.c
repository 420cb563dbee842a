/* SPDX-License-Identifier: MIT */
/*
 * A sender's contents by splice(2):
 *
 *	file ── the source ──> file->pipe ── us_out_send() ──> connection
 *
 * What a frame promises is in the pipe already, so a file that gets shorter meanwhile breaks no promise.  The pages in
 * the pipe are the file's own, and stay so in the socket, and over loopback even at the receiver until it has read
 * them: who writes to the file by then writes to what is sent.  So such a file is looked at for the last time when its
 * receipt has come, and stays open until then.
 */
#include "base/us.h"
#include "core/file.h"
#include "core/job.h"
#include "core/report.h"
#include "core/worker.h"
#include "net/conn.h"
#include "net/session.h"
#include "sys/call.h"

#include <fcntl.h>

/** Smaller files go with others in one frame. */
#define SPLICE_MIN (128u << 10)

/**
 * So many files of one connection may be kept open for their receipts: each in the window had room for one descriptor
 * more.
 */
#define HELD_MAX 32u

bool us_net_pipe_settle(const struct us_session *session)
{
	const struct usync_job *job = session->job;
	const char *why = NULL;

	if (job->options.copy != USYNC_COPY_SPLICE) {
		return false;
	}
	for (unsigned int i = 0; i < session->nr; i++) {
		if (!us_conn_plain_send(session->nets[i].conn)) {
			why = "OpenSSL encrypts them";
		}
	}
	if (job->digests) {
		why = job->options.checksum_file != NULL ? "--checksum-file looks at them" : "--verify looks at them";
	} else if (session->nets[0].out.compress != NULL) {
		why = "they are compressed";
	} else if ((session->features & US_WIRE_FEATURE_BARE) == 0) {
		why = "the other side can't take them so";
	}
	if (why != NULL) {
		us_report_note(session->job, "contents are not sent by splice: %s", why);
		return false;
	}
	us_report_note(session->job, "contents of files of %u KiB and more are sent by splice, without a sum",
	               SPLICE_MIN >> 10);
	return true;
}

bool us_net_pipe_takes(const struct us_net *net, const struct us_file *file)
{
	return file->stx.stx_size >= SPLICE_MIN && net->nr_held < us_min(HELD_MAX, net->worker->job->window);
}

void us_net_pipe_put(struct us_net *net, struct us_file *file, struct us_sent *sent, const struct us_record *record)
{
	if (file->written == 0) {
		sent->pipe = (struct us_out_pipe){.fd = file->pipe[0]};
		sent->is_new = !file->created;
	}
	if (!sent->is_held) {
		sent->is_held = true;
		net->nr_held++;
	}
	if (us_out_piped(&net->out, record, &sent->pipe) < 0) {
		us_net_fail(net, "send", -ENOMEM);
	}
}

void us_net_pipe_wait(struct us_net *net, struct us_file *file)
{
	file->next = net->piping;
	net->piping = file;
}

/** The part in hand of FILE has gone, or could not. */
static void go_on(struct us_net *net, struct us_file *file)
{
	struct us_sent *sent = &net->sent[file->token];

	net->worker->activity++;
	if (sent->has_failed) {
		us_net_sink_let_go(net, file);
		return;
	}
	if (sent->pipe.error < 0) {
		/* A void frame tells the receiver nothing, not even that there is such a file. */
		file->created = file->created && !(sent->is_new && sent->pipe.nr_frames == 0);
		us_net_sink_fail(net, file, "read", sent->pipe.error);
		return;
	}
	file->piped = 0;
	file->written = 0;
	us_worker_drained(net->worker, file);
}

void us_net_pipe_unblock(struct us_net *net)
{
	struct us_file *file = net->piping;

	net->piping = NULL;
	while (file != NULL) {
		struct us_file *next = file->next;

		if (net->sent[file->token].pipe.left > 0) {
			us_net_pipe_wait(net, file);
		} else {
			go_on(net, file);
		}
		file = next;
	}
}

bool us_net_pipe_check(struct us_net *net, struct us_file *file, const struct us_sent *sent)
{
	struct us_place place = {.dir = file->dir, .name = file->name, .side = US_SRC};
	struct statx now;
	int ret;

	if (!sent->is_held) {
		return true;
	}
	ret = us_statx(file->src_fd, "", AT_EMPTY_PATH, &now);
	if (ret < 0) {
		us_report_failed(net->worker, &place, "stat", ret);
	} else if (now.stx_size != file->stx.stx_size || now.stx_mtime.tv_sec != file->stx.stx_mtime.tv_sec ||
	           now.stx_mtime.tv_nsec != file->stx.stx_mtime.tv_nsec) {
		us_report_failed(net->worker, &place, "copy: it changed while it was sent", 0);
		ret = -1;
	}
	return ret == 0;
}

void us_net_pipe_forget(struct us_net *net, struct us_sent *sent)
{
	if (sent->pipe.left > 0) {
		us_out_void(&net->out, &sent->pipe);
	}
	if (sent->is_held) {
		sent->is_held = false;
		net->nr_held--;
	}
}

void us_net_pipe_give_up(struct us_net *net)
{
	while (net->piping != NULL) {
		struct us_file *file = net->piping;

		net->piping = file->next;
		us_net_sink_let_go(net, file);
	}
}
