/* SPDX-License-Identifier: MIT */
/*
 * The table of lines is one of open addressing that only grows; a line's entry is changed under one of many spin locks.
 */
#include "lines.h"

#include "tool.h"

#include <limits.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/* These are called by the compiler, which knows them without a header. */
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#pragma GCC diagnostic ignored "-Wcast-qual"

/** The number of the thread that called lines_start(). */
#define STARTER UINT_MAX

#define LINE_SHIFT 6
#define TABLE_BITS 20
#define TABLE_SIZE ((size_t)1 << TABLE_BITS)
#define LOCKS 1024

/** Places in the code that a line remembers. */
#define PLACES 24

/** Some code, and how often it wrote. */
struct place {
	uintptr_t pc;
	uint64_t writes;
};

/** One line. */
struct line {
	_Atomic uintptr_t number; /**< Address >> LINE_SHIFT; 0: none yet. */
	uint64_t writers;         /**< A bit for each thread. */
	uint64_t writes;
	struct place places[PLACES]; /**< The last one takes all others. */
};

/** Where the program was loaded: from the linker. */
extern char __executable_start[];

static struct line *table;
static atomic_flag locks[LOCKS];
static atomic_bool counting;
static atomic_uint nr_threads;
static _Thread_local unsigned int thread; /**< Its number + 1. */
static atomic_uint_fast64_t nr_locks;

/** Of lines that are forgotten: guarded by total_lock. */
static atomic_flag total_lock;
static struct lines_total total;
static struct place totals[4096];
static size_t nr_totals;

static void lock(atomic_flag *flag)
{
	while (atomic_flag_test_and_set(flag)) {
	}
}

/** The place PC among NR, or the first free one, or the last. */
static struct place *find_place(struct place *places, size_t nr, uintptr_t pc)
{
	size_t i = 0;

	while (i < nr - 1 && places[i].pc != pc && places[i].writes > 0) {
		i++;
	}
	if (places[i].writes == 0) {
		places[i].pc = pc;
	}
	return &places[i];
}

/** The entry of line NUMBER, made if MAKE says so. */
static struct line *find_line(uintptr_t number, bool make)
{
	size_t at = (number * 0x9e3779b97f4a7c15ull) >> (64 - TABLE_BITS);

	for (size_t tries = 0; tries < TABLE_SIZE; tries++, at = (at + 1) & (TABLE_SIZE - 1)) {
		uintptr_t none = 0;
		uintptr_t there = atomic_load(&table[at].number);

		if (there == number) {
			return &table[at];
		}
		if (there == 0 && !make) {
			return NULL;
		}
		if (there == 0 &&
		    (atomic_compare_exchange_strong(&table[at].number, &none, number) || none == number)) {
			return &table[at];
		}
	}
	die("the table of lines is full");
}

/** Sum up LINE, and begin anew. */
static void forget(struct line *line)
{
	if ((line->writers & (line->writers - 1)) != 0) {
		lock(&total_lock);
		total.shared_writes += line->writes;
		for (size_t i = 0; i < PLACES; i++) {
			if (line->places[i].writes > 0) {
				find_place(totals, sizeof(totals) / sizeof(totals[0]), line->places[i].pc)->writes +=
					line->places[i].writes;
			}
		}
		atomic_flag_clear(&total_lock);
	}
	lock(&total_lock);
	total.writes += line->writes;
	atomic_flag_clear(&total_lock);
	line->writers = 0;
	line->writes = 0;
	memset(line->places, 0, sizeof(line->places));
}

