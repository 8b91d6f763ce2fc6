#include "conn/conn_tcp.h"

#include <string.h>

#include "base/status.h"
#include "codec/utf8.h"
#include "net/tls.h"
#include "tcp/tcp_session.h"

/* Codes of OnDisconnect, the same as a WebSocket's (RFC 6455 7.4.1). */
enum { IN_ORDER = 1000, CUT_OFF = 1006, TOO_BIG = 1009 };

/* The session tells the conn. */

static void on_message(void *owner, const uint8_t *data, size_t len)
{
	pl_conn_message(owner, PL_KIND_BINARY, data, len);
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
	pl_conn_error(owner, status, message);
	pl_conn_closing(owner);
}

static void on_ended(void *owner)
{
	pl_conn_close(owner, IN_ORDER, pl_slice_make(NULL, 0));
}

static void on_closed(void *owner, int status)
{
	pl_conn *conn = owner;
	const char *why = pl_tcp_session_failure(conn->session);

	if (status == PL_OK) {
		pl_conn_ended(conn, IN_ORDER, pl_slice_make(NULL, 0));
		return;
	}
	if (!why)
		why = pl_tls_failure(conn->stream);
	if (!why)
		why = pl_status_text(status);
	pl_conn_ended(conn, status == PL_ETOOBIG ? TOO_BIG : CUT_OFF,
		      pl_slice_make(why, strlen(why)));
}

static const pl_tcp_session_events session_events = {
	.message = on_message,
	.alive = on_alive,
	.drain = on_drain,
	.failed = on_failed,
	.ended = on_ended,
	.closed = on_closed,
};

/* The conn asks the session. */

static int tcp_encoding(const pl_conn *conn)
{
	(void)conn;
	return PL_ENCODING_BYTES;
}

static pl_block *tcp_encode(pl_conn *conn, const pl_message *message)
{
	(void)conn;
	return pl_block_copy(message->payload.at, message->payload.len);
}

static int tcp_send(pl_conn *conn, enum pl_kind kind, const void *data, size_t len, size_t fragment)
{
	(void)fragment;
	if (kind == PL_KIND_TEXT && !pl_utf8_valid(data, len))
		return PL_EUTF8;
	return pl_tcp_session_send(conn->session, data, len);
}

static int tcp_send_frames(pl_conn *conn, pl_block *frames)
{
	return pl_tcp_session_send_block(conn->session, frames);
}

static void tcp_close(pl_conn *conn, uint16_t code, pl_slice reason)
{
	(void)code, (void)reason;
	pl_tcp_session_close(conn->session);
}

static void tcp_disconnect(pl_conn *conn, uint16_t code, pl_slice reason)
{
	(void)code, (void)reason;
	pl_tcp_session_disconnect(conn->session);
}

static void tcp_abort(pl_conn *conn, int status)
{
	pl_tcp_session_abort(conn->session, status);
}

static void tcp_pause(pl_conn *conn, bool pause)
{
	if (pause)
		pl_tcp_session_pause(conn->session);
	else
		pl_tcp_session_resume(conn->session);
}

static bool tcp_is_open(const pl_conn *conn)
{
	return pl_tcp_session_open(conn->session);
}

static void tcp_counts(const pl_conn *conn, uint64_t *received, uint64_t *sent)
{
	*received = pl_tcp_session_received(conn->session);
	*sent = pl_tcp_session_sent(conn->session);
}

static void tcp_free(pl_conn *conn)
{
	pl_tcp_session_free(conn->session);
}

static const pl_conn_ops tcp_ops = {
	.transport = "tcp",
	.encoding = tcp_encoding,
	.encode = tcp_encode,
	.send = tcp_send,
	.send_frames = tcp_send_frames,
	.close = tcp_close,
	.disconnect = tcp_disconnect,
	.abort = tcp_abort,
	.pause = tcp_pause,
	.is_open = tcp_is_open,
	.counts = tcp_counts,
	.free = tcp_free,
};

int pl_conn_tcp_open(pl_conn *conn, const pl_frame_end *end)
{
	pl_tcp_session *session;
	int status = pl_tcp_session_new(&session, conn->stream, end, conn->settings->limits,
					&session_events, conn);

	if (status)
		return status;
	if (conn->ops)
		conn->ops->free(conn);
	pl_conn_info_set_alpn(conn->info, pl_tls_alpn(conn->stream));
	conn->info->transport = tcp_ops.transport;
	pl_conn_opened(conn, &tcp_ops, session);
	return PL_OK;
}

int pl_conn_tcp_add_end(pl_conn *conn, pl_slice bytes, enum pl_frame_scan scan)
{
	char all[PL_FRAME_END_MAX];
	pl_frame_end *end;
	size_t len;
	bool strip;

	if (conn->ops != &tcp_ops)
		return PL_ESTATE;
	end = pl_tcp_session_end(conn->session);
	len = end->len;
	strip = end->strip;
	if (bytes.len == 0 || bytes.len > sizeof(all) - len)
		return PL_EINVAL;
	memcpy(all, end->bytes, len);
	memcpy(all + len, bytes.at, bytes.len);
	pl_frame_end_set(end, scan, pl_slice_make(all, len + bytes.len));
	end->strip = strip;
	return PL_OK;
}

void pl_conn_tcp_begin(pl_conn *conn, const uint8_t *leftover, size_t len)
{
	pl_tcp_session_start(conn->session, leftover, len);
}
