/* SPDX-License-Identifier: MIT */
#include "whole.h"

#include "fuzz.h"
#include "scene.h"
#include "script.h"

#include <sanitizer/allocator_interface.h>
#include <stdatomic.h>
#include <unistd.h>

/**
 * Bytes of memory that a session may have at a time: frames of both directions and files in flight, for each of its
 * connections.
 */
#define MEMORY_MAX (INT64_C(64) << 20)

/** What is allocated beyond what was at the beginning, and the most of that. */
static atomic_int_fast64_t bytes;
static atomic_int_fast64_t most;

/** Called by the sanitizer. */
static void allocated(const volatile void *ptr, size_t size)
{
	int_fast64_t now = atomic_fetch_add(&bytes, (int_fast64_t)size) + (int_fast64_t)size;
	int_fast64_t seen = atomic_load(&most);

	(void)ptr;
	while (now > seen && !atomic_compare_exchange_weak(&most, &seen, now)) {
	}
}

/** The same. */
static void freed(const volatile void *ptr)
{
	if (ptr != NULL) {
		atomic_fetch_sub(&bytes, (int_fast64_t)__sanitizer_get_allocated_size(ptr));
	}
}

void whole_begin(struct whole *whole)
{
	static bool hooked;

	if (!hooked) {
		hooked = true;
		fuzz_check(__sanitizer_install_malloc_and_free_hooks(allocated, freed) > 0);
	}
	whole->fds = scene_count("fd");
	whole->threads = scene_count("task");
	atomic_store(&bytes, 0);
	atomic_store(&most, 0);
}

void whole_end(const struct whole *whole)
{
	fuzz_check(atomic_load(&most) < MEMORY_MAX);
	if (scene_count("fd") != whole->fds) {
		fuzz_check(system("ls -l /proc/$PPID/fd >&2") == 0);
		abort();
	}
	/* The kernel's own, which a ring had, may take a moment. */
	for (unsigned int i = 0; scene_count("task") > whole->threads; i++) {
		fuzz_check(i < 10000);
		usleep(1000);
	}
}

void whole_limits(struct script *script, const uint8_t *data)
{
	script->takes = data[2] > 0 ? data[2] : UINT32_MAX;
	script->most = data[3] > 0 ? data[3] * 64u : 0;
}
