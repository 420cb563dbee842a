/* SPDX-License-Identifier: MIT */
/*
 *	"usk1" + 43 characters + 4 of a check sum ── HMAC with a label ──┐
 *	any other text ── scrypt ──────────────────── HMAC with a label ─┴─ one key for each use
 *
 * The first 256 bits are decoded from the 43 characters (base64 with - and _); they are the key of the HMAC as they
 * are.
 */
#include "net/secret.h"

#include "base/quote.h"
#include "base/us.h"
#include "sys/call.h"

#include <assert.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX "usk1"
#define PREFIX_LENGTH 4u
#define DATA_LENGTH 43u /* 256 bits in base64. */
#define SUM_LENGTH 4u   /* 24 bits. */

static_assert(PREFIX_LENGTH + DATA_LENGTH + SUM_LENGTH == US_SECRET_MADE, "the form of a secret");

/*
 * scrypt (RFC 7914): 32 MiB and, three times, some 80 ms on a processor of 2022.  Part of the protocol: both sides do
 * the same.
 */
#define SCRYPT_SALT "uring-sync shared secret, version 1"
#define SCRYPT_N 32768u
#define SCRYPT_R 8u
#define SCRYPT_P 3u
#define SCRYPT_MEMORY (64u << 20)

/** A secret with less to guess than this is told to be weak. */
#define STRONG_BITS 100u

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void us_secret_wipe(void *memory, size_t size)
{
	OPENSSL_cleanse(memory, size);
}

int us_random(void *out, size_t size)
{
	return RAND_bytes(out, (int)size) == 1 ? 0 : -EIO;
}

bool us_key_equal(const uint8_t a[US_KEY_SIZE], const uint8_t b[US_KEY_SIZE])
{
	return CRYPTO_memcmp(a, b, US_KEY_SIZE) == 0;
}

int us_hmac(uint8_t out[US_KEY_SIZE], const uint8_t key[US_KEY_SIZE], const char *label, const uint8_t *const *pieces,
            unsigned int nr)
{
	uint8_t text[256];
	size_t length = strlen(label) + 1;

	if (length + (size_t)nr * US_KEY_SIZE > sizeof(text)) {
		return -EIO;
	}
	memcpy(text, label, length);
	for (unsigned int i = 0; i < nr; i++) {
		memcpy(text + length, pieces[i], US_KEY_SIZE);
		length += US_KEY_SIZE;
	}
	return HMAC(EVP_sha256(), key, US_KEY_SIZE, text, length, out, NULL) != NULL ? 0 : -EIO;
}

/** Write NR characters of base64 for BYTES, of which the last character may have too few bits. */
static void encode(char *out, size_t nr, const uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < nr; i++) {
		size_t bit = i * 6;
		unsigned int pair = (unsigned int)bytes[bit / 8] << 8;

		if (bit / 8 + 1 < size) {
			pair |= bytes[bit / 8 + 1];
		}
		out[i] = alphabet[(pair >> (10 - bit % 8)) & 63];
	}
}

/** Read that. */
static int decode(uint8_t *bytes, size_t size, const char *text, size_t nr)
{
	memset(bytes, 0, size);
	for (size_t i = 0; i < nr; i++) {
		const char *found = text[i] != '\0' ? strchr(alphabet, text[i]) : NULL;
		size_t bit = i * 6;
		unsigned int pair;

		if (found == NULL) {
			return -EINVAL;
		}
		pair = (unsigned int)(found - alphabet) << (10 - bit % 8);
		bytes[bit / 8] |= (uint8_t)(pair >> 8);
		if (bit / 8 + 1 < size) {
			bytes[bit / 8 + 1] |= (uint8_t)pair;
		}
	}
	return 0;
}

/** The check sum of a secret's first characters. */
static void check_sum(char sum[SUM_LENGTH], const char *text)
{
	uint8_t digest[SHA256_DIGEST_LENGTH];

	SHA256((const unsigned char *)text, PREFIX_LENGTH + DATA_LENGTH, digest);
	encode(sum, SUM_LENGTH, digest, 3);
	us_secret_wipe(digest, sizeof(digest));
}

