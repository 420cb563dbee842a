/* SPDX-License-Identifier: MIT */
/* The thread waits for no one but the clock: what it sends it sends without waiting (out.h), and it reports nothing. */
#include "net/keepalive.h"

#include "base/clock.h"
#include "base/thread.h"
#include "base/us.h"
#include "net/session.h"

#include <time.h>

/** Signs of life in the time after which the other side gives up: two may be late. */
#define SIGNS 3u

/** They come no more often than that, whatever the other side says. */
#define INTERVAL_MIN_NS UINT64_C(50000000)

/** And no less, so that no one between the two forgets the connection. */
#define INTERVAL_MAX_NS (300 * US_SECOND_NS)

void us_keepalive_init(struct us_keepalive *keepalive)
{
	pthread_mutex_init(&keepalive->lock, NULL);
	pthread_cond_init(&keepalive->changed, NULL);
}

void us_keepalive_fini(struct us_keepalive *keepalive)
{
	pthread_mutex_destroy(&keepalive->lock);
	pthread_cond_destroy(&keepalive->changed);
}

/** How often there is to be a sign of life. */
static uint64_t interval_of(const struct us_session *session)
{
	uint64_t patience = us_min(session->timeout_ns, session->patience_ns);

	return us_min(us_max(patience / SIGNS, INTERVAL_MIN_NS), INTERVAL_MAX_NS);
}

/** Do what is due on each connection.  @return for how long nothing is. */
static uint64_t tend(struct us_session *session, uint64_t interval)
{
	uint64_t left = interval;

	for (unsigned int i = 0; i < session->nr; i++) {
		/* On the first one the sender waits on, for what becomes of the whole. */
		bool after_end = !session->is_sender && i == 0;

		left = us_min(left,
		              us_out_keep_alive(&session->nets[i].out, session->nets[i].conn, interval, after_end));
	}
	return left;
}

/** The thread. */
static void *keep_alive(void *arg)
{
	struct us_session *session = arg;
	struct us_keepalive *keepalive = &session->keepalive;
	uint64_t interval = interval_of(session);

	pthread_mutex_lock(&keepalive->lock);
	while (!keepalive->ends) {
		uint64_t at = us_clock_ns() + tend(session, interval);
		struct timespec until = {.tv_sec = (time_t)(at / US_SECOND_NS), .tv_nsec = (long)(at % US_SECOND_NS)};

		(void)pthread_cond_clockwait(&keepalive->changed, &keepalive->lock, CLOCK_MONOTONIC, &until);
	}
	pthread_mutex_unlock(&keepalive->lock);
	return NULL;
}

int us_keepalive_start(struct us_session *session)
{
	int ret = us_thread_start(&session->keepalive.thread, keep_alive, session);

	session->keepalive.runs = ret == 0;
	return ret;
}

void us_keepalive_stop(struct us_session *session)
{
	struct us_keepalive *keepalive = &session->keepalive;

	if (!keepalive->runs) {
		return;
	}
	pthread_mutex_lock(&keepalive->lock);
	keepalive->ends = true;
	pthread_cond_signal(&keepalive->changed);
	pthread_mutex_unlock(&keepalive->lock);
	pthread_join(keepalive->thread, NULL);
	keepalive->runs = false;
}
