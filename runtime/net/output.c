#include "net/output.h"

#include <string.h>

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
	if (chunk->block || chunk->file) {
		pl_block_unref(chunk->block);
		pl_file_unref(chunk->file);
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

/* What has begun to leave cannot be overtaken: what is written now must not share its chunk. */
static bool takes_more(const pl_chunk *chunk, size_t n)
{
	return chunk && chunk->room > 0 && chunk->room - chunk->end >= n && !chunk->ahead &&
	       chunk->start == 0;
}

uint8_t *pl_output_reserve(pl_output *output, pl_chunk_pool *pool, size_t n)
{
	pl_chunk *chunk = output->last;

	if (!takes_more(chunk, n)) {
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

static int append_link(pl_output *output, pl_chunk_pool *pool, const pl_chunk *link)
{
	pl_chunk *chunk = take(&pool->links, &pool->link_count);

	if (!chunk)
		chunk = pl_alloc(sizeof(*chunk));
	if (!chunk)
		return PL_ENOMEM;
	*chunk = *link;
	append(output, chunk);
	output->len += link->end;
	return PL_OK;
}

int pl_output_append_block(pl_output *output, pl_chunk_pool *pool, pl_block *block, size_t at,
			   size_t len)
{
	const pl_chunk link = { .bytes = block->data + at, .block = block, .end = len };
	int status = len > 0 ? append_link(output, pool, &link) : PL_OK;

	if (len > 0 && status == PL_OK)
		pl_block_ref(block);
	return status;
}

int pl_output_append_file(pl_output *output, pl_chunk_pool *pool, pl_file *file, size_t at,
			  size_t len)
{
	const pl_chunk link = { .file = file, .at = at, .end = len };
	int status = len > 0 ? append_link(output, pool, &link) : PL_OK;

	if (len > 0 && status == PL_OK)
		pl_file_ref(file);
	return status;
}

static pl_chunk *first_used(const pl_output *output)
{
	pl_chunk *chunk = output->first;

	while (chunk && chunk->end == chunk->start)
		chunk = chunk->next;
	return chunk;
}

const pl_chunk *pl_output_file(const pl_output *output)
{
	const pl_chunk *chunk = first_used(output);

	return chunk && chunk->file ? chunk : NULL;
}

int64_t pl_output_read_file(pl_output *output, pl_chunk_pool *pool)
{
	pl_chunk *part = first_used(output);
	pl_chunk *chunk = new_chunk(pool, PL_CHUNK_LARGE, false);
	size_t len = part->end - part->start;
	int64_t got;

	if (!chunk)
		return PL_ENOMEM;
	got = pl_file_read(part->file, chunk->bytes, len < chunk->room ? len : chunk->room,
			   (int64_t)(part->at + part->start), 0);
	if (got <= 0) {
		free_chunk(pool, chunk);
		return got;
	}
	chunk->end = (size_t)got;
	chunk->next = output->first;
	output->first = chunk;
	part->start += (size_t)got;
	return got;
}

/* Where the chunks begin of which nothing has left. *last: the chunk before, NULL if none. */
static pl_chunk **movable(pl_output *output, pl_chunk **last)
{
	pl_chunk *first = output->first;
	bool begun = first && first->start > 0;

	*last = begun ? first : NULL;
	return begun ? &first->next : &output->first;
}

static void fill(pl_output *output, pl_chunk *chunk, const void *data, size_t len)
{
	output->len += len - chunk->end;
	chunk->end = len;
	memcpy(chunk->bytes, data, len);
}

int pl_output_insert(pl_output *output, pl_chunk_pool *pool, uint8_t slot, const void *data,
		     size_t len)
{
	pl_chunk *last;
	pl_chunk **at = movable(output, &last);
	pl_chunk *chunk;

	for (; *at && (*at)->ahead; at = &(*at)->next) {
		if (slot && (*at)->ahead == slot + 1) {
			fill(output, *at, data, len);
			return PL_OK;
		}
	}
	chunk = new_chunk(pool, len, true);
	if (!chunk)
		return PL_ENOMEM;
	chunk->ahead = (uint8_t)(slot + 1);
	fill(output, chunk, data, len);
	chunk->next = *at;
	*at = chunk;
	if (!chunk->next)
		output->last = chunk;
	return PL_OK;
}

size_t pl_output_peek(const pl_output *output, pl_output_piece *pieces, size_t max)
{
	size_t count = 0;
	const pl_chunk *chunk;

	for (chunk = output->first; chunk && count < max; chunk = chunk->next) {
		if (chunk->end == chunk->start)
			continue;
		if (chunk->file)
			break;
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

/* Drops the chunks from *at on; `last` is the one before. */
static void drop(pl_output *output, pl_chunk_pool *pool, pl_chunk **at, pl_chunk *last)
{
	pl_chunk *chunk = *at;

	*at = NULL;
	output->last = last;
	while (chunk) {
		pl_chunk *next = chunk->next;

		output->len -= chunk->end - chunk->start;
		free_chunk(pool, chunk);
		chunk = next;
	}
}

void pl_output_cut(pl_output *output, pl_chunk_pool *pool)
{
	pl_chunk *last;
	pl_chunk **at = movable(output, &last);

	drop(output, pool, at, last);
}

void pl_output_rewind(pl_output *output, pl_chunk_pool *pool, size_t len)
{
	pl_chunk **at = &output->first;
	pl_chunk *last = NULL;
	size_t before = 0;

	/* A stream that closes takes nothing, whoever writes: the way to its end may be long. */
	if (len >= output->len)
		return;
	while (*at && before + ((*at)->end - (*at)->start) <= len) {
		before += (*at)->end - (*at)->start;
		last = *at;
		at = &last->next;
	}
	if (*at && before < len) {
		output->len -= (*at)->end - (*at)->start - (len - before);
		(*at)->end = (*at)->start + (len - before);
		last = *at;
		at = &last->next;
	}
	drop(output, pool, at, last);
}
