/* SPDX-License-Identifier: MIT */
/*
 * treecmp: compare two trees entry by entry.  The judge of the copy tests.
 *
 *	treecmp [-MTCOXHA] A B	-M no modes, -T no times, -C no contents; -O owner and group too, -X extended
 *				attributes (ACLs are among them), -H which names are hard links, -A access times
 *
 * Exit 0: the same, 1: different (each difference is a line on stdout), 2: could not compare.
 *
 * One descriptor a side is open at a time: down with openat(name), up with openat(".."), so depth and
 * path length have no limit.  Both trees have to stand still.
 */
#include "tool.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define BUFFER_SIZE 65536

/** A sorted list of names. */
struct names {
	char **list;
	size_t nr;
	size_t next;
};

/** One directory of both trees, somewhere between the roots and where the comparison is. */
struct level {
	struct names side[2];
	size_t path_length; /**< Length of the path of this directory. */
};

/** An inode of the first tree that has several names, or whose fellow has, and that fellow. */
struct pair {
	dev_t dev[2];
	ino_t ino[2];
};

/** The whole comparison. */
struct compare {
	int fd[2]; /**< The directory at hand, on both sides. */
	struct level *stack;
	size_t depth;
	char *path; /**< Relative path of the directory or entry at hand. */
	size_t path_length;
	bool modes, times, contents, owners, xattrs, links, atimes;
	struct pair *pairs;
	size_t nr_pairs;
	unsigned long differences;
};

/** Print a path with everything that is not printable ASCII as octal. */
static void print_path(const char *path)
{
	const unsigned char *p = (const unsigned char *)(*path != '\0' ? path : ".");

	for (; *p != '\0'; p++) {
		if (*p < 0x20 || *p >= 0x7f || *p == '\\') {
			printf("\\%03o", *p);
		} else {
			putchar(*p);
		}
	}
}

/** Print one difference at the path at hand. */
__attribute__((format(printf, 2, 3))) static void differ(struct compare *c, const char *format, ...)
{
	va_list args;

	c->differences++;
	print_path(c->path);
	printf(": ");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}

/** Append "/NAME" to the path at hand. */
static void path_push(struct compare *c, const char *name)
{
	size_t length = strlen(name);
	size_t slash = c->path_length > 0 ? 1 : 0;

	c->path = must_alloc(realloc(c->path, c->path_length + slash + length + 1));
	if (slash > 0) {
		c->path[c->path_length] = '/';
	}
	memcpy(c->path + c->path_length + slash, name, length + 1);
	c->path_length += slash + length;
}

/** Cut the path at hand back to LENGTH bytes. */
static void path_cut(struct compare *c, size_t length)
{
	c->path_length = length;
	c->path[length] = '\0';
}

/** Order for qsort(). */
static int name_order(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/** Read and sort the names of the directory FD. */
static void names_read(struct names *names, int fd)
{
	DIR *dir = fdopendir(must(openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), "open of ."));
	struct dirent *entry;
	size_t room = 0;

	*names = (struct names){0};
	if (dir == NULL) {
		die("fdopendir");
	}
	while (errno = 0, (entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
			continue;
		}
		if (names->nr == room) {
			room = room > 0 ? room * 2 : 64;
			names->list = must_alloc(realloc(names->list, room * sizeof(*names->list)));
		}
		names->list[names->nr++] = must_alloc(strdup(entry->d_name));
	}
	if (errno != 0) {
		die("readdir");
	}
	closedir(dir);
	if (names->nr > 0) {
		qsort(names->list, names->nr, sizeof(*names->list), name_order);
	}
}

/** Free a list of names. */
static void names_free(struct names *names)
{
	for (size_t i = 0; i < names->nr; i++) {
		free(names->list[i]);
	}
	free(names->list);
}

