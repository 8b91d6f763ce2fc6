#include "conn/conn_ws.h"

#include "base/buffer.h"
#include "base/status.h"
#include "http/http1.h"
#include "ws/ws_session.h"

/* The session tells the conn. */

static void on_message(void *owner, uint8_t kind, const uint8_t *data, size_t len)
{
	pl_conn_message(owner, kind == PL_WS_TEXT ? PL_KIND_TEXT : PL_KIND_BINARY, data, len);
}

static void on_fragment(void *owner, uint8_t kind, const uint8_t *data, size_t len, bool more)
{
	pl_conn_fragment(owner, kind == PL_WS_TEXT ? PL_KIND_TEXT : PL_KIND_BINARY, data, len,
			 more);
}

static void on_ping(void *owner, const uint8_t *payload, size_t len)
{
	pl_conn *conn = owner;

	if (conn->settings->events->ping)
		conn->settings->events->ping(conn, payload, len);
}

static void on_pong(void *owner, const uint8_t *payload, size_t len)
{
	pl_conn_pong(owner, payload, len);
}

static void on_alive(void *owner)
{
	pl_conn_alive(owner);
}

static void on_drain(void *owner)
{
	pl_conn_drained(owner);
}

static void on_failed(void *owner, uint16_t code, const char *reason)
{
	int status = PL_EPROTO;

	if (code == PL_WS_TOO_BIG)
		status = PL_ETOOBIG;
	else if (code == PL_WS_INTERNAL_ERROR)
		status = PL_ENOMEM;
	pl_conn_error(owner, status, reason);
}

static void on_closing(void *owner)
{
	pl_conn_closing(owner);
}

static void on_closed(void *owner, uint16_t code, pl_slice reason)
{
	pl_conn_ended(owner, code, reason);
}

static const pl_ws_events session_events = {
	.message = on_message,
	.fragment = on_fragment,
	.ping = on_ping,
	.pong = on_pong,
	.alive = on_alive,
	.drain = on_drain,
	.failed = on_failed,
	.closing = on_closing,
	.closed = on_closed,
};

/* The conn asks the session. */

static uint8_t opcode_of(enum pl_kind kind)
{
	return kind == PL_KIND_TEXT ? PL_WS_TEXT : PL_WS_BINARY;
}

static int ws_encoding(const pl_conn *conn)
{
	const pl_ws_deflate *deflate = pl_ws_session_deflater(conn->session);
	uint8_t window;

	if (!deflate)
		return PL_ENCODING_WS;
	window = pl_ws_deflate_by_frame(deflate) ? 0 : pl_ws_deflate_sharing(deflate);
	return window ? PL_ENCODING_WS_DEFLATE + window - PL_WS_DEFLATE_WINDOW_MIN
		      : PL_ENCODING_OWN;
}

static pl_block *ws_encode(pl_conn *conn, const pl_message *message)
{
	return pl_ws_encode(pl_ws_session_deflater(conn->session), opcode_of(message->kind),
			    message->payload.at, message->payload.len, message->fragment);
}

static int ws_send(pl_conn *conn, enum pl_kind kind, const void *data, size_t len, size_t fragment)
{
	return pl_ws_session_send(conn->session, opcode_of(kind), data, len, fragment);
}

static int ws_send_frames(pl_conn *conn, pl_block *frames)
{
	return pl_ws_session_send_block(conn->session, frames);
}

static int ws_ping(pl_conn *conn, const void *payload, size_t len)
{
	return pl_ws_session_send_control(conn->session, PL_WS_PING, payload, len);
}

static void ws_close(pl_conn *conn, uint16_t code, pl_slice reason)
{
	pl_ws_session_close(conn->session, code, reason);
}

static void ws_disconnect(pl_conn *conn, uint16_t code, pl_slice reason)
{
	pl_ws_session_disconnect(conn->session, code, reason);
}

static void ws_abort(pl_conn *conn, int status)
{
	pl_ws_session_abort(conn->session, status);
}

static void ws_pause(pl_conn *conn, bool pause)
{
	if (pause)
		pl_ws_session_pause(conn->session);
	else
		pl_ws_session_resume(conn->session);
}

static bool ws_is_open(const pl_conn *conn)
{
	return pl_ws_session_open(conn->session);
}

