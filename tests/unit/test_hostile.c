/* SPDX-License-Identifier: MIT */
/* net/session against a peer that does not keep to the protocol. */
#include "hostile.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

/** Bytes that are no frames. */
static void test_garbage(void **state)
{
	char noise[4096];

	(void)state;
	for (unsigned int i = 0; i < 20; i++) {
		unsigned int seed = i;

		for (size_t at = 0; at < sizeof(noise); at++) {
			noise[at] = (char)rand_r(&seed);
		}
		begin(i % 2 == 0, 20);
		(void)!send(fd, noise, sizeof(noise), MSG_NOSIGNAL);
		expect_failure("peer: receive");
	}
}

/** A frame that tells of more bytes than one may have: no memory is taken and nothing waited for. */
static void test_huge(void **state)
{
	static const uint32_t lengths[] = {UINT32_MAX, 0x80000000u, (1u << 20) + 1};

	(void)state;
	for (size_t i = 0; i < unit_nr(lengths); i++) {
		struct us_wire_head head = {.length = lengths[i], .type = US_WIRE_DATA};

		begin_sending();
		(void)!send(fd, &head, sizeof(head), MSG_NOSIGNAL);
		expect_failure("Bad message");
	}
}

/** A file of 2^63 bytes, at a place that does not exist. */
static void test_huge_file(void **state)
{
	struct us_wire_file wire = {.dir = 1, .offset = UINT64_C(1) << 63, .meta.mode = S_IFREG, .name = 5, .kind = US_KIND_REGULAR,
	                            .length = 1};

	(void)state;
	begin_sending();
	record(US_RECORD_FILE, 0, &wire, sizeof(wire), "evil1\0x", 7);
	send_frame(US_WIRE_DATA);
	expect_failure("Bad message");
}

/** Names that lead out of their directory, or are none. */
static void test_names(void **state)
{
	static char longest[4097];
	static const struct {
		const char *name;
		size_t size;
	} names[] = {
		{"..", 3}, {"../out/evil", 12}, {"/tmp/evil", 10}, {"", 1}, {".", 2}, {"evil\0x", 7}, {"a/evil", 7}, {longest, 4097},
	};

	(void)state;
	memset(longest, 'x', 4096);
	for (size_t i = 0; i < unit_nr(names); i++) {
		begin_sending();
		file(1, 0, names[i].name, names[i].size);
		send_frame(US_WIRE_DATA);
		expect_failure("Bad message");
	}
}

/** A sender begins that has WISHES, at a receiver that was ORDERED to take what it has, or not. */
static void begin_ordered(bool is_ordered, uint32_t wishes)
{
	struct us_wire_start start = {.keep = USYNC_KEEP_DEFAULT, .wishes = wishes};
	struct us_wire_dir root = {.id = 1, .meta.mode = S_IFDIR | 0755};

	ordered = is_ordered;
	begin(true, 20);
	ordered = removes = limits = false;
	hello(US_WIRE_SENDER);
	add(&start, sizeof(start));
	record(US_RECORD_DIR, 0, &root, sizeof(root), "", 1);
	send_frame(US_WIRE_START);
}

/** It tells of EVENT, whose TEXTS go with it. */
static void tell_event(bool is_ordered, const struct us_wire_event *event, const char *texts, size_t size)
{
	begin_ordered(is_ordered, 0);
	record(US_RECORD_EVENT, 0, event, sizeof(*event), texts, size);
	send_frame(US_WIRE_DATA);
}

/** Who has ordered a copy is told what failed there, and nothing that could pass for what is done here. */
static void test_sender_events(void **state)
{
	static const struct us_wire_event failed = {.type = USYNC_EVENT_FAILED, .error = EIO, .name = 1, .what = 4, .has_name = 1};
	static const struct us_wire_event others[] = {
		{.type = USYNC_EVENT_COPIED, .name = 1, .what = 4, .has_name = 1},
		{.type = USYNC_EVENT_DELETED, .name = 1, .what = 4, .has_name = 1},
		{.type = USYNC_EVENT_NOTE, .name = 1, .what = 4, .has_name = 1},
		{.type = 77, .name = 1, .what = 4, .has_name = 1},
	};
	static const struct us_wire_event nothing = {.type = USYNC_EVENT_FAILED, .error = EIO, .name = 1, .has_name = 1};

	(void)state;
	for (size_t i = 0; i < unit_nr(others); i++) {
		tell_event(true, &others[i], "x\0read", 7);
		expect_failure("Protocol error");
	}
	tell_event(true, &nothing, "x\0", 3);
	expect_failure("Protocol error");
	tell_event(false, &failed, "x\0read", 7);
	expect_failure("Protocol error");
	tell_event(true, &failed, "x\0read", 7);
	usleep(200000);
	shutdown(fd, SHUT_WR);
	expect_failure("closed by the other side");
}

