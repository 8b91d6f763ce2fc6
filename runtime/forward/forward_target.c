#include "forward/forward_target.h"

#include "base/status.h"
#include "codec/http_char.h"

/* The byte at the front of the path, with its escape taken off; -1: none that may be there. */
static int take(pl_slice *path)
{
	int byte = (uint8_t)path->at[0];
	size_t used = 1;

	if (byte == '%') {
		int high = path->len > 2 ? pl_hex_digit(path->at[1]) : -1;
		int low = path->len > 2 ? pl_hex_digit(path->at[2]) : -1;

		if (high < 0 || low < 0)
			return -1;
		byte = high << 4 | low;
		used = 3;
	}
	*path = pl_slice_make(path->at + used, path->len - used);
	return byte < ' ' || byte == 127 ? -1 : byte;
}

/* A segment that leads elsewhere; some servers take what is behind a ';' for no part of it. */
static bool is_step(size_t len, bool dots)
{
	return dots && (len == 1 || len == 2);
}

bool pl_forward_path_safe(pl_slice path)
{
	size_t len = 0; /* of the segment so far */
	bool dots = true;

	if (path.len == 0 || path.at[0] != '/')
		return false;
	while (path.len > 0) {
		int byte = take(&path);
		bool border = byte == '/' || byte == '\\';

		if (byte < 0 || ((border || byte == ';') && is_step(len, dots)))
			return false;
		dots = border || (dots && byte == '.');
		len = border ? 0 : len + 1;
	}
	return !is_step(len, dots);
}

/* What of a path may stand for itself (RFC 3986 3.3). */
static bool is_literal(char c)
{
	return pl_http_is(c, PL_HTTP_NAME) || c == '/' || c == ':' || c == '@';
}

static int put_escaped(pl_buffer *out, pl_slice text)
{
	int status = PL_OK;

	for (size_t i = 0; i < text.len && !status; i++)
		status = is_literal(text.at[i])
				 ? pl_buffer_append(out, &text.at[i], 1)
				 : pl_buffer_printf(out, "%%%02X", (uint8_t)text.at[i]);
	return status;
}

static bool query_valid(pl_slice query)
{
	for (size_t i = 0; i < query.len; i++)
		if (!pl_http_is(query.at[i], PL_HTTP_TARGET))
			return false;
	return true;
}

/* The path behind what is to be stripped, a text that its escapes count for; it keeps its '/'. At
 * NULL: that is escaped, and so no border of segments to everybody. */
static pl_slice stripped(const pl_forward_target *target)
{
	pl_slice rest = target->path, strip = target->strip;

	if (strip.len > 0 && strip.at[strip.len - 1] == '/')
		strip.len--;
	for (size_t i = 0; i < strip.len; i++)
		if (rest.len == 0 || take(&rest) != (uint8_t)strip.at[i])
			return target->path;
	if (rest.len == 0)
		return PL_SLICE("/");
	if (rest.at[0] == '/')
		return rest;
	return take(&rest) == '/' ? pl_slice_make(NULL, 0) : target->path;
}

int pl_forward_target_put(pl_buffer *out, const pl_forward_target *target)
{
	size_t before = out->len;
	pl_slice path = stripped(target);
	pl_slice query = target->query_params.at ? target->query_params : target->query;
	int status = pl_buffer_append(out, target->base.at, target->base.len);

	if (!path.at && !target->document.at)
		return PL_EINVAL;
	if (!status)
		status = target->document.at ? put_escaped(out, target->document)
					     : pl_buffer_append(out, path.at, path.len);
	if (status)
		return status;
	if (!pl_forward_path_safe(
		    pl_slice_make((const char *)out->data + before, out->len - before)) ||
	    !query_valid(query))
		return PL_EINVAL;
	if (!query.at || (target->query_params.at && query.len == 0))
		return PL_OK;
	status = pl_buffer_append(out, "?", 1);
	return status ? status : pl_buffer_append(out, query.at, query.len);
}
