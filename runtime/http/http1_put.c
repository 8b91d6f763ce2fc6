#include "http/http1_put.h"

#include "base/status.h"
#include "codec/http_chunk.h"

enum { JOINED = 4096 }; /* a piece up to this size is written together with its chunk's line */

static int write_joined(pl_stream *stream, const void *data, size_t len)
{
	char *out = (char *)pl_stream_reserve(stream, PL_HTTP_CHUNK_HEAD_MAX + len + 2);
	char *at = out;

	if (!out)
		return stream->closing ? PL_ECLOSED : PL_ENOMEM;
	at += pl_http_chunk_encode(at, len);
	at = pl_http1_put(at, pl_slice_make(data, len));
	at = pl_http1_put(at, PL_SLICE("\r\n"));
	pl_stream_commit(stream, (size_t)(at - out));
	return PL_OK;
}

int pl_http1_write_chunk(pl_stream *stream, const void *data, size_t len)
{
	char line[PL_HTTP_CHUNK_HEAD_MAX];
	int status;

	if (len <= JOINED)
		return write_joined(stream, data, len);
	status = pl_stream_write(stream, line, pl_http_chunk_encode(line, len));
	if (status == PL_OK)
		status = pl_stream_write(stream, data, len);
	return status == PL_OK ? pl_stream_write(stream, "\r\n", 2) : status;
}
