/*
 * socks_fuzz.c - answers of SOCKS proxies: what comes in pieces gets the verdict of the whole.
 */
#include "fuzz/fuzz.h"

#include "base/status.h"
#include "codec/socks.h"

typedef int decoder(uint8_t *value, const uint8_t *buf, size_t len, const char **error);

/* Decodes the first `len` bytes from memory that ends there. */
static int decode(decoder *decode_one, uint8_t *value, const uint8_t *data, size_t len)
{
	uint8_t *copy = fuzz_copy(data, len);
	const char *error = NULL;
	int result = decode_one(value, copy, len, &error);

	FUZZ_CHECK(result <= (int)len);
	FUZZ_CHECK(result >= 0 || (result == PL_EPROTO && error));
	free(copy);
	return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static decoder *const decoders[] = { pl_socks4_reply_decode, pl_socks5_choice_decode,
					     pl_socks5_status_decode, pl_socks5_reply_decode };

	for (size_t i = 0; i < sizeof(decoders) / sizeof(decoders[0]); i++) {
		fuzz_cuts cuts = fuzz_cuts_of(data, size);
		uint8_t whole = 0, pieces = 0;
		int expected = decode(decoders[i], &whole, data, size);
		size_t len = 0;
		int verdict = 0;

		while (verdict == 0 && len < size) {
			len += fuzz_cut(&cuts, size - len);
			verdict = decode(decoders[i], &pieces, data, len);
		}
		FUZZ_CHECK(verdict == expected);
		FUZZ_CHECK(verdict <= 0 || whole == pieces);
	}
	return 0;
}
