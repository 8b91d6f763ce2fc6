/*
 * block.h - an immutable piece of memory that several owners share by reference.
 *
 * Reference counts are atomic: a block may be handed to another worker. Bytes
 * are written only by its maker, before the first pl_block_ref.
 */
#ifndef PL_BASE_BLOCK_H
#define PL_BASE_BLOCK_H

#include <stddef.h>
#include <stdint.h>

typedef struct pl_block pl_block;
struct pl_block {
	uint32_t refs;
	size_t len;
	uint8_t data[];
};

pl_block *pl_block_new(size_t len); /* one reference, bytes not set; NULL without memory */
pl_block *pl_block_copy(const void *data, size_t len);
pl_block *pl_block_ref(pl_block *block); /* returns block */
void pl_block_unref(pl_block *block);	 /* NULL is allowed */

#endif
