/* SPDX-License-Identifier: MIT */
/*
 * swap A B [A B]...: let the names of each pair change places, again and again, as fast as the kernel can, until it is
 * killed.  So whoever looks at one of them and then uses it finds the other there, sooner or later.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
	if (argc < 3 || argc % 2 == 0) {
		fputs("usage: swap A B [A B]...\n", stderr);
		return 2;
	}
	for (;;) {
		for (int i = 1; i < argc; i += 2) {
			/* A component of one pair may be what another pair has just swapped away. */
			if (renameat2(AT_FDCWD, argv[i], AT_FDCWD, argv[i + 1], RENAME_EXCHANGE) < 0 && errno != ENOENT &&
			    errno != ENOTDIR && errno != ELOOP) {
				fprintf(stderr, "swap: %s: %s\n", argv[i], strerror(errno));
				return 1;
			}
		}
	}
}
