/* The client's HTTP/1.1 session, with servers that the test plays.
 * covers: http/call.c http/http1_put.c
 */
#include "session/call_peer.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define OK "HTTP/1.1 200 OK\r\n"

static void begin(caller *self)
{
	assert_int_equal(caller_init(self), PL_OK);
	assert_int_equal(caller_get(self), PL_OK);
	pl_loop_turn(self->loop);
}

static const char *sent(caller *self)
{
	pl_loop_turn(self->loop);
	assert_int_equal(pl_buffer_append(&self->memory.sent, "", 1), PL_OK);
	self->memory.sent.len--;
	return (const char *)self->memory.sent.data;
}

/* Requests. */

#define REQUEST(verb, place, name, list, lines, size)                                              \
	{                                                                                          \
		.method = PL_SLICE(verb), .target = PL_SLICE(place), .host = PL_SLICE(name),       \
		.fields = (list), .count = (lines), .length = (size)                               \
	}

static void requests_are_written_as_given(void **state)
{
	static const pl_http_field fields[] = { { { "X-b", 3 }, { "1", 1 } },
						{ { "x-a", 3 }, { "", 0 } },
						{ { "X-b", 3 }, { "two words", 9 } } };
	static const pl_http_field own[] = { { { "A", 1 }, { "b", 1 } },
					     { { "hOST", 4 }, { "other:81", 8 } } };
	static const struct {
		pl_call_request request;
		const char *wire;
	} rows[] = {
		{ REQUEST("GET", "/a?b", "h:80", fields, 3, PL_CALL_NO_BODY),
		  "GET /a?b HTTP/1.1\r\nHost: h:80\r\nX-b: 1\r\nx-a: \r\nX-b: two words\r\n\r\n" },
		{ REQUEST("GET", "/", "h", own, 2, PL_CALL_NO_BODY),
		  "GET / HTTP/1.1\r\nA: b\r\nhOST: other:81\r\n\r\n" },
		{ REQUEST("POST", "/", "[::1]", NULL, 0, PL_CALL_NO_BODY),
		  "POST / HTTP/1.1\r\nHost: [::1]\r\nContent-Length: 0\r\n\r\n" },
		{ REQUEST("PUT", "/", "h", NULL, 0, 9000000000),
		  "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 9000000000\r\n\r\n" },
		{ REQUEST("PURGE", "http://h/x", "h", NULL, 0, PL_CALL_UNKNOWN),
		  "PURGE http://h/x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" },
		{ REQUEST("OPTIONS", "*", "h", NULL, 0, PL_CALL_NO_BODY),
		  "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n" },
	};
	caller self;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		pl_call_request *copied = pl_call_request_copy(&rows[i].request);

		assert_non_null(copied);
		assert_int_equal(caller_init(&self), PL_OK);
		assert_int_equal(caller_begin(&self, copied), PL_OK);
		pl_free(copied);
		assert_string_equal(sent(&self), rows[i].wire);
		caller_finish(&self);
	}
}

