#include "net/tls.h"

#include <openssl/err.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/counters.h"
#include "base/log.h"
#include "base/status.h"
#include "net/loop_internal.h"
#include "net/tls_internal.h"
#include "net/tls_turns.h"

enum {
	RECORD = PL_CHUNK_LARGE - 64,	    /* plaintext of a record that fits into a chunk */
	RECORD_PIECES = 64,		    /* of output that are joined into one record */
	ENCRYPT_AHEAD = 4 * PL_CHUNK_LARGE, /* bytes between two flushes of the stream below */
	BELOW_QUEUED = 16 * PL_CHUNK_LARGE  /* more than our own output can come to there */
};

enum state { HANDSHAKE, OPEN, CLOSING };

typedef struct tls {
	pl_stream stream;
	pl_stream *below;
	pl_tls_context *context;
	pl_tls_client *client; /* NULL: the server's side */
	pl_tls_server *server; /* NULL: its owner is asked nothing */
	SSL *ssl;
	pl_tls_input *input; /* while `running` */
	pl_buffer kept;	     /* bytes from below that have to wait: the owner is paused */
	pl_deferred again;   /* takes them in */
	pl_timer timer;	     /* the handshake's deadline */
	pl_tls_turn turn;    /* while a step of it has to wait; what was read is in `kept` */
	const char *failure; /* of the handshake; a constant text, or the client's */
	int status;	     /* for `closed`, when it is not that of the stream below */
	uint8_t state;
	bool begun;	/* a byte has come */
	bool running;	/* OpenSSL reads, or the owner is being told */
	bool finishing; /* pl_stream_finish was called */
	bool ended;	/* the owner was told `end` */
} tls;

static const pl_stream_ops tls_ops;

static tls *tls_of(pl_stream *stream)
{
	return PL_CONTAINER(stream, tls, stream);
}

/* Before each call of OpenSSL that reads or writes. */
static SSL *connected(tls *self)
{
	pl_tls_wire *wire = self->stream.loop->tls_wire;

	wire->input = self->input;
	wire->below = self->below;
	wire->tickets = self->context->tickets;
	wire->client = self->client;
	wire->server = self->server;
	return self->ssl;
}

/* Buffers that all connections of a loop share. One is taken out while it is in use, so that TLS
 * inside of TLS gets one of its own. */

static uint8_t *borrow(uint8_t **shared, size_t size)
{
	uint8_t *buffer = *shared;

	*shared = NULL;
	return buffer ? buffer : pl_alloc(size);
}

static void give_back(uint8_t **shared, uint8_t *buffer)
{
	pl_free(*shared);
	*shared = buffer;
}

/* The end. */

static void tell_closed(tls *self, int status)
{
	const pl_stream_events *events = self->stream.events;

	self->stream.events = NULL;
	if (events)
		events->closed(self->stream.owner, self->status ? self->status : status);
}

static void below_closed(void *owner, int status)
{
	tls *self = owner;
	pl_loop *loop = self->stream.loop;

	self->stream.closing = true;
	pl_loop_stop_timer(loop, &self->timer);
	pl_deferred_cancel(&self->stream.flush);
	pl_deferred_cancel(&self->again);
	pl_tls_turn_cancel(&self->turn);
	pl_output_clear(&self->stream.output, &loop->chunks);
	pl_buffer_deinit(&self->kept);
	tell_closed(self, status);
	if (self->client)
		pl_tls_client_end(self->client, self->ssl);
	SSL_free(self->ssl);
	pl_tls_client_free(self->client);
	pl_tls_server_free(self->server);
	pl_tls_context_unref(self->context);
	pl_free(self);
}

static void enter_closing(tls *self, int status)
{
	if (!self->client && self->state == HANDSHAKE)
		pl_count(PL_COUNT_TLS_FAILED, 1);
	self->state = CLOSING;
	self->status = status;
	self->stream.closing = true;
	pl_loop_stop_timer(self->stream.loop, &self->timer);
	pl_deferred_cancel(&self->stream.flush);
	pl_deferred_cancel(&self->again);
	pl_tls_turn_cancel(&self->turn);
	pl_buffer_deinit(&self->kept);
}

