#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "base/alloc.h"
#include "base/status.h"
#include "client/place.h"

static pl_client_place at(const char *host, uint16_t port, bool secure, const char *target)
{
	return (pl_client_place){ .host = pl_slice_make(host, strlen(host)),
				  .port = port,
				  .secure = secure,
				  .target = pl_slice_make(target, strlen(target)) };
}

static void a_host_field_names_the_port_that_is_not_the_schemes(void **state)
{
	static const struct {
		const char *host;
		uint16_t port;
		bool secure, always;
		const char *authority;
	} cases[] = {
		{ "a.example", 0, false, false, "a.example" },
		{ "a.example", 80, false, false, "a.example" },
		{ "a.example", 443, true, false, "a.example" },
		{ "a.example", 443, false, false, "a.example:443" },
		{ "a.example", 80, true, false, "a.example:80" },
		{ "a.example", 0, true, true, "a.example:443" },
		{ "::1", 0, false, false, "[::1]" },
		{ "[::1]", 8080, false, false, "[::1]:8080" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		pl_client_place place = at(cases[i].host, cases[i].port, cases[i].secure, "");
		char text[PL_PLACE_TEXT];
		pl_buffer out = { 0 };

		assert_int_equal(pl_place_authority(&place, cases[i].always, &out), PL_OK);
		assert_string_equal((char *)out.data, cases[i].authority);
		pl_buffer_deinit(&out);
		pl_place_text(text, place.host, 1);
		assert_string_equal(text, place.host.at[0] == 'a' ? "a.example:1" : "[::1]:1");
	}
}

static void tcp_has_no_port_of_its_own(void **state)
{
	pl_client_place place = at("a", 0, true, "");

	(void)state;
	assert_int_equal(pl_place_port(&place), 443);
	place.tcp = true;
	assert_int_equal(pl_place_port(&place), 0);
}

static void origins(void **state)
{
	pl_client_place a = at("a.example", 0, false, "/x"), b = at("A.Example", 80, false, "/y");

	(void)state;
	assert_true(pl_place_same_origin(&a, &b));
	b.secure = true;
	assert_false(pl_place_same_origin(&a, &b));
	b = at("a.example", 81, false, "");
	assert_false(pl_place_same_origin(&a, &b));
	b = at("b.example", 0, false, "");
	assert_false(pl_place_same_origin(&a, &b));
	a = at("[::1]", 0, false, "");
	b = at("::1", 80, false, "");
	assert_true(pl_place_same_origin(&a, &b));
}

/* "host port secure target", or the reason. */
static const char *follow(const char *head)
{
	const pl_http_rules rules = { 1000, 10000, 100 };
	const pl_client_place from = at("a.example", 8080, true, "/b/c?d");
	static char outcome[512];
	static pl_http_response response;
	pl_client_place to;
	pl_buffer url = { 0 };
	const char *why;
	int status;

	assert_true(pl_http_response_decode(&response, &rules, head, strlen(head), 0) > 0);
	assert_true(pl_place_redirects(&response));
	status = pl_place_redirect(&to, &url, &from, &response, &why);
	assert_int_equal(status, why ? PL_EPROTO : PL_OK);
	if (why)
		snprintf(outcome, sizeof(outcome), "%s", why);
	else
		snprintf(outcome, sizeof(outcome), "%.*s %u %d %.*s", (int)to.host.len, to.host.at,
			 to.port, to.secure, (int)to.target.len, to.target.at);
	pl_buffer_deinit(&url);
	return outcome;
}

#define HEAD(location) "HTTP/1.1 301 Moved\r\nLocation: " location "\r\n\r\n"

static void a_location_is_followed(void **state)
{
	static const struct {
		const char *head;
		const char *outcome;
	} cases[] = {
		{ HEAD("ws://b.example/x"), "b.example 0 0 /x" },
		{ HEAD("wss://b.example:9"), "b.example 9 1 " },
		{ HEAD("HTTPS://b.example/"), "b.example 0 1 /" },
		{ HEAD("http://b.example?q#f"), "b.example 0 0 /?q" },
		{ HEAD("http://[::1]:1?q"), "::1 1 0 /?q" },
		{ HEAD("/x"), "a.example 8080 1 /x" },
		{ HEAD("x?y#z"), "a.example 8080 1 /b/x?y" },
		{ HEAD("//c.example/x"), "c.example 0 1 /x" },
		{ HEAD("../../x"), "a.example 8080 1 /x" },
		{ HEAD("?x"), "a.example 8080 1 /b/c?x" },
		{ HEAD("ftp://b.example/"),
		  "the redirect leads to a scheme that is no WebSocket's" },
		{ HEAD("http://user@b.example/"), "the redirect's Location has a user" },
		{ HEAD("http:///x"), "the redirect's Location is no URL" },
		{ HEAD("http://b.example/ x"), "the redirect's Location is no URL" },
		{ HEAD("http://b.example:99999/"), "the redirect's Location is no URL" },
		{ HEAD("mailto:x"), "the redirect's Location is no URL" },
		{ "HTTP/1.1 302 Found\r\n\r\n", "the redirect has no Location" },
		{ "HTTP/1.1 307 X\r\nLocation: /a\r\nLocation: /a\r\n\r\n",
		  "the redirect has several Locations" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(follow(cases[i].head), cases[i].outcome);
}

static void only_some_answers_redirect(void **state)
{
	static const int codes[] = { 101, 200, 300, 304, 305, 306, 400, 401 };
	pl_http_response response = { .status = 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		response.status = codes[i];
		assert_false(pl_place_redirects(&response));
	}
}

static void without_memory_it_does_not_follow(void **state)
{
	const pl_http_field location = { PL_SLICE("Location"), PL_SLICE("http://b.example?q") };
	pl_http_response response = { .status = 302, .field_count = 1 };
	const pl_client_place from = at("a.example", 0, false, "/");
	const char *why;
	pl_client_place to;

	(void)state;
	response.fields[0] = location;
	for (uint64_t nth = 1;; nth++) {
		pl_buffer url = { 0 };
		int status;

		pl_alloc_fail_at(nth);
		status = pl_place_redirect(&to, &url, &from, &response, &why);
		pl_alloc_fail_at(0);
		pl_buffer_deinit(&url);
		if (status == PL_OK) {
			assert_true(nth > 1);
			return;
		}
		assert_int_equal(status, PL_ENOMEM);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_host_field_names_the_port_that_is_not_the_schemes),
		cmocka_unit_test(tcp_has_no_port_of_its_own),
		cmocka_unit_test(origins),
		cmocka_unit_test(a_location_is_followed),
		cmocka_unit_test(only_some_answers_redirect),
		cmocka_unit_test(without_memory_it_does_not_follow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
