/* SPDX-License-Identifier: MIT */
/*
 * mkzoo: make a tree that holds one of everything a copy has to get right.
 *
 *	mkzoo ROOT	ROOT must not exist; prints "FILES DIRECTORIES SYMLINKS BYTES"
 *
 * Everything is made relative to directory descriptors, so that paths longer than PATH_MAX can be made.
 * A directory's mode and time are set when its contents are done.
 */
#include "tool.h"

#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#define us_nr(array) (sizeof(array) / sizeof((array)[0]))

/** What was made. */
static struct {
	unsigned long long files, directories, symlinks, bytes;
} made;

/** A time that differs from entry to entry and has nanoseconds. */
static struct timespec next_time(void)
{
	static long serial;

	serial++;
	return (struct timespec){.tv_sec = 1000000000 + serial * 86399, .tv_nsec = (serial * 7919331) % 1000000000};
}

/** Give NAME in DIR a modification time. */
static void set_time(int dir, const char *name, struct timespec mtime)
{
	const struct timespec times[2] = {{.tv_sec = 1500000000}, mtime};

	must(utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW), "utimensat");
}

/** Make a file of SIZE bytes that no other file has, with MODE. */
static void make_file(int dir, const char *name, size_t size, mode_t mode)
{
	static uint32_t state = 1;
	char buffer[4096];
	int fd = must(openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600), "create");

	for (size_t done = 0; done < size;) {
		size_t n = size - done < sizeof(buffer) ? size - done : sizeof(buffer);

		for (size_t i = 0; i < n; i++) {
			state = state * 1664525 + 1013904223;
			buffer[i] = (char)(state >> 24);
		}
		if (write(fd, buffer, n) != (ssize_t)n) {
			die("write");
		}
		done += n;
	}
	must(fchmod(fd, mode), "fchmod");
	close(fd);
	set_time(dir, name, next_time());
	made.files++;
	made.bytes += size;
}

/** Make a symbolic link with a time of its own. */
static void make_link(int dir, const char *target, const char *name)
{
	must(symlinkat(target, dir, name), "symlink");
	set_time(dir, name, next_time());
	made.symlinks++;
}

/** Make a directory and open it. */
static int dir_begin(int parent, const char *name)
{
	must(mkdirat(parent, name, 0700), "mkdir");
	made.directories++;
	return must(openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC), "open of a directory");
}

/** A directory's contents are done: its mode and time. */
static void dir_end(int dir, mode_t mode)
{
	const struct timespec times[2] = {{.tv_sec = 1500000000}, next_time()};

	must(fchmod(dir, mode), "fchmod");
	must(futimens(dir, times), "futimens");
	close(dir);
}

/** Every byte that a name may hold, alone and at the end of a name, and other names that trip programs up. */
static void make_names(int root)
{
	static const char *const odd[] = {
		"-rf", "--", "-", "...", ".hidden", "..a", "a..b", " ", " lead", "trail ", "two  spaces", "new\nline",
		"tab\there", "\033[31mred", "\xff\xfe", "\xc3", "\xc3\x28", "\xf0\x9f\x92\xbe", "~", "$HOME", "*", "?",
		"a\\b", "\\n", "'", "\"", "#", "%s%n", ".uring-sync.kept", "COM1", "a:b",
	};
	int dir = dir_begin(root, "names");
	char longest[NAME_MAX + 1];

	for (unsigned int byte = 1; byte < 256; byte++) {
		char pair[3] = {'b', (char)byte, '\0'};

		if (byte != '/') {
			make_file(dir, pair, byte, 0644);
		}
	}
	for (size_t i = 0; i < us_nr(odd); i++) {
		make_file(dir, odd[i], i, 0644);
	}
	memset(longest, 'x', NAME_MAX);
	longest[NAME_MAX] = '\0';
	make_file(dir, longest, 255, 0644);
	memset(longest, 0xe9, NAME_MAX);
	dir_end(dir_begin(dir, longest), 0755);
	dir_end(dir_begin(dir, "dir\nwith\nnewlines"), 0755);
	dir_end(dir, 0755);
}

/** Sizes around a page, a pipe and a chunk. */
static void make_sizes(int root)
{
	static const size_t sizes[] = {
		0, 1, 511, 512, 4095, 4096, 4097, 8191, 65535, 65536, 65537, 262144, (1 << 20) + 3, (5 << 20) + 11,
	};
	int dir = dir_begin(root, "sizes");

	for (size_t i = 0; i < us_nr(sizes); i++) {
		char name[32];

		snprintf(name, sizeof(name), "%zu", sizes[i]);
		make_file(dir, name, sizes[i], 0644);
	}
	dir_end(dir, 0755);
}

/** Modes of files and of directories; a directory without the right to write that has contents. */
static void make_modes(int root)
{
	static const mode_t modes[] = {0400, 0404, 0444, 0500, 0600, 0640, 0644, 0666, 0700, 0755, 0777, 01644};
	static const mode_t dir_modes[] = {0500, 0555, 0700, 0711, 0750, 0777, 01777};
	int dir = dir_begin(root, "modes");
	char name[32];

	for (size_t i = 0; i < us_nr(modes); i++) {
		snprintf(name, sizeof(name), "f%04o", modes[i]);
		make_file(dir, name, 100 + i, modes[i]);
	}
	for (size_t i = 0; i < us_nr(dir_modes); i++) {
		int sub;

		snprintf(name, sizeof(name), "d%04o", dir_modes[i]);
		sub = dir_begin(dir, name);
		make_file(sub, "file", 10, 0444);
		make_link(sub, "file", "link");
		dir_end(dir_begin(sub, "below"), dir_modes[i]);
		dir_end(sub, dir_modes[i]);
	}
	dir_end(dir, 0755);
}

