/* ws_extension_fuzz.c - Sec-WebSocket-Extensions, a line of it a line of input: what is agreed on
 * is within what was asked for and what we want, and its answer agrees to the same. */
#include "fuzz/fuzz.h"

#include "base/status.h"
#include "codec/ws_extension.h"

enum { LINES_MAX = 8 };

static size_t lines_of(pl_http_field *fields, pl_slice text)
{
	size_t count = 0;

	while (text.len > 0 && count < LINES_MAX) {
		size_t len = pl_slice_find(text, '\n');
		size_t used = len < text.len ? len + 1 : len;

		fields[count++] = (pl_http_field){ PL_SLICE("Sec-WebSocket-Extensions"),
						   pl_slice_make(text.at, len) };
		text = pl_slice_make(text.at + used, text.len - used);
	}
	return count;
}

/* The answer, taken for an offer, has to be met as it is. */
static void check_answer(const pl_ws_deflate_terms *agreed)
{
	static const pl_ws_deflate_terms any = { .server_window = 15, .client_window = 15 };
	char answer[PL_WS_DEFLATE_ANSWER_MAX];
	size_t len = pl_ws_deflate_answer(answer, agreed);
	pl_http_field field = { PL_SLICE("Sec-WebSocket-Extensions"), { answer, len } };
	pl_ws_request request = { .fields = &field, .field_count = 1 };
	pl_ws_deflate_terms again;

	FUZZ_CHECK(len < PL_WS_DEFLATE_ANSWER_MAX);
	FUZZ_CHECK(pl_ws_deflate_agree(&again, &any, &request) == PL_OK);
	FUZZ_CHECK(again.server_window == agreed->server_window);
	FUZZ_CHECK(again.client_window == agreed->client_window);
	FUZZ_CHECK(again.server_fresh == agreed->server_fresh);
	FUZZ_CHECK(again.client_fresh == agreed->client_fresh);
}

static void check_terms(const pl_ws_request *request, const pl_ws_deflate_terms *ours)
{
	pl_ws_deflate_terms agreed;
	int status = pl_ws_deflate_agree(&agreed, ours, request);

	if (status != PL_OK) {
		FUZZ_CHECK(status == PL_ENOENT || status == PL_EPROTO);
		return;
	}
	FUZZ_CHECK(agreed.server_window >= 8 && agreed.server_window <= ours->server_window);
	FUZZ_CHECK(agreed.client_window >= 8 && agreed.client_window <= ours->client_window);
	FUZZ_CHECK(agreed.server_fresh || !ours->server_fresh);
	FUZZ_CHECK(agreed.client_fresh || !ours->client_fresh);
	check_answer(&agreed);
}

/* What is agreed on by frame: its answer, taken for an offer, binds the server as it binds the
 * client. */
static void check_frame(const pl_ws_request *request, const pl_ws_deflate_terms *ours)
{
	char answer[PL_WS_DEFLATE_ANSWER_MAX];
	pl_http_field field = { PL_SLICE("Sec-WebSocket-Extensions"), { answer, 0 } };
	pl_ws_request reply = { .fields = &field, .field_count = 1 };
	pl_ws_deflate_terms agreed;
	pl_ws_deflate_terms again;

	if (pl_ws_deflate_frame_agree(&agreed, ours, request))
		return;
	FUZZ_CHECK(agreed.server_window >= 8 && agreed.server_window <= ours->server_window);
	FUZZ_CHECK(agreed.server_fresh || !ours->server_fresh);
	FUZZ_CHECK(agreed.client_window == ours->client_window);
	field.value.len = pl_ws_deflate_answer(answer, &agreed);
	FUZZ_CHECK(pl_ws_deflate_frame_agree(&again, ours, &reply) == PL_OK);
	FUZZ_CHECK(again.form == agreed.form);
	FUZZ_CHECK(again.server_fresh == (ours->server_fresh || agreed.client_fresh));
}

/* The same lines as a server's answer to a client. */
static void check_accept(const pl_ws_request *answer, const pl_ws_deflate_terms *ours)
{
	const pl_ws_deflate_wishes wishes = { ours, ours };
	pl_ws_deflate_terms agreed;
	int status = pl_ws_deflate_accept(&agreed, &wishes, answer->fields, answer->field_count);

	if (status != PL_OK) {
		FUZZ_CHECK(status == PL_ENOENT || status == PL_EPROTO);
		return;
	}
	FUZZ_CHECK(agreed.server_window >= 8 && agreed.server_window <= ours->server_window);
	FUZZ_CHECK(agreed.client_window >= 8 && agreed.client_window <= ours->client_window);
	FUZZ_CHECK(agreed.server_fresh || !ours->server_fresh);
	FUZZ_CHECK(agreed.client_fresh || !ours->client_fresh);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const pl_ws_deflate_terms ours[] = {
		{ .server_window = 15, .client_window = 15 },
		{ .server_window = 10, .client_window = 8, .server_fresh = true },
		{ .server_window = 15, .client_window = 15, .client_fresh = true },
	};
	char *text = fuzz_copy(data, size);
	pl_http_field fields[LINES_MAX];
	pl_ws_request request = { .fields = fields };

	request.field_count = lines_of(fields, pl_slice_make(text, size));
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
		check_terms(&request, &ours[i]);
		check_frame(&request, &ours[i]);
		check_accept(&request, &ours[i]);
	}
	free(text);
	return 0;
}