static void requests_that_cannot_be_sent_are_told_of(void **state)
{
	static const struct {
		const char *method, *target, *host, *name, *value;
	} rows[] = {
		{ "", "/", "h", "a", "b" },
		{ "G T", "/", "h", "a", "b" },
		{ "G\r\n", "/", "h", "a", "b" },
		{ "CONNECT", "h:80", "h", "a", "b" },
		{ "GET", "", "h", "a", "b" },
		{ "GET", "a", "h", "a", "b" },
		{ "GET", "*", "h", "a", "b" },
		{ "GET", "/a b", "h", "a", "b" },
		{ "GET", "/a\r\nX: y", "h", "a", "b" },
		{ "GET", "/#a", "h", "a", "b" },
		{ "GET", "/", "", "a", "b" },
		{ "GET", "/", "h\r\n", "a", "b" },
		{ "GET", "/", "u@h", "a", "b" },
		{ "GET", "/", "h", "", "b" },
		{ "GET", "/", "h", "a b", "b" },
		{ "GET", "/", "h", "a:", "b" },
		{ "GET", "/", "h", "a", "b\r\nX: y" },
		{ "GET", "/", "h", "a", "b\n" },
		{ "GET", "/", "h", "host", "" },
		{ "GET", "/", "h", "Host", "a b" },
		{ "GET", "/", "h", "Content-Length", "0" },
		{ "GET", "/", "h", "transfer-encoding", "chunked" },
		{ "GET", "/", "h", "CONNECTION", "close" },
		{ "GET", "/", "h", "Keep-Alive", "5" },
		{ "GET", "/", "h", "Proxy-Connection", "x" },
		{ "GET", "/", "h", "TE", "trailers" },
		{ "GET", "/", "h", "Trailer", "x" },
		{ "GET", "/", "h", "Upgrade", "x" },
	};
	const pl_http_field hosts[] = { { PL_SLICE("Host"), PL_SLICE("a") },
					{ PL_SLICE("host"), PL_SLICE("a") } };
	pl_call_request twice = {
		.method = PL_SLICE("GET"), .target = PL_SLICE("/"), .fields = hosts, .count = 2
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const pl_http_field field = { pl_slice_make(rows[i].name, strlen(rows[i].name)),
					      pl_slice_make(rows[i].value, strlen(rows[i].value)) };
		const pl_call_request request = {
			.method = pl_slice_make(rows[i].method, strlen(rows[i].method)),
			.target = pl_slice_make(rows[i].target, strlen(rows[i].target)),
			.host = pl_slice_make(rows[i].host, strlen(rows[i].host)),
			.fields = &field,
			.count = 1,
		};

		assert_non_null(pl_call_problem(&request));
	}
	assert_string_equal(pl_call_problem(&twice), "there are several headers Host");
	twice.count = 1;
	assert_null(pl_call_problem(&twice));
	twice.upgrade = PL_SLICE("websocket");
	assert_non_null(pl_call_problem(&twice)); /* it has a body, of no bytes */
	twice.length = PL_CALL_NO_BODY;
	assert_null(pl_call_problem(&twice));
	twice.upgrade = PL_SLICE("a b");
	assert_non_null(pl_call_problem(&twice));
}

static void bodies_have_their_length(void **state)
{
	caller self;

	(void)state;
	assert_int_equal(caller_init(&self), PL_OK);
	assert_int_equal(caller_post(&self, 5), PL_OK);
	assert_int_equal(pl_call_write(self.call, "abc", 3), PL_OK);
	assert_int_equal(pl_call_write(self.call, "defg", 4), PL_ETOOBIG);
	assert_int_equal(pl_call_finish(self.call), PL_ESTATE);
	assert_int_equal(pl_call_write(self.call, "de", 2), PL_OK);
	assert_int_equal(self.call->sent, 5);
	assert_int_equal(pl_call_finish(self.call), PL_OK);
	assert_int_equal(pl_call_finish(self.call), PL_ESTATE);
	assert_int_equal(pl_call_write(self.call, "x", 1), PL_ESTATE);
	assert_string_equal(sent(&self),
			    "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabcde");
	caller_say(&self, OK "Content-Length: 0\r\n\r\n");
	assert_string_equal(self.journal, "200 end");
	assert_int_equal(self.idles, 1);
	caller_finish(&self);
}

static void bodies_without_a_length_are_chunked(void **state)
{
	static char large[5000];
	caller self;
	const char *text;

	(void)state;
	memset(large, 'z', sizeof(large));
	assert_int_equal(caller_init(&self), PL_OK);
	assert_int_equal(caller_post(&self, PL_CALL_UNKNOWN), PL_OK);
	assert_int_equal(pl_call_write(self.call, "abc", 3), PL_OK);
	assert_int_equal(pl_call_write(self.call, "", 0), PL_OK);
	assert_int_equal(pl_call_write(self.call, large, sizeof(large)), PL_OK);
	assert_int_equal(pl_call_finish(self.call), PL_OK);
	text = strstr(sent(&self), "\r\n\r\n") + 4;
	assert_memory_equal(text, "3\r\nabc\r\n1388\r\nzz", 16);
	assert_string_equal(text + 14 + sizeof(large), "\r\n0\r\n\r\n");
	caller_finish(&self);
	assert_string_equal(self.journal, "ECANCELED");
}