/** A sender begins that wishes for deletions, at a receiver that was ordered to do what is set; of its root it tells all. */
static void begin_deleting(void)
{
	struct us_wire_names names = {.dir = 1};

	begin_ordered(true, US_WISH_DELETE);
	record(US_RECORD_MIRROR, 0, &names, sizeof(names), "", 0);
}

/** Let it say that the source has no "mine". */
static void miss_mine(void)
{
	struct us_wire_names missing = {.dir = 1, .bytes = 5};

	record(US_RECORD_MISSING, 0, &missing, sizeof(missing), "mine", 5);
	send_frame(US_WIRE_DATA);
}

/** Who was asked for a copy, and not for a mirror, deletes nothing. */
static void test_unasked_deletions(void **state)
{
	(void)state;
	assert_int_equal(shell("mkdir dst && echo mine >dst/mine && ln dst/mine mine"), 0);
	begin_deleting();
	miss_mine();
	usleep(200000);
	shutdown(fd, SHUT_WR);
	assert_int_equal(shell("test \"$(stat -c %h mine)\" = 2 && rm mine"), 0);
	expect_failure("which was not asked for");
}

/**
 * Who was asked for a mirror, with no more deletions than so many, deletes no more, whatever the sender says of that.
 */
static void test_ordered_rules(void **state)
{
	(void)state;
	assert_int_equal(shell("mkdir dst && echo mine >dst/mine"), 0);
	removes = limits = true;
	begin_deleting();
	send_frame(US_WIRE_DATA);
	hear(US_WIRE_REPLY);
	miss_mine();
	hear(US_WIRE_REPLY);
	assert_int_equal(shell("test -e dst/mine"), 0);
	shutdown(fd, SHUT_WR);
	expect_failure("closed by the other side");
}

/**
 * Where the destination is one file, what lies beside it is not the sender's: no directory there is entered, and
 * nothing is linked.
 */
static void test_beside_one(void **state)
{
	struct us_wire_dir evil = {.id = 2, .parent = 1, .meta.mode = S_IFDIR | 0755, .name = 4};
	struct us_wire_dir out = {.id = 2, .parent = 1, .meta.mode = S_IFDIR | 0755, .name = 3};
	struct us_wire_file link = {.dir = 1, .meta.mode = S_IFREG | 0644, .name = 1, .target = 5, .kind = US_KIND_LINK};

	(void)state;
	begin_one();
	record(US_RECORD_DIR, 0, &evil, sizeof(evil), "evil", 5);
	file(2, 0, "evil", 5);
	send_frame(US_WIRE_DATA);
	expect_failure("peer: receive");
	begin_one();
	record(US_RECORD_DIR, 0, &out, sizeof(out), "out", 4);
	file(2, 0, "evil", 5);
	send_frame(US_WIRE_DATA);
	expect_failure("peer: receive");
	begin_one();
	record(US_RECORD_FILE, US_FILE_EOF, &link, sizeof(link), "x\0src/f", 8);
	send_frame(US_WIRE_DATA);
	expect_failure("peer: receive");
	assert_int_equal(shell("test \"$(stat -c %h src/f)\" = 1"), 0);
}

