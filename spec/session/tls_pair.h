/*
 * tls_pair.h - both sides of TLS, each over memory, and what goes between them.
 */
#ifndef SPEC_SESSION_TLS_PAIR_H
#define SPEC_SESSION_TLS_PAIR_H

#include "session/tls_peer.h"

#include "net/tls_client.h"

struct pair_side {
	pl_memory memory;
	pl_stream *tls; /* NULL after `closed` */
	pl_buffer received;
	pl_buffer journal;
	char failure[512]; /* of `closed` */
	char alpn[32];
	char subject[PEER_SUBJECT];
	bool resumed;
};

struct pair {
	pl_loop *loop;
	struct pair_side client, server;
	size_t step;  /* bytes that go over at once; 0: all */
	size_t moved; /* bytes from the server to the client */
	size_t limit; /* of these; the server's end is cut there; 0: none */
};

static inline void pair_on_data(void *owner, uint8_t *data, size_t len)
{
	pl_buffer_append(&((struct pair_side *)owner)->received, data, len);
}

static inline void pair_on_end(void *owner)
{
	pl_buffer_printf(&((struct pair_side *)owner)->journal, "end ");
}

static inline void pair_on_drain(void *owner)
{
	(void)owner;
}

static inline void pair_on_closed(void *owner, int status)
{
	struct pair_side *side = owner;
	const char *failure = pl_tls_failure(side->tls);

	snprintf(side->failure, sizeof(side->failure), "%s", failure ? failure : "");
	side->tls = NULL;
	pl_buffer_printf(&side->journal, "closed:%s ", pl_status_name(status));
}

static const pl_stream_events pair_events = {
	.data = pair_on_data, .end = pair_on_end, .drain = pair_on_drain, .closed = pair_on_closed
};

static inline void pair_on_ready(void *owner)
{
	struct pair_side *side = owner;
	pl_slice alpn = pl_tls_alpn(side->tls);

	snprintf(side->alpn, sizeof(side->alpn), "%.*s", (int)alpn.len, alpn.at ? alpn.at : "");
	side->resumed = pl_tls_resumed(side->tls);
	pl_buffer_printf(&side->journal, "ready ");
}

static inline void pair_own(struct pair_side *side)
{
	pl_stream_own(side->tls, &pair_events, side);
	pl_stream_resume(side->tls);
}

/* Settings of a client that knows ca.pem. */
static inline pl_tls_client_settings pair_settings(void)
{
	static char root[TLS_FILE_PATH];
	pl_tls_client_settings settings = { .root_cert_file = root,
					    .verify_depth = -1,
					    .alpn = peer_alpn,
					    .alpn_count = 1,
					    .sessions = PL_TLS_SESSIONS };

	tls_path(root, "ca.pem");
	return settings;
}

static inline pl_tls_context *pair_context(const pl_tls_client_settings *settings)
{
	char error[PL_TLS_ERROR_MAX] = "";
	pl_tls_context *context = NULL;

	if (pl_tls_client_context(&context, settings, error))
		fail_msg("%s", error);
	return context;
}

/* How the next server accepts. */
static pl_tls_acceptance pair_acceptance = { .timeout = PEER_TIMEOUT, .steps = 16 };

/* What the owner of the next client is asked; NULL: nothing. */
static void (*pair_verify)(void *owner, const pl_tls_question *question);

static inline int pair_connect(struct pair *pair, pl_tls_context *client, const char *host)
{
	const pl_tls_connection connection = { .host = pl_slice_make(host, strlen(host)),
					       .port = 443,
					       .timeout = PEER_TIMEOUT,
					       .ready = pair_on_ready,
					       .verify = pair_verify,
					       .owner = &pair->client };
	int status =
		pl_tls_connect(&pair->client.tls, &pair->client.memory.stream, client, &connection);

	if (status == PL_OK)
		pair_own(&pair->client);
	return status;
}

