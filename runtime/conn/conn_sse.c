#include "conn/conn_sse.h"

#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/status.h"
#include "codec/http_date.h"
#include "codec/utf8.h"
#include "http/http1.h"
#include "net/tls.h"
#include "sse/sse_session.h"

/* Codes of OnDisconnect, the same as a WebSocket's (RFC 6455 7.4.1). */
enum { IN_ORDER = 1000, GOING_AWAY = 1001, NO_CODE = 1005, CUT_OFF = 1006 };

typedef struct sse_carrier {
	pl_sse_session *session;
	uint64_t received; /* bytes of messages */
	uint16_t code;	   /* that we close with; 0: we do not */
	bool tells_close;
	bool receives;
} sse_carrier;

static sse_carrier *carrier_of(const pl_conn *conn)
{
	return conn->session;
}

/* The session tells the conn. */

static void on_drain(void *owner)
{
	pl_conn_drained(owner);
}

static void on_ended(void *owner)
{
	pl_conn_close(owner, IN_ORDER, pl_slice_make(NULL, 0));
}

static void on_closed(void *owner, int status)
{
	pl_conn *conn = owner;
	const char *why = NULL;

	if (status == PL_OK) {
		pl_conn_ended(conn, carrier_of(conn)->code ? carrier_of(conn)->code : IN_ORDER,
			      pl_slice_make(NULL, 0));
		return;
	}
	why = pl_tls_failure(conn->stream);
	if (!why)
		why = pl_status_text(status);
	pl_conn_ended(conn, CUT_OFF, pl_slice_make(why, strlen(why)));
}

static const pl_sse_session_events session_events = {
	.drain = on_drain,
	.ended = on_ended,
	.closed = on_closed,
};

/* The conn asks the session. */

static int sse_encoding(const pl_conn *conn)
{
	(void)conn;
	return PL_ENCODING_SSE;
}

static pl_block *sse_encode(pl_conn *conn, const pl_message *message)
{
	return pl_sse_session_encode(carrier_of(conn)->session, message->fields, message->payload,
				     message->kind == PL_KIND_TEXT);
}

static int sse_send(pl_conn *conn, enum pl_kind kind, const void *data, size_t len, size_t fragment)
{
	pl_sse_session *session = carrier_of(conn)->session;

	(void)fragment;
	if (kind == PL_KIND_BINARY)
		return pl_sse_session_send_bytes(session, pl_slice_make(data, len));
	if (!pl_utf8_valid(data, len))
		return PL_EUTF8;
	return pl_sse_session_send_text(session, pl_slice_make(data, len));
}

static int sse_send_frames(pl_conn *conn, pl_block *frames)
{
	return pl_sse_session_send_block(carrier_of(conn)->session, frames);
}

static int sse_beat(pl_conn *conn)
{
	return pl_sse_session_comment(carrier_of(conn)->session);
}

/* Without memory the client does not hear why, as when the connection is cut. A server that goes
 * away says nothing: the client shall come back. */
static void tell_close(pl_conn *conn, uint16_t code, pl_slice reason)
{
	const pl_sse_fields fields = { .event = PL_SLICE("sgc@close"), .retry = -1 };
	sse_carrier *carrier = carrier_of(conn);
	pl_buffer text = { 0 };
	pl_block *event = NULL;

	carrier->code = code;
	if (!carrier->tells_close || code == GOING_AWAY)
		return;
	if (!pl_buffer_printf(&text, "%u ", code ? code : NO_CODE) &&
	    !pl_buffer_append(&text, reason.at, reason.len))
		event = pl_sse_session_encode(carrier->session, &fields,
					      pl_slice_make((char *)text.data, text.len), true);
	if (event)
		pl_sse_session_send_block(carrier->session, event);
	pl_block_unref(event);
	pl_buffer_deinit(&text);
}

static void sse_close(pl_conn *conn, uint16_t code, pl_slice reason)
{
	tell_close(conn, code, reason);
	pl_sse_session_close(carrier_of(conn)->session);
}

static void sse_disconnect(pl_conn *conn, uint16_t code, pl_slice reason)
{
	if (pl_sse_session_open(carrier_of(conn)->session) && !conn->stream->blocked)
		tell_close(conn, code, reason);
	pl_sse_session_disconnect(carrier_of(conn)->session);
}

static void sse_abort(pl_conn *conn, int status)
{
	pl_sse_session_abort(carrier_of(conn)->session, status);
}

/* What a client says comes by requests, which are refused while the conn is paused. */
static void sse_pause(pl_conn *conn, bool pause)
{
	(void)conn, (void)pause;
}

static bool sse_is_open(const pl_conn *conn)
{
	return pl_sse_session_open(carrier_of(conn)->session);
}

static void sse_counts(const pl_conn *conn, uint64_t *received, uint64_t *sent)
{
	*received = carrier_of(conn)->received;
	*sent = pl_sse_session_sent(carrier_of(conn)->session);
}

static void sse_free(pl_conn *conn)
{
	pl_sse_session_free(carrier_of(conn)->session);
	pl_free(carrier_of(conn));
}

static const pl_conn_ops sse_ops = {
	.transport = "sse",
	.encoding = sse_encoding,
	.encode = sse_encode,
	.send = sse_send,
	.send_frames = sse_send_frames,
	.beat = sse_beat,
	.close = sse_close,
	.disconnect = sse_disconnect,
	.abort = sse_abort,
	.pause = sse_pause,
	.is_open = sse_is_open,
	.counts = sse_counts,
	.free = sse_free,
};

/* The answer. */