/** SIZE bytes were written to ADDRESS by the code at PC: one write for each line. */
static void note_write(const volatile void *address, size_t size, const void *pc)
{
	uintptr_t first = (uintptr_t)address >> LINE_SHIFT;
	uintptr_t last = ((uintptr_t)address + size - 1) >> LINE_SHIFT;

	if (!atomic_load_explicit(&counting, memory_order_relaxed)) {
		return;
	}
	if (thread == 0) {
		thread = atomic_fetch_add(&nr_threads, 1) + 1;
	}
	for (uintptr_t number = first; number <= last; number++) {
		struct line *line = find_line(number, true);
		atomic_flag *guard = &locks[number % LOCKS];

		lock(guard);
		if (thread != STARTER) {
			line->writers |= (uint64_t)1 << (thread - 1) % 64;
		}
		line->writes++;
		find_place(line->places, PLACES, (uintptr_t)pc)->writes++;
		atomic_flag_clear(guard);
	}
}

/** Forget the lines that lie within a block of memory as a whole. */
static void note_free(const void *block)
{
	uintptr_t start = (uintptr_t)block;
	uintptr_t end;

	if (block == NULL || !atomic_load(&counting)) {
		return;
	}
	end = start + malloc_usable_size((void *)block);
	for (uintptr_t number = (start + 63) >> LINE_SHIFT; (number + 1) << LINE_SHIFT <= end; number++) {
		struct line *line = find_line(number, false);

		if (line != NULL) {
			lock(&locks[number % LOCKS]);
			forget(line);
			atomic_flag_clear(&locks[number % LOCKS]);
		}
	}
}

void lines_start(void)
{
	table = must_alloc(calloc(TABLE_SIZE, sizeof(*table)));
	thread = STARTER;
	atomic_store(&counting, true);
}

struct lines_total lines_stop(void)
{
	atomic_store(&counting, false);
	for (size_t i = 0; i < TABLE_SIZE; i++) {
		forget(&table[i]);
	}
	total.locks = atomic_load(&nr_locks);
	return total;
}

/** Most writes first. */
static int compare(const void *left, const void *right)
{
	const struct place *a = left;
	const struct place *b = right;

	return (a->writes < b->writes) - (a->writes > b->writes);
}

void lines_print(unsigned int nr)
{
	while (nr_totals < sizeof(totals) / sizeof(totals[0]) && totals[nr_totals].writes > 0) {
		nr_totals++;
	}
	qsort(totals, nr_totals, sizeof(totals[0]), compare);
	for (size_t i = 0; i < nr && i < nr_totals; i++) {
		printf("%llu at %#llx\n", (unsigned long long)totals[i].writes, (unsigned long long)(totals[i].pc - 1 - (uintptr_t)__executable_start));
	}
}

/* What the compiler calls. */

#define PC __builtin_return_address(0)

void __tsan_init(void)
{
}

void __tsan_func_entry(void *pc)
{
	(void)pc;
}

void __tsan_func_exit(void)
{
}

void __tsan_read_range(void *address, size_t size)
{
	(void)address;
	(void)size;
}

void __tsan_write_range(void *address, size_t size)
{
	note_write(address, size, PC);
}

#define ACCESS(size) \
	void __tsan_read##size(void *address) \
	{ \
		(void)address; \
	} \
	void __tsan_write##size(void *address) \
	{ \
		note_write(address, size, PC); \
	} \
	void __tsan_unaligned_read##size(void *address) \
	{ \
		(void)address; \
	} \
	void __tsan_unaligned_write##size(void *address) \
	{ \
		note_write(address, size, PC); \
	}

ACCESS(1)
ACCESS(2)
ACCESS(4)
ACCESS(8)
ACCESS(16)

#define FETCH(bits, name) \
	uint##bits##_t __tsan_atomic##bits##_fetch_##name(volatile uint##bits##_t *at, uint##bits##_t value, int order) \
	{ \
		(void)order; \
		note_write(at, sizeof(*at), PC); \
		return __atomic_fetch_##name(at, value, __ATOMIC_SEQ_CST); \
	}

