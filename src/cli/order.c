/* SPDX-License-Identifier: MIT */
#include "cli/order.h"

#include "base/us.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAGIC "usync-s1"
#define MAGIC_SIZE 8u

/** Write all. */
static int write_all(int fd, const void *data, size_t size)
{
	const char *at = data;

	while (size > 0) {
		ssize_t ret = us_try(write(fd, at, size));

		if (ret < 0 && ret != -EINTR) {
			return (int)ret;
		}
		if (ret > 0) {
			at += ret;
			size -= (size_t)ret;
		}
	}
	return 0;
}

/** Read up to SIZE bytes, fewer only at the end. @return how many. */
static ssize_t read_all(int fd, void *data, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t ret = us_try(read(fd, (char *)data + done, size - done));

		if (ret == -EINTR) {
			continue;
		}
		if (ret < 0) {
			return ret;
		}
		if (ret == 0) {
			break;
		}
		done += (size_t)ret;
	}
	return (ssize_t)done;
}

/** Write 32 bits, the lower ones first. */
static void put32(uint8_t *out, uint32_t value)
{
	for (unsigned int i = 0; i < 4; i++) {
		out[i] = (uint8_t)(value >> (8 * i));
	}
}

/** Read them. */
static uint32_t get32(const uint8_t *in)
{
	return (uint32_t)in[0] | (uint32_t)in[1] << 8 | (uint32_t)in[2] << 16 | (uint32_t)in[3] << 24;
}

int order_greet(int fd)
{
	const char *version = usync_version();
	uint8_t head[MAGIC_SIZE + 4];
	int ret;

	memcpy(head, MAGIC, MAGIC_SIZE);
	put32(head + MAGIC_SIZE, (uint32_t)strlen(version));
	ret = write_all(fd, head, sizeof(head));
	return ret < 0 ? ret : write_all(fd, version, strlen(version));
}

int order_greeted(int fd, char version[ORDER_VERSION_MAX], char other[ORDER_VERSION_MAX])
{
	uint8_t head[MAGIC_SIZE + 4];
	ssize_t got = read_all(fd, head, sizeof(head));
	uint32_t length;

	other[0] = '\0';
	if (got <= 0) {
		return got < 0 ? (int)got : -ENODATA;
	}
	if (got < (ssize_t)sizeof(head) || memcmp(head, MAGIC, MAGIC_SIZE) != 0) {
		memcpy(other, head, (size_t)got);
		other[got] = '\0';
		return -EPROTO;
	}
	length = get32(head + MAGIC_SIZE);
	if (length == 0 || length >= ORDER_VERSION_MAX) {
		return -EPROTO;
	}
	got = read_all(fd, version, length);
	if (got < (ssize_t)length) {
		return got < 0 ? (int)got : -ENODATA;
	}
	version[length] = '\0';
	return 0;
}

/** Add up the bytes of strings. */
static uint64_t size_of(const struct opts_words *words)
{
	uint64_t size = 0;

	for (size_t i = 0; i < words->nr; i++) {
		size += strlen(words->words[i]) + 1;
	}
	return size;
}

int order_write(int fd, const struct opts_words *words, const struct opts_words *files)
{
	uint64_t size = size_of(words) + size_of(files);
	uint8_t head[MAGIC_SIZE + 12];
	char *all;
	char *at;
	int ret;

	if (size > ORDER_MAX) {
		return -E2BIG;
	}
	all = malloc(size + 1);
	if (all == NULL) {
		return -ENOMEM;
	}
	at = all;
	for (size_t i = 0; i < words->nr; i++) {
		at = stpcpy(at, words->words[i]) + 1;
	}
	for (size_t i = 0; i < files->nr; i++) {
		at = stpcpy(at, files->words[i]) + 1;
	}
	memcpy(head, MAGIC, MAGIC_SIZE);
	put32(head + MAGIC_SIZE, (uint32_t)size);
	put32(head + MAGIC_SIZE + 4, (uint32_t)words->nr);
	put32(head + MAGIC_SIZE + 8, (uint32_t)files->nr);
	ret = write_all(fd, head, sizeof(head));
	if (ret == 0) {
		ret = write_all(fd, all, size);
	}
	free(all);
	return ret;
}

/** Take NR strings out of what was read, up to END. */
static int take(struct opts_words *words, uint32_t nr, const char **at, const char *end)
{
	for (uint32_t i = 0; i < nr; i++) {
		const char *stop = memchr(*at, '\0', (size_t)(end - *at));
		int ret;

		if (stop == NULL) {
			return -EPROTO;
		}
		ret = opts_words_add(words, "%s", *at);
		if (ret < 0) {
			return ret;
		}
		*at = stop + 1;
	}
	return 0;
}

int order_read(int fd, struct opts_words *words, struct opts_words *files)
{
	uint8_t head[MAGIC_SIZE + 12];
	ssize_t got = read_all(fd, head, sizeof(head));
	const char *at;
	uint32_t size;
	char *all;
	int ret;

	*words = (struct opts_words){0};
	*files = (struct opts_words){0};
	if (got < (ssize_t)sizeof(head) || memcmp(head, MAGIC, MAGIC_SIZE) != 0) {
		return got < 0 ? (int)got : -EPROTO;
	}
	size = get32(head + MAGIC_SIZE);
	if (size > ORDER_MAX) {
		return -EPROTO;
	}
	all = malloc((size_t)size + 1);
	if (all == NULL) {
		return -ENOMEM;
	}
	got = read_all(fd, all, size);
	at = all;
	ret = got < 0 ? (int)got : got < (ssize_t)size ? -EPROTO : 0;
	if (ret == 0) {
		ret = take(words, get32(head + MAGIC_SIZE + 4), &at, all + size);
	}
	if (ret == 0) {
		ret = take(files, get32(head + MAGIC_SIZE + 8), &at, all + size);
	}
	if (ret == 0 && at != all + size) {
		ret = -EPROTO;
	}
	free(all);
	if (ret < 0) {
		opts_words_free(words);
		opts_words_free(files);
	}
	return ret;
}
