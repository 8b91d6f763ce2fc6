#include "bytes.h"

#include <stdio.h>

#include "base/status.h"
#include "codec/http_head.h"

#define GET "GET / HTTP/1.1\r\nHost: a\r\n"
#define END "\r\n"
#define WITH(fields) GET fields END
#define HOST(value) "GET / HTTP/1.1\r\nHost:" value "\r\n\r\n"
#define TARGET(target) "GET " target " HTTP/1.1\r\nHost: a\r\n\r\n"

static const pl_http_rules standard = { 8192, 32768, 100 };

static const struct {
	int status;
	pl_slice bytes;
} refused[] = {
	/* The request line: method */
	{ 400, BYTES(" GET / HTTP/1.1\r\nHost: a\r\n\r\n") },
	{ 400, BYTES("G(T / HTTP/1.1\r\nHost: a\r\n\r\n") },
	{ 400, BYTES("G\xC3\x89T / HTTP/1.1\r\nHost: a\r\n\r\n") },
	{ 400, BYTES("GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n") },
	{ 400, BYTES("GET\r\n\r\n") },
	{ 400, BYTES("GET\0 / HTTP/1.1\r\nHost: a\r\n\r\n") },
	{ 400, BYTES("\x16\x03\x01\x02") },
	{ 400, BYTES("\0") },
	/* Target */
	{ 400, BYTES("GET  / HTTP/1.1\r\nHost: a\r\n\r\n") },
	{ 400, BYTES("GET /  HTTP/1.1\r\nHost: a\r\n\r\n") },
	{ 400, BYTES("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n") },
	{ 400, BYTES("GET HTTP/1.1\r\nHost: a\r\n\r\n") },
	{ 400, BYTES("GET /\r\n\r\n") },
	{ 400, BYTES("GET /\r\nHost: a\r\n\r\n") },
	{ 400, BYTES(TARGET("a")) },
	{ 400, BYTES(TARGET("?a")) },
	{ 400, BYTES(TARGET("/#a")) },
	{ 400, BYTES(TARGET("/a?b#")) },
	{ 400, BYTES(TARGET("/\xC3\xA9")) },
	{ 400, BYTES(TARGET("/\x7F")) },
	{ 400, BYTES(TARGET("/\t")) },
	{ 400, BYTES(TARGET("/\0")) },
	{ 400, BYTES(TARGET("/\n")) },
	{ 400, BYTES(TARGET("/\r")) },
	{ 400, BYTES(TARGET("*")) },
	{ 400, BYTES("OPTIONS ** HTTP/1.1\r\nHost: a\r\n\r\n") },
	{ 400, BYTES("OPTIONS *?a HTTP/1.1\r\nHost: a\r\n\r\n") },
	{ 400, BYTES(TARGET("a:80")) },
	{ 400, BYTES(TARGET("http:/a/")) },
	{ 400, BYTES(TARGET("http:a/")) },
	{ 400, BYTES(TARGET("http")) },
	{ 400, BYTES(TARGET("http:")) },
	{ 400, BYTES(TARGET("http:/")) },
	{ 400, BYTES(TARGET("http://")) },
	{ 400, BYTES(TARGET("http:///a")) },
	{ 400, BYTES(TARGET("http://?a")) },
	{ 400, BYTES(TARGET("://a/")) },
	{ 400, BYTES(TARGET("ftp://a/")) },
	{ 400, BYTES(TARGET("httpx://a/")) },
	{ 400, BYTES(TARGET("file:///etc/passwd")) },
	{ 400, BYTES(TARGET("http://user@a/")) },
	{ 400, BYTES(TARGET("http://user:pass@a/")) },
	{ 400, BYTES(TARGET("http://a:b/")) },
	{ 400, BYTES(TARGET("http://a:65536/")) },
	{ 400, BYTES(TARGET("http://[::1/")) },
	{ 400, BYTES(TARGET("http://a\\b/")) },
	{ 400, BYTES("CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n") },
	{ 400, BYTES("CONNECT a HTTP/1.1\r\nHost: a\r\n\r\n") },
	{ 400, BYTES("CONNECT a: HTTP/1.1\r\nHost: a\r\n\r\n") },
	{ 400, BYTES("CONNECT :80 HTTP/1.1\r\nHost: a\r\n\r\n") },
	{ 400, BYTES("CONNECT [::1] HTTP/1.1\r\nHost: a\r\n\r\n") },
	{ 400, BYTES("CONNECT a:80/ HTTP/1.1\r\nHost: a\r\n\r\n") },
	{ 400, BYTES("CONNECT http://a:80/ HTTP/1.1\r\nHost: a\r\n\r\n") },
	{ 400, BYTES("CONNECT * HTTP/1.1\r\nHost: a\r\n\r\n") },
	/* Version */
	{ 400, BYTES("GET / http/1.1\r\nHost: a\r\n\r\n") },
	{ 400, BYTES("GET / HTTP/1\r\nHost: a\r\n\r\n") },
	{ 400, BYTES("GET / HTTP/1.x\r\nHost: a\r\n\r\n") },
	{ 400, BYTES("GET / HTTP/!.1\r\nHost: a\r\n\r\n") },
	{ 400, BYTES("GET / HTTP/1./\r\nHost: a\r\n\r\n") },
	{ 400, BYTES("GET / HTTP/1,1\r\nHost: a\r\n\r\n") },
	{ 400, BYTES("GET / HTTP/01.1\r\nHost: a\r\n\r\n") },
	{ 400, BYTES("GET / HTTP/1.10\r\nHost: a\r\n\r\n") },
	{ 400, BYTES("GET / HTTP/1.1 \r\nHost: a\r\n\r\n") },
	{ 400, BYTES("GET / HTTP/1.1\t\r\nHost: a\r\n\r\n") },
	{ 400, BYTES("GET / HTTP/1.1\0\r\nHost: a\r\n\r\n") },
	{ 400, BYTES("GET / HTTPS/1.1\r\nHost: a\r\n\r\n") },
	{ 400, BYTES("GET / RTSP/1.0\r\nHost: a\r\n\r\n") },
	{ 505, BYTES("GET / HTTP/0.9\r\nHost: a\r\n\r\n") },
	{ 505, BYTES("GET / HTTP/1.2\r\nHost: a\r\n\r\n") },
	{ 505, BYTES("GET / HTTP/2.0\r\nHost: a\r\n\r\n") },
	{ 505, BYTES("GET / HTTP/3.1\r\nHost: a\r\n\r\n") },
	{ 505, BYTES("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") },
	/* Ends of lines */
	{ 400, BYTES("GET / HTTP/1.1\nHost: a\r\n\r\n") },
	{ 400, BYTES("GET / HTTP/1.1\nHost: a\n\n") },
	{ 400, BYTES("GET / HTTP/1.1\rHost: a\r\r") },
	{ 400, BYTES("GET / HTTP/1.1\r\r\nHost: a\r\n\r\n") },
	{ 400, BYTES("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n") },
	{ 400, BYTES("\rGET / HTTP/1.1\r\nHost: a\r\n\r\n") },
	{ 400, BYTES("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n") },
	{ 400, BYTES("\r\n\nGET / HTTP/1.1\r\nHost: a\r\n\r\n") },
	{ 400, BYTES("GET / HTTP/1.1\r\nHost: a\n\r\n") },
	{ 400, BYTES("GET / HTTP/1.1\r\nHost: a\r\r\n") },
	{ 400, BYTES(GET "\n") },
	{ 400, BYTES(GET "\rX") },
	{ 400, BYTES(GET "\r\r\n") },
	{ 400, BYTES(WITH("A: b\nB: c\r\n")) },
	{ 400, BYTES(WITH("A: b\rB: c\r\n")) },
	{ 400, BYTES(WITH("A: b\r\r\n")) },
	{ 400, BYTES(WITH("A: b\n\r\n")) },
	/* Field names (RFC 9112 5.1) and folding (5.2) */
	{ 400, BYTES(WITH(": b\r\n")) },
	{ 400, BYTES(WITH("A : b\r\n")) },
	{ 400, BYTES(WITH("A\t: b\r\n")) },
	{ 400, BYTES(WITH("A\r\n")) },
	{ 400, BYTES(WITH("A b: c\r\n")) },
	{ 400, BYTES(WITH("A(: b\r\n")) },
	{ 400, BYTES(WITH("A\0: b\r\n")) },
	{ 400, BYTES(WITH("\xC3\xA9: b\r\n")) },
	{ 400, BYTES(WITH(" A: b\r\n")) },
	{ 400, BYTES(WITH("A: b\r\n c\r\n")) },
	{ 400, BYTES(WITH("A: b\r\n\tc\r\n")) },
	{ 400, BYTES(WITH("A: b\r\n \r\n")) },
	{ 400, BYTES("GET / HTTP/1.1\r\n Host: a\r\n\r\n") },
	/* Field values */
	{ 400, BYTES(WITH("A: \0\r\n")) },
	{ 400, BYTES(WITH("A: b\0c\r\n")) },
	{ 400, BYTES(WITH("A: b\x1B[31m\r\n")) },
	{ 400, BYTES(WITH("A: b\x08\r\n")) },
	{ 400, BYTES(WITH("A: b\x0B\r\n")) },
	{ 400, BYTES(WITH("A: b\x7F\r\n")) },
	/* Host (RFC 9112 3.2) */
	{ 400, BYTES("GET / HTTP/1.1\r\n\r\n") },
	{ 400, BYTES("GET / HTTP/1.1\r\nHosts: a\r\n\r\n") },
	{ 400, BYTES("GET http://a/ HTTP/1.1\r\n\r\n") },
	{ 400, BYTES("GET http://a/ HTTP/1.1\r\nHost: b@c\r\n\r\n") },
	{ 400, BYTES(WITH("Host: a\r\n")) },
	{ 400, BYTES(WITH("hOST: b\r\n")) },
	{ 400, BYTES("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n") },
	{ 400, BYTES("GET / HTTP/1.0\r\nHost: a b\r\n\r\n") },
	{ 400, BYTES(HOST("")) },
	{ 400, BYTES(HOST(" ")) },
	{ 400, BYTES(HOST(" a b")) },
	{ 400, BYTES(HOST(" a, b")) },
	{ 400, BYTES(HOST(" a/b")) },
	{ 400, BYTES(HOST(" user@a")) },
	{ 400, BYTES(HOST(" a:x")) },
	{ 400, BYTES(HOST(" :80")) },
	{ 400, BYTES(HOST(" ::1")) },
	{ 400, BYTES(HOST(" http://a")) },
	{ 400, BYTES(HOST(" \xC3\xA9")) },
	/* Content-Length (RFC 9110 8.6) */
	{ 400, BYTES(WITH("Content-Length:\r\n")) },
	{ 400, BYTES(WITH("Content-Length: \t\r\n")) },
	{ 400, BYTES(WITH("Content-Length: a\r\n")) },
	{ 400, BYTES(WITH("Content-Length: +5\r\n")) },
	{ 400, BYTES(WITH("Content-Length: -5\r\n")) },
	{ 400, BYTES(WITH("Content-Length: 0x5\r\n")) },
	{ 400, BYTES(WITH("Content-Length: 5 5\r\n")) },
	{ 400, BYTES(WITH("Content-Length: 5.0\r\n")) },
	{ 400, BYTES(WITH("Content-Length: 5,\r\n")) },
	{ 400, BYTES(WITH("Content-Length: 5, 5\r\n")) },
	{ 400, BYTES(WITH("Content-Length: 5, 6\r\n")) },
	{ 400, BYTES(WITH("Content-Length: \"5\"\r\n")) },
	{ 400, BYTES(WITH("Content-Length: 9223372036854775808\r\n")) },
	{ 400, BYTES(WITH("Content-Length: 18446744073709551616\r\n")) },
	{ 400, BYTES(WITH("Content-Length: 18446744073709551621\r\n")) },
	{ 400, BYTES(WITH("Content-Length: 5\r\nContent-Length: 6\r\n")) },
	{ 400, BYTES(WITH("Content-Length: 5\r\ncontent-length: 5\r\n")) },
	{ 400, BYTES(WITH("Content-Length: 0\r\nContent-Length: 0\r\n")) },
	/* Transfer-Encoding (RFC 9112 6.1, 6.3) */
	{ 400, BYTES(WITH("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n")) },
	{ 400, BYTES(WITH("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n")) },
	{ 400, BYTES(WITH("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n")) },
	{ 400, BYTES(WITH("Transfer-Encoding:\r\n")) },
	{ 400, BYTES(WITH("Transfer-Encoding: ,\r\n")) },
	{ 400, BYTES(WITH("Transfer-Encoding: xchunked\r\n")) },
	{ 400, BYTES(WITH("Transfer-Encoding: chunkedx\r\n")) },
	{ 400, BYTES(WITH("Transfer-Encoding: chunked x\r\n")) },
	{ 400, BYTES(WITH("Transfer-Encoding: \"chunked\"\r\n")) },
	{ 400, BYTES(WITH("Transfer-Encoding: chunked;a=b\r\n")) },
	{ 400, BYTES(WITH("Transfer-Encoding: \x0B"
			  "chunked\r\n")) },
	{ 400, BYTES(WITH("Transfer-Encoding: identity\r\n")) },
	{ 400, BYTES(WITH("Transfer-Encoding: gzip\r\n")) },
	{ 400, BYTES(WITH("Transfer-Encoding: chunked, identity\r\n")) },
	{ 400, BYTES(WITH("Transfer-Encoding: chunked, gzip\r\n")) },
	{ 400, BYTES(WITH("Transfer-Encoding: chunked, chunked\r\n")) },
	{ 400, BYTES(WITH("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n")) },
	{ 400, BYTES(WITH("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n")) },
	{ 400, BYTES("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n") },
	{ 501, BYTES(WITH("Transfer-Encoding: gzip, chunked\r\n")) },
	{ 501, BYTES(WITH("Transfer-Encoding: identity, chunked\r\n")) },
	/* Expect (RFC 9110 10.1.1) */
	{ 417, BYTES(WITH("Expect: 200-ok\r\n")) },
	{ 417, BYTES(WITH("Expect: 100-continue, x\r\n")) },
	{ 417, BYTES("GET / HTTP/1.0\r\nExpect: x\r\n\r\n") },
};

