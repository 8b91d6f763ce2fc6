#include "conn/conn_hixie.h"

#include <string.h>

#include "base/alloc.h"
#include "base/counters.h"
#include "base/status.h"
#include "codec/utf8.h"
#include "http/http1.h"
#include "net/tls.h"
#include "ws/hixie_session.h"

/* Codes of OnDisconnect, the same as of RFC 6455 7.4.1: nothing on the wire says them. */
enum {
	PROTOCOL_ERROR = 1002,
	NO_CODE = 1005,
	CUT_OFF = 1006,
	BAD_TEXT = 1007,
	TOO_BIG = 1009,
	INTERNAL_ERROR = 1011
};

typedef struct hixie_carrier {
	pl_hixie_session *session;
	bool (*opened)(pl_conn *conn);
	pl_hixie_offer offer; /* its numbers alone */
	uint16_t code;	      /* that we close with; 0: we do not */
} hixie_carrier;

static hixie_carrier *carrier_of(const pl_conn *conn)
{
	return conn->session;
}

static pl_hixie_session *session_of(const pl_conn *conn)
{
	return carrier_of(conn)->session;
}

/* The session tells the conn. */

static void on_key(void *owner, const uint8_t key3[PL_HIXIE_KEY3_SIZE])
{
	pl_conn *conn = owner;
	hixie_carrier *carrier = conn->session;
	uint8_t proof[PL_HIXIE_PROOF_SIZE];
	int status = pl_hixie_prove(proof, &carrier->offer, key3);

	pl_loop_stop_timer(conn->settings->loop, &conn->timer);
	if (!status)
		status = pl_hixie_session_open_with(carrier->session, proof);
	if (status) {
		pl_hixie_session_abort(carrier->session, status);
		return;
	}
	conn->info->transport = conn->ops->transport;
	pl_conn_opened(conn, conn->ops, carrier);
	carrier->opened(conn);
}

static void on_message(void *owner, const uint8_t *data, size_t len)
{
	pl_conn_message(owner, PL_KIND_TEXT, data, len);
}

static void on_alive(void *owner)
{
	pl_conn_alive(owner);
}

static void on_drain(void *owner)
{
	pl_conn_drained(owner);
}

static void on_failed(void *owner, int status, const char *message)
{
	pl_conn_error(owner, status == PL_EUTF8 ? PL_EPROTO : status, message);
	pl_conn_closing(owner);
}

static void on_closing(void *owner)
{
	pl_conn_closing(owner);
}

static uint16_t code_of(int status)
{
	switch (status) {
	case PL_EUTF8:
		return BAD_TEXT;
	case PL_ETOOBIG:
		return TOO_BIG;
	case PL_EPROTO:
		return PROTOCOL_ERROR;
	case PL_ENOMEM:
		return INTERNAL_ERROR;
	default:
		return CUT_OFF;
	}
}

static void on_closed(void *owner, int status)
{
	pl_conn *conn = owner;
	hixie_carrier *carrier = conn->session;
	const char *why = pl_hixie_session_failure(carrier->session);
	uint16_t code = carrier->code ? carrier->code : NO_CODE;

	if (conn->state == PL_CONN_HTTP && status == PL_ETIMEDOUT)
		pl_count(PL_COUNT_REFUSED_TIMEOUT, 1);
	if (status) {
		code = why ? code_of(status) : CUT_OFF;
		if (!why)
			why = pl_tls_failure(conn->stream);
		if (!why && status != PL_ECLOSED)
			why = pl_status_text(status);
	}
	pl_conn_ended(conn, code, pl_slice_make(why, why ? strlen(why) : 0));
}

static const pl_hixie_events session_events = {
	.key = on_key,
	.message = on_message,
	.alive = on_alive,
	.drain = on_drain,
	.failed = on_failed,
	.closing = on_closing,
	.closed = on_closed,
};

/* The conn asks the session. */

static int hixie_encoding(const pl_conn *conn)
{
	(void)conn;
	return PL_ENCODING_HIXIE;
}

static pl_block *hixie_encode(pl_conn *conn, const pl_message *message)
{
	(void)conn;
	return pl_hixie_block(message->payload.at, message->payload.len);
}

static int hixie_send(pl_conn *conn, enum pl_kind kind, const void *data, size_t len,
		      size_t fragment)
{
	(void)kind, (void)fragment;
	if (!pl_utf8_valid(data, len))
		return PL_EUTF8;
	return pl_hixie_session_send(session_of(conn), data, len);
}

