/* SPDX-License-Identifier: MIT */
#include "hostile.h"

#include "net/conn.h"
#include "net/peer.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

struct usync_job *job;
static struct usync_peer *peer;
static pthread_t thread;
static int result;
static char error[512];
int fd;
int other = -1;

unsigned int features;
unsigned int level;
unsigned int connections = 1;
uint64_t large_size;
uint32_t chunk_size;
uint64_t max_rate;

unsigned char payload[1 << 20];
size_t length;

int setup(void **state)
{
	(void)state;
	return scratch_make("mkdir src && echo one >src/f && mkdir src/d && echo two >src/d/g && mkdir out");
}

static void *run(void *arg)
{
	(void)arg;
	result = usync_job_run(job);
	return NULL;
}

bool ordered;
bool limits;
bool removes;

void begin(bool receives, unsigned int seconds)
{
	struct usync_options options = {.version = USYNC_OPTIONS_VERSION, .compress = level, .ordered = ordered, .remove = removes,
	                                .limit_delete = limits,
	                                .large_size = large_size, .chunk_size = chunk_size, .max_rate = max_rate};
	struct timeval limit = {.tv_sec = 20};
	const char *path = in_scratch(receives ? "dst" : "src");

	assert_int_equal(us_peer_new(&peer, receives, "peer", seconds * UINT64_C(1000000000)), 0);
	peer->nr = connections;
	for (unsigned int i = 0; i < connections; i++) {
		int fds[2];

		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
		assert_int_equal(us_conn_socket(&peer->conns[i], fds[0], NULL, "peer"), 0);
		*(i == 0 ? &fd : &other) = fds[1];
		setsockopt(fds[1], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
		setsockopt(fds[1], SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	}
	if (receives) {
		assert_int_equal(usync_job_new_recv(&job, &options, peer, path), 0);
	} else {
		assert_int_equal(usync_job_new_send(&job, &options, &path, 1, peer), 0);
	}
	assert_int_equal(pthread_create(&thread, NULL, run, NULL), 0);
	length = 0;
}

void expect_failure(const char *text)
{
	pthread_join(thread, NULL);
	snprintf(error, sizeof(error), "%s", usync_job_error(job));
	usync_job_free(job);
	us_peer_free(peer);
	close(fd);
	if (other >= 0) {
		close(other);
		other = -1;
	}
	if (result == 0 || strstr(error, text) == NULL) {
		print_error("result %d: %s\n", result, error);
	}
	assert_true(result < 0);
	assert_non_null(strstr(error, text));
	assert_int_equal(shell("test -z \"$(ls -A out)\" && ! find . -path ./dst -prune -o -name 'evil*' -print | grep -q . && rm -rf dst"), 0);
}

void add(const void *bytes, size_t size)
{
	memcpy(payload + length, bytes, size);
	length += size;
}

void send_flagged(unsigned int type, unsigned int flags)
{
	struct us_wire_head head = {.length = (uint32_t)length, .type = (uint8_t)type, .flags = (uint8_t)flags,
	                            .sum = XXH3_64bits(payload, length)};

	/* The other side may have hung up on what was sent before. */
	(void)!send(fd, &head, sizeof(head), MSG_NOSIGNAL);
	(void)!send(fd, payload, length, MSG_NOSIGNAL);
	length = 0;
}

void send_frame(unsigned int type)
{
	send_flagged(type, 0);
}

void hello(unsigned int role)
{
	struct us_wire_hello wire = {.magic = US_WIRE_MAGIC, .version_min = 1, .version_max = 1, .role = (uint8_t)role,
	                             .connections = connections, .tokens = 64, .features = features};

	add(&wire, sizeof(wire));
	send_frame(US_WIRE_HELLO);
}

void record(unsigned int type, unsigned int flags, const void *fixed, size_t size, const void *more, size_t more_size)
{
	struct us_wire_record head = {
		.length = (uint32_t)(sizeof(head) + size + more_size), .type = (uint8_t)type, .flags = (uint8_t)flags};

	add(&head, sizeof(head));
	add(fixed, size);
	add(more, more_size);
}

void begin_sending(void)
{
	struct us_wire_start start = {.keep = USYNC_KEEP_DEFAULT};
	struct us_wire_dir root = {.id = 1, .meta.mode = S_IFDIR | 0755};

	begin(true, 20);
	hello(US_WIRE_SENDER);
	add(&start, sizeof(start));
	record(US_RECORD_DIR, 0, &root, sizeof(root), "", 1);
	send_frame(US_WIRE_START);
}

void file(uint64_t dir, uint32_t token, const char *name, size_t size)
{
	struct us_wire_file wire = {.token = token, .dir = dir, .meta.mode = S_IFREG | 0644, .name = (uint16_t)(size - 1),
	                            .kind = US_KIND_REGULAR};

	record(US_RECORD_FILE, US_FILE_EOF, &wire, sizeof(wire), name, size);
}

void begin_one(void)
{
	struct us_wire_start start = {.keep = USYNC_KEEP_DEFAULT, .wishes = US_WISH_ENTRIES | US_WISH_ONE};
	struct us_wire_dir root = {.id = 1, .meta.mode = S_IFDIR | 0755};

	begin(true, 20);
	hello(US_WIRE_SENDER);
	add(&start, sizeof(start));
	record(US_RECORD_DIR, US_DIR_VIRTUAL, &root, sizeof(root), "", 1);
	send_frame(US_WIRE_START);
}

unsigned char heard[1 << 20];
size_t heard_length;

const struct us_wire_head *hear(unsigned int type)
{
	static struct us_wire_head head;

	do {
		assert_int_equal(recv(fd, &head, sizeof(head), MSG_WAITALL), sizeof(head));
		assert_in_range(head.length, 0, sizeof(heard));
		if (head.length > 0) {
			assert_int_equal(recv(fd, heard, head.length, MSG_WAITALL), head.length);
		}
		assert_int_equal(head.flags, 0);
		heard_length = head.length;
	} while (head.type != type);
	return &head;
}
