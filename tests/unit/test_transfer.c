/* SPDX-License-Identifier: MIT */
/* net/session and all below it: two jobs of this process, a sender and a receiver, over socket pairs. */
#include "scratch.h"
#include "unit.h"

#include "net/conn.h"
#include "net/peer.h"

#include <usync.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/** One side of a transfer. */
struct side {
	struct usync_options options;
	struct usync_peer *peer;
	struct usync_job *job;
	struct usync_stats stats;
	pthread_t thread;
	int result;
	unsigned int nr_failed; /**< Events. */
	char last[256];         /**< The path and error of the last one. */
	char error[512];
};

/** The tree src. */
static int setup(void **state)
{
	(void)state;
	return scratch_make("umask 022 && mkdir -p src/sub/deep src/empty && cd src && "
	                    "for i in $(seq 200); do echo $i >f$i; echo $i >sub/g$i; done && "
	                    "head -c 3000000 /dev/urandom >large && ln large sub/deep/again && ln -s f1 link && mkfifo fifo && "
	                    "truncate -s 20000000 holes && echo end >>holes && chmod 640 f7 && : >nothing && "
	                    "touch -d @12345.678901234 f8 sub");
}

static void count_event(const struct usync_event *event, void *payload)
{
	struct side *side = payload;

	if (event->type == USYNC_EVENT_FAILED) {
		side->nr_failed++;
		snprintf(side->last, sizeof(side->last), "%s: %s: %d", event->path, event->what, event->error);
	}
}

static void *run(void *arg)
{
	struct side *side = arg;

	side->result = usync_job_run(side->job);
	return NULL;
}

static struct side sender;
static struct side receiver;

/** Make both sides, with NR connections between them. */
static void begin(unsigned int nr)
{
	memset(&sender, 0, sizeof(sender));
	memset(&receiver, 0, sizeof(receiver));
	sender.options = (struct usync_options)USYNC_OPTIONS_INIT;
	receiver.options = (struct usync_options)USYNC_OPTIONS_INIT;
	sender.options.keep = USYNC_KEEP_ARCHIVE;
	receiver.options.trust_peer = true;
	assert_int_equal(us_peer_new(&sender.peer, false, "receiver", UINT64_C(20000000000)), 0);
	assert_int_equal(us_peer_new(&receiver.peer, true, "sender", UINT64_C(20000000000)), 0);
	sender.peer->nr = nr;
	receiver.peer->nr = nr;
	for (unsigned int i = 0; i < nr; i++) {
		int fds[2];

		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
		assert_int_equal(us_conn_socket(&sender.peer->conns[i], fds[0], NULL, "receiver"), 0);
		assert_int_equal(us_conn_socket(&receiver.peer->conns[i], fds[1], NULL, "sender"), 0);
	}
}

/** Make the jobs and start both. */
static void start(const char *source, const char *destination)
{
	struct side *sides[] = {&sender, &receiver};
	const char *sources[] = {source};

	for (size_t i = 0; i < 2; i++) {
		sides[i]->options.event = count_event;
		sides[i]->options.payload = sides[i];
	}
	assert_int_equal(usync_job_new_send(&sender.job, &sender.options, sources, 1, sender.peer), 0);
	assert_int_equal(usync_job_new_recv(&receiver.job, &receiver.options, receiver.peer, destination), 0);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(pthread_create(&sides[i]->thread, NULL, run, sides[i]), 0);
	}
}

/** Wait for both, and free them. */
static void finish(void)
{
	struct side *sides[] = {&sender, &receiver};

	for (size_t i = 0; i < 2; i++) {
		pthread_join(sides[i]->thread, NULL);
		usync_job_stats(sides[i]->job, &sides[i]->stats);
		snprintf(sides[i]->error, sizeof(sides[i]->error), "%s", usync_job_error(sides[i]->job));
	}
	for (size_t i = 0; i < 2; i++) {
		usync_job_free(sides[i]->job);
		us_peer_free(sides[i]->peer);
	}
}

/** Transfer src to dst. */
static void transfer(void)
{
	start(in_scratch("src"), in_scratch("dst"));
	finish();
}

