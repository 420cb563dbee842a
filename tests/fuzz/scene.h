/* SPDX-License-Identifier: MIT */
/**
 * @file scene.h
 * Where the jobs of the targets sender and receiver work: a scratch directory, in memory if there is a place for that,
 * with
 *
 *	src       a tree to be sent, the same each time
 *	secret    what no sender may send
 *	dst       the destination, which is made anew for each run
 *	out       what no receiver may touch
 *	state     journals and temporary files
 */
#ifndef SCENE_H
#define SCENE_H

#include <usync.h>

#include <stdbool.h>
#include <stdint.h>

/** What is in secret. */
#define SCENE_SECRET "What no one was asked for."

/** Bits of a configuration's first byte: a receiver's. */
enum {
	SCENE_EXISTING = 1, /**< dst is there, with some files. */
	SCENE_TRUST = 2,
	SCENE_ORDERED = 4,
	SCENE_JOURNAL = 8,
	SCENE_RECV_DRY = 16,
	SCENE_RECV_VERIFY = 32,
	SCENE_TEMP_DIR = 64,
	SCENE_ONE = 128,    /**< The destination is dst/f. */
};

/** The same: a sender's. */
enum {
	SCENE_DELETE = 1,
	SCENE_CONTENTS = 2,
	SCENE_VERIFY = 4,
	SCENE_COMPRESS = 8,
	SCENE_ARCHIVE = 16,
	SCENE_DRY = 32,
	SCENE_REPORT = 64,
	SCENE_BACKUP = 128,
};

/** The second byte: a sender's sources in its lower bits, and for both these above. */
enum {
	SCENE_TREE = 0,
	SCENE_FILE,      /**< src/f alone. */
	SCENE_TWO,       /**< src/d and src/f. */
	SCENE_SOURCES = 3,
	SCENE_UPDATE = 4,
	SCENE_SPARSE = 8,
	SCENE_CONNS_SHIFT = 4, /**< Two bits: connections. */
	SCENE_IO_SHIFT = 6,    /**< Two bits: none of the ring mostly. */
};

/** Make the scratch directory, once. */
void scene_open(void);

/** Its path. */
const char *scene_path(void);

/** Connections that CONFIG wants. */
unsigned int scene_conns(const uint8_t *config);

/** A job as CONFIG wants it. */
struct usync_job *scene_send(const uint8_t *config, struct usync_peer *peer);
struct usync_job *scene_receive(const uint8_t *config, struct usync_peer *peer);

/** Make dst as CONFIG, a receiver's, wants it. */
void scene_begin(const uint8_t *config);

/** After a run: nothing was touched but dst, and that has nothing that its user did not ask for. */
void scene_check(const uint8_t *config);

/** Empty what can have been filled. */
void scene_end(void);

/** Descriptors and threads of this process. */
unsigned int scene_count(const char *what);

#endif /* SCENE_H */
