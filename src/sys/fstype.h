/* SPDX-License-Identifier: MIT */
/**
 * @file fstype.h
 * What is known of file systems by their type (statfs(2)).
 */
#ifndef US_SYS_FSTYPE_H
#define US_SYS_FSTYPE_H

#include <stdbool.h>

/**
 * True when SEEK_HOLE (lseek(2)) tells the truth on the file system of the open file FD.  Some network and FUSE file
 * systems call data that they have not fetched yet a hole; who believes that makes copies full of zeros.
 */
bool us_fstype_has_true_holes(int fd);

#endif /* US_SYS_FSTYPE_H */
