/* SPDX-License-Identifier: MIT */
/* Files whose contents come in ranges (net/ranges.h), against a peer that does not keep to the protocol. */
#include "hostile.h"

#include "base/clock.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/** A file of sixteen ranges, of which eight may come at a time. */
#define RANGE 4096u
#define SIZE (16 * RANGE)

#define TOKEN 3u

static unsigned char contents[2 * RANGE];

/** Add a FILE of SIZE bytes that asks, and offers ranges of BYTES each. */
static void offer(unsigned int flags, uint64_t bytes, uint32_t token)
{
	struct us_wire_file wire = {.token = token, .dir = 1, .offset = bytes, .meta = {.mode = S_IFREG | 0644, .size = SIZE},
	                            .name = 3, .kind = US_KIND_REGULAR};
	char name[4] = "big";

	name[0] = (char)('b' + token - TOKEN);
	record(US_RECORD_FILE, flags, &wire, sizeof(wire), name, 4);
}

/** Find a record of TYPE in what was heard.  @return its fixed part, or NULL. */
static const void *find(unsigned int type)
{
	size_t at = 0;

	while (at < heard_length) {
		struct us_wire_record head;

		memcpy(&head, heard + at, sizeof(head));
		if (head.type == type) {
			return heard + at + sizeof(head);
		}
		at += head.length;
	}
	return NULL;
}

/** Begin as a sender, and have a file that comes in ranges.  @return its number. */
static uint32_t begin_shared(void)
{
	struct us_wire_want want;
	const void *fixed;

	features = US_WIRE_FEATURE_RANGES;
	begin_sending();
	features = 0;
	hear(US_WIRE_STARTED);
	offer(US_FILE_ASK | US_FILE_RANGES, RANGE, TOKEN);
	send_frame(US_WIRE_DATA);
	do {
		hear(US_WIRE_REPLY);
		fixed = find(US_REPLY_WANT);
	} while (fixed == NULL);
	memcpy(&want, fixed, sizeof(want));
	assert_int_equal(want.token, TOKEN);
	assert_int_equal(want.offset, 0);
	assert_true(want.number > 0);
	return want.number;
}

/** Add a RANGE: BYTES of contents for OFFSET. */
static void range(uint32_t number, unsigned int flags, uint64_t offset, uint32_t bytes)
{
	struct us_wire_range wire = {.number = number, .length = bytes, .offset = offset};

	record(US_RECORD_RANGE, flags, &wire, sizeof(wire), contents, bytes);
}

/** Add a RANGES_END. */
static void end(uint32_t number, unsigned int flags, uint64_t offset)
{
	struct us_wire_range wire = {.number = number, .offset = offset};

	record(US_RECORD_RANGES_END, flags, &wire, sizeof(wire), "", 0);
}

/** Ranges that can't come. */
static void test_ranges(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 12; i++) {
		uint32_t number = begin_shared();

		switch (i) {
		case 0: /* Of a file that there is not. */
			range(number + 1, 0, 0, 1);
			break;
		case 1: /* Behind its end. */
			range(number, US_RANGE_LAST, SIZE, 0);
			break;
		case 2: /* From one into the next. */
			range(number, 0, RANGE - 10, 20);
			break;
		case 3: /* Further than may be remembered. */
			range(number, 0, 8 * RANGE, 1);
			break;
		case 4: /* Twice the same. */
			range(number, 0, 0, 100);
			range(number, 0, 0, 100);
			break;
		case 5: /* A part of it twice. */
			range(number, 0, 0, 100);
			range(number, 0, 99, 100);
			break;
		case 6: /* More of one that has ended, while a lower one has not. */
			range(number, US_RANGE_LAST, RANGE, RANGE);
			range(number, 0, RANGE, 1);
			break;
		case 7: /* The same, and it was the lowest. */
			range(number, US_RANGE_LAST, 0, RANGE);
			range(number, 0, 0, 1);
			break;
		case 8: /* An end in the middle. */
			range(number, US_RANGE_LAST, 10, 0);
			break;
		case 9: /* One more, after the end. */
			range(number, US_RANGE_LAST, 0, RANGE);
			end(number, 0, 2 * RANGE);
			range(number, 0, 2 * RANGE, 1);
			break;
		case 10: /* At a place that does not exist. */
			range(number, 0, INT64_MAX - 1, 1);
			break;
		default: /* Of one that was void, after all of it had come. */
			range(number, US_RANGE_LAST, 0, RANGE);
			end(number, 0, RANGE);
			send_frame(US_WIRE_DATA);
			hear(US_WIRE_REPLY);
			range(number, 0, RANGE, 1);
			break;
		}
		send_frame(US_WIRE_DATA);
		expect_failure("Protocol error");
	}
}

