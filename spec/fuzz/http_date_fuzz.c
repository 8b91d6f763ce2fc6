/* http_date_fuzz.c - every moment has a date of the right form, which is read as that moment. */
#include "fuzz/fuzz.h"

#include "codec/http_date.h"

static void check_form(const char out[PL_HTTP_DATE_SIZE])
{
	static const char form[] = "Aaa, 00 Aaa 0000 00:00:00 GMT";

	for (size_t i = 0; i < PL_HTTP_DATE_SIZE; i++) {
		char c = out[i] >= '0' && out[i] <= '9' ? '0' : out[i];

		if (form[i] == 'A')
			FUZZ_CHECK(c >= 'A' && c <= 'Z');
		else if (form[i] == 'a')
			FUZZ_CHECK(c >= 'a' && c <= 'z');
		else
			FUZZ_CHECK(c == form[i]);
	}
}

static void check_moment(int64_t seconds)
{
	char out[PL_HTTP_DATE_SIZE];
	int64_t back;

	pl_http_date_encode(out, seconds);
	check_form(out);
	FUZZ_CHECK(pl_http_date_decode(&back, pl_slice_make(out, sizeof(out)), 0));
	FUZZ_CHECK(back == seconds);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_copy(data, size);
	uint64_t number = 0;
	int64_t seconds;

	memcpy(&number, data, size < sizeof(number) ? size : sizeof(number));
	check_moment((int64_t)(number % UINT64_C(253402300800)));
	if (pl_http_date_decode(&seconds, pl_slice_make(text, size), 1767225600)) {
		FUZZ_CHECK(seconds >= -62167219200 && seconds <= 253402300800);
		if (seconds >= 0 && seconds < 253402300800)
			check_moment(seconds);
	}
	free(text);
	return 0;
}