/** Both are content, and the trees are the same. */
static void assert_complete(void)
{
	assert_string_equal(sender.error, "");
	assert_string_equal(receiver.error, "");
	assert_int_equal(sender.result, 0);
	assert_int_equal(receiver.result, 0);
	assert_int_equal(sender.stats.failed, 0);
	assert_int_equal(receiver.stats.failed, 0);
	assert_int_equal(shell("rsync -aHXni --delete src/ dst | grep . && exit 1; rsync -aHXnic src/ dst | grep . && exit 1; :"), 0);
}

/** Files that both have counted. */
static void assert_counts(uint64_t files, uint64_t unchanged)
{
	assert_int_equal(sender.stats.files, files);
	assert_int_equal(receiver.stats.files, files);
	assert_int_equal(sender.stats.unchanged, unchanged);
	assert_int_equal(receiver.stats.unchanged, unchanged);
}

/** A new copy, over one connection and several, in each way to make calls, and with sums at both ends. */
static void test_copy(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 6; i++) {
		static const enum usync_io modes[] = {USYNC_IO_INLINE, USYNC_IO_ASYNC, USYNC_IO_SYNC};

		begin(i < 3 ? 1 : 4);
		sender.options.io = modes[i % 3];
		receiver.options.io = modes[i % 3];
		sender.options.verify = i == 3;
		transfer();
		assert_complete();
		assert_counts(403, 0);
		assert_int_equal(sender.stats.links, 1);
		assert_int_equal(sender.stats.symlinks, 1);
		assert_int_equal(sender.stats.specials, 1);
		assert_int_equal(sender.stats.verified, i == 3 ? 403 : 0);
		assert_int_equal(shell("test $(stat -c %b dst/holes) -lt 100 && rm -r dst"), 0);
	}
}

/** The same compressed; what shrinks and what doesn't is among it. */
static void test_compressed(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 3; i++) {
		static const uint32_t levels[] = {1, 3, 19};

		begin(i == 1 ? 4 : 1);
		sender.options.compress = levels[i];
		sender.options.verify = true;
		transfer();
		assert_complete();
		assert_counts(403, 0);
		assert_int_equal(sender.stats.verified, 403);
		assert_int_equal(shell("rm -r dst"), 0);
	}
}

/** The same with contents that go from files to the connections; with holes, and in an order that others cross. */
static void test_spliced(void **state)
{
	(void)state;
	for (unsigned int nr = 1; nr <= 4; nr += 3) {
		begin(nr);
		sender.options.copy = USYNC_COPY_SPLICE;
		transfer();
		assert_complete();
		assert_counts(403, 0);
		begin(nr);
		sender.options.copy = USYNC_COPY_SPLICE;
		assert_int_equal(shell("printf x | dd of=src/large bs=1 seek=2000000 conv=notrunc status=none && touch src/large"), 0);
		transfer();
		assert_complete();
		assert_counts(1, 404);
		assert_int_equal(shell("rm -r dst"), 0);
	}
}

/** The same by the rings, alone and with contents that are spliced; cut off in the middle, too. */
static void test_by_ring(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 8; i++) {
		static const enum usync_io modes[] = {USYNC_IO_AUTO, USYNC_IO_ASYNC};

		begin(i % 2 == 0 ? 1 : 4);
		sender.options.sockets = i < 6 ? USYNC_SOCKETS_RING : USYNC_SOCKETS_PLAIN;
		receiver.options.sockets = i < 4 ? USYNC_SOCKETS_RING : USYNC_SOCKETS_AUTO;
		sender.options.io = modes[i / 2 % 2];
		receiver.options.io = modes[i / 2 % 2];
		sender.options.copy = i % 4 < 2 ? USYNC_COPY_SPLICE : USYNC_COPY_AUTO;
		transfer();
		assert_complete();
		assert_counts(403, 0);
		assert_int_equal(shell("rm -r dst"), 0);
	}
	begin(2);
	sender.options.sockets = USYNC_SOCKETS_RING;
	receiver.options.sockets = USYNC_SOCKETS_RING;
	start(in_scratch("src"), in_scratch("dst"));
	usync_job_cancel(receiver.job);
	finish();
	assert_true(sender.result < 0);
	assert_int_equal(shell("rm -rf dst"), 0);
}

