/* SPDX-License-Identifier: MIT */
/**
 * @file json.h
 * The output of --json: one object a line (RFC 8259), in ASCII, so that it may go anywhere.
 *
 * A text that is not UTF-8 has no place in JSON: instead of "path" there is then "path_base64" (RFC 4648), of its
 * bytes; the same for every other text.
 */
#ifndef US_CLI_JSON_H
#define US_CLI_JSON_H

#include "cli/lines.h"

#include <usync.h>

#include <stdio.h>

/** Write EVENT. */
void json_event(FILE *out, const struct usync_event *event);

/** What stopped the job: TEXT, or where that is empty the errno of ERROR (negative). */
void json_fatal(FILE *out, const char *text, int error);

/** Write how far it is. */
void json_progress(FILE *out, const struct usync_stats *stats);

/** Write how it ended; DIFFERENCES were found by a comparison (NULL: it was a copy). */
void json_summary(FILE *out, const struct usync_stats *stats, const uint64_t *differences, enum lines_end end);

#endif /* US_CLI_JSON_H */