static void add_field(pl_http_field *fields, size_t *count, pl_slice name, pl_slice value)
{
	fields[(*count)++] = (pl_http_field){ name, value };
}

/* X-Accel-Buffering keeps nginx from collecting events before it sends them. */
size_t pl_conn_sse_fields(pl_http_field fields[PL_CONN_SSE_FIELDS], const pl_conn_sse_terms *terms)
{
	size_t count = 0;

	add_field(fields, &count, PL_SLICE("Content-Type"), PL_SLICE("text/event-stream"));
	add_field(fields, &count, PL_SLICE("Cache-Control"), PL_SLICE("no-store"));
	add_field(fields, &count, PL_SLICE("X-Accel-Buffering"), PL_SLICE("no"));
	if (terms->origin.len > 0) {
		add_field(fields, &count, PL_SLICE("Access-Control-Allow-Origin"), terms->origin);
		add_field(fields, &count, PL_SLICE("Vary"), PL_SLICE("Origin"));
	}
	return count;
}

static int put_field(pl_buffer *out, pl_slice name, pl_slice value)
{
	return pl_buffer_printf(out, "%.*s: %.*s\r\n", (int)name.len, name.at, (int)value.len,
				value.len ? value.at : "");
}

/* Those of every answer that this one does not have itself. */
static int put_standing_fields(pl_buffer *out, const pl_conn_sse_terms *terms,
			       const pl_http_field *own, size_t count)
{
	int status = PL_OK;

	for (size_t i = 0; i < terms->field_count && !status; i++)
		if (!pl_http_field_find(own, count, terms->fields[i].name).at)
			status = put_field(out, terms->fields[i].name, terms->fields[i].value);
	return status;
}

static int compose(pl_buffer *out, const pl_conn *conn, const pl_conn_sse_terms *terms)
{
	pl_http_field own[PL_CONN_SSE_FIELDS];
	size_t count = pl_conn_sse_fields(own, terms);
	const pl_slice date = { pl_loop_date(conn->settings->loop), PL_HTTP_DATE_SIZE };
	int status = pl_buffer_printf(out, "HTTP/1.1 200 OK\r\nConnection: close\r\n");

	if (!status)
		status = put_field(out, PL_SLICE("Date"), date);
	if (!status && terms->software.len > 0)
		status = put_field(out, PL_SLICE("Server"), terms->software);
	if (!status)
		status = put_standing_fields(out, terms, own, count);
	for (size_t i = 0; i < count && !status; i++)
		status = put_field(out, own[i].name, own[i].value);
	return status ? status : pl_buffer_append(out, "\r\n", 2);
}

/* What the stream begins with: how long to wait before coming back, and the greeting. */
static int put_begin(pl_buffer *out, const pl_conn_sse_terms *terms)
{
	int status = pl_buffer_printf(out, "retry: %u\n\n", terms->retry);

	if (!status && terms->greeting.len > 0)
		status = pl_buffer_printf(out, "data: %.*s\n\n", (int)terms->greeting.len,
					  terms->greeting.at);
	return status;
}

static int describe(pl_conn *conn, const pl_exchange_request *request, const pl_buffer *head,
		    pl_slice protocol)
{
	const pl_conn_heads heads = { request->raw, request->target,
				      pl_slice_make((char *)head->data, head->len), protocol };
	pl_conn_info *former = pl_conn_describe(conn, &heads);

	if (!former)
		return PL_ENOMEM;
	pl_conn_info_unref(former);
	conn->info->transport = sse_ops.transport;
	return PL_OK;
}

/* The last steps that can fail; until then the stream is HTTP's, which can still be aborted. The
 * session comes last: it owns the stream from then on. */
static int answer(pl_conn *conn, const pl_exchange *exchange, const pl_conn_sse_terms *terms,
		  sse_carrier *carrier)
{
	pl_buffer out = { 0 };
	int status = compose(&out, conn, terms);

	if (!status)
		status = describe(conn, exchange->request, &out, terms->protocol);
	if (!status)
		status = put_begin(&out, terms);
	if (!status)
		status = pl_stream_write(conn->stream, out.data, out.len);
	if (!status)
		status = pl_sse_session_new(&carrier->session, conn->stream, terms->raw_fields,
					    &session_events, conn);
	pl_buffer_deinit(&out);
	return status;
}

int pl_conn_sse_accept(pl_conn *conn, pl_exchange *exchange, const pl_conn_sse_terms *terms)
{
	sse_carrier *carrier = pl_calloc(1, sizeof(*carrier));
	uint8_t *leftover;
	pl_stream *stream;
	size_t len;
	int status = carrier ? answer(conn, exchange, terms, carrier) : PL_ENOMEM;

	if (status) {
		pl_free(carrier);
		pl_exchange_abort(exchange, status);
		return status;
	}
	carrier->tells_close = terms->tells_close;
	carrier->receives = terms->greeting.len > 0;
	pl_http1_upgrade(exchange, &stream, &leftover, &len);
	conn->ops->free(conn);
	pl_conn_opened(conn, &sse_ops, carrier);
	return PL_OK;
}

void pl_conn_sse_begin(pl_conn *conn)
{
	pl_sse_session_start(carrier_of(conn)->session);
}

bool pl_conn_sse_receives(const pl_conn *conn)
{
	return conn->ops == &sse_ops && pl_conn_is_open(conn) && carrier_of(conn)->receives;
}

void pl_conn_sse_receive(pl_conn *conn, enum pl_kind kind, const uint8_t *data, size_t len)
{
	carrier_of(conn)->received += len;
	pl_conn_message(conn, kind, data, len);
}
