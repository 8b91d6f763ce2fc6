/*
 * http_lines.h - what heads of requests and responses have in common (RFC 9112 2 and 5): lines,
 * their limits, fields. For http_head.c and http_response.c, inlined for their speed.
 */
#ifndef PL_CODEC_HTTP_LINES_H
#define PL_CODEC_HTTP_LINES_H

#include "base/status.h"
#include "codec/http_char.h"
#include "codec/http_head.h"

/* What a step of a decoder returns, beside PL_EPROTO. */
enum { PL_HTTP_MORE = 0, PL_HTTP_DONE = 1 };

typedef struct pl_http_lines {
	const char *at;
	const char *end;      /* of the input, or where the present limit is reached */
	const char *stop;     /* of the input */
	int limit_status;     /* to fail with at `end`, 414 or 431; 0: more input may come */
	const char *too_long; /* the error for 414 */
	int error_status;     /* after a failure */
	const char *error;
} pl_http_lines;

static inline int pl_http_lines_fail(pl_http_lines *lines, int status, const char *error)
{
	lines->error_status = status;
	lines->error = error;
	return PL_EPROTO;
}

/* The part of the head that starts here must end within `limit` bytes. */
static inline void pl_http_lines_limit(pl_http_lines *lines, size_t limit, int status)
{
	bool reached = (size_t)(lines->stop - lines->at) >= limit;

	lines->end = reached ? lines->at + limit : lines->stop;
	lines->limit_status = reached ? status : 0;
}

/* The bytes up to `end` are used up. */
static inline int pl_http_lines_starve(pl_http_lines *lines)
{
	if (lines->limit_status == 0)
		return PL_HTTP_MORE;
	return pl_http_lines_fail(lines, lines->limit_status,
				  lines->limit_status == 414 ? lines->too_long
							     : "fields are too long");
}

/* Takes the bytes here that are of a class; false when there may be more of them. */
static inline bool pl_http_lines_run(pl_http_lines *lines, unsigned class, pl_slice *run)
{
	const char *at = lines->at, *end = lines->end;

	while (at < end && pl_http_is(*at, class))
		at++;
	*run = pl_slice_make(lines->at, (size_t)(at - lines->at));
	lines->at = at;
	return at < end;
}

static inline int pl_http_lines_crlf(pl_http_lines *lines, const char *error)
{
	size_t left = (size_t)(lines->end - lines->at);

	if ((left > 0 && lines->at[0] != '\r') || (left > 1 && lines->at[1] != '\n'))
		return pl_http_lines_fail(lines, 400, error);
	if (left < 2)
		return pl_http_lines_starve(lines);
	lines->at += 2;
	return PL_HTTP_DONE;
}

static inline bool pl_http_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool pl_http_is_version(const char *at, size_t len)
{
	static const char form[] = "HTTP/d.d"; /* d: a digit */

	for (size_t i = 0; i < len; i++)
		if (form[i] == 'd' ? !pl_http_is_digit(at[i]) : at[i] != form[i])
			return false;
	return true;
}

/* "HTTP/1.0" or "HTTP/1.1" (2.3). What cannot become a version is refused without the rest. */
static inline int pl_http_lines_version(pl_http_lines *lines, uint8_t *minor)
{
	const char *at = lines->at;
	size_t left = (size_t)(lines->end - at);

	if (!pl_http_is_version(at, left < 8 ? left : 8))
		return pl_http_lines_fail(lines, 400, "malformed HTTP version");
	if (left < 8)
		return pl_http_lines_starve(lines);
	if (at[5] != '1' || at[7] > '1')
		return pl_http_lines_fail(lines, 505, "HTTP version is not 1.0 or 1.1");
	*minor = (uint8_t)(at[7] - '0');
	lines->at += 8;
	return PL_HTTP_DONE;
}

static inline bool pl_http_is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* A field line with its CRLF (5). */
static inline int pl_http_lines_field(pl_http_lines *lines, pl_http_field *field)
{
	if (!pl_http_lines_run(lines, PL_HTTP_TCHAR, &field->name))
		return pl_http_lines_starve(lines);
	if (field->name.len == 0 || *lines->at++ != ':')
		return pl_http_lines_fail(lines, 400, "malformed field name");
	while (lines->at < lines->end && pl_http_is_blank(*lines->at))
		lines->at++;
	if (!pl_http_lines_run(lines, PL_HTTP_VALUE, &field->value))
		return pl_http_lines_starve(lines);
	while (field->value.len > 0 && pl_http_is_blank(field->value.at[field->value.len - 1]))
		field->value.len--;
	return pl_http_lines_crlf(lines, "control byte in a field value");
}

/* Whether a limit is reached by a head that has no end yet. */
static inline bool pl_http_lines_over(const pl_http_rules *rules, const char *buf, size_t len)
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
static inline bool pl_http_lines_verdict(const char *buf, size_t len, size_t from)
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

#endif
