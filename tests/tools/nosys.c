/* SPDX-License-Identifier: MIT */
/*
 * nosys: run a command for which io_uring_setup(2) fails, as it does in many containers.
 *
 *	nosys [-n] COMMAND [ARGUMENT]...	-n: ENOSYS, as an old kernel; otherwise EPERM, as a sandbox
 */
#include "tool.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/** Make io_uring_setup answer ERROR for this process and what it starts. */
static void refuse_ring(unsigned int error)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (error & SECCOMP_RET_DATA)),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {
		.len = sizeof(code) / sizeof(code[0]),
		.filter = code,
	};

	must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs");
	must(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), "seccomp");
}

int main(int argc, char **argv)
{
	int first = 1;
	unsigned int error = EPERM;

	if (argc > 1 && strcmp(argv[1], "-n") == 0) {
		error = ENOSYS;
		first = 2;
	}
	if (first >= argc) {
		die("usage: nosys [-n] COMMAND [ARGUMENT]...");
	}
	refuse_ring(error);
	execvp(argv[first], &argv[first]);
	die("%s", argv[first]);
}
