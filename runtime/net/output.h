/*
 * output.h - bytes on their way out: a chain of pooled chunks and shared blocks.
 *
 * An empty output owns no memory. Chunks come from a pool per loop.
 */
#ifndef PL_NET_OUTPUT_H
#define PL_NET_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/block.h"

enum { PL_CHUNK_SMALL = 1024, PL_CHUNK_LARGE = 16384, PL_CHUNK_POOLED = 1024 };

typedef struct pl_chunk {
	struct pl_chunk *next;
	uint8_t *bytes;	 /* own room behind this struct, or a block's data */
	pl_block *block; /* NULL for own room */
	size_t start;	 /* sent so far */
	size_t end;
	size_t room; /* 0 for a block */
} pl_chunk;

typedef struct pl_chunk_pool {
	pl_chunk *small;
	pl_chunk *large;
	pl_chunk *links; /* chunks without room, for blocks */
	uint32_t small_count;
	uint32_t large_count;
	uint32_t link_count;
} pl_chunk_pool;

typedef struct pl_output {
	pl_chunk *first;
	pl_chunk *last;
	size_t len; /* bytes not sent */
} pl_output;

typedef struct pl_output_piece {
	const uint8_t *data;
	size_t len;
} pl_output_piece;

void pl_chunk_pool_deinit(pl_chunk_pool *pool);

uint8_t *pl_output_reserve(pl_output *output, pl_chunk_pool *pool, size_t n); /* NULL: no memory */
void pl_output_commit(pl_output *output, size_t n);
int pl_output_append_block(pl_output *output, pl_chunk_pool *pool, pl_block *block);

/* The first pieces, at most `max`; returns how many. */
size_t pl_output_peek(const pl_output *output, pl_output_piece *pieces, size_t max);

/* n (<= len) bytes are sent: chunks that are used up go back to the pool. */
void pl_output_consume(pl_output *output, pl_chunk_pool *pool, size_t n);
void pl_output_clear(pl_output *output, pl_chunk_pool *pool);

#endif
