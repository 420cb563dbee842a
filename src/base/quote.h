/* SPDX-License-Identifier: MIT */
/**
 * @file quote.h
 * File names made safe to print: a name may hold a newline, a terminal's control sequence, or characters that show it
 * as another.
 */
#ifndef US_BASE_QUOTE_H
#define US_BASE_QUOTE_H

#include <stddef.h>
#include <stdio.h>

/**
 * Write NAME to OUT: control characters as \n, \t, \r or three-digit octal escapes, and a backslash doubled.  Octal,
 * too, are bytes that are no UTF-8, C1 controls, and characters that turn the direction of writing or have no width;
 * all others stay as they are, so that what is written is UTF-8.  No two names have the same form.
 *
 * Cut before the first character that OUT_SIZE has no room for, always ended with NUL when OUT_SIZE is not 0.
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
