#include "codec/http_response.h"

#include "base/status.h"
#include "codec/http_lines.h"

enum { FORM = 13 }; /* bytes of "HTTP/1.1 200 ", each of which is looked at when it is there */

typedef struct decoder {
	pl_http_response *response;
	pl_http_lines lines;
	bool says_close;
	bool says_keep_alive;
} decoder;

static int fail(decoder *d, const char *error)
{
	return pl_http_lines_fail(&d->lines, 400, error);
}

/* Three digits and a space; a byte that cannot be one is refused as soon as it is there. */
static int decode_code(decoder *d)
{
	const char *at = d->lines.at;
	size_t left = (size_t)(d->lines.end - at);
	int code = 0;

	if (left > 0 && (at[0] < '1' || at[0] > '5'))
		return fail(d, "status is not 100 to 599");
	for (size_t i = 0; i < 3 && i < left; i++) {
		if (!pl_http_is_digit(at[i]))
			return fail(d, "malformed status");
		code = code * 10 + (at[i] - '0');
	}
	if (left > 3 && at[3] != ' ')
		return fail(d, "no space behind the status");
	if (left < 4)
		return pl_http_lines_starve(&d->lines);
	d->response->status = code;
	d->lines.at += 4;
	return PL_HTTP_DONE;
}

/* Without a digit behind the dot, too: "HTTP/2 200". */
static bool is_other_version(const pl_http_lines *lines)
{
	const char *at = lines->at;

	return lines->end - at > 5 && memcmp(at, "HTTP/", 5) == 0 && pl_http_is_digit(at[5]) &&
	       at[5] != '1';
}

static int decode_line(decoder *d, const pl_http_rules *rules)
{
	pl_http_lines *lines = &d->lines;
	int result;

	pl_http_lines_limit(lines, rules->max_line + 2, 414);
	if (is_other_version(lines))
		return fail(d, "HTTP version is not 1.0 or 1.1");
	result = pl_http_lines_version(lines, &d->response->minor);
	if (result != PL_HTTP_DONE)
		return result;
	if (lines->at == lines->end)
		return pl_http_lines_starve(lines);
	if (*lines->at++ != ' ')
		return fail(d, "malformed HTTP version");
	result = decode_code(d);
	if (result != PL_HTTP_DONE)
		return result;
	if (!pl_http_lines_run(lines, PL_HTTP_VALUE, &d->response->reason))
		return pl_http_lines_starve(lines);
	return pl_http_lines_crlf(lines, "control byte in the status line");
}

static int apply_length(decoder *d, pl_slice value)
{
	uint64_t length;

	if (d->response->content_length >= 0)
		return fail(d, "Content-Length is repeated");
	if (!pl_slice_to_u64(value, INT64_MAX, &length))
		return fail(d, "malformed Content-Length");
	d->response->content_length = (int64_t)length;
	return PL_HTTP_DONE;
}

static int apply_coding(decoder *d, pl_slice value)
{
	pl_slice coding;

	if (d->response->chunked)
		return fail(d, "Transfer-Encoding is repeated");
	if (d->response->minor == 0)
		return fail(d, "Transfer-Encoding in HTTP/1.0");
	if (!pl_slice_next_element(&value, &coding) ||
	    !pl_slice_equal_nocase(coding, PL_SLICE("chunked")) ||
	    pl_slice_next_element(&value, &coding))
		return fail(d, "transfer coding is not chunked alone");
	d->response->chunked = true;
	return PL_HTTP_DONE;
}

static int apply_connection(decoder *d, pl_slice value)
{
	d->says_close = d->says_close || pl_slice_has_element(value, PL_SLICE("close"));
	d->says_keep_alive =
		d->says_keep_alive || pl_slice_has_element(value, PL_SLICE("keep-alive"));
	return PL_HTTP_DONE;
}

/* Reads what the field says about the message itself. */
static int apply_field(decoder *d, const pl_http_field *field)
{
	if (pl_slice_equal_nocase(field->name, PL_SLICE("content-length")))
		return apply_length(d, field->value);
	if (pl_slice_equal_nocase(field->name, PL_SLICE("transfer-encoding")))
		return apply_coding(d, field->value);
	if (pl_slice_equal_nocase(field->name, PL_SLICE("connection")))
		return apply_connection(d, field->value);
	return PL_HTTP_DONE;
}

static int decode_fields(decoder *d, const pl_http_rules *rules)
{
	pl_http_response *response = d->response;
	size_t max =
		rules->max_fields < PL_HTTP_FIELDS_MAX ? rules->max_fields : PL_HTTP_FIELDS_MAX;
	int result;

	pl_http_lines_limit(&d->lines, rules->max_block, 431);
	while (d->lines.at < d->lines.end && *d->lines.at != '\r') {
		pl_http_field *field = &response->fields[response->field_count];

		if (response->field_count == max)
			return pl_http_lines_fail(&d->lines, 431, "too many fields");
		result = pl_http_lines_field(&d->lines, field);
		if (result == PL_HTTP_DONE)
			result = apply_field(d, field);
		if (result != PL_HTTP_DONE)
			return result;
		response->field_count++;
	}
	return pl_http_lines_crlf(&d->lines, "bare CR");
}

static int decode_head(decoder *d, const pl_http_rules *rules)
{
	pl_http_response *response = d->response;
	int result;

	response->chunked = false;
	response->content_length = -1;
	response->field_count = 0;
	result = decode_line(d, rules);
	if (result == PL_HTTP_DONE)
		result = decode_fields(d, rules);
	if (result != PL_HTTP_DONE)
		return result;
	if (response->chunked && response->content_length >= 0)
		return fail(d, "Content-Length with Transfer-Encoding");
	response->keep_alive = !d->says_close && (response->minor > 0 || d->says_keep_alive);
	return result;
}

int pl_http_response_decode(pl_http_response *response, const pl_http_rules *rules, const char *buf,
			    size_t len, size_t last)
{
	decoder d = { .response = response,
		      .lines = { .at = buf,
				 .end = buf + len,
				 .stop = buf + len,
				 .too_long = "status line is too long" } };
	int result;

	if (last >= FORM && !pl_http_lines_verdict(buf, len, last) &&
	    !pl_http_lines_over(rules, buf, len))
		return 0;
	result = decode_head(&d, rules);
	if (result >= 0)
		return result == PL_HTTP_DONE ? (int)(d.lines.at - buf) : 0;
	response->error = d.lines.error;
	return d.lines.error_status == 414 || d.lines.error_status == 431 ? PL_ELIMIT : PL_EPROTO;
}

enum pl_http_body pl_http_response_body(const pl_http_response *response, pl_slice method)
{
	int status = response->status;

	if (status < 200 || status == 204 || status == 304 ||
	    pl_slice_equal(method, PL_SLICE("HEAD")) ||
	    (status < 300 && pl_slice_equal(method, PL_SLICE("CONNECT"))))
		return PL_HTTP_BODY_NONE;
	if (response->chunked)
		return PL_HTTP_BODY_CHUNKED;
	return response->content_length >= 0 ? PL_HTTP_BODY_LENGTH : PL_HTTP_BODY_UNTIL_CLOSE;
}