typedef struct outcome {
	pl_slice method, path, query, host;
	uint8_t minor;
	bool close;
	bool chunked;
	bool expect;
	int64_t length;
	size_t fields;
} outcome;

#define NONE                                                                                       \
	{                                                                                          \
		NULL, 0                                                                            \
	}

static const struct {
	pl_slice bytes;
	outcome outcome;
} taken[] = {
	{ BYTES("GET / HTTP/1.1\r\nHost: example.com\r\n\r\n"),
	  { BYTES("GET"), BYTES("/"), NONE, BYTES("example.com"), 1, .length = -1, .fields = 1 } },
	{ BYTES("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
	  { BYTES("GET"), BYTES("/"), NONE, BYTES("a"), 1, .length = -1, .fields = 1 } },
	{ BYTES("GET / HTTP/1.0\r\n\r\n"),
	  { BYTES("GET"), BYTES("/"), NONE, NONE, 0, true, .length = -1 } },
	{ BYTES("!#$%&'*+-.^_`|~9 / HTTP/1.1\r\nHost: a\r\n\r\n"),
	  { BYTES("!#$%&'*+-.^_`|~9"), BYTES("/"), NONE, BYTES("a"), 1, .length = -1,
	    .fields = 1 } },
	/* Origin-form */
	{ BYTES(TARGET("/a/b?c=d?e&f")),
	  { BYTES("GET"), BYTES("/a/b"), BYTES("c=d?e&f"), BYTES("a"), 1, .length = -1,
	    .fields = 1 } },
	{ BYTES(TARGET("/?")),
	  { BYTES("GET"), BYTES("/"), BYTES(""), BYTES("a"), 1, .length = -1, .fields = 1 } },
	{ BYTES(TARGET("//a//..%2f%zz\\\"<>^`{|}")),
	  { BYTES("GET"), BYTES("//a//..%2f%zz\\\"<>^`{|}"), NONE, BYTES("a"), 1, .length = -1,
	    .fields = 1 } },
	{ BYTES(TARGET("/http://b/")),
	  { BYTES("GET"), BYTES("/http://b/"), NONE, BYTES("a"), 1, .length = -1, .fields = 1 } },
	/* Absolute-form: its authority wins */
	{ BYTES(TARGET("http://b:80/c?d")),
	  { BYTES("GET"), BYTES("/c"), BYTES("d"), BYTES("b:80"), 1, .length = -1, .fields = 1 } },
	{ BYTES(TARGET("HTTPS://b")),
	  { BYTES("GET"), BYTES("/"), NONE, BYTES("b"), 1, .length = -1, .fields = 1 } },
	{ BYTES(TARGET("ws://[::1]:1?d")),
	  { BYTES("GET"), BYTES("/"), BYTES("d"), BYTES("[::1]:1"), 1, .length = -1,
	    .fields = 1 } },
	{ BYTES(TARGET("wss://b/")),
	  { BYTES("GET"), BYTES("/"), NONE, BYTES("b"), 1, .length = -1, .fields = 1 } },
	{ BYTES("GET http://b/ HTTP/1.0\r\n\r\n"),
	  { BYTES("GET"), BYTES("/"), NONE, BYTES("b"), 0, true, .length = -1 } },
	/* Asterisk-form, authority-form */
	{ BYTES("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"),
	  { BYTES("OPTIONS"), BYTES("*"), NONE, BYTES("a"), 1, .length = -1, .fields = 1 } },
	{ BYTES("CONNECT b:443 HTTP/1.1\r\nHost: a\r\n\r\n"),
	  { BYTES("CONNECT"), BYTES(""), NONE, BYTES("b:443"), 1, .length = -1, .fields = 1 } },
	{ BYTES("connect / HTTP/1.1\r\nHost: a\r\n\r\n"),
	  { BYTES("connect"), BYTES("/"), NONE, BYTES("a"), 1, .length = -1, .fields = 1 } },
	/* Host */
	{ BYTES(HOST("a:8080 \t ")),
	  { BYTES("GET"), BYTES("/"), NONE, BYTES("a:8080"), 1, .length = -1, .fields = 1 } },
	{ BYTES("GET / HTTP/1.0\r\nHOST:\t[::1]\r\n\r\n"),
	  { BYTES("GET"), BYTES("/"), NONE, BYTES("[::1]"), 0, true, .length = -1, .fields = 1 } },
	/* Connection (RFC 9112 9.3) */
	{ BYTES(WITH("Connection: close\r\n")),
	  { BYTES("GET"), BYTES("/"), NONE, BYTES("a"), 1, true, .length = -1, .fields = 2 } },
	{ BYTES(WITH("Connection: x, CLOSE ,y\r\n")),
	  { BYTES("GET"), BYTES("/"), NONE, BYTES("a"), 1, true, .length = -1, .fields = 2 } },
	{ BYTES(WITH("Connection: Upgrade\r\nConnection: close\r\n")),
	  { BYTES("GET"), BYTES("/"), NONE, BYTES("a"), 1, true, .length = -1, .fields = 3 } },
	{ BYTES(WITH("Connection: keep-alive, Upgrade\r\n")),
	  { BYTES("GET"), BYTES("/"), NONE, BYTES("a"), 1, .length = -1, .fields = 2 } },
	{ BYTES(WITH("Connection: closed\r\nX-Connection: close\r\n")),
	  { BYTES("GET"), BYTES("/"), NONE, BYTES("a"), 1, .length = -1, .fields = 3 } },
	{ BYTES("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"),
	  { BYTES("GET"), BYTES("/"), NONE, NONE, 0, .length = -1, .fields = 1 } },
	{ BYTES("GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n"),
	  { BYTES("GET"), BYTES("/"), NONE, NONE, 0, true, .length = -1, .fields = 1 } },
	{ BYTES("GET / HTTP/1.0\r\nConnection: close\r\nConnection: keep-alive\r\n\r\n"),
	  { BYTES("GET"), BYTES("/"), NONE, NONE, 0, true, .length = -1, .fields = 2 } },
	/* Framing */
	{ BYTES("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"),
	  { BYTES("POST"), BYTES("/"), NONE, BYTES("a"), 1, .length = 0, .fields = 2 } },
	{ BYTES(WITH("CONTENT-length:\t 9223372036854775807 \t\r\n")),
	  { BYTES("GET"), BYTES("/"), NONE, BYTES("a"), 1, .length = INT64_MAX, .fields = 2 } },
	{ BYTES("POST / HTTP/1.0\r\nContent-Length: 007\r\n\r\n"),
	  { BYTES("POST"), BYTES("/"), NONE, NONE, 0, true, .length = 7, .fields = 1 } },
	{ BYTES(WITH("Transfer-Encoding: chunked\r\n")),
	  { BYTES("GET"), BYTES("/"), NONE, BYTES("a"), 1, .chunked = true, .length = -1,
	    .fields = 2 } },
	{ BYTES(WITH("transfer-encoding:Chunked\r\n")),
	  { BYTES("GET"), BYTES("/"), NONE, BYTES("a"), 1, .chunked = true, .length = -1,
	    .fields = 2 } },
	/* RFC 9110 5.6.1.2: empty elements are passed over. */
	{ BYTES(WITH("Transfer-Encoding: , chunked ,\r\n")),
	  { BYTES("GET"), BYTES("/"), NONE, BYTES("a"), 1, .chunked = true, .length = -1,
	    .fields = 2 } },
	/* Expect */
	{ BYTES(WITH("Expect: 100-Continue\r\nContent-Length: 1\r\n")),
	  { BYTES("GET"), BYTES("/"), NONE, BYTES("a"), 1, .expect = true, .length = 1,
	    .fields = 3 } },
	{ BYTES(WITH("Expect:\r\n")),
	  { BYTES("GET"), BYTES("/"), NONE, BYTES("a"), 1, .length = -1, .fields = 2 } },
	{ BYTES("POST / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n"),
	  { BYTES("POST"), BYTES("/"), NONE, NONE, 0, true, .length = -1, .fields = 1 } },
	/* Names as long as those that say something */
	{ BYTES(WITH("Most: @\r\nExpert: x\r\nconnektion: close\r\ncontent-lengti: x\r\n"
		     "transfer_encoding: x\r\n")),
	  { BYTES("GET"), BYTES("/"), NONE, BYTES("a"), 1, .length = -1, .fields = 6 } },
	/* Names and values */
	{ BYTES(WITH(
		  "A:\r\nB: \t\r\nC:d\r\nC:  d\t e \t\r\n!#$%&'*+-.^_`|~0: \"\\\xC3\xA9\xFF:\r\n")),
	  { BYTES("GET"), BYTES("/"), NONE, BYTES("a"), 1, .length = -1, .fields = 6 } },
};

static pl_http_request request;
static char *memory; /* what the slices of the request point into */

/* Decodes bytes[0..len) from memory that ends there. */
static int decode(const pl_http_rules *rules, pl_slice bytes, size_t len, size_t last)
{
	free(memory);
	memory = bytes_copy(bytes.at, len);
	return pl_http_request_decode(&request, rules, memory, len, last);
}

/* Decodes as a server that receives `first` bytes and then pieces of `step`; *len is what it had
 * when it knew. */
static int receive(const pl_http_rules *rules, pl_slice bytes, size_t first, size_t step,
		   size_t *len)
{
	size_t last = 0;
	int result;

	*len = first < bytes.len ? first : bytes.len;
	for (;;) {
		result = decode(rules, bytes, *len, last);
		if (result != 0 || *len == bytes.len)
			return result;
		last = *len;
		*len = bytes.len - *len < step ? bytes.len : *len + step;
	}
}

static int release(void **state)
{
	(void)state;
	free(memory);
	memory = NULL;
	return 0;
}

static void check_slice(pl_slice found, pl_slice expected, size_t len)
{
	assert_true(pl_slice_equal(found, expected));
	assert_int_equal(!found.at, !expected.at);
	assert_true(bytes_within(found, pl_slice_make(memory, len)));
}

static void check_outcome(const outcome *expected, size_t len)
{
	check_slice(request.method, expected->method, len);
	check_slice(request.path, expected->path, len);
	check_slice(request.query, expected->query, len);
	check_slice(request.host, expected->host, len);
	assert_int_equal(request.minor, expected->minor);
	assert_int_equal(request.keep_alive, !expected->close);
	assert_int_equal(request.chunked, expected->chunked);
	assert_int_equal(request.expect_continue, expected->expect);
	assert_true(request.content_length == expected->length);
	assert_int_equal(request.field_count, expected->fields);
	for (size_t i = 0; i < request.field_count; i++) {
		assert_true(bytes_within(request.fields[i].name, pl_slice_make(memory, len)));
		assert_true(bytes_within(request.fields[i].value, pl_slice_make(memory, len)));
	}
}

static void check_taken(size_t row, size_t first, size_t step)
{
	pl_slice bytes = taken[row].bytes;
	size_t len;

	memset(&request, 0xA5, sizeof(request));
	if (receive(&standard, bytes, first, step, &len) != (int)bytes.len)
		fail_msg("row %zu, cut %zu, %zu: %s", row, first, step, request.error);
	check_outcome(&taken[row].outcome, len);
}

static void test_taken(void **state)
{
	(void)state;
	for (size_t row = 0; row < COUNT(taken); row++) {
		for (size_t first = 0; first <= taken[row].bytes.len; first++)
			check_taken(row, first, taken[row].bytes.len);
		for (size_t step = 1; step < 8; step++)
			check_taken(row, step, step);
	}
}

static void test_bytes_behind_the_head_are_left(void **state)
{
	static const pl_slice bodies[] = { BYTES("\r\n"), BYTES("\0\xFF"), BYTES(WITH("")) };
	size_t len = sizeof(WITH("")) - 1;

	(void)state;
	for (size_t i = 0; i < COUNT(bodies); i++) {
		char text[128] = WITH("");
		pl_slice bytes = { text, len + bodies[i].len };

		memcpy(text + len, bodies[i].at, bodies[i].len);
		for (size_t last = 0; last < len; last++)
			assert_int_equal(decode(&standard, bytes, bytes.len, last), len);
	}
}

static void test_no_news(void **state)
{
	static const pl_slice bytes = BYTES(WITH("A: b\r\n"));

	(void)state;
	assert_int_equal(decode(&standard, bytes, 0, 0), 0);
	for (size_t len = 1; len < bytes.len; len++)
		assert_int_equal(decode(&standard, bytes, len, len), 0);
}

/* What came before `last` is looked at again only when the head ends: each byte is read twice, not
 * once for every byte behind it. */
static void test_nothing_is_read_for_every_byte(void **state)
{
	static const pl_slice bytes = BYTES("G(T / HTTP/1.1\r\nHost: a\r\nB: c\r\n\r\n");

	(void)state;
	for (size_t len = 2; len < bytes.len; len++)
		assert_int_equal(decode(&standard, bytes, len, len - 1), 0);
	assert_int_equal(decode(&standard, bytes, bytes.len, bytes.len - 1), PL_EPROTO);
	assert_int_equal(decode(&standard, bytes, 2, 0), PL_EPROTO);
}

static void check_refused(size_t row, size_t first, size_t step)
{
	size_t len;
	int result = receive(&standard, refused[row].bytes, first, step, &len);

	if (result != PL_EPROTO || request.error_status != refused[row].status)
		fail_msg("row %zu, cut %zu, %zu: %d, %d", row, first, step, result,
			 request.error_status);
	assert_non_null(request.error);
}

static void test_refused(void **state)
{
	(void)state;
	for (size_t row = 0; row < COUNT(refused); row++) {
		for (size_t first = 0; first <= refused[row].bytes.len; first++)
			check_refused(row, first, refused[row].bytes.len);
		for (size_t step = 1; step < 8; step++)
			check_refused(row, step, step);
	}
}

static void test_fields(void **state)
{
	static const struct {
		pl_slice name, value;
	} expected[] = {
		{ BYTES("A"), BYTES("") },
		{ BYTES("B"), BYTES("") },
		{ BYTES("C"), BYTES("d") },
		{ BYTES("C"), BYTES("d\t e") },
		{ BYTES("!#$%&'*+-.^_`|~0"), BYTES("\"\\\xC3\xA9\xFF:") },
	};
	pl_slice bytes = taken[COUNT(taken) - 1].bytes;

	(void)state;
	assert_int_equal(decode(&standard, bytes, bytes.len, 0), bytes.len);
	for (size_t i = 0; i < COUNT(expected); i++) {
		assert_true(pl_slice_equal(request.fields[i + 1].name, expected[i].name));
		assert_true(pl_slice_equal(request.fields[i + 1].value, expected[i].value));
		assert_non_null(request.fields[i + 1].value.at);
	}
}

/* What was wrong is known before the head is complete, and no later than it must be. */
static void test_errors_are_prompt(void **state)
{
	static const struct {
		pl_slice bytes;
		int status;
	} rows[] = {
		{ BYTES("GET / HTTP/1.1\n"), 400 }, { BYTES("GET / HTTP/1.1\rH"), 400 },
		{ BYTES("GET /\0"), 400 },	    { BYTES(GET "A: \0"), 400 },
		{ BYTES(GET "A: b\n"), 400 },	    { BYTES(GET "A: b\rc"), 400 },
		{ BYTES(GET "\rc"), 400 },	    { BYTES("\n"), 400 },
		{ BYTES("GET / \r\n\r\n"), 400 },   { BYTES("GET / HT\r\n\r\n"), 400 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		size_t len;

		assert_int_equal(receive(&standard, rows[i].bytes, 1, 1, &len), PL_EPROTO);
		assert_int_equal(len, rows[i].bytes.len);
		assert_int_equal(request.error_status, rows[i].status);
	}
}

/* Whether `bytes` is taken whole and in all pieces, or gives this status in all of them. */
static void check_limits(const pl_http_rules *rules, pl_slice bytes, int status)
{
	for (size_t first = 0; first <= bytes.len; first++) {
		size_t len;
		int result = receive(rules, bytes, first, first < 8 ? first + 1 : bytes.len, &len);

		if (status == 0 ? result != (int)bytes.len
				: result != PL_EPROTO || request.error_status != status)
			fail_msg("%zu, %zu, %zu: cut %zu gave %d", rules->max_line,
				 rules->max_block, rules->max_fields, first, result);
	}
}

static void test_limits(void **state)
{
	static const pl_slice bytes = BYTES("GET /abc HTTP/1.1\r\nHost: a\r\nB: cd\r\n\r\n");
	static const pl_slice crlf = BYTES("\r\nGET /abc HTTP/1.1\r\nHost: a\r\nB: cd\r\n\r\n");
	enum { LINE = 17, BLOCK = 18, FIELDS = 2 };

	(void)state;
	check_limits(&(pl_http_rules){ LINE, BLOCK, FIELDS }, bytes, 0);
	check_limits(&(pl_http_rules){ LINE, BLOCK, FIELDS }, crlf, 0);
	for (size_t line = 0; line < LINE; line++) {
		check_limits(&(pl_http_rules){ line, BLOCK, FIELDS }, bytes, 414);
		check_limits(&(pl_http_rules){ line, BLOCK, FIELDS }, crlf, 414);
	}
	for (size_t block = 0; block < BLOCK; block++)
		check_limits(&(pl_http_rules){ LINE, block, FIELDS }, bytes, 431);
	for (size_t fields = 0; fields < FIELDS; fields++)
		check_limits(&(pl_http_rules){ LINE, BLOCK, fields }, bytes, 431);
	check_limits(&(pl_http_rules){ LINE, BLOCK, SIZE_MAX }, bytes, 0);
}

/* At the limit there is a verdict, whether or not the head ever ends. */
static void test_limits_without_end(void **state)
{
	static const pl_http_rules rules = { 64, 100, 100 };
	char text[512];
	size_t len, line_end = sizeof(GET) - 1;

	(void)state;
	memset(text, 'a', sizeof(text));
	assert_int_equal(receive(&rules, pl_slice_make(text, sizeof(text)), 1, 1, &len), PL_EPROTO);
	assert_int_equal(request.error_status, 414);
	assert_string_equal(request.error, "request line is too long");
	assert_int_equal(len, 64 + 2);

	memcpy(text, GET, line_end);
	assert_int_equal(receive(&rules, pl_slice_make(text, sizeof(text)), 1, 1, &len), PL_EPROTO);
	assert_int_equal(request.error_status, 431);
	assert_string_equal(request.error, "fields are too long");
	assert_int_equal(len, sizeof("GET / HTTP/1.1\r\n") - 1 + 100);
}

/* A head of `count` fields besides Host. */
static pl_slice make_head(char *text, size_t size, size_t count)
{
	size_t len = sizeof(GET) - 1;

	memcpy(text, GET, len);
	for (size_t i = 0; i < count; i++)
		len += (size_t)snprintf(text + len, size - len, "F%zu: v%zu\r\n", i, i);
	memcpy(text + len, END, 2);
	return pl_slice_make(text, len + 2);
}

static void test_field_count(void **state)
{
	static char text[4096];
	pl_http_rules rules = { 8192, 32768, SIZE_MAX };
	pl_slice bytes = make_head(text, sizeof(text), PL_HTTP_FIELDS_MAX - 1);

	(void)state;
	assert_int_equal(decode(&rules, bytes, bytes.len, 0), bytes.len);
	assert_int_equal(request.field_count, PL_HTTP_FIELDS_MAX);
	assert_true(pl_slice_equal(request.fields[99].value, PL_SLICE("v98")));
	bytes = make_head(text, sizeof(text), PL_HTTP_FIELDS_MAX);
	assert_int_equal(decode(&rules, bytes, bytes.len, 0), PL_EPROTO);
	assert_int_equal(request.error_status, 431);
}

static void test_every_byte(void **state)
{
	(void)state;
	for (unsigned byte = 0; byte < 256; byte++) {
		char method[] = "G?T / HTTP/1.1\r\nHost: a\r\n\r\n";
		char target[] = TARGET("/?");
		char name[] = WITH("A?: b\r\n");
		char value[] = WITH("A: b?c\r\n");
		bool visible = byte > 0x20 && byte < 0x7F;
		bool token = pl_http_token_valid(pl_slice_make((char[]){ (char)byte }, 1));

		method[1] = target[5] = (char)byte;
		name[sizeof(GET)] = value[sizeof(GET) + 3] = (char)byte;
		assert_int_equal(decode(&standard, PL_SLICE(""), 0, 0), 0);
		assert_int_equal(
			decode(&standard, pl_slice_make(method, sizeof(method) - 1), 27, 0) > 0,
			token);
		assert_int_equal(
			decode(&standard, pl_slice_make(target, sizeof(target) - 1), 28, 0) > 0,
			visible && byte != '#');
		assert_int_equal(decode(&standard, pl_slice_make(name, sizeof(name) - 1),
					sizeof(name) - 1, 0) > 0,
				 token || byte == ':');
		assert_int_equal(decode(&standard, pl_slice_make(value, sizeof(value) - 1),
					sizeof(value) - 1, 0) > 0,
				 visible || byte == ' ' || byte == '\t' || byte >= 0x80);
	}
}

static void test_find(void **state)
{
	static const pl_http_field fields[] = {
		{ BYTES("Accept"), BYTES("a, B ,c") }, { BYTES("X"), BYTES("first") },
		{ BYTES("x"), BYTES("second") },       { BYTES("ACCEPT"), BYTES("d") },
		{ BYTES("Empty"), BYTES("") },
	};

	(void)state;
	assert_true(
		pl_slice_equal(pl_http_field_find(fields, 5, PL_SLICE("x")), PL_SLICE("first")));
	assert_non_null(pl_http_field_find(fields, 5, PL_SLICE("EMPTY")).at);
	assert_null(pl_http_field_find(fields, 5, PL_SLICE("y")).at);
	assert_null(pl_http_field_find(fields, 0, PL_SLICE("x")).at);
	assert_null(pl_http_field_find(fields, 5, PL_SLICE("")).at);
	assert_true(pl_http_field_has(fields, 5, PL_SLICE("accept"), PL_SLICE("b")));
	assert_true(pl_http_field_has(fields, 5, PL_SLICE("accept"), PL_SLICE("D")));
	assert_false(pl_http_field_has(fields, 3, PL_SLICE("accept"), PL_SLICE("d")));
	assert_false(pl_http_field_has(fields, 5, PL_SLICE("accept"), PL_SLICE("a, B")));
	assert_false(pl_http_field_has(fields, 5, PL_SLICE("empty"), PL_SLICE("")));
	assert_false(pl_http_field_has(fields, 5, PL_SLICE("x"), PL_SLICE("firs")));
}

static void test_token_and_value(void **state)
{
	(void)state;
	assert_true(pl_http_token_valid(PL_SLICE("GET")));
	assert_false(pl_http_token_valid(PL_SLICE("")));
	assert_false(pl_http_token_valid(PL_SLICE("a b")));
	assert_false(pl_http_token_valid(PL_SLICE("a\0")));
	assert_false(pl_http_token_valid(pl_slice_make(NULL, 0)));
	assert_true(pl_http_value_valid(PL_SLICE("")));
	assert_true(pl_http_value_valid(PL_SLICE("a\t b\xC3\xA9")));
	assert_false(pl_http_value_valid(PL_SLICE("a\r\nB: c")));
	assert_false(pl_http_value_valid(PL_SLICE("a\n")));
	assert_false(pl_http_value_valid(PL_SLICE("\ra")));
	assert_false(pl_http_value_valid(PL_SLICE("a\0")));
	assert_false(pl_http_value_valid(PL_SLICE("a\x7F")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_taken),
		cmocka_unit_test(test_bytes_behind_the_head_are_left),
		cmocka_unit_test(test_no_news),
		cmocka_unit_test(test_nothing_is_read_for_every_byte),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_errors_are_prompt),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_limits_without_end),
		cmocka_unit_test(test_field_count),
		cmocka_unit_test(test_every_byte),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_token_and_value),
	};

	return cmocka_run_group_tests(tests, NULL, release);
}
