/* SPDX-License-Identifier: MIT */
/*
 * Write seeds for the targets receiver and sender: what the two sides of real transfers say to each other.
 *
 *	build/fuzz/tests/fuzz/record tests/fuzz/corpus		after a change to the protocol
 *	build/fuzz/tests/fuzz/record --checked DIR		for now: those must succeed when they are played
 */
#include "base/us.h"
#include "fuzz.h"
#include "net/conn_layer.h"
#include "scene.h"
#include "script.h"

#include <pthread.h>
#include <sys/socket.h>

/** What the two are called on the command line of a transfer: their configurations. */
struct take {
	const char *name;
	uint8_t sender[2];
	uint8_t receiver[2];
	bool always; /**< What is said is the same each time, and all goes well. */
};

#define CONNS(nr) (((nr) - 1) << SCENE_CONNS_SHIFT)

static const struct take takes[] = {
	{"new", {SCENE_ARCHIVE}, {SCENE_TRUST}, true},
	{"sums", {SCENE_ARCHIVE | SCENE_VERIFY | SCENE_REPORT}, {0}, true},
	{"again", {SCENE_ARCHIVE | SCENE_REPORT}, {SCENE_EXISTING}, true},
	{"compare", {SCENE_CONTENTS}, {SCENE_EXISTING}, true},
	{"delete", {SCENE_DELETE | SCENE_ARCHIVE | SCENE_REPORT}, {SCENE_EXISTING}, true},
	{"backup", {SCENE_DELETE | SCENE_BACKUP}, {SCENE_EXISTING | SCENE_TEMP_DIR}, true},
	{"dry", {SCENE_DELETE | SCENE_DRY | SCENE_REPORT}, {SCENE_EXISTING}, true},
	{"journal", {SCENE_ARCHIVE}, {SCENE_EXISTING | SCENE_JOURNAL}, true},
	{"packed", {SCENE_COMPRESS}, {0}, true},
	{"file", {0, SCENE_FILE}, {SCENE_EXISTING | SCENE_ONE}, true},
	{"two", {SCENE_ARCHIVE, SCENE_TWO | SCENE_UPDATE}, {SCENE_EXISTING}, true},
	{"many", {SCENE_ARCHIVE | SCENE_DELETE, CONNS(3)}, {SCENE_EXISTING, CONNS(3)}, false},
	{"sparse", {0, SCENE_SPARSE}, {SCENE_RECV_VERIFY}, true},
	{"refused", {SCENE_DELETE}, {SCENE_EXISTING | SCENE_ORDERED}, false},
};

/** What one side hears. */
struct tape {
	uint8_t bytes[4 << 20];
	size_t size;
	pthread_mutex_t lock;
};

/** One connection of it: bytes of a frame that is not complete. */
struct reel {
	struct tape *tape;
	unsigned int index;
	size_t size;
	uint8_t bytes[4 << 20];
};

static struct tape tapes[2];
static bool is_checked;

/** Put complete frames on the tape. */
static void cut(struct reel *reel)
{
	size_t at = 0;
	struct us_wire_head head;

	while (reel->size - at >= sizeof(head)) {
		memcpy(&head, reel->bytes + at, sizeof(head));
		if (reel->size - at - sizeof(head) < head.length) {
			break;
		}
		pthread_mutex_lock(&reel->tape->lock);
		fuzz_check(reel->tape->size + sizeof(head) + head.length <= sizeof(reel->tape->bytes));
		head.zero = (uint16_t)(reel->index << SCRIPT_CONN_SHIFT);
		head.sum = 0;
		memcpy(reel->tape->bytes + reel->tape->size, &head, sizeof(head));
		memcpy(reel->tape->bytes + reel->tape->size + sizeof(head), reel->bytes + at + sizeof(head), head.length);
		reel->tape->size += sizeof(head) + head.length;
		pthread_mutex_unlock(&reel->tape->lock);
		at += sizeof(head) + head.length;
	}
	memmove(reel->bytes, reel->bytes + at, reel->size - at);
	reel->size -= at;
}

