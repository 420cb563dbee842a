/* SPDX-License-Identifier: MIT */
/* All is relative to a descriptor of the scratch directory, as what a peer makes may have any depth. */
#include "scene.h"

#include "cli/itemize.h"
#include "cli/lines.h"
#include "fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

/** No file may grow beyond. */
#define FILE_MAX (16u << 20)

static char root[64];
static int root_fd = -1;
static pid_t owner;
static bool may_trust;
static FILE *nowhere;

/** What may not change, as it was. */
static uint64_t sum_src;
static uint64_t sum_out;
static uint64_t sum_beside;

/** Add the bytes of a number to a sum. */
static uint64_t mix(uint64_t sum, uint64_t number)
{
	return (sum ^ number) * UINT64_C(0x100000001b3) + (sum >> 47);
}

/** What any change of FD's tree would change; names that begin with SKIP are left out. */
static uint64_t sum_tree(int fd, const char *skip)
{
	DIR *dir = fdopendir(dup(fd));
	uint64_t sum = 0;
	struct dirent *entry;

	fuzz_check(dir != NULL);
	rewinddir(dir);
	while ((entry = readdir(dir)) != NULL) {
		uint64_t own = 1;
		struct stat st;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
		    (skip != NULL && strncmp(entry->d_name, skip, strlen(skip)) == 0)) {
			continue;
		}
		fuzz_check(fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0);
		for (const char *p = entry->d_name; *p != '\0'; p++) {
			own = mix(own, (unsigned char)*p);
		}
		own = mix(mix(mix(own, st.st_ino), st.st_mode), (uint64_t)st.st_size);
		own = mix(mix(mix(own, st.st_nlink), st.st_uid), (uint64_t)st.st_mtim.tv_nsec);
		if (S_ISDIR(st.st_mode)) {
			int sub = openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

			fuzz_check(sub >= 0);
			own = mix(own, sum_tree(sub, NULL));
			close(sub);
		} else {
			own = mix(mix(own, (uint64_t)st.st_ctim.tv_sec), (uint64_t)st.st_ctim.tv_nsec);
		}
		sum += own; /* In any order. */
	}
	closedir(dir);
	return sum;
}

