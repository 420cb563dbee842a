/* SPDX-License-Identifier: MIT */
/*
 * One connection while files move on it.  Both sides speak at any time, and each always takes what comes as long as it
 * has room; so neither can wait for the other to read what it waits for the other to answer.
 */
#include "base/clock.h"
#include "base/us.h"
#include "core/feed.h"
#include "core/job.h"
#include "core/report.h"
#include "core/worker.h"
#include "net/conn.h"
#include "net/ranges.h"
#include "sys/sock.h"

#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/** How long one waits at the end for the other side to take why this one stops. */
#define FAREWELL_NS (2 * US_SECOND_NS)

/**
 * A frame that takes longer than so many times the length of silence that is allowed has to come faster than so many
 * bytes a second.
 */
#define DRIP_FACTOR 2u
#define DRIP_RATE 1024u

/** A job that is stopped by others is noticed after so long, and a silence that is too long. */
#define LOOK_NS (US_SECOND_NS / 5)

void us_net_fail(struct us_net *net, const char *what, int error)
{
	net->failed = true;
	/* Who sends nonsense can still be told so, and who can't be heard perhaps, too. */
	net->broken = net->broken || (error == -ETIMEDOUT ? !us_out_is_sent(&net->out)
	                                                  : error != -EPROTO && error != -EBADMSG && error != -ENOMEM);
	if (us_job_stopping(net->session->job)) {
		/* Of that the other side has heard on another connection, and what it does now is only the answer. */
		return;
	}
	us_report_stop_text(net->session->job, error, "%s: %s: %s", us_conn_name(net->conn), what,
	                    strerrordesc_np(-error));
}

void us_net_put(struct us_net *net, const struct us_record *record)
{
	if (us_out_record(&net->out, record) < 0) {
		us_net_fail(net, "send", -ENOMEM);
	}
}

void us_net_ring(const struct us_net *net)
{
	uint64_t one = 1;

	if (write(net->bell, &one, sizeof(one)) < 0) {
		return; /* It has rung without end, and no one has heard it yet. */
	}
}

void us_net_ring_others(const struct us_net *net)
{
	const struct us_session *session = net->session;

	for (unsigned int i = 0; i < session->nr; i++) {
		if (&session->nets[i] != net) {
			us_net_ring(&session->nets[i]);
		}
	}
}

/** The bell has rung: whatever for is seen when all is looked at. */
static void hear_bell(const struct us_net *net)
{
	uint64_t rung;

	if (read(net->bell, &rung, sizeof(rung)) < 0) {
		return; /* It had not. */
	}
}

/** The other side gave the transfer up. */
static void take_abort(struct us_net *net, const struct us_in_frame *frame)
{
	struct us_wire_abort wire;
	const char *text;
	int error;

	memcpy(&wire, us_in_payload(frame), sizeof(wire));
	if (us_frame_text(us_in_payload(frame), frame->head.length, sizeof(wire), wire.text, &text) < 0) {
		us_net_fail(net, "receive", -EBADMSG);
		return;
	}
	net->failed = true;
	net->broken = true;
	if (us_job_stopping(net->session->job)) {
		return;
	}
	/* Not interrupted: that was the other side. */
	error = wire.error < 0 && wire.error > -4096 && wire.error != -ECANCELED ? wire.error : -ECONNABORTED;
	atomic_store(&net->session->job->peer_knows, true);
	us_report_stop_text(net->session->job, error, "%s: the other side stopped: %s", us_conn_name(net->conn),
	                    text != NULL ? text : strerrordesc_np(-error));
}

/**
 * The other side has said all that it had to say here: a sender, when it has the receipts of all that it sent, and a
 * receiver after that.  What is still waited for then would never come.
 */
static void take_end(struct us_net *net, const struct us_in_frame *frame)
{
	struct usync_job *job = net->session->job;
	struct us_wire_end wire;
	bool is_early = net->session->is_sender ? !net->end_sent : net->worker->nr_files > 0 || net->mirrors != NULL;

	if (net->end_received || is_early) {
		us_net_fail(net, "receive", -EPROTO);
		return;
	}
	net->end_received = true;
	memcpy(&wire, us_in_payload(frame), sizeof(wire));
	if (!net->session->is_sender) {
		atomic_fetch_add(&job->nr_failed_there, wire.failed);
		atomic_fetch_add(&job->nr_vanished_there, wire.vanished);
	}
}