/* Responses. */

static const struct {
	const char *bytes;
	const char *body;
	bool reused;
	bool ends; /* with the connection */
} good[] = {
	{ OK "Content-Length: 5\r\n\r\nhello", "hello", true, false },
	{ OK "Content-Length: 0\r\n\r\n", "", true, false },
	{ OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1;a=b\r\n!\r\n0\r\n\r\n", "hello!",
	  true, false },
	{ OK "Connection: close\r\nContent-Length: 2\r\n\r\nhi", "hi", false, false },
	{ OK "\r\nuntil the end", "until the end", false, true },
	{ OK "\r\n", "", false, true },
	{ "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", "hi", false, false },
	{ "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi", "hi", true,
	  false },
	{ "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" OK
	  "Content-Length: 2\r\n\r\nhi",
	  "hi", true, false },
	{ "HTTP/1.1 204 No Content\r\n\r\n", "", true, false },
	{ "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", "", true, false },
};

static void good_responses_come_whole_at_every_cut(void **state)
{
	caller self;

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		size_t len = strlen(good[i].bytes);

		for (size_t at = 0; at < len; at++) {
			begin(&self);
			caller_feed(&self, good[i].bytes, at);
			assert_non_null(self.call);
			caller_feed(&self, good[i].bytes + at, len - at);
			assert_int_equal(self.call != NULL, good[i].ends);
			if (good[i].ends)
				pl_memory_end(&self.memory);
			assert_null(self.call);
			assert_string_equal(self.journal + strlen(self.journal) - 4, " end");
			assert_int_equal(self.body.len, strlen(good[i].body));
			if (self.body.len > 0)
				assert_memory_equal(self.body.data, good[i].body, self.body.len);
			assert_int_equal(self.idles, good[i].reused);
			assert_int_equal(pl_call_http1_ready(self.session), good[i].reused);
			caller_finish(&self);
		}
	}
}

static void responses_that_stop_early_fail_at_every_offset(void **state)
{
	caller self;

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		size_t len = strlen(good[i].bytes);

		for (size_t at = 0; at < len; at++) {
			bool within = strstr(good[i].bytes, "\r\n\r\n") + 4 <= good[i].bytes + at;

			for (int reset = 0; reset < 3; reset++) {
				if (good[i].ends && within && !reset)
					continue; /* that is its end */
				begin(&self);
				caller_feed(&self, good[i].bytes, at);
				if (reset)
					pl_stream_abort(&self.memory.stream,
							reset == 1 ? PL_ECONNRESET : PL_OK);
				else
					pl_memory_end(&self.memory);
				pl_loop_turn(self.loop);
				assert_null(self.call);
				assert_int_equal(self.status, PL_ECONNRESET);
				assert_string_equal(self.journal + strlen(self.journal) - 10,
						    "ECONNRESET");
				if (at == 0)
					assert_string_equal(self.why,
							    "the server closed the "
							    "connection without an answer");
				caller_finish(&self);
			}
		}
	}
}

static void informational_responses_are_told_of(void **state)
{
	caller self;

	(void)state;
	assert_int_equal(caller_init(&self), PL_OK);
	self.listens = true;
	assert_int_equal(caller_get(&self), PL_OK);
	pl_loop_turn(self.loop);
	caller_say(&self, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n" OK
			  "Content-Length: 0\r\n\r\n");
	assert_string_equal(self.journal, "100 103 200 end");
	caller_finish(&self);
}

#define CHANGE "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: a, Upgrade\r\n\r\n"

static const pl_call_request changing = { .method = { "GET", 3 },
					  .target = { "/", 1 },
					  .host = { "a", 1 },
					  .length = PL_CALL_NO_BODY,
					  .upgrade = { "websocket", 9 },
					  .trailers = true };

