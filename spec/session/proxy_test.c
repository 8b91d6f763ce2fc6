/* A tunnel through proxies that the test plays, good ones and bad ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/status.h"
#include "net/memory.h"
#include "proxy/proxy.h"

enum { TIMEOUT = 10000 };

#define TEXT(literal)                                                                              \
	{                                                                                          \
		"" literal, sizeof(literal) - 1                                                    \
	}

struct peer {
	pl_loop *loop;
	pl_memory memory;
	pl_proxy *proxy;
	bool told;
	bool cancels; /* within `done` */
	int status;
	char why[256];
	char rest[64];
	size_t rest_len;
	bool open; /* the stream is the test's */
	bool closed;
};

static void on_data(void *owner, uint8_t *data, size_t len)
{
	struct peer *peer = owner;

	assert_true(peer->rest_len + len <= sizeof(peer->rest));
	memcpy(peer->rest + peer->rest_len, data, len);
	peer->rest_len += len;
}

static void on_nothing(void *owner)
{
	(void)owner;
}

static void on_closed(void *owner, int status)
{
	(void)status;
	((struct peer *)owner)->closed = true;
}

static const pl_stream_events events = {
	.data = on_data, .end = on_nothing, .drain = on_nothing, .closed = on_closed
};

static void on_done(void *owner, int status, const char *why, pl_stream *stream, uint8_t *rest,
		    size_t len)
{
	struct peer *peer = owner;

	assert_false(peer->told);
	peer->told = true;
	peer->status = status;
	snprintf(peer->why, sizeof(peer->why), "%s", why ? why : "");
	assert_int_equal(stream != NULL, status == PL_OK);
	assert_int_equal(!why, status == PL_OK);
	if (stream) {
		pl_stream_own(stream, &events, peer);
		peer->open = true;
		if (len > 0)
			on_data(peer, rest, len);
	} else if (peer->cancels) {
		pl_proxy_cancel(peer->proxy);
	}
}

static pl_slice slice(const char *text)
{
	return pl_slice_make(text, strlen(text));
}

static pl_proxy_settings settings_of(enum pl_proxy_kind kind, const char *host, const char *user,
				     const char *password)
{
	return (pl_proxy_settings){ .kind = kind,
				    .host = slice(host),
				    .port = 443,
				    .user = slice(user),
				    .password = slice(password),
				    .timeout = TIMEOUT,
				    .max_answer = 1000,
				    .done = on_done };
}

static int begin(struct peer *peer, const pl_proxy_settings *given)
{
	pl_proxy_settings settings = *given;

	memset(peer, 0, sizeof(*peer));
	settings.owner = peer;
	assert_int_equal(pl_loop_new(&peer->loop), PL_OK);
	pl_loop_still(peer->loop);
	pl_memory_init(&peer->memory, peer->loop);
	return pl_proxy_start(&peer->proxy, &peer->memory.stream, &settings);
}

static void turn(struct peer *peer)
{
	pl_loop_turn(peer->loop);
	pl_loop_turn(peer->loop);
}

static void finish(struct peer *peer)
{
	if (!peer->memory.stream.closing && peer->open)
		pl_stream_abort(&peer->memory.stream, PL_ECANCELED);
	else if (!peer->memory.stream.closing && peer->memory.stream.events)
		pl_proxy_cancel(peer->proxy);
	turn(peer);
	pl_memory_deinit(&peer->memory);
	pl_loop_free(peer->loop);
}

/* One conversation: what we say, what the proxy says to that, and so on. */
typedef struct round {
	pl_slice says, answer;
} round;

#define NONE TEXT("")
#define CONNECT(authority) "CONNECT " authority " HTTP/1.1\r\nHost: " authority "\r\n"

