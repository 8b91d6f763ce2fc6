/* sse_fuzz.c - event streams: the same events, id, retry and end whole and in pieces. */
#include "fuzz/fuzz.h"

#include "base/status.h"
#include "codec/utf8.h"
#include "sse/sse_reader.h"

static const pl_sse_limits limits = { .line = 200, .event = 250, .id = 20 };

typedef struct outcome {
	pl_sse_reader reader;
	int status;
	uint64_t events; /* as a sum over their bytes */
} outcome;

static void add(outcome *out, pl_slice text)
{
	FUZZ_CHECK(pl_utf8_valid((const uint8_t *)text.at, text.len));
	for (size_t i = 0; i < text.len; i++)
		out->events = out->events * 31 + (uint8_t)text.at[i];
	out->events = out->events * 31 + text.len;
}

static void feed(outcome *out, const uint8_t *data, size_t len)
{
	char *copy = fuzz_copy(data, len);
	size_t used = 0;

	for (size_t at = 0; at < len && out->status >= 0; at += used) {
		pl_sse_event event;

		out->status = pl_sse_reader_feed(&out->reader, copy + at, len - at, &used, &event);
		FUZZ_CHECK(used > 0 && used <= len - at);
		FUZZ_CHECK(out->status != 0 || used == len - at);
		if (out->status != 1)
			continue;
		FUZZ_CHECK(event.type.len > 0 && event.data.len <= 3 * limits.event);
		add(out, event.type);
		add(out, event.data);
	}
	free(copy);
}

static bool same(const pl_buffer *a, const pl_buffer *b)
{
	return a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_cuts cuts = fuzz_cuts_of(data, size);
	outcome whole = { 0 }, pieces = { 0 };

	pl_sse_reader_init(&whole.reader, &limits);
	pl_sse_reader_init(&pieces.reader, &limits);
	feed(&whole, data, size);
	for (size_t at = 0, len; at < size && pieces.status >= 0; at += len) {
		len = fuzz_cut(&cuts, size - at);
		feed(&pieces, data + at, len);
	}
	FUZZ_CHECK((whole.status < 0) == (pieces.status < 0));
	FUZZ_CHECK(whole.events == pieces.events);
	FUZZ_CHECK(same(&whole.reader.id, &pieces.reader.id));
	FUZZ_CHECK(whole.reader.retries == pieces.reader.retries);
	FUZZ_CHECK(whole.reader.retry == pieces.reader.retry);
	FUZZ_CHECK(pl_utf8_valid(whole.reader.id.data, whole.reader.id.len));
	FUZZ_CHECK(whole.reader.id.len <= 3 * limits.id);
	pl_sse_reader_deinit(&whole.reader);
	pl_sse_reader_deinit(&pieces.reader);
	return 0;
}
