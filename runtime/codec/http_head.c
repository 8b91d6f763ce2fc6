#include "codec/http_head.h"

#include "base/status.h"
#include "codec/http_char.h"

/* What a step of the decoder returns, beside PL_EPROTO. */
enum { MORE = 0, DONE = 1 };

typedef struct decoder {
	pl_http_request *request;
	const pl_http_rules *rules;
	const char *at;
	const char *end;  /* of the input, or where the present limit is reached */
	const char *stop; /* of the input */
	int limit_status; /* to fail with at `end`; 0: more input may come */
	bool has_host;
	bool has_coding;
	bool says_close;
	bool says_keep_alive;
} decoder;

static int fail(decoder *d, int status, const char *error)
{
	d->request->error_status = status;
	d->request->error = error;
	return PL_EPROTO;
}

/* The part of the head that starts here must end within `limit` bytes. */
static void set_limit(decoder *d, size_t limit, int status)
{
	bool reached = (size_t)(d->stop - d->at) >= limit;

	d->end = reached ? d->at + limit : d->stop;
	d->limit_status = reached ? status : 0;
}

/* The bytes up to `end` are used up. */
static int starve(decoder *d)
{
	if (d->limit_status == 0)
		return MORE;
	return fail(d, d->limit_status,
		    d->limit_status == 414 ? "request line is too long" : "fields are too long");
}

/* Takes the bytes here that are of a class; false when there may be more of them. */
static bool take_run(decoder *d, unsigned class, pl_slice *run)
{
	const char *at = d->at, *end = d->end;

	while (at < end && pl_http_is(*at, class))
		at++;
	*run = pl_slice_make(d->at, (size_t)(at - d->at));
	d->at = at;
	return at < end;
}

