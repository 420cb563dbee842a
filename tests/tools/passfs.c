/* SPDX-License-Identifier: MIT */
/*
 * passfs [-f] [-o OPTION,...] DIR MOUNTPOINT: show a directory as a FUSE file system, each operation of which may wait.
 *
 *	delay=MICROSECONDS	before each operation; many wait at a time (default 0)
 *	timeout=SECONDS		for which the kernel remembers names and attributes (default 1)
 *	threads=N		operations at a time (default 512)
 *	noacl			the kernel knows no ACLs, so it makes files without asking for their directory's mode
 *	nocase			names that differ in the case of ASCII letters alone are one, kept in small letters
 *	fail=RULE[;RULE]...	let chosen operations fail (see passfs_fail.c)
 *	space=BYTES, quota=BYTES	so many can be written, then there is no space, or a quota is used up
 *	direct			contents are not cached: a read or write is short where a rule makes it so
 *	counts=FILE		at the unmount, write a line "OPERATION CALLS PEAK" for each: how many there were, and
 *				how many of them waited at a time
 *
 * and those of FUSE.  Everything is kept as the directory's own file system keeps it: owners, modes, times, extended
 * attributes, ACLs, special files, holes.  Contents are cached by the kernel.
 *
 * An inode that the kernel knows is a struct inode with an O_PATH descriptor; a call that wants a path gets
 * /proc/self/fd/N, which leads to the inode itself, also when that is a symbolic link.
 */
#define FUSE_USE_VERSION 312
#include "passfs.h"
#include "tool.h"

#include <dirent.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#define BUCKETS 65536u

struct inode {
	struct inode *next; /**< In its bucket. */
	int fd;
	dev_t dev;
	ino_t ino;
	uint64_t lookups; /**< Those that the kernel has not forgotten. */
};

/** "/proc/self/fd/N". */
struct fd_path {
	char text[32];
};

static struct passfs {
	struct pass_options options;
	char *source;
	struct inode root;
	pthread_mutex_t lock; /**< For the table. */
	struct inode *table[BUCKETS];
} fs = {.options = {.timeout = 1, .threads = 512}, .lock = PTHREAD_MUTEX_INITIALIZER};

/** Ask; what is not to be made is answered here. */
static bool begin_call(fuse_req_t req, struct pass_call *call)
{
	int error = pass_before(call);

	if (error != 0) {
		fuse_reply_err(req, error);
	}
	return error == 0;
}

static bool begin(fuse_req_t req, enum pass_op op, int fd, const char *name)
{
	return begin_call(req, &(struct pass_call){.op = op, .fd = fd, .name = name});
}

/** The same for SIZE bytes (NULL: none) from OFFSET on; of a transfer less may be let through. */
static bool begin_at(fuse_req_t req, enum pass_op op, int fd, off_t offset, size_t *size)
{
	struct pass_call call = {.op = op, .fd = fd, .offset = offset, .size = size != NULL ? *size : 0};
	bool begun = begin_call(req, &call);

	if (size != NULL) {
		*size = call.size;
	}
	return begun;
}

static struct inode *inode_of(fuse_ino_t ino)
{
	return ino == FUSE_ROOT_ID ? &fs.root : (struct inode *)(uintptr_t)ino;
}

static int fd_of(fuse_ino_t ino)
{
	return inode_of(ino)->fd;
}

static struct fd_path path_of(int fd)
{
	struct fd_path path;

	snprintf(path.text, sizeof(path.text), "/proc/self/fd/%d", fd);
	return path;
}

/** Answer with an error alone: that of a call's RESULT, or none. */
static void reply_result(fuse_req_t req, int result)
{
	fuse_reply_err(req, result < 0 ? errno : 0);
}

static struct inode **bucket_of(const struct stat *st)
{
	return &fs.table[(st->st_ino ^ st->st_dev) % BUCKETS];
}