/** The same of NAME in the scratch directory. */
static uint64_t sum_of(const char *name, const char *skip)
{
	int fd = openat(root_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	uint64_t sum;

	fuzz_check(fd >= 0);
	sum = sum_tree(fd, skip);
	close(fd);
	return sum;
}

/** Remove NAME in FD, with all in it. */
static void remove_tree(int fd, const char *name)
{
	struct dirent *entry;
	DIR *dir;
	int sub;

	if (unlinkat(fd, name, 0) == 0 || errno == ENOENT) {
		return;
	}
	fuzz_check(errno == EISDIR || errno == EPERM);
	(void)fchmodat(fd, name, 0700, 0); /* It is a directory, and this process alone is here. */
	sub = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	dir = sub >= 0 ? fdopendir(sub) : NULL;
	fuzz_check(dir != NULL);
	while ((entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
			remove_tree(sub, entry->d_name);
		}
	}
	closedir(dir);
	fuzz_check(unlinkat(fd, name, AT_REMOVEDIR) == 0);
}

/** Make NAME, with SIZE bytes: TEXT again and again. */
static void make_file(const char *name, const char *text, size_t size)
{
	const struct timespec times[2] = {{1000000000, 0}, {1000000000, 123456789}};
	int fd = openat(root_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	fuzz_check(fd >= 0);
	for (size_t at = 0; at < size;) {
		char block[4096];
		size_t length = strlen(text);
		size_t piece = size - at < sizeof(block) / length * length ? size - at : sizeof(block) / length * length;

		for (size_t i = 0; i < piece; i++) {
			block[i] = text[i % length];
		}
		fuzz_check(write(fd, block, piece) == (ssize_t)piece);
		at += piece;
	}
	fuzz_check(futimens(fd, times) == 0);
	close(fd);
}

/** Make the directory NAME. */
static void make_dir(const char *name)
{
	fuzz_check(mkdirat(root_fd, name, 0755) == 0);
}

/** At the end of the process. */
static void leave(void)
{
	if (getpid() == owner) {
		remove_tree(AT_FDCWD, root);
	}
}

/** Make what is sent, and what lies beside it. */
static void make_sources(void)
{
	int fd;

	make_dir("src");
	make_file("src/f", "one\n", 4);
	make_file("src/g", "two and more\n", 600);
	make_file("src/large", "0123456789abcdef", 9000);
	fuzz_check(linkat(root_fd, "src/f", root_fd, "src/h", 0) == 0);
	fuzz_check(symlinkat("../secret", root_fd, "src/l") == 0);
	fuzz_check(mkfifoat(root_fd, "src/p", 0600) == 0);
	make_file("src/holes", "end", 3);
	fd = openat(root_fd, "src/holes", O_WRONLY | O_CLOEXEC);
	fuzz_check(fd >= 0 && ftruncate(fd, 400000) == 0 && pwrite(fd, "x", 1, 399999) == 1);
	close(fd);
	make_dir("src/d");
	make_file("src/d/f", "three\n", 6);
	make_dir("src/d/e");
	make_file("src/d/e/f", "four\n", 5);
	make_dir("src/empty");
	make_file("secret", SCENE_SECRET, sizeof(SCENE_SECRET) - 1);
	make_dir("out");
	make_file("out/canary", "untouched\n", 10);
	make_dir("state");
}

void scene_open(void)
{
	const char *tmp = getenv("TMPDIR");
	struct rlimit limit = {FILE_MAX, RLIM_INFINITY};
	struct statvfs fs;

	if (root_fd >= 0) {
		return;
	}
	umask(022);
	snprintf(root, sizeof(root), "/dev/shm/fuzz-net.XXXXXX");
	if (mkdtemp(root) == NULL) {
		snprintf(root, sizeof(root), "%s/fuzz-net.XXXXXX", tmp != NULL && strlen(tmp) < 40 ? tmp : "/tmp");
		fuzz_check(mkdtemp(root) != NULL);
	}
	owner = getpid();
	atexit(leave);
	nowhere = fopen("/dev/null", "we");
	fuzz_check(nowhere != NULL);
	root_fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fuzz_check(root_fd >= 0 && fstatvfs(root_fd, &fs) == 0);
	/* No device may be made that could be opened. */
	may_trust = geteuid() != 0 || (fs.f_flag & ST_NODEV) != 0;
	/* What a peer says of a size costs nothing. */
	fuzz_check(signal(SIGXFSZ, SIG_IGN) != SIG_ERR && setrlimit(RLIMIT_FSIZE, &limit) == 0);
	make_sources();
	sum_src = sum_of("src", NULL);
	sum_out = sum_of("out", NULL);
}

const char *scene_path(void)
{
	return root;
}

unsigned int scene_conns(const uint8_t *config)
{
	return 1 + (config[1] >> SCENE_CONNS_SHIFT) % 4 % 3;
}

/** A path in the scratch directory, in one of four buffers in turn. */
static const char *path_of(const char *name)
{
	static char paths[4][128];
	static unsigned int turn;
	char *path = paths[turn++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", root, name);
	return path;
}

/** How calls are made. */
static enum usync_io io_of(const uint8_t *config)
{
	static const enum usync_io modes[] = {USYNC_IO_SYNC, USYNC_IO_INLINE, USYNC_IO_ASYNC, USYNC_IO_SYNC};

	return modes[config[1] >> SCENE_IO_SHIFT & 3];
}

/** Tell of EVENT as the program does. */
static void tell(const struct usync_event *event, void *payload)
{
	(void)payload;
	if (event->type == USYNC_EVENT_COPIED) {
		itemize_write(nowhere, event);
	} else if (event->type == USYNC_EVENT_DELETED) {
		lines_deleted(nowhere, event, "");
	} else {
		lines_trouble(nowhere, event);
	}
}

struct usync_job *scene_send(const uint8_t *config, struct usync_peer *peer)
{
	struct usync_options options = USYNC_OPTIONS_INIT;
	const char *sources[] = {path_of("src"), NULL};
	size_t nr = 1;
	struct usync_job *job;

	options.io = io_of(config);
	options.event = tell;
	options.chunk_size = USYNC_CHUNK_MIN;
	options.order = USYNC_ORDER_NAME; /* The same everywhere. */
	options.remove = (config[0] & SCENE_DELETE) != 0;
	options.compare = (config[0] & SCENE_CONTENTS) != 0 ? USYNC_COMPARE_CONTENTS : USYNC_COMPARE_QUICK;
	options.verify = (config[0] & SCENE_VERIFY) != 0;
	options.compress = (config[0] & SCENE_COMPRESS) != 0;
	options.keep = (config[0] & SCENE_ARCHIVE) != 0 ? USYNC_KEEP_ARCHIVE : 0;
	options.dry_run = (config[0] & SCENE_DRY) != 0;
	options.report_copied = (config[0] & SCENE_REPORT) != 0;
	options.backup = (config[0] & SCENE_BACKUP) != 0;
	options.update = (config[1] & SCENE_UPDATE) != 0;
	options.sparse = (config[1] & SCENE_SPARSE) != 0 ? USYNC_SPARSE_ALWAYS : USYNC_SPARSE_AUTO;
	switch (config[1] & SCENE_SOURCES) {
	case SCENE_FILE:
		sources[0] = path_of("src/f");
		break;
	case SCENE_TWO:
		sources[0] = path_of("src/d");
		sources[nr++] = path_of("src/f");
		break;
	default:
		break;
	}
	options.remove = options.remove && (config[1] & SCENE_SOURCES) == SCENE_TREE;
	fuzz_check(usync_job_new_send(&job, &options, sources, nr, peer) == 0);
	return job;
}

struct usync_job *scene_receive(const uint8_t *config, struct usync_peer *peer)
{
	struct usync_options options = USYNC_OPTIONS_INIT;
	struct usync_job *job;

	options.io = io_of(config);
	options.event = tell;
	options.trust_peer = (config[0] & SCENE_TRUST) != 0 && may_trust;
	options.ordered = (config[0] & SCENE_ORDERED) != 0;
	options.journal = (config[0] & SCENE_JOURNAL) != 0 ? path_of("state/journal") : NULL;
	options.dry_run = (config[0] & SCENE_RECV_DRY) != 0;
	options.verify = (config[0] & SCENE_RECV_VERIFY) != 0;
	options.temp_dir = (config[0] & SCENE_TEMP_DIR) != 0 ? path_of("state") : NULL;
	fuzz_check(usync_job_new_recv(&job, &options, peer, path_of((config[0] & SCENE_ONE) != 0 ? "dst/f" : "dst")) == 0);
	return job;
}

void scene_begin(const uint8_t *config)
{
	if ((config[0] & SCENE_EXISTING) == 0) {
		return;
	}
	make_dir("dst");
	make_file("dst/f", "one\n", 4);
	make_file("dst/g", "older\n", 600);
	make_dir("dst/d");
	make_file("dst/d/f", "thr33\n", 6);
	make_dir("dst/d/gone");
	make_file("dst/d/gone/f", "five\n", 5);
	fuzz_check(symlinkat("../out", root_fd, "dst/o") == 0);
	make_file("dst/kept", "six\n", 4);
	sum_beside = sum_of("dst", "f");
}

/** Nothing in FD's tree has rights, owners or devices that an untrusted peer may not give. */
static void check_harmless(int fd)
{
	DIR *dir = fdopendir(dup(fd));
	struct dirent *entry;

	fuzz_check(dir != NULL);
	rewinddir(dir);
	while ((entry = readdir(dir)) != NULL) {
		struct stat st;
		int sub;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
			continue;
		}
		fuzz_check(fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0);
		fuzz_check((st.st_mode & (S_ISUID | S_ISGID)) == 0 && !S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode));
		fuzz_check(st.st_uid == geteuid());
		if (!S_ISDIR(st.st_mode)) {
			continue;
		}
		(void)fchmodat(fd, entry->d_name, 0700, 0);
		sub = openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		fuzz_check(sub >= 0);
		check_harmless(sub);
		close(sub);
	}
	closedir(dir);
}

void scene_check(const uint8_t *config)
{
	static const char *const known[] = {".", "..", "src", "secret", "dst", "out", "state"};
	DIR *dir = fdopendir(dup(root_fd));
	struct dirent *entry;
	struct stat st;

	fuzz_check(dir != NULL);
	rewinddir(dir);
	while ((entry = readdir(dir)) != NULL) {
		size_t i = 0;

		while (i < sizeof(known) / sizeof(known[0]) && strcmp(known[i], entry->d_name) != 0) {
			i++;
		}
		fuzz_check(i < sizeof(known) / sizeof(known[0]));
	}
	closedir(dir);
	fuzz_check(sum_of("src", NULL) == sum_src && sum_of("out", NULL) == sum_out);
	fuzz_check(fstatat(root_fd, "secret", &st, 0) == 0 && st.st_nlink == 1);
	if (fstatat(root_fd, "dst", &st, AT_SYMLINK_NOFOLLOW) < 0) {
		return;
	}
	if (!S_ISDIR(st.st_mode)) {
		fuzz_check((st.st_mode & (S_ISUID | S_ISGID)) == 0 || ((config[0] & SCENE_TRUST) != 0 && may_trust));
		return;
	}
	if ((config[0] & (SCENE_EXISTING | SCENE_ONE)) == (SCENE_EXISTING | SCENE_ONE)) {
		fuzz_check(sum_of("dst", "f") == sum_beside);
	}
	(void)fchmodat(root_fd, "dst", 0700, 0);
	if ((config[0] & SCENE_TRUST) == 0 || !may_trust) {
		int fd = openat(root_fd, "dst", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		fuzz_check(fd >= 0);
		check_harmless(fd);
		close(fd);
	}
}

void scene_end(void)
{
	remove_tree(root_fd, "dst");
	remove_tree(root_fd, "state");
	make_dir("state");
}

unsigned int scene_count(const char *what)
{
	char path[64];
	unsigned int nr = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/self/%s", what);
	dir = opendir(path);
	fuzz_check(dir != NULL);
	while (readdir(dir) != NULL) {
		nr++;
	}
	closedir(dir);
	return nr;
}
