#include "http/http1_internal.h"

#include <string.h>

#include "base/counters.h"
#include "base/log.h"
#include "base/status.h"
#include "codec/http_date.h"
#include "codec/http_text.h"
#include "http/http1_put.h"

/* a head without Server's value and the receiver's fields, at most */
enum { HEAD_FIXED = 256 };

typedef struct response_head {
	int status;
	int64_t length; /* -1: no Content-Length */
	bool chunked;
	bool close;
	bool keep_alive; /* said to an HTTP/1.0 client, who would expect the end otherwise, and
			  * when it is announced for how long */
	bool upgrade;	 /* an Upgrade field is there, and has to be named (RFC 9110 7.8) */
	bool relayed;	 /* it is another server's, */
	bool dated;	 /* with its Date */
} response_head;

static char *put_number(char *at, uint64_t value)
{
	char room[PL_SLICE_DIGITS];

	return pl_http1_put(at, pl_slice_from_u64(room, value));
}

static char *put_status_line(char *at, int status)
{
	const char *reason;

	if (status == 200)
		return pl_http1_put(at, PL_SLICE("HTTP/1.1 200 OK\r\n"));
	reason = pl_http_reason(status);
	at = pl_http1_put(at, PL_SLICE("HTTP/1.1 "));
	at = put_number(at, (uint64_t)status);
	*at++ = ' ';
	at = pl_http1_put(at, pl_slice_make(reason, strlen(reason)));
	return pl_http1_put(at, PL_SLICE("\r\n"));
}

static char *put_connection(char *at, const response_head *head)
{
	if (!head->close && !head->keep_alive && !head->upgrade)
		return at;
	at = pl_http1_put(at, PL_SLICE("Connection: "));
	if (head->close)
		at = pl_http1_put(at, PL_SLICE("close"));
	else if (head->keep_alive)
		at = pl_http1_put(at, PL_SLICE("keep-alive"));
	if (head->upgrade && (head->close || head->keep_alive))
		at = pl_http1_put(at, PL_SLICE(", "));
	if (head->upgrade)
		at = pl_http1_put(at, PL_SLICE("upgrade"));
	return pl_http1_put(at, PL_SLICE("\r\n"));
}

/* In whole seconds (RFC 2068 19.7.1.1): rather too few. */
static char *put_patience(char *at, const pl_limits *limits)
{
	at = pl_http1_put(at, PL_SLICE("Keep-Alive: timeout="));
	at = put_number(at, (uint64_t)limits->keep_alive / 1000);
	return pl_http1_put(at, PL_SLICE("\r\n"));
}

/* The fields that are ours: Date, Server, the framing, Connection. */
static char *put_own_fields(char *at, pl_http1 *http1, const response_head *head)
{
	pl_slice software = http1->settings->software;
	const char *date = pl_loop_date(http1->stream->loop);

	if (!head->dated)
		at = pl_http1_put_field(at, PL_SLICE("Date"),
					pl_slice_make(date, PL_HTTP_DATE_SIZE));
	if (software.len && !head->relayed)
		at = pl_http1_put_field(at, PL_SLICE("Server"), software);
	if (head->length >= 0) {
		at = pl_http1_put(at, PL_SLICE("Content-Length: "));
		at = put_number(at, (uint64_t)head->length);
		at = pl_http1_put(at, PL_SLICE("\r\n"));
	}
	if (head->chunked)
		at = pl_http1_put(at, PL_SLICE("Transfer-Encoding: chunked\r\n"));
	if (head->keep_alive && http1->settings->announce)
		at = put_patience(at, http1->settings->limits);
	return put_connection(at, head);
}

static size_t fields_size(const pl_http_field *fields, size_t count)
{
	size_t size = 0;

	for (size_t i = 0; i < count; i++)
		size += fields[i].name.len + fields[i].value.len + 4;
	return size;
}