/** Find the inode of NAME, or remember it, and count a lookup of it.  @return 0 or an errno. */
static int find(fuse_ino_t parent, const char *name, struct fuse_entry_param *entry)
{
	struct inode *inode;
	int fd = openat(fd_of(parent), name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	*entry = (struct fuse_entry_param){.attr_timeout = fs.options.timeout, .entry_timeout = fs.options.timeout};
	if (fd < 0 || fstat(fd, &entry->attr) < 0) {
		int error = errno;

		if (fd >= 0) {
			close(fd);
		}
		return error;
	}
	pthread_mutex_lock(&fs.lock);
	inode = *bucket_of(&entry->attr);
	while (inode != NULL && (inode->ino != entry->attr.st_ino || inode->dev != entry->attr.st_dev)) {
		inode = inode->next;
	}
	if (inode != NULL) {
		close(fd);
	} else {
		inode = must_alloc(malloc(sizeof(*inode)));
		*inode = (struct inode){.next = *bucket_of(&entry->attr),
		                        .fd = fd,
		                        .dev = entry->attr.st_dev,
		                        .ino = entry->attr.st_ino};
		*bucket_of(&entry->attr) = inode;
	}
	inode->lookups++;
	pthread_mutex_unlock(&fs.lock);
	entry->ino = (uintptr_t)inode;
	return 0;
}

static void forget(fuse_ino_t ino, uint64_t nr)
{
	struct inode *inode = inode_of(ino);
	struct inode **at;

	if (inode == &fs.root) {
		return;
	}
	pthread_mutex_lock(&fs.lock);
	inode->lookups -= nr;
	if (inode->lookups > 0) {
		pthread_mutex_unlock(&fs.lock);
		return;
	}
	at = bucket_of(&(struct stat){.st_ino = inode->ino, .st_dev = inode->dev});
	while (*at != inode) {
		at = &(*at)->next;
	}
	*at = inode->next;
	pthread_mutex_unlock(&fs.lock);
	close(inode->fd);
	free(inode);
}

/** Answer with the entry NAME, which a call with this RESULT has made. */
static void reply_made(fuse_req_t req, int result, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param entry;
	int error = result < 0 ? errno : find(parent, name, &entry);

	if (error != 0) {
		fuse_reply_err(req, error);
	} else {
		fuse_reply_entry(req, &entry);
	}
}

/** Be who makes a new entry: it gets its owner and mask so.  The mask is this thread's own from the first time on. */
static void be_caller(fuse_req_t req)
{
	static _Thread_local bool unshared;
	const struct fuse_ctx *caller = fuse_req_ctx(req);

	if (!unshared) {
		must(unshare(CLONE_FS), "unshare");
		unshared = true;
	}
	umask(caller->umask);
	setfsgid(caller->gid);
	setfsuid(caller->uid);
}

/** Be root again, or whoever started the program; errno stays. */
static void be_oneself(void)
{
	int saved = errno;

	setfsuid(geteuid());
	setfsgid(getegid());
	errno = saved;
}

static void do_init(void *userdata, struct fuse_conn_info *conn)
{
	(void)userdata;
	conn->want |= conn->capable & (FUSE_CAP_DONT_MASK | (fs.options.noacl ? 0 : FUSE_CAP_POSIX_ACL));
	conn->want &= ~(unsigned int)FUSE_CAP_HANDLE_KILLPRIV; /* The kernel takes set-id bits away itself. */
	/* No more than these are in flight for reads ahead and closes, however many callers there are. */
	conn->max_background = fs.options.threads;
	conn->congestion_threshold = fs.options.threads;
}

static void do_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	if (!begin(req, PASS_lookup, fd_of(parent), name)) {
		return;
	}
	reply_made(req, 0, parent, name);
}

static void do_forget(fuse_req_t req, fuse_ino_t ino, uint64_t nr)
{
	forget(ino, nr);
	fuse_reply_none(req);
}

static void do_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	for (size_t i = 0; i < count; i++) {
		forget(forgets[i].ino, forgets[i].nlookup);
	}
	fuse_reply_none(req);
}

static void reply_attr(fuse_req_t req, fuse_ino_t ino)
{
	struct stat attr;

	if (fstat(fd_of(ino), &attr) < 0) {
		fuse_reply_err(req, errno);
	} else {
		fuse_reply_attr(req, &attr, fs.options.timeout);
	}
}

static void do_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
	(void)info;
	if (!begin(req, PASS_getattr, fd_of(ino), NULL)) {
		return;
	}
	reply_attr(req, ino);
}

