/* http_path_fuzz.c - a path that is taken stays below its root; forms fit into their room. */
#include "fuzz/fuzz.h"

#include "codec/http_path.h"

static void check_path(const char *path, size_t len)
{
	pl_slice rest = { path, len };

	FUZZ_CHECK(!memchr(path, 0, len) && !memchr(path, '\\', len) && !memchr(path, '\n', len));
	while (rest.len > 0) {
		size_t end = pl_slice_find(rest, '/');
		pl_slice segment = { rest.at, end };

		FUZZ_CHECK(end > 0);
		FUZZ_CHECK(rest.at[0] != '.' ||
			   (rest.at == path && pl_slice_equal(segment, PL_SLICE(".well-known"))));
		end += end < rest.len;
		rest = pl_slice_make(rest.at + end, rest.len - end);
	}
}

static void check_form(pl_slice form, char *out)
{
	pl_slice rest = form, name, value;

	while (pl_form_next(&rest, &name, &value)) {
		FUZZ_CHECK(fuzz_within(name, form) && fuzz_within(value, form));
		FUZZ_CHECK(name.at + name.len <= value.at && value.at + value.len <= rest.at);
		FUZZ_CHECK(pl_form_decode(out, name) <= name.len);
		FUZZ_CHECK(pl_form_decode(out, value) <= value.len);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_copy(data, size), *out = fuzz_copy(data, size);
	pl_slice slice = { text, size };
	ptrdiff_t path = pl_http_path_decode(out, slice), plain;

	FUZZ_CHECK(path <= (ptrdiff_t)size);
	if (path >= 0)
		check_path(out, (size_t)path);
	plain = pl_percent_decode(out, slice);
	FUZZ_CHECK(plain <= (ptrdiff_t)size && (plain >= 0 || path < 0));
	check_form(slice, out);
	free(out);
	free(text);
	return 0;
}
