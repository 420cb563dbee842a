/* SPDX-License-Identifier: MIT */
/**
 * @file verify.h
 * --verify: what was written is read back from the disk and held against what was read from the source.
 */
#ifndef US_CORE_VERIFY_H
#define US_CORE_VERIFY_H

struct usync_job;

/**
 * Read back all files that JOB has copied; its workers have ended.  Each that is not as it should be is reported, counts as failed,
 * and is no longer complete by the journal.
 */
void us_verify(struct usync_job *job);

#endif /* US_CORE_VERIFY_H */
