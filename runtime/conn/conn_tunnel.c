#include "conn/conn_tunnel.h"

#include "base/alloc.h"
#include "base/status.h"
#include "conn/conn_mute.h"
#include "http/http1.h"
#include "net/relay.h"

typedef struct tunnel_carrier {
	pl_conn *conn;
	pl_relay *relay; /* NULL: it has ended */
	void (*ended)(void *owner, int status);
	void *owner;
} tunnel_carrier;

static void on_ended(void *owner, int status)
{
	tunnel_carrier *self = owner;
	pl_conn *conn = self->conn;
	pl_slice reason = { NULL, 0 };

	if (status)
		reason = pl_slice_make(pl_status_text(status), strlen(pl_status_text(status)));
	self->relay = NULL;
	self->ended(self->owner, status);
	pl_conn_ended(conn, 0, reason);
}

static void tunnel_close(pl_conn *conn, uint16_t code, pl_slice reason)
{
	(void)code, (void)reason;
	pl_relay_finish(((tunnel_carrier *)conn->session)->relay);
}

static void tunnel_abort(pl_conn *conn, int status)
{
	pl_relay_abort(((tunnel_carrier *)conn->session)->relay, status);
}

static void tunnel_counts(const pl_conn *conn, uint64_t *received, uint64_t *sent)
{
	const tunnel_carrier *self = conn->session;

	*received = *sent = 0;
	if (self->relay)
		pl_relay_counts(self->relay, received, sent);
}

/* The relay goes by itself. */
static void tunnel_free(pl_conn *conn)
{
	pl_free(conn->session);
}

static const pl_conn_ops tunnel_ops = {
	.transport = "tunnel",
	.encoding = pl_conn_mute_encoding,
	.encode = pl_conn_mute_encode,
	.send = pl_conn_mute_send,
	.send_frames = pl_conn_mute_send_frames,
	.ping = pl_conn_mute_ping,
	.close = tunnel_close,
	.disconnect = tunnel_close,
	.abort = tunnel_abort,
	.pause = pl_conn_mute_pause,
	.is_open = pl_conn_mute_is_open,
	.counts = tunnel_counts,
	.free = tunnel_free,
};

int pl_conn_tunnel_open(pl_conn *conn, pl_exchange *exchange, const pl_conn_tunnel *tunnel)
{
	tunnel_carrier *self = pl_calloc(1, sizeof(*self));
	const pl_relay_settings settings = { tunnel->idle, on_ended, self };
	int status =
		self ? pl_stream_write(conn->stream, tunnel->head.at, tunnel->head.len) : PL_ENOMEM;
	pl_stream *stream;
	uint8_t *leftover;
	size_t len;

	if (!status)
		status = pl_relay_new(&self->relay, conn->stream, tunnel->stream, &settings);
	if (status) {
		pl_free(self);
		pl_stream_drop(tunnel->stream);
		pl_exchange_abort(exchange, status);
		return status;
	}
	pl_http1_upgrade(exchange, &stream, &leftover, &len);
	conn->ops->free(conn);
	conn->ops = &tunnel_ops;
	self->conn = conn;
	self->ended = tunnel->ended;
	self->owner = tunnel->owner;
	conn->session = self;
	conn->info->transport = tunnel_ops.transport;
	pl_relay_start(self->relay, pl_slice_make((const char *)leftover, len), tunnel->rest);
	return PL_OK;
}
