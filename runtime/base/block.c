/* block.c - counting the owners of a block. */
#include "base/block.h"

#include <string.h>

#include "base/alloc.h"

pl_block *pl_block_new(size_t len)
{
	pl_block *block;

	if (len > PTRDIFF_MAX - sizeof(*block))
		return NULL;
	block = pl_alloc(sizeof(*block) + len);
	if (!block)
		return NULL;
	block->refs = 1;
	block->len = len;
	return block;
}

pl_block *pl_block_copy(const void *data, size_t len)
{
	pl_block *block = pl_block_new(len);

	if (block && len > 0)
		memcpy(block->data, data, len);
	return block;
}

pl_block *pl_block_ref(pl_block *block)
{
	__atomic_fetch_add(&block->refs, 1, __ATOMIC_RELAXED);
	return block;
}

/* A count of one is nobody else's: the last owner needs no locked operation. */
static int is_last(pl_block *block)
{
	return __atomic_load_n(&block->refs, __ATOMIC_ACQUIRE) == 1 ||
	       __atomic_sub_fetch(&block->refs, 1, __ATOMIC_ACQ_REL) == 0;
}

void pl_block_unref(pl_block *block)
{
	if (block && is_last(block))
		pl_free(block);
}
