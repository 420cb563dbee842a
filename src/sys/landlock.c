/* SPDX-License-Identifier: MIT */
#include "sys/landlock.h"

#include "base/us.h"
#include "sys/call.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Newer than the headers of Debian 12. */
#ifndef LANDLOCK_ACCESS_FS_REFER
#define LANDLOCK_ACCESS_FS_REFER (1ULL << 13) /* Version 2. */
#endif
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14) /* Version 3, Linux 6.2. */
#endif

#define READS (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define WRITES                                                                                                   \
	(LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |        \
	 LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |              \
	 LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |           \
	 LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_REFER)

/** What a rule for something that is no directory may name. */
#define OF_FILES (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_TRUNCATE)

int us_landlock_version(void)
{
	int version =
		(int)us_try(syscall(SYS_landlock_create_ruleset, NULL, (size_t)0, LANDLOCK_CREATE_RULESET_VERSION));

	if (version == -ENOSYS || version == 0 || version == 1) {
		return -EOPNOTSUPP;
	}
	return version;
}

/** Leave one tree in reach. */
static int add_tree(int ruleset, const struct us_landlock_tree *tree, uint64_t handled)
{
	static const uint64_t rights[] = {
		[US_LANDLOCK_READS] = READS,
		[US_LANDLOCK_SPOOLS] = OF_FILES,
		[US_LANDLOCK_ALL] = READS | WRITES | LANDLOCK_ACCESS_FS_TRUNCATE,
	};
	struct landlock_path_beneath_attr rule = {.allowed_access = rights[tree->reach]};
	struct stat st;
	int ret;

	rule.parent_fd = us_openat(AT_FDCWD, tree->path, O_PATH, 0);
	if (rule.parent_fd < 0) {
		return rule.parent_fd == -ENOENT ? 0 : rule.parent_fd;
	}
	rule.allowed_access &= handled;
	ret = us_try(fstat(rule.parent_fd, &st));
	if (ret == 0 && !S_ISDIR(st.st_mode)) {
		rule.allowed_access &= OF_FILES;
	}
	if (ret == 0) {
		ret = (int)us_try(syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0u));
	}
	us_close(rule.parent_fd);
	return ret;
}

int us_landlock_enter(const struct us_landlock_tree *trees, size_t nr)
{
	struct landlock_ruleset_attr attr = {.handled_access_fs = READS | WRITES | LANDLOCK_ACCESS_FS_EXECUTE};
	int version = us_landlock_version();
	int ruleset;
	int ret = 0;

	if (version < 0) {
		return version;
	}
	if (version >= 3) {
		attr.handled_access_fs |= LANDLOCK_ACCESS_FS_TRUNCATE;
	}
	ruleset = (int)us_try(syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0u));
	if (ruleset < 0) {
		return ruleset;
	}
	for (size_t i = 0; i < nr && ret == 0; i++) {
		ret = add_tree(ruleset, &trees[i], attr.handled_access_fs);
	}
	if (ret == 0) {
		ret = us_try(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	}
	if (ret == 0) {
		ret = (int)us_try(syscall(SYS_landlock_restrict_self, ruleset, 0u));
	}
	us_close(ruleset);
	return ret;
}