static void ws_counts(const pl_conn *conn, uint64_t *received, uint64_t *sent)
{
	*received = pl_ws_session_received(conn->session);
	*sent = pl_ws_session_sent(conn->session);
}

static void ws_free(pl_conn *conn)
{
	pl_ws_session_free(conn->session);
}

static const pl_conn_ops ws_ops = {
	.transport = "rfc6455",
	.encoding = ws_encoding,
	.encode = ws_encode,
	.send = ws_send,
	.send_frames = ws_send_frames,
	.ping = ws_ping,
	.close = ws_close,
	.disconnect = ws_disconnect,
	.abort = ws_abort,
	.pause = ws_pause,
	.is_open = ws_is_open,
	.counts = ws_counts,
	.free = ws_free,
};

/* A client's: every frame has a mask of its own. */

static int client_encoding(const pl_conn *conn)
{
	(void)conn;
	return PL_ENCODING_OWN;
}

static const pl_conn_ops client_ops = {
	.transport = "rfc6455",
	.encoding = client_encoding,
	.send = ws_send,
	.ping = ws_ping,
	.close = ws_close,
	.disconnect = ws_disconnect,
	.abort = ws_abort,
	.pause = ws_pause,
	.is_open = ws_is_open,
	.counts = ws_counts,
	.free = ws_free,
};

bool pl_deflate_settings_pool(const pl_deflate_settings *deflate, pl_ws_deflate_pool **pool)
{
	if (deflate->enabled)
		*pool = pl_ws_deflate_pool_new(deflate->mem_level, deflate->level);
	return *pool || !deflate->enabled;
}

/* The handshake. */

static void add_field(pl_conn_ws_answer *answer, pl_slice name, pl_slice value)
{
	if (value.len > 0)
		answer->fields[answer->count++] = (pl_http_field){ name, value };
}

/* Section 5.2 of the draft. */
static int make_hixie(pl_conn_ws_answer *answer, const pl_conn_ws_terms *terms)
{
	answer->count = 0;
	add_field(answer, PL_SLICE("Upgrade"), PL_SLICE("WebSocket"));
	add_field(answer, PL_SLICE("Connection"), PL_SLICE("Upgrade"));
	add_field(answer, PL_SLICE("Sec-WebSocket-Origin"), terms->hixie->offer.origin);
	add_field(answer, PL_SLICE("Sec-WebSocket-Location"), terms->hixie->location);
	add_field(answer, PL_SLICE("Sec-WebSocket-Protocol"), terms->protocol);
	add_field(answer, PL_SLICE("Server"), terms->software);
	return PL_OK;
}

static int make_rfc6455(pl_conn_ws_answer *answer, const pl_conn_ws_terms *terms)
{
	int status = pl_ws_accept(answer->accept, terms->offer->key);
	size_t len = 0;

	if (status)
		return status;
	if (terms->deflate)
		len = pl_ws_deflate_answer(answer->extensions, terms->deflate);
	answer->count = 0;
	add_field(answer, PL_SLICE("Upgrade"), PL_SLICE("websocket"));
	add_field(answer, PL_SLICE("Connection"), PL_SLICE("Upgrade"));
	add_field(answer, PL_SLICE("Sec-WebSocket-Accept"),
		  pl_slice_make(answer->accept, PL_WS_ACCEPT_SIZE));
	add_field(answer, PL_SLICE("Sec-WebSocket-Protocol"), terms->protocol);
	add_field(answer, PL_SLICE("Sec-WebSocket-Extensions"),
		  pl_slice_make(answer->extensions, len));
	add_field(answer, PL_SLICE("Server"), terms->software);
	return PL_OK;
}

int pl_conn_ws_answer_make(pl_conn_ws_answer *answer, const pl_conn_ws_terms *terms)
{
	return terms->hixie ? make_hixie(answer, terms) : make_rfc6455(answer, terms);
}

static int put_fields(pl_buffer *out, const pl_http_field *fields, size_t count)
{
	int status = PL_OK;
	size_t i;

	for (i = 0; i < count && !status; i++)
		status = pl_buffer_printf(out, "%.*s: %.*s\r\n", (int)fields[i].name.len,
					  fields[i].name.at, (int)fields[i].value.len,
					  fields[i].value.at);
	return status;
}