static const struct row {
	enum pl_proxy_kind kind;
	const char *host, *user, *password;
	round rounds[3];
	int status;
	const char *why;
	const char *rest;
} rows[] = {
	/* CONNECT */
	{ PL_PROXY_HTTP,
	  "a.example",
	  "",
	  "",
	  { { TEXT(CONNECT("a.example:443") "\r\n"), TEXT("HTTP/1.1 200 OK\r\n\r\n") } },
	  PL_OK,
	  "",
	  "" },
	{ PL_PROXY_HTTP,
	  "::1",
	  "",
	  "",
	  { { TEXT(CONNECT("[::1]:443") "\r\n"),
	      TEXT("HTTP/1.0 299 \r\nContent-Length: 5\r\nA: b\r\n\r\nhello") } },
	  PL_OK,
	  "",
	  "hello" },
	{ PL_PROXY_HTTP,
	  "[::1]",
	  "",
	  "",
	  { { TEXT(CONNECT("[::1]:443") "\r\n"),
	      TEXT("HTTP/1.1 102 \r\n\r\nHTTP/1.1 100 \r\n\r\nHTTP/1.1 200 \r\n\r\nx") } },
	  PL_OK,
	  "",
	  "x" },
	{ PL_PROXY_HTTP,
	  "1.2.3.4",
	  "me",
	  "sesame",
	  { { TEXT(CONNECT("1.2.3.4:443") "Proxy-Authorization: Basic bWU6c2VzYW1l\r\n\r\n"),
	      TEXT("HTTP/1.1 200 OK\r\n\r\n") } },
	  PL_OK,
	  "",
	  "" },
	{ PL_PROXY_HTTP,
	  "a",
	  "me",
	  "",
	  { { TEXT(CONNECT("a:443") "Proxy-Authorization: Basic bWU6\r\n\r\n"),
	      TEXT("HTTP/1.1 407 Who\r\n\r\n") } },
	  PL_EACCES,
	  "the proxy refuses user and password (407)",
	  "" },
	{ PL_PROXY_HTTP,
	  "a",
	  "",
	  "",
	  { { TEXT(CONNECT("a:443") "\r\n"), TEXT("HTTP/1.1 407 Who\r\n\r\n<html>") } },
	  PL_EACCES,
	  "the proxy wants a user and a password (407)",
	  "" },
	{ PL_PROXY_HTTP,
	  "a",
	  "",
	  "",
	  { { TEXT(CONNECT("a:443") "\r\n"), TEXT("HTTP/1.1 502 Bad\xC3\xA9 Gateway\r\n\r\n") } },
	  PL_ECONNREFUSED,
	  "the proxy refuses the tunnel: 502 Bad?? Gateway",
	  "" },
	{ PL_PROXY_HTTP,
	  "a",
	  "",
	  "",
	  { { TEXT(CONNECT("a:443") "\r\n"), TEXT("HTTP/1.1 403 No\r\n\r\n") } },
	  PL_EACCES,
	  "the proxy refuses the tunnel: 403 No",
	  "" },
	{ PL_PROXY_HTTP,
	  "a",
	  "",
	  "",
	  { { TEXT(CONNECT("a:443") "\r\n"), TEXT("HTTP/1.1 504 Late\r\n\r\n") } },
	  PL_ETIMEDOUT,
	  "the proxy refuses the tunnel: 504 Late",
	  "" },
	{ PL_PROXY_HTTP,
	  "a",
	  "",
	  "",
	  { { TEXT(CONNECT("a:443") "\r\n"), TEXT("HTTP/1.1 302 Go\r\nLocation: b\r\n\r\n") } },
	  PL_ECONNREFUSED,
	  "the proxy refuses the tunnel: 302 Go",
	  "" },
	{ PL_PROXY_HTTP,
	  "a",
	  "",
	  "",
	  { { TEXT(CONNECT("a:443") "\r\n"), TEXT("HTTP/1.1 101 Go\r\n\r\n") } },
	  PL_EPROTO,
	  "the proxy changes the protocol unasked",
	  "" },
	{ PL_PROXY_HTTP,
	  "a",
	  "",
	  "",
	  { { TEXT(CONNECT("a:443") "\r\n"), TEXT("SSH-2.0-x\r\n\r\n") } },
	  PL_EPROTO,
	  "the proxy's answer: malformed HTTP version",
	  "" },
	{ PL_PROXY_HTTP,
	  "a",
	  "",
	  "",
	  { { TEXT(CONNECT("a:443") "\r\n"), TEXT("HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n") } },
	  PL_EPROTO,
	  "the proxy's answer: malformed field name",
	  "" },
	/* SOCKS4, 4a */
	{ PL_PROXY_SOCKS4,
	  "1.2.3.4",
	  "me",
	  "",
	  { { TEXT("\4\1\1\xBB\1\2\3\4me\0"), TEXT("\0\x5A\0\0\0\0\0\0hi") } },
	  PL_OK,
	  "",
	  "hi" },
	{ PL_PROXY_SOCKS4A,
	  "a.b",
	  "",
	  "",
	  { { TEXT("\4\1\1\xBB\0\0\0\1\0a.b\0"), TEXT("\0\x5A\0\0\0\0\0\0") } },
	  PL_OK,
	  "",
	  "" },
	{ PL_PROXY_SOCKS4A,
	  "1.2.3.4",
	  "",
	  "",
	  { { TEXT("\4\1\1\xBB\1\2\3\4\0"), TEXT("\0\x5B\0\0\0\0\0\0") } },
	  PL_ECONNREFUSED,
	  "the proxy refuses the tunnel: refused, or the host does not answer",
	  "" },
	{ PL_PROXY_SOCKS4,
	  "1.2.3.4",
	  "",
	  "",
	  { { TEXT("\4\1\1\xBB\1\2\3\4\0"), TEXT("\0\x5D\0\0\0\0\0\0") } },
	  PL_EACCES,
	  "the proxy refuses the tunnel: our identd names another user",
	  "" },
	{ PL_PROXY_SOCKS4,
	  "1.2.3.4",
	  "",
	  "",
	  { { TEXT("\4\1\1\xBB\1\2\3\4\0"), TEXT("HTTP/1.1 400 \r\n\r\n") } },
	  PL_EPROTO,
	  "the proxy's answer: it does not begin as a reply of SOCKS4",
	  "" },
	/* SOCKS5 */
	{ PL_PROXY_SOCKS5,
	  "a.b",
	  "",
	  "",
	  { { TEXT("\5\1\0"), TEXT("\5\0") },
	    { TEXT("\5\1\0\3\3a.b\1\xBB"), TEXT("\5\0\0\1\0\0\0\0\0\0hi") } },
	  PL_OK,
	  "",
	  "hi" },
	{ PL_PROXY_SOCKS5,
	  "[::1]",
	  "me",
	  "sesame",
	  { { TEXT("\5\2\0\2"), TEXT("\5\2") },
	    { TEXT("\1\2me\6sesame"), TEXT("\1\0") },
	    { TEXT("\5\1\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\1\xBB"), TEXT("\5\0\0\3\3abc\0\0") } },
	  PL_OK,
	  "",
	  "" },
	{ PL_PROXY_SOCKS5,
	  "1.2.3.4",
	  "me",
	  "sesame",
	  { { TEXT("\5\2\0\2"), TEXT("\5\0") },
	    { TEXT("\5\1\0\1\1\2\3\4\1\xBB"), TEXT("\5\0\0\4"
						   "0123456789abcdef\0\0") } },
	  PL_OK,
	  "",
	  "" },
	{ PL_PROXY_SOCKS5,
	  "a",
	  "me",
	  "sesame",
	  { { TEXT("\5\2\0\2"), TEXT("\5\2") }, { TEXT("\1\2me\6sesame"), TEXT("\1\1") } },
	  PL_EACCES,
	  "the proxy refuses user and password",
	  "" },
	{ PL_PROXY_SOCKS5,
	  "a",
	  "me",
	  "sesame",
	  { { TEXT("\5\2\0\2"), TEXT("\5\xFF") } },
	  PL_EACCES,
	  "the proxy takes no password",
	  "" },
	{ PL_PROXY_SOCKS5,
	  "a",
	  "",
	  "",
	  { { TEXT("\5\1\0"), TEXT("\5\xFF") } },
	  PL_EACCES,
	  "the proxy wants to know who we are",
	  "" },
	{ PL_PROXY_SOCKS5,
	  "a",
	  "",
	  "",
	  { { TEXT("\5\1\0"), TEXT("\5\2") } },
	  PL_EPROTO,
	  "the proxy chooses a way to authenticate that was not offered",
	  "" },
	{ PL_PROXY_SOCKS5,
	  "a",
	  "",
	  "",
	  { { TEXT("\5\1\0"), TEXT("\5\1") } },
	  PL_EPROTO,
	  "the proxy chooses a way to authenticate that was not offered",
	  "" },
	{ PL_PROXY_SOCKS5,
	  "a",
	  "",
	  "",
	  { { TEXT("\5\1\0"), TEXT("\4\0") } },
	  PL_EPROTO,
	  "the proxy's answer: a version that is not the one of SOCKS5",
	  "" },
	{ PL_PROXY_SOCKS5,
	  "a",
	  "",
	  "",
	  { { TEXT("\5\1\0"), TEXT("\5\0") }, { TEXT("\5\1\0\3\1a\1\xBB"), TEXT("\5\5") } },
	  PL_ECONNREFUSED,
	  "the proxy refuses the tunnel: the host refuses the connection",
	  "" },
	{ PL_PROXY_SOCKS5,
	  "a",
	  "",
	  "",
	  { { TEXT("\5\1\0"), TEXT("\5\0") }, { TEXT("\5\1\0\3\1a\1\xBB"), TEXT("\5\0\0\2") } },
	  PL_EPROTO,
	  "the proxy's answer: an address of a kind that SOCKS5 does not have",
	  "" },
};

