/* SPDX-License-Identifier: MIT */
/**
 * @file tool.h
 * What the small programs of the test suite share.  They use nothing of src/, so that a fault there cannot hide itself.
 */
#ifndef TESTS_TOOL_H
#define TESTS_TOOL_H

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/** Exit code of a tool that could not do its work. */
#define TOOL_TROUBLE 2

/** Say what went wrong, with errno's text when errno is set, and exit. */
__attribute__((format(printf, 1, 2), noreturn)) static inline void die(const char *format, ...)
{
	int saved = errno;
	va_list args;

	va_start(args, format);
	fprintf(stderr, "%s: ", program_invocation_short_name);
	vfprintf(stderr, format, args);
	va_end(args);
	if (saved != 0) {
		fprintf(stderr, ": %s", strerror(saved));
	}
	fputc('\n', stderr);
	exit(TOOL_TROUBLE);
}

/** The result of a call that must not fail. */
static inline int must(int result, const char *what)
{
	if (result < 0) {
		die("%s", what);
	}
	return result;
}

/** The memory, which must be there. */
static inline void *must_alloc(void *memory)
{
	if (memory == NULL) {
		die("memory");
	}
	return memory;
}

#endif /* TESTS_TOOL_H */
