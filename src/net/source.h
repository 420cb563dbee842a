/* SPDX-License-Identifier: MIT */
/**
 * @file source.h
 * What net_source.c and net_source_ranges.c have in common: a file's way from the sender, and the part of it that goes
 * by ranges.
 */
#ifndef US_NET_SOURCE_H
#define US_NET_SOURCE_H

#include "core/digest.h"
#include "core/file.h"
#include "core/worker.h"
#include "net/session.h"

/** The connection of WORKER. */
static inline struct us_net *us_net_of(const struct us_worker *worker)
{
	return worker->link;
}

/** What is kept of FILE beside itself. */
static inline struct us_token *us_net_token_of(const struct us_worker *worker, const struct us_file *file)
{
	return &us_net_of(worker)->tokens[file->token];
}

/* net_source.c */

/** FILE is to be gone on with. */
void us_net_unpark(struct us_worker *worker, struct us_file *file);

/** Have FILE's contents sent, from its offset on; ERROR: because a hard link could not be made, or 0. */
void us_net_want(struct us_worker *worker, struct us_file *file, uint32_t error);

/** What is in hand of FILE is nothing, and that is all there is to it. */
void us_net_fill_empty(struct us_worker *worker, struct us_file *file);

/** Take from RECORD what FILE is like.  @return 0 or a negative errno. */
int us_net_take_meta(struct us_net *net, const struct us_record *record, struct us_file *file);

/** A regular file is to be copied, or compared. */
void us_net_begin_contents(struct us_worker *worker, struct us_file *file);

/* net_compare.c */

/** The sum of what there is of FILE, here or in an earlier copy.  @return 0 or a negative errno. */
int us_net_take_sum(const struct us_worker *worker, struct us_file *file, struct us_sum *sum);

/** FILE is not what it was compared with: it is to be copied. */
void us_net_leave_reference(struct us_file *file);

/* net_source_ranges.c */

/** FILE, which is parked, has other contents, which could come in ranges. */
enum us_net_step us_net_offer_again(struct us_net *net, const struct us_record *record, struct us_token *token);

/** FILE is made: from now on its ranges may come. */
void us_net_begin_ranges(struct us_worker *worker, struct us_file *file);

#endif /* US_NET_SOURCE_H */
