/* SPDX-License-Identifier: MIT */
/*
 * Which way of copying large files pays?  Copies every file of one directory into another, cut into ranges that
 * threads take in turn, in one of these ways:
 *
 *	rw        pread, pwrite through the page cache
 *	dontcache the same with RWF_DONTCACHE (Linux 6.14)
 *	dr-bw     direct reads on a ring, buffered pwrite
 *	dr-dc     the same, pwrite with RWF_DONTCACHE
 *	dr-dw     direct reads and direct writes on a ring
 *	fixed     dr-dw with registered buffers and registered files
 *	sqpoll    dr-dw with IORING_SETUP_SQPOLL
 *	splice    splice through a pipe
 *	linked    the same on a ring: each splice into the pipe is linked to the one out of it
 *	cfr       copy_file_range
 *
 *	ranges [-t THREADS] [-r REQUEST_KIB] [-d REQUESTS_A_THREAD] [-g RANGE_KIB] [-a] WAY FROM TO
 *
 * With -a blocks are reserved first (fallocate).  Prints bytes and seconds, user and system time.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#ifndef RWF_DONTCACHE
#define RWF_DONTCACHE 0x00000080
#endif

#define FILES_MAX 256u

enum way {
	RW,
	DONTCACHE,
	DR_BW,
	DR_DC,
	DR_DW,
	FIXED,
	SQPOLL,
	SPLICE,
	LINKED,
	CFR,
	WAYS,
};

static const char *const names[WAYS] = {"rw",    "dontcache", "dr-bw",  "dr-dc",  "dr-dw",
                                        "fixed", "sqpoll",    "splice", "linked", "cfr"};

/** One file, open on both sides. */
struct pair {
	int in;
	int out;
	off_t size;
	off_t first; /* Number of its first range. */
};

/** One request in flight. */
struct slot {
	char *buf;
	unsigned int index;
	const struct pair *pair;
	off_t offset;
	off_t end; /* Of the range. */
	bool writing;
};

static struct pair pairs[FILES_MAX];
static unsigned int nr_pairs;
static off_t nr_ranges;
static atomic_llong next_range;
static enum way way = DR_DW;
static unsigned int nr_threads = 2;
static unsigned int depth = 4;
static size_t request = 1u << 20;
static off_t range = 32 << 20;
static bool reserve;

/** Give up. */
static void die(const char *what, int error)
{
	fprintf(stderr, "ranges: %s: %s\n", what, strerror(error));
	exit(1);
}

/** Take the next range. */
static bool take(const struct pair **pair, off_t *offset, off_t *end)
{
	off_t n = (off_t)atomic_fetch_add(&next_range, 1);
	unsigned int i = nr_pairs;

	if (n >= nr_ranges) {
		return false;
	}
	while (pairs[--i].first > n) {
	}
	*pair = &pairs[i];
	*offset = (n - pairs[i].first) * range;
	*end = *offset + range < pairs[i].size ? *offset + range : pairs[i].size;
	return true;
}

/** Copy one range with plain calls. */
static void copy_plain(const struct pair *pair, off_t offset, off_t end, char *buf, const int pipe_fds[2])
{
	while (offset < end) {
		size_t len = (size_t)(end - offset) < request ? (size_t)(end - offset) : request;
		struct iovec iov = {buf, len};
		loff_t in = offset;
		loff_t out = offset;
		ssize_t got;
		ssize_t put = 0;

		if (way == CFR) {
			got = put = copy_file_range(pair->in, &in, pair->out, &out, len, 0);
		} else if (way == SPLICE) {
			got = splice(pair->in, &in, pipe_fds[1], NULL, len, SPLICE_F_MOVE);
			while (put < got) {
				ssize_t n =
					splice(pipe_fds[0], NULL, pair->out, &out, (size_t)(got - put), SPLICE_F_MOVE);

				if (n <= 0) {
					die("splice out", errno);
				}
				put += n;
			}
		} else {
			int flags = way == DONTCACHE ? RWF_DONTCACHE : 0;

			got = preadv2(pair->in, &iov, 1, offset, flags);
			iov.iov_len = got > 0 ? (size_t)got : 0;
			put = got > 0 ? pwritev2(pair->out, &iov, 1, offset, flags) : got;
		}
		if (got <= 0 || put != got) {
			die("copy", errno);
		}
		offset += got;
	}
}

