/* SPDX-License-Identifier: MIT */
/**
 * @file unit.h
 * What every unit test includes: cmocka and the headers that it wants first.
 */
#ifndef TESTS_UNIT_H
#define TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/** Number of elements of an array. */
#define unit_nr(array) (sizeof(array) / sizeof((array)[0]))

#endif /* TESTS_UNIT_H */
