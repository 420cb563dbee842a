/* SPDX-License-Identifier: MIT */
/**
 * @file fstype.h
 * What is known of file systems by their type (statfs(2)).
 */
#ifndef US_SYS_FSTYPE_H
#define US_SYS_FSTYPE_H

#include <stdbool.h>
#include <stdint.h>

/** Which file system something is on. */
struct us_fstype {
	uint32_t magic; /**< statfs(2), f_type. */
	uint64_t id;    /**< f_fsid: tells file systems of one kind apart. */
};

/** Ask what PATH is on.  @return false when that is not told; then *FS is zeros. */
bool us_fstype_of(const char *path, struct us_fstype *fs);

/**
 * True when SEEK_HOLE (lseek(2)) tells the truth on the file system of the open file FD.  Some network and FUSE file
 * systems call data that they have not fetched yet a hole; who believes that makes copies full of zeros.
 */
bool us_fstype_has_true_holes(int fd);

/** True when the file system of FD is known to lie on a disk of this machine, or in its memory. */
bool us_fstype_is_local(int fd);

/** The same for those to whom a failure is no answer.  @return 1, 0, or a negative errno of fstatfs(2). */
int us_fstype_ask_local(int fd);

/**
 * True when the file system of FD, or its server, copies by itself when it is asked to (copy_file_range(2)), and could
 * not share blocks instead: NFS and SMB.
 */
bool us_fstype_copies_itself(int fd);

/** False when blocks that are reserved (fallocate(2)) are not compressed any more, when they are written: Btrfs. */
bool us_fstype_reserves(int fd);

#endif /* US_SYS_FSTYPE_H */
