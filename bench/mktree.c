/* SPDX-License-Identifier: MIT */
/*
 * mktree: makes a tree of files, the same one every time for the same options.
 *
 * Files are written directory after directory in the order of their names, so that on a settled
 * file system their inodes and blocks lie in that order too.  Contents are pieces of one block of
 * pseudo-random bytes, so neither a compressing nor a deduplicating file system gets off lightly.
 *
 * With -S the files of a directory are made empty first and get their contents in a shuffled order, as
 * after a defragmentation or a restore: where the inodes lie says nothing about where the blocks do.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/** Bytes of pseudo-random data; larger files hold them again and again. */
#define NOISE_BYTES (16u << 20)
/** Standard deviation of the logarithm of a log-normal size. */
#define SIGMA  0.8
#define TWO_PI 6.283185307179586

/** What the command line asks for. */
struct plan {
	const char *root;
	uint64_t files;
	uint64_t dirs;
	uint64_t min_bytes;
	uint64_t max_bytes;
	double mean_bytes; /**< Above 0: log-normal sizes of this mean. */
	uint64_t every;    /**< Only each EVERYth file has contents. */
	bool shuffled;     /**< Files get their contents in another order than their inodes. */
	uint64_t seed;
};

/** The next number of the sequence (splitmix64). */
static uint64_t next(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

/** A number above 0 and at most 1. */
static double next_unit(uint64_t *state)
{
	return ((double)(next(state) >> 11) + 1.0) / 9007199254740992.0;
}

/** The size of the next file. */
static size_t next_size(const struct plan *plan, uint64_t *state)
{
	double bytes, gauss;

	if (plan->mean_bytes <= 0) {
		uint64_t span = plan->max_bytes - plan->min_bytes + 1;

		return (size_t)(plan->min_bytes + next(state) % span);
	}
	gauss = sqrt(-2 * log(next_unit(state))) * cos(TWO_PI * next_unit(state));
	bytes = exp(log(plan->mean_bytes) - SIGMA * SIGMA / 2 + SIGMA * gauss);
	return bytes < NOISE_BYTES ? (size_t)bytes : NOISE_BYTES;
}

/** Print what failed and end the program. */
static void fail(const char *what, const char *path)
{
	fprintf(stderr, "mktree: %s: %s: %s\n", path, what, strerror(errno));
	exit(1);
}

/** Write SIZE bytes of DATA, which has as many or NOISE_BYTES, to a file that is opened with FLAGS. */
static void write_file(int dirfd, const char *name, int flags, const char *data, size_t size)
{
	int fd = openat(dirfd, name, O_WRONLY | O_CLOEXEC | flags, 0644);

	if (fd < 0) {
		fail("open", name);
	}
	for (size_t done = 0; done < size;) {
		size_t at = size > NOISE_BYTES ? done % NOISE_BYTES : done;
		size_t left = size > NOISE_BYTES && size - done > NOISE_BYTES - at ? NOISE_BYTES - at : size - done;
		ssize_t n = write(fd, data + at, left);

		if (n <= 0) {
			fail("write", name);
		}
		done += (size_t)n;
	}
	if (close(fd) != 0) {
		fail("close", name);
	}
}

/** A file that exists and is yet to get its contents. */
struct later {
	uint64_t nr;
	const char *data;
	size_t size;
};

/** Write the contents of NR files, in a shuffled order. */
static void write_later(int dirfd, struct later *files, uint64_t nr, uint64_t *state)
{
	for (uint64_t left = nr; left > 0; left--) {
		uint64_t at = next(state) % left;
		struct later file = files[at];
		char name[32];

		files[at] = files[left - 1];
		snprintf(name, sizeof(name), "f%06" PRIu64 ".dat", file.nr);
		write_file(dirfd, name, 0, file.data, file.size);
	}
}

/** Make and open directory number DIR; where there is just one, files go straight into the root. */
static int open_dir(const struct plan *plan, int rootfd, uint64_t dir)
{
	char name[32];
	int fd;

	if (plan->dirs == 1) {
		return dup(rootfd);
	}
	snprintf(name, sizeof(name), "d%04" PRIu64, dir);
	if (mkdirat(rootfd, name, 0755) != 0) {
		fail("mkdir", name);
	}
	fd = openat(rootfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		fail("open", name);
	}
	return fd;
}

/** Make the whole tree; returns its bytes. */
static uint64_t make_tree(const struct plan *plan, const char *noise, int rootfd)
{
	uint64_t state = plan->seed, total = 0, file = 0;
	struct later *later = calloc(plan->files / plan->dirs + 1, sizeof(*later));

	if (!later) {
		fail("calloc", "list");
	}
	for (uint64_t dir = 0; dir < plan->dirs; dir++) {
		int dirfd = open_dir(plan, rootfd, dir);
		uint64_t last = plan->files * (dir + 1) / plan->dirs, nr = 0;

		for (; file < last; file++, nr++) {
			size_t size = file % plan->every == 0 ? next_size(plan, &state) : 0;
			size_t at =
				(size_t)(next(&state) % (NOISE_BYTES - (size < NOISE_BYTES ? size : NOISE_BYTES) + 1));
			char name[32];

			snprintf(name, sizeof(name), "f%06" PRIu64 ".dat", nr);
			write_file(dirfd, name, O_CREAT | O_EXCL, noise + at, plan->shuffled ? 0 : size);
			later[nr] = (struct later){nr, noise + at, size};
			total += size;
		}
		if (plan->shuffled) {
			write_later(dirfd, later, nr, &state);
		}
		close(dirfd);
	}
	free(later);
	return total;
}

/** Read a whole number from TEXT, which it must fill up to one of ENDS. */
static uint64_t number(const char *text, const char *ends, char **end)
{
	char *stop;
	uint64_t value;

	errno = 0;
	value = strtoull(text, &stop, 10);
	if (errno || stop == text || !strchr(ends, *stop)) {
		fprintf(stderr, "mktree: %s: not a valid number here\n", text);
		exit(2);
	}
	if (end) {
		*end = stop;
	}
	return value;
}

/** Say how the program is used, and end it. */
static void usage(void)
{
	fputs("Usage: mktree [OPTION]... FILES ROOT\n"
	      "  -d DIRS     spread the files over DIRS directories (default 1: none but ROOT)\n"
	      "  -s MIN-MAX  sizes in bytes, evenly spread (default 4096-4096)\n"
	      "  -l MEAN     sizes log-normal with this mean instead\n"
	      "  -e N        only each Nth file has contents, the others are empty (default 1)\n"
	      "  -S          make the files of a directory first, then write their contents in a shuffled order\n"
	      "  -r SEED     where the pseudo-random sequence starts (default 1)\n",
	      stderr);
	exit(2);
}

/** Fill PLAN from the command line. */
static void parse(struct plan *plan, int argc, char **argv)
{
	int opt;
	char *end;

	while ((opt = getopt(argc, argv, "d:s:l:e:r:S")) != -1) {
		switch (opt) {
		case 'd':
			plan->dirs = number(optarg, "", NULL);
			break;
		case 's':
			plan->min_bytes = number(optarg, "-", &end);
			plan->max_bytes = *end ? number(end + 1, "", NULL) : plan->min_bytes;
			break;
		case 'l':
			plan->mean_bytes = (double)number(optarg, "", NULL);
			break;
		case 'e':
			plan->every = number(optarg, "", NULL);
			break;
		case 'S':
			plan->shuffled = true;
			break;
		case 'r':
			plan->seed = number(optarg, "", NULL);
			break;
		default:
			usage();
		}
	}
	if (argc - optind != 2 || plan->dirs == 0 || plan->every == 0 ||
	    plan->min_bytes > plan->max_bytes) {
		usage();
	}
	plan->files = number(argv[optind], "", NULL);
	plan->root = argv[optind + 1];
}

int main(int argc, char **argv)
{
	struct plan plan = {
		.dirs = 1,
		.min_bytes = 4096,
		.max_bytes = 4096,
		.every = 1,
		.seed = 1,
	};
	uint64_t state, total;
	uint64_t *noise;
	int rootfd;

	parse(&plan, argc, argv);
	noise = malloc(NOISE_BYTES);
	if (!noise) {
		fail("malloc", "contents");
	}
	state = ~plan.seed;
	for (size_t i = 0; i < NOISE_BYTES / sizeof(*noise); i++) {
		noise[i] = next(&state);
	}
	if (mkdir(plan.root, 0755) != 0) {
		fail("mkdir", plan.root);
	}
	rootfd = open(plan.root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (rootfd < 0) {
		fail("open", plan.root);
	}
	total = make_tree(&plan, (const char *)noise, rootfd);
	printf("%" PRIu64 " files, %" PRIu64 " bytes\n", plan.files, total);
	close(rootfd);
	free(noise);
	return 0;
}