/** See us_conn_layer. */
static int tape_read(void *state, struct us_conn *conn, void *buf, size_t size)
{
	struct reel *reel = state;
	int ret = us_conn_raw_read(conn, buf, size);

	if (ret > 0) {
		fuzz_check(reel->size + (size_t)ret <= sizeof(reel->bytes));
		memcpy(reel->bytes + reel->size, buf, (size_t)ret);
		reel->size += (size_t)ret;
		cut(reel);
	}
	return ret;
}

/** See us_conn_layer. */
static int tape_write(void *state, struct us_conn *conn, const struct iovec *iov, int nr)
{
	(void)state;
	return us_conn_raw_write(conn, iov, nr);
}

static const struct us_conn_layer layer = {.read = tape_read, .write = tape_write, .free = free};

/** A connection of PEER whose reads are written down. */
static void connect_one(struct usync_peer *peer, unsigned int index, int fd, struct tape *tape)
{
	struct reel *reel = calloc(1, sizeof(*reel));

	fuzz_check(reel != NULL);
	reel->tape = tape;
	reel->index = index;
	fuzz_check(us_conn_socket(&peer->conns[index], fd, NULL, "peer") == 0);
	us_conn_set_layer(peer->conns[index], &layer, reel);
	peer->conns[index]->plain_send = false;
	peer->conns[index]->plain_recv = false;
}

/** A job's thread. */
static void *run(void *job)
{
	(void)usync_job_run(job);
	return NULL;
}

/** Write a tape down as a seed of TARGET. */
static void write_seed(const char *corpus, const char *target, const struct take *take, const uint8_t config[2], const struct tape *tape)
{
	uint8_t head[SCRIPT_CONFIG] = {config[0], config[1], [SCRIPT_CONFIG - 1] = is_checked && take->always ? SCRIPT_RECORDED : 0};
	char path[512];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s/%s", corpus, target, take->name);
	file = fopen(path, "w");
	fuzz_check(file != NULL);
	fuzz_check(fwrite(head, 1, sizeof(head), file) == sizeof(head));
	fuzz_check(fwrite(tape->bytes, 1, tape->size, file) == tape->size);
	fuzz_check(fclose(file) == 0);
}

/** Make one transfer, and its seeds. */
static void record(const char *corpus, const struct take *take)
{
	struct usync_peer *peers[2];
	struct usync_job *jobs[2];
	pthread_t threads[2];
	unsigned int nr = scene_conns(take->sender);

	scene_begin(take->receiver);
	for (unsigned int side = 0; side < 2; side++) {
		tapes[side].size = 0;
		fuzz_check(us_peer_new(&peers[side], side == 1, "peer", UINT64_C(20000000000)) == 0);
		peers[side]->nr = nr;
	}
	for (unsigned int i = 0; i < nr; i++) {
		int fds[2];

		fuzz_check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
		connect_one(peers[0], i, fds[0], &tapes[0]);
		connect_one(peers[1], i, fds[1], &tapes[1]);
	}
	jobs[0] = scene_send(take->sender, peers[0]);
	jobs[1] = scene_receive(take->receiver, peers[1]);
	for (unsigned int side = 0; side < 2; side++) {
		fuzz_check(pthread_create(&threads[side], NULL, run, jobs[side]) == 0);
	}
	for (unsigned int side = 0; side < 2; side++) {
		pthread_join(threads[side], NULL);
		printf("%s: %s: %s\n", take->name, side == 0 ? "sender" : "receiver", usync_job_error(jobs[side]));
	}
	for (unsigned int side = 0; side < 2; side++) {
		usync_job_free(jobs[side]);
		usync_peer_free(peers[side]);
	}
	write_seed(corpus, "sender", take, take->sender, &tapes[0]);
	write_seed(corpus, "receiver", take, take->receiver, &tapes[1]);
	scene_end();
}

int main(int argc, char **argv)
{
	is_checked = argc == 3 && strcmp(argv[1], "--checked") == 0;
	fuzz_check(argc == (is_checked ? 3 : 2));
	scene_open();
	for (unsigned int side = 0; side < 2; side++) {
		pthread_mutex_init(&tapes[side].lock, NULL);
	}
	for (size_t i = 0; i < us_array_size(takes); i++) {
		record(argv[argc - 1], &takes[i]);
	}
	return 0;
}