/* The stream below is flushed here, and must not ask for another turn to do it again. */
static void push(tls *self)
{
	pl_stream_flush_now(self->below);
	pl_deferred_cancel(&self->below->flush);
}

/* OpenSSL has queued an alert where the peer should know: it leaves before the end. A client's
 * owner hears of a handshake that failed now, however long the server then takes to end. */
static void fail(tls *self, int status)
{
	bool refused = self->client && self->state == HANDSHAKE;

	if (self->state == CLOSING)
		return;
	enter_closing(self, status);
	if (!refused) {
		pl_stream_finish(self->below);
		return;
	}
	push(self);
	pl_loop_defer(self->stream.loop, &self->again);
}

static void tls_abort(pl_stream *stream, int status)
{
	tls *self = tls_of(stream);

	enter_closing(self, status);
	pl_stream_abort(self->below, status);
}

static const char *peer_ip(tls *self, char ip[PL_ADDRESS_TEXT])
{
	pl_address peer;

	pl_stream_peer(self->below, &peer);
	pl_address_ip(&peer, ip);
	return ip;
}

static const char *reason_of(tls *self)
{
	long verified = SSL_get_verify_result(self->ssl);

	if (self->client)
		return pl_tls_client_failed(self->client, self->ssl);
	return verified == X509_V_OK ? pl_tls_reason() : X509_verify_cert_error_string(verified);
}

/* Says why, and closes. */
static void broken(tls *self, const char *what)
{
	const char *why = reason_of(self);
	char ip[PL_ADDRESS_TEXT];

	if (pl_log_enabled(PL_LOG_DEBUG))
		pl_log(PL_LOG_DEBUG, "TLS %s with %s failed: %s", what, peer_ip(self, ip), why);
	/* A server of TLS 1.3 refuses a client's certificate after the client's handshake. */
	if (self->state == HANDSHAKE || self->client)
		self->failure = why;
	ERR_clear_error();
	if (self->below->closing)
		enter_closing(self, 0); /* it failed by itself, and will say why */
	else
		fail(self, PL_EPROTO);
}

/* Sending. */

static size_t gather(const pl_output *output, uint8_t *record)
{
	pl_output_piece pieces[RECORD_PIECES];
	size_t count = pl_output_peek(output, pieces, RECORD_PIECES);
	size_t used = 0;
	size_t i;

	for (i = 0; i < count && used < RECORD; i++) {
		size_t len = pieces[i].len < RECORD - used ? pieces[i].len : RECORD - used;

		memcpy(record + used, pieces[i].data, len);
		used += len;
	}
	return used;
}

/* 1 when OpenSSL has taken *sent bytes. */
static int encrypt_joined(tls *self, size_t *sent)
{
	uint8_t **shared = &self->stream.loop->tls_record;
	uint8_t *record = borrow(shared, RECORD);
	int result = 0;

	if (!record)
		return 0;
	result = SSL_write_ex(connected(self), record, gather(&self->stream.output, record), sent);
	give_back(shared, record);
	return result;
}

/* One record of what is queued. */
static bool encrypt(tls *self)
{
	pl_output *output = &self->stream.output;
	pl_output_piece pieces[2];
	size_t count = pl_output_peek(output, pieces, 2);
	size_t sent = 0;
	int result;

	ERR_clear_error();
	if (count == 1 || pieces[0].len >= RECORD)
		result = SSL_write_ex(connected(self), pieces[0].data,
				      pieces[0].len < RECORD ? pieces[0].len : RECORD, &sent);
	else
		result = encrypt_joined(self, &sent);
	if (result == 1)
		pl_output_consume(output, &self->stream.loop->chunks, sent);
	return result == 1;
}

static void goodbye(tls *self)
{
	ERR_clear_error();
	if (self->state == OPEN)
		SSL_shutdown(connected(self));
	ERR_clear_error();
	enter_closing(self, 0);
	pl_stream_finish(self->below);
}

/* close_notify ends our direction alone (RFC 8446 6.1); TCP's stays, for what OpenSSL still has to
 * say. */
static void end_writing(tls *self)
{
	ERR_clear_error();
	if (!(SSL_get_shutdown(self->ssl) & SSL_SENT_SHUTDOWN))
		SSL_shutdown(connected(self));
	ERR_clear_error();
	push(self);
}