/** A symbolic link, and then a file and a directory through it. */
static void test_through_link(void **state)
{
	struct us_wire_file link = {.dir = 1, .meta.mode = S_IFLNK | 0777, .name = 1, .target = 6, .kind = US_KIND_SYMLINK};
	struct us_wire_dir dir = {.id = 2, .parent = 1, .meta.mode = S_IFDIR | 0755, .name = 1};
	struct us_wire_file hard = {.token = 2, .dir = 1, .meta.mode = S_IFREG | 0644, .name = 5, .target = 6, .kind = US_KIND_LINK};

	(void)state;
	begin_sending();
	record(US_RECORD_FILE, US_FILE_EOF, &link, sizeof(link), "l\0../out", 9);
	send_frame(US_WIRE_DATA);
	usleep(100000); /* It is made by now, and the directory that follows is not. */
	record(US_RECORD_DIR, 0, &dir, sizeof(dir), "l", 2);
	file(2, 1, "evil", 5);
	record(US_RECORD_FILE, US_FILE_EOF, &hard, sizeof(hard), "evil2\0l/file", 13);
	send_frame(US_WIRE_DATA);
	send_frame(US_WIRE_PING);
	usleep(100000);
	shutdown(fd, SHUT_WR);
	expect_failure("closed by the other side");
}

/** What may not come at that moment. */
static void test_order(void **state)
{
	struct us_wire_part part = {.token = 3, .length = 1};
	struct us_wire_dir_end dir_end = {.id = 77, .announced = 1};
	struct us_wire_names names = {.dir = 1};
	struct us_wire_end end = {0};

	(void)state;
	for (unsigned int i = 0; i < 10; i++) {
		begin_sending();
		switch (i) {
		case 0: /* Of a file that was not told of. */
			record(US_RECORD_PART, 0, &part, sizeof(part), "x", 1);
			break;
		case 1: /* In a directory that was not told of. */
			file(77, 0, "evil", 5);
			break;
		case 2:
			record(US_RECORD_DIR_END, 0, &dir_end, sizeof(dir_end), "", 0);
			break;
		case 3: /* Deletions that no one has asked for. */
			record(US_RECORD_MIRROR, 0, &names, sizeof(names), "", 0);
			break;
		case 4: /* A token beyond what there are. */
			file(1, 1024, "evil", 5);
			break;
		case 5: /* Two beginnings. */
			hello(US_WIRE_SENDER);
			break;
		case 6: /* An end, with directories open. */
			add(&end, sizeof(end));
			send_frame(US_WIRE_END);
			break;
		case 7: /* An answer, from who should ask. */
			add("01234567", 8);
			send_frame(US_WIRE_REPLY);
			break;
		case 8: /* More after the end. */
			add(&end, sizeof(end));
			send_frame(US_WIRE_END);
			file(1, 0, "evil", 5);
			break;
		default: /* A record that is longer than its frame. */
			file(1, 0, "evil", 5);
			length -= 3;
			break;
		}
		if (length > 0) {
			send_frame(US_WIRE_DATA);
		}
		expect_failure("peer: ");
	}
}

/** An end while something is still to come: of a file, or of a deletion; and a receiver's before the sender's. */
static void test_early_end(void **state)
{
	struct us_wire_start start = {.keep = USYNC_KEEP_DEFAULT, .wishes = US_WISH_DELETE};
	struct us_wire_dir root = {.id = 1, .meta.mode = S_IFDIR | 0755};
	struct us_wire_file part = {.dir = 1, .length = 1, .meta.mode = S_IFREG | 0644, .meta.size = 2, .name = 1, .kind = US_KIND_REGULAR};
	struct us_wire_names names = {.dir = 1};
	struct us_wire_started started = {.is_new = 1};
	struct us_wire_end end = {0};

	(void)state;
	begin_sending();
	record(US_RECORD_FILE, 0, &part, sizeof(part), "x\0a", 3);
	send_frame(US_WIRE_DATA);
	add(&end, sizeof(end));
	send_frame(US_WIRE_END);
	expect_failure("Protocol error");

	assert_int_equal(shell("mkdir dst && echo mine >dst/mine"), 0);
	begin(true, 20);
	hello(US_WIRE_SENDER);
	add(&start, sizeof(start));
	record(US_RECORD_DIR, 0, &root, sizeof(root), "", 1);
	send_frame(US_WIRE_START);
	record(US_RECORD_MIRROR, 0, &names, sizeof(names), "", 0);
	send_frame(US_WIRE_DATA);
	add(&end, sizeof(end));
	send_frame(US_WIRE_END);
	expect_failure("Protocol error");

	begin(false, 20);
	hello(US_WIRE_RECEIVER);
	add(&started, sizeof(started));
	send_frame(US_WIRE_STARTED);
	add(&end, sizeof(end));
	send_frame(US_WIRE_END);
	expect_failure("Protocol error");
}

