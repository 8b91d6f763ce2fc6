/* json_read_fuzz.c - the tokens of any text: within it, in order, and strings that come back. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "codec/json_read.h"
#include "codec/json_write.h"

/* Unescapes a string, writes it and reads that again. */
static void write_back(const pl_json_token *token)
{
	pl_buffer text = { 0 }, value = { 0 }, again = { 0 };
	pl_json_reader reader;
	pl_json_token copy;

	if (pl_buffer_reserve(&value, token->len + 1) != PL_OK)
		abort();
	value.len = pl_json_unescape((char *)value.data, token);
	if (pl_json_write_string(&text, (const char *)value.data, value.len) != PL_OK)
		abort();
	reader = (pl_json_reader){ .at = (const char *)text.data,
				   .end = (const char *)text.data + text.len };
	if (pl_json_next(&reader, &copy) != PL_OK || reader.at != reader.end ||
	    pl_buffer_reserve(&again, copy.len + 1) != PL_OK)
		abort();
	again.len = pl_json_unescape((char *)again.data, &copy);
	if (again.len != value.len || memcmp(again.data, value.data, value.len) != 0)
		abort();
	pl_buffer_deinit(&text);
	pl_buffer_deinit(&value);
	pl_buffer_deinit(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data, *end = text + size;
	pl_json_reader reader = { .at = text, .end = end };
	pl_json_token token;

	for (;;) {
		const char *before = reader.at;
		int status = pl_json_next(&reader, &token);

		if (reader.at < before || reader.at > end)
			abort();
		if (status != PL_OK || token.kind == PL_JSON_END)
			return 0;
		if (token.at < before || token.len > (size_t)(end - token.at) ||
		    reader.at == before)
			abort();
		if (token.kind == PL_JSON_STRING)
			write_back(&token);
	}
}
