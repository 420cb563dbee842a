/* SPDX-License-Identifier: MIT */
/**
 * @file glob.h
 * Shell patterns over bytes, with ** for any number of names.
 */
#ifndef US_CORE_GLOB_H
#define US_CORE_GLOB_H

#include <stdbool.h>
#include <stddef.h>

/**
 * True when GLOB matches all of the LENGTH bytes of TEXT.  Its parts: * ? [class] \x and **, as filter.h
 * describes them.  A class that is not closed matches nothing.  Takes no memory and no recursion; time is at worst
 * the product of the lengths, times the number of names in TEXT.
 */
bool us_glob_match(const char *glob, const char *text, size_t length);

#endif /* US_CORE_GLOB_H */