/** Ends that can't be. */
static void test_ends(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 7; i++) {
		uint32_t number = begin_shared();

		switch (i) {
		case 0:
			end(number + 1, 0, 0);
			break;
		case 1: /* Before what has come. */
			range(number, 0, RANGE, 1);
			end(number, 0, RANGE);
			break;
		case 2: /* In the middle of a range. */
			end(number, 0, RANGE + 10);
			break;
		case 3: /* Complete, and less than it. */
			end(number, US_RANGES_COMPLETE, RANGE);
			break;
		case 4:
			end(number, 0, SIZE + RANGE);
			break;
		case 5:
			end(number, 0, 2 * RANGE);
			end(number, 0, 2 * RANGE);
			break;
		default: /* The end of the connection, while it is open. */
			add(&(struct us_wire_end){0}, sizeof(struct us_wire_end));
			send_frame(US_WIRE_END);
			break;
		}
		if (length > 0) {
			send_frame(US_WIRE_DATA);
		}
		expect_failure("peer: receive");
	}
}

/** What can't come of a file in order while its ranges come; offers that are none, or were not agreed. */
static void test_files(void **state)
{
	struct us_wire_file again = {.token = TOKEN, .dir = 1, .meta = {.mode = S_IFREG | 0644, .size = SIZE}, .name = 3,
	                             .kind = US_KIND_REGULAR};
	struct us_wire_part part = {.token = TOKEN, .length = 1};
	struct us_wire_abandon abandon = {.token = TOKEN};

	(void)state;
	for (unsigned int i = 0; i < 6; i++) {
		(void)begin_shared();
		switch (i) {
		case 0:
			record(US_RECORD_PART, 0, &part, sizeof(part), "x", 1);
			break;
		case 1:
			record(US_RECORD_ABANDON, 0, &abandon, sizeof(abandon), "", 0);
			break;
		case 2:
			record(US_RECORD_FILE, US_FILE_AGAIN | US_FILE_EOF, &again, sizeof(again), "big", 4);
			break;
		case 3: /* Offered twice. */
			offer(US_FILE_ASK | US_FILE_AGAIN | US_FILE_RANGES, RANGE, TOKEN);
			break;
		case 4: /* Again, though no contents were compared. */
			offer(US_FILE_ASK | US_FILE_RANGES, RANGE, TOKEN);
			break;
		default: /* The same, of one that was not told of. */
			offer(US_FILE_ASK | US_FILE_AGAIN | US_FILE_RANGES, RANGE, TOKEN + 1);
			break;
		}
		send_frame(US_WIRE_DATA);
		expect_failure("Protocol error");
	}
	begin_sending();
	offer(US_FILE_ASK | US_FILE_RANGES, RANGE, TOKEN);
	send_frame(US_WIRE_DATA);
	expect_failure("Protocol error");
}