/**
 * A hole of 2^62 bytes of which the sum is wanted: who makes it is heard all the while, and when he goes nothing goes
 * on.
 */
static void test_huge_hole(void **state)
{
	struct us_wire_start start = {.keep = USYNC_KEEP_DEFAULT, .wishes = US_WISH_VERIFY};
	struct us_wire_dir root = {.id = 1, .meta.mode = S_IFDIR | 0755};
	struct us_wire_file first = {.dir = 1, .length = 1, .meta.mode = S_IFREG | 0644, .name = 1, .kind = US_KIND_REGULAR};
	struct us_wire_part last = {.length = 1, .offset = UINT64_C(1) << 62};

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		begin(true, 20);
		hello(US_WIRE_SENDER);
		add(&start, sizeof(start));
		record(US_RECORD_DIR, 0, &root, sizeof(root), "", 1);
		send_frame(US_WIRE_START);
		hear(US_WIRE_STARTED);
		record(US_RECORD_FILE, US_FILE_HOLES, &first, sizeof(first), "x\0a", 3);
		record(US_RECORD_PART, US_FILE_HOLES | US_FILE_EOF, &last, sizeof(last), "b", 1);
		send_frame(US_WIRE_DATA);
		file(1, 1, "more", 5);
		send_frame(US_WIRE_DATA);
		usleep(100000);
		if (i == 0) {
			shutdown(fd, SHUT_WR);
			expect_failure("closed by the other side");
		} else {
			usync_job_cancel(job);
			expect_failure("");
		}
	}
}

/** No common version, the wrong role, another protocol. */
static void test_hello(void **state)
{
	struct us_wire_hello wire = {.magic = US_WIRE_MAGIC, .version_min = 7, .version_max = 9, .role = US_WIRE_SENDER,
	                             .connections = 1, .tokens = 1};

	(void)state;
	begin(true, 20);
	add(&wire, sizeof(wire));
	send_frame(US_WIRE_HELLO);
	expect_failure("version 9 of the protocol");
	begin(true, 20);
	hello(US_WIRE_RECEIVER);
	expect_failure("does not send");
	begin(false, 20);
	hello(US_WIRE_SENDER);
	expect_failure("does not receive");
}

/** Silence, from the beginning and later; half a frame and then nothing. */
static void test_silence(void **state)
{
	struct us_wire_head head = {.length = 100, .type = US_WIRE_DATA};

	(void)state;
	begin(true, 1);
	expect_failure("timed out");
	begin(false, 1);
	hello(US_WIRE_RECEIVER);
	expect_failure("timed out");
	begin_sending();
	(void)!send(fd, &head, sizeof(head), MSG_NOSIGNAL);
	shutdown(fd, SHUT_WR);
	expect_failure("closed by the other side");
}

/** A receiver that says what it can't: receipts for what it was not sent, more than once, or wishes without end. */
static void test_receiver(void **state)
{
	struct us_wire_started started = {.is_new = 1};
	struct us_wire_done done = {.token = 5, .result = US_RESULT_DONE};
	struct us_wire_want want = {.token = 5};
	struct us_wire_dir_reply dir = {.id = 9, .state = US_DIR_NEW};
	struct us_wire_names names = {.dir = 1, .bytes = 2};

	(void)state;
	for (unsigned int i = 0; i < 4; i++) {
		begin(false, 20);
		hello(US_WIRE_RECEIVER);
		add(&started, sizeof(started));
		send_frame(US_WIRE_STARTED);
		switch (i) {
		case 0:
			record(US_REPLY_DONE, 0, &done, sizeof(done), "", 0);
			break;
		case 1:
			record(US_REPLY_WANT, 0, &want, sizeof(want), "", 0);
			break;
		case 2:
			record(US_REPLY_DIR, 0, &dir, sizeof(dir), "", 0);
			break;
		default: /* It wants to know what else there is. */
			record(US_REPLY_ASK, 0, &names, sizeof(names), "f", 2);
			break;
		}
		send_frame(US_WIRE_REPLY);
		expect_failure("Protocol error");
	}
}

