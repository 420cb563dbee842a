/* SPDX-License-Identifier: MIT */
/**
 * @file boot.h
 * Which kernel this is.
 */
#ifndef US_SYS_BOOT_H
#define US_SYS_BOOT_H

#include <stdint.h>

/**
 * A number for this kernel from its start to its end, the same in all of its containers.  Any thread.
 *
 * @return it, never 0; or 0 when it can't be told.
 */
uint64_t us_boot_id(void);

#endif /* US_SYS_BOOT_H */
