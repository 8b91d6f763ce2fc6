#include "server/stranger.h"

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/log.h"
#include "base/status.h"
#include "codec/flash_policy.h"
#include "codec/http_begin.h"
#include "conn/conn_tcp.h"
#include "server/server_internal.h"

enum { TLS_HANDSHAKE = 0x16 }; /* RFC 8446 5.1 */

struct pl_stranger {
	pl_buffer said; /* what it has said so far */
};

static void refuse(pl_conn *conn, const char *why)
{
	pl_conn_error(conn, PL_EPROTO, why);
	conn->ops->abort(conn, PL_EPROTO);
}

static void begin_http(pl_conn *conn, uint8_t *said, size_t len)
{
	pl_server *server = conn->server;
	pl_stream *stream = conn->stream;

	pl_loop_stop_timer(server->loop, &conn->timer);
	if (pl_conn_http_start(conn, stream, &server->http1_settings, pl_server_request))
		conn->ops->abort(conn, PL_ENOMEM);
	else
		stream->events->data(stream->owner, said, len);
}

static void begin_tcp(pl_conn *conn, const uint8_t *said, size_t len)
{
	pl_server *server = conn->server;

	if (pl_conn_tcp_open(conn, &server->settings.frames)) {
		conn->ops->abort(conn, PL_ENOMEM);
		return;
	}
	if (pl_server_session_begin(conn))
		pl_conn_tcp_begin(conn, said, len);
}

/* OnUnknownProtocol. What it says meanwhile waits. */
static void ask(pl_conn *conn, const uint8_t *said, size_t len)
{
	pl_server *server = conn->server;
	pl_stranger *stranger = pl_calloc(1, sizeof(*stranger));

	if (!stranger || pl_buffer_append(&stranger->said, said, len)) {
		pl_free(stranger);
		conn->ops->abort(conn, PL_ENOMEM);
		return;
	}
	pl_stream_pause(conn->stream);
	pl_loop_start(server->loop, &conn->timer,
		      (uint64_t)server->settings.limits.handshake_timeout);
	server->events->stranger(conn, stranger, pl_slice_make((const char *)said, len));
}

void pl_stranger_end(pl_stranger *self, pl_conn *conn, bool accept)
{
	if (conn) {
		pl_loop_stop_timer(conn->settings->loop, &conn->timer);
		if (accept && !conn->stream->closing)
			begin_tcp(conn, self->said.data, self->said.len);
		else
			conn->ops->abort(conn, PL_OK);
	}
	pl_buffer_deinit(&self->said);
	pl_free(self);
}

static void answer_flash(pl_conn *conn)
{
	pl_server *server = conn->server;
	pl_slice policy = server->settings.flash_policy;

	pl_loop_stop_timer(server->loop, &conn->timer);
	if (pl_stream_write(conn->stream, policy.at, policy.len))
		conn->ops->abort(conn, PL_ENOMEM);
	else
		pl_stream_finish(conn->stream);
}

/* What is no HTTP. */
static void handle_other(pl_conn *conn, uint8_t *said, size_t len)
{
	pl_server *server = conn->server;

	if (!server->events->asks || !server->events->asks(server, PL_ASKS_STRANGER))
		begin_http(conn, said, len);
	else if (said[0] == TLS_HANDSHAKE)
		refuse(conn, "TLS on a port without it");
	else
		ask(conn, said, len);
}

/* All that has been said so far; false: more is needed. */
static bool on_first(pl_conn *conn, uint8_t *said, size_t len)
{
	int flash = -1;

	if (pl_server_of(conn)->settings.flash_policy.len > 0)
		flash = pl_flash_policy_begin(said, len);
	if (flash > 0)
		answer_flash(conn);
	if (flash >= 0)
		return flash > 0;
	switch (pl_http_begin(said, len)) {
	case 0:
		return false;
	case 1:
		begin_http(conn, said, len);
		return true;
	default:
		handle_other(conn, said, len);
		return true;
	}
}

void pl_stranger_meet(pl_conn *conn, pl_stream *stream)
{
	pl_server *server = conn->server;

	pl_loop_start(server->loop, &conn->timer, (uint64_t)server->settings.limits.header_timeout);
	pl_conn_http_meet(conn, stream, on_first);
}

void pl_stranger_welcome(pl_conn *conn, pl_stream *stream)
{
	conn->stream = stream;
	begin_tcp(conn, NULL, 0);
}