/** Queue SLOT's next call. */
static void queue(struct io_uring *ring, struct slot *slot)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
	unsigned int len =
		(unsigned int)((size_t)(slot->end - slot->offset) < request ? (size_t)(slot->end - slot->offset)
	                                                                    : request);
	int file = (int)(slot->pair - pairs) * 2;

	if (way == FIXED) {
		if (slot->writing) {
			io_uring_prep_write_fixed(sqe, file + 1, slot->buf, len, (unsigned long long)slot->offset,
			                          (int)slot->index);
		} else {
			io_uring_prep_read_fixed(sqe, file, slot->buf, len, (unsigned long long)slot->offset,
			                         (int)slot->index);
		}
		sqe->flags |= IOSQE_FIXED_FILE;
	} else if (slot->writing) {
		io_uring_prep_write(sqe, slot->pair->out, slot->buf, len, (unsigned long long)slot->offset);
	} else {
		io_uring_prep_read(sqe, slot->pair->in, slot->buf, len, (unsigned long long)slot->offset);
	}
	io_uring_sqe_set_data(sqe, slot);
}

/** Begin SLOT's next piece of the thread's range. @return false when there is none. */
static bool advance(struct slot *slot, const struct pair **pair, off_t *offset, off_t *end)
{
	if (*offset >= *end && !take(pair, offset, end)) {
		return false;
	}
	slot->pair = *pair;
	slot->offset = *offset;
	slot->end = *offset + (off_t)request < *end ? *offset + (off_t)request : *end;
	slot->writing = false;
	*offset = slot->end;
	return true;
}

/** One thread, with a ring. */
static void run_ring(char *memory)
{
	struct io_uring ring;
	struct io_uring_params params = {
		.flags = way == SQPOLL ? IORING_SETUP_SQPOLL : IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN};
	struct slot *slots = calloc(depth, sizeof(*slots));
	struct iovec *iovs = calloc(depth, sizeof(*iovs));
	int fds[FILES_MAX * 2];
	const struct pair *pair = NULL;
	off_t offset = 0;
	off_t end = 0;
	unsigned int in_flight = 0;
	int ret = io_uring_queue_init_params(depth * 2, &ring, &params);

	if (ret < 0) {
		die("ring", -ret);
	}
	for (unsigned int i = 0; i < depth; i++) {
		slots[i].buf = memory + i * request;
		slots[i].index = i;
		iovs[i] = (struct iovec){slots[i].buf, request};
	}
	for (unsigned int i = 0; i < nr_pairs; i++) {
		fds[i * 2] = pairs[i].in;
		fds[i * 2 + 1] = pairs[i].out;
	}
	if (way == FIXED && ((ret = io_uring_register_buffers(&ring, iovs, depth)) < 0 ||
	                     (ret = io_uring_register_files(&ring, fds, nr_pairs * 2)) < 0)) {
		die("register", -ret);
	}
	for (unsigned int i = 0; i < depth && advance(&slots[i], &pair, &offset, &end); i++) {
		queue(&ring, &slots[i]);
		in_flight++;
	}
	while (in_flight > 0) {
		struct io_uring_cqe *cqe;

		ret = io_uring_submit_and_wait(&ring, 1);
		if (ret < 0) {
			die("submit", -ret);
		}
		while (io_uring_peek_cqe(&ring, &cqe) == 0) {
			struct slot *slot = io_uring_cqe_get_data(cqe);

			if (cqe->res != slot->end - slot->offset) {
				die(slot->writing ? "write" : "read", cqe->res < 0 ? -cqe->res : EIO);
			}
			io_uring_cqe_seen(&ring, cqe);
			if (!slot->writing && (way == DR_BW || way == DR_DC)) {
				struct iovec iov = {slot->buf, (size_t)(slot->end - slot->offset)};

				if (pwritev2(slot->pair->out, &iov, 1, slot->offset,
				             way == DR_DC ? RWF_DONTCACHE : 0) != slot->end - slot->offset) {
					die("pwrite", errno);
				}
			} else if (!slot->writing) {
				slot->writing = true;
				queue(&ring, slot);
				continue;
			}
			if (advance(slot, &pair, &offset, &end)) {
				queue(&ring, slot);
			} else {
				in_flight--;
			}
		}
	}
	io_uring_queue_exit(&ring);
	free(slots);
	free(iovs);
}

