#include "codec/multipart.h"

#include "codec/http_lines.h"

enum state {
	START,	  /* the first boundary needs no CRLF before it */
	PREAMBLE, /* RFC 2046 5.1.1: to be ignored */
	HEAD,
	DATA,
	CLOSED, /* behind the last boundary, in its line */
	CLOSED_CR,
	EPILOGUE
};

static int fail(pl_multipart *self, int status, const char *error)
{
	self->error_status = status;
	self->error = error;
	return PL_EPROTO;
}

/* Parameters of Content-Type and Content-Disposition: RFC 2045 5.1, RFC 2183 2. */

static void skip_blanks(pl_slice *rest)
{
	while (rest->len > 0 && pl_http_is_blank(*rest->at))
		*rest = pl_slice_make(rest->at + 1, rest->len - 1);
}

static pl_slice take(pl_slice *rest, size_t len)
{
	pl_slice taken = pl_slice_make(rest->at, len);

	*rest = pl_slice_make(rest->at + len, rest->len - len);
	return taken;
}

static pl_slice take_token(pl_slice *rest)
{
	size_t len = 0;

	while (len < rest->len && pl_http_is(rest->at[len], PL_HTTP_TCHAR))
		len++;
	return take(rest, len);
}

/* What is between the quotes, as it is. False: there is no other quote. */
static bool take_quoted(pl_slice *rest, pl_slice *value)
{
	size_t at = 1;

	while (at < rest->len && rest->at[at] != '"') {
		bool escape = rest->at[at] == '\\' && at + 1 < rest->len &&
			      (rest->at[at + 1] == '"' || rest->at[at + 1] == '\\');

		at += escape ? 2 : 1;
	}
	if (at >= rest->len)
		return false;
	*value = take(rest, at + 1);
	*value = pl_slice_make(value->at + 1, value->len - 2);
	return true;
}

/* The next of `; name=value`. 1: there is one, 0: none is left, PL_EPROTO. */
static int next_parameter(pl_slice *rest, pl_slice *name, pl_slice *value)
{
	skip_blanks(rest);
	if (rest->len == 0)
		return 0;
	if (*rest->at != ';')
		return PL_EPROTO;
	take(rest, 1);
	skip_blanks(rest);
	*name = take_token(rest);
	if (name->len == 0 || rest->len < 2 || *rest->at != '=')
		return PL_EPROTO;
	take(rest, 1);
	if (*rest->at == '"')
		return take_quoted(rest, value) ? 1 : PL_EPROTO;
	*value = take_token(rest);
	return value->len > 0 ? 1 : PL_EPROTO;
}

/* Keeps the value of a parameter that may come once. */
static int keep_once(pl_slice *place, pl_slice value)
{
	if (place->at)
		return PL_EPROTO;
	*place = value;
	return PL_OK;
}

/* bchars of RFC 2046 5.1.1; the last one is no space. */
static bool is_boundary(pl_slice text)
{
	static const char others[] = "'()+_,-./:=? ";

	if (text.len == 0 || text.len > PL_MULTIPART_BOUNDARY_MAX || text.at[text.len - 1] == ' ')
		return false;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.at[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

		if (!letter && !pl_http_is_digit(c) && !memchr(others, c, sizeof(others) - 1))
			return false;
	}
	return true;
}

int pl_multipart_init(pl_multipart *self, pl_slice content_type)
{
	pl_slice rest = content_type;
	pl_slice type = pl_slice_trim(take(&rest, pl_slice_find(rest, ';')));
	pl_slice boundary = { NULL, 0 }, name, value;
	int more;

	memset(self, 0, sizeof(*self));
	if (!pl_slice_equal_nocase(type, PL_SLICE("multipart/form-data")))
		return PL_ENOTSUP;
	while ((more = next_parameter(&rest, &name, &value)) > 0)
		if (pl_slice_equal_nocase(name, PL_SLICE("boundary")) &&
		    keep_once(&boundary, value))
			return fail(self, 400, "the boundary is there twice");
	if (more < 0)
		return fail(self, 400, "malformed parameters of multipart/form-data");
	if (!is_boundary(boundary))
		return fail(self, 400, "no boundary of 1 to 70 characters");
	memcpy(self->delimiter, "\r\n--", 4);
	memcpy(self->delimiter + 4, boundary.at, boundary.len);
	self->length = (uint8_t)(4 + boundary.len);
	return PL_OK;
}

/* Fields of a part. */