/** Read up to BUFFER_SIZE bytes; less only at the end of the file. */
static size_t read_full(int fd, char *buffer)
{
	size_t done = 0;

	while (done < BUFFER_SIZE) {
		ssize_t n = read(fd, buffer + done, BUFFER_SIZE - done);

		if (n < 0) {
			die("read");
		}
		if (n == 0) {
			break;
		}
		done += (size_t)n;
	}
	return done;
}

/** Compare the contents of two regular files. */
static void compare_contents(struct compare *c, const char *name)
{
	static char buffer[2][BUFFER_SIZE];
	unsigned long long offset = 0;
	int fd[2];
	size_t n[2];

	for (int i = 0; i < 2; i++) {
		fd[i] = must(openat(c->fd[i], name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC), "open of a file");
	}
	do {
		for (int i = 0; i < 2; i++) {
			n[i] = read_full(fd[i], buffer[i]);
		}
		if (n[0] != n[1] || memcmp(buffer[0], buffer[1], n[0]) != 0) {
			differ(c, "contents differ after byte %llu", offset);
			break;
		}
		offset += n[0];
	} while (n[0] == BUFFER_SIZE);
	close(fd[0]);
	close(fd[1]);
}

/** Compare the targets of two symbolic links. */
static void compare_targets(struct compare *c, const char *name)
{
	char target[2][PATH_MAX + 1];

	for (int i = 0; i < 2; i++) {
		ssize_t n = readlinkat(c->fd[i], name, target[i], PATH_MAX);

		if (n < 0) {
			die("readlink");
		}
		target[i][n] = '\0';
	}
	if (strcmp(target[0], target[1]) != 0) {
		differ(c, "link targets differ: %.60s | %.60s", target[0], target[1]);
	}
}

/** Compare the values of the attribute NAME of two files. */
static void compare_xattr(struct compare *c, const char *const paths[2], const char *name)
{
	static char value[2][BUFFER_SIZE];
	ssize_t n[2];

	for (int i = 0; i < 2; i++) {
		n[i] = lgetxattr(paths[i], name, value[i], BUFFER_SIZE);
		if (n[i] < 0 && errno != ENODATA && errno != EOPNOTSUPP) {
			die("getxattr");
		}
	}
	if (n[0] != n[1] || (n[0] > 0 && memcmp(value[0], value[1], (size_t)n[0]) != 0)) {
		differ(c, "attribute %s differs: %zd | %zd bytes", name, n[0], n[1]);
	}
}

/** Compare the extended attributes of PATHS: each of the first's, then those that the second alone has. */
static void compare_xattrs(struct compare *c, const char *const paths[2])
{
	char list[BUFFER_SIZE];

	for (int i = 0; i < 2; i++) {
		ssize_t n = llistxattr(paths[i], list, sizeof(list));

		if (n < 0 && errno != EOPNOTSUPP) {
			die("listxattr");
		}
		for (char *name = list; name < list + n; name += strlen(name) + 1) {
			bool is_acl = strncmp(name, "system.posix_acl_", 17) == 0;

			if ((strncmp(name, "system.", 7) == 0 && !is_acl) ||
			    strncmp(name, "trusted.SGI_ACL_", 16) == 0 || /* XFS: ACLs a second time. */
			    (i == 1 && (lgetxattr(paths[0], name, NULL, 0) >= 0))) {
				continue;
			}
			compare_xattr(c, paths, name);
		}
	}
}

/** The same for the entry NAME of the directories at hand. */
static void compare_entry_xattrs(struct compare *c, const char *name)
{
	char paths[2][NAME_MAX + 64];

	for (int i = 0; i < 2; i++) {
		snprintf(paths[i], sizeof(paths[i]), "/proc/self/fd/%d/%s", c->fd[i], name);
	}
	compare_xattrs(c, (const char *const[]){paths[0], paths[1]});
}

