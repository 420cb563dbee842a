/* SPDX-License-Identifier: MIT */
/*
 * sweep: let each call of a copy fail once, each time in a run of its own.
 *
 *	sweep [-f FIRST] [-e EVERY] [-a ACTION] [-o OP,OP...] [-x OP,OP...] [-c FLAGS] [-r] [-z] [-p OTHER] PROGRAM OPTION...
 *
 * In the working directory there is src, and there may be before, which holds all that a run finds: dst and whatever
 * OPTIONs name.  Each run has a copy of that, run, as its working directory, in which "PROGRAM OPTION... ../src dst"
 * is started with URING_SYNC_FAULT=OP:ACTION@N (EIO; for the memory ENOMEM), N from 1 to where there is no Nth call of
 * the kind: the first FIRST (10) and then every EVERYth (1).  -o: these calls alone; -x: not these.  Then
 *
 *	the program has ended by itself with a status that the manual has, and said why when that is not 0; it was
 *	not a sanitizer that ended it, and no descriptor was left open;
 *	with -z, for errors that can pass, the status is 0;
 *	with status 0 the two trees are the same (to "treecmp FLAGS"; -r: not where the program said that something can't be kept);
 *	each file of dst holds what that in src does, or what it held before;
 *	each file of before, where OPTIONs have --backup, is there still, under its own name or its backup's;
 *	a second run without failures (of the program OTHER, a faster build of it) ends with status 0 and the trees the same, and leaves nothing of its own behind.
 *
 * Exit 1 when one of these is not so; each is told with what makes it happen again.
 */
#include "tool.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/** A run takes a few milliseconds; one that takes so many seconds hangs. */
#define HANG_SECONDS 60

/** Most options that are handed on. */
#define ARGS_MAX 64

static struct {
	unsigned long first;
	unsigned long every;
	const char *action;
	const char *only;
	const char *except;
	const char *flags;
	const char *second;
	bool relaxed;
	bool unharmed;
	bool backup;
	const char **program;
	unsigned long runs;
	unsigned long wrong;
} sweep = {.first = 10, .every = 1, .flags = "-OXH"};

/** The failure at hand, for messages. */
static char fault[64];

/** What nftw(3)'s callbacks found. */
static char found[4096];

/** Say what is wrong with the run at hand. */
__attribute__((format(printf, 1, 2))) static void wrong(const char *format, ...)
{
	va_list args;

	printf("URING_SYNC_FAULT=%s", fault);
	for (const char **arg = sweep.program; *arg != NULL; arg++) {
		printf(" %s", *arg);
	}
	printf(": ");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
	if (++sweep.wrong >= 40) {
		printf("that is enough\n");
		exit(1);
	}
}

/** Show the end of what a run has printed. */
static void show(const char *file)
{
	char text[1500];
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? 0 : read(fd, text, sizeof(text));

	if (length > 0) {
		printf("  | %.*s\n", (int)length, text);
	}
	if (fd >= 0) {
		close(fd);
	}
}

/**
 * Run ARGV in DIR with its output in the file OUT, and with the failure FAULT where there is one.
 * @return its wait status.
 */
static int run(const char *const *argv, const char *dir, const char *out, const char *with_fault)
{
	int status;
	pid_t pid;

	fflush(stdout); /* The child must not print it a second time. */
	pid = must(fork(), "fork");
	if (pid == 0) {
		int fd = must(open(out, O_WRONLY | O_CREAT | O_TRUNC, 0600), out);

		must(dup2(fd, STDOUT_FILENO), "dup");
		must(dup2(fd, STDERR_FILENO), "dup");
		close(fd);
		if (with_fault != NULL) {
			char log[4096];

			must_alloc(getcwd(log, sizeof(log) - 8));
			strcat(log, "/log");
			unlink(log);
			must(setenv("URING_SYNC_FAULT", with_fault, 1), "setenv");
			must(setenv("URING_SYNC_FAULT_LOG", log, 1), "setenv");
		}
		must(chdir(dir), dir);
		alarm(HANG_SECONDS);
		execvp(argv[0], (char *const *)(uintptr_t)argv);
		die("%s", argv[0]);
	}
	must(waitpid(pid, &status, 0), "wait");
	return status;
}

