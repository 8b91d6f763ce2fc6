/*
 * http_head_fuzz.c - request heads: what comes in pieces gets the verdict of the whole, and
 * every slice lies in the bytes.
 */
#include "fuzz/fuzz.h"

#include "base/status.h"
#include "codec/http_head.h"

static void check_slices(const pl_http_request *request, pl_slice head)
{
	FUZZ_CHECK(pl_http_token_valid(request->method));
	FUZZ_CHECK(fuzz_within(request->method, head) && fuzz_within(request->target, head));
	FUZZ_CHECK(fuzz_within(request->path, request->target));
	FUZZ_CHECK(fuzz_within(request->query, request->target));
	FUZZ_CHECK(fuzz_within(request->host, head));
	FUZZ_CHECK(request->host.at ? pl_http_authority_valid(request->host) : !request->minor);
	FUZZ_CHECK(request->field_count <= PL_HTTP_FIELDS_MAX);
	FUZZ_CHECK(!request->chunked || request->content_length < 0);
	for (size_t i = 0; i < request->field_count; i++) {
		FUZZ_CHECK(fuzz_within(request->fields[i].name, head));
		FUZZ_CHECK(fuzz_within(request->fields[i].value, head));
		FUZZ_CHECK(pl_http_token_valid(request->fields[i].name));
		FUZZ_CHECK(pl_http_value_valid(request->fields[i].value));
	}
}

/* Decodes the first `len` bytes from memory that ends there. */
static int decode(pl_http_request *request, const pl_http_rules *rules, const uint8_t *data,
		  size_t len, size_t last)
{
	char *head = fuzz_copy(data, len);
	int result = pl_http_request_decode(request, rules, head, len, last);

	FUZZ_CHECK(result <= (int)len);
	if (result > 0)
		check_slices(request, pl_slice_make(head, (size_t)result));
	else
		FUZZ_CHECK(result == 0 || (request->error && request->error_status >= 400));
	free(head);
	return result;
}

static void check(const pl_http_rules *rules, const uint8_t *data, size_t size)
{
	static pl_http_request whole, pieces;
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
		FUZZ_CHECK(pieces.error_status == whole.error_status &&
			   pieces.error == whole.error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check(&(pl_http_rules){ 8192, 32768, 100 }, data, size);
	check(&(pl_http_rules){ 24, 60, 3 }, data, size);
	return 0;
}