static void play(struct peer *peer, const round *one, size_t step)
{
	pl_slice answer = one->answer;

	turn(peer);
	assert_int_equal(peer->memory.sent.len, one->says.len);
	if (one->says.len > 0)
		assert_memory_equal(peer->memory.sent.data, one->says.at, one->says.len);
	peer->memory.sent.len = 0;
	for (size_t at = 0; at < answer.len; at += step)
		pl_memory_feed(&peer->memory, answer.at + at,
			       answer.len - at < step ? answer.len - at : step);
}

static void run_row(const struct row *row, size_t step)
{
	pl_proxy_settings settings = settings_of(row->kind, row->host, row->user, row->password);
	int64_t live = pl_alloc_live();
	struct peer peer;

	assert_int_equal(begin(&peer, &settings), PL_OK);
	for (size_t i = 0; i < 3 && row->rounds[i].says.len > 0; i++)
		play(&peer, &row->rounds[i], step);
	if (peer.status != row->status || !peer.told || strcmp(peer.why, row->why) != 0)
		fail_msg("row %d, step %zu: %s", (int)(row - rows), step, peer.why);
	turn(&peer);
	assert_int_equal(peer.memory.closed, row->status != PL_OK);
	assert_int_equal(peer.rest_len, strlen(row->rest));
	assert_memory_equal(peer.rest, row->rest, peer.rest_len);
	finish(&peer);
	assert_int_equal(pl_alloc_live(), live);
}

