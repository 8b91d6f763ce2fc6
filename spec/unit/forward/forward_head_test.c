/* Heads of forwarded requests and responses: what goes on, what ends, what is added. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/status.h"
#include "forward/forward_head.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define OURS                                                                                       \
	"X-Forwarded-For: 192.0.2.1|X-Forwarded-Proto: http|X-Forwarded-Host: front|"              \
	"X-Forwarded-Port: 80|Forwarded: for=192.0.2.1;host=\"front\";proto=http|"                 \
	"Via: 1.1 perilune|"

static const pl_http_rules rules = { 8192, 32768, 100 };
static pl_http_request decoded;
static pl_exchange_request request;
static pl_forward_head head;
static pl_forward_client client;
static pl_forward_change change;
static char lines[65536];

static int reset(void **state)
{
	(void)state;
	client = (pl_forward_client){ .port = 80 };
	change = (pl_forward_change){ .authority = PL_SLICE("behind:81") };
	return pl_address_parse(&client.peer, "192.0.2.1") ? 0 : -1;
}

static void read_request(const char *text)
{
	size_t len = strlen(text);

	assert_int_equal(pl_http_request_decode(&decoded, &rules, text, len, 0), len);
	request = (pl_exchange_request){ .method = decoded.method,
					 .target = decoded.target,
					 .path = decoded.path,
					 .query = decoded.query,
					 .host = decoded.host,
					 .raw = pl_slice_make(text, len),
					 .minor = decoded.minor,
					 .chunked = decoded.chunked,
					 .content_length = decoded.content_length,
					 .field_count = decoded.field_count,
					 .fields = decoded.fields };
}

static const char *joined(const pl_http_field *fields, size_t count)
{
	size_t len = 0;

	lines[0] = '\0';
	for (size_t i = 0; i < count; i++)
		len += (size_t)snprintf(lines + len, sizeof(lines) - len, "%.*s: %.*s|",
					(int)fields[i].name.len, fields[i].name.at,
					(int)fields[i].value.len, fields[i].value.at);
	return lines;
}

/* The fields that are sent, and the method's place in front. */
static const char *made(const char *text)
{
	int answer;

	read_request(text);
	assert_int_equal(pl_forward_head_make(&head, &request, &change, &client, &answer), PL_OK);
	assert_null(pl_call_problem(&head.request));
	joined(head.fields, head.request.count);
	pl_forward_head_deinit(&head);
	return lines;
}

#define REQUEST(fields) "GET / HTTP/1.1\r\nHost: front\r\n" fields "\r\n"

static void what_speaks_of_the_connection_ends(void **state)
{
	static const char *const rows[] = {
		"Connection: keep-alive\r\nKeep-Alive: timeout=5\r\n",
		"Connection: close, x-one\r\nConnection: X-Two\r\nX-One: 1\r\nx-two: 2\r\n",
		"Proxy-Connection: close\r\n",
		"TE: gzip\r\nConnection: TE\r\n",
		"Trailer: x\r\n",
		"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: a\r\n",
		"Proxy-Authorization: Basic x\r\n",
		"Proxy: http://x\r\n",
		"Max-Forwards: 3\r\n",
	};
	char text[512];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		snprintf(text, sizeof(text), REQUEST("%s"), rows[i]);
		assert_string_equal(made(text), OURS);
	}
	assert_string_equal(made(REQUEST("A: 1\r\nCookie: b\r\nA: 2\r\n")),
			    "A: 1|Cookie: b|A: 2|" OURS);
}

/* D-15. */
static void who_the_client_is_cannot_be_forged(void **state)
{
	(void)state;
	assert_string_equal(
		made(REQUEST("X-Forwarded-For: 6.6.6.6\r\nx-forwarded-proto: https\r\n"
			     "X_Forwarded_For: 6.6.6.6\r\nX-Forwarded_Host: evil\r\n"
			     "Forwarded: for=6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\nX_REAL_IP: 6\r\n"
			     "X-Forwarded-User: root\r\nX-Forwarded-Port: 1\r\n")),
		OURS);
	assert_string_equal(
		made(REQUEST("Connection: X-Forwarded-For, Via, Host, Forwarded, x-forwarded-proto,"
			     " X-Forwarded-Port, X-Forwarded-Host, Content-Length\r\n")),
		OURS);
}

