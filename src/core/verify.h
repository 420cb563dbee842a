/* SPDX-License-Identifier: MIT */
/**
 * @file verify.h
 * --verify: what was written is read back from the disk and held against what was read from the source.
 */
#ifndef US_CORE_VERIFY_H
#define US_CORE_VERIFY_H

struct usync_job;

/**
 * Read back all files that JOB has copied; its workers have ended.  Each that is as it should be is complete by the
 * journal, if there is one; each that is not is reported and counts as failed.
 */
void us_verify(struct usync_job *job);

#endif /* US_CORE_VERIFY_H */
