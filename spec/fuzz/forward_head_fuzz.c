/* Forwarded heads: whatever a client sends, what goes on can be sent, is read in one way, and has
 * our word on who the client is. */
#include "fuzz/fuzz.h"

#include "base/status.h"
#include "forward/forward_head.h"

static const pl_http_rules rules = { 8192, 32768, 100 };

/* Exactly one of our fields, whatever the client has named so. */
static void check_own(const pl_call_request *made, pl_slice name, pl_slice value)
{
	int found = 0;

	for (size_t i = 0; i < made->count; i++)
		if (pl_slice_equal_nocase(made->fields[i].name, name)) {
			FUZZ_CHECK(pl_slice_equal(made->fields[i].value, value));
			found++;
		}
	FUZZ_CHECK(found == 1);
}

static void check_made(const pl_forward_head *head)
{
	const pl_call_request *made = &head->request;

	FUZZ_CHECK(!pl_call_problem(made));
	FUZZ_CHECK(made->count <= PL_FORWARD_FIELDS);
	FUZZ_CHECK(made->target.len > 0 && made->target.at[0] == '/');
	check_own(made, PL_SLICE("X-Forwarded-For"), PL_SLICE("192.0.2.1"));
	check_own(made, PL_SLICE("X-Forwarded-Proto"), PL_SLICE("http"));
	FUZZ_CHECK(!pl_http_field_find(made->fields, made->count, PL_SLICE("x_forwarded_for")).at);
	FUZZ_CHECK(!pl_http_field_find(made->fields, made->count, PL_SLICE("content-length")).at);
}

static void forward(const pl_http_request *decoded, const char *text, size_t len)
{
	static const pl_forward_change change = { .authority = { "behind", 6 } };
	static pl_forward_head head;
	const pl_exchange_request request = { .method = decoded->method,
					      .target = decoded->target,
					      .path = decoded->path,
					      .query = decoded->query,
					      .host = decoded->host,
					      .raw = pl_slice_make(text, len),
					      .minor = decoded->minor,
					      .chunked = decoded->chunked,
					      .content_length = decoded->content_length,
					      .field_count = decoded->field_count,
					      .fields = decoded->fields };
	pl_forward_client client = { .port = 80 };
	int answer;

	FUZZ_CHECK(pl_address_parse(&client.peer, "192.0.2.1"));
	if (pl_forward_head_make(&head, &request, &change, &client, &answer) == PL_OK)
		check_made(&head);
	pl_forward_head_deinit(&head);
}

static void answer(const char *text, size_t len)
{
	static const pl_forward_change change = { .authority = { "behind", 6 },
						  .base = { "/v1", 3 },
						  .strip = { "/api", 4 } };
	static pl_http_response response;
	pl_http_field fields[PL_HTTP_FIELDS_MAX];
	pl_buffer scratch = { 0 };
	int count;

	if (pl_http_response_decode(&response, &rules, text, len, 0) <= 0)
		return;
	count = pl_forward_response_fields(fields, &response, &change, false, &scratch);
	for (int i = 0; i < count; i++)
		FUZZ_CHECK(pl_http_token_valid(fields[i].name) &&
			   pl_http_value_valid(fields[i].value));
	pl_buffer_deinit(&scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static pl_http_request decoded;
	char *text = fuzz_copy(data, size);

	if (pl_http_request_decode(&decoded, &rules, text, size, 0) > 0)
		forward(&decoded, text, size);
	answer(text, size);
	free(text);
	return 0;
}