int pl_conn_ws_compose(pl_buffer *out, const pl_conn_ws_terms *terms)
{
	const char *phrase = terms->hixie ? "WebSocket Protocol Handshake" : "Switching Protocols";
	pl_conn_ws_answer answer;
	int status = pl_conn_ws_answer_make(&answer, terms);

	if (!status)
		status = pl_buffer_printf(out, "HTTP/1.1 101 %s\r\n", phrase);
	if (!status)
		status = put_fields(out, answer.fields, answer.count);
	if (!status)
		status = put_fields(out, terms->added, terms->added_count);
	if (!status)
		status = pl_buffer_append(out, "\r\n", 2);
	return status;
}

pl_conn_info *pl_conn_ws_describe(pl_conn *conn, const pl_exchange_request *request,
				  pl_slice protocol)
{
	const pl_conn_heads heads = { .request = request->raw,
				      .target = request->target,
				      .protocol = protocol };

	return pl_conn_describe(conn, &heads);
}

static void begin(pl_ws_session *session, pl_ws_deflate *deflate, enum pl_ws_delivery delivery)
{
	pl_ws_session_deflate(session, deflate);
	pl_ws_session_deliver(session, delivery);
}

/* The last steps that can fail; until then the stream is HTTP's, which can still be aborted. The
 * session comes last: it owns the stream from then on. */
static int answer(pl_conn *conn, pl_exchange *exchange, const pl_buffer *response,
		  const pl_conn_ws_terms *terms, pl_ws_session **session)
{
	const pl_conn_heads heads = { exchange->request->raw, exchange->request->target,
				      pl_slice_make((char *)response->data, response->len),
				      terms->protocol };
	pl_ws_deflate *deflate = NULL;
	pl_conn_info *former = pl_conn_describe(conn, &heads);
	int status = former ? PL_OK : PL_ENOMEM;

	pl_conn_info_unref(former);
	if (former)
		conn->info->transport = ws_ops.transport;

	if (!status && terms->deflate) {
		deflate = pl_ws_deflate_new(terms->pool, terms->deflate, true);
		status = deflate ? PL_OK : PL_ENOMEM;
	}
	if (!status)
		status = pl_stream_write(conn->stream, response->data, response->len);
	if (!status)
		status = pl_ws_session_new(session, conn->stream, true, conn->settings->limits,
					   &session_events, conn);
	if (status)
		pl_ws_deflate_free(deflate);
	else
		begin(*session, deflate, terms->delivery);
	return status;
}

int pl_conn_ws_accept(pl_conn *conn, pl_exchange *exchange, const pl_conn_ws_terms *terms,
		      pl_conn_leftover *leftover)
{
	pl_buffer response = { 0 };
	pl_ws_session *session;
	pl_stream *stream;
	int status = pl_conn_ws_compose(&response, terms);

	if (!status)
		status = answer(conn, exchange, &response, terms, &session);
	pl_buffer_deinit(&response);
	if (status) {
		pl_exchange_abort(exchange, status);
		return status;
	}
	pl_http1_upgrade(exchange, &stream, &leftover->data, &leftover->len);
	conn->ops->free(conn);
	pl_conn_opened(conn, &ws_ops, session);
	return PL_OK;
}

int pl_conn_ws_join(pl_conn *conn, const pl_conn_ws_joined *joined)
{
	pl_conn_info *former = pl_conn_describe(conn, &joined->heads);
	pl_ws_deflate *deflate = NULL;
	pl_ws_session *session;
	int status = former ? PL_OK : PL_ENOMEM;

	pl_conn_info_unref(former);
	if (former)
		conn->info->transport = client_ops.transport;
	if (!status && joined->deflate) {
		deflate = pl_ws_deflate_new(joined->pool, joined->deflate, false);
		status = deflate ? PL_OK : PL_ENOMEM;
	}
	if (!status)
		status = pl_ws_session_new(&session, conn->stream, false, conn->settings->limits,
					   &session_events, conn);
	if (status) {
		pl_ws_deflate_free(deflate);
		return status;
	}
	begin(session, deflate, joined->delivery);
	pl_conn_opened(conn, &client_ops, session);
	return PL_OK;
}

void pl_conn_ws_begin(pl_conn *conn, const pl_conn_leftover *leftover)
{
	pl_ws_session_start(conn->session, leftover->data, leftover->len);
}
