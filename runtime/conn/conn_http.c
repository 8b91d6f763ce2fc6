#include "conn/conn_http.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/status.h"
#include "conn/conn_mute.h"
#include "net/tls.h"

enum { ERROR_MAX = 256 };

typedef struct http_carrier {
	pl_http1 *http1; /* NULL: HTTP has not begun */
	void (*request)(pl_conn *conn, pl_exchange *exchange);
	bool (*first)(pl_conn *conn, uint8_t *said, size_t len);
	pl_buffer said; /* before it is known what is spoken */
} http_carrier;

static void on_request(void *owner, pl_exchange *exchange)
{
	pl_conn *conn = owner;
	http_carrier *carrier = conn->session;

	pl_conn_info_set_alpn(conn->info, pl_tls_alpn(conn->stream));
	carrier->request(conn, exchange);
}

static void on_drain(void *owner)
{
	pl_conn_drained(owner);
}

static int error_of(int http_status)
{
	switch (http_status) {
	case 408:
		return PL_ETIMEDOUT;
	case 413:
	case 414:
	case 431:
		return PL_ETOOBIG;
	default:
		return PL_EPROTO;
	}
}

static void on_refused(void *owner, int status, const char *reason)
{
	pl_conn_error(owner, error_of(status), reason);
}

/* A handshake that failed has no other sign than the end. */
static void tell_tls_failure(pl_conn *conn, int status)
{
	const char *failure = pl_tls_failure(conn->stream);
	char message[ERROR_MAX];

	if (!failure)
		return;
	snprintf(message, sizeof(message), "TLS handshake failed: %s", failure);
	pl_conn_error(conn, status, message);
}

static void on_closed(void *owner, int status)
{
	pl_conn *conn = owner;
	pl_slice reason = { NULL, 0 };

	conn->state = PL_CONN_CLOSED;
	tell_tls_failure(conn, status);
	if (status < 0)
		reason = pl_slice_make(pl_status_text(status), strlen(pl_status_text(status)));
	pl_conn_ended(conn, 0, reason);
}

static const pl_http1_events http1_events = {
	.request = on_request,
	.refused = on_refused,
	.drain = on_drain,
	.closed = on_closed,
};

static const pl_stream_events held_events = { .closed = on_closed };

/* Who says little at a time is kept, until it is enough. */
static void on_first_data(void *owner, uint8_t *data, size_t len)
{
	pl_conn *conn = owner;
	http_carrier *carrier = conn->session;
	pl_buffer said = carrier->said;

	if (said.len == 0 && carrier->first(conn, data, len))
		return;
	carrier->said = (pl_buffer){ 0 };
	if (pl_buffer_append(&said, data, len)) {
		pl_buffer_deinit(&said);
		conn->ops->abort(conn, PL_ENOMEM);
	} else if (said.len > len && carrier->first(conn, said.data, said.len)) {
		pl_buffer_deinit(&said);
	} else {
		carrier->said = said;
	}
}

static void on_first_end(void *owner)
{
	pl_conn *conn = owner;

	conn->ops->abort(conn, PL_ECONNRESET);
}

static void on_first_drain(void *owner)
{
	(void)owner; /* nothing is sent */
}

static const pl_stream_events first_events = {
	.data = on_first_data, .end = on_first_end, .drain = on_first_drain, .closed = on_closed
};

static pl_http1 *http1_of(const pl_conn *conn)
{
	return ((const http_carrier *)conn->session)->http1;
}

static void http_abort(pl_conn *conn, int status)
{
	if (http1_of(conn))
		pl_http1_abort(http1_of(conn), status);
	else
		pl_stream_abort(conn->stream, status);
}

static void http_close(pl_conn *conn, uint16_t code, pl_slice reason)
{
	(void)code, (void)reason;
	if (http1_of(conn))
		pl_http1_stop(http1_of(conn));
	else
		pl_stream_abort(conn->stream, PL_OK);
}

static void http_disconnect(pl_conn *conn, uint16_t code, pl_slice reason)
{
	(void)code, (void)reason;
	http_abort(conn, PL_OK);
}

static void http_counts(const pl_conn *conn, uint64_t *received, uint64_t *sent)
{
	(void)conn;
	*received = *sent = 0;
}

static void http_free(pl_conn *conn)
{
	http_carrier *carrier = conn->session;

	pl_buffer_deinit(&carrier->said);
	pl_free(carrier);
}

static const pl_conn_ops http_ops = {
	.transport = "http",
	.encoding = pl_conn_mute_encoding,
	.encode = pl_conn_mute_encode,
	.send = pl_conn_mute_send,
	.send_frames = pl_conn_mute_send_frames,
	.ping = pl_conn_mute_ping,
	.close = http_close,
	.disconnect = http_disconnect,
	.abort = http_abort,
	.pause = pl_conn_mute_pause,
	.is_open = pl_conn_mute_is_open,
	.counts = http_counts,
	.free = http_free,
};

int pl_conn_http_hold(pl_conn *conn)
{
	conn->session = pl_calloc(1, sizeof(http_carrier));
	if (!conn->session)
		return PL_ENOMEM;
	conn->ops = &http_ops;
	pl_stream_own(conn->stream, &held_events, conn);
	return PL_OK;
}

void pl_conn_http_meet(pl_conn *conn, pl_stream *stream,
		       bool (*first)(pl_conn *conn, uint8_t *said, size_t len))
{
	http_carrier *carrier = conn->session;

	conn->stream = stream;
	carrier->first = first;
	pl_stream_own(stream, &first_events, conn);
	pl_stream_resume(stream);
}

int pl_conn_http_start(pl_conn *conn, pl_stream *stream, const pl_http1_settings *settings,
		       void (*request)(pl_conn *conn, pl_exchange *exchange))
{
	http_carrier *carrier = conn->session;
	int status;

	conn->stream = stream;
	carrier->request = request;
	status = pl_http1_start(&carrier->http1, stream, settings, &http1_events, conn);
	if (status)
		pl_stream_own(stream, &held_events, conn);
	return status;
}
