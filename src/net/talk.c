/* SPDX-License-Identifier: MIT */
/* What is said before the workers begin and after they have ended, by one thread, on the first connection. */
#include "net/talk.h"

#include "base/clock.h"
#include "base/us.h"
#include "core/job.h"
#include "core/report.h"
#include "net/conn.h"

#include <string.h>

/** How often a cancelled job is noticed. */
#define SLICE_NS (US_SECOND_NS / 10)

int us_talk_refuse(struct us_session *session, int error, const char *what)
{
	us_report_stop_text(session->job, error, "%s: %s: %s", us_conn_name(session->nets[0].conn), what,
	                    strerrordesc_np(-error));
	return error;
}

/** What stops a job that has not begun. */
static int stopped(const struct usync_job *job)
{
	int error = atomic_load(&job->error);

	return error < 0 ? error : -ECANCELED;
}

int us_talk_wait(struct us_net *net, uint64_t deadline)
{
	struct us_net_wait wait = {.deadline_ns = us_min(us_clock_ns() + SLICE_NS, deadline), .stop_fd = -1};
	int ret = us_conn_wait(net->conn, 0, &wait);

	if (ret == -ETIMEDOUT && us_clock_ns() < deadline) {
		ret = 0;
	}
	return ret;
}

/** Send all that is queued. */
static int flush(struct us_net *net)
{
	uint64_t deadline = us_clock_ns() + net->session->timeout_ns;

	us_out_seal(&net->out);
	while (!us_out_is_empty(&net->out)) {
		int ret = us_out_send(&net->out, net->conn);

		if (ret > 0) {
			deadline = us_clock_ns() + net->session->timeout_ns;
			continue;
		}
		if (ret == 0 && us_job_stopping(net->session->job)) {
			return stopped(net->session->job);
		}
		ret = ret < 0 ? ret : us_talk_wait(net, deadline);
		if (ret < 0) {
			return ret;
		}
	}
	return 0;
}

int us_talk_tell(struct us_net *net, enum us_wire_type type, const void *payload, uint32_t length)
{
	int ret = us_out_frame(&net->out, type, payload, length);

	ret = ret == 0 ? flush(net) : ret;
	return ret < 0 && !us_job_stopping(net->session->job) ? us_talk_refuse(net->session, ret, "send") : ret;
}

int us_talk_hear(struct us_net *net, enum us_wire_type type, struct us_in_frame **frame)
{
	struct us_session *session = net->session;
	uint64_t deadline = us_clock_ns() + session->timeout_ns;

	while (!us_job_stopping(session->job)) {
		int ret;

		*frame = us_in_take(&net->in);
		if (*frame == NULL) {
			ret = us_in_receive(&net->in, net->conn);
			if (ret > 0) {
				deadline = us_clock_ns() + session->timeout_ns;
				continue;
			}
			ret = ret == 0 && net->in.ended ? -ECONNRESET : ret;
			ret = ret == 0 ? us_talk_wait(net, deadline) : ret;
			if (ret < 0) {
				return us_talk_refuse(session, ret, "receive");
			}
			continue;
		}
		if ((*frame)->head.type == type) {
			return 0;
		}
		ret = (*frame)->head.type == US_WIRE_ABORT ||
		                      (type == US_WIRE_FINAL && (*frame)->head.type == US_WIRE_REPLY)
		              ? 0
		              : -EPROTO;
		if (ret == 0 && (*frame)->head.type == US_WIRE_REPLY) {
			us_net_take_replies(net, *frame);
		} else if (ret == 0) {
			us_net_take_control(net, *frame);
		}
		us_in_put(*frame);
		if (ret < 0) {
			return us_talk_refuse(session, ret, "receive");
		}
	}
	return stopped(session->job);
}
