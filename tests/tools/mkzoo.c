/* SPDX-License-Identifier: MIT */
/*
 * mkzoo: make a tree that holds one of everything a copy has to get right.
 *
 *	mkzoo [-as] ROOT	ROOT must not exist; prints "FILES DIRECTORIES SYMLINKS BYTES"
 *			-a: owners, set-id bits, attributes, ACLs, hard links, special files and holes, too; for root
 *			-s: a tenth of what is there only for its number, for where each call takes long
 *
 * Everything is made relative to directory descriptors, so that paths longer than PATH_MAX can be made.
 * A directory's mode and time are set when its contents are done.
 */
#include "tool.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#define us_nr(array) (sizeof(array) / sizeof((array)[0]))

/** What was made. */
static struct {
	unsigned long long files, directories, symlinks, bytes;
} made;

/** What is there for its number is divided by this. */
static unsigned int divisor = 1;

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

	for (unsigned int i = 0; i < 3000 / divisor; i++) {
		snprintf(name, sizeof(name), "file-%u", i);
		make_file(dir, name, i % 50, 0644);
	}
	dir_end(dir, 0755);
	dir = dir_begin(root, "many-dirs");
	for (unsigned int i = 0; i < 600 / divisor; i++) {
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

/** Give NAME in DIR to UID and GID, with MODE; a link has no mode. */
static void give(int dir, const char *name, uid_t uid, gid_t gid, int mode)
{
	must(fchownat(dir, name, uid, gid, AT_SYMLINK_NOFOLLOW), "chown");
	if (mode >= 0) {
		must(fchmodat(dir, name, (mode_t)mode, 0), "chmod");
	}
}

/** Owners, and the bits that a change of owner takes away. */
static void make_owners(int root)
{
	static const mode_t modes[] = {04755, 02755, 06711, 07777, 01644, 0000, 0640, 02644};
	int dir = dir_begin(root, "owners");
	char name[32];

	for (size_t i = 0; i < us_nr(modes); i++) {
		snprintf(name, sizeof(name), "f%04o", modes[i]);
		make_file(dir, name, i, 0600);
		give(dir, name, 1000 + (uid_t)i, 2000, (int)modes[i]);
		set_time(dir, name, next_time());
		snprintf(name, sizeof(name), "d%04o", modes[i]);
		dir_end(dir_begin(dir, name), 0700);
		give(dir, name, 3000, 4000 + (gid_t)i, (int)modes[i]);
		set_time(dir, name, next_time());
		snprintf(name, sizeof(name), "l%04o", modes[i]);
		make_link(dir, "f0640", name);
		give(dir, name, 5000 + (uid_t)i, UINT32_MAX - 1, -1);
		set_time(dir, name, next_time());
	}
	dir_end(dir, 02775);
}

/** Give NAME in DIR an attribute. */
static void set_xattr(int dir, const char *name, const char *attribute, const void *value, size_t size)
{
	char path[NAME_MAX + 64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", dir, name);
	must(lsetxattr(path, attribute, value, size, 0), attribute);
}

/** An entry of an ACL in the kernel's form (linux/posix_acl_xattr.h), little-endian. */
#define ACL_ENTRY(tag, perm, id) \
	(tag), 0, (perm), 0, (id) & 0xff, (id) >> 8 & 0xff, (id) >> 16 & 0xff, (id) >> 24 & 0xff

/** user::rw-, user:1234:r--, group::---, mask::rw-, other::--- */
static const unsigned char acl[] = {
	2, 0, 0, 0, ACL_ENTRY(1, 6, 0xffffffffu), ACL_ENTRY(2, 4, 1234u), ACL_ENTRY(4, 0, 0xffffffffu),
	ACL_ENTRY(16, 6, 0xffffffffu), ACL_ENTRY(32, 0, 0xffffffffu),
};

/** Extended attributes of each name space, capabilities and ACLs, on each kind of entry that takes them. */
static void make_xattrs(int root)
{
	const struct vfs_cap_data capability = {
		.magic_etc = VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE, .data = {{.permitted = 1u << 13}}};
	int dir = dir_begin(root, "xattrs");
	char big[700];

	memset(big, 'v', sizeof(big));
	for (int i = 0; i < 6; i++) {
		char name[32];

		snprintf(name, sizeof(name), "f%d", i);
		make_file(dir, name, 10, 0644);
		snprintf(name, sizeof(name), "d%d", i);
		dir_end(dir_begin(dir, name), 0755);
	}
	make_link(dir, "f0", "link");
	must(mknodat(dir, "fifo", S_IFIFO | 0600, 0), "mknod");
	set_xattr(dir, "f0", "user.one", "\0binary\xff", 8);
	set_xattr(dir, "f0", "user.empty", "", 0);
	set_xattr(dir, "f0", "security.zoo", "s", 1);
	set_xattr(dir, "f0", "trusted.zoo", "t", 1);
	set_xattr(dir, "f1", "user.big", big, sizeof(big));
	set_xattr(dir, "f2", "security.capability", &capability, sizeof(capability.magic_etc) + 16);
	set_xattr(dir, "f3", "system.posix_acl_access", acl, sizeof(acl));
	set_xattr(dir, "d0", "user.of-a-directory", "d", 1);
	set_xattr(dir, "d1", "trusted.of-a-directory", "d", 1);
	set_xattr(dir, "d2", "system.posix_acl_access", acl, sizeof(acl));
	set_xattr(dir, "d3", "system.posix_acl_default", acl, sizeof(acl));
	set_xattr(dir, "link", "trusted.of-a-link", "l", 1);
	set_xattr(dir, "fifo", "trusted.of-a-fifo", "p", 1);
	set_xattr(dir, "fifo", "system.posix_acl_access", acl, sizeof(acl));
	make_file(must(openat(dir, "d3", O_RDONLY | O_DIRECTORY | O_CLOEXEC), "open"), "inherits", 3, 0644);
	/* With an owner of their own: chown(2) takes capabilities away, and the mask is the group's bits. */
	set_xattr(dir, "f4", "system.posix_acl_access", acl, sizeof(acl));
	give(dir, "f4", 1001, 1002, -1);
	give(dir, "f5", 1003, 1004, -1);
	set_xattr(dir, "f5", "security.capability", &capability, sizeof(capability.magic_etc) + 16);
	set_time(dir, "d3", next_time());
	set_time(dir, "fifo", next_time());
	dir_end(dir, 0755);
}

/** Special files, each with a mode, an owner and a time of its own. */
static void make_specials(int root)
{
	static const struct {
		const char *name;
		mode_t mode;
		unsigned int major, minor;
	} nodes[] = {
		{"fifo", S_IFIFO | 0620, 0, 0},      {"fifo-set-id", S_IFIFO | 06711, 0, 0},
		{"char", S_IFCHR | 0666, 1, 3},      {"char-large", S_IFCHR | 0600, 500, 200000},
		{"block", S_IFBLK | 0660, 7, 200},   {"block-zero", S_IFBLK | 0000, 259, 0},
		{"socket", S_IFSOCK | 0755, 0, 0},
	};
	int dir = dir_begin(root, "specials");

	for (size_t i = 0; i < us_nr(nodes); i++) {
		must(mknodat(dir, nodes[i].name, nodes[i].mode & S_IFMT, makedev(nodes[i].major, nodes[i].minor)),
		     "mknod");
		give(dir, nodes[i].name, 700 + (uid_t)i, 800, nodes[i].mode & 07777);
		set_time(dir, nodes[i].name, next_time());
	}
	dir_end(dir, 0755);
}

/** Names of one inode: in one directory, in several, of every kind, and one of many names. */
static void make_hard_links(int root)
{
	int dir = dir_begin(root, "hard-links");
	int sub = dir_begin(dir, "sub");
	char name[32];

	make_file(dir, "file", 1234, 0640);
	make_link(dir, "file", "symlink");
	must(mknodat(dir, "fifo", S_IFIFO | 0600, 0), "mknod");
	must(mknodat(dir, "char", S_IFCHR | 0600, makedev(1, 5)), "mknod");
	for (size_t i = 0; i < 4; i++) {
		static const char *const kinds[] = {"file", "symlink", "fifo", "char"};

		set_time(dir, kinds[i], next_time());
		snprintf(name, sizeof(name), "%s-too", kinds[i]);
		must(linkat(dir, kinds[i], dir, name, 0), "link");
		must(linkat(dir, kinds[i], sub, kinds[i], 0), "link");
	}
	make_file(dir, "many", 99, 0644);
	for (unsigned int i = 0; i < 500 / divisor; i++) {
		snprintf(name, sizeof(name), "many-%u", i);
		must(linkat(dir, "many", i % 2 == 0 ? dir : sub, name, 0), "link");
	}
	dir_end(sub, 0755);
	dir_end(dir, 0755);
}

/** Write TEXT at OFFSET of FD. */
static void put(int fd, const char *text, off_t offset)
{
	if (pwrite(fd, text, strlen(text), offset) != (ssize_t)strlen(text)) {
		die("write");
	}
}

/** Holes at the beginning, in the middle, at the end, and nothing else. */
static void make_holes(int root)
{
	static const char *const names[] = {"leading", "middle", "trailing", "only"};
	int dir = dir_begin(root, "holes");

	for (size_t i = 0; i < us_nr(names); i++) {
		int fd = must(openat(dir, names[i], O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600), "create");

		must(ftruncate(fd, (8 << 20) + 5), "truncate");
		if (i == 1 || i == 2) {
			put(fd, "begin", 0);
		}
		if (i == 0 || i == 1) {
			put(fd, "end", 8 << 20);
		}
		close(fd);
		set_time(dir, names[i], next_time());
		made.files++;
		made.bytes += (8 << 20) + 5;
	}
	dir_end(dir, 0755);
}

int main(int argc, char **argv)
{
	bool all = false;
	int root, option;

	while ((option = getopt(argc, argv, "as")) != -1) {
		if (option == 'a') {
			all = true;
		} else if (option == 's') {
			divisor = 10;
		} else {
			optind = argc;
			break;
		}
	}
	if (optind != argc - 1) {
		die("usage: mkzoo [-as] ROOT");
	}
	umask(0);
	root = dir_begin(AT_FDCWD, argv[optind]);
	if (all) {
		make_owners(root);
		make_xattrs(root);
		make_specials(root);
		make_hard_links(root);
		make_holes(root);
	}
	make_names(root);
	make_sizes(root);
	make_modes(root);
	make_times(root);
	make_links(root);
	make_deep(root, "deep", 300 / divisor, 3);
	make_deep(root, "beyond-path-max", 40, 250);
	make_wide(root);
	dir_end(root, 0751);
	printf("%llu %llu %llu %llu\n", made.files, made.directories, made.symlinks, made.bytes);
	return 0;
}
