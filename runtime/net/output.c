#include "net/output.h"

#include "base/alloc.h"
#include "base/status.h"

static void free_chain(pl_chunk *chunk)
{
	while (chunk) {
		pl_chunk *next = chunk->next;

		pl_free(chunk);
		chunk = next;
	}
}

void pl_chunk_pool_deinit(pl_chunk_pool *pool)
{
	free_chain(pool->small);
	free_chain(pool->large);
	free_chain(pool->links);
	*pool = (pl_chunk_pool){ 0 };
}

static pl_chunk *take(pl_chunk **list, uint32_t *count)
{
	pl_chunk *chunk = *list;

	if (chunk) {
		*list = chunk->next;
		--*count;
	}
	return chunk;
}

static void give(pl_chunk **list, uint32_t *count, pl_chunk *chunk)
{
	if (*count >= PL_CHUNK_POOLED) {
		pl_free(chunk);
		return;
	}
	chunk->next = *list;
	*list = chunk;
	++*count;
}

/* `first`: the output is empty, so that a small chunk is likely to be enough. */
static pl_chunk *new_chunk(pl_chunk_pool *pool, size_t n, bool first)
{
	pl_chunk *chunk = NULL;
	size_t room = n;

	if (n > SIZE_MAX - sizeof(*chunk))
		return NULL;
	if (n <= PL_CHUNK_LARGE) {
		bool small = first && n <= PL_CHUNK_SMALL;

		room = small ? PL_CHUNK_SMALL : PL_CHUNK_LARGE;
		chunk = small ? take(&pool->small, &pool->small_count)
			      : take(&pool->large, &pool->large_count);
	}
	if (!chunk)
		chunk = pl_alloc(sizeof(*chunk) + room);
	if (!chunk)
		return NULL;
	*chunk = (pl_chunk){ .bytes = (uint8_t *)(chunk + 1), .room = room };
	return chunk;
}

static void free_chunk(pl_chunk_pool *pool, pl_chunk *chunk)
{
	if (chunk->block) {
		pl_block_unref(chunk->block);
		give(&pool->links, &pool->link_count, chunk);
	} else if (chunk->room == PL_CHUNK_SMALL) {
		give(&pool->small, &pool->small_count, chunk);
	} else if (chunk->room == PL_CHUNK_LARGE) {
		give(&pool->large, &pool->large_count, chunk);
	} else {
		pl_free(chunk);
	}
}

static void append(pl_output *output, pl_chunk *chunk)
{
	chunk->next = NULL;
	if (output->last)
		output->last->next = chunk;
	else
		output->first = chunk;
	output->last = chunk;
}

uint8_t *pl_output_reserve(pl_output *output, pl_chunk_pool *pool, size_t n)
{
	pl_chunk *chunk = output->last;

	if (!chunk || chunk->room - chunk->end < n || chunk->block) {
		chunk = new_chunk(pool, n, !chunk);
		if (!chunk)
			return NULL;
		append(output, chunk);
	}
	return chunk->bytes + chunk->end;
}

void pl_output_commit(pl_output *output, size_t n)
{
	output->last->end += n;
	output->len += n;
}

int pl_output_append_block(pl_output *output, pl_chunk_pool *pool, pl_block *block)
{
	pl_chunk *chunk;

	if (block->len == 0)
		return PL_OK;
	chunk = take(&pool->links, &pool->link_count);
	if (!chunk)
		chunk = pl_alloc(sizeof(*chunk));
	if (!chunk)
		return PL_ENOMEM;
	*chunk =
		(pl_chunk){ .bytes = block->data, .block = pl_block_ref(block), .end = block->len };
	append(output, chunk);
	output->len += block->len;
	return PL_OK;
}

size_t pl_output_peek(const pl_output *output, pl_output_piece *pieces, size_t max)
{
	size_t count = 0;
	const pl_chunk *chunk;

	for (chunk = output->first; chunk && count < max; chunk = chunk->next) {
		if (chunk->end == chunk->start)
			continue;
		pieces[count].data = chunk->bytes + chunk->start;
		pieces[count].len = chunk->end - chunk->start;
		count++;
	}
	return count;
}

void pl_output_consume(pl_output *output, pl_chunk_pool *pool, size_t n)
{
	output->len -= n;
	while (output->first) {
		pl_chunk *chunk = output->first;
		size_t left = chunk->end - chunk->start;

		if (n < left) {
			chunk->start += n;
			return;
		}
		n -= left;
		output->first = chunk->next;
		if (!output->first)
			output->last = NULL;
		free_chunk(pool, chunk);
	}
}

void pl_output_clear(pl_output *output, pl_chunk_pool *pool)
{
	pl_output_consume(output, pool, output->len);
}