static void conversations_in_pieces(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (size_t step = 1; step < 80; step++)
			run_row(&rows[i], step);
}

/* The proxy goes after each byte of each good answer. */
static void closes_anywhere(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];
		pl_proxy_settings settings =
			settings_of(row->kind, row->host, row->user, row->password);
		size_t answer = 0, cut;

		if (row->status != PL_OK || row->rest[0])
			continue;
		while (answer < 2 && row->rounds[answer + 1].says.len > 0)
			answer++;
		for (cut = 0; cut < row->rounds[answer].answer.len; cut++) {
			round last = row->rounds[answer];
			struct peer peer;

			last.answer.len = cut;
			assert_int_equal(begin(&peer, &settings), PL_OK);
			for (size_t at = 0; at < answer; at++)
				play(&peer, &row->rounds[at], 100);
			play(&peer, &last, 100);
			peer.cancels = cut % 2;
			pl_memory_end(&peer.memory);
			assert_true(peer.told);
			assert_int_equal(peer.status, PL_ECONNRESET);
			assert_string_equal(
				peer.why, "the proxy has closed the connection without an answer");
			finish(&peer);
		}
	}
}

static void endless_answers(void **state)
{
	static const struct {
		pl_slice first, more;
	} endless[] = {
		{ TEXT("HTTP/1.1 200 O"), TEXT("O") },
		{ TEXT("HTTP/1.1 200 OK\r\n"), TEXT("A: b\r\n") },
		{ TEXT("HTTP/1.1 200 OK\r\nA: "), TEXT("x") },
		{ TEXT("HTTP/1.1 100 \r\n\r\n"), TEXT("HTTP/1.1 100 \r\n\r\n") },
	};
	pl_proxy_settings settings = settings_of(PL_PROXY_HTTP, "a", "", "");

	(void)state;
	for (size_t i = 0; i < sizeof(endless) / sizeof(endless[0]); i++) {
		size_t fed = endless[i].first.len;
		struct peer peer;

		assert_int_equal(begin(&peer, &settings), PL_OK);
		pl_memory_feed(&peer.memory, endless[i].first.at, fed);
		for (; !peer.told; fed += endless[i].more.len) {
			pl_memory_feed(&peer.memory, endless[i].more.at, endless[i].more.len);
			assert_true(fed < 1100);
		}
		assert_int_equal(peer.status, PL_ELIMIT);
		finish(&peer);
	}
}

