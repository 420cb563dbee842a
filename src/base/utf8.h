/* SPDX-License-Identifier: MIT */
/**
 * @file utf8.h
 * Names as characters, where they are any.
 */
#ifndef US_BASE_UTF8_H
#define US_BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

/**
 * Read the first character of TEXT, which is ended by NUL and not empty (RFC 3629: no surrogates, no form longer than
 * need be, nothing above U+10FFFF).
 *
 * @param[out] code  Set with a result above 0.
 * @return its length in bytes, 1 to 4, or 0 when TEXT begins with a byte that is part of none.
 */
size_t us_utf8_decode(const char *text, uint32_t *code);

#endif /* US_BASE_UTF8_H */