static void the_protocol_changes_at_every_cut(void **state)
{
	static const char bytes[] = CHANGE "rest";
	caller self;

	(void)state;
	for (size_t at = 0; at < sizeof(bytes); at++) {
		assert_int_equal(caller_init(&self), PL_OK);
		self.listens = true;
		assert_int_equal(caller_begin(&self, &changing), PL_OK);
		assert_string_equal(sent(&self),
				    "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"
				    "TE: trailers\r\nConnection: Upgrade, TE\r\n\r\n");
		caller_feed(&self, bytes, at);
		caller_feed(&self, bytes + at, sizeof(bytes) - 1 - at);
		assert_string_equal(self.journal, "changed");
		assert_null(self.session);
		assert_int_equal(self.rest.len, 4);
		assert_memory_equal(self.rest.data, "rest", 4);
		caller_finish(&self);
	}
}

static void a_change_has_to_be_asked_for_and_named(void **state)
{
	static const char *const rows[] = {
		"HTTP/1.1 101 x\r\nUpgrade: websocket\r\n\r\n",
		"HTTP/1.1 101 x\r\nConnection: Upgrade\r\n\r\n",
		"HTTP/1.0 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
	};
	caller self;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(caller_init(&self), PL_OK);
		self.listens = true;
		assert_int_equal(caller_begin(&self, &changing), PL_OK);
		caller_say(&self, rows[i]);
		assert_string_equal(self.journal, "EPROTO");
		caller_finish(&self);
	}
	assert_int_equal(caller_init(&self), PL_OK);
	self.listens = true;
	assert_int_equal(caller_get(&self), PL_OK);
	caller_say(&self, CHANGE);
	assert_string_equal(self.journal, "EPROTO");
	caller_finish(&self);
}

static void head_has_no_body(void **state)
{
	const pl_call_request request = { .method = PL_SLICE("HEAD"),
					  .target = PL_SLICE("/"),
					  .host = PL_SLICE("a"),
					  .length = PL_CALL_NO_BODY };
	caller self;

	(void)state;
	assert_int_equal(caller_init(&self), PL_OK);
	assert_int_equal(caller_begin(&self, &request), PL_OK);
	caller_say(&self, OK "Content-Length: 5\r\nKeep-Alive: max=3, Timeout=7\r\n\r\n");
	assert_string_equal(self.journal, "200 end");
	assert_int_equal(self.idles,
			 0); /* the request has not left: what came is no answer to it */
	caller_finish(&self);

	begin(&self);
	caller_say(&self, OK "Content-Length: 0\r\nKeep-Alive: max=3, Timeout=7\r\n\r\n");
	assert_int_equal(self.idles, 1);
	assert_int_equal(pl_call_http1_patience(self.session), 7000);
	assert_int_equal(pl_call_http1_calls(self.session), 1);
	caller_finish(&self);
}

static void bad_responses_fail_at_every_cut(void **state)
{
	static const struct {
		const char *bytes;
		int status;
		const char *why;
	} rows[] = {
		{ OK "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", PL_EPROTO,
		  "Content-Length with Transfer-Encoding" },
		{ OK "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", PL_EPROTO,
		  "Content-Length is repeated" },
		{ OK "Content-Length: -5\r\n\r\n", PL_EPROTO, "malformed Content-Length" },
		{ OK "Transfer-Encoding: gzip, chunked\r\n\r\n", PL_EPROTO,
		  "transfer coding is not chunked alone" },
		{ OK "Transfer-Encoding: chunked\r\n\r\nx\r\n", PL_EPROTO, "malformed chunk size" },
		{ OK "Transfer-Encoding: chunked\r\n\r\n1\r\nab", PL_EPROTO,
		  "chunk data is not followed by CRLF" },
		{ OK "Transfer-Encoding: chunked\r\n\r\n0\r\n a: b\r\n", PL_EPROTO,
		  "malformed trailer" },
		{ "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", PL_EPROTO,
		  "the server changes the protocol, which was not asked for" },
		{ "SSH-2.0-x\r\n\r\n", PL_EPROTO, "malformed HTTP version" },
		{ "HTTP/2 200 OK\r\n\r\n", PL_EPROTO, "HTTP version is not 1.0 or 1.1" },
	};
	caller self;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		size_t len = strlen(rows[i].bytes);

		for (size_t at = 0; at < len; at++) {
			begin(&self);
			caller_feed(&self, rows[i].bytes, at);
			if (self.session && self.call)
				caller_feed(&self, rows[i].bytes + at, len - at);
			assert_null(self.call);
			assert_int_equal(self.status, rows[i].status);
			assert_string_equal(self.why, rows[i].why);
			assert_null(strstr(self.journal, "end"));
			caller_finish(&self);
		}
	}
}

