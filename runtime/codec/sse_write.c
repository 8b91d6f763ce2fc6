#include "codec/sse_write.h"

#include <string.h>

#include "codec/base64.h"
#include "codec/utf8.h"

/* Where the next bytes go; only counts when `at` is NULL. */
typedef struct sink {
	char *at;
	size_t len;
} sink;

static void put(sink *out, pl_slice bytes)
{
	if (out->at && bytes.at)
		memcpy(out->at + out->len, bytes.at, bytes.len);
	out->len += bytes.len;
}

static void put_field(sink *out, pl_slice name, pl_slice value)
{
	put(out, name);
	put(out, PL_SLICE(": "));
	put(out, value);
	put(out, PL_SLICE("\n"));
}

/* Takes a line without its end (LF, CR, or both) from the front of *rest. False: it was the last
 * one; a text has at least one. */
static bool next_line(pl_slice *rest, pl_slice *line)
{
	const char *lf = rest->len > 0 ? memchr(rest->at, '\n', rest->len) : NULL;
	size_t len = lf ? (size_t)(lf - rest->at) : rest->len;
	const char *cr = len > 0 ? memchr(rest->at, '\r', len) : NULL;
	size_t used = lf ? len + 1 : len;

	if (cr) {
		len = (size_t)(cr - rest->at);
		used = len + 1 < rest->len && cr[1] == '\n' ? len + 2 : len + 1;
	}
	*line = pl_slice_make(rest->at, len);
	*rest = pl_slice_make(rest->at ? rest->at + used : NULL, rest->len - used);
	return used > len;
}

bool pl_sse_field_valid(pl_slice value)
{
	for (size_t i = 0; i < value.len; i++)
		if (value.at[i] == '\n' || value.at[i] == '\r' || value.at[i] == '\0')
			return false;
	return pl_utf8_valid((const uint8_t *)value.at, value.len);
}

static void put_fields(sink *out, const pl_sse_fields *fields, pl_slice event)
{
	char room[PL_SLICE_DIGITS];

	if (fields && fields->event.len > 0)
		event = fields->event;
	if (event.len > 0)
		put_field(out, PL_SLICE("event"), event);
	if (fields && fields->id.at)
		put_field(out, PL_SLICE("id"), fields->id);
	if (fields && fields->retry >= 0)
		put_field(out, PL_SLICE("retry"), pl_slice_from_u64(room, (uint64_t)fields->retry));
}

size_t pl_sse_write_text(char *room, const pl_sse_fields *fields, pl_slice text)
{
	sink out = { room, 0 };
	pl_slice line;
	bool more = true;

	put_fields(&out, fields, pl_slice_make(NULL, 0));
	while (more) {
		more = next_line(&text, &line);
		put_field(&out, PL_SLICE("data"), line);
	}
	put(&out, PL_SLICE("\n"));
	return out.len;
}

size_t pl_sse_write_bytes(char *room, const pl_sse_fields *fields, pl_slice bytes)
{
	sink out = { room, 0 };

	put_fields(&out, fields, PL_SLICE(PL_SSE_BINARY_EVENT));
	put(&out, PL_SLICE("data: " PL_SSE_BINARY_MARK));
	if (room)
		pl_base64_encode(room + out.len, (const uint8_t *)bytes.at, bytes.len);
	out.len += PL_BASE64_LENGTH(bytes.len);
	put(&out, PL_SLICE("\n\n"));
	return out.len;
}

/* The field that a line is; false: it is none. Blanks around the values are kept of data alone. */
static bool field_of(pl_slice line, pl_slice *name, pl_slice *value)
{
	static const pl_slice names[] = {
		{ "data", 4 }, { "event", 5 }, { "id", 2 }, { "retry", 5 }
	};
	size_t colon;

	if (!line.at)
		return false;
	while (line.len > 0 && (line.at[0] == ' ' || line.at[0] == '\t'))
		line = pl_slice_make(line.at + 1, line.len - 1);
	colon = pl_slice_find(line, ':');
	*name = pl_slice_make(line.at, colon);
	if (colon == line.len)
		return false;
	*value = pl_slice_make(line.at + colon + 1, line.len - colon - 1);
	if (value->len > 0 && value->at[0] == ' ')
		*value = pl_slice_make(value->at + 1, value->len - 1);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (pl_slice_equal(*name, names[i])) {
			if (i > 0)
				*value = pl_slice_trim(*value);
			return true;
		}
	return false;
}

/* Without what ends the last line. */
static pl_slice without_end(pl_slice text)
{
	while (text.len > 0 && (text.at[text.len - 1] == '\n' || text.at[text.len - 1] == '\r'))
		text.len--;
	return text;
}

bool pl_sse_is_fields(pl_slice text)
{
	pl_slice rest = without_end(text);
	pl_slice line, name, value;
	bool more = rest.len > 0;

	if (!more)
		return false;
	while (more) {
		more = next_line(&rest, &line);
		if (!field_of(line, &name, &value))
			return false;
	}
	return true;
}

size_t pl_sse_write_fields(char *room, pl_slice text)
{
	sink out = { room, 0 };
	pl_slice rest = without_end(text);
	pl_slice line, name, value;
	bool more = true;

	while (more) {
		more = next_line(&rest, &line);
		if (field_of(line, &name, &value))
			put_field(&out, name, value);
	}
	put(&out, PL_SLICE("\n"));
	return out.len;
}
