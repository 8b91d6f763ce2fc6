/* utf8_fuzz.c - the same answer whole, in pieces and, up to the first bad byte, byte by byte. */
#include "fuzz/fuzz.h"

#include "codec/utf8.h"

static bool feed_pieces(const uint8_t *data, size_t size)
{
	fuzz_cuts cuts = fuzz_cuts_of(data, size);
	pl_utf8 utf8 = { 0 };
	bool valid = true;

	for (size_t at = 0, len; at < size; at += len) {
		uint8_t *piece;

		len = fuzz_cut(&cuts, size - at);
		piece = fuzz_copy(data + at, len);
		FUZZ_CHECK(!pl_utf8_feed(&utf8, piece, len) || valid); /* no way back */
		valid = pl_utf8_feed(&utf8, NULL, 0);
		free(piece);
	}
	return valid && pl_utf8_done(&utf8);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	pl_utf8 utf8 = { 0 };
	size_t good = 0;

	FUZZ_CHECK(feed_pieces(data, size) == pl_utf8_valid(data, size));
	while (good < size && pl_utf8_feed(&utf8, data + good, 1))
		good++;
	FUZZ_CHECK(pl_utf8_valid(data, size) == (good == size && pl_utf8_done(&utf8)));
	return 0;
}
