/* SPDX-License-Identifier: MIT */
/*
 * Operations of passfs that fail, of chosen files, at chosen places, at chosen times.  A rule is
 *
 *	OP:ACTION[:NAME][#OFFSET][@N][+]
 *
 * The Nth (the first) operation OP on what is called NAME (a pattern, fnmatch(3)), and of a read or write the Nth that
 * has the byte OFFSET in it, does ACTION: an errno's name; "short", which lets half of the bytes through; "stall",
 * which waits a second; or "hang", which waits for six.  With + every later one does so, too.
 */
#include "passfs.h"
#include "tool.h"

#include <fnmatch.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>
#include <unistd.h>

#define RULES_MAX 16
#define SHORT (-1)
#define STALL (-2)
#define HANG (-3)

struct rule {
	enum pass_op op;
	int action; /**< An errno, SHORT, STALL or HANG. */
	char name[64]; /**< Empty: any. */
	bool has_offset;
	off_t offset;
	unsigned long at;
	bool onwards;
	atomic_ulong count;
};

static struct {
	struct rule rules[RULES_MAX];
	unsigned int nr;
	const struct pass_options *options;
	atomic_ulong written;
} fail;

static const struct {
	const char *name;
	int action;
} actions[] = {
	{"EIO", EIO},       {"ENOSPC", ENOSPC}, {"EDQUOT", EDQUOT}, {"ESTALE", ESTALE}, {"EINTR", EINTR},
	{"EAGAIN", EAGAIN}, {"EACCES", EACCES}, {"EROFS", EROFS},   {"ENOMEM", ENOMEM}, {"short", SHORT},
	{"stall", STALL},   {"hang", HANG},
};

/** Cut what follows the last MARK off TEXT.  @return it, or NULL. */
static char *cut(char *text, char mark)
{
	char *at = strrchr(text, mark);

	if (at != NULL) {
		*at++ = '\0';
	}
	return at;
}

static int action_of(const char *name)
{
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		if (strcmp(actions[i].name, name) == 0) {
			return actions[i].action;
		}
	}
	errno = 0;
	die("fail: what is '%s'?", name);
}

/** Read one rule; cuts TEXT up. */
static void parse(char *text, struct rule *rule)
{
	size_t length = strlen(text);
	char *action;
	char *name;
	char *at;
	char *offset;

	rule->onwards = length > 0 && text[length - 1] == '+';
	if (rule->onwards) {
		text[length - 1] = '\0';
	}
	at = cut(text, '@');
	rule->at = at != NULL ? strtoul(at, NULL, 10) : 1;
	offset = cut(text, '#');
	rule->has_offset = offset != NULL;
	rule->offset = offset != NULL ? strtol(offset, NULL, 10) : 0;
	action = strchr(text, ':');
	rule->op = action != NULL ? pass_op_find(text, (size_t)(action - text)) : PASS_NR;
	errno = 0;
	if (rule->op == PASS_NR || rule->at == 0) {
		die("fail: '%s' is no rule", text);
	}
	name = strchr(++action, ':');
	if (name != NULL) {
		*name++ = '\0';
		snprintf(rule->name, sizeof(rule->name), "%s", name);
	}
	rule->action = action_of(action);
	if (rule->action == SHORT && rule->op != PASS_read && rule->op != PASS_write) {
		die("fail: only reads and writes can be short");
	}
}

void pass_fail_init(const struct pass_options *options)
{
	char *rest = NULL;

	fail.options = options;
	for (char *rule = options->fail != NULL ? strtok_r(options->fail, ";", &rest) : NULL; rule != NULL;
	     rule = strtok_r(NULL, ";", &rest)) {
		if (fail.nr == RULES_MAX) {
			die("fail: too many rules");
		}
		parse(rule, &fail.rules[fail.nr++]);
	}
}

/** True when what CALL is about is called by a name that fits PATTERN. */
static bool has_name(const struct pass_call *call, const char *pattern)
{
	bool is_attribute = call->op == PASS_setxattr || call->op == PASS_getxattr || call->op == PASS_removexattr;
	char link[32];
	char path[PATH_MAX];
	const char *name = call->name;
	ssize_t length;

	if (pattern[0] == '\0') {
		return true;
	}
	if (name == NULL || is_attribute) {
		snprintf(link, sizeof(link), "/proc/self/fd/%d", call->fd);
		length = readlink(link, path, sizeof(path) - 1);
		path[length > 0 ? length : 0] = '\0';
		name = strrchr(path, '/');
		name = name != NULL ? name + 1 : path;
	}
	return fnmatch(pattern, name, 0) == 0;
}

static bool fits(const struct rule *rule, const struct pass_call *call)
{
	return rule->op == call->op &&
	       (!rule->has_offset ||
	        (rule->offset >= call->offset && rule->offset < call->offset + (off_t)call->size)) &&
	       has_name(call, rule->name);
}

/** What is written takes space; there may not be enough. */
static int take_space(const struct pass_call *call)
{
	unsigned long written = call->op == PASS_write ? atomic_fetch_add(&fail.written, call->size) + call->size : 0;

	if (fail.options->space > 0 && written > fail.options->space) {
		return ENOSPC;
	}
	return fail.options->quota > 0 && written > fail.options->quota ? EDQUOT : 0;
}

int pass_fail(struct pass_call *call)
{
	int error = 0;

	for (unsigned int i = 0; i < fail.nr && error == 0; i++) {
		struct rule *rule = &fail.rules[i];
		unsigned long count;

		if (!fits(rule, call)) {
			continue;
		}
		count = atomic_fetch_add(&rule->count, 1) + 1;
		if (count != rule->at && !(rule->onwards && count > rule->at)) {
			continue;
		}
		if (rule->action == STALL || rule->action == HANG) {
			nanosleep(&(struct timespec){.tv_sec = rule->action == STALL ? 1 : 6}, NULL);
		} else if (rule->action == SHORT) {
			call->size = call->size > 1 ? call->size / 2 : call->size;
		} else {
			error = rule->action;
		}
	}
	return error != 0 ? error : take_space(call);
}
