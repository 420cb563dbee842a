/* SPDX-License-Identifier: MIT */
#include "cli/json.h"

#include "base/us.h"
#include "base/utf8.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

static const char *const event_types[] = {
	[USYNC_EVENT_FAILED] = "failed",   [USYNC_EVENT_VANISHED] = "vanished", [USYNC_EVENT_COPIED] = "copied",
	[USYNC_EVENT_NOTE] = "note",       [USYNC_EVENT_DELETED] = "deleted",   [USYNC_EVENT_WARNING] = "warning",
};

static const struct {
	enum usync_change bit;
	const char *name;
} change_names[] = {
	{USYNC_CHANGE_NEW, "new"},     {USYNC_CHANGE_CONTENT, "content"}, {USYNC_CHANGE_VALUE, "value"},
	{USYNC_CHANGE_SIZE, "size"},   {USYNC_CHANGE_MTIME, "mtime"},     {USYNC_CHANGE_MODE, "mode"},
	{USYNC_CHANGE_USER, "user"},   {USYNC_CHANGE_GROUP, "group"},     {USYNC_CHANGE_ATIME, "atime"},
	{USYNC_CHANGE_ACL, "acl"},     {USYNC_CHANGE_XATTR, "xattr"},     {USYNC_CHANGE_LINK, "link"},
};

/** True when all of TEXT is UTF-8. */
static bool is_utf8(const char *text)
{
	while (*text != '\0') {
		uint32_t code;
		size_t length = us_utf8_decode(text, &code);

		if (length == 0) {
			return false;
		}
		text += length;
	}
	return true;
}

/** Write TEXT, which is UTF-8. */
static void put_string(FILE *out, const char *text)
{
	fputc('"', out);
	while (*text != '\0') {
		uint32_t code;

		text += us_utf8_decode(text, &code);
		if (code == '"' || code == '\\') {
			fprintf(out, "\\%c", (char)code);
		} else if (code >= 0x20 && code < 0x7f) {
			fputc((char)code, out);
		} else if (code <= 0xffff) {
			fprintf(out, "\\u%04" PRIx32, code);
		} else {
			code -= 0x10000;
			fprintf(out, "\\u%04" PRIx32 "\\u%04" PRIx32, 0xd800 + (code >> 10), 0xdc00 + (code & 0x3ff));
		}
	}
	fputc('"', out);
}

/** Write the bytes of TEXT in base64. */
static void put_base64(FILE *out, const char *text)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t left = strlen(text);

	fputc('"', out);
	for (; left > 0; text += us_min(left, (size_t)3), left -= us_min(left, (size_t)3)) {
		uint32_t group = (uint32_t)(unsigned char)text[0] << 16;

		group |= left > 1 ? (uint32_t)(unsigned char)text[1] << 8 : 0;
		group |= left > 2 ? (uint32_t)(unsigned char)text[2] : 0;
		fputc(digits[group >> 18], out);
		fputc(digits[(group >> 12) & 63], out);
		fputc(left > 1 ? digits[(group >> 6) & 63] : '=', out);
		fputc(left > 2 ? digits[group & 63] : '=', out);
	}
	fputc('"', out);
}

/** Write a further member of an object: KEY, a text or, NULL, nothing. */
static void put_member(FILE *out, const char *key, const char *text)
{
	if (text == NULL) {
		return;
	}
	if (is_utf8(text)) {
		fprintf(out, ",\"%s\":", key);
		put_string(out, text);
	} else {
		fprintf(out, ",\"%s_base64\":", key);
		put_base64(out, text);
	}
}

/** Write what changed about an entry. */
static void put_changes(FILE *out, const struct usync_event *event)
{
	const char *comma = "";

	fprintf(out, ",\"mode\":\"%06o\",\"changes\":[", (unsigned int)event->mode);
	for (size_t i = 0; i < us_array_size(change_names); i++) {
		if ((event->changes & (uint32_t)change_names[i].bit) != 0) {
			fprintf(out, "%s\"%s\"", comma, change_names[i].name);
			comma = ",";
		}
	}
	fputc(']', out);
}

void json_event(FILE *out, const struct usync_event *event)
{
	fprintf(out, "{\"type\":\"%s\"", event_types[event->type]);
	put_member(out, "path", event->path);
	put_member(out, "name", event->path != NULL ? event->name : NULL);
	if (event->type == USYNC_EVENT_COPIED) {
		put_changes(out, event);
		put_member(out, "target", event->target);
	} else if (event->type == USYNC_EVENT_DELETED) {
		fprintf(out, ",\"directory\":%s", S_ISDIR(event->mode) ? "true" : "false");
	} else {
		put_member(out, "what", event->what);
	}
	if (event->error != 0) {
		fprintf(out, ",\"errno\":%d", event->error);
		put_member(out, "error", strerror(event->error));
	}
	fputs("}\n", out);
}

void json_fatal(FILE *out, const char *text, int error)
{
	fputs("{\"type\":\"fatal\"", out);
	put_member(out, "what", text[0] != '\0' ? text : strerror(-error));
	fprintf(out, ",\"errno\":%d}\n", -error);
}

/** Write all counts as further members. */
static void put_counts(FILE *out, const struct usync_stats *stats)
{
	const struct {
		const char *name;
		uint64_t nr;
	} counts[] = {
		{"files", stats->files},       {"directories", stats->directories}, {"symlinks", stats->symlinks},
		{"specials", stats->specials}, {"links", stats->links},             {"unchanged", stats->unchanged},
		{"skipped", stats->skipped},   {"deleted", stats->deleted},         {"not_deleted", stats->not_deleted},
		{"verified", stats->verified}, {"failed", stats->failed},           {"vanished", stats->vanished},
		{"bytes", stats->bytes},       {"by_rw", stats->by_rw},             {"by_splice", stats->by_splice},
		{"by_cfr", stats->by_cfr},     {"by_reflink", stats->by_reflink},   {"in_ranges", stats->in_ranges},
	};

	for (size_t i = 0; i < us_array_size(counts); i++) {
		fprintf(out, ",\"%s\":%" PRIu64, counts[i].name, counts[i].nr);
	}
	if (!stats->found_unknown) {
		fprintf(out, ",\"found\":%" PRIu64 ",\"unlisted\":%" PRIu64, stats->found, stats->unlisted);
	}
	fprintf(out, ",\"seconds\":%" PRIu64 ".%03u", stats->elapsed_ns / 1000000000,
	        (unsigned int)(stats->elapsed_ns / 1000000 % 1000));
}

void json_progress(FILE *out, const struct usync_stats *stats)
{
	fputs("{\"type\":\"progress\"", out);
	put_counts(out, stats);
	if (stats->large_size > 0) {
		fprintf(out, ",\"large_size\":%" PRIu64 ",\"large_done\":%" PRIu64, stats->large_size,
		        stats->large_done);
	}
	fputs("}\n", out);
}

void json_summary(FILE *out, const struct usync_stats *stats, const uint64_t *differences, enum lines_end end)
{
	static const char *const ends[] = {
		[LINES_COMPLETE] = "complete", [LINES_STOPPED] = "stopped", [LINES_INTERRUPTED] = "interrupted"};

	fprintf(out, "{\"type\":\"summary\",\"end\":\"%s\"", ends[end]);
	put_counts(out, stats);
	if (differences != NULL) {
		fprintf(out, ",\"differences\":%" PRIu64, *differences);
	}
	fputs("}\n", out);
}
