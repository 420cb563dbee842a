/* SPDX-License-Identifier: MIT */
/* The table of failures that URING_SYNC_FAULT asks for.  Linked into test builds only. */
#include "base/fault.h"

#include "base/parse.h"
#include "base/us.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/** Most failures that one run may ask for. */
#define FAULTS_MAX 16

/** The action after which the call is made as if nothing had been. */
#define STOP 2

/** One failure asked for. */
struct fault {
	char op[16];
	int action;      /**< US_FAULT_SHORT, STOP or a negative errno. */
	uint64_t at;     /**< The call it begins at, from 1. */
	bool onwards;    /**< Later calls too. */
	atomic_uint_fast64_t count;
};

static struct fault faults[FAULTS_MAX];
static size_t nr_faults;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/** The errno names a test may use. */
static const struct {
	const char *name;
	int error;
} names[] = {
	{"EINTR", EINTR},   {"EAGAIN", EAGAIN}, {"EIO", EIO},         {"ENOSPC", ENOSPC},
	{"ENOENT", ENOENT}, {"EACCES", EACCES}, {"EPERM", EPERM},     {"EMFILE", EMFILE},
	{"ENOMEM", ENOMEM}, {"EROFS", EROFS},   {"EDQUOT", EDQUOT},   {"ESTALE", ESTALE},
	{"EINVAL", EINVAL}, {"EBUSY", EBUSY},   {"ENOTCONN", ENOTCONN},
	{"EOPNOTSUPP", EOPNOTSUPP}, {"EMLINK", EMLINK}, {"EXDEV", EXDEV},
};

/** A slip in the variable must not pass for a run without failures. */
static _Noreturn void bad_spec(const char *spec)
{
	fprintf(stderr, "URING_SYNC_FAULT: '%s' is not OP:ACTION[@N][+]\n", spec);
	abort();
}

/** The action that TEXT names. */
static int parse_action(const char *text, const char *spec)
{
	if (strcmp(text, "short") == 0) {
		return US_FAULT_SHORT;
	}
	if (strcmp(text, "stop") == 0) {
		return STOP;
	}
	for (size_t i = 0; i < us_array_size(names); i++) {
		if (strcmp(text, names[i].name) == 0) {
			return -names[i].error;
		}
	}
	bad_spec(spec);
}

/** Read one OP:ACTION[@N][+]; cuts SPEC up. */
static void parse_one(char *spec, struct fault *fault)
{
	char *action = strchr(spec, ':');
	char *at;
	size_t length;

	if (action == NULL || (size_t)(action - spec) >= sizeof(fault->op)) {
		bad_spec(spec);
	}
	*action++ = '\0';
	strcpy(fault->op, spec);
	length = strlen(action);
	if (length > 0 && action[length - 1] == '+') {
		fault->onwards = true;
		action[length - 1] = '\0';
	}
	fault->at = 1;
	at = strchr(action, '@');
	if (at != NULL) {
		*at++ = '\0';
		if (us_parse_uint(at, &fault->at) < 0 || fault->at == 0) {
			bad_spec(spec);
		}
	}
	fault->action = parse_action(action, spec);
}

/** Read the variable, once. */
static void read_spec(void)
{
	const char *env = getenv("URING_SYNC_FAULT");
	char *copy;
	char *rest = NULL;

	if (env == NULL) {
		return;
	}
	copy = strdup(env);
	if (copy == NULL) {
		abort();
	}
	for (char *spec = strtok_r(copy, ",", &rest); spec; spec = strtok_r(NULL, ",", &rest)) {
		if (nr_faults == FAULTS_MAX) {
			bad_spec(spec);
		}
		parse_one(spec, &faults[nr_faults++]);
	}
	free(copy);
}

int us_fault(const char *op)
{
	int action = 0;

	pthread_once(&once, read_spec);
	for (size_t i = 0; i < nr_faults; i++) {
		struct fault *fault = &faults[i];
		uint64_t count;

		if (strcmp(fault->op, op) != 0) {
			continue;
		}
		count = atomic_fetch_add_explicit(&fault->count, 1, memory_order_relaxed) + 1;
		if (action == 0 && (count == fault->at || (fault->onwards && count > fault->at))) {
			action = fault->action;
		}
	}
	if (action == STOP) {
		raise(SIGSTOP);
		return 0;
	}
	return action;
}