/** The times of a setattr, as utimensat(2) wants them. */
static void times_of(const struct stat *attr, int valid, struct timespec times[2])
{
	times[0] = (struct timespec){.tv_nsec = UTIME_OMIT};
	times[1] = times[0];
	if (valid & FUSE_SET_ATTR_ATIME_NOW) {
		times[0].tv_nsec = UTIME_NOW;
	} else if (valid & FUSE_SET_ATTR_ATIME) {
		times[0] = attr->st_atim;
	}
	if (valid & FUSE_SET_ATTR_MTIME_NOW) {
		times[1].tv_nsec = UTIME_NOW;
	} else if (valid & FUSE_SET_ATTR_MTIME) {
		times[1] = attr->st_mtim;
	}
}

/** Set what VALID names. */
static int set_attr(fuse_ino_t ino, const struct stat *attr, int valid, const struct fuse_file_info *info)
{
	struct fd_path path = path_of(fd_of(ino));
	struct timespec times[2];

	/* The owner first: a change of it takes the set-id bits, which then come with the mode. */
	if (valid & (FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID)) {
		uid_t uid = valid & FUSE_SET_ATTR_UID ? attr->st_uid : (uid_t)-1;
		gid_t gid = valid & FUSE_SET_ATTR_GID ? attr->st_gid : (gid_t)-1;

		if (fchownat(fd_of(ino), "", uid, gid, AT_EMPTY_PATH) < 0) {
			return -1;
		}
	}
	if ((valid & FUSE_SET_ATTR_MODE) && chmod(path.text, attr->st_mode) < 0) {
		return -1;
	}
	if (valid & FUSE_SET_ATTR_SIZE) {
		int result = info != NULL ? ftruncate((int)info->fh, attr->st_size) : truncate(path.text, attr->st_size);

		if (result < 0) {
			return -1;
		}
	}
	times_of(attr, valid, times);
	return times[0].tv_nsec == UTIME_OMIT && times[1].tv_nsec == UTIME_OMIT ? 0
	               : utimensat(fd_of(ino), "", times, AT_EMPTY_PATH);
}

static void do_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int valid, struct fuse_file_info *info)
{
	if (!begin(req, PASS_setattr, fd_of(ino), NULL)) {
		return;
	}
	if (set_attr(ino, attr, valid, info) < 0) {
		fuse_reply_err(req, errno);
		return;
	}
	reply_attr(req, ino);
}

static void do_readlink(fuse_req_t req, fuse_ino_t ino)
{
	char target[PATH_MAX + 1];
	ssize_t length;

	if (!begin(req, PASS_readlink, fd_of(ino), NULL)) {
		return;
	}
	length = readlinkat(fd_of(ino), "", target, sizeof(target) - 1);
	if (length < 0) {
		fuse_reply_err(req, errno);
		return;
	}
	target[length] = '\0';
	fuse_reply_readlink(req, target);
}

static void do_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev)
{
	int result;

	if (!begin(req, PASS_mknod, fd_of(parent), name)) {
		return;
	}
	be_caller(req);
	result = mknodat(fd_of(parent), name, mode, rdev);
	be_oneself();
	reply_made(req, result, parent, name);
}

static void do_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	int result;

	if (!begin(req, PASS_mkdir, fd_of(parent), name)) {
		return;
	}
	be_caller(req);
	result = mkdirat(fd_of(parent), name, mode);
	be_oneself();
	reply_made(req, result, parent, name);
}

static void do_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name)
{
	int result;

	if (!begin(req, PASS_symlink, fd_of(parent), name)) {
		return;
	}
	be_caller(req);
	result = symlinkat(target, fd_of(parent), name);
	be_oneself();
	reply_made(req, result, parent, name);
}

static void do_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *name)
{
	struct fd_path path = path_of(fd_of(ino));

	if (!begin(req, PASS_link, fd_of(parent), name)) {
		return;
	}
	reply_made(req, linkat(AT_FDCWD, path.text, fd_of(parent), name, AT_SYMLINK_FOLLOW), parent, name);
}

static void do_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	if (!begin(req, PASS_unlink, fd_of(parent), name)) {
		return;
	}
	reply_result(req, unlinkat(fd_of(parent), name, 0));
}

