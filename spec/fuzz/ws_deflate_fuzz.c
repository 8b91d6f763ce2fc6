/* ws_deflate_fuzz.c - messages for inflate: they give text or an error, whatever was before them,
 * and the text comes through deflate and inflate as it was. */
#include "fuzz/fuzz.h"

#include "base/status.h"
#include "ws/ws_deflate.h"

enum { LIMIT = 65536 };

static const pl_ws_deflate_terms terms[] = {
	{ .server_window = 15, .client_window = 15 },
	{ .server_window = 9, .client_window = 8 },
	{ .server_window = 15, .client_window = 15, .server_fresh = true, .client_fresh = true },
};

static void check_back(pl_ws_deflate *server, pl_ws_deflate *client, pl_slice text)
{
	char *copy = fuzz_copy(text.at, text.len);
	pl_slice out;

	FUZZ_CHECK(pl_ws_deflate_encode(server, copy, text.len, &out) == PL_OK);
	FUZZ_CHECK(pl_ws_deflate_decode(client, out.at, out.len, text.len, &out) == PL_OK);
	FUZZ_CHECK(out.len == text.len && memcmp(out.at, copy, out.len) == 0);
	free(copy);
}

/* The input is cut into messages; one that fails is the last, as in a session. */
static void talk(const pl_ws_deflate_terms *agreed, const uint8_t *data, size_t size)
{
	pl_ws_deflate_pool *pool = pl_ws_deflate_pool_new(1, 1);
	pl_ws_deflate *server = pl_ws_deflate_new(pool, agreed, true);
	pl_ws_deflate *client = pl_ws_deflate_new(pool, agreed, false);
	fuzz_cuts cuts = fuzz_cuts_of(data, size);
	int status = PL_OK;

	while (size > 0 && status == PL_OK) {
		size_t len = fuzz_cut(&cuts, size);
		pl_slice out;

		len = fuzz_cut(&cuts, size) * 4 + len;
		len = len < size ? len : size;
		status = pl_ws_deflate_decode(server, data, len, LIMIT, &out);
		FUZZ_CHECK(out.len <= LIMIT && (status == PL_OK || out.len == 0));
		if (status == PL_OK)
			check_back(server, client, out);
		data += len;
		size -= len;
	}
	pl_ws_deflate_free(server);
	pl_ws_deflate_free(client);
	pl_ws_deflate_pool_free(pool);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = fuzz_copy(data, size);

	for (size_t i = 0; i < sizeof(terms) / sizeof(terms[0]); i++)
		talk(&terms[i], copy, size);
	free(copy);
	return 0;
}
