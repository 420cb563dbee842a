/* SPDX-License-Identifier: MIT */
/* The magic numbers of statfs(2); a file system that is not named here gets the careful way. */
#include "sys/fstype.h"

#include "base/us.h"

#include <errno.h>
#include <linux/magic.h>
#include <stddef.h>
#include <string.h>
#include <sys/vfs.h>

/** XFS and bcachefs stand in no public header. */
#define XFS_MAGIC 0x58465342
#define BCACHEFS_MAGIC 0xca451a4e

/** Public since Linux 5.17 only. */
#define SMB2_MAGIC 0xfe534d42
#define CIFS_MAGIC 0xff534d42

bool us_fstype_of(const char *path, struct us_fstype *fs)
{
	struct statfs sfs;

	*fs = (struct us_fstype){0};
	if (statfs(path, &sfs) < 0) {
		return false;
	}
	fs->magic = (uint32_t)sfs.f_type;
	memcpy(&fs->id, &sfs.f_fsid, sizeof(fs->id));
	return true;
}

/** Whether FD is on a file system of one of the NR KNOWN types.  @return 1, 0, or a negative errno. */
static int ask_type(int fd, const unsigned int *known, size_t nr)
{
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0) {
		return -errno;
	}
	for (size_t i = 0; i < nr; i++) {
		if ((unsigned int)fs.f_type == known[i]) {
			return 1;
		}
	}
	return 0;
}

/** True when FD is known to be on a file system of one of the NR KNOWN types. */
static bool is_one_of(int fd, const unsigned int *known, size_t nr)
{
	return ask_type(fd, known, nr) == 1;
}

int us_fstype_ask_local(int fd)
{
	static const unsigned int known[] = {
		EXT4_SUPER_MAGIC, XFS_MAGIC,        BTRFS_SUPER_MAGIC,
		TMPFS_MAGIC,      F2FS_SUPER_MAGIC, BCACHEFS_MAGIC,
	};

	return ask_type(fd, known, us_array_size(known));
}

bool us_fstype_is_local(int fd)
{
	return us_fstype_ask_local(fd) == 1;
}

bool us_fstype_has_true_holes(int fd)
{
	return us_fstype_is_local(fd);
}

bool us_fstype_copies_itself(int fd)
{
	static const unsigned int known[] = {NFS_SUPER_MAGIC, SMB2_MAGIC, CIFS_MAGIC};

	return is_one_of(fd, known, us_array_size(known));
}

bool us_fstype_reserves(int fd)
{
	static const unsigned int without[] = {BTRFS_SUPER_MAGIC};

	return !is_one_of(fd, without, us_array_size(without));
}