bool us_net_take_control(struct us_net *net, const struct us_in_frame *frame)
{
	switch (frame->head.type) {
	case US_WIRE_DATA:
	case US_WIRE_REPLY:
		return false;
	case US_WIRE_ABORT:
		take_abort(net, frame);
		return true;
	case US_WIRE_END:
		take_end(net, frame);
		return true;
	default:
		us_net_fail(net, "receive", -EPROTO);
		return true;
	}
}

/** Something was sent or received. */
static void note_moved(struct us_session *session, uint64_t now)
{
	atomic_store_explicit(&session->moved_ns, now, memory_order_relaxed);
	if (atomic_load_explicit(&session->is_still, memory_order_relaxed)) {
		atomic_store_explicit(&session->is_still, false, memory_order_relaxed);
	}
}

/** Read what has come.  @return true when something had. */
static bool receive(struct us_net *net, uint64_t now)
{
	uint64_t pings = net->in.pings;
	int ret = us_in_wants(&net->in) ? us_in_receive(&net->in, net->conn) : 0;

	if (ret < 0) {
		us_net_fail(net, "receive", ret);
		return false;
	}
	if (ret > 0) {
		net->heard_ns = now;
		if ((uint64_t)ret > (net->in.pings - pings) * US_FRAME_HEAD) {
			note_moved(net->session, now);
		}
	}
	return ret > 0;
}

/** Write what can be written.  @return true when something was. */
static bool send_out(struct us_net *net, uint64_t now)
{
	int ret = us_out_send(&net->out, net->conn);

	if (ret < 0) {
		/* Why is perhaps in what it has sent before. */
		(void)receive(net, now);
		if (us_in_is_empty(&net->in)) {
			us_net_fail(net, "send", ret);
		}
		net->broken = true;
		net->send_error = ret;
		us_out_clear(&net->out);
		return false;
	}
	if (ret > 0) {
		note_moved(net->session, now);
	}
	return ret > 0;
}

/** Take the answers that have come; a receiver takes its frames when it has room for what is in them. */
static bool take_frames(struct us_net *net)
{
	struct us_in_frame *frame;
	bool any = false;

	if (!net->session->is_sender) {
		return false;
	}
	while (!net->failed && !net->end_received && (frame = us_in_take(&net->in)) != NULL) {
		any = true;
		if (!us_net_take_control(net, frame)) {
			if (frame->head.type == US_WIRE_REPLY && !net->end_received) {
				us_net_take_replies(net, frame);
			} else {
				us_net_fail(net, "receive", -EPROTO);
			}
		}
		us_in_put(frame);
	}
	return any;
}

/** The time from SINCE to NOW, which was taken before that perhaps. */
static uint64_t elapsed(uint64_t now, uint64_t since)
{
	return now > since ? now - since : 0;
}

/** True when the frame that is coming comes too slowly for a connection that works. */
static bool drips(struct us_net *net, uint64_t now)
{
	const struct us_in *in = &net->in;
	uint64_t age;

	if (in->filling == NULL || in->filling->got == 0) {
		net->begun_ns = 0;
		return false;
	}
	age = elapsed(now, net->begun_ns);
	if (net->begun_ns != 0 && in->completed == net->completed) {
		if (age <= net->session->timeout_ns * DRIP_FACTOR) {
			return false;
		}
		if (in->total - net->begun_total < age / US_SECOND_NS * DRIP_RATE) {
			return true;
		}
	}
	net->completed = in->completed;
	net->begun_total = in->total;
	net->begun_ns = now;
	return false;
}

/** The other side gives signs of life: let the user know when it gives nothing else. */
static void note_stillness(struct us_session *session, uint64_t now)
{
	uint64_t still = elapsed(now, atomic_load_explicit(&session->moved_ns, memory_order_relaxed));

	if (still > session->timeout_ns && !atomic_exchange(&session->is_still, true)) {
		us_report_note(session->job,
		               "%s: the other side is there, but nothing has been sent or received for %" PRIu64 " s",
		               us_conn_name(session->nets[0].conn), still / US_SECOND_NS);
	}
}

/**
 * See that the other side is there: that something is heard of it.  Where nothing can be, because all room is taken or
 * it has said all that it had to, it has to take what it is sent.
 */