/** A command that must not fail. */
static void do_command(const char *const *argv)
{
	int status = run(argv, ".", "out.command", NULL);

	if (status != 0) {
		show("out.command");
		errno = 0;
		die("%s failed", argv[0]);
	}
}

/** True when the trees A and B are the same, as far as FLAGS go. */
static bool is_same(const char *a, const char *b)
{
	int status = run((const char *[]){"treecmp", sweep.flags, a, b, NULL},
	                 ".", "out.treecmp", NULL);

	if (!WIFEXITED(status) || WEXITSTATUS(status) > 1) {
		show("out.treecmp");
		errno = 0;
		die("treecmp failed");
	}
	return status == 0;
}

/** How often OP was called in the last run; all of the log in TEXT. */
static unsigned long count_of(const char *op, char *text, size_t size)
{
	int fd = open("log", O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? 0 : read(fd, text, size - 1);
	char line[64];
	char *at;

	if (fd >= 0) {
		close(fd);
	}
	text[length > 0 ? length : 0] = '\0';
	snprintf(line, sizeof(line), "%s ", op);
	for (at = text; at != NULL && *at != '\0'; at = strchr(at, '\n')) {
		at += *at == '\n';
		if (strncmp(at, line, strlen(line)) == 0) {
			return strtoul(at + strlen(line), NULL, 10);
		}
	}
	return 0;
}

/** True when NAME is one of LIST, which has commas. */
static bool is_listed(const char *list, const char *name)
{
	size_t length = strlen(name);

	while (list != NULL && *list != '\0') {
		if (strncmp(list, name, length) == 0 && (list[length] == ',' || list[length] == '\0')) {
			return true;
		}
		list = strchr(list, ',');
		list += list != NULL;
	}
	return false;
}

/** True when the regular files A and B hold the same bytes. */
static bool holds_same(const char *a, const char *b)
{
	char left[16384];
	char right[16384];
	int fd[2] = {open(a, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC),
	             open(b, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)};
	bool same = fd[0] >= 0 && fd[1] >= 0;
	ssize_t n = 1;

	while (same && n > 0) {
		n = read(fd[0], left, sizeof(left));
		same = n >= 0 && read(fd[1], right, sizeof(right)) == n && memcmp(left, right, (size_t)n) == 0;
	}
	for (int i = 0; i < 2; i++) {
		if (fd[i] >= 0) {
			close(fd[i]);
		}
	}
	return same;
}

/** PATH, which begins with FROM, with TO instead. */
static const char *moved(const char *path, const char *from, const char *to)
{
	static char result[2][4096];
	static unsigned int which;

	which = !which;
	snprintf(result[which], sizeof(result[which]), "%s%s", to, path + strlen(from));
	return result[which];
}

/** Called for all in run/dst: each file is whole. */
static int check_whole(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	const char *name = path + ftw->base;
	size_t length = strlen(path);
	char original[4096];

	if (type != FTW_F || !S_ISREG(st->st_mode) || strncmp(name, ".uring-sync.", 12) == 0) {
		return 0;
	}
	if (holds_same(path, moved(path, "run/dst", "src")) || holds_same(path, moved(path, "run", "before"))) {
		return 0;
	}
	if (sweep.backup && path[length - 1] == '~') {
		snprintf(original, sizeof(original), "%.*s", (int)length - 1, path);
		if (holds_same(path, moved(original, "run", "before"))) {
			return 0;
		}
	}
	snprintf(found, sizeof(found), "%s", path);
	return 1;
}

/** Called for all in before/dst, with --backup: none is lost. */
static int check_kept(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	char backup[4100];

	(void)ftw;
	if (type != FTW_F || !S_ISREG(st->st_mode)) {
		return 0;
	}
	snprintf(backup, sizeof(backup), "%s~", moved(path, "before", "run"));
	if (holds_same(path, moved(path, "before", "run")) || holds_same(path, backup)) {
		return 0;
	}
	snprintf(found, sizeof(found), "%s", path);
	return 1;
}

/**
 * Called for all in run: nothing of the program's own is there; backups are removed, so that the trees can be compared.
 */
static int check_left(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	if (strncmp(path + ftw->base, ".uring-sync.", 12) == 0) {
		snprintf(found, sizeof(found), "%s", path);
		return 1;
	}
	if (sweep.backup && type != FTW_D && path[strlen(path) - 1] == '~') {
		struct stat parent;
		char *dir = strdup(path);

		*strrchr(dir, '/') = '\0';
		must(stat(dir, &parent), dir);
		must(unlink(path), path);
		must(utimensat(AT_FDCWD, dir, (struct timespec[]){{.tv_nsec = UTIME_OMIT}, parent.st_mtim}, 0), dir);
		free(dir);
	}
	return 0;
}

/** Make run anew. */
static void prepare(void)
{
	do_command((const char *[]){"rm", "-rf", "run", NULL});
	if (access("before", F_OK) == 0) {
		do_command((const char *[]){"cp", "-a", "before", "run", NULL});
	} else {
		must(mkdir("run", 0755), "run");
	}
}

/** True for a status that the manual has. */
static bool is_known(int status)
{
	return status == 0 || status == 1 || status == 2 || (status >= 23 && status <= 25);
}

/** True when the run has said something on standard error. */
static bool has_said(const char *what)
{
	char text[65536];
	int fd = must(open("out.run", O_RDONLY | O_CLOEXEC), "out.run");
	ssize_t length = read(fd, text, sizeof(text) - 1);

	close(fd);
	text[length > 0 ? length : 0] = '\0';
	return strstr(text, what) != NULL;
}

/** A first run, with the failure; what it has left is looked at. */
static void first_run(void)
{
	int status = run(sweep.program, "run", "out.run", fault);

	sweep.runs++;
	if (!WIFEXITED(status) || !is_known(WEXITSTATUS(status))) {
		wrong("ended with %s %d", WIFSIGNALED(status) ? "signal" : "status",
		      WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
		show("out.run");
		return;
	}
	status = WEXITSTATUS(status);
	if (status != 0 && sweep.unharmed) {
		wrong("status %d", status);
		show("out.run");
	}
	if (status != 0 && !has_said("uring-sync: ")) {
		wrong("status %d without a word", status);
		show("out.run");
	}
	if (access("run/dst", F_OK) == 0 && nftw("run/dst", check_whole, 16, FTW_PHYS) != 0) {
		wrong("%s is neither the old nor the new one", found);
		show("out.run");
	}
	if (sweep.backup && nftw("before/dst", check_kept, 16, FTW_PHYS) != 0) {
		wrong("the old %s is lost", found);
		show("out.run");
	}
	if (status == 0 && sweep.backup) {
		(void)nftw("run", check_left, 16, FTW_PHYS);
	}
	if (status == 0 && !(sweep.relaxed && has_said("could not be kept")) && !is_same("src", "run/dst")) {
		wrong("status 0, but the trees differ");
		show("out.treecmp");
		show("out.run");
	}
}

/** A second run completes it. */
static void second_run(void)
{
	const char *first = sweep.program[0];
	int status;

	sweep.program[0] = sweep.second != NULL ? sweep.second : first;
	status = run(sweep.program, "run", "out.second", NULL);
	sweep.program[0] = first;
	if (status != 0) {
		wrong("the second run ended with %s %d", WIFSIGNALED(status) ? "signal" : "status",
		      WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
		show("out.run");
		show("out.second");
		return;
	}
	if (nftw("run", check_left, 16, FTW_PHYS) != 0) {
		wrong("the second run left %s", found);
		show("out.run");
	}
	if (!is_same("src", "run/dst")) {
		wrong("the trees differ after the second run");
		show("out.treecmp");
		show("out.run");
	}
}

/** The first call of OP, the second ... @return how many were made to fail. */
static unsigned long sweep_op(const char *op)
{
	bool is_memory = strcmp(op, "alloc") == 0 || strcmp(op, "mmap") == 0;
	const char *action = is_memory && sweep.action == NULL ? "ENOMEM" : sweep.action != NULL ? sweep.action : "EIO";
	unsigned long nr = 0;

	for (unsigned long n = 1;; n += n < sweep.first ? 1 : sweep.every) {
		char text[4096];

		snprintf(fault, sizeof(fault), "%s:%s@%lu", op, action, n);
		prepare();
		first_run();
		if (count_of(op, text, sizeof(text)) < n && access("log", F_OK) == 0) {
			return nr;
		}
		nr++;
		second_run();
	}
}

/** Hand OPTIONs on, and the operands after them. */
static void set_program(char **argv)
{
	static const char *program[ARGS_MAX + 3];
	size_t nr = 0;

	for (; argv[nr] != NULL; nr++) {
		if (nr == ARGS_MAX) {
			errno = 0;
			die("too many options");
		}
		program[nr] = argv[nr];
		sweep.backup = sweep.backup || strcmp(argv[nr], "--backup") == 0;
	}
	program[nr++] = "../src";
	program[nr++] = "dst";
	sweep.program = program;
}

/** The command line. */
static void parse(int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "+f:e:a:o:x:c:rzp:")) != -1) {
		switch (option) {
		case 'f': sweep.first = strtoul(optarg, NULL, 10); break;
		case 'e': sweep.every = strtoul(optarg, NULL, 10); break;
		case 'a': sweep.action = optarg; break;
		case 'o': sweep.only = optarg; break;
		case 'x': sweep.except = optarg; break;
		case 'c': sweep.flags = optarg; break;
		case 'r': sweep.relaxed = true; break;
		case 'p': sweep.second = optarg; break;
		case 'z': sweep.unharmed = true; break;
		default: exit(TOOL_TROUBLE);
		}
	}
	if (optind == argc || sweep.first < 1 || sweep.every < 1) {
		errno = 0;
		die("usage: sweep [-f FIRST] [-e EVERY] [-a ACTION] [-o OPS] [-x OPS] [-c FLAGS] [-r] [-z] [-p OTHER] PROGRAM OPTION...");
	}
	set_program(argv + optind);
}

