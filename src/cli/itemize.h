/* SPDX-License-Identifier: MIT */
/**
 * @file itemize.h
 * What changed about an entry, in the eleven columns of rsync's --itemize-changes.
 */
#ifndef US_CLI_ITEMIZE_H
#define US_CLI_ITEMIZE_H

#include <usync.h>

#include <stdio.h>

/** Write a line for EVENT, which is of type USYNC_EVENT_COPIED. */
void itemize_write(FILE *out, const struct usync_event *event);

#endif /* US_CLI_ITEMIZE_H */