/** One thread, with a ring on which each pair of splices is linked. */
static void run_linked(void)
{
	struct io_uring ring;
	struct slot *slots = calloc(depth, sizeof(*slots));
	int (*pipes)[2] = calloc(depth, sizeof(*pipes));
	const struct pair *pair = NULL;
	off_t offset = 0;
	off_t end = 0;
	unsigned int in_flight = 0;
	bool more = true;
	int ret = io_uring_queue_init(depth * 2, &ring, IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);

	if (ret < 0) {
		die("ring", -ret);
	}
	for (unsigned int i = 0; i < depth; i++) {
		slots[i].index = i;
		if (pipe(pipes[i]) < 0 || fcntl(pipes[i][1], F_SETPIPE_SZ, request) < 0) {
			die("pipe", errno);
		}
	}
	for (unsigned int i = 0; more || in_flight > 0;) {
		struct io_uring_cqe *cqe;
		struct slot *slot = in_flight < depth && i < depth ? &slots[i++] : NULL;

		if (slot == NULL) {
			ret = io_uring_submit_and_wait(&ring, 1);
			if (ret < 0 || io_uring_wait_cqe(&ring, &cqe) < 0) {
				die("submit", -ret);
			}
			slot = io_uring_cqe_get_data(cqe);
			if (cqe->res < 0 || (slot != NULL && cqe->res != slot->end - slot->offset)) {
				die("splice", cqe->res < 0 ? -cqe->res : EIO);
			}
			io_uring_cqe_seen(&ring, cqe);
			if (slot == NULL) {
				continue;
			}
			in_flight--;
		}
		more = more && advance(slot, &pair, &offset, &end);
		if (more) {
			unsigned int len = (unsigned int)(slot->end - slot->offset);
			struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);

			io_uring_prep_splice(sqe, slot->pair->in, slot->offset, pipes[slot->index][1], -1, len,
			                     SPLICE_F_MOVE);
			io_uring_sqe_set_data(sqe, NULL);
			sqe->flags |= IOSQE_IO_LINK;
			sqe = io_uring_get_sqe(&ring);
			io_uring_prep_splice(sqe, pipes[slot->index][0], -1, slot->pair->out, slot->offset, len,
			                     SPLICE_F_MOVE);
			io_uring_sqe_set_data(sqe, slot);
			in_flight++;
		}
	}
	io_uring_queue_exit(&ring);
	free(slots);
	free(pipes);
}

/** One thread. */
static void *run(void *unused)
{
	const struct pair *pair;
	int pipe_fds[2] = {-1, -1};
	off_t offset;
	off_t end;
	char *memory = aligned_alloc(4096, depth * request);

	(void)unused;
	if (way != RW && way != DONTCACHE && way != SPLICE && way != LINKED && way != CFR) {
		run_ring(memory);
	} else if (way == LINKED) {
		run_linked();
	} else {
		if (way == SPLICE && (pipe(pipe_fds) < 0 || fcntl(pipe_fds[1], F_SETPIPE_SZ, request) < 0)) {
			die("pipe", errno);
		}
		while (take(&pair, &offset, &end)) {
			copy_plain(pair, offset, end, memory, pipe_fds);
		}
	}
	free(memory);
	return NULL;
}