static void do_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	if (!begin(req, PASS_rmdir, fd_of(parent), name)) {
		return;
	}
	reply_result(req, unlinkat(fd_of(parent), name, AT_REMOVEDIR));
}

static void do_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t new_parent, const char *new_name,
                      unsigned int flags)
{
	if (!begin_call(req, &(struct pass_call){.op = PASS_rename, .fd = fd_of(parent), .name = name, .new_name = new_name})) {
		return;
	}
	reply_result(req, renameat2(fd_of(parent), name, fd_of(new_parent), new_name, flags));
}

/** FD is INFO's handle from now on.  What is cached stays good: changes of size and time empty it (AUTO_INVAL_DATA). */
static void take_handle(struct fuse_file_info *info, int fd)
{
	info->fh = (uint64_t)fd;
	info->keep_cache = 1;
	info->direct_io = fs.options.direct != 0;
}

static void do_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, struct fuse_file_info *info)
{
	struct fuse_entry_param entry;
	int error;
	int fd;

	if (!begin(req, PASS_create, fd_of(parent), name)) {
		return;
	}
	be_caller(req);
	fd = openat(fd_of(parent), name, (info->flags | O_CREAT | O_NOFOLLOW | O_CLOEXEC) & ~O_DIRECT, mode);
	be_oneself();
	error = fd < 0 ? errno : find(parent, name, &entry);
	if (error != 0) {
		if (fd >= 0) {
			close(fd);
		}
		fuse_reply_err(req, error);
		return;
	}
	take_handle(info, fd);
	fuse_reply_create(req, &entry, info);
}

static void do_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
	struct fd_path path = path_of(fd_of(ino));
	int fd;

	if (!begin(req, PASS_open, fd_of(ino), NULL)) {
		return;
	}
	fd = open(path.text, (info->flags | O_CLOEXEC) & ~(O_NOFOLLOW | O_CREAT | O_EXCL | O_DIRECT));
	if (fd < 0) {
		fuse_reply_err(req, errno);
		return;
	}
	take_handle(info, fd);
	fuse_reply_open(req, info);
}

static void do_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *info)
{
	struct fuse_bufvec data = FUSE_BUFVEC_INIT(size);

	if (!begin_at(req, PASS_read, fd_of(ino), offset, &size)) {
		return;
	}
	data.buf[0].size = size;
	data.buf[0].flags = FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK;
	data.buf[0].fd = (int)info->fh;
	data.buf[0].pos = offset;
	fuse_reply_data(req, &data, FUSE_BUF_SPLICE_MOVE);
}

static void do_write_buf(fuse_req_t req, fuse_ino_t ino, struct fuse_bufvec *in, off_t offset,
                         struct fuse_file_info *info)
{
	size_t size = fuse_buf_size(in);
	struct fuse_bufvec out = FUSE_BUFVEC_INIT(size);
	ssize_t written;

	if (!begin_at(req, PASS_write, fd_of(ino), offset, &size)) {
		return;
	}
	out.buf[0].size = size;
	out.buf[0].flags = FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK;
	out.buf[0].fd = (int)info->fh;
	out.buf[0].pos = offset;
	written = fuse_buf_copy(&out, in, 0);
	if (written < 0) {
		fuse_reply_err(req, (int)-written);
	} else {
		fuse_reply_write(req, (size_t)written);
	}
}

static void do_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
	if (!begin(req, PASS_flush, fd_of(ino), NULL)) {
		return;
	}
	reply_result(req, close(dup((int)info->fh)));
}

static void do_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
	int fd = (int)info->fh;

	/* Whatever is answered, there is no other chance to close it. */
	if (begin(req, PASS_release, fd_of(ino), NULL)) {
		fuse_reply_err(req, 0);
	}
	close(fd);
}

static void do_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *info)
{
	if (!begin(req, PASS_fsync, fd_of(ino), NULL)) {
		return;
	}
	reply_result(req, datasync ? fdatasync((int)info->fh) : fsync((int)info->fh));
}

static void do_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t offset, off_t length,
                         struct fuse_file_info *info)
{
	if (!begin_at(req, PASS_fallocate, fd_of(ino), offset, NULL)) {
		return;
	}
	reply_result(req, fallocate((int)info->fh, mode, offset, length));
}

