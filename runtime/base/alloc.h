/*
 * alloc.h - the one door to the heap, so that a test can make the Nth call fail.
 *
 * Every function may return NULL; callers turn that into PL_ENOMEM. Memory from
 * here is freed with pl_free only. Thread-safe.
 */
#ifndef PL_BASE_ALLOC_H
#define PL_BASE_ALLOC_H

#include <stddef.h>
#include <stdint.h>

void *pl_alloc(size_t size);
void *pl_calloc(size_t count, size_t size); /* zeroed; NULL when count * size overflows */
void *pl_realloc(void *ptr, size_t size);   /* size > 0; on NULL, ptr is still valid */
void pl_free(void *ptr);		    /* NULL is allowed */

/* As zlib's zalloc and zfree. */
void *pl_alloc_zlib(void *unused, unsigned count, unsigned size);
void pl_free_zlib(void *unused, void *ptr);

/* Once, by the program: what large messages need is kept for the next ones instead of being given
 * back to the system and taken from it for each, which costs more than to copy them. */
void pl_alloc_keep_large(void);

/* Makes the nth call from now on (1 = the next) and all after it fail; 0 ends it.
 * For tests; counts calls of the whole process. */
void pl_alloc_fail_at(uint64_t nth);

/* Calls of pl_alloc, pl_calloc and pl_realloc so far, and blocks now in use. */
uint64_t pl_alloc_calls(void);
int64_t pl_alloc_live(void);

#endif