/** Open all files of FROM, and make them in TO. */
static void open_all(const char *from, const char *to)
{
	DIR *dir = opendir(from);
	int to_fd = open(to, O_RDONLY | O_DIRECTORY);
	struct dirent *entry;

	if (dir == NULL || to_fd < 0) {
		die("directory", errno);
	}
	while ((entry = readdir(dir)) != NULL && nr_pairs < FILES_MAX) {
		struct pair *pair = &pairs[nr_pairs];
		bool direct = way != RW && way != DONTCACHE && way != SPLICE && way != LINKED && way != CFR;
		struct stat st;

		if (entry->d_type != DT_REG) {
			continue;
		}
		pair->in = openat(dirfd(dir), entry->d_name, O_RDONLY | (direct ? O_DIRECT : 0));
		pair->out = openat(
			to_fd, entry->d_name,
			O_WRONLY | O_CREAT | O_EXCL | (direct && way != DR_BW && way != DR_DC ? O_DIRECT : 0), 0644);
		if (pair->in < 0 || pair->out < 0 || fstat(pair->in, &st) < 0) {
			die(entry->d_name, errno);
		}
		pair->size = st.st_size;
		pair->first = nr_ranges;
		nr_ranges += (st.st_size + range - 1) / range;
		if (reserve && fallocate(pair->out, 0, 0, st.st_size) < 0) {
			die("fallocate", errno);
		}
		nr_pairs++;
	}
	closedir(dir);
	close(to_fd);
}

int main(int argc, char **argv)
{
	pthread_t threads[64];
	struct timespec start;
	struct timespec stop;
	struct rusage usage;
	long long bytes = 0;
	double seconds;
	int opt;

	while ((opt = getopt(argc, argv, "t:r:d:g:a")) != -1) {
		switch (opt) {
		case 't': nr_threads = (unsigned int)atoi(optarg); break;
		case 'r': request = (size_t)atoi(optarg) << 10; break;
		case 'd': depth = (unsigned int)atoi(optarg); break;
		case 'g': range = (off_t)atoi(optarg) << 10; break;
		case 'a': reserve = true; break;
		default: return 2;
		}
	}
	if (argc - optind != 3 || nr_threads > 64) {
		fputs("usage: ranges [-t N] [-r KIB] [-d N] [-g KIB] [-a] WAY FROM TO\n", stderr);
		return 2;
	}
	for (way = 0; way < WAYS && strcmp(names[way], argv[optind]) != 0; way++) {
	}
	if (way == WAYS) {
		return 2;
	}
	clock_gettime(CLOCK_MONOTONIC, &start);
	open_all(argv[optind + 1], argv[optind + 2]);
	for (unsigned int i = 0; i < nr_threads; i++) {
		pthread_create(&threads[i], NULL, run, NULL);
	}
	for (unsigned int i = 0; i < nr_threads; i++) {
		pthread_join(threads[i], NULL);
	}
	for (unsigned int i = 0; i < nr_pairs; i++) {
		bytes += pairs[i].size;
		close(pairs[i].in);
		close(pairs[i].out);
	}
	clock_gettime(CLOCK_MONOTONIC, &stop);
	getrusage(RUSAGE_SELF, &usage);
	seconds = (double)(stop.tv_sec - start.tv_sec) + (double)(stop.tv_nsec - start.tv_nsec) / 1e9;
	printf("%s t=%u r=%zuK d=%u: %.2f s, %.0f MB/s, user %.2f sys %.2f\n", names[way], nr_threads, request >> 10,
	       depth, seconds, (double)bytes / seconds / 1e6,
	       (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec / 1e6,
	       (double)usage.ru_stime.tv_sec + (double)usage.ru_stime.tv_usec / 1e6);
	return 0;
}
