/* SPDX-License-Identifier: MIT */
/**
 * @file parse.h
 * Numbers and sizes as people type them.
 */
#ifndef US_BASE_PARSE_H
#define US_BASE_PARSE_H

#include <stdint.h>

/**
 * Read a decimal number: digits only, no sign, no space.
 *
 * @return 0, -EINVAL when TEXT is not a number, -ERANGE when it does not fit.
 */
int us_parse_uint(const char *text, uint64_t *value);

/**
 * Read a size in bytes: a number with an optional K, M or G of either case (powers of 1024).
 *
 * @return 0, -EINVAL when TEXT is not a size, -ERANGE when it does not fit.
 */
int us_parse_size(const char *text, uint64_t *bytes);

#endif /* US_BASE_PARSE_H */
