/* Heads without what is secret in them. */
#include "unit/codec/bytes.h"

#include "base/alloc.h"
#include "base/status.h"
#include "conn/head_secrets.h"

typedef struct sample {
	const char *head;
	const char *shown;
} sample;

static const sample samples[] = {
	{ "", "" },
	{ "GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\n\r\n" },
	{ "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Basic dTpw\r\nAccept: b\r\n\r\n",
	  "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: ***\r\nAccept: b\r\n\r\n" },
	{ "GET / HTTP/1.1\r\nCOOKIE:a=b\r\nproxy-authorization: x\r\nX-Auth-Token: y\r\n\r\n",
	  "GET / HTTP/1.1\r\nCOOKIE: ***\r\nproxy-authorization: ***\r\nX-Auth-Token: "
	  "***\r\n\r\n" },
	{ "HTTP/1.1 101 Switching Protocols\r\nSet-Cookie: sid=1\r\nSec-WebSocket-Accept: "
	  "a\r\n\r\n",
	  "HTTP/1.1 101 Switching Protocols\r\nSet-Cookie: ***\r\nSec-WebSocket-Accept: "
	  "a\r\n\r\n" },
	{ "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\nLocation: "
	  "/b?token=c&d=e\r\n\r\n",
	  "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\nLocation: "
	  "/b?token=***&d=e\r\n\r\n" },
	/* Queries. */
	{ "GET /a?b=c&access_token=d&e HTTP/1.1\r\n",
	  "GET /a?b=c&access_token=***&e HTTP/1.1\r\n" },
	{ "GET /?Pass%77ord=a;key=b&keys=c&token HTTP/1.1\r\n",
	  "GET /?Pass%77ord=***;key=***&keys=c&token HTTP/1.1\r\n" },
	{ "GET /?token=&a=%zz&=b&& HTTP/1.1\r\n", "GET /?token=&a=%zz&=b&& HTTP/1.1\r\n" },
	{ "GET /?code=a=b=c HTTP/1.1\r\n", "GET /?code=*** HTTP/1.1\r\n" },
	{ "GET /?to%00ken=a HTTP/1.1\r\n", "GET /?to%00ken=*** HTTP/1.1\r\n" },
	/* The manual's own. */
	{ "GET /sgc/auth/url/user/password HTTP/1.1\r\n", "GET /sgc/auth/url/*** HTTP/1.1\r\n" },
	{ "GET /sgc/auth/session/abc/tea?a=b HTTP/1.1\r\n",
	  "GET /sgc/auth/session/***?a=b HTTP/1.1\r\n" },
	{ "GET /sgc/req/auth/session/u/p HTTP/1.1\r\n",
	  "GET /sgc/req/auth/session/*** HTTP/1.1\r\n" },
	{ "GET /sgc/auth/session HTTP/1.1\r\n", "GET /sgc/auth/session HTTP/1.1\r\n" },
	{ "GET /sgc/auth/url/u/p/http://a@b/c HTTP/1.1\r\nReferer: /sgc/auth/url/u/p://a\r\n",
	  "GET /sgc/auth/url/*** HTTP/1.1\r\nReferer: /sgc/auth/url/***\r\n" },
	{ "GET /sgc/req/auth/session/u/p/sgc/auth/url/x HTTP/1.1\r\n",
	  "GET /sgc/req/auth/session/*** HTTP/1.1\r\n" },
	{ "GET /sgc/auth/url/u/p/sgc/req/auth/session/x HTTP/1.1\r\n",
	  "GET /sgc/auth/url/*** HTTP/1.1\r\n" },
	/* URLs. */
	{ "GET http://user:word@a/b HTTP/1.1\r\n", "GET http://***@a/b HTTP/1.1\r\n" },
	{ "HTTP/1.1 101 WebSocket Protocol Handshake\r\nSec-WebSocket-Location: ws://a/?sid=b\r\n",
	  "HTTP/1.1 101 WebSocket Protocol Handshake\r\nSec-WebSocket-Location: "
	  "ws://a/?sid=***\r\n" },
	{ "GET http://u:p@a/sgc/auth/url/u/p HTTP/1.1\r\nReferer: http://a/?sid=b\r\n",
	  "GET http://***@a/sgc/auth/url/*** HTTP/1.1\r\nReferer: http://a/?sid=***\r\n" },
	/* What is no head. */
	{ "GET", "GET" },
	{ "\n\n:\n", "\n\n:\n" },
	{ "GET /\r\nno colon\r\nCookie", "GET /\r\nno colon\r\nCookie" },
};

static void what_is_secret_is_not_shown(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		size_t len = strlen(samples[i].head);
		char *head = pl_alloc(len + 1); /* its end is guarded */
		pl_buffer out = { 0 };

		memcpy(head, samples[i].head, len);
		assert_int_equal(pl_head_secrets_hide(&out, pl_slice_make(head, len)), PL_OK);
		assert_int_equal(pl_buffer_append(&out, "", 1), PL_OK);
		assert_string_equal((char *)out.data, samples[i].shown);
		pl_buffer_deinit(&out);
		pl_free(head);
	}
}

/* A NUL, which no head has, does not end a secret; nor does a name without end. */
static void odd_bytes_show_nothing(void **state)
{
	static const char nul[] = "GET / HTTP/1.1\r\nCookie: a\0secret\r\n";
	char name[600] = "GET /?";
	pl_buffer out = { 0 };

	(void)state;
	assert_int_equal(pl_head_secrets_hide(&out, pl_slice_make(nul, sizeof(nul) - 1)), PL_OK);
	assert_int_equal(out.len, strlen("GET / HTTP/1.1\r\nCookie: ***\r\n"));
	out.len = 0;
	memset(name + 6, 'n', 500);
	strcpy(name + 506, "=value HTTP/1.1\r\n");
	assert_int_equal(pl_head_secrets_hide(&out, pl_slice_make(name, strlen(name))), PL_OK);
	assert_int_equal(pl_buffer_append(&out, "", 1), PL_OK);
	assert_null(strstr((char *)out.data, "value"));
	pl_buffer_deinit(&out);
}

static void it_may_lack_memory(void **state)
{
	const sample *last = &samples[17];
	int status = PL_ENOMEM;

	(void)state;
	for (uint64_t nth = 1; status; nth++) {
		pl_buffer out = { 0 };

		pl_alloc_fail_at(nth);
		status = pl_head_secrets_hide(&out, pl_slice_make(last->head, strlen(last->head)));
		pl_alloc_fail_at(0);
		assert_true(status == PL_OK || status == PL_ENOMEM);
		pl_buffer_deinit(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_secret_is_not_shown),
		cmocka_unit_test(odd_bytes_show_nothing),
		cmocka_unit_test(it_may_lack_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