/* Those of the settings. */
static char *put_standing_fields(char *at, const pl_http1_settings *settings,
				 const pl_http_field *fields, size_t count)
{
	for (size_t i = 0; i < settings->field_count; i++) {
		const pl_http_field *field = &settings->fields[i];

		if (!pl_http_field_find(fields, count, field->name).at)
			at = pl_http1_put_field(at, field->name, field->value);
	}
	return at;
}

/* With the empty line behind them. */
static char *put_fields(char *at, const pl_http_field *fields, size_t count)
{
	for (size_t i = 0; i < count; i++)
		at = pl_http1_put_field(at, fields[i].name, fields[i].value);
	return pl_http1_put(at, PL_SLICE("\r\n"));
}

static int write_head(pl_http1 *http1, const response_head *head, const pl_http_field *fields,
		      size_t count)
{
	const pl_http1_settings *settings = http1->settings;
	size_t size = HEAD_FIXED + settings->software.len + fields_size(fields, count) +
		      fields_size(settings->fields, settings->field_count);
	char *out = (char *)pl_stream_reserve(http1->stream, size);
	char *at = out;

	if (!out)
		return http1->stream->closing ? PL_ECLOSED : PL_ENOMEM;
	at = put_status_line(at, head->status);
	at = put_own_fields(at, http1, head);
	at = put_standing_fields(at, settings, fields, count);
	at = put_fields(at, fields, count);
	pl_stream_commit(http1->stream, (size_t)(at - out));
	return PL_OK;
}

static pl_http1_exchange *exchange_of(pl_exchange *exchange)
{
	return (pl_http1_exchange *)exchange;
}

static bool gone(const pl_http1_exchange *exchange)
{
	return exchange->ended || exchange->http1->closing;
}

/* A client that waits for 100 (Continue) and gets a final status may send the body or may not: what
 * comes next on the connection cannot be told (RFC 9110 10.1.1). */
static bool must_close(const pl_http1_exchange *exchange, bool ends_by_close)
{
	const pl_http1 *http1 = exchange->http1;

	return !exchange->keep_alive || http1->settings->close || http1->stopping ||
	       http1->peer_ended || ends_by_close || exchange->expect_continue ||
	       http1->requests >= (uint64_t)http1->settings->limits->keep_alive_requests;
}

/* How the answer is framed (RFC 9112 6.3); a 304's length would be that of the 200, and a 205 has
 * no content (RFC 9110 15.3.6). */
static response_head frame(pl_http1_exchange *exchange, int status, int64_t length)
{
	bool is_head = pl_slice_equal(exchange->request.method, PL_SLICE("HEAD"));
	response_head head = { .status = status, .length = length };

	exchange->no_body = is_head || status == 204 || status == 205 || status == 304;
	if (status == 204 || status == 304)
		head.length = -1;
	if (status == 205)
		head.length = 0;
	head.chunked = head.length < 0 && !exchange->no_body && exchange->request.minor > 0;
	exchange->chunked = head.chunked;
	exchange->unsent = exchange->no_body ? 0 : length;
	exchange->close = must_close(exchange, exchange->unsent < 0 && !head.chunked);
	head.close = exchange->close;
	head.keep_alive = !head.close &&
			  (exchange->request.minor == 0 || exchange->http1->settings->announce);
	return head;
}

/* After a failed write the connection cannot go on. */
static int checked(pl_http1 *http1, int status)
{
	if (status != PL_OK)
		pl_http1_abort(http1, status);
	return status;
}

static int exchange_respond(pl_exchange *base, int status, const pl_http_field *fields,
			    size_t count, int64_t content_length)
{
	pl_http1_exchange *exchange = exchange_of(base);
	response_head head;

	if (gone(exchange))
		return PL_ECLOSED;
	head = frame(exchange, status, content_length);
	head.relayed = base->relayed;
	head.dated = head.relayed && pl_http_field_find(fields, count, PL_SLICE("date")).at;
	head.upgrade = pl_http_field_find(fields, count, PL_SLICE("upgrade")).at != NULL;
	status = checked(exchange->http1, write_head(exchange->http1, &head, fields, count));
	if (!status)
		pl_count(pl_counter_http(exchange->request.method, head.status), 1);
	exchange->http1->stream->abrupt = exchange->unsent < 0 && !head.chunked;
	return status;
}

