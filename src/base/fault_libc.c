/* SPDX-License-Identifier: MIT */
/*
 * What the C library does for the program, made to fail as URING_SYNC_FAULT asks for.  Linked into test builds only,
 * where the linker gives each name here to its __wrap_ function (ld(1), --wrap; src/meson.build): only for the
 * program's own objects, so neither a sanitizer's calls nor those of other libraries are met.
 */
#include "base/fault.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <sys/vfs.h>

/** True, with errno set, when the call OP is to fail. */
static int fails(const char *op)
{
	int ret = us_fault(op);

	if (ret < 0) {
		errno = -ret;
	}
	return ret < 0;
}

/** The function that stands for NAME: fails as OP does, with the value FAILED. */
#define WRAP(type, name, op, failed, parameters, arguments)     \
	type __real_##name parameters;                          \
	type __wrap_##name parameters;                          \
	type __wrap_##name parameters                           \
	{                                                       \
		return fails(op) ? (failed) : __real_##name arguments; \
	}

WRAP(void *, malloc, "alloc", NULL, (size_t size), (size))
WRAP(void *, calloc, "alloc", NULL, (size_t nr, size_t size), (nr, size))
WRAP(void *, realloc, "alloc", NULL, (void *old, size_t size), (old, size))
WRAP(void *, reallocarray, "alloc", NULL, (void *old, size_t nr, size_t size), (old, nr, size))
WRAP(void *, aligned_alloc, "alloc", NULL, (size_t alignment, size_t size), (alignment, size))
WRAP(char *, strdup, "alloc", NULL, (const char *text), (text))
WRAP(char *, strndup, "alloc", NULL, (const char *text, size_t size), (text, size))
WRAP(char *, getcwd, "alloc", NULL, (char *buf, size_t size), (buf, size))
WRAP(FILE *, open_memstream, "alloc", NULL, (char **text, size_t *size), (text, size))
WRAP(ssize_t, getdelim, "alloc", -1, (char **line, size_t *size, int end, FILE *file), (line, size, end, file))
WRAP(ssize_t, getline, "alloc", -1, (char **line, size_t *size, FILE *file), (line, size, file))
WRAP(int, vasprintf, "alloc", -1, (char **text, const char *format, va_list args), (text, format, args))

WRAP(void *, mmap64, "mmap", MAP_FAILED, (void *at, size_t size, int protection, int flags, int fd, off_t offset),
     (at, size, protection, flags, fd, offset))
WRAP(int, unshare, "unshare", -1, (int flags), (flags))
WRAP(int, fstatfs64, "fstatfs", -1, (int fd, struct statfs *fs), (fd, fs))
WRAP(FILE *, fopen64, "fopen", NULL, (const char *path, const char *mode), (path, mode))
WRAP(FILE *, tmpfile64, "fopen", NULL, (void), ())

int __wrap_asprintf(char **text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** asprintf(3) takes its arguments one by one. */
int __wrap_asprintf(char **text, const char *format, ...)
{
	va_list args;
	int ret;

	va_start(args, format);
	ret = __wrap_vasprintf(text, format, args);
	va_end(args);
	return ret;
}

int __real_fclose(FILE *file);
int __wrap_fclose(FILE *file);

/** fclose(3) closes also when it fails. */
int __wrap_fclose(FILE *file)
{
	int ret = us_fault("fclose");
	int closed = __real_fclose(file);

	if (ret < 0) {
		errno = -ret;
	}
	return ret < 0 ? EOF : closed;
}

typedef void *thread_main(void *);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attr, thread_main *start, void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, thread_main *start, void *arg);

/** pthread_create(3) tells its error as a positive number. */
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, thread_main *start, void *arg)
{
	int ret = us_fault("thread");

	return ret < 0 ? -ret : __real_pthread_create(thread, attr, start, arg);
}