/* server: NULL when the test plays it. */
static inline int pair_open(struct pair *pair, pl_tls_context *client, pl_tls_context *server,
			    const char *host)
{
	int status = PL_OK;

	memset(pair, 0, sizeof(*pair));
	assert_int_equal(pl_loop_new(&pair->loop), PL_OK);
	pl_loop_still(pair->loop);
	pl_memory_init(&pair->client.memory, pair->loop);
	pl_memory_init(&pair->server.memory, pair->loop);
	if (server) {
		status = pl_tls_accept(&pair->server.tls, &pair->server.memory.stream, server,
				       &pair_acceptance);
		assert_int_equal(status, PL_OK);
		pair_own(&pair->server);
	}
	return pair_connect(pair, client, host);
}

static inline void pair_turn(struct pair *pair)
{
	pl_loop_turn(pair->loop);
	pl_loop_turn(pair->loop);
}

static inline bool pair_move(struct pair *pair, struct pair_side *from, struct pair_side *to)
{
	size_t len = from->memory.sent.len;

	if (pair->step > 0 && len > pair->step)
		len = pair->step;
	if (from == &pair->server && pair->limit > 0 && len > pair->limit - pair->moved)
		len = pair->limit - pair->moved;
	if (len == 0 || !to->tls || !pl_memory_feed(&to->memory, from->memory.sent.data, len))
		return false;
	pl_buffer_consume(&from->memory.sent, len);
	if (from == &pair->server)
		pair->moved += len;
	return true;
}

/* Goes on until nobody has anything to say. */
static inline void pair_talk(struct pair *pair)
{
	bool moved = true;

	while (moved) {
		pair_turn(pair);
		moved = pair_move(pair, &pair->client, &pair->server);
		moved = pair_move(pair, &pair->server, &pair->client) || moved;
	}
	if (pair->server.tls)
		peer_subject(pair->server.tls, pair->server.subject);
}

static inline bool pair_says(struct pair *pair, struct pair_side *from, struct pair_side *to)
{
	if (!from->tls || pl_stream_write(from->tls, "hello", 5) != PL_OK)
		return false;
	pair_talk(pair);
	return to->received.len == 5 && memcmp(to->received.data, "hello", 5) == 0;
}

/* A handshake, and a message each way. */
static inline bool pair_greet(struct pair *pair)
{
	pair_talk(pair);
	return pair_says(pair, &pair->client, &pair->server) &&
	       pair_says(pair, &pair->server, &pair->client);
}

static inline void pair_side_close(struct pair_side *side)
{
	pl_memory_deinit(&side->memory);
	pl_buffer_deinit(&side->received);
	pl_buffer_deinit(&side->journal);
}

/* What the client was told, in order. */
static inline void pair_expect(const struct pair *pair, const char *journal)
{
	const pl_buffer *seen = &pair->client.journal;

	assert_string_equal(seen->len ? (const char *)seen->data : "", journal);
}

static inline void pair_close(struct pair *pair)
{
	if (pair->client.tls)
		pl_stream_abort(pair->client.tls, PL_ECANCELED);
	if (pair->server.tls)
		pl_stream_abort(pair->server.tls, PL_ECANCELED);
	pair_turn(pair);
	assert_null(pair->client.tls);
	assert_null(pair->server.tls);
	pair_side_close(&pair->client);
	pair_side_close(&pair->server);
	pl_loop_free(pair->loop);
}

/* One conversation of these two; what the client's failure was. */
static inline bool pair_greets(pl_tls_context *client, pl_tls_context *server, const char *host,
			       struct pair *result)
{
	struct pair pair;
	bool greeted;

	assert_int_equal(pair_open(&pair, client, server, host), PL_OK);
	greeted = pair_greet(&pair);
	pair_turn(&pair);
	if (!greeted && pair.client.memory.finished)
		pl_memory_end(&pair.client.memory);
	pair_turn(&pair);
	if (result)
		*result = pair;
	pair_close(&pair);
	return greeted;
}

#endif
