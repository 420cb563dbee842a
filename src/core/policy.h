/* SPDX-License-Identifier: MIT */
/**
 * @file policy.h
 * Every number that was chosen by measurement (docs/performance.md has the figures), and what follows from measuring
 * while a job runs: which calls are slow, and how many workers that asks for.
 */
#ifndef US_CORE_POLICY_H
#define US_CORE_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Worker threads for each processor: some wait for the disk while others copy. */
#define US_POLICY_JOBS_PER_CPU 3u

/** At least and at most so many workers by default. */
#define US_POLICY_JOBS_MIN 2u
#define US_POLICY_JOBS_MAX 32u

/** Files in flight for each worker. */
#define US_POLICY_QUEUE_DEPTH 256u

/** The window is filled again when only 1 / US_POLICY_LOW of it is left in flight. */
#define US_POLICY_LOW 4u

/** Bytes of one read or write. */
#define US_POLICY_CHUNK (256u << 10)

/** Bytes of file contents in memory for each worker, when chunks are not larger than half of it. */
#define US_POLICY_BUFFER (8u << 20)

/** The same when chunks have CHUNK bytes: room for two at least. */
static inline size_t us_policy_buffer(uint32_t chunk)
{
	return (size_t)chunk * 2 > US_POLICY_BUFFER ? (size_t)chunk * 2 : US_POLICY_BUFFER;
}

/** Entries that one worker takes as a whole: enough for its window, few enough to share at the end. */
#define US_POLICY_SLICE 256u

/** A slice with fewer entries left is not divided for the sake of a worker that has none. */
#define US_POLICY_SHARE 8u

/** The same while calls are slow. */
#define US_POLICY_SHARE_NARROW 2u

/** Bytes of one listing (names and 16 bytes an entry): about 250,000 entries. */
#define US_POLICY_LISTING_BYTES (8u << 20)

/** Child directories that one listing may bring, and when so many tasks are waiting already. */
#define US_POLICY_CHILDREN 16384u
#define US_POLICY_CHILDREN_CROWDED 256u
#define US_POLICY_CROWD 32768u

/** Files handed to the sink together. */
#define US_POLICY_GROUP 64u

/** And so many bytes at most, unless one alone has more: what was read is written while the processor has it cached. */
#define US_POLICY_GROUP_BYTES (256u << 10)

/** Directories being opened at a time by each worker (more than one only when opens go to the ring). */
#define US_POLICY_OPENING 64u

/** Directories that keep their descriptors while no one uses them. */
#define US_POLICY_OPEN_DIRS 4096u

/** Files from this size on are gone on with by the next run, when there is a journal. */
#define US_POLICY_PART_BYTES (16u << 20)

/** Files from this size on are copied in ranges by several workers. */
#define US_POLICY_LARGE (64ull << 20)

/**
 * Bytes of one range, and of one where a journal is kept: what of it was written is lost when the process is killed.
 */
#define US_POLICY_RANGE (32u << 20)
#define US_POLICY_RANGE_JOURNAL (8u << 20)

/** Bytes of one read or write of a large file. */
#define US_POLICY_LARGE_REQUEST (1u << 20)

/** Workers that help one other with its large file. */
#define US_POLICY_HELPERS 5u

/**
 * So many files a worker opens at least, beside those that it reads, to read them by extents; then it stops where a
 * listing ends, for the files of one lie together; and it stops anyway at _MAX.
 */
#define US_POLICY_GATHER 1024u
#define US_POLICY_GATHER_MAX 4096u

/** The first of these for a disk that turns. */
#define US_POLICY_GATHER_DISK 3072u

/** Pairs of neighbours whose extents are asked for to see whether they lie in the order of their inodes. */
#define US_POLICY_SAMPLE 48u

/** Of one slice no more than so many: the sample is to tell of several places. */
#define US_POLICY_SAMPLE_RUN 12u

/** They do not when more than one in so many pairs descends; of shuffled ones every second does. */
#define US_POLICY_DESCENT_PARTS 4u

/** After so many files a second sample is taken, and another whenever there are twice as many. */
#define US_POLICY_RESAMPLE 8192u

/** Unknown file systems: so long must a listing be to judge by, and all but one part of so many of its inodes rise. */
#define US_POLICY_JUDGED 16u
#define US_POLICY_RISING_PARTS 4u

/** How often the journal is written. */
#define US_POLICY_JOURNAL_SECONDS 1

/** The same when everything is brought to the disk first. */
#define US_POLICY_SYNC_SECONDS 5

/** Calls that take this long are slow: others should go on meanwhile.  Those of local disks take 2 to 40 us. */
#define US_POLICY_SLOW_NS 300000u

