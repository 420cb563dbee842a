/* SPDX-License-Identifier: MIT */
/*
 * A transfer, on its connections:
 *
 *	HELLO <-> HELLO, START -> STARTED, (all connections: DATA and REPLY, END <-> END), FINAL
 */
#include "base/us.h"
#include "core/digest.h"
#include "core/job.h"
#include "net/conn.h"
#include "net/ranges.h"
#include "net/session.h"
#include "sys/call.h"

#include <stdlib.h>
#include <sys/eventfd.h>

/** Frames of a connection that may be in use: a receiver's files lie in them. */
#define SENDER_FRAMES 2u
#define RECEIVER_FRAMES 10u

/** See us_link_ops. */
static unsigned int workers(const struct usync_job *job)
{
	return job->session->nr;
}

/** See us_link_ops: the receiver has one for each file that it may be told of, so that none waits for another one's. */
static unsigned int tokens(const struct usync_job *job)
{
	return job->session->tokens + (job->session->is_sender ? 0 : 1);
}

static const struct us_link_ops send_ops = {
	.sink = &us_net_sink,
	.meet = us_session_send_meet,
	.open = us_session_send_open,
	.finish = us_session_send_finish,
	.workers = workers,
	.tokens = tokens,
	.move = us_net_move,
	.wait = us_net_wait,
	.end = us_net_end,
	.holds = us_net_events_hold,
	.event = us_net_events_add,
};

static const struct us_link_ops receive_ops = {
	.source = &us_net_source,
	.meet = us_session_receive_meet,
	.open = us_session_receive_open,
	.finish = us_session_receive_finish,
	.workers = workers,
	.tokens = tokens,
	.move = us_net_move,
	.wait = us_net_wait,
	.end = us_net_end,
	.holds = us_net_events_hold,
	.event = us_net_events_add,
};

/** True when none of PEER's connections needs a sum to tell what was changed on the way. */
static bool are_authentic(const struct usync_peer *peer)
{
	for (unsigned int i = 0; i < peer->nr; i++) {
		if (!us_conn_authentic(peer->conns[i])) {
			return false;
		}
	}
	return true;
}

int us_session_new(struct usync_job *job, struct usync_peer *peer, bool is_sender)
{
	struct us_session *session = calloc(1, sizeof(*session));
	int ret = 0;

	if (session == NULL) {
		return -ENOMEM;
	}
	session->nets = aligned_alloc(_Alignof(struct us_net), peer->nr * sizeof(struct us_net));
	if (session->nets == NULL) {
		free(session);
		return -ENOMEM;
	}
	job->session = session;
	job->link = is_sender ? &send_ops : &receive_ops;
	session->job = job;
	session->peer = peer;
	session->is_sender = is_sender;
	session->nr = peer->nr;
	session->tokens = US_NET_TOKENS;
	session->features = US_WIRE_FEATURE_RANGES |
	                    (!is_sender || job->options.compress > 0 ? US_WIRE_FEATURE_ZSTD : 0u) |
	                    (!is_sender || job->options.copy == USYNC_COPY_SPLICE ? US_WIRE_FEATURE_BARE : 0u) |
	                    (are_authentic(peer) ? US_WIRE_FEATURE_UNSUMMED : 0u);
	session->timeout_ns = peer->timeout_ns > 0 ? peer->timeout_ns : US_NET_FOREVER;
	session->events_end = &session->events;
	pthread_mutex_init(&session->lock, NULL);
	pthread_mutex_init(&session->share_lock, NULL);
	pthread_mutex_init(&session->events_lock, NULL);
	us_keepalive_init(&session->keepalive);
	for (unsigned int i = 0; i < peer->nr; i++) {
		struct us_net *net = &session->nets[i];

		*net = (struct us_net){
			.session = session, .conn = peer->conns[i], .bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
		ret = net->bell < 0 && ret == 0 ? -errno : ret;
		net->blocked_end = &net->blocked;
		us_in_init(&net->in, is_sender ? SENDER_FRAMES : RECEIVER_FRAMES);
		us_out_init(&net->out, is_sender ? US_WIRE_DATA : US_WIRE_REPLY);
	}
	if (ret < 0) {
		us_session_free(job);
	}
	return ret;
}

void us_session_free(struct usync_job *job)
{
	struct us_session *session = job->session;

	if (session == NULL) {
		return;
	}
	us_net_events_free(session);
	us_keepalive_stop(session);
	us_net_dirs_fini(session);
	us_net_shares_fini(session);
	us_session_release(session);
	for (unsigned int i = 0; i < session->nr; i++) {
		if (session->nets[i].bell >= 0) {
			us_close(session->nets[i].bell);
		}
		us_out_fini(&session->nets[i].out);
	}
	pthread_mutex_destroy(&session->lock);
	pthread_mutex_destroy(&session->share_lock);
	pthread_mutex_destroy(&session->events_lock);
	us_keepalive_fini(&session->keepalive);
	free(session->one_name);
	free(session->nets);
	free(session);
	job->session = NULL;
}

void us_session_release(struct us_session *session)
{
	for (unsigned int i = 0; i < session->nr; i++) {
		struct us_net *net = &session->nets[i];

		if (net->frame != NULL) {
			us_in_put(net->frame);
			net->frame = NULL;
		}
		if (i == 0 && session->start_frame != NULL) {
			us_in_put(session->start_frame);
			session->start_frame = NULL;
		}
		us_out_clear(&net->out);
		us_in_fini(&net->in);
		for (unsigned int t = 0; net->sent != NULL && t < session->job->depth; t++) {
			us_digest_free(net->sent[t].digest);
		}
		free(net->sent);
		net->sent = NULL;
		free(net->tokens);
		net->tokens = NULL;
	}
}