static void do_lseek(fuse_req_t req, fuse_ino_t ino, off_t offset, int whence, struct fuse_file_info *info)
{
	off_t at;

	if (!begin_at(req, PASS_lseek, fd_of(ino), offset, NULL)) {
		return;
	}
	at = lseek((int)info->fh, offset, whence);
	if (at < 0) {
		fuse_reply_err(req, errno);
	} else {
		fuse_reply_lseek(req, at);
	}
}

static void do_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
	DIR *dir;
	int fd;

	if (!begin(req, PASS_opendir, fd_of(ino), NULL)) {
		return;
	}
	fd = openat(fd_of(ino), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd >= 0 ? fdopendir(fd) : NULL;
	if (dir == NULL) {
		fuse_reply_err(req, errno);
		return;
	}
	info->fh = (uintptr_t)dir;
	fuse_reply_open(req, info);
}

static void do_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *info)
{
	DIR *dir = (DIR *)(uintptr_t)info->fh;
	char *list;
	size_t used = 0;

	if (!begin_at(req, PASS_readdir, fd_of(ino), offset, &size)) {
		return;
	}
	list = must_alloc(malloc(size));
	seekdir(dir, offset);
	for (;;) {
		struct dirent *dirent;
		struct stat attr;
		size_t need;

		errno = 0;
		dirent = readdir(dir);
		if (dirent == NULL) {
			break;
		}
		attr = (struct stat){.st_ino = dirent->d_ino, .st_mode = (mode_t)DTTOIF(dirent->d_type)};
		need = fuse_add_direntry(req, list + used, size - used, dirent->d_name, &attr, dirent->d_off);
		if (need > size - used) {
			errno = 0;
			break;
		}
		used += need;
	}
	/* An error comes when there is nothing else to give, and so after what was read before it. */
	if (errno != 0 && used == 0) {
		fuse_reply_err(req, errno);
	} else {
		fuse_reply_buf(req, list, used);
	}
	free(list);
}

static void do_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
	DIR *dir = (DIR *)(uintptr_t)info->fh;

	if (begin(req, PASS_releasedir, fd_of(ino), NULL)) {
		fuse_reply_err(req, 0);
	}
	closedir(dir);
}

static void do_fsyncdir(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *info)
{
	int fd = dirfd((DIR *)(uintptr_t)info->fh);

	if (!begin(req, PASS_fsyncdir, fd_of(ino), NULL)) {
		return;
	}
	reply_result(req, datasync ? fdatasync(fd) : fsync(fd));
}

static void do_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct statvfs stat;

	if (!begin(req, PASS_statfs, fd_of(ino), NULL)) {
		return;
	}
	if (fstatvfs(fd_of(ino), &stat) < 0) {
		fuse_reply_err(req, errno);
	} else {
		fuse_reply_statfs(req, &stat);
	}
}

static void do_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size, int flags)
{
	struct fd_path path = path_of(fd_of(ino));

	if (!begin(req, PASS_setxattr, fd_of(ino), name)) {
		return;
	}
	reply_result(req, setxattr(path.text, name, value, size, flags));
}

/** Answer with an attribute's value or the list of names: LENGTH bytes of VALUE, or the LENGTH alone. */
static void reply_xattr(fuse_req_t req, ssize_t length, const char *value, size_t size)
{
	if (length < 0) {
		fuse_reply_err(req, errno);
	} else if (size == 0) {
		fuse_reply_xattr(req, (size_t)length);
	} else {
		fuse_reply_buf(req, value, (size_t)length);
	}
}

static void do_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	struct fd_path path = path_of(fd_of(ino));
	char value[XATTR_SIZE_MAX];

	if (!begin(req, PASS_getxattr, fd_of(ino), name)) {
		return;
	}
	reply_xattr(req, getxattr(path.text, name, value, size < sizeof(value) ? size : sizeof(value)), value, size);
}

static void do_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	struct fd_path path = path_of(fd_of(ino));
	char names[XATTR_LIST_MAX];

	if (!begin(req, PASS_listxattr, fd_of(ino), NULL)) {
		return;
	}
	reply_xattr(req, listxattr(path.text, names, size < sizeof(names) ? size : sizeof(names)), names, size);
}

static void do_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	struct fd_path path = path_of(fd_of(ino));

	if (!begin(req, PASS_removexattr, fd_of(ino), name)) {
		return;
	}
	reply_result(req, removexattr(path.text, name));
}

