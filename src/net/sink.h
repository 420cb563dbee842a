/* SPDX-License-Identifier: MIT */
/**
 * @file sink.h
 * What net_sink.c and net_sink_ranges.c have in common: a file's way to the receiver, and the part of it that goes by
 * ranges.
 */
#ifndef US_NET_SINK_H
#define US_NET_SINK_H

#include "core/file.h"
#include "core/worker.h"
#include "net/session.h"

/** What is to be done with a file, or was; in file->dst_state. */
enum {
	US_SEND_NEW,
	US_SEND_TO_ASK,
	US_SEND_ASKING,
	US_SEND_TO_SEND,
	US_SEND_SENT,
	US_SEND_ABANDONED,
	US_SEND_RANGING,
	US_SEND_VOIDING,
};

/** What is kept of FILE; its token is set by this. */
static inline struct us_sent *us_net_sent_of(struct us_net *net, struct us_file *file)
{
	file->token = (uint32_t)(file - net->worker->files);
	return &net->sent[file->token];
}

/* net_sink.c */

/** All of FILE is on its way: what is needed no more goes. */
void us_net_now_sent(struct us_net *net, struct us_file *file);

/** Put FILE to those that wait for room, to be gone on with as STATE says. */
void us_net_block(struct us_net *net, struct us_file *file, int state);

/* net_sink_ranges.c */

/** True when FILE's contents could be sent in ranges.  Of one that is mostly holes few would have anything in them. */
bool us_net_could_share(const struct us_net *net, const struct us_file *file);

/** Say in RECORD, which asks about FILE, that its contents could come in ranges. */
void us_net_offer_ranges(struct us_net *net, struct us_file *file, struct us_record *record);

/** True when FILE is still what the receiver was told of, as far as size and time tell. */
bool us_net_is_as_told(const struct us_sent *sent, const struct us_file *file);

/** No more ranges of the file come: all were sent (COMPLETE), or what was is void. */
void us_net_end_ranges(struct us_net *net, struct us_sent *sent, bool complete);

/** What was sent of FILE in ranges is void: the receiver will want it in order, when all that is under way has come. */
void us_net_void_ranges(struct us_net *net, struct us_file *file);

/** Go on with FILE, which the receiver has given a number: send its ranges, or say that they were sent. */
void us_net_put_shared(struct us_net *net, struct us_file *file);

/** The receiver wants FILE in order, by RECORD.  @return false when it can't. */
bool us_net_go_on_in_order(struct us_net *net, struct us_file *file, const struct us_record *record);

#endif /* US_NET_SINK_H */