/* Bytes ahead of our request would become part of an answer. */
static void answers_before_it_is_asked(void **state)
{
	pl_proxy_settings settings = settings_of(PL_PROXY_SOCKS5, "a", "", "");
	struct peer peer;

	(void)state;
	assert_int_equal(begin(&peer, &settings), PL_OK);
	pl_memory_feed(&peer.memory, "\5\0\5\0\0\1\0\0\0\0\0\0", 12);
	assert_int_equal(peer.status, PL_EPROTO);
	assert_string_equal(peer.why, "the proxy answers before it is asked");
	finish(&peer);
}

static void silence(void **state)
{
	(void)state;
	for (int kind = PL_PROXY_HTTP; kind <= PL_PROXY_SOCKS5; kind++) {
		pl_proxy_settings settings =
			settings_of((enum pl_proxy_kind)kind, "1.2.3.4", "", "");
		struct peer peer;

		assert_int_equal(begin(&peer, &settings), PL_OK);
		pl_loop_skip(peer.loop, TIMEOUT / 2);
		turn(&peer);
		assert_false(peer.told);
		pl_loop_skip(peer.loop, TIMEOUT / 2);
		turn(&peer);
		assert_int_equal(peer.status, PL_ETIMEDOUT);
		assert_string_equal(peer.why, "the proxy does not answer in time");
		finish(&peer);
	}
}

static void cancelled(void **state)
{
	pl_proxy_settings settings = settings_of(PL_PROXY_SOCKS5, "a", "", "");
	struct peer peer;

	(void)state;
	assert_int_equal(begin(&peer, &settings), PL_OK);
	turn(&peer);
	pl_proxy_cancel(peer.proxy);
	turn(&peer);
	assert_true(peer.memory.closed);
	pl_loop_skip(peer.loop, 2 * TIMEOUT);
	turn(&peer);
	assert_false(peer.told);
	finish(&peer);
}

/* The stream has an end of its own, as when TLS fails or the network does. */
static void the_stream_ends(void **state)
{
	pl_proxy_settings settings = settings_of(PL_PROXY_SOCKS5, "a", "", "");
	struct peer peer;

	(void)state;
	assert_int_equal(begin(&peer, &settings), PL_OK);
	pl_stream_abort(&peer.memory.stream, PL_EPIPE);
	turn(&peer);
	assert_int_equal(peer.status, PL_EPIPE);
	assert_string_equal(peer.why, pl_status_text(PL_EPIPE));
	finish(&peer);
}

