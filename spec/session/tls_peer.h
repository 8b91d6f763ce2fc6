/*
 * tls_peer.h - a TLS stream over memory, and OpenSSL's client at the other end.
 *
 * The test plays the owner: what it is told is in a journal, one word an event, and `received`.
 */
#ifndef SPEC_SESSION_TLS_PEER_H
#define SPEC_SESSION_TLS_PEER_H

#include "unit/net/tls_files.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/alloc.h"
#include "net/memory.h"
#include "net/tls.h"
#include "net/tls_certificate.h"

enum { PEER_TIMEOUT = 10000 };

static uint32_t peer_steps = 16; /* of handshakes in a turn */

struct peer {
	pl_loop *loop;
	pl_memory memory;
	pl_stream *tls; /* NULL after `closed` */
	pl_buffer journal;
	pl_buffer received;
	bool pause; /* with each piece of data */
	int status; /* of `closed` */
	SSL *client;
	BIO *to_client;
	BIO *from_client;
	pl_buffer client_received;
	int client_error; /* SSL_get_error of the last step that failed */
	char client_reason[128];
	size_t step; /* bytes fed at once; 0: all */
};

static const pl_slice peer_alpn[] = { PL_SLICE("http/1.1") };

/* Settings for server.pem. The files stay the same for all tests. */
static inline pl_tls_settings peer_settings(void)
{
	static char cert[TLS_FILE_PATH], root[TLS_FILE_PATH];
	pl_tls_settings settings = {
		.verify_depth = -1, .alpn = peer_alpn, .alpn_count = 1, .ticket_lifetime = 3600
	};

	tls_path(cert, "server-both.pem");
	tls_path(root, "ca.pem");
	settings.identity.cert_file = cert;
	settings.root_cert_file = root;
	return settings;
}

static inline pl_tls_context *peer_context(const pl_tls_settings *settings)
{
	char error[PL_TLS_ERROR_MAX] = "";
	pl_tls_context *context = NULL;

	if (pl_tls_context_new(&context, settings, error))
		fail_msg("%s", error);
	return context;
}

static inline SSL_CTX *peer_client_context(void)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	char path[TLS_FILE_PATH];

	tls_path(path, "ca.pem");
	assert_int_equal(SSL_CTX_load_verify_file(context, path), 1);
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
	return context;
}

enum { PEER_SUBJECT = 64 };

/* Of the peer's certificate; "" when there is none. */
static inline const char *peer_subject(const pl_stream *stream, char text[PEER_SUBJECT])
{
	pl_tls_certificate *certificate = pl_tls_peer_certificate(stream);
	pl_slice subject = certificate ? certificate->subject : pl_slice_make("", 0);

	snprintf(text, PEER_SUBJECT, "%.*s", (int)subject.len, subject.at);
	pl_tls_certificate_free(certificate);
	return text;
}

/* The owner. */

static inline void peer_note(struct peer *peer, const char *word)
{
	pl_buffer_printf(&peer->journal, "%s ", word);
}

static inline void peer_on_data(void *owner, uint8_t *data, size_t len)
{
	struct peer *peer = owner;

	pl_buffer_append(&peer->received, data, len);
	memset(data, 'x', len); /* it may be changed in place */
	if (peer->pause)
		pl_stream_pause(peer->tls);
}

static inline void peer_on_end(void *owner)
{
	peer_note(owner, "end");
}

static inline void peer_on_drain(void *owner)
{
	peer_note(owner, "drain");
}

static inline void peer_on_closed(void *owner, int status)
{
	struct peer *peer = owner;

	peer->tls = NULL;
	peer->status = status;
	pl_buffer_printf(&peer->journal, "closed:%s ", pl_status_name(status));
}

static const pl_stream_events peer_events = {
	.data = peer_on_data, .end = peer_on_end, .drain = peer_on_drain, .closed = peer_on_closed
};

/* A connection on a loop that is there. */
static inline int peer_join(struct peer *peer, pl_loop *loop, pl_tls_context *server,
			    SSL_CTX *client)
{
	int status;

	memset(peer, 0, sizeof(*peer));
	peer->loop = loop;
	pl_memory_init(&peer->memory, peer->loop);
	peer->client = SSL_new(client);
	peer->to_client = BIO_new(BIO_s_mem());
	peer->from_client = BIO_new(BIO_s_mem());
	SSL_set_bio(peer->client, peer->to_client, peer->from_client);
	SSL_set_connect_state(peer->client);
	SSL_set_tlsext_host_name(peer->client, "localhost");
	status =
		pl_tls_accept(&peer->tls, &peer->memory.stream, server,
			      &(pl_tls_acceptance){ .timeout = PEER_TIMEOUT, .steps = peer_steps });
	if (status)
		return status;
	pl_stream_own(peer->tls, &peer_events, peer);
	pl_stream_resume(peer->tls);
	return status;
}

static inline int peer_open(struct peer *peer, pl_tls_context *server, SSL_CTX *client)
{
	pl_loop *loop;

	assert_int_equal(pl_loop_new(&loop), PL_OK);
	pl_loop_still(loop);
	return peer_join(peer, loop, server, client);
}