static void check_life(struct us_net *net, uint64_t now)
{
	uint64_t limit = net->session->timeout_ns;

	if (!us_in_wants(&net->in) || net->end_received) {
		net->heard_ns = now;
		if (us_out_is_stuck(&net->out, now, limit)) {
			us_net_fail(net, "the other side does not take what is sent", -ETIMEDOUT);
		}
	} else if (elapsed(now, net->heard_ns) > limit) {
		us_net_fail(net, "nothing was heard from the other side", -ETIMEDOUT);
	} else if (drips(net, now)) {
		us_net_fail(net, "the other side sends too slowly", -ETIMEDOUT);
	} else {
		note_stillness(net->session, now);
	}
}

/** The other side has closed its end of the stream. */
static void check_end(struct us_net *net)
{
	bool is_all = us_in_is_empty(&net->in) && !net->end_received && net->frame == NULL;

	/*
	 * What came before the end counts, but for the zeros of a hole, which can be very many: no one closes before he
	 * has FINAL.
	 */
	if (net->in.error < 0 && net->summing != NULL && !net->failed) {
		us_net_fail(net, "receive", net->in.error);
	} else if (net->in.ended && (is_all || net->summing != NULL)) {
		us_net_fail(net, "the connection was closed by the other side", -ECONNRESET);
	}
}

/** Who makes the calls on a socket, for a note. */
static const char *caller(bool by_ring, bool plain)
{
	if (by_ring) {
		return "the ring";
	}
	return plain ? "plain calls" : "OpenSSL";
}

/** The worker begins: settle how calls on its socket are made. */
static void begin(struct us_net *net)
{
	struct us_session *session = net->session;
	struct us_io *io = &net->worker->io;
	int uses;

	net->has_begun = true;
	if (session->job->options.sockets != USYNC_SOCKETS_RING) {
		return;
	}
	uses = us_conn_use_ring(net->conn, io);
	if (uses < 0) {
		us_net_fail(net, "begin", uses);
	} else if (!atomic_exchange(&session->ring_noted, true)) {
		us_report_note(session->job, "sends by %s, receives by %s%s%s",
		               caller((uses & US_CONN_RING_SEND) != 0, us_conn_plain_send(net->conn)),
		               caller((uses & US_CONN_RING_RECV) != 0, us_conn_plain_recv(net->conn)),
		               io->ring_error < 0 ? ": io_uring is not available: " : "",
		               io->ring_error < 0 ? strerrordesc_np(-io->ring_error) : "");
	}
}

/**
 * True when the other side may be told of events, and there is room for that.  A receiver that has the other side's end
 * as well reads no more; but on the first connection it tells up to FINAL.
 */
static bool may_tell(const struct us_net *net)
{
	const struct us_session *session = net->session;

	return (!net->end_sent || (!session->is_sender && net == &session->nets[0])) && !us_out_is_full(&net->out);
}

bool us_net_move(struct us_worker *worker)
{
	struct us_net *net = worker->link;
	uint64_t now = us_clock_ns();
	bool moved = false;

	if (!net->has_begun) {
		begin(net);
	}
	if (!net->failed) {
		moved = receive(net, now);
		moved |= take_frames(net);
		check_end(net);
	}
	if (us_job_stopping(worker->job)) {
		if (net->session->is_sender) {
			us_net_sink_give_up(net);
		} else {
			us_net_source_give_up(net);
		}
		return moved;
	}
	if (net->session->is_sender) {
		us_net_unblock(net);
		moved |= us_net_sink_ranged(net);
		moved |= us_net_ranges_move(net);
	} else {
		moved |= us_net_source_shared(net);
	}
	if (may_tell(net)) {
		moved |= us_net_events_tell(net);
	}
	if (!net->failed && !net->broken) {
		moved |= send_out(net, now);
		check_life(net, now);
	} else if (!net->failed && !moved && us_in_is_empty(&net->in)) {
		us_net_fail(net, "send", net->send_error); /* What it had sent before does not say why. */
	}
	return moved;
}

/**
 * When to look again, whatever happens until then: a job that is stopped rings no one's bell, and --bwlimit gives each
 * his moment.
 */
static uint64_t next_look(struct us_net *net)
{
	uint64_t now = us_clock_ns();
	uint64_t at = now + LOOK_NS;

	if (us_job_stopping(net->session->job)) {
		return at;
	}
	if (net->range.large != NULL && net->range.paced_ns != 0) {
		at = us_min(at, us_max(net->range.paced_ns, now));
	}
	if (net->paced_ns != 0 && (net->blocked != NULL || !net->session->is_sender)) {
		at = us_min(at, us_max(net->paced_ns, now));
	}
	if (!net->session->is_sender) {
		net->paced_ns = 0; /* It asks again, when it has room for what comes. */
	}
	return at;
}