/** Names of one inode on one side have to be names of one inode on the other. */
static void compare_links(struct compare *c, const struct stat st[2])
{
	const struct pair new = {.dev = {st[0].st_dev, st[1].st_dev}, .ino = {st[0].st_ino, st[1].st_ino}};

	if (S_ISDIR(st[0].st_mode) || (st[0].st_nlink < 2 && st[1].st_nlink < 2)) {
		return;
	}
	for (size_t i = 0; i < c->nr_pairs; i++) {
		const struct pair *old = &c->pairs[i];
		bool same[2];

		for (int side = 0; side < 2; side++) {
			same[side] = old->dev[side] == new.dev[side] && old->ino[side] == new.ino[side];
		}
		if (same[0] != same[1]) {
			differ(c, "a hard link in the %s only", same[0] ? "first" : "second");
		}
		if (same[0] || same[1]) {
			return;
		}
	}
	c->pairs = must_alloc(realloc(c->pairs, (c->nr_pairs + 1) * sizeof(*c->pairs)));
	c->pairs[c->nr_pairs++] = new;
}

/** Compare what a stat tells, kinds being equal already. */
static void compare_stat(struct compare *c, const struct stat st[2])
{
	if (c->modes && !S_ISLNK(st[0].st_mode) && st[0].st_mode != st[1].st_mode) {
		differ(c, "mode %04o | %04o", st[0].st_mode & 07777, st[1].st_mode & 07777);
	}
	if (c->times && (st[0].st_mtim.tv_sec != st[1].st_mtim.tv_sec ||
	                 st[0].st_mtim.tv_nsec != st[1].st_mtim.tv_nsec)) {
		differ(c, "mtime %lld.%09ld | %lld.%09ld", (long long)st[0].st_mtim.tv_sec,
		       st[0].st_mtim.tv_nsec, (long long)st[1].st_mtim.tv_sec, st[1].st_mtim.tv_nsec);
	}
	if (c->owners && (st[0].st_uid != st[1].st_uid || st[0].st_gid != st[1].st_gid)) {
		differ(c, "owner %u:%u | %u:%u", st[0].st_uid, st[0].st_gid, st[1].st_uid, st[1].st_gid);
	}
	if ((S_ISCHR(st[0].st_mode) || S_ISBLK(st[0].st_mode)) && st[0].st_rdev != st[1].st_rdev) {
		differ(c, "device numbers differ");
	}
	if (c->atimes && (st[0].st_atim.tv_sec != st[1].st_atim.tv_sec ||
	                  st[0].st_atim.tv_nsec != st[1].st_atim.tv_nsec)) {
		differ(c, "atime %lld.%09ld | %lld.%09ld", (long long)st[0].st_atim.tv_sec,
		       st[0].st_atim.tv_nsec, (long long)st[1].st_atim.tv_sec, st[1].st_atim.tv_nsec);
	}
	if (c->links) {
		compare_links(c, st);
	}
}

/** Start on the directory both of whose sides are open in FD. */
static void level_enter(struct compare *c, const int fd[2])
{
	struct level *level;

	c->stack = must_alloc(realloc(c->stack, (c->depth + 1) * sizeof(*c->stack)));
	level = &c->stack[c->depth++];
	level->path_length = c->path_length;
	for (int i = 0; i < 2; i++) {
		c->fd[i] = fd[i];
		names_read(&level->side[i], fd[i]);
	}
}

/** Done with the directory at hand: go up. */
static void level_leave(struct compare *c)
{
	struct level *level = &c->stack[--c->depth];

	for (int i = 0; i < 2; i++) {
		int fd = c->fd[i];

		names_free(&level->side[i]);
		if (c->depth > 0) {
			c->fd[i] = must(openat(fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC), "open of ..");
		}
		close(fd);
	}
	if (c->depth > 0) {
		path_cut(c, c->stack[c->depth - 1].path_length);
	}
}

