/* decoder_fuzz.c - content codings: the same content, end and error whole and in pieces. The first
 * byte says which coding. */
#include "fuzz/fuzz.h"

#include "base/status.h"
#include "http/decoder.h"

enum { ROOM = 4096, MOST = 1 << 20 };

typedef struct outcome {
	int status;
	bool whole;
	size_t len;
	uint64_t sum;
} outcome;

static void feed(outcome *out, pl_decoder *decoder, const uint8_t *data, size_t len, size_t room)
{
	char *copy = fuzz_copy(data, len);
	pl_slice in = pl_slice_make(copy, len);
	size_t made;

	do {
		uint8_t *into = malloc(room);

		FUZZ_CHECK(into);
		made = room;
		out->status = pl_decoder_run(decoder, &in, into, &made);
		FUZZ_CHECK(made <= room);
		for (size_t i = 0; i < made && out->len < MOST; i++, out->len++)
			out->sum = out->sum * 31 + into[i];
		free(into);
	} while (!out->status && made == room && out->len < MOST);
	FUZZ_CHECK(out->status || out->len >= MOST || in.len == 0);
	free(copy);
}

static void decode(outcome *out, enum pl_decoder_coding coding, const uint8_t *data, size_t size,
		   bool whole)
{
	fuzz_cuts cuts = fuzz_cuts_of(data, size);
	pl_decoder *decoder;

	FUZZ_CHECK(pl_decoder_new(&decoder, coding) == PL_OK);
	for (size_t at = 0, len; at < size && !out->status && out->len < MOST; at += len) {
		len = whole ? size : fuzz_cut(&cuts, size - at);
		feed(out, decoder, data + at, len, whole ? ROOM : 7);
	}
	out->whole = pl_decoder_whole(decoder);
	pl_decoder_free(decoder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	outcome whole = { 0 }, pieces = { 0 };
	enum pl_decoder_coding coding;

	if (size < 2)
		return 0;
	coding = (enum pl_decoder_coding)(PL_DECODER_GZIP + data[0] % 3);
	decode(&whole, coding, data + 1, size - 1, true);
	decode(&pieces, coding, data + 1, size - 1, false);
	if (whole.len >= MOST || pieces.len >= MOST)
		return 0;
	FUZZ_CHECK(whole.status == pieces.status);
	if (whole.status) /* how much was made before that may differ */
		return 0;
	FUZZ_CHECK(whole.whole == pieces.whole);
	FUZZ_CHECK(whole.len == pieces.len && whole.sum == pieces.sum);
	return 0;
}