static int take_crlf(decoder *d, const char *error)
{
	size_t left = (size_t)(d->end - d->at);

	if ((left > 0 && d->at[0] != '\r') || (left > 1 && d->at[1] != '\n'))
		return fail(d, 400, error);
	if (left < 2)
		return starve(d);
	d->at += 2;
	return DONE;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int decode_version(decoder *d)
{
	const char *at = d->at;

	if (d->end - at < 8)
		return starve(d);
	if (memcmp(at, "HTTP/", 5) != 0 || !is_digit(at[5]) || at[6] != '.' || !is_digit(at[7]))
		return fail(d, 400, "malformed HTTP version");
	if (at[5] != '1' || at[7] > '1')
		return fail(d, 505, "HTTP version is not 1.0 or 1.1");
	d->request->minor = (uint8_t)(at[7] - '0');
	d->at += 8;
	return take_crlf(d, "request line does not end with CRLF");
}

static void split_query(pl_http_request *request, pl_slice rest)
{
	size_t mark = pl_slice_find(rest, '?');

	request->path = pl_slice_make(rest.at, mark);
	if (mark < rest.len)
		request->query = pl_slice_make(rest.at + mark + 1, rest.len - mark - 1);
}

/* The length of the "http://" (https, ws, wss) at the front of a target, or 0. */
static size_t scheme_length(pl_slice target)
{
	size_t colon = pl_slice_find(target, ':');
	pl_slice scheme = pl_slice_make(target.at, colon);

	if (target.len - colon < 3 || memcmp(target.at + colon, "://", 3) != 0)
		return 0;
	if (!pl_slice_equal_nocase(scheme, PL_SLICE("http")) &&
	    !pl_slice_equal_nocase(scheme, PL_SLICE("https")) &&
	    !pl_slice_equal_nocase(scheme, PL_SLICE("ws")) &&
	    !pl_slice_equal_nocase(scheme, PL_SLICE("wss")))
		return 0;
	return colon + 3;
}

/* absolute-form (3.2.2) */
static int decode_absolute(decoder *d)
{
	pl_http_request *request = d->request;
	pl_slice target = request->target;
	size_t start = scheme_length(target), end = start;

	if (start == 0)
		return fail(d, 400, "malformed request target");
	while (end < target.len && target.at[end] != '/' && target.at[end] != '?')
		end++;
	request->host = pl_slice_make(target.at + start, end - start);
	if (!pl_http_authority_valid(request->host))
		return fail(d, 400, "malformed authority in the request target");
	split_query(request, pl_slice_make(target.at + end, target.len - end));
	/* An empty path is the same as "/" (RFC 9110 4.2.3); that of "://" lends its bytes. */
	if (request->path.len == 0)
		request->path = pl_slice_make(target.at + start - 1, 1);
	return DONE;
}

/* authority-form (3.2.3) */
static int decode_authority(decoder *d)
{
	pl_http_request *request = d->request;

	if (!pl_http_authority_valid(request->target) ||
	    pl_http_authority_port(request->target).len == 0)
		return fail(d, 400, "target of CONNECT is not a host and port");
	request->host = request->target;
	request->path = pl_slice_make(request->target.at, 0);
	return DONE;
}

static int decode_target(decoder *d)
{
	pl_http_request *request = d->request;

	if (pl_slice_equal(request->method, PL_SLICE("CONNECT")))
		return decode_authority(d);
	if (request->target.at[0] == '/') {
		split_query(request, request->target);
		return DONE;
	}
	if (!pl_slice_equal(request->target, PL_SLICE("*")))
		return decode_absolute(d);
	if (!pl_slice_equal(request->method, PL_SLICE("OPTIONS")))
		return fail(d, 400, "target * is for OPTIONS only");
	request->path = request->target;
	return DONE;
}

static int decode_line(decoder *d)
{
	pl_http_request *request = d->request;
	int result;

	set_limit(d, d->rules->max_line + 2, 414);
	if (!take_run(d, PL_HTTP_TCHAR, &request->method))
		return starve(d);
	if (request->method.len == 0 || *d->at++ != ' ')
		return fail(d, 400, "malformed method");
	if (!take_run(d, PL_HTTP_TARGET, &request->target))
		return starve(d);
	if (request->target.len == 0 || *d->at++ != ' ')
		return fail(d, 400, "malformed request target");
	result = decode_version(d);
	return result == DONE ? decode_target(d) : result;
}

static int apply_host(decoder *d, pl_slice value)
{
	if (d->has_host)
		return fail(d, 400, "Host is repeated");
	if (!pl_http_authority_valid(value))
		return fail(d, 400, "malformed Host");
	d->has_host = true;
	if (!d->request->host.at)
		d->request->host = value;
	return DONE;
}

static int apply_length(decoder *d, pl_slice value)
{
	uint64_t length;

	if (d->request->content_length >= 0)
		return fail(d, 400, "Content-Length is repeated");
	if (!pl_slice_to_u64(value, INT64_MAX, &length))
		return fail(d, 400, "malformed Content-Length");
	d->request->content_length = (int64_t)length;
	return DONE;
}

static int apply_coding(decoder *d, pl_slice value)
{
	bool chunked = false, other = false;
	pl_slice coding;

	if (d->has_coding)
		return fail(d, 400, "Transfer-Encoding is repeated");
	if (d->request->minor == 0)
		return fail(d, 400, "Transfer-Encoding in HTTP/1.0");
	while (!chunked && pl_slice_next_element(&value, &coding)) {
		chunked = pl_slice_equal_nocase(coding, PL_SLICE("chunked"));
		other = other || !chunked;
	}
	if (!chunked || pl_slice_next_element(&value, &coding))
		return fail(d, 400, "chunked is not the last transfer coding");
	if (other)
		return fail(d, 501, "transfer coding is not supported");
	d->has_coding = d->request->chunked = true;
	return DONE;
}

static int apply_connection(decoder *d, pl_slice value)
{
	pl_slice option;

	while (pl_slice_next_element(&value, &option)) {
		if (pl_slice_equal_nocase(option, PL_SLICE("close")))
			d->says_close = true;
		else if (pl_slice_equal_nocase(option, PL_SLICE("keep-alive")))
			d->says_keep_alive = true;
	}
	return DONE;
}

static int apply_expect(decoder *d, pl_slice value)
{
	pl_slice expectation;

	while (pl_slice_next_element(&value, &expectation)) {
		if (!pl_slice_equal_nocase(expectation, PL_SLICE("100-continue")))
			return fail(d, 417, "expectation is not 100-continue");
		/* RFC 9110 10.1.1: from HTTP/1.0 it is ignored. */
		d->request->expect_continue = d->request->minor > 0;
	}
	return DONE;
}

/* Reads what the field says about the message itself. */
static int apply_field(decoder *d, const pl_http_field *field)
{
	static const struct {
		pl_slice name;
		int (*apply)(decoder *d, pl_slice value);
	} table[] = {
		{ { "host", 4 }, apply_host },
		{ { "expect", 6 }, apply_expect },
		{ { "connection", 10 }, apply_connection },
		{ { "content-length", 14 }, apply_length },
		{ { "transfer-encoding", 17 }, apply_coding },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (field->name.len == table[i].name.len &&
		    pl_slice_equal_nocase(field->name, table[i].name))
			return table[i].apply(d, field->value);
	return DONE;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static int decode_field(decoder *d)
{
	pl_http_field *field = &d->request->fields[d->request->field_count];
	int result;

	if (!take_run(d, PL_HTTP_TCHAR, &field->name))
		return starve(d);
	if (field->name.len == 0 || *d->at++ != ':')
		return fail(d, 400, "malformed field name");
	while (d->at < d->end && is_blank(*d->at))
		d->at++;
	if (!take_run(d, PL_HTTP_VALUE, &field->value))
		return starve(d);
	while (field->value.len > 0 && is_blank(field->value.at[field->value.len - 1]))
		field->value.len--;
	result = take_crlf(d, "control byte in a field value");
	if (result != DONE)
		return result;
	d->request->field_count++;
	return apply_field(d, field);
}

static int decode_fields(decoder *d)
{
	size_t max = d->rules->max_fields;
	int result;

	if (max > PL_HTTP_FIELDS_MAX)
		max = PL_HTTP_FIELDS_MAX;
	set_limit(d, d->rules->max_block, 431);
	while (d->at < d->end && *d->at != '\r') {
		if (d->request->field_count == max)
			return fail(d, 431, "too many fields");
		result = decode_field(d);
		if (result != DONE)
			return result;
	}
	return take_crlf(d, "bare CR");
}

/* What only the whole head can show. */
static int check_head(decoder *d)
{
	pl_http_request *request = d->request;

	if (request->minor > 0 && !d->has_host)
		return fail(d, 400, "no Host");
	if (d->has_coding && request->content_length >= 0)
		return fail(d, 400, "Content-Length with Transfer-Encoding");
	request->keep_alive = !d->says_close && (request->minor > 0 || d->says_keep_alive);
	return DONE;
}

enum { HANDSHAKE = 22 }; /* the first byte of TLS (RFC 8446 5.1) */

static int decode_head(decoder *d)
{
	pl_http_request *request = d->request;
	int result = DONE;

	request->query = request->host = pl_slice_make(NULL, 0);
	request->chunked = request->expect_continue = false;
	request->content_length = -1;
	request->field_count = 0;
	if (d->at < d->end && *d->at == HANDSHAKE)
		return fail(d, 400, "TLS on a port without it");
	if (d->at < d->end && *d->at == '\r')
		result = take_crlf(d, "bare CR");
	if (result == DONE)
		result = decode_line(d);
	if (result == DONE)
		result = decode_fields(d);
	return result == DONE ? check_head(d) : result;
}

/* Whether a limit is reached by a head that has no end yet. */
static bool is_over_limit(const pl_http_rules *rules, const char *buf, size_t len)
{
	const char *start = len >= 2 && buf[0] == '\r' ? buf + 2 : buf;
	size_t left = len - (size_t)(start - buf);
	size_t limit = rules->max_line + 2;
	const char *line_end = memchr(start, '\n', left < limit ? left : limit);

	if (!line_end)
		return left >= limit;
	return (size_t)(buf + len - (line_end + 1)) >= rules->max_block;
}

/* Whether a byte from `from` (> 0) on ends the head or cannot be part of one. */
static bool has_verdict(const char *buf, size_t len, size_t from)
{
	for (size_t i = from; i < len; i++) {
		bool after_cr = buf[i - 1] == '\r';

		if (buf[i] == '\n' && (!after_cr || (i > 1 && buf[i - 2] == '\n')))
			return true;
		if (buf[i] != '\n' &&
		    (after_cr || (buf[i] != '\r' && !pl_http_is(buf[i], PL_HTTP_VALUE))))
			return true;
	}
	return false;
}

int pl_http_request_decode(pl_http_request *request, const pl_http_rules *rules, const char *buf,
			   size_t len, size_t last)
{
	decoder d = {
		.request = request, .rules = rules, .at = buf, .end = buf + len, .stop = buf + len
	};
	int result;

	if (last > 0 && !has_verdict(buf, len, last) && !is_over_limit(rules, buf, len))
		return 0;
	result = decode_head(&d);
	return result == DONE ? (int)(d.at - buf) : result;
}

pl_slice pl_http_field_find(const pl_http_field *fields, size_t count, pl_slice name)
{
	for (size_t i = 0; i < count; i++)
		if (pl_slice_equal_nocase(fields[i].name, name))
			return fields[i].value;
	return pl_slice_make(NULL, 0);
}

bool pl_http_field_has(const pl_http_field *fields, size_t count, pl_slice name, pl_slice element)
{
	for (size_t i = 0; i < count; i++)
		if (pl_slice_equal_nocase(fields[i].name, name) &&
		    pl_slice_has_element(fields[i].value, element))
			return true;
	return false;
}

bool pl_http_token_valid(pl_slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if (!pl_http_is(text.at[i], PL_HTTP_TCHAR))
			return false;
	return text.len > 0;
}

bool pl_http_value_valid(pl_slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if (!pl_http_is(text.at[i], PL_HTTP_VALUE))
			return false;
	return true;
}