static void a_proxy_that_is_trusted_is_believed(void **state)
{
	(void)state;
	client.trusted = true;
	assert_string_equal(
		made(REQUEST("X-Forwarded-For: 6.6.6.6, 7.7.7.7\r\nX-Forwarded-Proto: https\r\n"
			     "X-Forwarded-Host: a.example\r\nForwarded: for=6.6.6.6\r\n"
			     "X-Forwarded-For: 8.8.8.8\r\nVia: 1.0 a\r\nX-Real-IP: 6.6.6.6\r\n")),
		"X-Forwarded-Proto: https|X-Forwarded-Host: a.example|X-Real-IP: 6.6.6.6|"
		"X-Forwarded-For: 6.6.6.6, 7.7.7.7, 8.8.8.8, 192.0.2.1|X-Forwarded-Port: 80|"
		"Forwarded: for=6.6.6.6, for=192.0.2.1;host=\"front\";proto=http|"
		"Via: 1.0 a, 1.1 perilune|");
	assert_string_equal(made(REQUEST("X-Forwarded-Proto: https\r\n"
					 "Connection: x-forwarded-proto\r\n")),
			    OURS);
	assert_string_equal(made(REQUEST("X_Forwarded_Proto: https\r\nX_Real_IP: 6.6.6.6\r\n")),
			    OURS);
}

static void the_client_of_ours(void **state)
{
	(void)state;
	client.secure = true;
	client.port = 8443;
	assert_true(pl_address_parse(&client.peer, "2001:db8::1"));
	assert_string_equal(made("GET / HTTP/1.1\r\nHost: [::1]:444\r\n\r\n"),
			    "X-Forwarded-For: 2001:db8::1|X-Forwarded-Proto: https|"
			    "X-Forwarded-Host: [::1]:444|X-Forwarded-Port: 444|"
			    "Forwarded: for=\"[2001:db8::1]\";host=\"[::1]:444\";proto=https|"
			    "Via: 1.1 perilune|");
	assert_string_equal(made("GET / HTTP/1.0\r\n\r\n"),
			    "X-Forwarded-For: 2001:db8::1|X-Forwarded-Proto: https|"
			    "X-Forwarded-Port: 8443|Forwarded: for=\"[2001:db8::1]\";proto=https|"
			    "Via: 1.0 perilune|");
}

static void what_the_application_wants(void **state)
{
	static const pl_http_field fields[] = {
		{ PL_SLICE("Authorization"), PL_SLICE("Bearer x") },
		{ PL_SLICE("Cookie"), { NULL, 0 } },
		{ PL_SLICE("x-forwarded-proto"), PL_SLICE("gopher") },
		{ PL_SLICE("X-User"), PL_SLICE("alice") },
	};

	(void)state;
	change.no_cache = true;
	change.origin = PL_SLICE("https://a.example");
	change.fields = fields;
	change.field_count = 4;
	assert_string_equal(
		made(REQUEST("Cookie: a\r\nauthorization: Basic y\r\nOrigin: null\r\n"
			     "X_User: root\r\n"
			     "Cache-Control: max-age=1\r\nPragma: x\r\n")),
		"Cache-Control: no-cache|Pragma: no-cache|Origin: https://a.example|"
		"Authorization: Bearer x|x-forwarded-proto: gopher|X-User: alice|"
		"X-Forwarded-For: 192.0.2.1|X-Forwarded-Host: front|"
		"X-Forwarded-Port: 80|"
		"Forwarded: for=192.0.2.1;host=\"front\";proto=http|Via: 1.1 perilune|");
	change = (pl_forward_change){ .authority = PL_SLICE("h"), .origin = PL_SLICE("") };
	assert_string_equal(made(REQUEST("Origin: null\r\n")), OURS);
}