#define ATOMIC(bits) \
	uint##bits##_t __tsan_atomic##bits##_load(const volatile uint##bits##_t *at, int order) \
	{ \
		(void)order; \
		return __atomic_load_n(at, __ATOMIC_SEQ_CST); \
	} \
	void __tsan_atomic##bits##_store(volatile uint##bits##_t *at, uint##bits##_t value, int order) \
	{ \
		(void)order; \
		note_write(at, sizeof(*at), PC); \
		__atomic_store_n(at, value, __ATOMIC_SEQ_CST); \
	} \
	uint##bits##_t __tsan_atomic##bits##_exchange(volatile uint##bits##_t *at, uint##bits##_t value, int order) \
	{ \
		(void)order; \
		note_write(at, sizeof(*at), PC); \
		return __atomic_exchange_n(at, value, __ATOMIC_SEQ_CST); \
	} \
	int __tsan_atomic##bits##_compare_exchange_strong(volatile uint##bits##_t *at, uint##bits##_t *wanted, \
	                                                  uint##bits##_t value, int order, int failed) \
	{ \
		(void)order; \
		(void)failed; \
		note_write(at, sizeof(*at), PC); \
		return __atomic_compare_exchange_n(at, wanted, value, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); \
	} \
	int __tsan_atomic##bits##_compare_exchange_weak(volatile uint##bits##_t *at, uint##bits##_t *wanted, \
	                                                uint##bits##_t value, int order, int failed) \
	{ \
		(void)order; \
		(void)failed; \
		note_write(at, sizeof(*at), PC); \
		return __atomic_compare_exchange_n(at, wanted, value, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); \
	} \
	uint##bits##_t __tsan_atomic##bits##_compare_exchange_val(volatile uint##bits##_t *at, uint##bits##_t wanted, \
	                                                          uint##bits##_t value, int order, int failed) \
	{ \
		(void)order; \
		(void)failed; \
		note_write(at, sizeof(*at), PC); \
		(void)__atomic_compare_exchange_n(at, &wanted, value, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); \
		return wanted; \
	} \
	FETCH(bits, add) \
	FETCH(bits, sub) \
	FETCH(bits, and) \
	FETCH(bits, or) \
	FETCH(bits, xor)

ATOMIC(8)
ATOMIC(16)
ATOMIC(32)
ATOMIC(64)

void __tsan_atomic_thread_fence(int order)
{
	(void)order;
	atomic_thread_fence(memory_order_seq_cst);
}

void __tsan_atomic_signal_fence(int order)
{
	(void)order;
}

void *__tsan_memcpy(void *to, const void *from, size_t size)
{
	if (size > 0) {
		note_write(to, size, PC);
	}
	return memcpy(to, from, size);
}

void *__tsan_memmove(void *to, const void *from, size_t size)
{
	if (size > 0) {
		note_write(to, size, PC);
	}
	return memmove(to, from, size);
}

void *__tsan_memset(void *to, int byte, size_t size)
{
	if (size > 0) {
		note_write(to, size, PC);
	}
	return memset(to, byte, size);
}

/* What the linker puts in the place of functions of libc: --wrap. */

int __real_pthread_mutex_lock(pthread_mutex_t *mutex);
int __real_pthread_mutex_trylock(pthread_mutex_t *mutex);
int __real_pthread_mutex_unlock(pthread_mutex_t *mutex);
void __real_free(void *block);
void *__real_realloc(void *block, size_t size);

int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex)
{
	note_write(mutex, sizeof(int), PC);
	atomic_fetch_add(&nr_locks, 1);
	return __real_pthread_mutex_lock(mutex);
}

int __wrap_pthread_mutex_trylock(pthread_mutex_t *mutex)
{
	note_write(mutex, sizeof(int), PC);
	atomic_fetch_add(&nr_locks, 1);
	return __real_pthread_mutex_trylock(mutex);
}

int __wrap_pthread_mutex_unlock(pthread_mutex_t *mutex)
{
	note_write(mutex, sizeof(int), PC);
	return __real_pthread_mutex_unlock(mutex);
}

void __wrap_free(void *block)
{
	note_free(block);
	__real_free(block);
}

void *__wrap_realloc(void *block, size_t size)
{
	note_free(block);
	return __real_realloc(block, size);
}
