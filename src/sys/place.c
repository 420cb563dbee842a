/* SPDX-License-Identifier: MIT */
/*
 * statfs(2), FIEMAP and sysfs.  Of a device, /sys/dev/block/MAJOR:MINOR is a link to its directory:
 *
 *	queue/rotational                     a whole disk
 *	../queue/rotational                  a partition: "partition" is there
 *	slaves/NAME                          device mapper, md: the devices below
 *	loop/backing_file                    a loop device: a file, and by that another device
 *	device/driver                        a link whose last part is the driver's name
 *
 * and /sys/fs/btrfs/UUID/devices has such links for the devices of a Btrfs.
 */
#include "sys/place.h"

#include "base/fault.h"
#include "base/us.h"

#include <dirent.h>
#include <limits.h>
#include <linux/btrfs.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

/** Devices below devices are followed so far. */
#define DEPTH_MAX 8

int us_place_fs(int fd, struct us_place_fs *fs)
{
	struct btrfs_ioctl_fs_info_args info = {0};
	struct statfs sfs;
	struct stat st;

	if (fstatfs(fd, &sfs) < 0 || fstat(fd, &st) < 0) {
		return -errno;
	}
	*fs = (struct us_place_fs){
		.magic = (uint32_t)sfs.f_type, .dev_major = major(st.st_dev), .dev_minor = minor(st.st_dev)};
	if (fs->magic == BTRFS_SUPER_MAGIC && ioctl(fd, BTRFS_IOC_FS_INFO, &info) == 0) {
		memcpy(fs->uuid, info.fsid, sizeof(fs->uuid));
	}
	return 0;
}

int us_place_first_extent(int fd, uint64_t *where)
{
	union {
		struct fiemap map;
		char room[sizeof(struct fiemap) + sizeof(struct fiemap_extent)];
	} ask = {.map = {.fm_length = 1, .fm_extent_count = 1}};
	const struct fiemap_extent *extent = &ask.map.fm_extents[0];
	int ret = us_fault("fiemap");

	if (ret == 0) {
		ret = us_try(ioctl(fd, FS_IOC_FIEMAP, &ask.map));
	}
	if (ret < 0) {
		return ret;
	}
	if (ask.map.fm_mapped_extents == 0 ||
	    (extent->fe_flags & (FIEMAP_EXTENT_UNKNOWN | FIEMAP_EXTENT_DELALLOC | FIEMAP_EXTENT_DATA_INLINE)) != 0) {
		return 0;
	}
	*where = extent->fe_physical;
	return 1;
}

/** Read the first line of DIR/NAME.  @return false when there is none. */
static bool read_line(const char *dir, const char *name, char line[PATH_MAX])
{
	char path[PATH_MAX];
	FILE *file;
	bool ok;

	if (snprintf(path, sizeof(path), "%s/%s", dir, name) >= (int)sizeof(path)) {
		return false;
	}
	file = fopen(path, "re");
	if (file == NULL) {
		return false;
	}
	ok = fgets(line, PATH_MAX, file) != NULL;
	fclose(file);
	if (ok) {
		line[strcspn(line, "\n")] = '\0';
	}
	return ok;
}

/** True when the driver of the device of DIR is called NAME. */
static bool has_driver(const char *dir, const char *name)
{
	char path[PATH_MAX];
	char target[PATH_MAX];
	const char *last;
	ssize_t length;

	if (snprintf(path, sizeof(path), "%s/device/driver", dir) >= (int)sizeof(path)) {
		return false;
	}
	length = readlink(path, target, sizeof(target) - 1);
	if (length < 0) {
		return false;
	}
	target[length] = '\0';
	last = strrchr(target, '/');
	return strcmp(last != NULL ? last + 1 : target, name) == 0;
}

static bool rotates(const char *sysfs, const char *dir, int depth);

/** True when one of the devices that are linked in DIR turns.  NR: how many there are. */
static bool any_rotates(const char *sysfs, const char *dir, int depth, unsigned int *nr)
{
	DIR *list = opendir(dir);
	const struct dirent *entry;
	bool found = false;

	*nr = 0;
	while (list != NULL && !found && (entry = readdir(list)) != NULL) {
		char path[PATH_MAX];

		if (entry->d_name[0] != '.' &&
		    snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name) < (int)sizeof(path)) {
			(*nr)++;
			found = rotates(sysfs, path, depth);
		}
	}
	if (list != NULL) {
		closedir(list);
	}
	return found;
}

/** The same for the device MAJOR:MINOR. */
static bool number_rotates(const char *sysfs, unsigned int dev_major, unsigned int dev_minor, int depth)
{
	char path[PATH_MAX];

	return dev_major != 0 &&
	       snprintf(path, sizeof(path), "%s/dev/block/%u:%u", sysfs, dev_major, dev_minor) < (int)sizeof(path) &&
	       rotates(sysfs, path, depth);
}

/** True when the device whose directory is DIR turns. */
static bool rotates(const char *sysfs, const char *dir, int depth)
{
	char path[PATH_MAX];
	char line[PATH_MAX];
	unsigned int nr;
	struct stat st;
	bool found;

	if (depth >= DEPTH_MAX) {
		return false;
	}
	if (read_line(dir, "partition", line)) {
		return snprintf(path, sizeof(path), "%s/..", dir) < (int)sizeof(path) &&
		       rotates(sysfs, path, depth + 1);
	}
	if (snprintf(path, sizeof(path), "%s/slaves", dir) >= (int)sizeof(path)) {
		return false;
	}
	found = any_rotates(sysfs, path, depth + 1, &nr);
	if (nr > 0) {
		return found;
	}
	if (read_line(dir, "loop/backing_file", line)) {
		return stat(line, &st) == 0 &&
		       number_rotates(sysfs, major(st.st_dev), minor(st.st_dev), depth + 1);
	}
	return !has_driver(dir, "virtio_blk") && read_line(dir, "queue/rotational", line) && line[0] == '1';
}

/** Write the directory of the devices of the Btrfs FS. */
static void btrfs_devices(char path[PATH_MAX], const char *sysfs, const struct us_place_fs *fs)
{
	const uint8_t *u = fs->uuid;

	snprintf(path, PATH_MAX,
	         "%s/fs/btrfs/%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x/devices", sysfs,
	         u[0], u[1], u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12], u[13], u[14], u[15]);
}

bool us_place_rotates(const char *sysfs, const struct us_place_fs *fs)
{
	char path[PATH_MAX];
	unsigned int nr;

	if (fs->magic == BTRFS_SUPER_MAGIC) {
		btrfs_devices(path, sysfs, fs);
		return any_rotates(sysfs, path, 0, &nr);
	}
	return number_rotates(sysfs, fs->dev_major, fs->dev_minor, 0);
}
