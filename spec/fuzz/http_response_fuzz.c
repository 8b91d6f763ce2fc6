/*
 * http_response_fuzz.c - response heads: what comes in pieces gets the verdict of the whole, and
 * every slice lies in the bytes.
 */
#include "fuzz/fuzz.h"

#include "base/status.h"
#include "codec/http_response.h"

static void check_values(const pl_http_response *response, pl_slice head)
{
	FUZZ_CHECK(response->status >= 100 && response->status <= 599);
	FUZZ_CHECK(fuzz_within(response->reason, head) && pl_http_value_valid(response->reason));
	FUZZ_CHECK(response->field_count <= PL_HTTP_FIELDS_MAX);
	FUZZ_CHECK(!response->chunked || (response->content_length < 0 && response->minor > 0));
	for (size_t i = 0; i < response->field_count; i++) {
		FUZZ_CHECK(fuzz_within(response->fields[i].name, head));
		FUZZ_CHECK(fuzz_within(response->fields[i].value, head));
		FUZZ_CHECK(pl_http_token_valid(response->fields[i].name));
		FUZZ_CHECK(pl_http_value_valid(response->fields[i].value));
	}
}

/* Decodes the first `len` bytes from memory that ends there. */
static int decode(pl_http_response *response, const pl_http_rules *rules, const uint8_t *data,
		  size_t len, size_t last)
{
	char *head = fuzz_copy(data, len);
	int result = pl_http_response_decode(response, rules, head, len, last);

	FUZZ_CHECK(result <= (int)len);
	if (result > 0)
		check_values(response, pl_slice_make(head, (size_t)result));
	else
		FUZZ_CHECK(result == 0 ||
			   (response->error && (result == PL_EPROTO || result == PL_ELIMIT)));
	free(head);
	return result;
}

static void check(const pl_http_rules *rules, const uint8_t *data, size_t size)
{
	static pl_http_response whole, pieces;
	fuzz_cuts cuts = fuzz_cuts_of(data, size);
	size_t len = 0, last = 0;
	int verdict = 0, expected = decode(&whole, rules, data, size, 0);

	while (verdict == 0 && len < size) {
		last = len;
		len += fuzz_cut(&cuts, size - len);
		verdict = decode(&pieces, rules, data, len, last);
	}
	/* A bad line may be found out before it is complete when it comes at once. */
	FUZZ_CHECK(verdict == expected || (verdict == 0 && expected < 0));
	if (verdict < 0)
		FUZZ_CHECK(pieces.error == whole.error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check(&(pl_http_rules){ 8192, 32768, 100 }, data, size);
	check(&(pl_http_rules){ 20, 60, 3 }, data, size);
	return 0;
}
