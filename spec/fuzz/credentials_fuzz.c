/* credentials_fuzz.c - what a request says of itself lies within its bounds, and the path has it.
 * The first byte says which ways are open; then a path, a line feed, and the Authorization field.
 */
#include "fuzz/fuzz.h"

#include "base/status.h"
#include "server/credentials.h"

static void check_plain(pl_slice text)
{
	FUZZ_CHECK(text.len <= PL_CREDENTIAL_MAX);
	for (size_t i = 0; i < text.len; i++)
		FUZZ_CHECK((unsigned char)text.at[i] >= 0x20 && text.at[i] != 0x7f);
}

static void check(const pl_credentials *given, const pl_exchange_request *request)
{
	pl_slice path = request->path;

	FUZZ_CHECK(given->prefix <= path.len);
	FUZZ_CHECK(given->prefix == path.len || given->prefix == 0 ||
		   path.at[given->prefix] == '/');
	FUZZ_CHECK(!given->prefix || given->in_path);
	if (given->kind == PL_CREDENTIALS_OTHER) {
		FUZZ_CHECK(fuzz_within(given->scheme, request->fields[0].value));
		FUZZ_CHECK(fuzz_within(given->password, request->fields[0].value));
		return;
	}
	check_plain(given->user);
	check_plain(given->password);
	FUZZ_CHECK(given->kind != PL_CREDENTIALS_NONE ||
		   given->user.len + given->password.len == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static pl_credentials given;
	pl_credentials_ways ways;
	const char *error;
	size_t line;

	if (size == 0)
		return 0;
	ways = (pl_credentials_ways){ .basic = data[0] & 1,
				      .session = data[0] & 2,
				      .url = data[0] & 4 };
	line = pl_slice_find(pl_slice_make((const char *)data + 1, size - 1), '\n');
	{
		size_t rest = size - 1 - line - (line < size - 1);
		char *path = fuzz_copy(data + 1, line);
		char *value = fuzz_copy(data + size - rest, rest);
		pl_http_field field = { PL_SLICE("authorization"), { value, rest } };
		pl_exchange_request request = { .path = { path, line },
						.field_count = line < size - 1,
						.fields = &field };

		if (pl_credentials_read(&given, &ways, &request, &error) == PL_OK)
			check(&given, &request);
		else
			FUZZ_CHECK(*error);
		free(value);
		free(path);
	}
	return 0;
}
