/* SPDX-License-Identifier: MIT */
/* sys/landlock: what a process can still reach, each in a child of its own, as there is no way back. */
#include "unit.h"

#include "sys/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char root[64];

/** Two directories, and a file beside them. */
static int setup(void **state)
{
	char path[128];

	(void)state;
	snprintf(root, sizeof(root), "/var/tmp/unit-landlock.XXXXXX");
	if (mkdtemp(root) == NULL || chdir(root) != 0 || mkdir("in", 0755) != 0 || mkdir("in/sub", 0755) != 0 ||
	    mkdir("seen", 0755) != 0) {
		return -1;
	}
	snprintf(path, sizeof(path), "%s/outside", root);
	return close(open(path, O_WRONLY | O_CREAT, 0644)) | close(open("seen/file", O_WRONLY | O_CREAT, 0644));
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", root);
	return chdir("/") != 0 || system(command) != 0 ? -1 : 0;
}

/** In the sandbox: 0, or the line of what is not as it should be. */
static int inside(void)
{
	const struct us_landlock_tree trees[] = {
		{"in", US_LANDLOCK_ALL}, {"seen", US_LANDLOCK_READS}, {"not-there", US_LANDLOCK_ALL}, {"/tmp", US_LANDLOCK_SPOOLS}};
	char *const program[] = {(char[]){"/bin/true"}, NULL};
	int kept = open("outside", O_RDWR);
	int fd;

#define REQUIRE(condition)       \
	do {                     \
		if (!(condition)) { \
			return __LINE__ % 256; \
		}                \
	} while (0)
	REQUIRE(us_landlock_enter(trees, unit_nr(trees)) == 0);
	/* Within: everything. */
	fd = open("in/file", O_RDWR | O_CREAT | O_EXCL, 0644);
	REQUIRE(fd >= 0 && write(fd, "x", 1) == 1 && ftruncate(fd, 0) == 0);
	REQUIRE(link("in/file", "in/sub/link") == 0);
	REQUIRE(rename("in/sub/link", "in/moved") == 0);
	REQUIRE(symlink("../outside", "in/symlink") == 0);
	REQUIRE(mkdir("in/dir", 0700) == 0 && mkfifo("in/fifo", 0600) == 0 && rmdir("in/dir") == 0);
	/* What may be seen is not written. */
	REQUIRE(open("seen/file", O_RDONLY) >= 0);
	REQUIRE(open("seen/file", O_WRONLY) < 0 && errno == EACCES);
	REQUIRE(unlink("seen/file") != 0 && errno == EACCES);
	/* A file without a name may be in that place, as far as its file system has them; no other is made. */
	REQUIRE(open("/tmp", O_TMPFILE | O_RDWR, 0600) >= 0 || errno == EOPNOTSUPP);
	REQUIRE(open("/tmp/unit-landlock.new", O_WRONLY | O_CREAT, 0600) < 0 && errno == EACCES);
	/* Outside: nothing, on no way. */
	REQUIRE(open("/var", O_RDONLY) < 0 && errno == EACCES);
	REQUIRE(open("outside", O_RDONLY) < 0 && errno == EACCES);
	REQUIRE(open("in/../outside", O_WRONLY) < 0 && errno == EACCES);
	REQUIRE(open("in/symlink", O_WRONLY) < 0 && errno == EACCES);
	REQUIRE(open("new", O_WRONLY | O_CREAT, 0644) < 0 && errno == EACCES);
	REQUIRE(open("/etc/passwd", O_RDONLY) < 0 && errno == EACCES);
	REQUIRE(rename("in/file", "file") != 0);
	REQUIRE(link("outside", "in/outside") != 0);
	REQUIRE(unlink("outside") != 0 && errno == EACCES);
	/* No program; and what was open stays. */
	REQUIRE(execv(program[0], program) < 0 && errno == EACCES);
	REQUIRE(write(kept, "x", 1) == 1);
	return 0;
}

static void test_enter(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	if (us_landlock_version() == -EOPNOTSUPP) {
		skip(); /* This kernel has no Landlock, or the first version of it. */
	}
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		_exit(inside());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) != 0) {
		fail_msg("line %d (of 256) of the child", WEXITSTATUS(status));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_enter, setup, teardown)};

	return cmocka_run_group_tests_name("sys/landlock", tests, NULL, NULL);
}