int us_secret_make(char text[US_SECRET_MADE + 1])
{
	uint8_t bytes[US_KEY_SIZE];
	int ret = RAND_priv_bytes(bytes, sizeof(bytes)) == 1 ? 0 : -EIO;

	if (ret == 0) {
		memcpy(text, PREFIX, PREFIX_LENGTH);
		encode(text + PREFIX_LENGTH, DATA_LENGTH, bytes, sizeof(bytes));
		check_sum(text + PREFIX_LENGTH + DATA_LENGTH, text);
		text[US_SECRET_MADE] = '\0';
	}
	us_secret_wipe(bytes, sizeof(bytes));
	return ret;
}

/** Take a secret in that has the form of one that was made: 0, or -EINVAL when it has a typing error. */
static int from_made(uint8_t master[US_KEY_SIZE], const char *text, size_t length)
{
	char sum[SUM_LENGTH];

	if (length != US_SECRET_MADE) {
		return -EINVAL;
	}
	check_sum(sum, text);
	if (CRYPTO_memcmp(sum, text + PREFIX_LENGTH + DATA_LENGTH, SUM_LENGTH) != 0) {
		return -EINVAL;
	}
	return decode(master, US_KEY_SIZE, text + PREFIX_LENGTH, DATA_LENGTH);
}

/** log2(VALUE) in 1/256, for VALUE > 0; at most 1/11 too small. */
static unsigned int log2_fixed(unsigned int value)
{
	unsigned int whole = 31u - (unsigned int)__builtin_clz(value);

	return whole * 256 + (unsigned int)((((uint64_t)value << 8) >> whole) - 256);
}

/** Shannon's entropy of LENGTH bytes, by how often each is there, in bits. */
static unsigned int entropy_bits(const uint8_t *bytes, size_t length)
{
	unsigned int counts[256] = {0};
	uint64_t sum = 0;

	if (length == 0) {
		return 0;
	}
	for (size_t i = 0; i < length; i++) {
		counts[bytes[i]]++;
	}
	for (size_t i = 0; i < us_array_size(counts); i++) {
		if (counts[i] > 0) {
			sum += (uint64_t)counts[i] * log2_fixed(counts[i]);
		}
	}
	sum = us_min(sum, (uint64_t)length * log2_fixed((unsigned int)length));
	return (unsigned int)(((uint64_t)length * log2_fixed((unsigned int)length) - sum) / 256);
}

unsigned int us_secret_bits(const char *text, size_t length)
{
	uint8_t steps[US_SECRET_MAX] = {0};
	bool only_words = true;
	unsigned int bits;

	length = us_min(length, (size_t)US_SECRET_MAX);
	for (size_t i = 0; i < length; i++) {
		steps[i] = (uint8_t)(text[i] - (i > 0 ? text[i - 1] : 0));
		if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ -_.,'", text[i]) == NULL) {
			only_words = false;
		}
	}
	/* The steps from one to the next tell of "abcdefgh" and "abcabcabc". */
	bits = us_min(entropy_bits((const uint8_t *)text, length), entropy_bits(steps, length));
	us_secret_wipe(steps, sizeof(steps));
	return only_words ? bits / 2 : bits; /* The letters of a word follow from one another. */
}

/** See whether TEXT can be a secret. */
static int check_text(const char *text, size_t length, char why[US_NET_TEXT_MAX])
{
	if (length == 0) {
		snprintf(why, US_NET_TEXT_MAX, "the secret is empty");
		return -EINVAL;
	}
	if (length > US_SECRET_MAX) {
		snprintf(why, US_NET_TEXT_MAX, "the secret is longer than %u bytes", US_SECRET_MAX);
		return -EINVAL;
	}
	for (size_t i = 0; i < length; i++) {
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f) {
			snprintf(why, US_NET_TEXT_MAX, "the secret has a control character, or more than one line");
			return -EINVAL;
		}
	}
	return 0;
}

