/* SPDX-License-Identifier: MIT */
#include "cli/log.h"

#include "cli/itemize.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

struct log {
	FILE *file;
	pid_t pid;
	int error; /**< 0, or the first -errno. */
};

int log_open(struct log **log, const char *path)
{
	struct log *new = malloc(sizeof(*new));

	if (new == NULL) {
		return -ENOMEM;
	}
	*new = (struct log){.file = fopen(path, "ae"), .pid = getpid()};
	if (new->file == NULL) {
		int ret = -errno;

		free(new);
		return ret;
	}
	*log = new;
	return 0;
}

int log_fd(const struct log *log)
{
	return fileno(log->file);
}

/** Begin a line. */
static void begin(struct log *log)
{
	time_t now = time(NULL);
	struct tm local;
	char text[32] = "";

	if (localtime_r(&now, &local) != NULL) {
		strftime(text, sizeof(text), "%Y/%m/%d %H:%M:%S ", &local);
	}
	errno = 0;
	fprintf(log->file, "%s[%ld] ", text, (long)log->pid);
}

/** Keep the first error. */
static void end(struct log *log)
{
	if (log->error == 0 && ferror(log->file) != 0) {
		log->error = errno > 0 ? -errno : -EIO;
	}
}

void log_event(struct log *log, const struct usync_event *event)
{
	begin(log);
	switch (event->type) {
	case USYNC_EVENT_COPIED:
		itemize_write(log->file, event);
		break;
	case USYNC_EVENT_DELETED:
		lines_deleted(log->file, event, "*deleting   ");
		break;
	default:
		lines_trouble(log->file, event);
		/* Who watches the file sees it at once; and it is there whatever becomes of this process. */
		fflush(log->file);
		break;
	}
	end(log);
}

void log_fatal(struct log *log, const char *text, int error)
{
	begin(log);
	lines_fatal(log->file, text, error);
	end(log);
}

void log_summary(struct log *log, const struct usync_stats *stats, enum lines_end how)
{
	begin(log);
	lines_summary(log->file, stats, how);
	end(log);
}

int log_close(struct log *log)
{
	int error;

	if (log == NULL) {
		return 0;
	}
	errno = 0;
	error = log->error;
	if (fclose(log->file) != 0 && error == 0) {
		error = errno > 0 ? -errno : -EIO;
	}
	free(log);
	return error;
}