static void responses_are_bounded(void **state)
{
	static char large[65536];
	caller self;

	(void)state;
	memset(large, 'x', sizeof(large));
	begin(&self);
	caller_say(&self, OK "A: ");
	caller_feed(&self, large, sizeof(large));
	assert_int_equal(self.status, PL_ELIMIT);
	caller_finish(&self);

	begin(&self);
	caller_say(&self, OK);
	for (int i = 0; i < 200 && self.call; i++)
		caller_say(&self, "A: b\r\n");
	caller_say(&self, "\r\n");
	assert_int_equal(self.status, PL_ELIMIT);
	assert_string_equal(self.why, "too many fields");
	caller_finish(&self);

	begin(&self);
	for (int i = 0; i <= PL_CALL_INFORMATIONAL; i++) {
		assert_non_null(self.call);
		caller_say(&self, "HTTP/1.1 102 Processing\r\n\r\n");
	}
	assert_int_equal(self.status, PL_ELIMIT);
	caller_finish(&self);

	begin(&self);
	caller_say(&self, OK "Transfer-Encoding: chunked\r\n\r\n40000\r\n");
	for (int i = 0; i < 4; i++)
		caller_feed(&self, large, sizeof(large));
	caller_say(&self, "\r\n0\r\nA: ");
	caller_feed(&self, large, 40000);
	assert_int_equal(self.status, PL_ELIMIT);
	assert_string_equal(self.why, "the response's trailers are too long");
	caller_finish(&self);

	begin(&self); /* whatever stands behind them */
	self.limits.header_block = 256;
	large[300] = '\0';
	caller_say(&self, OK "Transfer-Encoding: chunked\r\n\r\n0\r\n");
	caller_feed(&self, large, 400);
	large[300] = 'x';
	assert_int_equal(self.status, PL_ELIMIT);
	caller_finish(&self);
}

static void trailers_are_kept_at_every_cut(void **state)
{
	static const char bytes[] =
		OK "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0;x\r\nA: b\r\nC: d\r\n\r\n";
	size_t len = sizeof(bytes) - 1;
	caller self;

	(void)state;
	for (size_t at = 0; at < len; at++) {
		begin(&self);
		caller_feed(&self, bytes, at);
		caller_feed(&self, bytes + at, len - at);
		assert_string_equal(strstr(self.journal, "end"), "end");
		assert_int_equal(self.trailers.len, 14);
		assert_memory_equal(self.trailers.data, "A: b\r\nC: d\r\n\r\n", 14);
		caller_finish(&self);
	}
}

/* One after the other. */

static void a_connection_carries_many_calls(void **state)
{
	caller self;

	(void)state;
	begin(&self);
	self.chains = true;
	for (int i = 0; i < 3; i++) {
		caller_say(&self, OK "Content-Length: 2\r\n\r\nhi");
		pl_loop_turn(self.loop);
		assert_non_null(self.call);
	}
	self.chains = false;
	caller_say(&self, OK "Content-Length: 0\r\n\r\n");
	assert_string_equal(self.journal, "200 end 200 end 200 end 200 end");
	assert_int_equal(pl_call_http1_calls(self.session), 4);
	assert_int_equal(self.body.len, 6);
	caller_finish(&self);
}

static void what_was_not_asked_for_closes(void **state)
{
	static const char *const rows[] = { OK "Content-Length: 0\r\n\r\n", "x", "\r\n" };
	caller self;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		begin(&self);
		caller_say(&self, OK "Content-Length: 0\r\n\r\n");
		assert_true(pl_call_http1_ready(self.session));
		caller_say(&self, rows[i]);
		assert_false(pl_call_http1_ready(self.session));
		caller_finish(&self);

		begin(&self); /* in the same piece */
		caller_say(&self, OK "Content-Length: 0\r\n\r\nx");
		assert_string_equal(self.journal, "200 end");
		assert_int_equal(self.idles, 0);
		caller_finish(&self);
	}
	begin(&self);
	caller_say(&self, OK "Content-Length: 0\r\n\r\n");
	pl_memory_end(&self.memory);
	assert_false(pl_call_http1_ready(self.session));
	caller_finish(&self);
}

