/* alloc.c - malloc with counters, and a switch that makes it fail. */
#include "base/alloc.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif

/* A thread counts in a cell that no other writes, so without a locked operation
 * (they cost as much as malloc itself); threads that come late share the last one. */
enum { CELLS = 64, SHARED = CELLS - 1, CACHE_LINE = 64 };

/* Blocks up to the first size come from the heap; so much free memory at its end stays ours. */
enum { KEPT_BLOCK = 32 << 20, KEPT_FREE = 64 << 20 };

/* `offset` counts frees and the calls that made no new block: live = calls - offset. */
typedef struct counters {
	_Alignas(CACHE_LINE) _Atomic uint64_t calls;
	_Atomic uint64_t offset;
} counters;

static counters cells[CELLS];
static _Atomic uint64_t cells_taken;
static _Thread_local counters *own_cell;

static _Atomic uint64_t fail_countdown; /* 0: off; 1: every call fails */

static counters *take_cell(void)
{
	uint64_t index = atomic_fetch_add_explicit(&cells_taken, 1, memory_order_relaxed);

	own_cell = &cells[index < SHARED ? index : SHARED];
	return own_cell;
}

static inline counters *own_counters(void)
{
	return own_cell ? own_cell : take_cell();
}

static inline void count(_Atomic uint64_t *counter, bool shared)
{
	uint64_t value;

	if (shared) {
		atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
		return;
	}
	value = atomic_load_explicit(counter, memory_order_relaxed);
	atomic_store_explicit(counter, value + 1, memory_order_relaxed);
}

static inline void count_call(void)
{
	counters *own = own_counters();

	count(&own->calls, own == &cells[SHARED]);
}

static inline void count_offset(void)
{
	counters *own = own_counters();

	count(&own->offset, own == &cells[SHARED]);
}

static bool countdown_ends(uint64_t left)
{
	while (left > 1)
		if (atomic_compare_exchange_weak_explicit(&fail_countdown, &left, left - 1,
							  memory_order_relaxed,
							  memory_order_relaxed))
			return false;
	return left == 1;
}

static inline bool must_fail(void)
{
	uint64_t left = atomic_load_explicit(&fail_countdown, memory_order_relaxed);

	return left != 0 && countdown_ends(left);
}

static inline void *counted(void *block)
{
	if (!block)
		count_offset();
	return block;
}

/* For a size of 0, C leaves it open whether malloc gives NULL and realloc frees. */
static inline size_t at_least_one(size_t size)
{
	return size + (size == 0);
}

void *pl_alloc(size_t size)
{
	count_call();
	return counted(must_fail() ? NULL : malloc(at_least_one(size)));
}

void *pl_calloc(size_t count, size_t size)
{
	size_t total;

	count_call();
	if (__builtin_mul_overflow(count, size, &total) || must_fail())
		return counted(NULL);
	return counted(calloc(1, at_least_one(total)));
}

void *pl_realloc(void *ptr, size_t size)
{
	if (!ptr)
		return pl_alloc(size);
	count_call();
	count_offset();
	return must_fail() ? NULL : realloc(ptr, at_least_one(size));
}

void pl_free(void *ptr)
{
	if (!ptr)
		return;
	count_offset();
	free(ptr);
}

void *pl_alloc_zlib(void *unused, unsigned count, unsigned size)
{
	(void)unused;
	return pl_calloc(count, size);
}

void pl_free_zlib(void *unused, void *ptr)
{
	(void)unused;
	pl_free(ptr);
}

void pl_alloc_fail_at(uint64_t nth)
{
	atomic_store_explicit(&fail_countdown, nth, memory_order_relaxed);
}

uint64_t pl_alloc_calls(void)
{
	uint64_t calls = 0;

	for (int i = 0; i < CELLS; i++)
		calls += atomic_load_explicit(&cells[i].calls, memory_order_relaxed);
	return calls;
}

int64_t pl_alloc_live(void)
{
	uint64_t offset = 0;

	for (int i = 0; i < CELLS; i++)
		offset += atomic_load_explicit(&cells[i].offset, memory_order_relaxed);
	return (int64_t)(pl_alloc_calls() - offset);
}

void pl_alloc_keep_large(void)
{
#ifdef __GLIBC__
	mallopt(M_MMAP_THRESHOLD, KEPT_BLOCK);
	mallopt(M_TRIM_THRESHOLD, KEPT_FREE);
#endif
}