void us_net_wait(struct us_worker *worker, bool wants)
{
	struct us_net *net = worker->link;
	struct usync_job *job = worker->job;
	struct pollfd fds[5];
	int events = us_conn_events(net->conn);
	int feed_fd = -1;

	if (!us_out_is_empty(&net->out) && us_out_is_sent(&net->out)) {
		us_out_seal(&net->out); /* Nothing else will come to it soon. */
		return;
	}
	if (!net->session->is_sender && worker->slice != NULL) {
		us_worker_drop_slice(worker); /* It holds its directory, which may be complete. */
		return;
	}
	if (us_out_is_sent(&net->out) || us_job_stopping(job)) {
		events &= ~POLLOUT; /* What is left is sent at the end. */
	}
	if (!us_in_wants(&net->in)) {
		events &= ~POLLIN;
	}
	if (net->failed || net->broken || net->in.ended) {
		events = 0;
	}
	if (wants && net->session->is_sender && !us_job_stopping(job)) {
		feed_fd = us_feed_watch(job->feed);
		if (feed_fd < 0) {
			return;
		}
	}
	fds[0] = (struct pollfd){.fd = (events & POLLIN) != 0 ? us_conn_fd(net->conn, POLLIN) : -1, .events = POLLIN};
	fds[1] =
		(struct pollfd){.fd = (events & POLLOUT) != 0 ? us_conn_fd(net->conn, POLLOUT) : -1, .events = POLLOUT};
	fds[2] = (struct pollfd){.fd = us_io_fd(&worker->io), .events = POLLIN};
	fds[3] = (struct pollfd){.fd = feed_fd, .events = POLLIN};
	fds[4] = (struct pollfd){.fd = net->bell, .events = POLLIN};
	(void)us_poll_until(fds, us_array_size(fds), next_look(net));
	if (fds[4].revents != 0) {
		hear_bell(net);
	}
	if (feed_fd >= 0) {
		us_feed_unwatch(job->feed, feed_fd, fds[3].revents != 0);
	}
}

/** Say why this side stops, as well as that can be said. */
static void say_farewell(struct us_net *net)
{
	struct us_net_wait wait = {.deadline_ns = us_clock_ns() + FAREWELL_NS, .stop_fd = -1};

	if (net->broken) {
		return;
	}
	if (!net->end_sent) {
		(void)us_net_events_tell(net); /* One of them may be the cause. */
	}
	if (us_net_queue_abort(net) < 0) {
		return;
	}
	while (!us_out_is_empty(&net->out) && us_out_send(&net->out, net->conn) >= 0) {
		if (!us_out_is_empty(&net->out) && us_conn_wait(net->conn, 0, &wait) < 0) {
			break;
		}
	}
	us_net_abort_sent(net);
}

/** All on this connection has been settled. */
static bool leave(struct us_net *net)
{
	struct us_session *session = net->session;
	struct usync_job *job = session->job;

	us_conn_leave_ring(net->conn);
	if (us_job_stopping(job)) {
		us_net_mirror_give_up(net); /* One may have begun after the last move. */
		say_farewell(net);
	}
	if (atomic_fetch_sub(&session->active, 1) == 1 && !session->is_sender) {
		if (job->root != NULL && !us_job_stopping(job)) {
			us_net_fail(net, "the other side has left directories open", -EPROTO);
		}
		us_net_dirs_give_up(session, net->worker);
	}
	return true;
}

bool us_net_end(struct us_worker *worker)
{
	struct us_net *net = worker->link;
	struct us_wire_end end = {
		.failed = atomic_load_explicit(&worker->counts.failed, memory_order_relaxed),
		.vanished = atomic_load_explicit(&worker->counts.vanished, memory_order_relaxed),
	};

	if (us_job_stopping(worker->job)) {
		return leave(net);
	}
	if (!net->end_sent) {
		(void)us_net_events_tell(net);
		net->end_sent = true;
		if (us_out_frame(&net->out, US_WIRE_END, &end, sizeof(end)) < 0) {
			us_net_fail(net, "send", -ENOMEM);
		}
		worker->activity++;
		return false;
	}
	return us_out_is_empty(&net->out) && net->end_received ? leave(net) : false;
}