static int read_disposition(pl_multipart *self, pl_multipart_part *part, pl_slice value)
{
	pl_slice rest = value;
	pl_slice kind = take_token(&rest);
	pl_slice extended = { NULL, 0 }, name, text;
	int status = PL_OK, more;

	if (!pl_slice_equal_nocase(kind, PL_SLICE("form-data")))
		return fail(self, 400, "Content-Disposition is not form-data");
	while ((more = next_parameter(&rest, &name, &text)) > 0 && !status) {
		if (pl_slice_equal_nocase(name, PL_SLICE("name")))
			status = keep_once(&part->name, text);
		else if (pl_slice_equal_nocase(name, PL_SLICE("filename")))
			status = keep_once(&part->filename, text);
		else if (pl_slice_equal_nocase(name, PL_SLICE("filename*")))
			status = keep_once(&extended, text);
	}
	if (status)
		return fail(self, 400, "a parameter of Content-Disposition is there twice");
	if (more < 0)
		return fail(self, 400, "malformed Content-Disposition");
	if (!part->name.at)
		return fail(self, 400, "Content-Disposition has no name");
	if (extended.at && !part->filename.at)
		return fail(self, 400, "filename* must not be used in multipart/form-data");
	return PL_OK;
}

static bool keeps_bytes(pl_slice encoding)
{
	return pl_slice_equal_nocase(encoding, PL_SLICE("binary")) ||
	       pl_slice_equal_nocase(encoding, PL_SLICE("8bit")) ||
	       pl_slice_equal_nocase(encoding, PL_SLICE("7bit"));
}

/* Others than these are ignored (RFC 7578 4.8). */
static int read_field(pl_multipart *self, pl_multipart_part *part, const pl_http_field *field)
{
	if (pl_slice_equal_nocase(field->name, PL_SLICE("content-disposition"))) {
		if (part->name.at)
			return fail(self, 400, "several Content-Disposition");
		return read_disposition(self, part, field->value);
	}
	if (pl_slice_equal_nocase(field->name, PL_SLICE("content-type")) &&
	    keep_once(&part->content_type, field->value))
		return fail(self, 400, "several Content-Type of a part");
	if (pl_slice_equal_nocase(field->name, PL_SLICE("content-transfer-encoding")) &&
	    !keeps_bytes(field->value))
		return fail(self, 400, "Content-Transfer-Encoding must not be used");
	return PL_OK;
}

/* The length of the head with its empty line; 0: it is not whole. */
static size_t head_length(const char *buf, size_t len)
{
	size_t line = 0;

	for (;;) {
		const char *end = memchr(buf + line, '\n', len - line);
		size_t next;

		if (!end)
			return 0;
		next = (size_t)(end - buf) + 1;
		if (next - line <= 2) /* CRLF alone, or a bare LF, which is refused then */
			return next;
		line = next;
	}
}

static ptrdiff_t decode_head(pl_multipart *self, const char *buf, size_t len,
			     pl_multipart_piece *piece)
{
	size_t most = len < self->max_head ? len : self->max_head;
	size_t length = head_length(buf, most);
	pl_http_lines lines = { .at = buf, .end = buf + length, .stop = buf + length };

	if (length == 0 && len >= self->max_head)
		return fail(self, 431, "the fields of a part are too long");
	if (length == 0)
		return 0;
	while (lines.at < lines.end && *lines.at != '\r') {
		pl_http_field field;

		if (pl_http_lines_field(&lines, &field) != PL_HTTP_DONE)
			return fail(self, 400, "malformed fields of a part");
		if (read_field(self, &piece->part, &field))
			return PL_EPROTO;
	}
	if (lines.end - lines.at != 2)
		return fail(self, 400, "malformed fields of a part");
	if (!piece->part.name.at)
		return fail(self, 400, "a part has no Content-Disposition");
	piece->kind = PL_MULTIPART_PART;
	self->state = DATA;
	return (ptrdiff_t)length;
}

/* Boundaries. */

static ptrdiff_t begin_part(pl_multipart *self, size_t used)
{
	if (++self->parts > self->max_parts)
		return fail(self, 413, "too many parts");
	self->state = HEAD;
	return (ptrdiff_t)used;
}

