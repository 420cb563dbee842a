/* SPDX-License-Identifier: MIT */
/*
 * The columns (rsync(1), --itemize-changes):
 *
 *	Y  >  contents are transferred    c  made here     h  becomes a hard link    .  attributes alone
 *	X  f file   d directory   L symbolic link   D device   S FIFO or socket
 *	c checksum or value   s size   t time (T: not kept)   p mode   o owner   g group   u access time   a ACL   x xattr
 */
#include "cli/itemize.h"

#include "base/quote.h"

#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

/** A bit and its letter, in the order of the columns. */
static const struct {
	enum usync_change bit;
	char letter;
} columns[] = {
	{USYNC_CHANGE_VALUE, 'c'}, {USYNC_CHANGE_SIZE, 's'},  {USYNC_CHANGE_MTIME, 't'},
	{USYNC_CHANGE_MODE, 'p'},  {USYNC_CHANGE_USER, 'o'},  {USYNC_CHANGE_GROUP, 'g'},
	{USYNC_CHANGE_ATIME, 'u'}, {USYNC_CHANGE_ACL, 'a'},   {USYNC_CHANGE_XATTR, 'x'},
};

/** The second column. */
static char kind_letter(uint32_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		return 'd';
	case S_IFLNK:
		return 'L';
	case S_IFCHR:
	case S_IFBLK:
		return 'D';
	case S_IFREG:
		return 'f';
	default:
		return 'S';
	}
}

/** The first column. */
static char update_letter(const struct usync_event *event)
{
	if ((event->changes & USYNC_CHANGE_LINK) != 0) {
		return 'h';
	}
	if ((event->changes & (USYNC_CHANGE_NEW | USYNC_CHANGE_CONTENT)) == 0) {
		return '.';
	}
	return S_ISREG(event->mode) ? '>' : 'c';
}

void itemize_write(FILE *out, const struct usync_event *event)
{
	size_t nr = sizeof(columns) / sizeof(columns[0]);
	bool is_new = (event->changes & USYNC_CHANGE_NEW) != 0;
	char text[16];

	text[0] = update_letter(event);
	text[1] = kind_letter(event->mode);
	for (size_t i = 0; i < nr; i++) {
		bool set = (event->changes & (uint32_t)columns[i].bit) != 0;

		text[2 + i] = is_new ? '+' : set ? columns[i].letter : '.';
	}
	text[2 + nr] = '\0';
	fprintf(out, "%s ", text);
	us_quote_write(out, event->name[0] != '\0' ? event->name : ".");
	if (S_ISDIR(event->mode)) {
		fputc('/', out);
	}
	if (event->target != NULL) {
		fputs((event->changes & USYNC_CHANGE_LINK) != 0 ? " => " : " -> ", out);
		us_quote_write(out, event->target);
	}
	fputc('\n', out);
}
