/* SPDX-License-Identifier: MIT */
/*
 * The table of failures that URING_SYNC_FAULT asks for, and the account of what was called.  Linked into test builds
 * only.
 */
#include "base/fault.h"

#include "base/parse.h"
#include "base/us.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/** Most failures that one run may ask for. */
#define FAULTS_MAX 16

/** The action after which the call is made as if nothing had been. */
#define STOP 2

/** One failure asked for. */
struct fault {
	size_t op;       /**< Its place in ops[]. */
	int action;      /**< US_FAULT_SHORT, STOP or a negative errno. */
	uint64_t at;     /**< The call it begins at, from 1. */
	bool onwards;    /**< Later calls too. */
	atomic_uint_fast64_t count;
};

/** All that can be made to fail.  A slip in a test, or a call that is not listed, aborts. */
static const char *const ops[] = {
	/* System calls: plain, or on a ring. */
	"openat", "statx", "mkdirat", "read", "write", "splice", "close",
	/* Those that are always plain. */
	"append", "cachestat", "chown", "clone", "clonerange", "copy_file_range", "dontcache", "dup", "fallocate", "fchmod", "fcntl", "fdatasync", "fiemap", "flock",
	"fstatfs", "ftruncate", "getdents", "getxattr", "linkat", "listxattr", "lseek", "mknodat", "ofdlock", "pipe", "readlinkat", "readpipe",
	"removexattr", "rename", "setxattr", "symlinkat", "sync_file_range", "syncfs", "unlinkat", "utimens",
	/* Sockets. */
	"accept", "bind", "cancel", "connect", "listen", "recv", "send", "sendpipe", "socket",
	/* Making a ring, asking what it can do, handing over what is queued on it. */
	"ring", "probe", "submit",
	/* The C library (fault_libc.c). */
	"alloc", "fclose", "fopen", "mmap", "thread", "unshare",
};

/** Most descriptors that are looked at. */
#define FDS_MAX 1024

static struct fault faults[FAULTS_MAX];
static size_t nr_faults;
static atomic_uint_fast64_t counts[us_array_size(ops)];
static bool is_active;
static bool is_noted;
static bool was_open[FDS_MAX];
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
	{"EOPNOTSUPP", EOPNOTSUPP}, {"EMLINK", EMLINK}, {"EXDEV", EXDEV},     {"EEXIST", EEXIST},
	{"ENOTDIR", ENOTDIR}, {"ELOOP", ELOOP}, {"ENOSYS", ENOSYS},   {"ENODATA", ENODATA},
	{"ENOTEMPTY", ENOTEMPTY}, {"EISDIR", EISDIR}, {"EBADF", EBADF},   {"ENXIO", ENXIO},
	{"EFBIG", EFBIG},
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

/** The place of OP in the list. */
static size_t find_op(const char *op)
{
	for (size_t i = 0; i < us_array_size(ops); i++) {
		if (strcmp(ops[i], op) == 0) {
			return i;
		}
	}
	fprintf(stderr, "URING_SYNC_FAULT: no call is named '%s'\n", op);
	abort();
}

/** Read one OP:ACTION[@N][+]; cuts SPEC up. */
static void parse_one(char *spec, struct fault *fault)
{
	char *action = strchr(spec, ':');
	char *at;
	size_t length;

	if (action == NULL) {
		bad_spec(spec);
	}
	*action++ = '\0';
	fault->op = find_op(spec);
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

/** Note which descriptors there are, but for the standard ones, which the program may open. */
static void note_open(bool open[FDS_MAX])
{
	for (int fd = STDERR_FILENO + 1; fd < FDS_MAX; fd++) {
		open[fd] = fcntl(fd, F_GETFD) >= 0;
	}
}

/** Read the variables, once. */
static void read_spec(void)
{
	static char copy[1024];
	const char *env = getenv("URING_SYNC_FAULT");
	char *rest = NULL;

	is_active = env != NULL || getenv("URING_SYNC_FAULT_LOG") != NULL;
	if (env == NULL) {
		return;
	}
	if (strlen(env) >= sizeof(copy)) {
		bad_spec(env);
	}
	strcpy(copy, env);
	for (char *spec = strtok_r(copy, ",", &rest); spec; spec = strtok_r(NULL, ",", &rest)) {
		if (nr_faults == FAULTS_MAX) {
			bad_spec(spec);
		}
		parse_one(spec, &faults[nr_faults++]);
	}
}

/** Before main(): what is open now is the caller's. */
__attribute__((constructor)) static void begin(void)
{
	if (getenv("URING_SYNC_FAULT") != NULL || getenv("URING_SYNC_FAULT_LOG") != NULL) {
		note_open(was_open);
		is_noted = true;
	}
}

/** Write down how often each call was made. */
static void write_log(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0) {
		abort();
	}
	for (size_t i = 0; i < us_array_size(ops); i++) {
		if (atomic_load(&counts[i]) > 0) {
			dprintf(fd, "%s %llu\n", ops[i], (unsigned long long)atomic_load(&counts[i]));
		}
	}
	close(fd);
}

/** After main(): what was opened since has to be closed by now. */
__attribute__((destructor)) static void end(void)
{
	static bool is_open[FDS_MAX];
	const char *path = getenv("URING_SYNC_FAULT_LOG");

	if (!is_active) {
		return;
	}
	note_open(is_open);
	for (int fd = 0; is_noted && fd < FDS_MAX; fd++) {
		if (is_open[fd] && !was_open[fd]) {
			fprintf(stderr, "URING_SYNC_FAULT: descriptor %d was left open\n", fd);
			_exit(US_FAULT_EXIT);
		}
	}
	if (path != NULL) {
		write_log(path);
	}
}

int us_fault(const char *op)
{
	int action = 0;
	size_t number;

	pthread_once(&once, read_spec);
	if (!is_active) {
		return 0;
	}
	number = find_op(op);
	atomic_fetch_add_explicit(&counts[number], 1, memory_order_relaxed);
	for (size_t i = 0; i < nr_faults; i++) {
		struct fault *fault = &faults[i];
		uint64_t count;

		if (fault->op != number) {
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