/** Compare the entry NAME, which both sides have; enters it when it is a directory on both. */
static void compare_entry(struct compare *c, const char *name)
{
	struct stat st[2];

	for (int i = 0; i < 2; i++) {
		must(fstatat(c->fd[i], name, &st[i], AT_SYMLINK_NOFOLLOW), "stat");
	}
	if ((st[0].st_mode & S_IFMT) != (st[1].st_mode & S_IFMT)) {
		differ(c, "kind %06o | %06o", st[0].st_mode & S_IFMT, st[1].st_mode & S_IFMT);
		return;
	}
	compare_stat(c, st);
	if (c->xattrs) {
		compare_entry_xattrs(c, name);
	}
	if (S_ISLNK(st[0].st_mode)) {
		compare_targets(c, name);
	} else if (S_ISREG(st[0].st_mode) && st[0].st_size != st[1].st_size) {
		differ(c, "size %lld | %lld", (long long)st[0].st_size, (long long)st[1].st_size);
	} else if (S_ISREG(st[0].st_mode) && c->contents) {
		compare_contents(c, name);
	} else if (S_ISDIR(st[0].st_mode)) {
		int fd[2];

		for (int i = 0; i < 2; i++) {
			fd[i] = must(openat(c->fd[i], name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC),
			             "open of a directory");
			/* The roots of the comparison come from AT_FDCWD, which is not ours to close. */
			if (c->fd[i] >= 0) {
				close(c->fd[i]);
			}
		}
		level_enter(c, fd);
	}
}

/** Take the next name of the directory at hand; false at its end. */
static bool compare_next(struct compare *c)
{
	struct level *level = &c->stack[c->depth - 1];
	struct names *a = &level->side[0];
	struct names *b = &level->side[1];
	size_t depth = c->depth;
	int order;

	if (a->next == a->nr && b->next == b->nr) {
		return false;
	}
	order = a->next == a->nr ? 1 : b->next == b->nr ? -1 : strcmp(a->list[a->next], b->list[b->next]);
	path_push(c, order <= 0 ? a->list[a->next] : b->list[b->next]);
	if (order == 0) {
		b->next++;
		compare_entry(c, a->list[a->next++]);
	} else {
		differ(c, order < 0 ? "only in the first" : "only in the second");
		order < 0 ? a->next++ : b->next++;
	}
	if (c->depth == depth) {
		path_cut(c, level->path_length);
	}
	return true;
}

/** Compare the roots, which may have different names, and all below. */
static void compare_roots(struct compare *c, const char *const roots[2])
{
	struct stat st[2];
	int fd[2];

	for (int i = 0; i < 2; i++) {
		must(fstatat(AT_FDCWD, roots[i], &st[i], AT_SYMLINK_NOFOLLOW), roots[i]);
		if (!S_ISDIR(st[i].st_mode)) {
			errno = 0;
			die("%s: not a directory", roots[i]);
		}
		fd[i] = must(open(roots[i], O_PATH | O_DIRECTORY | O_CLOEXEC), roots[i]);
	}
	compare_stat(c, st);
	if (c->xattrs) {
		compare_xattrs(c, roots);
	}
	level_enter(c, fd);
	while (c->depth > 0) {
		if (!compare_next(c)) {
			level_leave(c);
		}
	}
}

int main(int argc, char **argv)
{
	struct compare c = {
		.modes = true, .times = true, .contents = true, .path = must_alloc(calloc(1, 1))};
	int option;

	while ((option = getopt(argc, argv, "MTCOXHA")) != -1) {
		switch (option) {
		case 'M': c.modes = false; break;
		case 'T': c.times = false; break;
		case 'C': c.contents = false; break;
		case 'O': c.owners = true; break;
		case 'X': c.xattrs = true; break;
		case 'H': c.links = true; break;
		case 'A': c.atimes = true; break;
		default: return TOOL_TROUBLE;
		}
	}
	if (argc - optind != 2) {
		die("usage: treecmp [-MTCOXHA] A B");
	}
	compare_roots(&c, (const char *const *)&argv[optind]);
	free(c.stack);
	free(c.pairs);
	free(c.path);
	if (fflush(stdout) != 0) {
		die("stdout");
	}
	return c.differences > 0 ? 1 : 0;
}