/** Times before 1970 and after 2038, and at the edges of a nanosecond field. */
static void make_times(int root)
{
	static const struct timespec times[] = {
		{.tv_sec = 0, .tv_nsec = 0},          {.tv_sec = 0, .tv_nsec = 1},
		{.tv_sec = -1, .tv_nsec = 999999999}, {.tv_sec = -1000000000, .tv_nsec = 5},
		{.tv_sec = 2147483647, .tv_nsec = 7}, {.tv_sec = 2147483648, .tv_nsec = 999999999},
		{.tv_sec = 4102444800, .tv_nsec = 3}, {.tv_sec = 1, .tv_nsec = 999999999},
	};
	int dir = dir_begin(root, "times");

	for (size_t i = 0; i < us_nr(times); i++) {
		char name[32];

		snprintf(name, sizeof(name), "f%zu", i);
		make_file(dir, name, i, 0644);
		set_time(dir, name, times[i]);
		name[0] = 'l';
		make_link(dir, "f0", name);
		set_time(dir, name, times[i]);
		name[0] = 'd';
		dir_end(dir_begin(dir, name), 0755);
		set_time(dir, name, times[i]);
	}
	dir_end(dir, 0755);
}

/** Links: dangling, to themselves, to directories, out of the tree, and with a target as long as they come. */
static void make_links(int root)
{
	int dir = dir_begin(root, "links");
	char target[4001];

	make_file(dir, "file", 12, 0644);
	dir_end(dir_begin(dir, "dir"), 0755);
	make_link(dir, "file", "to-file");
	make_link(dir, "dir", "to-dir");
	make_link(dir, "no/such/place", "dangling");
	make_link(dir, "loop", "loop");
	make_link(dir, "..", "up");
	make_link(dir, "../../../../../../../../../..", "far-up");
	make_link(dir, "/", "root");
	make_link(dir, "./file", "dot-slash");
	make_link(dir, "dir//", "slashes");
	make_link(dir, "new\nline\xff", "odd\ntarget");
	memset(target, 't', sizeof(target));
	target[sizeof(target) - 1] = '\0';
	/* XFS ends at 1,023 bytes, Btrfs a little under 4,000. */
	if (symlinkat(target, dir, "long") < 0) {
		target[1000] = '\0';
		must(symlinkat(target, dir, "long"), "symlink");
	}
	set_time(dir, "long", next_time());
	made.symlinks++;
	dir_end(dir, 0755);
}

/** A chain of DEPTH directories with names of NAME_LENGTH bytes; a file on each tenth level and at the end. */
static void make_deep(int root, const char *top, unsigned int depth, size_t name_length)
{
	char name[NAME_MAX + 1];
	int *fds = must_alloc(calloc(depth + 1, sizeof(*fds)));

	memset(name, 'd', name_length);
	name[name_length] = '\0';
	fds[0] = dir_begin(root, top);
	for (unsigned int i = 1; i <= depth; i++) {
		fds[i] = dir_begin(fds[i - 1], name);
		if (i % 10 == 0 || i == depth) {
			make_file(fds[i], "file", i, 0644);
		}
	}
	make_link(fds[depth], "file", "link");
	dir_end(dir_begin(fds[depth], "empty"), 0700);
	for (unsigned int i = depth + 1; i-- > 0;) {
		dir_end(fds[i], 0755);
	}
	free(fds);
}

/** A directory with many files, one with many directories, and a lone empty one. */
static void make_wide(int root)
{
	char name[32];
	int dir = dir_begin(root, "wide");

	for (unsigned int i = 0; i < 3000; i++) {
		snprintf(name, sizeof(name), "file-%u", i);
		make_file(dir, name, i % 50, 0644);
	}
	dir_end(dir, 0755);
	dir = dir_begin(root, "many-dirs");
	for (unsigned int i = 0; i < 600; i++) {
		int sub;

		snprintf(name, sizeof(name), "dir-%u", i);
		sub = dir_begin(dir, name);
		if (i % 3 != 0) {
			make_file(sub, "one", i, 0644);
		}
		dir_end(sub, 0755);
	}
	dir_end(dir, 0755);
	dir_end(dir_begin(root, "empty"), 0755);
}

int main(int argc, char **argv)
{
	int root;

	if (argc != 2) {
		die("usage: mkzoo ROOT");
	}
	umask(0);
	root = dir_begin(AT_FDCWD, argv[1]);
	make_names(root);
	make_sizes(root);
	make_modes(root);
	make_times(root);
	make_links(root);
	make_deep(root, "deep", 300, 3);
	make_deep(root, "beyond-path-max", 40, 250);
	make_wide(root);
	dir_end(root, 0751);
	printf("%llu %llu %llu %llu\n", made.files, made.directories, made.symlinks, made.bytes);
	return 0;
}
