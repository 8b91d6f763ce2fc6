/*
 * output.h - bytes on their way out: a chain of pooled chunks, parts of shared blocks and of files.
 *
 * An empty output owns no memory. Chunks come from a pool per loop. A chunk begins where a write
 * begins, and no write reaches over its end: between two chunks is the border of two writes.
 */
#ifndef PL_NET_OUTPUT_H
#define PL_NET_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/block.h"
#include "net/file.h"

enum { PL_CHUNK_SMALL = 1024, PL_CHUNK_LARGE = 16384, PL_CHUNK_POOLED = 1024 };

typedef struct pl_chunk {
	struct pl_chunk *next;
	uint8_t *bytes;	 /* own room behind this struct, or a block's data; NULL for a file */
	pl_block *block; /* NULL for own room and files */
	pl_file *file;	 /* NULL for own room and blocks */
	size_t at;	 /* where a file's part begins in it */
	size_t start;	 /* sent so far */
	size_t end;
	size_t room;   /* 0 for a block or file */
	uint8_t ahead; /* was put ahead of others: its slot + 1; 0: was not */
} pl_chunk;

typedef struct pl_chunk_pool {
	pl_chunk *small;
	pl_chunk *large;
	pl_chunk *links; /* chunks without room, for blocks and files */
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

/* Links a part of a block or of a file. PL_OK or PL_ENOMEM. */
int pl_output_append_block(pl_output *output, pl_chunk_pool *pool, pl_block *block, size_t at,
			   size_t len);
int pl_output_append_file(pl_output *output, pl_chunk_pool *pool, pl_file *file, size_t at,
			  size_t len);

/* The part of a file that is to be sent next, from `at` + `start`; NULL when bytes are, or nothing.
 */
const pl_chunk *pl_output_file(const pl_output *output);

/* Reads the next bytes of that part into a chunk of their own before it, without waiting. Returns
 * how many; 0 when the file ends there; PL_EAGAIN, PL_ENOMEM or PL_EIO. */
int64_t pl_output_read_file(pl_output *output, pl_chunk_pool *pool);

/* Copies data, at most PL_CHUNK_SMALL bytes, ahead of all chunks that have not begun to leave, but
 * behind those that were put ahead before. With a slot (1 to 254) it takes the place of what waits
 * there under the same slot; with 0 each one is kept. PL_OK or PL_ENOMEM. */
int pl_output_insert(pl_output *output, pl_chunk_pool *pool, uint8_t slot, const void *data,
		     size_t len);

/* The first pieces up to a file, at most `max`; returns how many. */
size_t pl_output_peek(const pl_output *output, pl_output_piece *pieces, size_t max);

/* n (<= len) bytes are sent: chunks that are used up go back to the pool. */
void pl_output_consume(pl_output *output, pl_chunk_pool *pool, size_t n);
void pl_output_clear(pl_output *output, pl_chunk_pool *pool);

/* Drops the chunks that have not begun to leave. */
void pl_output_cut(pl_output *output, pl_chunk_pool *pool);

/* Takes the last writes back, none of which has left: `len` bytes stay. */
void pl_output_rewind(pl_output *output, pl_chunk_pool *pool, size_t len);

#endif
