/*
 * host_peer.h - a host that the test plays, at an address of this machine: a server, a proxy, with
 * TLS or without, a WebSocket's, a bad one.
 */
#ifndef SPEC_SESSION_HOST_PEER_H
#define SPEC_SESSION_HOST_PEER_H

#include "session/tls_peer.h"

#include "codec/ws_frame.h"
#include "codec/ws_handshake.h"
#include "net/listener.h"
#include "unit/net/turns.h"

/* The other side: what it does with a connection. */
typedef struct host {
	pl_listener *listener;
	uint16_t port;
	bool tls;	    /* from the beginning */
	bool hangs_up;	    /* at once */
	const char *answer; /* to the first bytes, as a proxy */
	size_t answer_len;
	bool then_tls; /* behind the answer */
	bool answered;
	pl_stream *stream; /* of the latest connection */
	pl_buffer received;
	pl_buffer heads;	/* of all requests */
	pl_buffer said;		/* frames */
	bool ws;		/* it answers handshakes, as follows */
	const char *answers[8]; /* to the connections in turn; NULL: 101 */
	const char *agreed;	/* fields of the 101, each with its CRLF; NULL: none */
	bool keeps_silent;	/* after the 101: it does not answer a Close */
	int accepted;
	int open;
	int closed;
} host;

static pl_loop *loop;
static pl_tls_context *server_tls;
static const pl_listener_options alone = { .shared = false };

/* The host. */

/* One connection of it. */
typedef struct host_link {
	host *host;
	pl_stream *stream;
	int number; /* 0: the first connection */
	bool opened;
	bool closing;
	pl_buffer input;
} host_link;

static const pl_stream_events host_events;

static inline void host_own(host_link *self, pl_stream *stream)
{
	self->stream = self->host->stream = stream;
	pl_stream_own(stream, &host_events, self);
	pl_stream_resume(stream);
}

static inline void host_secure(host_link *self, pl_stream *below)
{
	const pl_tls_acceptance acceptance = { .timeout = PEER_TIMEOUT, .steps = 16 };
	pl_stream *stream;

	if (pl_tls_accept(&stream, below, server_tls, &acceptance))
		pl_stream_abort(below, PL_ENOMEM);
	else
		host_own(self, stream);
}

/* A WebSocket's server. */

static inline void host_say(host_link *self, const char *text)
{
	pl_stream_write(self->stream, text, strlen(text));
}

static inline void host_accept_ws(host_link *self)
{
	static const char name[] = "Sec-WebSocket-Key: ";
	const char *key = memmem(self->input.data, self->input.len, name, sizeof(name) - 1);
	char accept[PL_WS_ACCEPT_SIZE], answer[512];

	if (!key || pl_ws_accept(accept, pl_slice_make(key + sizeof(name) - 1, PL_WS_KEY_SIZE))) {
		pl_stream_abort(self->stream, PL_ENOMEM);
		return;
	}
	snprintf(answer, sizeof(answer),
		 "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		 "Sec-WebSocket-Accept: %.*s\r\n%s\r\n",
		 PL_WS_ACCEPT_SIZE, accept, self->host->agreed ? self->host->agreed : "");
	host_say(self, answer);
	self->opened = true;
}

static inline void host_take_head(host_link *self)
{
	host *peer = self->host;
	const uint8_t *end = self->input.len > 0
				     ? memmem(self->input.data, self->input.len, "\r\n\r\n", 4)
				     : NULL;
	const char *answer = self->number < 8 ? peer->answers[self->number] : NULL;
	size_t len;

	if (!end)
		return;
	len = (size_t)(end - self->input.data) + 4;
	pl_buffer_append(&peer->heads, self->input.data, len);
	if (answer) {
		host_say(self, answer);
		pl_stream_finish(self->stream);
	} else {
		host_accept_ws(self);
	}
	pl_buffer_consume(&self->input, len);
}