static const struct fuse_lowlevel_ops operations = {
	.init = do_init,
	.lookup = do_lookup,
	.forget = do_forget,
	.forget_multi = do_forget_multi,
	.getattr = do_getattr,
	.setattr = do_setattr,
	.readlink = do_readlink,
	.mknod = do_mknod,
	.mkdir = do_mkdir,
	.symlink = do_symlink,
	.link = do_link,
	.unlink = do_unlink,
	.rmdir = do_rmdir,
	.rename = do_rename,
	.create = do_create,
	.open = do_open,
	.read = do_read,
	.write_buf = do_write_buf,
	.flush = do_flush,
	.release = do_release,
	.fsync = do_fsync,
	.fallocate = do_fallocate,
	.lseek = do_lseek,
	.opendir = do_opendir,
	.readdir = do_readdir,
	.releasedir = do_releasedir,
	.fsyncdir = do_fsyncdir,
	.statfs = do_statfs,
	.setxattr = do_setxattr,
	.getxattr = do_getxattr,
	.listxattr = do_listxattr,
	.removexattr = do_removexattr,
};

/** The first operand is the directory; all else is FUSE's. */
static int take_operand(void *data, const char *arg, int key, struct fuse_args *out)
{
	(void)data;
	(void)out;
	if (key == FUSE_OPT_KEY_NONOPT && fs.source == NULL) {
		fs.source = must_alloc(realpath(arg, NULL));
		return 0;
	}
	return 1;
}

/** Serve with as many threads as operations may wait at a time. */
static int serve(struct fuse_session *session)
{
	struct fuse_loop_config *config = fuse_loop_cfg_create();
	int result;

	fuse_loop_cfg_set_max_threads(config, fs.options.threads);
	fuse_loop_cfg_set_idle_threads(config, fs.options.threads);
	result = fuse_session_loop_mt(session, config);
	fuse_loop_cfg_destroy(config);
	return result;
}

int main(int argc, char **argv)
{
	static const struct fuse_opt options[] = {
		{"delay=%u", offsetof(struct pass_options, delay), 0},
		{"timeout=%u", offsetof(struct pass_options, timeout), 0},
		{"noacl", offsetof(struct pass_options, noacl), 1},
		{"nocase", offsetof(struct pass_options, nocase), 1},
		{"threads=%u", offsetof(struct pass_options, threads), 0},
		{"counts=%s", offsetof(struct pass_options, counts), 0},
		{"fail=%s", offsetof(struct pass_options, fail), 0},
		{"space=%lu", offsetof(struct pass_options, space), 0},
		{"quota=%lu", offsetof(struct pass_options, quota), 0},
		{"direct", offsetof(struct pass_options, direct), 1},
		FUSE_OPT_END,
	};
	struct fuse_args args = FUSE_ARGS_INIT(argc, argv);
	struct fuse_cmdline_opts line;
	struct fuse_session *session;
	int result;

	errno = 0;
	if (fuse_opt_parse(&args, &fs.options, options, take_operand) < 0 || fuse_parse_cmdline(&args, &line) < 0 ||
	    fs.source == NULL || line.mountpoint == NULL || fs.options.threads == 0) {
		die("usage: passfs [-f] [-o delay=MICROSECONDS,timeout=SECONDS,threads=N,counts=FILE,...] DIR MOUNTPOINT");
	}
	pass_before_init(&fs.options);
	fs.root.fd = must(open(fs.source, O_PATH | O_DIRECTORY | O_CLOEXEC), fs.source);
	session = fuse_session_new(&args, &operations, sizeof(operations), NULL);
	if (session == NULL || fuse_set_signal_handlers(session) < 0 ||
	    fuse_session_mount(session, line.mountpoint) < 0) {
		return TOOL_TROUBLE; /* libfuse has said why. */
	}
	fuse_daemonize(line.foreground);
	result = serve(session);
	fuse_session_unmount(session);
	pass_before_fini();
	fuse_remove_signal_handlers(session);
	fuse_session_destroy(session);
	fuse_opt_free_args(&args);
	free(line.mountpoint);
	free(fs.source);
	return result == 0 ? 0 : 1;
}