/** Records that are none. */
static void test_malformed(void **state)
{
	struct us_wire_range wire = {.number = 1, .length = 5};

	(void)state;
	for (unsigned int i = 0; i < 10; i++) {
		uint32_t number = begin_shared();

		switch (i) {
		case 0:
			range(0, 0, 0, 1);
			break;
		case 1: /* Nothing, and not the last. */
			range(number, 0, 0, 0);
			break;
		case 2:
			range(number, 2, 0, 1);
			break;
		case 3:
			range(number, 0, UINT64_C(1) << 63, 1);
			break;
		case 4: /* Less than it says. */
			record(US_RECORD_RANGE, 0, &wire, sizeof(wire), "1234", 4);
			break;
		case 5:
			record(US_RECORD_RANGES_END, 0, &wire, sizeof(wire), "12345", 5);
			break;
		case 6:
			offer(US_FILE_ASK | US_FILE_RANGES, 0, TOKEN + 1);
			break;
		case 7:
			offer(US_FILE_ASK | US_FILE_RANGES, RANGE + 1, TOKEN + 1);
			break;
		case 8:
			offer(US_FILE_ASK | US_FILE_RANGES, US_WIRE_RANGE_MAX + RANGE, TOKEN + 1);
			break;
		default:
			offer(US_FILE_EOF | US_FILE_RANGES, RANGE, TOKEN + 1);
			break;
		}
		send_frame(US_WIRE_DATA);
		expect_failure("Bad message");
	}
}

/** A range that goes on on another connection; an end that comes on one that the file is not of. */
static void test_connections(void **state)
{
	uint32_t number;
	int first;

	(void)state;
	connections = 2;
	for (unsigned int i = 0; i < 2; i++) {
		number = begin_shared();
		first = fd;
		if (i == 0) {
			range(number, 0, 0, 100);
			send_frame(US_WIRE_DATA);
			fd = other;
			range(number, 0, 100, 100);
			send_frame(US_WIRE_DATA); /* Whichever comes first. */
		} else {
			fd = other;
			end(number, 0, RANGE);
			send_frame(US_WIRE_DATA);
		}
		fd = first;
		expect_failure("Protocol error");
	}
	connections = 1;
}

/** More files at a time than may be open: the others are wanted in order, and those that are given up take no room. */
static void test_limit(void **state)
{
	struct us_wire_want want;
	unsigned int wanted = 1;
	unsigned int shared = 1;

	(void)state;
	(void)begin_shared();
	for (uint32_t i = 1; i < US_WIRE_SHARES_MAX + 4; i++) {
		struct us_wire_file wire = {.token = TOKEN + i, .dir = 1, .offset = RANGE, .name = 3, .kind = US_KIND_REGULAR,
		                            .meta = {.mode = S_IFREG | 0644, .size = SIZE}};
		char name[4] = {'n', (char)('0' + i % 10), (char)('0' + i / 10), 0};

		record(US_RECORD_FILE, US_FILE_ASK | US_FILE_RANGES, &wire, sizeof(wire), name, sizeof(name));
	}
	send_frame(US_WIRE_DATA);
	while (wanted < US_WIRE_SHARES_MAX + 4) {
		hear(US_WIRE_REPLY);
		for (size_t at = 0; at < heard_length;) {
			struct us_wire_record head;

			memcpy(&head, heard + at, sizeof(head));
			assert_int_equal(head.type, US_REPLY_WANT);
			memcpy(&want, heard + at + sizeof(head), sizeof(want));
			wanted++;
			shared += want.number > 0;
			at += head.length;
		}
	}
	assert_int_equal(shared, US_WIRE_SHARES_MAX);
	shutdown(fd, SHUT_WR);
	expect_failure("closed by the other side");
}

/** Begin as a receiver of src, which has a large file and a small one; TOKENS[0] is the large one's. */
static void begin_receiving(uint32_t tokens[2])
{
	struct us_wire_started started = {.is_new = 1};
	bool has[2] = {false, false};

	large_size = RANGE;
	chunk_size = RANGE;
	features = US_WIRE_FEATURE_RANGES;
	begin(false, 20);
	hello(US_WIRE_RECEIVER);
	large_size = 0;
	chunk_size = 0;
	features = 0;
	add(&started, sizeof(started));
	send_frame(US_WIRE_STARTED);
	while (!has[0] || !has[1]) {
		hear(US_WIRE_DATA);
		for (size_t at = 0; at < heard_length;) {
			struct us_wire_record head;
			struct us_wire_file wire;
			unsigned int which;

			memcpy(&head, heard + at, sizeof(head));
			memcpy(&wire, heard + at + sizeof(head), sizeof(wire));
			which = (head.flags & US_FILE_RANGES) == 0;
			if (head.type == US_RECORD_FILE) {
				tokens[which] = wire.token;
				has[which] = true;
			}
			at += head.length;
		}
	}
}