/* What is behind the delimiter, which has `from` bytes: "--", or blanks and CRLF. */
static ptrdiff_t decode_boundary(pl_multipart *self, const char *buf, size_t len, size_t from)
{
	size_t at = from;

	if (at < len && buf[at] == '-') {
		if (at + 1 == len)
			return 0;
		if (buf[at + 1] != '-')
			return fail(self, 400, "a line only begins with the boundary");
		self->state = CLOSED;
		return (ptrdiff_t)(at + 2);
	}
	while (at < len && pl_http_is_blank(buf[at]))
		at++;
	if (at - from > PL_MULTIPART_PADDING_MAX)
		return fail(self, 400, "too many blanks behind a boundary");
	if ((at < len && buf[at] != '\r') || (at + 1 < len && buf[at + 1] != '\n'))
		return fail(self, 400, "a line only begins with the boundary");
	return at + 1 < len ? begin_part(self, at + 2) : 0;
}

/* Where the delimiter is, or begins at the end of the bytes; len: nowhere. */
static size_t find_delimiter(const pl_multipart *self, const char *buf, size_t len)
{
	const char *at = buf;
	const char *end = buf + len;

	while ((at = memchr(at, '\r', (size_t)(end - at)))) {
		size_t left = (size_t)(end - at);

		if (memcmp(at, self->delimiter, left < self->length ? left : self->length) == 0)
			return (size_t)(at - buf);
		at++;
	}
	return len;
}

static ptrdiff_t decode_data(pl_multipart *self, const char *buf, size_t len,
			     pl_multipart_piece *piece)
{
	bool inside = self->state == DATA;
	size_t at = find_delimiter(self, buf, len);
	ptrdiff_t used;

	if (at > 0) {
		piece->kind = inside ? PL_MULTIPART_DATA : PL_MULTIPART_NOTHING;
		piece->data = pl_slice_make(buf, at);
		return (ptrdiff_t)at;
	}
	if (len < self->length)
		return 0;
	used = decode_boundary(self, buf, len, self->length);
	if (used > 0 && inside)
		piece->kind = PL_MULTIPART_PART_ENDS;
	return used;
}

static ptrdiff_t decode_start(pl_multipart *self, const char *buf, size_t len)
{
	size_t length = (size_t)self->length - 2; /* without its CRLF */

	if (memcmp(buf, self->delimiter + 2, len < length ? len : length) != 0) {
		self->state = PREAMBLE;
		return PL_ESTATE;
	}
	return len < length ? 0 : decode_boundary(self, buf, len, length);
}

/* The rest of the last boundary's line; what follows is ignored (RFC 2046 5.1.1). */
static ptrdiff_t decode_closed(pl_multipart *self, const char *buf)
{
	bool fits = self->state == CLOSED ? *buf == '\r' || pl_http_is_blank(*buf) : *buf == '\n';

	if (!fits)
		return fail(self, 400, "something is behind the last boundary");
	if (self->state == CLOSED_CR)
		self->state = EPILOGUE;
	else if (*buf == '\r')
		self->state = CLOSED_CR;
	return 1;
}

ptrdiff_t pl_multipart_decode(pl_multipart *self, const char *buf, size_t len,
			      pl_multipart_piece *piece)
{
	ptrdiff_t used = PL_ESTATE;

	*piece = (pl_multipart_piece){ .kind = PL_MULTIPART_NOTHING };
	if (len == 0)
		return 0;
	if (self->state == START)
		used = decode_start(self, buf, len);
	if (used != PL_ESTATE)
		return used;
	if (self->state == PREAMBLE || self->state == DATA)
		return decode_data(self, buf, len, piece);
	if (self->state == HEAD)
		return decode_head(self, buf, len, piece);
	return self->state == EPILOGUE ? (ptrdiff_t)len : decode_closed(self, buf);
}

bool pl_multipart_done(const pl_multipart *self)
{
	return self->state == CLOSED || self->state == EPILOGUE;
}

/* Texts. */

/* One character from the front of the text; how many bytes stood for it. */
static size_t decode_character(pl_slice text, char *c)
{
	static const struct {
		const char *escape;
		char c;
	} escapes[] = { { "%22", '"' }, { "%0D", '\r' }, { "%0A", '\n' } };

	*c = *text.at;
	if (*c == '\\' && text.len > 1 && (text.at[1] == '"' || text.at[1] == '\\')) {
		*c = text.at[1];
		return 2;
	}
	for (size_t i = 0; *text.at == '%' && text.len > 2 && i < 3; i++)
		if (pl_slice_equal_nocase(pl_slice_make(text.at, 3),
					  pl_slice_make(escapes[i].escape, 3))) {
			*c = escapes[i].c;
			return 3;
		}
	return 1;
}

size_t pl_multipart_text(char *out, pl_slice text)
{
	size_t len = 0;

	while (text.len > 0)
		take(&text, decode_character(text, &out[len++]));
	return len;
}
