#include "bytes.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/status.h"
#include "codec/url.h"

/* "scheme|userinfo|authority|host|port|path|query|target|fragment", "-" for what is not there. */
static const char *parts_of(const pl_url *url)
{
	static char text[1024];
	const pl_slice parts[] = { url->scheme, url->userinfo, url->authority, url->host };
	const pl_slice more[] = { url->path, url->query, url->target, url->fragment };
	size_t len = 0;

	for (size_t i = 0; i < 4; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%.*s|",
					parts[i].at ? (int)parts[i].len : 1,
					parts[i].at ? parts[i].at : "-");
	len += (size_t)snprintf(text + len, sizeof(text) - len, "%u", url->port);
	for (size_t i = 0; i < 4; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "|%.*s",
					more[i].at ? (int)more[i].len : 1,
					more[i].at ? more[i].at : "-");
	return text;
}

static int decode(pl_url *url, const char *text, char **copy)
{
	size_t len = strlen(text);

	*copy = bytes_copy(text, len);
	return pl_url_decode(url, pl_slice_make(*copy, len));
}

static void urls_are_taken_apart(void **state)
{
	static const char *const rows[][2] = {
		{ "ws://a", "ws|-|a|a|0||-||-" },
		{ "WSS://example.org:8443/chat?room=1#top",
		  "WSS|-|example.org:8443|example.org|8443|/chat|room=1|/chat?room=1|top" },
		{ "http://u:p%40@[::1]:80/", "http|u:p%40|[::1]:80|::1|80|/|-|/|-" },
		{ "http://@a/", "http||a|a|0|/|-|/|-" },
		{ "http://127.0.0.1?q", "http|-|127.0.0.1|127.0.0.1|0||q|?q|-" },
		{ "http://a:/x", "http|-|a:|a|0|/x|-|/x|-" },
		{ "http://a/b?c?d/e#f?g/h", "http|-|a|a|0|/b|c?d/e|/b?c?d/e|f?g/h" },
		{ "http://a/b?", "http|-|a|a|0|/b||/b?|-" },
		{ "http://a//b/../c;d=e", "http|-|a|a|0|//b/../c;d=e|-|//b/../c;d=e|-" },
		{ "x+1.2-3://a%20b", "x+1.2-3|-|a%20b|a%20b|0||-||-" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		pl_url url;
		char *copy;

		assert_int_equal(decode(&url, rows[i][0], &copy), PL_OK);
		assert_string_equal(parts_of(&url), rows[i][1]);
		free(copy);
	}
}

static void what_is_no_url_is_refused(void **state)
{
	static const char *const rows[][2] = {
		{ "", "it has no scheme" },
		{ "/chat", "it has no scheme" },
		{ "//a/b", "it has no scheme" },
		{ "example.org/chat", "it has no scheme" },
		{ "example.org:80/chat", "it has no host: a URL is like scheme://host/path" },
		{ "mailto:a@b", "it has no host: a URL is like scheme://host/path" },
		{ "1http://a", "the scheme is malformed" },
		{ "ht tp://a", "the scheme is malformed" },
		{ "://a", "the scheme is malformed" },
		{ "http://", "host or port is malformed" },
		{ "http:///path", "host or port is malformed" },
		{ "http://:80", "host or port is malformed" },
		{ "http://a b/", "host or port is malformed" },
		{ "http://a:b/", "host or port is malformed" },
		{ "http://a:70000/", "host or port is malformed" },
		{ "http://a:0/", "the port is not from 1 to 65535" },
		{ "http://[::1/", "host or port is malformed" },
		{ "http://[1::2::3]/", "host or port is malformed" },
		{ "http://::1/", "host or port is malformed" },
		{ "http://a\\b/", "host or port is malformed" },
		{ "http://u[@a/", "user and password have a character that has to be encoded" },
		{ "http://u@v@a/", "user and password have a character that has to be encoded" },
		{ "http://a/b c", "the path has a character that has to be encoded" },
		{ "http://a/\xc3\xa4", "the path has a character that has to be encoded" },
		{ "http://a/%4", "the path has a character that has to be encoded" },
		{ "http://a/%zz", "the path has a character that has to be encoded" },
		{ "http://a/b\r\nX: y", "the path has a character that has to be encoded" },
		{ "http://a/?b\"c", "the query has a character that has to be encoded" },
		{ "http://a/#b#c", "the fragment has a character that has to be encoded" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		pl_url url;
		char *copy;

		assert_int_equal(decode(&url, rows[i][0], &copy), PL_EINVAL);
		assert_string_equal(url.error, rows[i][1]);
		free(copy);
	}
}

static void urls_are_bounded(void **state)
{
	char text[PL_URL_MAX + 1] = "http://a/";
	pl_url url;

	(void)state;
	memset(text + 9, 'x', sizeof(text) - 9);
	assert_int_equal(pl_url_decode(&url, pl_slice_make(text, PL_URL_MAX)), PL_OK);
	assert_int_equal(pl_url_decode(&url, pl_slice_make(text, sizeof(text))), PL_EINVAL);
	assert_string_equal(url.error, "it is longer than 8192 bytes");
	/* NUL is no way around anything. */
	assert_int_equal(pl_url_decode(&url, pl_slice_make("http://a\0b/", 11)), PL_EINVAL);
	assert_int_equal(pl_url_decode(&url, pl_slice_make("http://a/\0", 10)), PL_EINVAL);
}

static void schemes_have_ports(void **state)
{
	(void)state;
	assert_int_equal(pl_url_default_port(PL_SLICE("WS")), 80);
	assert_int_equal(pl_url_default_port(PL_SLICE("wss")), 443);
	assert_int_equal(pl_url_default_port(PL_SLICE("mqtts")), 8883);
	assert_int_equal(pl_url_default_port(PL_SLICE("tcp")), 0);
	assert_int_equal(pl_url_default_port(PL_SLICE("gopher")), 0);
	assert_true(pl_url_secure(PL_SLICE("HTTPS")));
	assert_true(pl_url_secure(PL_SLICE("tls")));
	assert_false(pl_url_secure(PL_SLICE("ws")));
	assert_false(pl_url_secure(PL_SLICE("gopher")));
}

/* What it comes to, or "!" when it is refused. */
static const char *resolve(const char *base, const char *reference)
{
	static char text[512];
	pl_buffer out = { 0 };
	char *base_copy;
	char *copy = bytes_copy(reference, strlen(reference));
	pl_url url;
	int status;

	assert_int_equal(decode(&url, base, &base_copy), PL_OK);
	status = pl_url_resolve(&out, &url, pl_slice_make(copy, strlen(reference)));
	snprintf(text, sizeof(text), "%.*s", (int)out.len, (const char *)out.data);
	pl_buffer_deinit(&out);
	free(copy);
	free(base_copy);
	if (status == PL_OK)
		return text;
	assert_int_equal(status, PL_EINVAL);
	assert_string_equal(text, "");
	return "!";
}

/* RFC 3986 5.4, but for "g:h", which has no authority; the last rows are ours. */
static void references_mean_what_the_rfc_says(void **state)
{
	static const char *const rows[][2] = {
		{ "g", "http://a/b/c/g" },
		{ "./g", "http://a/b/c/g" },
		{ "g/", "http://a/b/c/g/" },
		{ "/g", "http://a/g" },
		{ "//g", "http://g" },
		{ "?y", "http://a/b/c/d;p?y" },
		{ "g?y", "http://a/b/c/g?y" },
		{ "#s", "http://a/b/c/d;p?q#s" },
		{ "g#s", "http://a/b/c/g#s" },
		{ "g?y#s", "http://a/b/c/g?y#s" },
		{ ";x", "http://a/b/c/;x" },
		{ "g;x", "http://a/b/c/g;x" },
		{ "g;x?y#s", "http://a/b/c/g;x?y#s" },
		{ "", "http://a/b/c/d;p?q" },
		{ ".", "http://a/b/c/" },
		{ "./", "http://a/b/c/" },
		{ "..", "http://a/b/" },
		{ "../", "http://a/b/" },
		{ "../g", "http://a/b/g" },
		{ "../..", "http://a/" },
		{ "../../", "http://a/" },
		{ "../../g", "http://a/g" },
		{ "../../../g", "http://a/g" },
		{ "../../../../g", "http://a/g" },
		{ "/./g", "http://a/g" },
		{ "/../g", "http://a/g" },
		{ "g.", "http://a/b/c/g." },
		{ ".g", "http://a/b/c/.g" },
		{ "g..", "http://a/b/c/g.." },
		{ "..g", "http://a/b/c/..g" },
		{ "./../g", "http://a/b/g" },
		{ "./g/.", "http://a/b/c/g/" },
		{ "g/./h", "http://a/b/c/g/h" },
		{ "g/../h", "http://a/b/c/h" },
		{ "g;x=1/./y", "http://a/b/c/g;x=1/y" },
		{ "g;x=1/../y", "http://a/b/c/y" },
		{ "g?y/./x", "http://a/b/c/g?y/./x" },
		{ "g#s/../x", "http://a/b/c/g#s/../x" },
		{ "https://other.example:8443/x/../y", "https://other.example:8443/y" },
		{ "http:g", "!" },
		{ "javascript:alert(1)", "!" },
		{ "//", "!" },
		{ "//h:99999/", "!" },
		{ "/a b", "!" },
		{ "/a\r\nb", "!" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_string_equal(resolve("http://a/b/c/d;p?q", rows[i][0]), rows[i][1]);
	assert_string_equal(resolve("http://a", "g"), "http://a/g");
	assert_string_equal(resolve("http://a?q", ""), "http://a?q");
	/* Who is known there stays known there only. */
	assert_string_equal(resolve("http://u:p@a/b", "c"), "http://u:p@a/c");
	assert_string_equal(resolve("http://u:p@a/b", "//d/c"), "http://d/c");
	assert_string_equal(resolve("http://u:p@a/b", "http://a/c"), "http://a/c");
}

static void without_memory_nothing_is_added(void **state)
{
	pl_buffer out = { 0 };
	pl_url base;
	int status = PL_ENOMEM;

	(void)state;
	assert_int_equal(pl_url_decode(&base, PL_SLICE("http://a/b")), PL_OK);
	for (uint64_t nth = 1; status; nth++) {
		pl_alloc_fail_at(nth);
		status = pl_url_resolve(&out, &base, PL_SLICE("../c?d#e"));
		pl_alloc_fail_at(0);
		if (status) {
			assert_int_equal(status, PL_ENOMEM);
			assert_int_equal(out.len, 0);
			pl_buffer_deinit(&out);
		}
	}
	pl_buffer_deinit(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(urls_are_taken_apart),
		cmocka_unit_test(what_is_no_url_is_refused),
		cmocka_unit_test(urls_are_bounded),
		cmocka_unit_test(schemes_have_ports),
		cmocka_unit_test(references_mean_what_the_rfc_says),
		cmocka_unit_test(without_memory_nothing_is_added),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
