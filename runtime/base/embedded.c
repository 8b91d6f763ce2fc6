/* embedded.c - finding a file by its path. */
#include "base/embedded.h"

static const pl_embedded *table;

void pl_embedded_use(const pl_embedded *files)
{
	table = files;
}

pl_slice pl_embedded_find(pl_slice path)
{
	for (const pl_embedded *file = table; file && file->path; file++)
		if (pl_slice_equal(pl_slice_make(file->path, strlen(file->path)), path))
			return pl_slice_make((const char *)file->begin,
					     (size_t)(file->end - file->begin));
	return (pl_slice){ NULL, 0 };
}
