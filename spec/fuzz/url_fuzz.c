/* url_fuzz.c - a URL, and a reference behind a NUL that is resolved within it: what comes out is a
 * URL, which resolves to itself. */
#include "fuzz/fuzz.h"

#include "base/status.h"
#include "codec/url.h"

static void check_parts(const pl_url *url, pl_slice text)
{
	const pl_slice parts[] = { url->scheme, url->userinfo, url->authority, url->host,
				   url->path,	url->query,    url->target,    url->fragment };

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		FUZZ_CHECK(fuzz_within(parts[i], text));
	FUZZ_CHECK(url->scheme.len > 0 && url->host.len > 0);
	FUZZ_CHECK(url->path.len == 0 || url->path.at[0] == '/');
}

/* The base of an empty reference keeps its dot segments, a reference has none (RFC 3986 5.2.2):
 * what was a reference once does not change any more. */
static void check_resolved(pl_slice text, int times)
{
	pl_buffer again = { 0 };
	pl_url url;

	FUZZ_CHECK(pl_url_decode(&url, text) == PL_OK);
	check_parts(&url, text);
	if (pl_url_resolve(&again, &url, text) == PL_OK) {
		pl_slice next = pl_slice_make((const char *)again.data, again.len);

		FUZZ_CHECK(times == 0 || pl_slice_equal(next, text));
		if (times == 0)
			check_resolved(next, 1);
	}
	pl_buffer_deinit(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *nul = memchr(data, '\0', size);
	size_t len = nul ? (size_t)(nul - data) : size;
	size_t rest = nul ? size - len - 1 : 0;
	char *text = fuzz_copy(data, len);
	char *reference = fuzz_copy(data + size - rest, rest);
	pl_buffer out = { 0 };
	pl_url url;

	if (pl_url_decode(&url, pl_slice_make(text, len)) == PL_OK) {
		check_parts(&url, pl_slice_make(text, len));
		if (nul && pl_url_resolve(&out, &url, pl_slice_make(reference, rest)) == PL_OK)
			check_resolved(pl_slice_make((const char *)out.data, out.len), 0);
	} else {
		FUZZ_CHECK(url.error != NULL);
	}
	pl_buffer_deinit(&out);
	free(text);
	free(reference);
	return 0;
}