static void framing(void **state)
{
	static const struct {
		const char *text;
		int64_t length;
		bool upgrade, trailers;
	} rows[] = {
		{ REQUEST(""), PL_CALL_NO_BODY, false, false },
		{ REQUEST("Content-Length: 0\r\n"), 0, false, false },
		{ REQUEST("Content-Length: 5\r\n"), 5, false, false },
		{ REQUEST("Transfer-Encoding: chunked\r\n"), PL_CALL_UNKNOWN, false, false },
		{ REQUEST("TE: gzip, trailers\r\n"), PL_CALL_NO_BODY, false, true },
		{ REQUEST("Connection: Upgrade\r\nUpgrade: WebSocket\r\n"), PL_CALL_NO_BODY, true,
		  false },
		{ REQUEST("Connection: Upgrade\r\nUpgrade: h2c\r\n"), PL_CALL_NO_BODY, false,
		  false },
		{ REQUEST("Upgrade: websocket\r\n"), PL_CALL_NO_BODY, false, false },
		{ REQUEST("Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 1\r\n"), 1,
		  false, false },
		{ "POST / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
		  PL_CALL_NO_BODY, false, false },
		{ "GET / HTTP/1.0\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
		  PL_CALL_NO_BODY, false, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		made(rows[i].text);
		assert_int_equal(head.request.length, rows[i].length);
		assert_int_equal(head.request.upgrade.len > 0, rows[i].upgrade);
		assert_int_equal(head.request.trailers, rows[i].trailers);
	}
}

static void what_is_refused(void **state)
{
	static const struct {
		const char *text;
		int status, answer;
	} rows[] = {
		{ "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", PL_ENOTSUP, 501 },
		{ "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", PL_ENOTSUP, 501 },
		{ "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", PL_EINVAL, 400 },
		{ "OPTIONS / HTTP/1.1\r\nHost: a\r\nMax-Forwards: 0\r\n\r\n", PL_ELIMIT, 200 },
		{ "GET /a/%2e%2e/b HTTP/1.1\r\nHost: a\r\n\r\n", PL_EINVAL, 400 },
		{ REQUEST("Via: 1.1 perilune, 1.1 perilune, 1.1 perilune, 1.1 perilune\r\n"
			  "Via: 1.1 perilune, 1.1 perilune, 1.1 perilune, 1.1 perilune\r\n"
			  "Via: 1.1 perilune, 1.1 perilune, 1.1 perilune, 1.1 perilune\r\n"
			  "Via: 1.1 perilune, 1.1 perilune, 1.1 perilune, 1.0 perilune\r\n"),
		  PL_ELIMIT, 508 },
	};
	int answer;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		read_request(rows[i].text);
		assert_int_equal(pl_forward_head_make(&head, &request, &change, &client, &answer),
				 rows[i].status);
		assert_int_equal(answer, rows[i].answer);
		pl_forward_head_deinit(&head);
	}
	assert_non_null(strstr(made("OPTIONS / HTTP/1.1\r\nHost: a\r\nMax-Forwards: 7\r\n\r\n"),
			       "Max-Forwards: 6|"));
}

static void the_largest_request(void **state)
{
	static char text[32768];
	static pl_http_field fields[PL_HTTP_FIELDS_MAX];
	size_t len = (size_t)snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: a\r\n");

	(void)state;
	for (int i = 0; i < PL_HTTP_FIELDS_MAX; i++)
		fields[i] = (pl_http_field){ PL_SLICE("x"), PL_SLICE("y") };
	for (int i = 0; i < 99; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "F%d: %0200d\r\n", i, i);
	snprintf(text + len, sizeof(text) - len, "\r\n");
	change.fields = fields;
	change.field_count = PL_HTTP_FIELDS_MAX;
	change.no_cache = true;
	change.origin = PL_SLICE("a");
	made(text);
	assert_true(head.request.count < PL_FORWARD_FIELDS);
}

static void no_memory(void **state)
{
	int answer;

	(void)state;
	read_request(REQUEST("Via: 1.1 a\r\n"));
	pl_alloc_fail_at(1);
	assert_int_equal(pl_forward_head_make(&head, &request, &change, &client, &answer),
			 PL_ENOMEM);
	pl_alloc_fail_at(0);
	assert_int_equal(answer, 503);
	pl_forward_head_deinit(&head);
}

/* Responses. */

static pl_http_response response;

static const char *answered(const char *text, bool trailers)
{
	pl_http_field fields[PL_HTTP_FIELDS_MAX];
	pl_buffer scratch = { 0 };
	size_t len = strlen(text);
	int count;

	assert_int_equal(pl_http_response_decode(&response, &rules, text, len, 0), len);
	count = pl_forward_response_fields(fields, &response, &change, trailers, &scratch);
	assert_true(count >= 0);
	joined(fields, (size_t)count);
	pl_buffer_deinit(&scratch);
	return lines;
}

#define RESPONSE(fields) "HTTP/1.1 200 OK\r\n" fields "\r\n"

static void responses(void **state)
{
	(void)state;
	assert_string_equal(answered(RESPONSE("Connection: X-Gone, close\r\nx-gone: 1\r\nA: b\r\n"
					      "Keep-Alive: timeout=5\r\nContent-Length: 0\r\n"
					      "Trailer: x\r\nUpgrade: h2c\r\nSet-Cookie: a\r\n"
					      "Set-Cookie: b\r\n"),
				     false),
			    "A: b|Set-Cookie: a|Set-Cookie: b|");
	assert_string_equal(
		answered(RESPONSE("Trailer: x\r\nTransfer-Encoding: chunked\r\n"), true),
		"Trailer: x|");
	assert_string_equal(answered("HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\n"
				     "Connection: upgrade\r\n\r\n",
				     false),
			    "Upgrade: websocket|");
}

