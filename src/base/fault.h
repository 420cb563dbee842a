/* SPDX-License-Identifier: MIT */
/**
 * @file fault.h
 * Chosen failures of chosen calls, for the tests.
 *
 * A build with -Dfault=true reads URING_SYNC_FAULT, a comma list of OP:ACTION[@N][+]: the Nth (default
 * first) call of kind OP does ACTION, and with + every later one too.  ACTION is an errno name; "short": the
 * call moves about half of the bytes asked for; or "stop": the process stops before the call (SIGSTOP), for the test
 * to change something meanwhile.  An OP that does not exist aborts the program.  In all other builds these calls
 * compile to nothing.
 *
 * With either variable set, a program that ends with a descriptor open that it did not begin with exits with
 * US_FAULT_EXIT.  URING_SYNC_FAULT_LOG names a file that gets a line "OP COUNT" for each call that was made.
 */
#ifndef US_BASE_FAULT_H
#define US_BASE_FAULT_H

/** What us_fault() answers when the call should move fewer bytes than asked for. */
#define US_FAULT_SHORT 1

/** The exit status of a program that has left a descriptor open. */
#define US_FAULT_EXIT 98

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
