/* SPDX-License-Identifier: MIT */
/**
 * @file quote.h
 * File names made safe to print: a name may hold a newline or a terminal's control sequence.
 */
#ifndef US_BASE_QUOTE_H
#define US_BASE_QUOTE_H

#include <stddef.h>
#include <stdio.h>

/**
 * Write NAME to OUT with control characters as \n, \t, \r or a three-digit octal escape, and a backslash
 * doubled; all other bytes stay.  Cut at OUT_SIZE, always ended with NUL when OUT_SIZE is not 0.
 *
 * @return the length of the whole escaped name, without the NUL.
 */
size_t us_quote(char *out, size_t out_size, const char *name);

/**
 * Write the escaped form of NAME to STREAM.
 *
 * @return 0, or -EIO when the stream failed.
 */
int us_quote_write(FILE *stream, const char *name);

#endif /* US_BASE_QUOTE_H */
