#include "http/gzip.h"

#include <string.h>
#include <zlib.h>

#include "base/alloc.h"
#include "base/status.h"

enum { GZIP_WINDOW = 15 + 16, MEM_LEVEL = 8 };

/* A block of the right size: what deflate did not fill is not kept. */
static int trim(pl_block **block, size_t len)
{
	pl_block *right = pl_block_copy((*block)->data, len);

	pl_block_unref(*block);
	*block = right;
	return right ? PL_OK : PL_ENOMEM;
}

int pl_gzip(pl_block **block, const void *data, size_t len, int level)
{
	z_stream stream = { .zalloc = pl_alloc_zlib, .zfree = pl_free_zlib };
	size_t room = len - len / 8;
	int result;

	*block = pl_block_new(room);
	if (!*block)
		return PL_ENOMEM;
	result = deflateInit2(&stream, level, Z_DEFLATED, GZIP_WINDOW, MEM_LEVEL,
			      Z_DEFAULT_STRATEGY);
	if (result == Z_OK) {
		stream.next_in = (uint8_t *)(uintptr_t)data;
		stream.avail_in = (unsigned)len;
		stream.next_out = (*block)->data;
		stream.avail_out = (unsigned)room;
		result = deflate(&stream, Z_FINISH);
		deflateEnd(&stream);
	}
	if (result == Z_STREAM_END)
		return trim(block, room - stream.avail_out);
	pl_block_unref(*block);
	*block = NULL;
	return result == Z_OK || result == Z_BUF_ERROR ? PL_ETOOBIG : PL_ENOMEM;
}