static inline void peer_turn(struct peer *peer)
{
	pl_loop_turn(peer->loop);
	pl_loop_turn(peer->loop);
}

static inline void peer_leave(struct peer *peer)
{
	if (peer->tls)
		pl_stream_abort(peer->tls, PL_ECANCELED);
	peer_turn(peer);
	assert_null(peer->tls);
	SSL_free(peer->client);
	pl_memory_deinit(&peer->memory);
	pl_buffer_deinit(&peer->journal);
	pl_buffer_deinit(&peer->received);
	pl_buffer_deinit(&peer->client_received);
}

static inline void peer_close(struct peer *peer)
{
	peer_leave(peer);
	pl_loop_free(peer->loop);
}

static inline void peer_expect(struct peer *peer, const char *journal)
{
	const char *seen = peer->journal.len ? (const char *)peer->journal.data : "";

	assert_string_equal(seen, journal);
}

/* What the server has sent, to the client; what the client says, to the server. False: nothing
 * moved. */
static inline bool peer_to_client(struct peer *peer)
{
	if (peer->memory.sent.len == 0)
		return false;
	BIO_write(peer->to_client, peer->memory.sent.data, (int)peer->memory.sent.len);
	pl_buffer_consume(&peer->memory.sent, peer->memory.sent.len);
	return true;
}

static inline bool peer_to_server(struct peer *peer)
{
	char *bytes;
	size_t len = (size_t)BIO_get_mem_data(peer->from_client, &bytes);
	uint8_t piece[65536];

	if (len == 0 || peer->memory.stream.paused || peer->memory.stream.closing)
		return false;
	if (peer->step > 0 && len > peer->step)
		len = peer->step;
	len = len < sizeof(piece) ? len : sizeof(piece);
	BIO_read(peer->from_client, piece, (int)len);
	return pl_memory_feed(&peer->memory, piece, len);
}

static inline void peer_client_failed(struct peer *peer, int result)
{
	const char *reason;

	peer->client_error = SSL_get_error(peer->client, result);
	if (peer->client_error == SSL_ERROR_WANT_READ)
		return;
	reason = ERR_reason_error_string(ERR_peek_error());
	if (reason)
		snprintf(peer->client_reason, sizeof(peer->client_reason), "%s", reason);
	ERR_clear_error();
}

static inline void peer_client_step(struct peer *peer)
{
	char bytes[20000];
	int n;

	ERR_clear_error();
	if (!SSL_is_init_finished(peer->client)) {
		n = SSL_do_handshake(peer->client);
		if (n != 1) {
			peer_client_failed(peer, n);
			return;
		}
	}
	while ((n = SSL_read(peer->client, bytes, sizeof(bytes))) > 0)
		pl_buffer_append(&peer->client_received, bytes, (size_t)n);
	peer_client_failed(peer, n);
}

/* Goes on until nobody has anything to say. */
static inline void peer_talk(struct peer *peer)
{
	bool moved = true;

	while (moved) {
		peer_client_step(peer);
		moved = peer_to_server(peer);
		peer_turn(peer);
		moved = peer_to_client(peer) || moved;
	}
}

static inline void peer_client_write(struct peer *peer, const void *data, size_t len)
{
	assert_int_equal(SSL_write(peer->client, data, (int)len), (int)len);
}

/* The whole conversation that most tests make: a handshake, one message each way. */
static inline bool peer_greet(struct peer *peer)
{
	peer_talk(peer);
	if (!SSL_is_init_finished(peer->client) || !peer->tls || peer->tls->closing)
		return false;
	peer_client_write(peer, "hello", 5);
	peer_talk(peer);
	if (!peer->tls || pl_stream_write(peer->tls, "world", 5) != PL_OK)
		return false;
	peer_talk(peer);
	return peer->received.len == 5 && memcmp(peer->received.data, "hello", 5) == 0 &&
	       peer->client_received.len == 5 &&
	       memcmp(peer->client_received.data, "world", 5) == 0;
}

static const int peer_versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

static inline SSL_CTX *peer_client_of(int version)
{
	SSL_CTX *client = peer_client_context();

	SSL_CTX_set_min_proto_version(client, version);
	SSL_CTX_set_max_proto_version(client, version);
	return client;
}

/* A client's certificate with its key. */
static inline void peer_client_use(SSL_CTX *client, const char *name)
{
	char path[TLS_FILE_PATH];

	tls_path(path, name);
	assert_int_equal(SSL_CTX_use_certificate_file(client, path, SSL_FILETYPE_PEM), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey_file(client, path, SSL_FILETYPE_PEM), 1);
}

/* One conversation of a client with a server of these settings. */
static inline bool peer_greets(const pl_tls_settings *settings, SSL_CTX *client,
			       struct peer *result)
{
	pl_tls_context *server = peer_context(settings);
	struct peer peer;
	bool greeted;

	assert_int_equal(peer_open(&peer, server, client), PL_OK);
	greeted = peer_greet(&peer);
	if (!greeted && peer.memory.stream.closing)
		peer_turn(&peer);
	if (result)
		*result = peer;
	peer_close(&peer);
	pl_tls_context_unref(server);
	return greeted;
}

#endif