static void tls_flush(pl_stream *stream)
{
	tls *self = tls_of(stream);
	pl_stream *below = self->below;

	if (self->state != OPEN)
		return;
	below->write_timeout = stream->write_timeout;
	while (stream->output.len > 0 && !below->blocked && !below->closing) {
		if (!encrypt(self)) {
			broken(self, "connection");
			return;
		}
		/* A goodbye leaves with the last bytes. */
		if ((stream->output.len == 0 && !self->finishing) ||
		    pl_stream_queued(below) >= ENCRYPT_AHEAD)
			push(self);
	}
	stream->blocked = below->blocked;
	if (below->closing)
		stream->closing = true;
	else if (self->finishing && stream->output.len == 0)
		goodbye(self);
	else if (stream->shut && stream->output.len == 0)
		end_writing(self);
}

static void below_drain(void *owner)
{
	tls *self = owner;
	pl_stream *stream = &self->stream;

	if (!stream->blocked || self->state != OPEN)
		return;
	stream->blocked = false;
	tls_flush(stream);
	if (!stream->blocked && !stream->closing)
		stream->events->drain(stream->owner);
}

static void tls_finish(pl_stream *stream)
{
	tls *self = tls_of(stream);

	self->finishing = true;
	if (self->state == OPEN) /* else the handshake needs it */
		pl_buffer_deinit(&self->kept);
	if (self->state == HANDSHAKE && stream->output.len == 0)
		goodbye(self);
	else if (self->state == OPEN && !stream->blocked)
		pl_loop_flush(stream->loop, &stream->flush);
}

static void tls_shut(pl_stream *stream)
{
	if (tls_of(stream)->state == OPEN && !stream->blocked)
		pl_loop_flush(stream->loop, &stream->flush);
}

/* Receiving. */

static void opened(tls *self)
{
	pl_stream *stream = &self->stream;

	if (!self->client)
		pl_count(PL_COUNT_TLS_DONE, 1);
	self->state = OPEN;
	pl_loop_stop_timer(stream->loop, &self->timer);
	if (stream->paused && !stream->closing)
		pl_stream_pause(self->below);
	if (stream->output.len > 0 || self->finishing || stream->shut)
		pl_loop_flush(stream->loop, &stream->flush);
	if (self->client && self->client->ready && !stream->closing)
		self->client->ready(self->client->owner);
}

static bool is_asking(const tls *self)
{
	return self->client ? self->client->answer == PL_TLS_ASKED
			    : pl_tls_server_asking(self->server);
}

/* The owner decides about the peer, or what is spoken. */
static void ask(tls *self)
{
	bool asked = self->client ? pl_tls_client_ask(self->client, self->ssl)
				  : pl_tls_server_ask(self->server, self->ssl);

	if (!asked)
		fail(self, PL_ENOMEM);
	else if (is_asking(self) && self->state == HANDSHAKE)
		pl_stream_pause(self->below);
}

/* One step, and whether the owner has to be asked before another one. */
static bool step(tls *self, int *error)
{
	int result;

	ERR_clear_error();
	result = SSL_do_handshake(connected(self));
	*error = result == 1 ? SSL_ERROR_NONE : SSL_get_error(self->ssl, result);
	return *error == SSL_ERROR_WANT_RETRY_VERIFY || *error == SSL_ERROR_WANT_CLIENT_HELLO_CB ||
	       (*error == SSL_ERROR_NONE && pl_tls_server_curious(self->server, self->ssl));
}

static void shake_hands(tls *self)
{
	int error = SSL_ERROR_NONE;

	while (!is_asking(self) && self->state == HANDSHAKE && step(self, &error))
		ask(self);
	if (is_asking(self) || self->state != HANDSHAKE)
		return;
	if (error != SSL_ERROR_NONE && error != SSL_ERROR_WANT_READ)
		broken(self, "handshake");
	else if (error == SSL_ERROR_NONE && pl_tls_server_refuses(self->server, self->ssl))
		broken(self, "handshake");
	else if (error == SSL_ERROR_NONE)
		opened(self);
}

