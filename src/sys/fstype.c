/* SPDX-License-Identifier: MIT */
/* The magic numbers of statfs(2); a file system that is not named here gets the careful way. */
#include "sys/fstype.h"

#include "base/us.h"

#include <linux/magic.h>
#include <sys/vfs.h>

/** XFS and bcachefs stand in no public header. */
#define XFS_MAGIC 0x58465342
#define BCACHEFS_MAGIC 0xca451a4e

bool us_fstype_has_true_holes(int fd)
{
	static const unsigned int known[] = {
		EXT4_SUPER_MAGIC, XFS_MAGIC,        BTRFS_SUPER_MAGIC,
		TMPFS_MAGIC,      F2FS_SUPER_MAGIC, BCACHEFS_MAGIC,
	};
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0) {
		return false;
	}
	for (unsigned int i = 0; i < us_array_size(known); i++) {
		if ((unsigned int)fs.f_type == known[i]) {
			return true;
		}
	}
	return false;
}
