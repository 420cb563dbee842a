/* SPDX-License-Identifier: MIT */
/*
 * churn: change the files of a tree without pause while something else copies it.
 *
 *	churn -m DIR			make the tree
 *	churn [-k KINDS] [-b BAIT] DIR	change it until SIGTERM; then print how many changes that were
 *	churn -c [-z] DIR		check a copy of it: exit 1 where a byte is wrong
 *
 * DIR holds directories d0, d1, ... with files f0, f1, ... (-n, -f, -s: how many of each, and how large).
 * A file's bytes are all one letter, which follows from its name: a copy that holds any other byte has mixed
 * files up or made bytes up.  KINDS is a set of: s shrink, g grow, u unlink, l replace by a link to BAIT,
 * p replace by a FIFO, d replace by a directory, r replace by another regular file, t rename away and back.
 */
#include "tool.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIRS_MAX 64

/** The tree and what is done to it. */
static struct {
	int dirs[DIRS_MAX];
	unsigned int nr_dirs;
	unsigned int nr_files;
	size_t size;
	const char *kinds;
	const char *bait;
	bool allow_zeros; /**< -z: the rest of a page that was cut may be zeros. */
} tree = {.kinds = "sgulpdrt", .bait = "/no/such/bait"};

static volatile sig_atomic_t stop;

/** SIGTERM: leave the loop. */
static void on_term(int signal)
{
	(void)signal;
	stop = 1;
}

/** A random number below LIMIT. */
static unsigned int pick(unsigned int limit)
{
	static uint64_t state = 88172645463325252u;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned int)(state >> 33) % limit;
}

/** Append SIZE bytes of the file's letter, or make the file with them. */
static void fill(int dir, const char *name, unsigned int number, size_t size, int flags)
{
	char buffer[65536];
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | flags, 0644);

	memset(buffer, 'A' + (int)(number % 26), sizeof(buffer));
	while (fd >= 0 && size > 0) {
		size_t n = size < sizeof(buffer) ? size : sizeof(buffer);

		if (write(fd, buffer, n) != (ssize_t)n) {
			die("write");
		}
		size -= n;
	}
	if (fd >= 0) {
		close(fd);
	}
}

/** Take away whatever has this name. */
static void clear(int dir, const char *name)
{
	if (unlinkat(dir, name, 0) < 0 && errno == EISDIR) {
		unlinkat(dir, name, AT_REMOVEDIR);
	}
}

/** Cut a regular file in half. */
static void shrink(int dir, const char *name)
{
	int fd = openat(dir, name, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd < 0) {
		return;
	}
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && ftruncate(fd, st.st_size / 2) < 0) {
		die("ftruncate");
	}
	close(fd);
}

/** One change to one file. */
static void change(void)
{
	unsigned int number = pick(tree.nr_files);
	int dir = tree.dirs[pick(tree.nr_dirs)];
	char name[32];

	snprintf(name, sizeof(name), "f%u", number);
	switch (tree.kinds[pick((unsigned int)strlen(tree.kinds))]) {
	case 's': shrink(dir, name); return;
	case 'g': fill(dir, name, number, tree.size / 4, O_APPEND); return;
	case 't':
		renameat(dir, name, dir, "away");
		renameat(dir, "away", dir, name);
		return;
	case 'u': clear(dir, name); break;
	case 'l': clear(dir, name); symlinkat(tree.bait, dir, name); break;
	case 'p': clear(dir, name); mkfifoat(dir, name, 0644); break;
	case 'd': clear(dir, name); mkdirat(dir, name, 0755); break;
	case 'r': break;
	default: die("kinds are s g u l p d r t");
	}
	/* Half of the time the odd state stays until this name's turn comes again. */
	if (pick(2) == 0) {
		clear(dir, name);
		fill(dir, name, number, tree.size, O_TRUNC);
	}
}

/** What truncate(2) clears at once. */
#define PAGE 4096

/**
 * True when the file holds nothing but its own bytes.  A read(2) that meets a truncate(2) may get zeros for the rest of
 * the page that was cut: such a file must have been reported as changing; what goes beyond one page was made up.  What
 * is no regular file is not looked at.
 */
static bool is_right(int dir, const char *name, unsigned int number)
{
	char buffer[65536];
	off_t offset = 0;
	off_t zeros = -1; /* Where the zeros at hand begin. */
	int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	bool right = true;
	ssize_t n;

	while (fd >= 0 && right && (n = read(fd, buffer, sizeof(buffer))) > 0) {
		for (ssize_t i = 0; i < n && right; i++) {
			if (buffer[i] != 0) {
				zeros = -1;
			} else if (zeros < 0) {
				zeros = offset;
			}
			right = buffer[i] == 0 ? tree.allow_zeros && zeros / PAGE == offset / PAGE
			                       : buffer[i] == 'A' + (int)(number % 26);
			offset++;
		}
	}
	if (fd >= 0) {
		close(fd);
	}
	return right;
}

/** Check all files of a copy. */
static int check(void)
{
	int result = 0;

	for (unsigned int i = 0; i < tree.nr_dirs; i++) {
		for (unsigned int j = 0; j < tree.nr_files; j++) {
			char name[32];

			snprintf(name, sizeof(name), "f%u", j);
			if (!is_right(tree.dirs[i], name, j)) {
				printf("d%u/%s holds a wrong byte\n", i, name);
				result = 1;
			}
		}
	}
	return result;
}

/** Open, and where MAKE is set create, the directories and files. */
static void tree_open(const char *root, bool make)
{
	if (make) {
		must(mkdir(root, 0755), root);
	}
	for (unsigned int i = 0; i < tree.nr_dirs; i++) {
		char path[4096];

		snprintf(path, sizeof(path), "%s/d%u", root, i);
		if (make) {
			must(mkdir(path, 0755), path);
		}
		tree.dirs[i] = must(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), path);
		for (unsigned int j = 0; make && j < tree.nr_files; j++) {
			char name[32];

			snprintf(name, sizeof(name), "f%u", j);
			fill(tree.dirs[i], name, j, tree.size, O_EXCL);
		}
	}
}

int main(int argc, char **argv)
{
	struct sigaction action = {.sa_handler = on_term};
	unsigned long changes = 0;
	bool make = false;
	bool only_check = false;
	int option;

	tree.nr_dirs = 8;
	tree.nr_files = 100;
	tree.size = 20000;
	while ((option = getopt(argc, argv, "mczn:f:s:k:b:")) != -1) {
		switch (option) {
		case 'm': make = true; break;
		case 'c': only_check = true; break;
		case 'z': tree.allow_zeros = true; break;
		case 'n': tree.nr_dirs = (unsigned int)atoi(optarg); break;
		case 'f': tree.nr_files = (unsigned int)atoi(optarg); break;
		case 's': tree.size = (size_t)atol(optarg); break;
		case 'k': tree.kinds = optarg; break;
		case 'b': tree.bait = optarg; break;
		default: return TOOL_TROUBLE;
		}
	}
	if (argc - optind != 1 || tree.nr_dirs < 1 || tree.nr_dirs > DIRS_MAX || tree.nr_files < 1) {
		die("usage: churn [-m | -c [-z]] [-n DIRS] [-f FILES] [-s SIZE] [-k KINDS] [-b BAIT] DIR");
	}
	tree_open(argv[optind], make);
	if (make || only_check) {
		return only_check ? check() : 0;
	}
	must(sigaction(SIGTERM, &action, NULL), "sigaction");
	while (!stop) {
		change();
		changes++;
	}
	printf("%lu\n", changes);
	return 0;
}
