/* SPDX-License-Identifier: MIT */
/**
 * @file hostile.h
 * A peer that does not keep to the protocol, for tests: what it says is put together by hand, from docs/protocol.md and
 * the structures in wire.h alone.
 */
#ifndef UNIT_HOSTILE_H
#define UNIT_HOSTILE_H

#include "scratch.h"
#include "unit.h"

#include "net/wire.h"

#include <usync.h>

#include <stdint.h>

/** The job under test. */
extern struct usync_job *job;

/** The other end of the job's connection, and of a second one, or -1. */
extern int fd;
extern int other;

/** What is said in HELLO, and asked of the job. */
extern unsigned int features;
extern unsigned int level;
extern unsigned int connections; /**< 1 or 2. */
extern uint64_t large_size;
extern uint32_t chunk_size;
extern uint64_t max_rate;

/** A receiver's: it was not asked for deletions; a sender's: it wishes for them. */
extern bool ordered;
extern bool limits; /**< Its user allows no deletion (--max-delete=0). */
extern bool removes;

/** What is going to be sent. */
extern unsigned char payload[1 << 20];
extern size_t length;

/** The payload that was read last. */
extern unsigned char heard[1 << 20];
extern size_t heard_length;

/** Make src, out (which nothing may come into), and no dst yet. */
int setup(void **state);

/** Start a receiver into dst, or a sender of src, that this program speaks to; SECONDS of silence are allowed. */
void begin(bool receives, unsigned int seconds);

/** Wait for the job, which fails with TEXT; then nothing lies where it may not, and the process is well. */
void expect_failure(const char *text);

/** Add bytes to the payload. */
void add(const void *bytes, size_t size);

/** Send what was added as a frame of TYPE with FLAGS. */
void send_flagged(unsigned int type, unsigned int flags);

/** The same without flags. */
void send_frame(unsigned int type);

/** Say hello as ROLE. */
void hello(unsigned int role);

/** Add a record of TYPE: its fixed part, then MORE bytes. */
void record(unsigned int type, unsigned int flags, const void *fixed, size_t size, const void *more, size_t more_size);

/** Say what is wanted: a tree. */
void begin_sending(void);

/** Say what is wanted: one file, which takes the destination's name in the directory above it. */
void begin_one(void);

/** Add a regular file NAME (SIZE bytes with what follows) in DIR. */
void file(uint64_t dir, uint32_t token, const char *name, size_t size);

/** Read frames until one of TYPE has come.  None of them has a flag.  @return its head. */
const struct us_wire_head *hear(unsigned int type);

#endif /* UNIT_HOSTILE_H */
