/* SPDX-License-Identifier: MIT */
/**
 * @file fault.h
 * Chosen failures of chosen calls, for the tests.
 *
 * A build with -Dfault=true reads URING_SYNC_FAULT, a comma list of OP:ACTION[@N][+]: the Nth (default
 * first) call of kind OP does ACTION, and with + every later one too.  ACTION is an errno name; "short": the
 * call moves about half of the bytes asked for; or "stop": the process stops before the call (SIGSTOP), for the test
 * to change something meanwhile.  In all other builds these calls compile to nothing.
 */
#ifndef US_BASE_FAULT_H
#define US_BASE_FAULT_H

/** What us_fault() answers when the call should move fewer bytes than asked for. */
#define US_FAULT_SHORT 1

#ifdef US_FAULT
/**
 * Count one call of the kind OP.  Any thread.
 *
 * @return 0 to go on, US_FAULT_SHORT, or the negative errno to answer with instead of making the call.
 */
int us_fault(const char *op);
#else
static inline int us_fault(const char *op)
{
	(void)op;
	return 0;
}
#endif

#endif /* US_BASE_FAULT_H */