/* Fills the buffer as far as it goes; *error is what stopped it, if it is not full. */
static size_t decrypt(tls *self, uint8_t *buffer, size_t size, int *error)
{
	size_t len = 0;

	*error = SSL_ERROR_NONE;
	ERR_clear_error();
	while (len < size) {
		size_t n = 0;

		if (SSL_read_ex(connected(self), buffer + len, size - len, &n) != 1) {
			*error = SSL_get_error(self->ssl, 0);
			break;
		}
		len += n;
	}
	return len;
}

static void receive(tls *self, uint8_t *buffer)
{
	pl_stream *stream = &self->stream;
	int error = SSL_ERROR_NONE;

	while (error == SSL_ERROR_NONE && !stream->paused && !stream->closing) {
		size_t size;
		uint8_t *into = pl_stream_room(stream, &size);
		uint8_t *at = into ? into : buffer;
		size_t len = decrypt(self, at, into ? size : PL_LOOP_TLS_BUFFER, &error);

		if (len > 0)
			stream->events->data(stream->owner, at, len);
	}
	if (stream->closing)
		return;
	if (error == SSL_ERROR_ZERO_RETURN) {
		if (stream->paused || self->ended)
			return;
		self->ended = true;
		stream->events->end(stream->owner);
	} else if (error != SSL_ERROR_NONE && error != SSL_ERROR_WANT_READ) {
		broken(self, "connection");
	}
}

static void receive_all(tls *self)
{
	uint8_t **shared = &self->stream.loop->tls_plain;
	uint8_t *buffer = borrow(shared, PL_LOOP_TLS_BUFFER);

	if (!buffer) {
		fail(self, PL_ENOMEM);
		return;
	}
	receive(self, buffer);
	give_back(shared, buffer);
}

/* Bytes that the owner does not want yet have to survive the read; behind a close_notify there are
 * none. A peer that asks for new keys on and on (RFC 8446 4.6.3) must not fill our output. */
static void settle(tls *self, const pl_tls_input *input)
{
	pl_stream *below = self->below;

	/* Tickets leave with the first answer. */
	if (self->state == OPEN && self->stream.output.len > 0 && !self->stream.blocked)
		pl_deferred_cancel(&below->flush);
	if (self->state == HANDSHAKE ? !is_asking(self) : self->stream.closing)
		return;
	if (below->blocked && pl_stream_queued(below) > BELOW_QUEUED)
		tls_abort(&self->stream, PL_ELIMIT);
	else if (input->len > 0 && !self->ended &&
		 pl_buffer_append(&self->kept, input->at, input->len))
		fail(self, PL_ENOMEM);
	else if (!self->stream.paused && self->state == OPEN)
		pl_stream_resume(below);
}

/* A capital letter begins a method of HTTP, and no record of TLS (RFC 8446 5.1). */
static bool is_plain(tls *self, uint8_t first)
{
	bool plain = !self->begun && first >= 'A' && first <= 'Z';

	self->begun = true;
	return plain;
}

static void refuse_plain(tls *self)
{
	char ip[PL_ADDRESS_TEXT];

	if (pl_log_enabled(PL_LOG_DEBUG))
		pl_log(PL_LOG_DEBUG, "TLS handshake with %s failed: plain text on a TLS port",
		       peer_ip(self, ip));
	if (self->context->plain)
		self->context->plain(self->below);
	self->failure =
		self->client ? "the server answers without TLS" : "plain text on a TLS port";
	fail(self, PL_EPROTO);
}

static void run(tls *self, pl_tls_input input)
{
	self->running = true;
	self->input = &input;
	if (self->state == HANDSHAKE)
		shake_hands(self);
	if (self->state == OPEN && !self->stream.closing && !self->stream.paused)
		receive_all(self);
	self->input = NULL;
	self->running = false;
	settle(self, &input);
}

static void on_again(pl_deferred *deferred)
{
	tls *self = PL_CONTAINER(deferred, tls, again);
	pl_buffer kept = self->kept;

	if (self->state == CLOSING) {
		tell_closed(self, PL_OK);
		pl_stream_abort(self->below, PL_OK);
		return;
	}
	if (self->state != HANDSHAKE && (self->stream.paused || self->stream.closing))
		return;
	self->kept = (pl_buffer){ 0 };
	run(self, (pl_tls_input){ kept.data, kept.len });
	pl_buffer_deinit(&kept);
	if (self->state == HANDSHAKE && !is_asking(self))
		pl_stream_resume(self->below);
}