/* Early answers. */

static void a_refusal_stops_the_body(void **state)
{
	static char large[50000];
	caller self;

	(void)state;
	memset(large, 'z', sizeof(large));
	assert_int_equal(caller_init(&self), PL_OK);
	self.memory.room = 100;
	assert_int_equal(caller_post(&self, 100000), PL_OK);
	assert_int_equal(pl_call_write(self.call, "abc", 3), PL_OK);
	pl_loop_turn(self.loop);
	self.memory.room = 0;
	assert_int_equal(pl_call_write(self.call, "def", 3), PL_OK);
	pl_loop_turn(self.loop);
	assert_int_equal(pl_call_write(self.call, large, sizeof(large)), PL_CALL_BLOCKED);
	caller_say(&self, "HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\n");
	assert_string_equal(self.journal, "413 drain");
	assert_true(pl_stream_queued(&self.memory.stream) < 2000);	/* the rest is not sent, */
	assert_int_equal(self.memory.stream.write_timeout, UINT32_MAX); /* nor waited for */
	assert_int_equal(pl_call_write(self.call, "jkl", 3), PL_EANSWERED);
	assert_int_equal(pl_call_finish(self.call), PL_EANSWERED);
	caller_say(&self, "no");
	assert_string_equal(self.journal, "413 drain end");
	assert_int_equal(self.idles, 0);
	assert_false(pl_call_http1_ready(self.session));
	caller_finish(&self);
}

static void an_answer_may_come_beside_the_body(void **state)
{
	caller self;

	(void)state;
	assert_int_equal(caller_init(&self), PL_OK);
	assert_int_equal(caller_post(&self, PL_CALL_UNKNOWN), PL_OK);
	pl_loop_turn(self.loop);
	caller_say(&self, OK "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n");
	assert_int_equal(pl_call_write(self.call, "b", 1), PL_OK);
	assert_int_equal(pl_call_finish(self.call), PL_OK);
	pl_loop_turn(self.loop);
	caller_say(&self, "1\r\nb\r\n0\r\n\r\n");
	assert_string_equal(self.journal, "200 end");
	assert_int_equal(self.idles, 1);

	assert_int_equal(caller_post(&self, PL_CALL_UNKNOWN), PL_OK);
	pl_loop_turn(self.loop);
	caller_say(&self, OK "Content-Length: 0\r\n\r\n"); /* and the server has had enough */
	assert_null(self.call);
	assert_int_equal(self.idles, 1);
	caller_finish(&self);
}

/* Back-pressure. */

static void a_paused_call_is_not_read(void **state)
{
	caller self;

	(void)state;
	begin(&self);
	self.pause_for = 1;
	caller_say(&self, OK "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n1\r\nc\r\n");
	assert_int_equal(self.body.len, 1);
	assert_true(self.memory.stream.paused);
	assert_false(pl_memory_feed(&self.memory, "0", 1));
	for (int i = 2; i <= 3; i++) {
		pl_call_pause(self.call, false);
		pl_loop_turn(self.loop);
		assert_int_equal(self.body.len, i);
	}
	self.pause_for = 0;
	pl_call_pause(self.call, false);
	pl_loop_turn(self.loop);
	assert_false(self.memory.stream.paused);
	caller_say(&self, "0\r\n\r\n");
	assert_string_equal(self.journal, "200 end");
	assert_int_equal(self.idles, 1);
	caller_finish(&self);

	begin(&self); /* the last byte was given: the end waits for nothing */
	self.pause_for = 1;
	caller_say(&self, OK "Content-Length: 2\r\n\r\nhi");
	assert_string_equal(self.journal, "200 end");
	assert_int_equal(self.idles, 1);
	assert_int_equal(caller_get(&self), PL_OK);
	pl_loop_turn(self.loop);
	self.pause_for = 0;
	caller_say(&self, OK "Content-Length: 2\r\n\r\nhi");
	assert_string_equal(self.journal, "200 end 200 end");
	caller_finish(&self);

	begin(&self); /* nor for what nobody asked for */
	self.pause_for = 1;
	caller_say(&self, OK "Content-Length: 2\r\n\r\nhix");
	assert_string_equal(self.journal, "200 end");
	assert_int_equal(self.idles, 0);
	caller_finish(&self);
}