/** The second time nothing is sent; what changed is, and only that; with sums what changed without a trace is, too. */
static void test_again(void **state)
{
	(void)state;
	begin(2);
	transfer();
	assert_complete();
	begin(2);
	transfer();
	assert_complete();
	assert_counts(0, 406);
	assert_int_equal(sender.stats.bytes, 0);

	assert_int_equal(shell("echo more >>src/f1; chmod 600 src/f2; touch -d @99 src/f3; rm dst/sub/g5"), 0);
	begin(2);
	sender.options.dry_run = true;
	transfer();
	assert_counts(3, 403);
	assert_int_equal(shell("test ! -e dst/sub/g5"), 0);
	begin(2);
	transfer();
	assert_complete();
	assert_counts(3, 403);

	assert_int_equal(shell("printf X | dd of=dst/f9 conv=notrunc status=none && touch -r src/f9 dst/f9"), 0);
	begin(2);
	transfer();
	assert_counts(0, 406);
	begin(2);
	sender.options.compare = USYNC_COMPARE_CONTENTS;
	transfer();
	assert_complete();
	assert_counts(1, 405);
}

/** What the source does not have goes, but for what a filter protects, and no more than may. */
static void test_delete(void **state)
{
	static const struct usync_filter filters[] = {{"*.keep", false}};
	const char *const more = "mkdir -p dst/old/er dst/sub/deep/x && : >dst/old/er/f && : >dst/gone && : >dst/sub/deep/x/y.keep && "
				 "ln -s /etc dst/sub/out && i=0; while [ $i -lt 3000 ]; do : >dst/sub/many-files-of-some-length-$i; "
				 "i=$((i+1)); done";

	(void)state;
	assert_int_equal(shell(more), 0);
	begin(3);
	sender.options.remove = true;
	sender.options.dry_run = true;
	transfer();
	assert_int_equal(sender.result, 0);
	assert_int_equal(sender.stats.deleted, 3007);
	assert_int_equal(shell("test -e dst/old/er/f -a -L dst/sub/out"), 0);
	begin(3);
	sender.options.remove = true;
	sender.options.filters = filters;
	sender.options.nr_filters = 1;
	transfer();
	assert_int_equal(sender.result, 0);
	assert_int_equal(sender.stats.deleted, 3005);
	assert_int_equal(receiver.stats.deleted, 3005);
	assert_int_equal(shell("test -e dst/sub/deep/x/y.keep -a ! -e dst/old && rm -r dst/sub/deep/x"), 0);
	begin(1);
	transfer();
	assert_complete();
	assert_int_equal(shell(": >dst/a; : >dst/b; : >dst/c"), 0);
	begin(1);
	sender.options.remove = true;
	sender.options.limit_delete = true;
	sender.options.max_delete = 2;
	transfer();
	assert_int_equal(sender.stats.deleted, 2);
	assert_int_equal(sender.stats.not_deleted, 1);
}

/** One file gets the destination's name, or its own in a directory. */
static void test_one_file(void **state)
{
	(void)state;
	begin(1);
	start(in_scratch("src/f1"), in_scratch("one"));
	finish();
	assert_int_equal(sender.result, 0);
	assert_int_equal(shell("cmp src/f1 one && mkdir -p into"), 0);
	begin(2);
	start(in_scratch("src/f1"), in_scratch("into"));
	finish();
	assert_int_equal(sender.result, 0);
	assert_int_equal(receiver.stats.files, 1);
	assert_int_equal(shell("cmp src/f1 into/f1"), 0);
}

/** What fails at the receiver is told on both sides, once, and the rest is copied. */
static void test_failures(void **state)
{
	(void)state;
	assert_int_equal(shell("rm -rf dst; mkdir -p dst/f1/x dst/nothing && : >dst/sub"), 0);
	begin(3);
	transfer();
	assert_int_equal(sender.result, 0);
	assert_int_equal(receiver.result, 0);
	assert_int_equal(sender.stats.failed, 3);
	assert_int_equal(receiver.stats.failed, 3);
	assert_int_equal(sender.nr_failed, 3);
	assert_int_equal(receiver.nr_failed, 3);
	assert_int_equal(receiver.stats.files, 201);
	assert_int_equal(shell("cmp src/f2 dst/f2 && rm -r dst"), 0);
}

