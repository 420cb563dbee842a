/* SPDX-License-Identifier: MIT */
/**
 * @file secret.h
 * The shared secret: made, read, judged, and turned into keys.  docs/security.md tells why it is done like this.
 *
 * One that us_secret_make() made has 256 bits; it is recognized by its form, which has a check sum against typing
 * errors.  Any other is stretched with scrypt, once, when it is taken in: both sides do the same with the same text,
 * and no peer can cause it.
 */
#ifndef US_NET_SECRET_H
#define US_NET_SECRET_H

#include "net/conn.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** The longest secret, in bytes, without a NUL. */
#define US_SECRET_MAX 1024

/** The length of one that is made, without a NUL. */
#define US_SECRET_MADE 51

/** The bytes of a key, and of a nonce. */
#define US_KEY_SIZE 32

/** Keys from a secret, one for each use.  To be wiped with us_secret_wipe(). */
struct us_secret {
	uint8_t tls[US_KEY_SIZE];  /**< The pre-shared key of TLS. */
	uint8_t auth[US_KEY_SIZE]; /**< The key of challenges and responses. */
	unsigned int bits;         /**< An estimate of what there is to guess. */
	bool weak;                 /**< So little that it should be told. */
};

/** Make a secret of 256 bits: US_SECRET_MADE printable characters, and a NUL. @return 0 or -EIO. */
int us_secret_make(char text[US_SECRET_MADE + 1]);

/**
 * Derive the keys of the LENGTH bytes of TEXT.  Takes 0.1 to 0.5 s and 32 MiB for a secret that was not made by
 * us_secret_make().
 *
 * @return 0; -EINVAL for one that is empty, too long, has control characters, or looks like one that was made and has a
 *         typing error;
 *         -ENOMEM; WHY tells in words, without the secret.
 */
int us_secret_init(struct us_secret *secret, const char *text, size_t length, char why[US_NET_TEXT_MAX]);

/**
 * Read a secret from the file PATH: its only line.  It must belong to root or to the process's user, and nobody else
 * may have any right to it.
 *
 * @param[out] text  US_SECRET_MAX + 1 bytes; to be wiped.
 * @return its length, or -EPERM, -EINVAL or another negative errno; WHY tells in words.
 */
int us_secret_read(char *text, const char *path, char why[US_NET_TEXT_MAX]);

/** An estimate of how many bits a guesser has to guess; see docs/security.md. */
unsigned int us_secret_bits(const char *text, size_t length);

/** Overwrite SIZE bytes, which the compiler must not leave out. */
void us_secret_wipe(void *memory, size_t size);

/** SIZE random bytes that nobody can foretell. @return 0 or -EIO. */
int us_random(void *out, size_t size);

/** HMAC-SHA256 over LABEL with its NUL, and NR pieces of US_KEY_SIZE bytes. @return 0 or -EIO. */
int us_hmac(uint8_t out[US_KEY_SIZE], const uint8_t key[US_KEY_SIZE], const char *label, const uint8_t *const *pieces,
            unsigned int nr);

/** Whether two keys are the same, in a time that does not depend on where they differ. */
bool us_key_equal(const uint8_t a[US_KEY_SIZE], const uint8_t b[US_KEY_SIZE]);

#endif /* US_NET_SECRET_H */