static void on_turn(pl_tls_turn *turn)
{
	tls *self = PL_CONTAINER(turn, tls, turn);
	pl_buffer kept = self->kept;

	self->kept = (pl_buffer){ 0 };
	run(self, (pl_tls_input){ kept.data, kept.len });
	pl_buffer_deinit(&kept);
	if (self->state == HANDSHAKE)
		pl_stream_resume(self->below);
}

/* The step of the handshake has to wait for its turn, and is not read from meanwhile. */
static bool has_to_wait(tls *self)
{
	if (self->state != HANDSHAKE || pl_tls_turn_take(&self->turn, self->stream.loop))
		return false;
	pl_stream_pause(self->below);
	return true;
}

static void below_data(void *owner, uint8_t *data, size_t len)
{
	tls *self = owner;

	if (self->ended || self->state == CLOSING || (self->state == OPEN && self->stream.closing))
		return;
	if (is_plain(self, data[0]))
		refuse_plain(self);
	else if (self->kept.len == 0 && !has_to_wait(self))
		run(self, (pl_tls_input){ data, len });
	else if (pl_buffer_append(&self->kept, data, len))
		fail(self, PL_ENOMEM);
}

static void below_end(void *owner)
{
	tls *self = owner;

	if (self->ended || self->state == CLOSING || self->finishing)
		return;
	pl_log(PL_LOG_DEBUG, "TLS connection cut off: the peer has not said goodbye");
	if (self->client && self->state == HANDSHAKE)
		self->failure = "the server has closed the connection in the handshake";
	tls_abort(&self->stream, PL_ECONNRESET);
}

static void tls_pause(pl_stream *stream)
{
	tls *self = tls_of(stream);

	if (self->state == OPEN)
		pl_stream_pause(self->below);
}

static void tls_resume(pl_stream *stream)
{
	tls *self = tls_of(stream);

	if (self->state != OPEN || self->running)
		return;
	/* What was read already comes first, and never from within this call. */
	if (self->kept.len > 0 || SSL_has_pending(self->ssl) ||
	    (SSL_get_shutdown(self->ssl) & SSL_RECEIVED_SHUTDOWN))
		pl_loop_defer(stream->loop, &self->again);
	else
		pl_stream_resume(self->below);
}

/* Making. */

static void tls_address(pl_stream *stream, bool local, pl_address *address)
{
	pl_stream *below = tls_of(stream)->below;

	below->ops->address(below, local, address);
}

static const pl_stream_ops tls_ops = {
	.flush = tls_flush,
	.pause = tls_pause,
	.resume = tls_resume,
	.finish = tls_finish,
	.shut = tls_shut,
	.abort = tls_abort,
	.address = tls_address,
};

static const pl_stream_events below_events = {
	.data = below_data,
	.end = below_end,
	.drain = below_drain,
	.closed = below_closed,
};

static void on_deadline(pl_timer *timer)
{
	tls *self = PL_CONTAINER(timer, tls, timer);

	pl_log(PL_LOG_DEBUG, "TLS handshake took too long");
	self->failure = "it took too long";
	tls_abort(&self->stream, PL_ETIMEDOUT);
}

/* The loop's way to the stream below. False: no memory. */
static bool wire(tls *self, pl_tls_context *context)
{
	pl_tls_wire **shared = &self->stream.loop->tls_wire;

	if (!*shared)
		*shared = pl_tls_wire_new();
	self->ssl = *shared ? SSL_new(context->sites[0].ssl) : NULL;
	if (!self->ssl) {
		ERR_clear_error();
		return false;
	}
	BIO_up_ref((*shared)->bio);
	SSL_set_bio(self->ssl, (*shared)->bio, (*shared)->bio);
	return true;
}

static tls *make(pl_stream *below, pl_tls_context *context)
{
	tls *self = pl_calloc(1, sizeof(*self));

	if (!self)
		return NULL;
	pl_stream_init(&self->stream, &tls_ops, below->loop);
	self->below = below;
	if (!wire(self, context)) {
		pl_free(self);
		return NULL;
	}
	return self;
}