static void what_cannot_be_asked(void **state)
{
	static const struct {
		enum pl_proxy_kind kind;
		const char *host, *user, *password, *problem;
	} wrong[] = {
		{ PL_PROXY_HTTP, "", "", "", "the host is neither a name nor an address" },
		{ PL_PROXY_HTTP, "a b", "", "", "the host is neither a name nor an address" },
		{ PL_PROXY_HTTP, "a\r\nB: c", "", "", "the host is neither a name nor an address" },
		{ PL_PROXY_HTTP, "a:1", "", "", "the host is neither a name nor an address" },
		{ PL_PROXY_HTTP, "[a]", "", "", "the host is neither a name nor an address" },
		{ PL_PROXY_HTTP, "[v1.a]", "", "", "the host is neither a name nor an address" },
		{ PL_PROXY_HTTP, "me@a", "", "", "the host is neither a name nor an address" },
		{ PL_PROXY_HTTP, "fe80::1%2", "", "", "the host is neither a name nor an address" },
		{ PL_PROXY_SOCKS4, "a", "", "", "SOCKS4 takes addresses, no names" },
		{ PL_PROXY_SOCKS4, "::1", "", "", "SOCKS4 has no IPv6" },
		{ PL_PROXY_SOCKS4A, "::1", "", "", "SOCKS4 has no IPv6" },
		{ PL_PROXY_SOCKS4A, "0.0.0.1", "", "",
		  "SOCKS4 cannot name an address of 0.0.0.0/24" },
		{ PL_PROXY_SOCKS4, "1.2.3.4", "me", "x", "SOCKS4 has no password" },
		{ PL_PROXY_SOCKS5, "a", "me", "", "SOCKS5 has no empty password" },
		{ PL_PROXY_SOCKS5, "a", "", "x", "there is a password and no user" },
		{ PL_PROXY_HTTP, "a", "m:e", "x", "the user has a colon" },
		{ PL_PROXY_HTTP, "a", "me", "x\ny", "user or password has control bytes" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		pl_proxy_settings settings =
			settings_of(wrong[i].kind, wrong[i].host, wrong[i].user, wrong[i].password);
		struct peer peer;

		assert_non_null(pl_proxy_problem(&settings));
		assert_string_equal(pl_proxy_problem(&settings), wrong[i].problem);
		assert_int_equal(begin(&peer, &settings), PL_EINVAL);
		finish(&peer);
	}
}

static void out_of_memory(void **state)
{
	pl_slice answer = TEXT("HTTP/1.1 200 OK\r\n\r\nhi");
	pl_proxy_settings settings = settings_of(PL_PROXY_HTTP, "a", "me", "sesame");
	bool open = false;

	(void)state;
	for (uint64_t nth = 1; !open; nth++) {
		int64_t live = pl_alloc_live();
		struct peer peer;
		int status;

		memset(&peer, 0, sizeof(peer));
		settings.owner = &peer;
		assert_int_equal(pl_loop_new(&peer.loop), PL_OK);
		pl_loop_still(peer.loop);
		pl_memory_init(&peer.memory, peer.loop);
		pl_alloc_fail_at(nth);
		status = pl_proxy_start(&peer.proxy, &peer.memory.stream, &settings);
		assert_true(status == PL_OK || status == PL_ENOMEM);
		for (size_t at = 0; status == PL_OK && !peer.told && at < answer.len; at += 4)
			pl_memory_feed(&peer.memory, answer.at + at,
				       answer.len - at < 4 ? answer.len - at : 4);
		pl_alloc_fail_at(0);
		open = peer.open;
		if (peer.told && !open)
			assert_int_equal(peer.status, PL_ENOMEM);
		finish(&peer);
		assert_int_equal(pl_alloc_live(), live);
		assert_true(nth < 100);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(conversations_in_pieces),
		cmocka_unit_test(closes_anywhere),
		cmocka_unit_test(endless_answers),
		cmocka_unit_test(answers_before_it_is_asked),
		cmocka_unit_test(silence),
		cmocka_unit_test(cancelled),
		cmocka_unit_test(the_stream_ends),
		cmocka_unit_test(what_cannot_be_asked),
		cmocka_unit_test(out_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
