#include "conn/conn_http.h"

#include <string.h>

#include "base/alloc.h"
#include "base/status.h"
#include "net/tls.h"

typedef struct http_carrier {
	pl_http1 *http1;
	void (*request)(pl_conn *conn, pl_exchange *exchange);
} http_carrier;

static void on_request(void *owner, pl_exchange *exchange)
{
	pl_conn *conn = owner;
	http_carrier *carrier = conn->session;

	conn->info->alpn = pl_tls_alpn(conn->stream);
	carrier->request(conn, exchange);
}

static void on_closed(void *owner, int status)
{
	pl_slice reason = { NULL, 0 };

	if (status < 0)
		reason = pl_slice_make(pl_status_text(status), strlen(pl_status_text(status)));
	pl_conn_ended(owner, 0, reason);
}

static const pl_http1_events http1_events = {
	.request = on_request,
	.closed = on_closed,
};

static int http_encoding(const pl_conn *conn)
{
	(void)conn;
	return PL_ENCODING_OWN;
}

static pl_block *http_encode(pl_conn *conn, enum pl_kind kind, const void *data, size_t len,
			     size_t fragment)
{
	(void)conn, (void)kind, (void)data, (void)len, (void)fragment;
	return NULL;
}

static int http_send(pl_conn *conn, enum pl_kind kind, const void *data, size_t len,
		     size_t fragment)
{
	(void)conn, (void)kind, (void)data, (void)len, (void)fragment;
	return PL_ENOTSUP;
}

static int http_send_frames(pl_conn *conn, pl_block *frames)
{
	(void)conn, (void)frames;
	return PL_ENOTSUP;
}

static int http_ping(pl_conn *conn, const void *payload, size_t len)
{
	(void)conn, (void)payload, (void)len;
	return PL_ENOTSUP;
}

static void http_close(pl_conn *conn, uint16_t code, pl_slice reason)
{
	(void)code, (void)reason;
	pl_http1_stop(((http_carrier *)conn->session)->http1);
}

static void http_disconnect(pl_conn *conn, uint16_t code, pl_slice reason)
{
	(void)code, (void)reason;
	pl_http1_abort(((http_carrier *)conn->session)->http1, PL_OK);
}

static void http_abort(pl_conn *conn, int status)
{
	pl_http1_abort(((http_carrier *)conn->session)->http1, status);
}

static void http_pause(pl_conn *conn, bool pause)
{
	(void)conn, (void)pause;
}

static bool http_is_open(const pl_conn *conn)
{
	(void)conn;
	return false;
}

static void http_counts(const pl_conn *conn, uint64_t *received, uint64_t *sent)
{
	(void)conn;
	*received = *sent = 0;
}

static void http_free(pl_conn *conn)
{
	pl_free(conn->session);
}

static const pl_conn_ops http_ops = {
	.transport = "http",
	.encoding = http_encoding,
	.encode = http_encode,
	.send = http_send,
	.send_frames = http_send_frames,
	.ping = http_ping,
	.close = http_close,
	.disconnect = http_disconnect,
	.abort = http_abort,
	.pause = http_pause,
	.is_open = http_is_open,
	.counts = http_counts,
	.free = http_free,
};

int pl_conn_http_start(pl_conn *conn, const pl_http1_settings *settings,
		       void (*request)(pl_conn *conn, pl_exchange *exchange))
{
	http_carrier *carrier = pl_calloc(1, sizeof(*carrier));

	if (!carrier)
		return PL_ENOMEM;
	carrier->request = request;
	conn->ops = &http_ops;
	conn->session = carrier;
	return pl_http1_start(&carrier->http1, conn->stream, settings, &http1_events, conn);
}