/* Each frame as a word: "text:hello ", "close ", "9:" for a ping. */
static inline void host_take_frames(host_link *self)
{
	static const pl_ws_rules rules = { .masked = true,
					   .rsv = PL_WS_RSV1,
					   .max_length = 1 << 30 };
	host *peer = self->host;
	pl_ws_frame frame;
	int head;

	while ((head = pl_ws_frame_decode(&frame, &rules, self->input.data, self->input.len)) > 0 &&
	       self->input.len - (size_t)head >= frame.length) {
		uint8_t *payload = self->input.data + head;

		pl_ws_mask(payload, (size_t)frame.length, frame.mask, 0);
		if (frame.opcode == PL_WS_CLOSE)
			pl_buffer_printf(&peer->said, "close:%u ",
					 frame.length > 1 ? payload[0] << 8 | payload[1] : 0);
		else
			pl_buffer_printf(&peer->said, "%u:%.*s ", frame.opcode,
					 frame.length < 40 ? (int)frame.length : 40,
					 (char *)payload);
		if (frame.opcode == PL_WS_CLOSE && !peer->keeps_silent) {
			pl_stream_write(self->stream, "\x88\x02\x03\xe8", 4);
			pl_stream_finish(self->stream);
		}
		pl_buffer_consume(&self->input, (size_t)head + (size_t)frame.length);
	}
	assert_true(head >= 0);
}

static inline void host_take_ws(host_link *self, const uint8_t *data, size_t len)
{
	pl_buffer_append(&self->input, data, len);
	if (!self->opened)
		host_take_head(self);
	if (self->opened)
		host_take_frames(self);
}

static inline void host_on_data(void *owner, uint8_t *data, size_t len)
{
	host_link *self = owner;
	host *peer = self->host;

	if (peer->ws && (!peer->answer || peer->answered)) {
		host_take_ws(self, data, len);
		return;
	}
	pl_buffer_append(&peer->received, data, len);
	if (!peer->answer || peer->answered)
		return;
	peer->answered = true;
	pl_stream_write(self->stream, peer->answer, peer->answer_len);
	if (peer->then_tls)
		host_secure(self, self->stream);
}

static inline void host_on_nothing(void *owner)
{
	(void)owner;
}

static inline void host_on_end(void *owner)
{
	pl_stream_finish(((host_link *)owner)->stream);
}

static inline void host_on_closed(void *owner, int status)
{
	host_link *self = owner;
	host *peer = self->host;

	(void)status;
	if (peer->stream == self->stream)
		peer->stream = NULL;
	peer->open--;
	peer->closed++;
	pl_buffer_deinit(&self->input);
	free(self);
}

static const pl_stream_events host_events = {
	.data = host_on_data, .end = host_on_end, .drain = host_on_nothing, .closed = host_on_closed
};

static inline void host_on_accept(void *owner, pl_stream *stream)
{
	host *self = owner;
	host_link *link;

	self->accepted++;
	self->answered = false;
	if (self->hangs_up) {
		pl_stream_abort(stream, PL_OK);
		return;
	}
	link = calloc(1, sizeof(*link));
	assert_non_null(link);
	link->host = self;
	link->number = self->accepted - 1;
	self->open++;
	host_own(link, stream);
	if (self->tls)
		host_secure(link, stream);
}

static inline void host_on_listener_closed(void *owner)
{
	((host *)owner)->listener = NULL;
}

static const pl_listener_events listener_events = { .accept = host_on_accept,
						    .closed = host_on_listener_closed };

static inline void host_listen(host *self, const char *ip)
{
	pl_address address;

	assert_true(pl_address_parse(&address, ip));
	assert_int_equal(
		pl_listener_open(&self->listener, loop, &address, &alone, &listener_events, self),
		PL_OK);
	pl_listener_address(self->listener, &address);
	self->port = address.port;
}

static inline void host_leave(host *self)
{
	if (self->stream)
		pl_stream_abort(self->stream, PL_OK);
	if (self->listener)
		pl_listener_close(self->listener);
	TURN_UNTIL(loop, self->open == 0 && !self->listener);
	pl_buffer_deinit(&self->received);
	pl_buffer_deinit(&self->heads);
	pl_buffer_deinit(&self->said);
	memset(self, 0, sizeof(*self));
}

static inline void host_says(host *self, const char *text)
{
	self->answer = text;
	self->answer_len = strlen(text);
}

static inline bool host_has(const host *self, const char *text)
{
	return self->received.len > 0 &&
	       memmem(self->received.data, self->received.len, text, strlen(text)) != NULL;
}

#endif