int main(int argc, char **argv)
{
	char text[4096];
	char *rest = NULL;

	parse(argc, argv);
	/* A failure that never comes: what is called at all, and whether all is well without one. */
	strcpy(fault, "append:EIO@1000000000");
	do_command((const char *[]){"rm", "-rf", "pristine", NULL});
	do_command((const char *[]){"cp", "-a", "src", "pristine", NULL});
	prepare();
	if (run(sweep.program, "run", "out.run", fault) != 0 || nftw("run", check_left, 16, FTW_PHYS) != 0 ||
	    !is_same("src", "run/dst")) {
		show("out.run");
		show("out.treecmp");
		errno = 0;
		die("it fails without a failure");
	}
	(void)count_of("", text, sizeof(text));
	for (char *line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
		unsigned long nr;

		*strchr(line, ' ') = '\0';
		if ((sweep.only != NULL && !is_listed(sweep.only, line)) || is_listed(sweep.except, line)) {
			continue;
		}
		nr = sweep_op(line);
		if (!is_same("pristine", "src")) {
			wrong("the source was changed");
		}
		printf("%s %lu\n", line, nr);
		fflush(stdout);
	}
	printf("%lu runs, %lu wrong\n", sweep.runs, sweep.wrong);
	return sweep.wrong > 0;
}