static void output_that_is_blocked_drains(void **state)
{
	caller self;

	(void)state;
	assert_int_equal(caller_init(&self), PL_OK);
	self.memory.room = 10;
	assert_int_equal(caller_post(&self, 6), PL_OK);
	pl_loop_turn(self.loop);
	assert_int_equal(pl_call_write(self.call, "abc", 3), PL_CALL_BLOCKED);
	pl_memory_open(&self.memory, SIZE_MAX);
	pl_loop_turn(self.loop);
	assert_string_equal(self.journal, "drain");
	assert_int_equal(pl_call_write(self.call, "def", 3), PL_OK);
	assert_int_equal(pl_call_finish(self.call), PL_OK);
	pl_loop_turn(self.loop);
	caller_say(&self, OK "Content-Length: 0\r\n\r\n");
	assert_int_equal(self.idles, 1);
	caller_finish(&self);
}

static void the_owner_may_break_off(void **state)
{
	caller self;

	(void)state;
	begin(&self);
	self.aborts = true;
	caller_say(&self, OK "Content-Length: 5\r\n\r\nab");
	assert_string_equal(self.journal, "200");
	assert_false(pl_call_http1_ready(self.session));
	caller_finish(&self);
	assert_string_equal(self.journal, "200");

	begin(&self);
	self.aborts = true; /* and all of it is there */
	caller_say(&self, OK "Content-Length: 2\r\n\r\nab");
	assert_string_equal(self.journal, "200");
	assert_int_equal(self.idles, 0);
	caller_finish(&self);
}

/* Time. */

static void silence_has_a_limit(void **state)
{
	caller self;

	(void)state;
	assert_int_equal(caller_init(&self), PL_OK);
	self.times = (pl_call_times){ .first_byte = 1000, .idle = 300, .total = 5000 };
	assert_int_equal(caller_get(&self), PL_OK);
	pl_loop_turn(self.loop);
	pl_loop_skip(self.loop, 999);
	assert_non_null(self.call);
	pl_loop_skip(self.loop, 1);
	assert_int_equal(self.status, PL_ETIMEDOUT);
	assert_string_equal(self.why, "the server does not answer in time");
	caller_finish(&self);

	assert_int_equal(caller_init(&self), PL_OK);
	self.times = (pl_call_times){ .first_byte = 1000, .idle = 300, .total = 5000 };
	assert_int_equal(caller_get(&self), PL_OK);
	pl_loop_turn(self.loop);
	for (int i = 0; i < 5; i++) {
		caller_feed(&self, &OK[i], 1);
		pl_loop_skip(self.loop, 299);
		assert_non_null(self.call);
	}
	assert_true(self.call->first_byte < 299);
	pl_loop_skip(self.loop, 1);
	assert_int_equal(self.status, PL_ETIMEDOUT);
	assert_string_equal(self.why, "the server has fallen silent");
	caller_finish(&self);
}

static void a_trickle_has_a_limit(void **state)
{
	caller self;

	(void)state;
	assert_int_equal(caller_init(&self), PL_OK);
	self.times = (pl_call_times){ .idle = 300, .total = 5000 };
	assert_int_equal(caller_get(&self), PL_OK);
	pl_loop_turn(self.loop);
	caller_say(&self, OK "Content-Length: 1000\r\n\r\n");
	for (int i = 0; i < 19; i++) {
		pl_loop_skip(self.loop, 250);
		assert_non_null(self.call);
		caller_say(&self, "x");
	}
	pl_loop_skip(self.loop, 250);
	assert_int_equal(self.status, PL_ETIMEDOUT);
	assert_string_equal(self.why, "the call took too long");
	caller_finish(&self);
}