/** A receiver that says what it can't of files that are sent in ranges. */
static void test_receiver(void **state)
{
	uint32_t tokens[2] = {0, 0};

	(void)state;
	assert_int_equal(shell("head -c 65536 /dev/urandom >src/big"), 0);
	for (unsigned int i = 0; i < 10; i++) {
		struct us_wire_want want = {.number = 7};
		struct us_wire_range reached = {.offset = RANGE};
		struct us_wire_done done = {.result = US_RESULT_DONE};
		struct us_wire_compare compare = {.changes = 0};

		begin_receiving(tokens);
		want.token = tokens[i == 1];
		reached.number = tokens[0];
		done.token = tokens[0];
		compare.token = tokens[0];
		if (i == 2) {
			want.offset = SIZE + RANGE;
		}
		if (i > 0) {
			record(US_REPLY_WANT, 0, &want, sizeof(want), "", 0);
			send_frame(US_WIRE_REPLY);
		}
		if (i > 2) {
			hear(US_WIRE_DATA); /* Ranges. */
		}
		switch (i) {
		case 0: /* None has come. */
			record(US_REPLY_REACHED, 0, &reached, sizeof(reached), "", 0);
			break;
		case 1: /* In ranges, what was not offered so; and (2) from behind its end. */
		case 2:
			break;
		case 3: /* More than was sent. */
			reached.offset = 9 * RANGE;
			record(US_REPLY_REACHED, 0, &reached, sizeof(reached), "", 0);
			break;
		case 4: /* What it has said before. */
			record(US_REPLY_REACHED, 0, &reached, sizeof(reached), "", 0);
			record(US_REPLY_REACHED, 0, &reached, sizeof(reached), "", 0);
			break;
		case 5:
			record(US_REPLY_WANT, 0, &want, sizeof(want), "", 0);
			break;
		case 6:
			record(US_REPLY_DONE, 0, &done, sizeof(done), "", 0);
			break;
		case 7:
			record(US_REPLY_COMPARE, 0, &compare, sizeof(compare), "", 0);
			break;
		case 8: /* Of one that is sent in order. */
			reached.number = tokens[1];
			record(US_REPLY_REACHED, 0, &reached, sizeof(reached), "", 0);
			break;
		default:
			reached.number = 63;
			record(US_REPLY_REACHED, 0, &reached, sizeof(reached), "", 0);
			break;
		}
		if (length > 0) {
			send_frame(US_WIRE_REPLY);
		}
		expect_failure("Protocol error");
	}
	assert_int_equal(shell("rm src/big"), 0);
}

/** Who can't take ranges is offered none. */
static void test_not_offered(void **state)
{
	struct us_wire_started started = {.is_new = 1};

	(void)state;
	assert_int_equal(shell("head -c 65536 /dev/urandom >src/big"), 0);
	large_size = RANGE;
	begin(false, 20);
	large_size = 0;
	hello(US_WIRE_RECEIVER);
	add(&started, sizeof(started));
	send_frame(US_WIRE_STARTED);
	do {
		hear(US_WIRE_DATA);
		for (size_t at = 0; at < heard_length;) {
			struct us_wire_record head;

			memcpy(&head, heard + at, sizeof(head));
			assert_true(head.type != US_RECORD_FILE || (head.flags & US_FILE_RANGES) == 0);
			at += head.length;
		}
	} while (find(US_RECORD_FILE) == NULL);
	shutdown(fd, SHUT_RDWR);
	expect_failure("peer: ");
	assert_int_equal(shell("rm src/big"), 0);
}

