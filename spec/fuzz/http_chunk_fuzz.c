/* http_chunk_fuzz.c - the chunked coding: the same body, end and error whole and in pieces. */
#include "fuzz/fuzz.h"

#include "base/status.h"
#include "codec/http_chunk.h"

typedef struct outcome {
	ptrdiff_t status;
	size_t used;
	fuzz_cuts body; /* as a sum over its bytes */
	pl_http_chunk chunk;
} outcome;

static void decode(outcome *out, const uint8_t *data, size_t len)
{
	char *copy = fuzz_copy(data, len);
	pl_slice body;

	for (size_t at = 0; at < len && !out->chunk.done && out->status >= 0;) {
		out->status = pl_http_chunk_decode(&out->chunk, copy + at, len - at, &body);
		if (out->status < 0)
			break;
		FUZZ_CHECK(out->status > 0 && (size_t)out->status <= len - at);
		FUZZ_CHECK(fuzz_within(body, pl_slice_make(copy + at, (size_t)out->status)));
		for (size_t i = 0; i < body.len; i++)
			out->body.state = out->body.state * 31 + (uint8_t)body.at[i];
		at += (size_t)out->status;
		out->used += (size_t)out->status;
	}
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_cuts cuts = fuzz_cuts_of(data, size);
	outcome whole = { 0 }, pieces = { 0 };

	decode(&whole, data, size);
	for (size_t at = 0, len; at < size && !pieces.chunk.done && pieces.status >= 0; at += len) {
		len = fuzz_cut(&cuts, size - at);
		decode(&pieces, data + at, len);
	}
	FUZZ_CHECK((whole.status < 0) == (pieces.status < 0));
	FUZZ_CHECK(whole.chunk.done == pieces.chunk.done);
	FUZZ_CHECK(whole.chunk.error == pieces.chunk.error);
	FUZZ_CHECK(whole.chunk.overhead == pieces.chunk.overhead);
	FUZZ_CHECK(whole.chunk.data == pieces.chunk.data && whole.chunk.left == pieces.chunk.left);
	FUZZ_CHECK(whole.body.state == pieces.body.state);
	FUZZ_CHECK(whole.status < 0 || whole.used == pieces.used);
	FUZZ_CHECK(whole.chunk.overhead <= PL_HTTP_CHUNK_OVERHEAD + whole.chunk.data / 8 + 1);
	return 0;
}