static int exchange_inform(pl_exchange *base, int status, const pl_http_field *fields, size_t count)
{
	pl_http1_exchange *exchange = exchange_of(base);
	pl_http1 *http1 = exchange->http1;
	char *out;
	char *at;

	if (gone(exchange))
		return PL_ECLOSED;
	if (exchange->request.minor == 0 || (status == 100 && !exchange->expect_continue))
		return PL_OK;
	if (status == 100)
		exchange->expect_continue = false;
	out = at =
		(char *)pl_stream_reserve(http1->stream, HEAD_FIXED + fields_size(fields, count));
	if (!out)
		return checked(http1, http1->stream->closing ? PL_ECLOSED : PL_ENOMEM);
	at = put_fields(put_status_line(at, status), fields, count);
	pl_stream_commit(http1->stream, (size_t)(at - out));
	return PL_OK;
}

/* Whether a piece of this length may be written: PL_OK, with *none where it is to be dropped. */
static int admit(const pl_http1_exchange *exchange, size_t len, bool *none)
{
	*none = exchange->no_body || len == 0;
	if (gone(exchange))
		return PL_ECLOSED;
	if (!*none && exchange->unsent >= 0 && len > (uint64_t)exchange->unsent)
		return PL_ETOOBIG;
	return PL_OK;
}

/* A piece was handed to the stream, or was not. */
static int written(pl_http1_exchange *exchange, size_t len, int status)
{
	if (checked(exchange->http1, status) != PL_OK)
		return status;
	if (exchange->unsent > 0)
		exchange->unsent -= (int64_t)len;
	exchange->blocked = pl_http1_output_full(exchange->http1);
	return exchange->blocked ? PL_EXCHANGE_BLOCKED : PL_OK;
}

static int exchange_write(pl_exchange *base, const void *data, size_t len)
{
	pl_http1_exchange *exchange = exchange_of(base);
	pl_stream *stream = exchange->http1->stream;
	bool none;
	int status = admit(exchange, len, &none);

	if (status != PL_OK || none)
		return status;
	return written(exchange, len,
		       exchange->chunked ? pl_http1_write_chunk(stream, data, len)
					 : pl_stream_write(stream, data, len));
}

static int exchange_write_part(pl_exchange *base, pl_block *block, size_t offset, size_t len)
{
	pl_http1_exchange *exchange = exchange_of(base);
	bool none;
	int status = admit(exchange, len, &none);

	if (status != PL_OK || none)
		return status;
	if (exchange->chunked)
		return exchange_write(base, block->data + offset, len);
	return written(exchange, len,
		       pl_stream_write_block(exchange->http1->stream, block, offset, len));
}

static int exchange_write_file(pl_exchange *base, pl_file *file, size_t offset, size_t len)
{
	pl_http1_exchange *exchange = exchange_of(base);
	bool none;
	int status = admit(exchange, len, &none);

	if (status != PL_OK || none)
		return status;
	if (exchange->chunked)
		return PL_ENOTSUP;
	status = pl_stream_write_file(exchange->http1->stream, file, offset, len);
	return status == PL_ENOTSUP ? status : written(exchange, len, status);
}

/* What is left of the request is read from now on, if it was paused. */
static void let_go(pl_http1_exchange *exchange)
{
	exchange->ended = true;
	if (exchange->paused)
		pl_http1_body_resume(exchange);
}