/** How many pieces of ranges, with contents, are in what was heard. */
static unsigned int count_pieces(void)
{
	unsigned int nr = 0;

	for (size_t at = 0; at < heard_length;) {
		struct us_wire_record head;
		struct us_wire_range wire = {.length = 0};

		memcpy(&head, heard + at, sizeof(head));
		if (head.type == US_RECORD_RANGE) {
			memcpy(&wire, heard + at + sizeof(head), sizeof(wire));
		}
		nr += wire.length > 0;
		at += head.length;
	}
	return nr;
}

/** Read what comes until the stream ends.  @return how many pieces of ranges there were. */
static unsigned int hear_pieces(void)
{
	struct us_wire_head head;
	unsigned int nr = 0;

	while (recv(fd, &head, sizeof(head), MSG_WAITALL) == sizeof(head)) {
		assert_in_range(head.length, 0, sizeof(heard));
		heard_length = 0;
		if (head.length > 0) {
			assert_int_equal(recv(fd, heard, head.length, MSG_WAITALL), head.length);
		}
		if (head.type == US_WIRE_DATA) {
			heard_length = head.length;
			nr += count_pieces();
		}
	}
	return nr;
}

/**
 * While --bwlimit holds a sender back it hears what is said to it: the next piece, four seconds later, is not sent any
 * more.
 */
static void test_paced_sender(void **state)
{
	struct us_wire_abort wire = {.error = -EIO};
	uint32_t tokens[2] = {0, 0};
	bool was_late;

	(void)state;
	assert_int_equal(shell("head -c 65536 /dev/urandom >src/big"), 0);
	do {
		struct us_wire_want want = {.number = 7};
		uint64_t since;
		unsigned int nr;

		max_rate = USYNC_RATE_MIN;
		begin_receiving(tokens);
		max_rate = 0;
		want.token = tokens[0];
		record(US_REPLY_WANT, 0, &want, sizeof(want), "", 0);
		send_frame(US_WIRE_REPLY);
		do {
			hear(US_WIRE_DATA);
			nr = count_pieces();
		} while (nr == 0);
		since = us_clock_ns();
		add(&wire, sizeof(wire));
		send_frame(US_WIRE_ABORT);
		was_late = us_clock_ns() - since > UINT64_C(1000000000);
		shutdown(fd, SHUT_WR);
		nr += hear_pieces();
		expect_failure("the other side stopped");
		assert_true(was_late || nr == 1);
	} while (was_late);
	assert_int_equal(shell("rm src/big"), 0);
}

/** A receiver that is held back says what it has, before it writes what comes next. */
static void test_paced_receiver(void **state)
{
	struct us_wire_range reached;
	const void *fixed;
	uint32_t number;

	(void)state;
	max_rate = USYNC_RATE_MIN;
	number = begin_shared();
	max_rate = 0;
	range(number, US_RANGE_LAST, 0, RANGE);
	range(number, US_RANGE_LAST, RANGE, RANGE);
	send_frame(US_WIRE_DATA);
	do {
		hear(US_WIRE_REPLY);
		fixed = find(US_REPLY_REACHED);
	} while (fixed == NULL);
	memcpy(&reached, fixed, sizeof(reached));
	assert_int_equal(reached.offset, RANGE);
	do {
		hear(US_WIRE_REPLY);
		fixed = find(US_REPLY_REACHED);
	} while (fixed == NULL);
	memcpy(&reached, fixed, sizeof(reached));
	assert_int_equal(reached.offset, 2 * RANGE);
	shutdown(fd, SHUT_WR);
	expect_failure("closed by the other side");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ranges),      cmocka_unit_test(test_ends),  cmocka_unit_test(test_files),
		cmocka_unit_test(test_malformed),   cmocka_unit_test(test_limit), cmocka_unit_test(test_receiver),
		cmocka_unit_test(test_connections), cmocka_unit_test(test_not_offered), cmocka_unit_test(test_paced_sender),
		cmocka_unit_test(test_paced_receiver),
	};

	return cmocka_run_group_tests(tests, setup, scratch_remove);
}