static void begin(tls *self, pl_tls_context *context, uint32_t timeout, uint32_t steps)
{
	pl_loop *loop = self->stream.loop;

	self->context = pl_tls_context_ref(context);
	pl_deferred_init(&self->again, on_again);
	pl_timer_init(&self->timer, on_deadline);
	pl_tls_turn_init(&self->turn, steps, on_turn);
	pl_loop_start(loop, &self->timer, timeout);
	pl_stream_own(self->below, &below_events, self);
	pl_stream_resume(self->below);
}

int pl_tls_accept(pl_stream **stream, pl_stream *below, pl_tls_context *context,
		  const pl_tls_acceptance *acceptance)
{
	tls *self = make(below, context);
	int status;

	if (!self)
		return PL_ENOMEM;
	SSL_set_accept_state(self->ssl);
	self->server = pl_tls_server_new(self->ssl, acceptance, &status);
	if (status) {
		SSL_free(self->ssl);
		pl_free(self);
		return status;
	}
	begin(self, context, acceptance->timeout, acceptance->steps);
	*stream = &self->stream;
	return PL_OK;
}

int pl_tls_connect(pl_stream **stream, pl_stream *below, pl_tls_context *context,
		   const pl_tls_connection *connection)
{
	tls *self = make(below, context);
	int status;

	if (!self)
		return PL_ENOMEM;
	status = pl_tls_client_new(&self->client, context, self->ssl, connection);
	if (status) {
		SSL_free(self->ssl);
		pl_free(self);
		return status;
	}
	/* Who dials decides how many handshakes there are. */
	begin(self, context, connection->timeout, UINT32_MAX);
	run(self, (pl_tls_input){ NULL, 0 }); /* the client speaks first */
	*stream = &self->stream;
	return PL_OK;
}

/* The handshake goes on; never within the owner's call. */
static void go_on(tls *self)
{
	if (!self->running)
		pl_loop_defer(self->stream.loop, &self->again);
}

void pl_tls_answer(pl_stream *stream, bool accept)
{
	tls *self = tls_of(stream);
	uint8_t *answer = self->client ? &self->client->answer : &self->server->verified;

	if (*answer != PL_TLS_ASKED || self->state != HANDSHAKE)
		return;
	*answer = accept ? PL_TLS_ACCEPTED : PL_TLS_REFUSED;
	go_on(self);
}

void pl_tls_select(pl_stream *stream, enum pl_tls_selection selection, pl_slice protocol)
{
	tls *self = tls_of(stream);

	if (self->server->selecting != PL_TLS_ASKED || self->state != HANDSHAKE)
		return;
	pl_tls_server_select(self->server, selection, protocol);
	go_on(self);
}

/* What was agreed. */

bool pl_tls_is(const pl_stream *stream)
{
	return stream->ops == &tls_ops;
}

pl_slice pl_tls_alpn(const pl_stream *stream)
{
	const tls *self = PL_CONTAINER(stream, tls, stream);
	const unsigned char *name = NULL;
	unsigned len = 0;

	if (stream->ops != &tls_ops)
		return pl_slice_make(NULL, 0);
	SSL_get0_alpn_selected(self->ssl, &name, &len);
	if (self->server && self->server->selection == PL_TLS_SELECT_THIS)
		return self->server->protocol;
	return pl_tls_context_alpn(self->context, name, len);
}

const char *pl_tls_failure(const pl_stream *stream)
{
	return stream->ops == &tls_ops ? PL_CONTAINER(stream, tls, stream)->failure : NULL;
}

bool pl_tls_resumed(const pl_stream *stream)
{
	return stream->ops == &tls_ops &&
	       SSL_session_reused(PL_CONTAINER(stream, tls, stream)->ssl);
}

pl_tls_certificate *pl_tls_peer_certificate(const pl_stream *stream)
{
	X509 *x509 = NULL;

	if (stream->ops == &tls_ops)
		x509 = SSL_get0_peer_certificate(PL_CONTAINER(stream, tls, stream)->ssl);
	return x509 ? pl_tls_certificate_of(x509) : NULL;
}