static void what_the_owner_takes_is_not_the_servers_time(void **state)
{
	caller self;

	(void)state;
	assert_int_equal(caller_init(&self), PL_OK);
	self.times = (pl_call_times){ .first_byte = 300, .idle = 300 };
	assert_int_equal(caller_post(&self, 1), PL_OK);
	pl_loop_turn(self.loop);
	pl_loop_skip(self.loop, 10000); /* the body is not written yet */
	assert_non_null(self.call);
	assert_int_equal(pl_call_write(self.call, "x", 1), PL_OK);
	assert_int_equal(pl_call_finish(self.call), PL_OK);
	pl_loop_turn(self.loop);
	pl_loop_skip(self.loop, 299);
	assert_non_null(self.call);
	self.pause_for = 1;
	caller_say(&self, OK "Content-Length: 3\r\n\r\nx");
	pl_loop_skip(self.loop, 10000);
	assert_non_null(self.call);
	pl_call_pause(self.call, false);
	pl_loop_turn(self.loop);
	pl_loop_skip(self.loop, 299);
	assert_non_null(self.call);
	pl_loop_skip(self.loop, 1);
	assert_int_equal(self.status, PL_ETIMEDOUT);
	caller_finish(&self);
}

/* Memory. */

static void converse(caller *self)
{
	if (caller_post(self, PL_CALL_UNKNOWN))
		return;
	if (pl_call_write(self->call, "abc", 3) >= 0)
		pl_call_finish(self->call);
	pl_loop_turn(self->loop);
	if (self->call)
		caller_say(self, "HTTP/1.1 103 Early");
	if (self->call)
		caller_say(self,
			   " Hints\r\n\r\n" OK "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n");
	self->pause_for = 0;
	if (self->call)
		pl_call_pause(self->call, false);
	pl_loop_turn(self->loop);
	if (self->call)
		caller_say(self, "0\r\nA: b\r\n");
	if (self->call)
		caller_say(self, "\r\n");
}

static void every_allocation_may_fail(void **state)
{
	int64_t live = pl_alloc_live();
	bool whole = false;

	(void)state;
	for (uint64_t nth = 1; !whole; nth++) {
		caller self;

		assert_int_equal(caller_init(&self), PL_OK);
		self.pause_for = 1;
		pl_alloc_fail_at(nth);
		converse(&self);
		pl_alloc_fail_at(0);
		whole = self.idles == 1 && !self.broke_memory;
		if (whole) {
			assert_string_equal(self.journal, "200 end");
			assert_int_equal(self.trailers.len, 8);
		}
		caller_finish(&self);
		assert_int_equal(pl_alloc_live(), live);
		assert_true(nth < 100);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_are_written_as_given),
		cmocka_unit_test(requests_that_cannot_be_sent_are_told_of),
		cmocka_unit_test(bodies_have_their_length),
		cmocka_unit_test(bodies_without_a_length_are_chunked),
		cmocka_unit_test(good_responses_come_whole_at_every_cut),
		cmocka_unit_test(responses_that_stop_early_fail_at_every_offset),
		cmocka_unit_test(head_has_no_body),
		cmocka_unit_test(informational_responses_are_told_of),
		cmocka_unit_test(the_protocol_changes_at_every_cut),
		cmocka_unit_test(a_change_has_to_be_asked_for_and_named),
		cmocka_unit_test(bad_responses_fail_at_every_cut),
		cmocka_unit_test(responses_are_bounded),
		cmocka_unit_test(trailers_are_kept_at_every_cut),
		cmocka_unit_test(a_connection_carries_many_calls),
		cmocka_unit_test(what_was_not_asked_for_closes),
		cmocka_unit_test(a_refusal_stops_the_body),
		cmocka_unit_test(an_answer_may_come_beside_the_body),
		cmocka_unit_test(a_paused_call_is_not_read),
		cmocka_unit_test(output_that_is_blocked_drains),
		cmocka_unit_test(the_owner_may_break_off),
		cmocka_unit_test(silence_has_a_limit),
		cmocka_unit_test(a_trickle_has_a_limit),
		cmocka_unit_test(what_the_owner_takes_is_not_the_servers_time),
		cmocka_unit_test(every_allocation_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
