/* SPDX-License-Identifier: MIT */
/**
 * @file talk.h
 * Single frames, said and waited for, outside the workers' time.
 */
#ifndef US_NET_TALK_H
#define US_NET_TALK_H

#include "net/session.h"

/** Say why the job can't start or go on: WHAT was being done.  @return ERROR. */
int us_talk_refuse(struct us_session *session, int error, const char *what);

/** Wait for the connection, a moment at a time.  @return 0 or a negative errno: -ETIMEDOUT at DEADLINE. */
int us_talk_wait(struct us_net *net, uint64_t deadline);

/** Send a frame, and all before it.  @return 0, or a negative errno after the reason was told. */
int us_talk_tell(struct us_net *net, enum us_wire_type type, const void *payload, uint32_t length);

/**
 * Wait for a frame of TYPE, whose reference is the caller's.  Events are told; an ABORT stops the job.
 *
 * @return 0, or a negative errno after the reason was told.
 */
int us_talk_hear(struct us_net *net, enum us_wire_type type, struct us_in_frame **frame);

#endif /* US_NET_TALK_H */
