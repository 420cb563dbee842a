/* SPDX-License-Identifier: MIT */
/*
 * Do linked chains pay?  Reads every file of one directory, up to DEPTH at a time, in one of these ways:
 *
 *	plain     openat(2), ring read, close(2)                    what inline mode does
 *	steps     ring openat, then ring read, then ring close      what async mode does
 *	linked    ring openat into a fixed slot -> read -> close, as one chain
 *
 *	linked plain|steps|linked DEPTH DIRECTORY
 *
 * Prints files, bytes and seconds.  Cold or warm cache is the caller's business.
 */
#include <dirent.h>
#include <fcntl.h>
#include <liburing.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/** The largest file that is read whole. */
#define BUF_SIZE 65536u

/** Which call of a file's an op is; kept in the low bits of its user data. */
enum step {
	OPEN,
	READ,
	CLOSE,
};

/** One file in flight. */
struct slot {
	const char *name;
	char *buf;
	int fd;
};

struct name {
	unsigned long ino;
	char *text;
};

static struct io_uring ring;
static struct slot *slots;
static unsigned int *idle; /* slots that are free */
static unsigned int nr_idle;
static int dirfd_;
static unsigned long long total;

/** Order of names by inode number. */
static int compare(const void *left, const void *right)
{
	const struct name *a = left;
	const struct name *b = right;

	return (a->ino > b->ino) - (a->ino < b->ino);
}

/** List PATH in inode order. */
static size_t list(const char *path, struct name **names)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	size_t nr = 0;
	size_t max = 0;

	if (dir == NULL) {
		perror(path);
		exit(1);
	}
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_type != DT_REG) {
			continue;
		}
		if (nr == max) {
			max = max > 0 ? max * 2 : 1024;
			*names = reallocarray(*names, max, sizeof(**names));
		}
		(*names)[nr].ino = entry->d_ino;
		(*names)[nr++].text = strdup(entry->d_name);
	}
	closedir(dir);
	qsort(*names, nr, sizeof(**names), compare);
	return nr;
}

/** Queue one op of slot I. */
static struct io_uring_sqe *queue(unsigned int i, enum step step)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);

	if (sqe == NULL) {
		fprintf(stderr, "submission queue full\n");
		exit(1);
	}
	switch (step) {
	case OPEN:
		io_uring_prep_openat(sqe, dirfd_, slots[i].name, O_RDONLY, 0);
		break;
	case READ:
		io_uring_prep_read(sqe, slots[i].fd, slots[i].buf, BUF_SIZE, 0);
		break;
	case CLOSE:
		io_uring_prep_close(sqe, slots[i].fd);
		break;
	}
	io_uring_sqe_set_data64(sqe, (unsigned long long)i << 2 | step);
	return sqe;
}

/** Queue the whole chain of slot I on fixed slot I. */
static void queue_chain(unsigned int i)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);

	io_uring_prep_openat_direct(sqe, dirfd_, slots[i].name, O_RDONLY, 0, i);
	sqe->flags |= IOSQE_IO_LINK;
	io_uring_sqe_set_data64(sqe, (unsigned long long)i << 2 | OPEN);
	sqe = io_uring_get_sqe(&ring);
	io_uring_prep_read(sqe, (int)i, slots[i].buf, BUF_SIZE, 0);
	sqe->flags |= IOSQE_FIXED_FILE | IOSQE_IO_HARDLINK; /* a short read is no failure here */
	io_uring_sqe_set_data64(sqe, (unsigned long long)i << 2 | READ);
	sqe = io_uring_get_sqe(&ring);
	io_uring_prep_close_direct(sqe, i);
	io_uring_sqe_set_data64(sqe, (unsigned long long)i << 2 | CLOSE);
}

/** Begin NAME in a free slot. */
static void begin(const char *mode, const char *name)
{
	unsigned int i = idle[--nr_idle];

	slots[i].name = name;
	if (strcmp(mode, "plain") == 0) {
		slots[i].fd = openat(dirfd_, name, O_RDONLY);
		queue(i, READ);
	} else if (strcmp(mode, "steps") == 0) {
		queue(i, OPEN);
	} else {
		queue_chain(i);
	}
}

/** Go on with what CQE tells of. */
static void advance(const char *mode, const struct io_uring_cqe *cqe)
{
	unsigned int i = (unsigned int)(cqe->user_data >> 2);
	enum step step = cqe->user_data & 3;
	bool linked = strcmp(mode, "linked") == 0;

	if (cqe->res < 0) {
		fprintf(stderr, "%s: step %d: %s\n", slots[i].name, (int)step, strerror(-cqe->res));
		exit(1);
	}
	if (step == READ) {
		total += (unsigned long long)cqe->res;
	}
	if (step == OPEN && !linked) {
		slots[i].fd = cqe->res;
		queue(i, READ);
	} else if (step == READ && strcmp(mode, "steps") == 0) {
		queue(i, CLOSE);
	} else if (step == READ && !linked) {
		close(slots[i].fd);
		idle[nr_idle++] = i;
	} else if (step == CLOSE) {
		idle[nr_idle++] = i;
	}
}

/** Read them all. */
static void run(const char *mode, unsigned int depth, const struct name *names, size_t nr)
{
	size_t next = 0;

	while (next < nr || nr_idle < depth) {
		struct io_uring_cqe *cqe;
		unsigned int head;
		unsigned int seen = 0;

		while (next < nr && nr_idle > 0) {
			begin(mode, names[next++].text);
		}
		io_uring_submit_and_wait(&ring, 1);
		io_uring_for_each_cqe(&ring, head, cqe) {
			advance(mode, cqe);
			seen++;
		}
		io_uring_cq_advance(&ring, seen);
	}
}

int main(int argc, char **argv)
{
	struct name *names = NULL;
	struct timespec start;
	struct timespec end;
	unsigned int depth;
	size_t nr;

	if (argc != 4 || (depth = (unsigned int)atoi(argv[2])) == 0) {
		fprintf(stderr, "usage: linked plain|steps|linked DEPTH DIRECTORY\n");
		return 2;
	}
	clock_gettime(CLOCK_MONOTONIC, &start);
	nr = list(argv[3], &names);
	dirfd_ = open(argv[3], O_RDONLY | O_DIRECTORY);
	slots = calloc(depth, sizeof(*slots));
	idle = calloc(depth, sizeof(*idle));
	for (unsigned int i = 0; i < depth; i++) {
		slots[i].buf = malloc(BUF_SIZE);
		idle[nr_idle++] = i;
	}
	if (io_uring_queue_init(depth * 3, &ring,
	                        IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN) < 0 ||
	    io_uring_register_files_sparse(&ring, depth) < 0) {
		perror("io_uring");
		return 1;
	}
	run(argv[1], depth, names, nr);
	clock_gettime(CLOCK_MONOTONIC, &end);
	printf("%zu files, %llu bytes, %.3f s\n", nr, total,
	       (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) / 1e9);
	return 0;
}