static int hixie_send_frames(pl_conn *conn, pl_block *frames)
{
	return pl_hixie_session_send_block(session_of(conn), frames);
}

static void hixie_close(pl_conn *conn, uint16_t code, pl_slice reason)
{
	(void)reason;
	carrier_of(conn)->code = code;
	pl_hixie_session_close(session_of(conn));
}

static void hixie_disconnect(pl_conn *conn, uint16_t code, pl_slice reason)
{
	(void)reason;
	if (!carrier_of(conn)->code)
		carrier_of(conn)->code = code;
	pl_hixie_session_disconnect(session_of(conn));
}

static void hixie_abort(pl_conn *conn, int status)
{
	pl_hixie_session_abort(session_of(conn), status);
}

static void hixie_pause(pl_conn *conn, bool pause)
{
	if (pause)
		pl_hixie_session_pause(session_of(conn));
	else
		pl_hixie_session_resume(session_of(conn));
}

static bool hixie_is_open(const pl_conn *conn)
{
	return pl_hixie_session_open(session_of(conn));
}

static void hixie_counts(const pl_conn *conn, uint64_t *received, uint64_t *sent)
{
	*received = pl_hixie_session_received(session_of(conn));
	*sent = pl_hixie_session_sent(session_of(conn));
}

static void hixie_free(pl_conn *conn)
{
	pl_hixie_session_free(session_of(conn));
	pl_free(conn->session);
}

static const pl_conn_ops hixie_ops = {
	.transport = "hixie76",
	.texts_only = true,
	.encoding = hixie_encoding,
	.encode = hixie_encode,
	.send = hixie_send,
	.send_frames = hixie_send_frames,
	.close = hixie_close,
	.disconnect = hixie_disconnect,
	.abort = hixie_abort,
	.pause = hixie_pause,
	.is_open = hixie_is_open,
	.counts = hixie_counts,
	.free = hixie_free,
};

/* The handshake. */

/* The last steps that can fail; until then the stream is HTTP's, which can still be aborted. The
 * session comes last: it owns the stream from then on. */
static int answer(pl_conn *conn, pl_exchange *exchange, const pl_conn_ws_terms *terms,
		  const pl_buffer *response, hixie_carrier *carrier)
{
	const pl_conn_heads heads = { exchange->request->raw, exchange->request->target,
				      pl_slice_make((char *)response->data, response->len),
				      terms->protocol };
	pl_conn_info *former = pl_conn_describe(conn, &heads);
	int status = former ? PL_OK : PL_ENOMEM;

	pl_conn_info_unref(former);
	if (!status)
		status = pl_stream_write(conn->stream, response->data, response->len);
	if (!status)
		status = pl_hixie_session_new(&carrier->session, conn->stream,
					      conn->settings->limits, &session_events, conn);
	return status;
}

int pl_conn_hixie_accept(pl_conn *conn, pl_exchange *exchange, const pl_conn_ws_terms *terms,
			 bool (*opened)(pl_conn *conn), pl_conn_leftover *leftover)
{
	hixie_carrier *carrier = pl_calloc(1, sizeof(*carrier));
	int status = carrier ? PL_OK : PL_ENOMEM;
	pl_buffer response = { 0 };
	pl_stream *stream;

	if (!status)
		status = pl_conn_ws_compose(&response, terms);
	if (!status)
		status = answer(conn, exchange, terms, &response, carrier);
	pl_buffer_deinit(&response);
	if (status) {
		pl_free(carrier);
		pl_exchange_abort(exchange, status);
		return status;
	}
	memcpy(carrier->offer.numbers, terms->hixie->offer.numbers, sizeof(carrier->offer.numbers));
	carrier->opened = opened;
	pl_http1_upgrade(exchange, &stream, &leftover->data, &leftover->len);
	conn->ops->free(conn);
	conn->ops = &hixie_ops;
	conn->session = carrier;
	pl_loop_start(conn->settings->loop, &conn->timer,
		      (uint64_t)conn->settings->limits->handshake_timeout);
	return PL_OK;
}

void pl_conn_hixie_begin(pl_conn *conn, const pl_conn_leftover *leftover)
{
	pl_hixie_session_start(session_of(conn), leftover->data, leftover->len);
}
