/* SPDX-License-Identifier: MIT */
/**
 * @file place.h
 * Where files lie: on which file system, on what kind of device, at which place of it.
 */
#ifndef US_SYS_PLACE_H
#define US_SYS_PLACE_H

#include <stdbool.h>
#include <stdint.h>

/** Which file system an open file is on. */
struct us_place_fs {
	uint32_t magic;     /**< statfs(2), f_type. */
	uint32_t dev_major; /**< As stat(2) tells them; major 0: no device of its own. */
	uint32_t dev_minor;
	uint8_t uuid[16];   /**< Btrfs: the same in all its subvolumes, of which each has a device number; else
	                         zeros. */
};

/** What the open file or directory FD is on.  @return 0 or a negative errno. */
int us_place_fs(int fd, struct us_place_fs *fs);

/**
 * Where the first block of the open file FD lies on its device (ioctl_fiemap, Linux 2.6.28).
 *
 * @param[out] where  Bytes from the start of what the file system takes for its device.
 * @return 1; 0 when it has none, or none of its own: empty, a hole, inside its inode, not written yet; or a negative
 *         errno (-EOPNOTSUPP, -ENOTTY where that is not told).
 */
int us_place_first_extent(int fd, uint64_t *where);

/**
 * True when FS is, at least in part, on a disk that turns, as far as the kernel says: through partitions, loop
 * devices, device mapper, md and Btrfs.  A virtio disk (virtio_blk) is not believed: it says so of whatever is behind
 * it.
 *
 * @param sysfs  "/sys", but for tests.
 */
bool us_place_rotates(const char *sysfs, const struct us_place_fs *fs);

#endif /* US_SYS_PLACE_H */
