/* SPDX-License-Identifier: MIT */
/**
 * @file suggest.h
 * How far a mistyped word is from one that exists.
 */
#ifndef US_CLI_SUGGEST_H
#define US_CLI_SUGGEST_H

#include <stddef.h>

/** Longest word that is compared. */
#define CLI_SUGGEST_MAX 32

/**
 * How well WORD serves as a guess at what TYPED was meant to be: the number of letters to insert,
 * delete, change or swap with their neighbour, or 1 where TYPED is the beginning of WORD.
 *
 * @param typed   What was typed; not ended by a NUL.
 * @param length  Its length.
 * @param word    A word that exists, of CLI_SUGGEST_MAX letters at most.
 * @return the distance, or (size_t)-1 where the two have too little in common for a guess.
 */
size_t cli_suggest_distance(const char *typed, size_t length, const char *word);

#endif /* US_CLI_SUGGEST_H */