int us_secret_init(struct us_secret *secret, const char *text, size_t length, char why[US_NET_TEXT_MAX])
{
	uint8_t master[US_KEY_SIZE];
	int ret = check_text(text, length, why);

	memset(secret, 0, sizeof(*secret));
	if (ret < 0) {
		return ret;
	}
	if (length >= PREFIX_LENGTH && memcmp(text, PREFIX, PREFIX_LENGTH) == 0) {
		ret = from_made(master, text, length);
		if (ret < 0) {
			snprintf(why, US_NET_TEXT_MAX,
			         "the secret begins like one of 'uring-sync keygen', but has a typing error");
		}
		secret->bits = 256;
	} else {
		secret->bits = us_secret_bits(text, length);
		secret->weak = secret->bits < STRONG_BITS;
		if (EVP_PBE_scrypt(text, length, (const unsigned char *)SCRYPT_SALT, strlen(SCRYPT_SALT), SCRYPT_N,
		                   SCRYPT_R, SCRYPT_P, SCRYPT_MEMORY, master, sizeof(master)) != 1) {
			snprintf(why, US_NET_TEXT_MAX, "no memory to stretch the secret (32 MiB)");
			ret = -ENOMEM;
		}
	}
	if (ret == 0) {
		ret = us_hmac(secret->tls, master, "uring-sync 1 tls psk", NULL, 0);
	}
	if (ret == 0) {
		ret = us_hmac(secret->auth, master, "uring-sync 1 challenge", NULL, 0);
	}
	us_secret_wipe(master, sizeof(master));
	if (ret < 0) {
		us_secret_wipe(secret, sizeof(*secret));
	}
	return ret;
}

/** See that nobody else could read the file. */
static int check_file(int fd, const char *name, char why[US_NET_TEXT_MAX])
{
	struct stat st;

	if (fstat(fd, &st) < 0) {
		return -errno;
	}
	if (S_ISDIR(st.st_mode)) {
		return -EISDIR;
	}
	if (st.st_uid != 0 && st.st_uid != geteuid()) {
		snprintf(why, US_NET_TEXT_MAX, "%s: it belongs to another user", name);
		return -EPERM;
	}
	if ((st.st_mode & 077) != 0) {
		snprintf(why, US_NET_TEXT_MAX, "%s: others have access to it (mode %03o); 'chmod 600' it", name,
		         st.st_mode & 0777u);
		return -EPERM;
	}
	return 0;
}

/** Read the file to its end, or to one byte more than it may have. */
static int read_file(int fd, char *buf, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t ret = read(fd, buf + done, size - done); /* It may be a pipe: <(pass show key). */

		if (ret < 0 && errno == EINTR) {
			continue;
		}
		if (ret < 0) {
			return -errno;
		}
		if (ret == 0) {
			break;
		}
		done += (size_t)ret;
	}
	return (int)done;
}

int us_secret_read(char *text, const char *path, char why[US_NET_TEXT_MAX])
{
	char name[256];
	char buf[US_SECRET_MAX + 3]; /* A line's end, and one that is too much. */
	int fd = us_openat(AT_FDCWD, path, O_RDONLY | O_NOCTTY, 0);
	int ret = fd;

	us_quote(name, sizeof(name), path);
	why[0] = '\0';
	if (fd >= 0) {
		ret = check_file(fd, name, why);
		if (ret == 0) {
			ret = read_file(fd, buf, sizeof(buf));
		}
		us_close(fd);
	}
	if (ret > 0 && buf[ret - 1] == '\n') {
		ret--;
		if (ret > 0 && buf[ret - 1] == '\r') {
			ret--;
		}
	}
	if (ret >= 0) {
		char reason[US_NET_TEXT_MAX];
		int wrong = check_text(buf, (size_t)ret, reason);

		if (wrong < 0) {
			snprintf(why, US_NET_TEXT_MAX, "%s: %.200s", name, reason);
			ret = wrong;
		} else {
			memcpy(text, buf, (size_t)ret);
			text[ret] = '\0';
		}
	}
	us_secret_wipe(buf, sizeof(buf));
	if (ret < 0 && why[0] == '\0') {
		snprintf(why, US_NET_TEXT_MAX, "%s: %s", name, strerror(-ret));
	}
	return ret;
}
