/* SPDX-License-Identifier: MIT */
/* sys/place: which disks turn, from a sysfs that is made for the test, and where files lie. */
#include "unit.h"

#include "sys/place.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char scratch[] = "/tmp/test_place.XXXXXX";

/** PATH in the scratch directory; good until the next call but three. */
static const char *in_scratch(const char *path)
{
	static char paths[4][PATH_MAX];
	static unsigned int next;
	char *full = paths[next++ % 4];

	snprintf(full, PATH_MAX, "%s/%s", scratch, path);
	return full;
}

/** Make PATH a directory, with all that lead to it. */
static void make_dirs(const char *path)
{
	char part[PATH_MAX];

	for (const char *slash = strchr(path, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		snprintf(part, sizeof(part), "%.*s", (int)(slash - path), path);
		mkdir(in_scratch(part), 0700);
	}
	mkdir(in_scratch(path), 0700);
}

/** Make PATH a file that says TEXT, and its directory. */
static void make_file(const char *path, const char *text)
{
	char dir[PATH_MAX];
	FILE *file;

	snprintf(dir, sizeof(dir), "%s", path);
	*strrchr(dir, '/') = '\0';
	make_dirs(dir);
	file = fopen(in_scratch(path), "w");
	assert_non_null(file);
	fprintf(file, "%s\n", text);
	fclose(file);
}

/** Make PATH a link to TARGET, another path of the scratch directory, and its directory. */
static void make_link(const char *target, const char *path)
{
	char dir[PATH_MAX];

	snprintf(dir, sizeof(dir), "%s", path);
	*strrchr(dir, '/') = '\0';
	make_dirs(dir);
	assert_int_equal(symlink(in_scratch(target), in_scratch(path)), 0);
}

/** A machine with one of each. */
static int setup(void **state)
{
	static const char btrfs[] = "fs/btrfs/01020304-0506-0708-090a-0b0c0d0e0f10/devices/";
	char path[PATH_MAX];

	(void)state;
	if (mkdtemp(scratch) == NULL) {
		return -1;
	}
	make_file("block/sda/queue/rotational", "1");
	make_file("block/sda/sda1/partition", "1");
	make_file("block/nvme0n1/queue/rotational", "0");
	make_file("block/vda/queue/rotational", "1");
	make_link("bus/virtio/drivers/virtio_blk", "block/vda/device/driver");
	make_file("block/dm-0/queue/rotational", "0");
	make_link("block/nvme0n1", "block/dm-0/slaves/nvme0n1");
	make_link("block/sda/sda1", "block/dm-0/slaves/sda1");
	make_file("block/md0/queue/rotational", "1");
	make_link("block/nvme0n1", "block/md0/slaves/nvme0n1");
	make_file("block/loop0/queue/rotational", "1");
	make_file("block/loop0/loop/backing_file", "/nonexistent/image");
	make_link("block/loop1", "block/loop1/slaves/loop1"); /* On itself: there is an end to it. */
	make_link("block/sda", "dev/block/8:0");
	make_link("block/sda/sda1", "dev/block/8:1");
	make_link("block/nvme0n1", "dev/block/259:0");
	make_link("block/vda", "dev/block/254:0");
	make_link("block/dm-0", "dev/block/253:0");
	make_link("block/md0", "dev/block/9:0");
	make_link("block/loop0", "dev/block/7:0");
	make_link("block/loop1", "dev/block/7:1");
	snprintf(path, sizeof(path), "%snvme0n1", btrfs);
	make_link("block/nvme0n1", path);
	snprintf(path, sizeof(path), "%ssda1", btrfs);
	make_link("block/sda/sda1", path);
	return 0;
}

/** Remove it. */
static int teardown(void **state)
{
	char command[PATH_MAX];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", scratch);
	return system(command);
}

/** Disks, partitions, and what stands on them. */
static void test_rotates(void **state)
{
	static const struct {
		unsigned int dev_major;
		unsigned int dev_minor;
		bool rotates;
	} rows[] = {
		{8, 0, true},    {8, 1, true},  {259, 0, false}, {254, 0, false}, {253, 0, true},
		{9, 0, false},   {7, 0, false}, {7, 1, false},   {8, 17, false},  {0, 44, false},
	};

	(void)state;
	for (size_t i = 0; i < unit_nr(rows); i++) {
		struct us_place_fs fs = {.magic = 0xef53, .dev_major = rows[i].dev_major, .dev_minor = rows[i].dev_minor};

		if (us_place_rotates(scratch, &fs) != rows[i].rotates) {
			fail_msg("%u:%u: not %d", fs.dev_major, fs.dev_minor, rows[i].rotates);
		}
	}
}

/** A Btrfs has devices by its own number only. */
static void test_btrfs(void **state)
{
	struct us_place_fs fs = {.magic = 0x9123683e, .dev_minor = 40};

	(void)state;
	for (uint8_t i = 0; i < sizeof(fs.uuid); i++) {
		fs.uuid[i] = (uint8_t)(i + 1);
	}
	assert_true(us_place_rotates(scratch, &fs));
	fs.uuid[0] = 0;
	assert_false(us_place_rotates(scratch, &fs));
}

/**
 * What is asked of real files: one that is empty has no place, a directory's or a bad descriptor's is told or refused.
 */
static void test_extent(void **state)
{
	struct us_place_fs fs;
	uint64_t where = 1;
	int fd = open(in_scratch("empty"), O_RDWR | O_CREAT, 0600);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(us_place_fs(fd, &fs), 0);
	assert_true(fs.magic != 0);
	assert_true(us_place_first_extent(fd, &where) <= 0);
	assert_int_equal(where, 1);
	close(fd);
	assert_int_equal(us_place_first_extent(-1, &where), -EBADF);
	assert_int_equal(us_place_fs(-1, &fs), -EBADF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rotates),
		cmocka_unit_test(test_btrfs),
		cmocka_unit_test(test_extent),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
