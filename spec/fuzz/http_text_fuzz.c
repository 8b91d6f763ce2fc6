/* http_text_fuzz.c - every moment has a date of the right form; every name has a media type. */
#include "fuzz/fuzz.h"

#include "codec/http_text.h"

static void check_date(int64_t seconds)
{
	static const char form[] = "Aaa, 00 Aaa 0000 00:00:00 GMT";
	char out[PL_HTTP_DATE_SIZE];

	pl_http_date_encode(out, seconds);
	for (size_t i = 0; i < sizeof(out); i++) {
		char c = out[i] >= '0' && out[i] <= '9' ? '0' : out[i];

		if (form[i] == 'A')
			FUZZ_CHECK(c >= 'A' && c <= 'Z');
		else if (form[i] == 'a')
			FUZZ_CHECK(c >= 'a' && c <= 'z');
		else
			FUZZ_CHECK(c == form[i]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *name = fuzz_copy(data, size);
	uint64_t number = 0;

	memcpy(&number, data, size < sizeof(number) ? size : sizeof(number));
	check_date((int64_t)(number % UINT64_C(253402300800)));
	FUZZ_CHECK(pl_http_reason((int)(uint32_t)number));
	FUZZ_CHECK(strchr(pl_http_media_type(pl_slice_make(name, size)), '/'));
	free(name);
	return 0;
}
