/* SPDX-License-Identifier: MIT */
/**
 * @file bar.h
 * How far a copy is, in one line: on a terminal always the same one.
 */
#ifndef US_CLI_BAR_H
#define US_CLI_BAR_H

#include <usync.h>

#include <stdbool.h>
#include <stdio.h>

/** Room for the line. */
#define BAR_MAX 192

/** A line that is shown.  All zero but out: none is. */
struct bar {
	FILE *out;
	bool is_terminal; /**< The line is written over. */
	bool is_shown;    /**< It stands where the next message will. */
};

/**
 * Say how far it is: "5 of 20 entries (25%), ...".  What is found grows while directories are yet to be read: then it
 * has a + behind it, and there is no share and no time left.  A receiver does not know what is to come: "5 entries,
 * ...".  The rates are those since BEFORE.
 */
void bar_text(char text[BAR_MAX], const struct usync_stats *now, const struct usync_stats *before);

/** Show how far it is. */
void bar_show(struct bar *bar, const struct usync_stats *now, const struct usync_stats *before);

/** Take the line away, for a message: bar_show() brings it back. */
void bar_hide(struct bar *bar);

#endif /* US_CLI_BAR_H */
