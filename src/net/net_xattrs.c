/* SPDX-License-Identifier: MIT */
/*
 * Extended attributes that a receiver holds, of files in flight and of open directories: each may have many, but not
 * all of them together.
 */
#include "base/us.h"
#include "core/job.h"
#include "core/xattrs.h"
#include "net/session.h"

#include <stdlib.h>

/**
 * The most bytes of them at a time: 4 KiB, as ext4 has room for beside an inode, for each file that 64 connections may
 * have in flight.
 */
#define HELD_MAX (UINT64_C(256) << 20)

int us_net_xattrs_take(struct us_session *session, const struct us_record *record, struct us_xattrs **out,
                       uint32_t *held)
{
	int ret;

	*out = NULL;
	if (record->xattrs_length == 0) {
		return 0;
	}
	if (atomic_fetch_add(&session->xattrs_held, record->xattrs_length) > HELD_MAX - record->xattrs_length) {
		atomic_fetch_sub(&session->xattrs_held, record->xattrs_length);
		return -E2BIG;
	}
	ret = us_xattrs_import(record->xattrs, record->xattrs_length, session->job->keep.xattr_kinds, !session->trusts,
	                       out);
	*held = record->xattrs_length;
	if (*out == NULL) {
		us_net_xattrs_drop(session, held);
	}
	return ret;
}

void us_net_xattrs_drop(struct us_session *session, uint32_t *held)
{
	atomic_fetch_sub(&session->xattrs_held, *held);
	*held = 0;
}
