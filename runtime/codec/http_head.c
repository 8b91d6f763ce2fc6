#include "codec/http_head.h"

#include "base/status.h"
#include "codec/http_char.h"
#include "codec/http_lines.h"

typedef struct decoder {
	pl_http_request *request;
	const pl_http_rules *rules;
	pl_http_lines lines;
	bool has_host;
	bool has_coding;
	bool says_close;
	bool says_keep_alive;
} decoder;

static int fail(decoder *d, int status, const char *error)
{
	return pl_http_lines_fail(&d->lines, status, error);
}

static int decode_version(decoder *d)
{
	int result = pl_http_lines_version(&d->lines, &d->request->minor);

	return result == PL_HTTP_DONE
		       ? pl_http_lines_crlf(&d->lines, "request line does not end with CRLF")
		       : result;
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
	return PL_HTTP_DONE;
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
	return PL_HTTP_DONE;
}

static int decode_target(decoder *d)
{
	pl_http_request *request = d->request;

	if (pl_slice_equal(request->method, PL_SLICE("CONNECT")))
		return decode_authority(d);
	if (request->target.at[0] == '/') {
		split_query(request, request->target);
		return PL_HTTP_DONE;
	}
	if (!pl_slice_equal(request->target, PL_SLICE("*")))
		return decode_absolute(d);
	if (!pl_slice_equal(request->method, PL_SLICE("OPTIONS")))
		return fail(d, 400, "target * is for OPTIONS only");
	request->path = request->target;
	return PL_HTTP_DONE;
}

static int decode_line(decoder *d)
{
	pl_http_request *request = d->request;
	int result;

	pl_http_lines_limit(&d->lines, d->rules->max_line + 2, 414);
	if (!pl_http_lines_run(&d->lines, PL_HTTP_TCHAR, &request->method))
		return pl_http_lines_starve(&d->lines);
	if (request->method.len == 0 || *d->lines.at++ != ' ')
		return fail(d, 400, "malformed method");
	if (!pl_http_lines_run(&d->lines, PL_HTTP_TARGET, &request->target))
		return pl_http_lines_starve(&d->lines);
	if (request->target.len == 0 || *d->lines.at++ != ' ')
		return fail(d, 400, "malformed request target");
	result = decode_version(d);
	return result == PL_HTTP_DONE ? decode_target(d) : result;
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
	return PL_HTTP_DONE;
}

static int apply_length(decoder *d, pl_slice value)
{
	uint64_t length;

	if (d->request->content_length >= 0)
		return fail(d, 400, "Content-Length is repeated");
	if (!pl_slice_to_u64(value, INT64_MAX, &length))
		return fail(d, 400, "malformed Content-Length");
	d->request->content_length = (int64_t)length;
	return PL_HTTP_DONE;
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
	return PL_HTTP_DONE;
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
	return PL_HTTP_DONE;
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
	return PL_HTTP_DONE;
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
	return PL_HTTP_DONE;
}

static int decode_field(decoder *d)
{
	pl_http_field *field = &d->request->fields[d->request->field_count];
	int result = pl_http_lines_field(&d->lines, field);

	if (result != PL_HTTP_DONE)
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
	pl_http_lines_limit(&d->lines, d->rules->max_block, 431);
	while (d->lines.at < d->lines.end && *d->lines.at != '\r') {
		if (d->request->field_count == max)
			return fail(d, 431, "too many fields");
		result = decode_field(d);
		if (result != PL_HTTP_DONE)
			return result;
	}
	return pl_http_lines_crlf(&d->lines, "bare CR");
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
	return PL_HTTP_DONE;
}

enum { HANDSHAKE = 22 }; /* the first byte of TLS (RFC 8446 5.1) */

static int decode_head(decoder *d)
{
	pl_http_request *request = d->request;
	int result = PL_HTTP_DONE;

	request->query = request->host = pl_slice_make(NULL, 0);
	request->chunked = request->expect_continue = false;
	request->content_length = -1;
	request->field_count = 0;
	if (d->lines.at < d->lines.end && *d->lines.at == HANDSHAKE)
		return fail(d, 400, "TLS on a port without it");
	if (d->lines.at < d->lines.end && *d->lines.at == '\r')
		result = pl_http_lines_crlf(&d->lines, "bare CR");
	if (result == PL_HTTP_DONE)
		result = decode_line(d);
	if (result == PL_HTTP_DONE)
		result = decode_fields(d);
	return result == PL_HTTP_DONE ? check_head(d) : result;
}

int pl_http_request_decode(pl_http_request *request, const pl_http_rules *rules, const char *buf,
			   size_t len, size_t last)
{
	decoder d = { .request = request,
		      .rules = rules,
		      .lines = { .at = buf,
				 .end = buf + len,
				 .stop = buf + len,
				 .too_long = "request line is too long" } };
	int result;

	if (last > 0 && !pl_http_lines_verdict(buf, len, last) &&
	    !pl_http_lines_over(rules, buf, len))
		return 0;
	result = decode_head(&d);
	if (result < 0) {
		request->error_status = d.lines.error_status;
		request->error = d.lines.error;
	}
	return result == PL_HTTP_DONE ? (int)(d.lines.at - buf) : result;
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