/** What it tells of has no text, or no name: who is to be told would have nothing to say. */
static void test_events(void **state)
{
	static const struct us_wire_event events[] = {
		{.type = USYNC_EVENT_FAILED, .error = EIO, .has_name = 1},
		{.type = USYNC_EVENT_WARNING},
		{.type = USYNC_EVENT_DELETED},
		{.type = USYNC_EVENT_COPIED},
		{.type = USYNC_EVENT_NOTE, .has_name = 1},
		{.type = 77, .has_name = 1},
	};
	struct us_wire_started started = {.is_new = 1};

	(void)state;
	for (size_t i = 0; i < unit_nr(events); i++) {
		begin(false, 20);
		hello(US_WIRE_RECEIVER);
		add(&started, sizeof(started));
		send_frame(US_WIRE_STARTED);
		record(US_REPLY_EVENT, 0, &events[i], sizeof(events[i]), "\0", 2);
		send_frame(US_WIRE_REPLY);
		expect_failure("Protocol error");
	}
}

/** It asks on and on, and does not wait for what it is answered: answers do not pile up. */
static void test_asks(void **state)
{
	struct us_wire_started started = {.is_new = 0};
	struct us_wire_names names = {.dir = 1, .bytes = 2};

	(void)state;
	removes = true;
	begin(false, 20);
	removes = false;
	hello(US_WIRE_RECEIVER);
	add(&started, sizeof(started));
	send_frame(US_WIRE_STARTED);
	do {
		hear(US_WIRE_DATA);
	} while (heard[offsetof(struct us_wire_record, type)] != US_RECORD_MIRROR);
	for (unsigned int i = 0; i < 20; i++) {
		record(US_REPLY_ASK, 0, &names, sizeof(names), "x", 2);
	}
	send_frame(US_WIRE_REPLY);
	expect_failure("Protocol error");
}

/** A receiver that takes all and confirms nothing is no success. */
static void test_no_receipts(void **state)
{
	struct us_wire_started started = {.is_new = 1};
	struct us_wire_end end = {0};

	(void)state;
	begin(false, 20);
	hello(US_WIRE_RECEIVER);
	add(&started, sizeof(started));
	send_frame(US_WIRE_STARTED);
	add(&end, sizeof(end));
	send_frame(US_WIRE_END);
	expect_failure("Protocol error");
}

/** Begin as a sender that may compress when BITS say so, up to where it may send records. */
static void begin_compressed(unsigned int bits)
{
	features = bits;
	begin_sending();
	features = 0;
	hear(US_WIRE_STARTED);
}

/** Compress what was added, after FILL bytes of zeros were. */
static void compress(size_t fill)
{
	static unsigned char plain[2 << 20];
	size_t size;

	assert_true(length + fill <= sizeof(plain));
	memcpy(plain, payload, length);
	memset(plain + length, 0, fill);
	size = ZSTD_compress(payload, sizeof(payload), plain, length + fill, 3);
	assert_false(ZSTD_isError(size));
	length = size;
}

/** Compressed frames that were not agreed, of a kind that never is, that are none, too large, or cut. */
static void test_compressed(void **state)
{
	struct us_wire_end end = {0};

	(void)state;
	for (unsigned int i = 0; i < 6; i++) {
		begin_compressed(i == 0 ? 0 : US_WIRE_FEATURE_ZSTD);
		if (i == 1) {
			add(&end, sizeof(end));
		} else {
			file(1, 0, "evil", 5);
		}
		if (i != 2) {
			compress(i == 3 ? (1 << 20) + 1 : 0);
		}
		length -= i == 4;
		send_flagged(i == 1 ? US_WIRE_END : i == 5 ? US_WIRE_PING : US_WIRE_DATA, US_WIRE_COMPRESSED);
		expect_failure("Bad message");
	}
}