/** They are fast again when they take no more than this. */
#define US_POLICY_FAST_NS 100000u

/** So many calls of a kind are looked at together. */
#define US_POLICY_SAMPLES 32u

/**
 * The same where a server or another process answers, where no cold disk is to be taken for a slow one: then one look
 * suffices.
 */
#define US_POLICY_SAMPLES_FAR 4u

/**
 * So many such looks in a row have to find a kind slow before it is taken to be, for the first calls on a cold disk
 * are; and so many a slow one fast.
 */
#define US_POLICY_LOOKS_SLOW 2u
#define US_POLICY_LOOKS      4u

/** How often the calls are looked at: in the beginning (so many times) and while some are slow; and else. */
#define US_POLICY_TICK_NS      5000000u
#define US_POLICY_TICKS        40u
#define US_POLICY_TICK_CALM_NS 25000000u

/** Workers at most, with those that come because calls are slow. */
#define US_POLICY_WORKERS_MAX 256u

/** Processor time of a slow call, on both sides of it: a processor keeps as many going as this fits the wait. */
#define US_POLICY_CALL_NS 50000u

/** Files in flight for each worker while calls are slow, and room for them in those workers that came for that. */
#define US_POLICY_NARROW 2u
#define US_POLICY_LATE_DEPTH 4u

/**
 * While creates are slow a directory is shared by one part of so many of the workers there are for each directory in
 * hand, and by _MIN at least.
 */
#define US_POLICY_SHARERS_PART 2u
#define US_POLICY_SHARERS_MIN  4u

/** Until it is known how long calls take, the window begins with so many files and doubles when they are done. */
#define US_POLICY_WINDOW_FIRST 4u

/** More workers are kept when they make calls so much faster (percent). */
#define US_POLICY_GAIN 110u

/** How long a number of workers is tried: so long at least, and so many calls one after another. */
#define US_POLICY_TRIAL_NS    30000000u
#define US_POLICY_TRIAL_CALLS 10u

/**
 * When growing did not pay it is tried again so much later; and when it did not again, after twice as long, up to _MAX
 * times.
 */
#define US_POLICY_RETRY_NS  2000000000u
#define US_POLICY_RETRY_MAX 64u

/** No more workers as long as one in so many has nothing to do. */
#define US_POLICY_IDLE 8u

/** What is known of one kind of call on one side. */
struct us_policy_kind {
	bool is_slow;
	uint8_t looks; /**< Looks in a row that found otherwise. */
};

/**
 * Look at NR calls of a kind, whose median is MEDIAN_NS.  Fewer than us_policy_samples() say nothing.
 *
 * @param is_far  They are answered by a server or another process.
 * @return true when kind->is_slow has changed.
 */
bool us_policy_judge(struct us_policy_kind *kind, uint64_t nr, uint64_t median_ns, bool is_far);

/** @return how many calls of KIND are looked at together. */
unsigned int us_policy_samples(const struct us_policy_kind *kind, bool is_far);

/** How many workers there are to be.  At the beginning all is 0 but the first three, and target, which is base. */
struct us_policy_growth {
	unsigned int base;   /**< Workers while calls are fast. */
	unsigned int max;    /**< At most. */
	unsigned int cpus;
	unsigned int target; /**< Workers now: base, until us_policy_grow() says otherwise. */
	unsigned int before; /**< Before the last step. */
	unsigned int vain;   /**< How often in a row growing did not pay. */
	bool is_settled;     /**< More did not help. */
	uint64_t since_ns;   /**< When the trial began; 0: none has. */
	uint64_t calls;      /**< And how many calls there had been by then. */
	uint64_t rate;       /**< Calls a second with as many as before the last step; 0: not known. */
};

/** What us_policy_grow() goes by. */
struct us_policy_view {
	uint64_t now_ns;
	uint64_t far_ns;   /**< When the job began, if a server or another process answers on either side; else 0. */
	uint64_t slow_ns;  /**< What the slowest of the slow kinds takes; 0: none is slow. */
	uint64_t calls;    /**< Calls so far, of all kinds: how far the job is. */
	unsigned int idle; /**< Workers with nothing to do. */
};

/** @return how many workers there are to be now: growth->target. */
unsigned int us_policy_grow(struct us_policy_growth *growth, const struct us_policy_view *view);

/**
 * How many of WORKERS may share a directory where creates are slow, with DIRS directories in hand.  A few keep it
 * busy, for creates wait for each other; the others are for directories that are still to come.
 */
unsigned int us_policy_sharers(unsigned int workers, uint64_t dirs);

#endif /* US_CORE_POLICY_H */