/* The body's end, which pl_exchange_end then does not send. */
static int exchange_trailers(pl_exchange *base, const pl_http_field *fields, size_t count)
{
	pl_http1_exchange *exchange = exchange_of(base);
	pl_http1 *http1 = exchange->http1;
	char *out;
	char *at;

	if (gone(exchange))
		return PL_ECLOSED;
	if (!exchange->chunked)
		return PL_OK;
	out = at = (char *)pl_stream_reserve(http1->stream, fields_size(fields, count) + 5);
	if (!out)
		return checked(http1, http1->stream->closing ? PL_ECLOSED : PL_ENOMEM);
	at = put_fields(pl_http1_put(at, PL_SLICE("0\r\n")), fields, count);
	pl_stream_commit(http1->stream, (size_t)(at - out));
	exchange->chunked = false;
	return PL_OK;
}

static void exchange_end(pl_exchange *base)
{
	pl_http1_exchange *exchange = exchange_of(base);
	pl_http1 *http1 = exchange->http1;
	int status = PL_OK;

	if (exchange->ended)
		return;
	let_go(exchange);
	if (http1->closing)
		return;
	http1->stream->abrupt = false;
	if (exchange->chunked)
		status = pl_stream_write(http1->stream, "0\r\n\r\n", 5);
	if (exchange->unsent > 0) {
		pl_log(PL_LOG_ERROR, "an answer is shorter than its Content-Length");
		exchange->close = true;
	}
	if (checked(http1, status) == PL_OK)
		pl_http1_wake(http1);
}

static void exchange_abort(pl_exchange *base, int status)
{
	pl_http1_exchange *exchange = exchange_of(base);

	if (exchange->ended)
		return;
	exchange->ended = true;
	pl_http1_abort(exchange->http1, status);
}

static void exchange_pause(pl_exchange *base, bool pause)
{
	pl_http1_exchange *exchange = exchange_of(base);

	if (gone(exchange) || exchange->paused == pause)
		return;
	exchange->paused = pause;
	/* The peer is not to blame for the time of a pause. */
	if (pause)
		pl_http1_body_patience(exchange);
	else
		pl_http1_body_resume(exchange);
	pl_http1_wake(exchange->http1);
}

const pl_exchange_ops pl_http1_exchange_ops = {
	.inform = exchange_inform,
	.respond = exchange_respond,
	.write = exchange_write,
	.write_part = exchange_write_part,
	.write_file = exchange_write_file,
	.trailers = exchange_trailers,
	.end = exchange_end,
	.abort = exchange_abort,
	.pause = exchange_pause,
};

void pl_http1_continue(pl_http1_exchange *exchange)
{
	if (exchange->expect_continue && !exchange->base.responded)
		exchange_inform(&exchange->base, 100, NULL, 0);
}

void pl_http1_tell_refused(pl_http1 *http1, int status, const char *reason)
{
	pl_address peer;
	char ip[PL_ADDRESS_TEXT];

	if (pl_log_enabled(PL_LOG_DEBUG)) {
		pl_stream_peer(http1->stream, &peer);
		pl_address_ip(&peer, ip);
		pl_log(PL_LOG_DEBUG, "http1: request of %s refused: %d, %s", ip, status, reason);
	}
	if (http1->events->refused)
		http1->events->refused(http1->owner, status, reason);
}

void pl_http1_refuse(pl_http1 *http1, int status, const char *reason)
{
	const pl_http_field type = { PL_SLICE("Content-Type"),
				     PL_SLICE("text/plain; charset=utf-8") };
	size_t len = strlen(reason);
	response_head head = { .status = status, .length = (int64_t)len, .close = true };
	int result;

	pl_http1_tell_refused(http1, status, reason);
	pl_count(pl_counter_http(PL_SLICE(""), status), 1);
	result = write_head(http1, &head, &type, 1);
	if (result == PL_OK)
		result = pl_stream_write(http1->stream, reason, len);
	if (checked(http1, result) == PL_OK)
		pl_http1_finish(http1);
}