/** So is what can't be read at the sender. */
static void test_unreadable(void **state)
{
	(void)state;
	if (geteuid() == 0) {
		skip(); /* Root reads all. */
	}
	assert_int_equal(shell("chmod 000 src/f5 src/sub/deep"), 0);
	begin(2);
	transfer();
	assert_int_equal(shell("chmod 644 src/f5; chmod 755 src/sub/deep"), 0);
	assert_int_equal(sender.result, 0);
	assert_int_equal(sender.stats.failed, 2);
	assert_int_equal(receiver.stats.failed, 2);
	assert_int_equal(receiver.nr_failed, 0);
	assert_int_equal(shell("chmod 755 dst/sub/deep; test ! -e dst/f5 && rm -r dst"), 0);
}

/** A side that stops says so to the other, and neither takes it for a success. */
static void test_cancel(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		begin(2);
		sender.options.max_rate = 100000;
		start(in_scratch("src"), in_scratch("dst"));
		usleep(300000);
		usync_job_cancel(i == 0 ? sender.job : receiver.job);
		finish();
		assert_int_equal(i == 0 ? sender.result : receiver.result, -ECANCELED);
		assert_int_equal(i == 0 ? receiver.result : sender.result, -ECONNABORTED);
		assert_non_null(strstr(i == 0 ? receiver.error : sender.error, "the other side stopped"));
		assert_int_equal(shell("! ls -A dst | grep -F .uring-sync && rm -r dst"), 0);
	}
}

/** A connection that is cut is an error on both sides. */
static void test_cut(void **state)
{
	(void)state;
	begin(2);
	sender.options.max_rate = 100000;
	start(in_scratch("src"), in_scratch("dst"));
	usleep(300000);
	shutdown(us_conn_fd(sender.peer->conns[1], POLLIN), SHUT_RDWR);
	finish();
	assert_true(sender.result < 0);
	assert_true(receiver.result < 0);
	assert_int_equal(shell("rm -r dst"), 0);
}

/** A transfer that was stopped goes on where it was, inside a large file, too. */
static void test_resume(void **state)
{
	(void)state;
	assert_int_equal(shell("rm -rf dst; mkdir -p great/sub && head -c 40000000 /dev/urandom >great/sub/f && echo >great/g"), 0);
	begin(1);
	receiver.options.journal = in_scratch("journal");
	sender.options.max_rate = 20000000;
	start(in_scratch("great"), in_scratch("dst"));
	for (unsigned int i = 0; i < 200; i++) {
		struct usync_stats stats;

		usync_job_stats(receiver.job, &stats);
		if (stats.bytes > 8000000) {
			break;
		}
		usleep(20000);
	}
	usync_job_cancel(sender.job);
	finish();
	assert_int_equal(sender.result, -ECANCELED);
	assert_int_equal(receiver.result, -ECONNABORTED);
	begin(1);
	receiver.options.journal = in_scratch("journal");
	start(in_scratch("great"), in_scratch("dst"));
	finish();
	assert_string_equal(receiver.error, "");
	assert_int_equal(sender.result, 0);
	assert_int_equal(receiver.result, 0);
	assert_true(sender.stats.bytes < 34000000);
	assert_int_equal(shell("diff -r great dst && test ! -e journal -o -e dst && rm -r dst great"), 0);
}

/** Without the receiver's consent a sender gives no one set-id files. */
static void test_trust(void **state)
{
	(void)state;
	assert_int_equal(shell("mkdir -p bad && echo >bad/run && chmod 6755 bad/run"), 0);
	begin(1);
	receiver.options.trust_peer = false;
	start(in_scratch("bad"), in_scratch("got"));
	finish();
	assert_int_equal(receiver.result, 0);
	assert_int_equal(shell("test $(stat -c %a got/run) = 755"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_copy),       cmocka_unit_test(test_compressed), cmocka_unit_test(test_spliced), cmocka_unit_test(test_by_ring), cmocka_unit_test(test_again),
		cmocka_unit_test(test_delete),
		cmocka_unit_test(test_one_file),
		cmocka_unit_test(test_failures),   cmocka_unit_test(test_cancel), cmocka_unit_test(test_cut),
		cmocka_unit_test(test_unreadable), cmocka_unit_test(test_trust),  cmocka_unit_test(test_resume),
	};

	return cmocka_run_group_tests(tests, setup, scratch_remove);
}
