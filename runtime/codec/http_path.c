#include "codec/http_path.h"

#include "codec/http_char.h"

/* The byte that "%XX" at the front of text stands for, or -1. */
static int escaped(pl_slice text)
{
	int high, low;

	if (text.len < 3 || text.at[0] != '%')
		return -1;
	high = pl_hex_digit(text.at[1]);
	low = pl_hex_digit(text.at[2]);
	return high < 0 || low < 0 ? -1 : high << 4 | low;
}

static pl_slice skip(pl_slice text, size_t count)
{
	return pl_slice_make(text.at + count, text.len - count);
}

ptrdiff_t pl_percent_decode(char *out, pl_slice text)
{
	char *at = out;

	while (text.len > 0) {
		int byte = escaped(text);

		if (byte < 0 && text.at[0] == '%')
			return -1;
		*at++ = byte < 0 ? text.at[0] : (char)byte;
		text = skip(text, byte < 0 ? 1 : 3);
	}
	return at - out;
}

/* Whether a segment, decoded, names a file that may be shown. */
static bool segment_valid(pl_slice segment, bool first)
{
	for (size_t i = 0; i < segment.len; i++)
		if (!pl_http_is(segment.at[i], PL_HTTP_VALUE) || segment.at[i] == '\t' ||
		    segment.at[i] == '\\' || segment.at[i] == '/')
			return false;
	if (segment.len == 0)
		return false;
	/* RFC 8615 3: only the top level has it. */
	return segment.at[0] != '.' || (first && pl_slice_equal(segment, PL_SLICE(".well-known")));
}

ptrdiff_t pl_http_path_decode(char *out, pl_slice path)
{
	char *at = out;

	if (path.len == 0 || path.at[0] != '/')
		return -1;
	path = skip(path, 1);
	while (path.len > 0) {
		size_t end = pl_slice_find(path, '/');
		ptrdiff_t len = pl_percent_decode(at, pl_slice_make(path.at, end));

		if (len < 0 || !segment_valid(pl_slice_make(at, (size_t)len), at == out))
			return -1;
		at += len;
		if (end < path.len)
			*at++ = path.at[end++];
		path = skip(path, end);
	}
	return at - out;
}

bool pl_form_next(pl_slice *rest, pl_slice *name, pl_slice *value)
{
	while (rest->len > 0) {
		size_t end = pl_slice_find(*rest, '&');
		pl_slice piece = pl_slice_make(rest->at, end);
		size_t equals = pl_slice_find(piece, '=');

		*rest = skip(*rest, end < rest->len ? end + 1 : end);
		if (piece.len == 0)
			continue;
		*name = pl_slice_make(piece.at, equals);
		*value = skip(piece, equals < piece.len ? equals + 1 : equals);
		return true;
	}
	return false;
}

size_t pl_form_decode(char *out, pl_slice text)
{
	char *at = out;

	while (text.len > 0) {
		int byte = escaped(text);

		if (byte < 0)
			*at++ = text.at[0] == '+' ? ' ' : text.at[0];
		else
			*at++ = (char)byte;
		text = skip(text, byte < 0 ? 1 : 3);
	}
	return (size_t)(at - out);
}