/** Frames without a sum, where no TLS sees to it that nothing was changed: whatever the peer says that it can. */
static void test_unsummed(void **state)
{
	(void)state;
	features = US_WIRE_FEATURE_UNSUMMED;
	begin_sending();
	features = 0;
	file(1, 0, "evil", 5);
	send_flagged(US_WIRE_DATA, US_WIRE_UNSUMMED);
	expect_failure("Bad message");
}

/** One that was agreed is taken; what is in it is believed no more than what is in others. */
static void test_compressed_taken(void **state)
{
	(void)state;
	begin_compressed(US_WIRE_FEATURE_ZSTD);
	file(1, 0, "good", 5);
	compress(0);
	send_flagged(US_WIRE_DATA, US_WIRE_COMPRESSED);
	for (unsigned int i = 0; i < 500 && shell("test -e dst/good") != 0; i++) {
		usleep(20000);
	}
	assert_int_equal(shell("test -e dst/good"), 0);
	file(1, 1, "../evil", 8);
	compress(0);
	send_flagged(US_WIRE_DATA, US_WIRE_COMPRESSED);
	expect_failure("Bad message");
}

/** A receiver that can't take compressed frames gets none; nor may it send any. */
static void test_not_compressed(void **state)
{
	struct us_wire_started started = {.is_new = 1};
	struct us_wire_done done = {.token = 5, .result = US_RESULT_DONE};

	(void)state;
	level = 3;
	begin(false, 20);
	level = 0;
	hello(US_WIRE_RECEIVER);
	add(&started, sizeof(started));
	send_frame(US_WIRE_STARTED);
	hear(US_WIRE_DATA);
	record(US_REPLY_DONE, 0, &done, sizeof(done), "", 0);
	compress(0);
	send_flagged(US_WIRE_REPLY, US_WIRE_COMPRESSED);
	expect_failure("Bad message");
}

/** The DIRs that ask, in the payload that was read last. */
static unsigned int heard_asks(const struct us_wire_head *frame)
{
	unsigned int nr = 0;

	for (size_t at = 0; at < frame->length;) {
		struct us_wire_record head;

		memcpy(&head, heard + at, sizeof(head));
		nr += head.type == US_RECORD_DIR && (head.flags & US_DIR_ASK) != 0;
		at += head.length;
	}
	return nr;
}

/** Seconds of processor time of this process so far. */
static double processor_seconds(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/** A receiver that takes its time: many directories are asked about together, and then its sender sleeps. */
static void test_slow_answers(void **state)
{
	struct us_wire_started started = {.is_new = 0};
	unsigned int asks = 0;
	double before;

	(void)state;
	assert_int_equal(shell("for i in $(seq 200); do mkdir src/more$i; done"), 0);
	begin(false, 20);
	hello(US_WIRE_RECEIVER);
	hear(US_WIRE_START);
	add(&started, sizeof(started));
	send_frame(US_WIRE_STARTED);
	while (asks < 32) {
		asks += heard_asks(hear(US_WIRE_DATA));
	}
	usleep(100000);
	before = processor_seconds();
	usleep(500000);
	assert_true(processor_seconds() - before < 0.1);
	shutdown(fd, SHUT_RDWR);
	expect_failure("closed by the other side");
	assert_int_equal(shell("rm -r src/more*"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_garbage),  cmocka_unit_test(test_huge),         cmocka_unit_test(test_huge_file),
		cmocka_unit_test(test_names),    cmocka_unit_test(test_through_link), cmocka_unit_test(test_order),
		cmocka_unit_test(test_hello),    cmocka_unit_test(test_silence),      cmocka_unit_test(test_receiver),
		cmocka_unit_test(test_no_receipts), cmocka_unit_test(test_beside_one), cmocka_unit_test(test_unasked_deletions),
		cmocka_unit_test(test_ordered_rules), cmocka_unit_test(test_compressed),
		cmocka_unit_test(test_compressed_taken), cmocka_unit_test(test_early_end), cmocka_unit_test(test_events), cmocka_unit_test(test_sender_events),
		cmocka_unit_test(test_asks),
		cmocka_unit_test(test_huge_hole),
		cmocka_unit_test(test_not_compressed), cmocka_unit_test(test_slow_answers), cmocka_unit_test(test_unsummed),
	};

	return cmocka_run_group_tests(tests, setup, scratch_remove);
}