static void locations(void **state)
{
	static const struct {
		const char *base, *strip, *from, *to;
	} rows[] = {
		{ "", "", "http://behind:81/a?b", "/a?b" },
		{ "", "", "https://BEHIND:81", "/" },
		{ "", "", "http://behind:81?a", "/?a" },
		{ "", "", "http://behind:810/a", "http://behind:810/a" },
		{ "", "", "http://behind:81.evil/a", "http://behind:81.evil/a" },
		{ "", "", "http://behind:81//evil/a", "http://behind:81//evil/a" },
		{ "", "", "//evil/a", "//evil/a" },
		{ "", "", "https://elsewhere/a", "https://elsewhere/a" },
		{ "", "", "/a", "/a" },
		{ "", "", "a", "a" },
		{ "/v1", "/api", "/v1/a", "/api/a" },
		{ "/v1", "/api/", "http://behind:81/v1/a", "/api/a" },
		{ "/v1", "/api", "/v1", "/api/" },
		{ "/v1", "/api", "/v12/a", "/v12/a" },
		{ "/v1", "", "/v1/a", "/a" },
		{ "/v1", "", "/v1//evil/a", "/v1//evil/a" },
		{ "/v1", "", "/v1/\\evil/a", "/v1/\\evil/a" },
		{ "/v1", "", "http://behind:81/v1//evil", "http://behind:81/v1//evil" },
		{ "/v1", "/api", "/v1//evil/a", "/api//evil/a" },
		{ "", "", "http://behind:81/\\evil", "http://behind:81/\\evil" },
		{ "", "", "http://behind:81/\t/evil", "http://behind:81/\t/evil" },
		{ "", "/api", "/a", "/api/a" },
		{ "", "", "", "" },
	};
	char text[512], expected[512];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		change.base = pl_slice_make(rows[i].base, strlen(rows[i].base));
		change.strip = pl_slice_make(rows[i].strip, strlen(rows[i].strip));
		snprintf(text, sizeof(text), RESPONSE("Location: %s\r\n"), rows[i].from);
		snprintf(expected, sizeof(expected), "Location: %s|", rows[i].to);
		assert_string_equal(answered(text, false), expected);
	}
}

static void heads_of_tunnels(void **state)
{
	pl_buffer out = { 0 };

	(void)state;
	answered("HTTP/1.1 101 x\r\nConnection: Upgrade, X-Gone\r\nX-Gone: 1\r\n"
		 "Upgrade: websocket\r\nSec-WebSocket-Accept: a\r\nContent-Length: 5\r\n\r\n",
		 false);
	assert_int_equal(pl_forward_changed_head(&out, &response), PL_OK);
	assert_int_equal(pl_buffer_append(&out, "", 1), PL_OK);
	assert_string_equal((char *)out.data,
			    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
			    "Connection: Upgrade\r\nSec-WebSocket-Accept: a\r\n\r\n");
	pl_buffer_deinit(&out);
}

static void trailers(void **state)
{
	pl_http_field fields[PL_HTTP_FIELDS_MAX];
	static char many[PL_HTTP_FIELDS_MAX * 12];

	(void)state;
	joined(fields, pl_forward_trailers(fields, PL_SLICE("A: b\r\nC:\td \r\nE:\r\n\r\n")));
	assert_string_equal(lines, "A: b|C: d|E: |");
	assert_int_equal(pl_forward_trailers(fields, PL_SLICE("\r\n")), 0);
	assert_int_equal(pl_forward_trailers(fields, PL_SLICE("")), 0);
	for (int i = 0; i < 2 * PL_HTTP_FIELDS_MAX; i++)
		strcat(many, "a:b\r\n");
	assert_int_equal(pl_forward_trailers(fields, pl_slice_make(many, strlen(many))),
			 PL_HTTP_FIELDS_MAX);
}

#define TEST(name) cmocka_unit_test_setup(name, reset)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_speaks_of_the_connection_ends),
		TEST(who_the_client_is_cannot_be_forged),
		TEST(a_proxy_that_is_trusted_is_believed),
		TEST(the_client_of_ours),
		TEST(what_the_application_wants),
		TEST(framing),
		TEST(what_is_refused),
		TEST(the_largest_request),
		TEST(no_memory),
		TEST(responses),
		TEST(locations),
		TEST(heads_of_tunnels),
		TEST(trailers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
