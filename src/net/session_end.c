/* SPDX-License-Identifier: MIT */
/* The end of a transfer: what became of the whole, or why nothing comes of it. */
#include "base/clock.h"
#include "base/us.h"
#include "core/job.h"
#include "core/report.h"
#include "core/worker.h"
#include "net/conn.h"
#include "net/ranges.h"
#include "net/session.h"
#include "net/talk.h"

#include <inttypes.h>
#include <string.h>

/** How long the other side may take to close a connection on which all is said. */
#define CLOSE_NS (5 * US_SECOND_NS)

int us_net_queue_abort(struct us_net *net)
{
	struct usync_job *job = net->session->job;
	struct us_wire_abort wire = {.error = atomic_load(&job->error)};
	uint8_t payload[sizeof(wire) + US_WIRE_TEXT_MAX];
	/* Another worker may just be saying it. */
	const char *text = __atomic_load_n(&job->error_text, __ATOMIC_ACQUIRE);

	if (net->abort_queued) {
		return -EALREADY;
	}
	net->abort_queued = true;
	text = text != NULL ? text : "it was interrupted";
	wire.error = wire.error < 0 ? wire.error : -ECANCELED;
	wire.text = (uint32_t)strnlen(text, US_WIRE_TEXT_MAX - 1);
	memcpy(payload, &wire, sizeof(wire));
	memcpy(payload + sizeof(wire), text, wire.text);
	payload[sizeof(wire) + wire.text] = 0;
	return us_out_frame(&net->out, US_WIRE_ABORT, payload, (uint32_t)sizeof(wire) + wire.text + 1);
}

void us_net_abort_sent(struct us_net *net)
{
	if (us_out_is_empty(&net->out)) {
		atomic_store(&net->session->job->peer_knows, true);
	}
}

/** Let the other side know why nothing comes of it, as well as that can be. */
static void abort_session(struct us_session *session)
{
	for (unsigned int i = 0; i < session->nr; i++) {
		struct us_net *net = &session->nets[i];

		if (!net->broken && us_net_queue_abort(net) == 0 && us_out_send(&net->out, net->conn) >= 0) {
			us_net_abort_sent(net);
		}
	}
}

/** The job did not begin, for ERROR. */
static void give_up(struct us_session *session, int error)
{
	int none = 0;

	atomic_compare_exchange_strong(&session->job->error, &none, error);
	if (session->met) {
		abort_session(session);
	}
	/* Before it is known what the other side understands, the end of the connection tells it that nothing comes. */
	for (unsigned int i = 0; !session->met && i < session->nr; i++) {
		(void)us_conn_finish(session->nets[i].conn);
	}
}

/** The sender: what the receiver says of the whole. */
static void hear_final(struct us_session *session)
{
	struct usync_job *job = session->job;
	struct us_net *net = &session->nets[0];
	struct us_in_frame *frame;
	struct us_wire_final final;
	const char *text;

	if (us_talk_hear(net, US_WIRE_FINAL, &frame) < 0) {
		return;
	}
	memcpy(&final, us_in_payload(frame), sizeof(final));
	if (us_frame_text(us_in_payload(frame), frame->head.length, sizeof(final), final.text, &text) < 0) {
		(void)us_talk_refuse(session, -EBADMSG, "receive");
	} else if (final.error < 0) {
		atomic_store(&job->peer_knows, true);
		us_report_stop_text(job, final.error > -4096 ? final.error : -EIO, "%s: the other side stopped: %s",
		                    us_conn_name(net->conn), text != NULL ? text : "it does not say why");
	}
	us_in_put(frame);
	atomic_fetch_add(&job->nr_failed_there, final.failed);
	atomic_fetch_add(&job->nr_deleted_there, final.deleted);
	atomic_fetch_add(&job->nr_not_deleted, final.not_deleted);
	atomic_fetch_add(&job->nr_verified, final.verified);
}

/** Say what compression has done. */
static void note_compression(const struct us_session *session)
{
	uint64_t plain = 0;
	uint64_t packed = 0;

	for (unsigned int i = 0; i < session->nr; i++) {
		plain += session->nets[i].out.plain;
		packed += session->nets[i].out.packed;
	}
	if (plain > 0) {
		us_report_note(session->job, "compressed: %" PRIu64 " bytes were sent as %" PRIu64, plain, packed);
	}
}

/** Say how large files went. */
static void note_ranges(const struct us_session *session)
{
	uint64_t ranges = 0;
	unsigned int conns = 0;

	for (unsigned int i = 0; i < session->nr; i++) {
		ranges += session->nets[i].nr_ranges;
		conns += session->nets[i].nr_ranges > 0;
	}
	if (ranges > 0) {
		us_report_note(session->job, "large files: %" PRIu64 " ranges of %" PRIu32 " bytes, on %u connections",
		               ranges, session->job->large.range, conns);
	}
}

void us_session_send_finish(struct usync_job *job, int error)
{
	struct us_session *session = job->session;

	if (error == 0 && !us_job_stopping(job)) {
		hear_final(session);
	}
	us_keepalive_stop(session);
	if (error < 0) {
		give_up(session, error);
	} else if (!us_job_stopping(job)) {
		note_compression(session);
		note_ranges(session);
		(void)us_conn_finish(session->nets[0].conn); /* It waits for that no longer than it must. */
	}
	us_net_events_end(session);
	us_session_release(session);
}

/** What this side's workers have counted. */
static void count(const struct usync_job *job, struct us_wire_final *final)
{
	for (unsigned int i = 0; i < job->nr_workers; i++) {
		final->failed += atomic_load(&job->workers[i].counts.failed);
		final->deleted += atomic_load(&job->workers[i].counts.deleted);
	}
	final->failed += atomic_load(&job->nr_unverified);
	final->not_deleted = atomic_load(&job->nr_not_deleted);
	final->verified = atomic_load(&job->nr_verified);
}

/** The receiver: say what became of the whole, and see that it was taken. */
static void tell_final(struct us_session *session)
{
	struct usync_job *job = session->job;
	struct us_net *net = &session->nets[0];
	struct us_wire_final final = {.error = atomic_load(&job->error)};
	uint64_t deadline = us_clock_ns() + CLOSE_NS;
	int ret;

	(void)us_net_events_tell(net); /* Those that no worker was left to tell. */
	count(job, &final);
	ret = us_talk_tell(net, US_WIRE_FINAL, &final, sizeof(final));
	if (ret == 0 && final.error < 0) {
		atomic_store(&job->peer_knows, true);
	}
	while (ret == 0 && !net->in.ended && us_clock_ns() < deadline) {
		struct us_in_frame *frame = us_in_take(&net->in);

		if (frame != NULL) {
			us_in_put(frame); /* There is nothing that it could be. */
			continue;
		}
		ret = us_conn_finish(net->conn);
		ret = ret == -EAGAIN ? 0 : ret;
		ret = ret == 0 ? us_in_receive(&net->in, net->conn) : ret;
		if (ret == 0 && !net->in.ended) {
			ret = us_talk_wait(net, deadline);
		}
		ret = us_min(ret, 0);
	}
}

void us_session_receive_finish(struct usync_job *job, int error)
{
	struct us_session *session = job->session;

	us_keepalive_stop(session);
	us_net_shares_fini(session);
	if (error < 0) {
		give_up(session, error);
	} else if (!us_job_stopping(job)) {
		tell_final(session);
	} else if (atomic_load(&session->active) == 0) {
		abort_session(session); /* What stopped it came after the workers' end, or they have said so. */
	}
	us_net_events_end(session);
	us_net_dirs_fini(session);
	us_session_release(session);
}
