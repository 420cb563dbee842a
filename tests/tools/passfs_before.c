/* SPDX-License-Identifier: MIT */
/* What comes before each operation of passfs: it is counted, and waits; and it may be made to fail (passfs_fail.c). */
#include "passfs.h"
#include "tool.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <time.h>

static struct {
	const struct pass_options *options;
	FILE *counts;
	struct {
		atomic_ulong calls;
		atomic_uint now; /**< So many are waiting. */
		atomic_uint peak;
	} ops[PASS_NR];
} before;

static const char *const op_names[] = {
#define X(op) [PASS_##op] = #op,
	PASS_OPS(X)
#undef X
};

/** Each inode that the kernel knows holds a descriptor. */
static void raise_descriptors(void)
{
	struct rlimit limit;

	must(getrlimit(RLIMIT_NOFILE, &limit), "getrlimit");
	limit.rlim_cur = limit.rlim_max;
	must(setrlimit(RLIMIT_NOFILE, &limit), "setrlimit");
}

void pass_before_init(const struct pass_options *options)
{
	before.options = options;
	pass_fail_init(options);
	raise_descriptors();
	if (options->counts != NULL) {
		before.counts = must_alloc(fopen(options->counts, "we"));
	}
}

/** Raise the peak to NOW. */
static void note_peak(enum pass_op op, unsigned int now)
{
	unsigned int peak = atomic_load(&before.ops[op].peak);

	while (now > peak && !atomic_compare_exchange_weak(&before.ops[op].peak, &peak, now)) {
		continue;
	}
}

enum pass_op pass_op_find(const char *name, size_t length)
{
	enum pass_op op = 0;

	while (op < PASS_NR && (strlen(op_names[op]) != length || memcmp(op_names[op], name, length) != 0)) {
		op++;
	}
	return op;
}

/** True for what is asked of a name in a directory. */
static bool takes_name(enum pass_op op)
{
	switch (op) {
	case PASS_lookup:
	case PASS_mknod:
	case PASS_mkdir:
	case PASS_symlink:
	case PASS_link:
	case PASS_unlink:
	case PASS_rmdir:
	case PASS_rename:
	case PASS_create:
		return true;
	default:
		return false;
	}
}

/** With nocase: make NAME, which lies in the request's buffer, what it is kept as. */
static void fold(const char *name)
{
	union {
		const char *given;
		char *text;
	} at = {.given = name};

	for (; name != NULL && *at.text != '\0'; at.text++) {
		if (*at.text >= 'A' && *at.text <= 'Z') {
			*at.text |= 0x20;
		}
	}
}

int pass_before(struct pass_call *call)
{
	unsigned int delay = before.options->delay;
	struct timespec left = {.tv_sec = delay / 1000000, .tv_nsec = delay % 1000000 * 1000L};

	if (before.options->nocase && takes_name(call->op)) {
		fold(call->name);
		fold(call->new_name);
	}
	atomic_fetch_add(&before.ops[call->op].calls, 1);
	note_peak(call->op, atomic_fetch_add(&before.ops[call->op].now, 1) + 1);
	while (delay > 0 && nanosleep(&left, &left) < 0) {
		continue;
	}
	atomic_fetch_sub(&before.ops[call->op].now, 1);
	return pass_fail(call);
}

void pass_before_fini(void)
{
	if (before.counts == NULL) {
		return;
	}
	for (enum pass_op op = 0; op < PASS_NR; op++) {
		fprintf(before.counts, "%s %lu %u\n", op_names[op], atomic_load(&before.ops[op].calls),
		        atomic_load(&before.ops[op].peak));
	}
	must(fclose(before.counts), before.options->counts);
}
