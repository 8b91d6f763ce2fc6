#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "base/alloc.h"
#include "base/status.h"
#include "client/route.h"

#define S(text) PL_SLICE(text)

static void a_copy_stands_by_itself(void **state)
{
	/* On the heap, so that what is not copied shows. */
	char *text = malloc(16);
	const pl_client_place places[] = {
		{ .host = { text, 1 }, .port = 1, .target = { text, 2 } },
		{ .host = { text + 1, 1 }, .port = 2 }
	};
	const pl_http_field field = { { text + 2, 1 }, { text + 3, 1 } };
	const pl_http_field secret = { { text + 4, 1 }, { text + 5, 1 } };
	const pl_slice protocols[] = { { text + 6, 1 }, { text + 7, 2 } };
	const pl_connector_proxy proxy = { .kind = PL_PROXY_SOCKS5,
					   .host = { text + 9, 1 },
					   .port = 3,
					   .user = { text + 10, 1 },
					   .password = { text + 11, 1 } };
	const pl_client_route route = { .places = places,
					.place_count = 2,
					.server_name = { text + 12, 1 },
					.proxy = &proxy,
					.origin = { text + 13, 1 },
					.protocols = protocols,
					.protocol_count = 2,
					.fields = &field,
					.field_count = 1,
					.secrets = &secret,
					.secret_count = 1 };
	pl_client_route *copy;

	(void)state;
	memcpy(text, "/abcdefghijklmno", 16);
	copy = pl_route_copy(&route);
	assert_non_null(copy);
	free(text);
	assert_true(pl_slice_equal(copy->places[0].target, S("/a")));
	assert_true(pl_slice_equal(copy->places[1].host, S("a")));
	assert_int_equal(copy->places[1].port, 2);
	assert_true(pl_slice_equal(copy->fields[0].value, S("c")));
	assert_true(pl_slice_equal(copy->secrets[0].name, S("d")));
	assert_true(pl_slice_equal(copy->protocols[1], S("gh")));
	assert_true(pl_slice_equal(copy->proxy->host, S("i")));
	assert_true(pl_slice_equal(copy->proxy->password, S("k")));
	assert_int_equal(copy->proxy->port, 3);
	assert_true(pl_slice_equal(copy->server_name, S("l")));
	assert_true(pl_slice_equal(copy->origin, S("m")));
	pl_route_free(copy);
	pl_route_free(NULL);
	pl_alloc_fail_at(1);
	assert_null(pl_route_copy(&route));
	pl_alloc_fail_at(0);
}

static void expect(const pl_client_route *route, const char *problem)
{
	const char *found = pl_client_route_problem(route);

	if (problem)
		assert_string_equal(found ? found : "none", problem);
	else
		assert_null(found);
}

static void problems_are_told(void **state)
{
	static const char unsendable[] = "the target, the origin, a subprotocol or a field of the "
					 "handshake cannot be sent";
	pl_client_place place = { .host = S("a.example") };
	pl_http_field field = { S("X-A"), S("b") };
	pl_client_route route = { .places = &place };
	pl_slice protocol = S("a b");

	(void)state;
	expect(&route, "there is no place to connect to");
	route.place_count = 1;
	expect(&route, NULL);
	place.secure = true;
	expect(&route, "there is no TLS for a place that wants it");
	place.secure = false;
	place.tcp = true;
	expect(&route, "there is no port 0");
	place.tcp = false;
	place.host = S("");
	expect(&route, "the host is neither a name nor an address");
	place.host = S("a");
	place.target = S("a b");
	expect(&route, unsendable);
	place.target = S("/x?y");
	route.fields = &field;
	route.field_count = 1;
	expect(&route, NULL);
	field.name = S("Host");
	expect(&route, unsendable);
	route.secrets = &field;
	route.secret_count = 1;
	route.field_count = 0;
	expect(&route, unsendable);
	field.name = S("Authorization");
	expect(&route, NULL);
	field.value = S("a\r\nb");
	expect(&route, unsendable);
	route.secret_count = 0;
	route.protocols = &protocol;
	route.protocol_count = 1;
	expect(&route, unsendable);
	protocol = S("a");
	expect(&route, NULL);
	route.origin = S("a\n");
	expect(&route, unsendable);
}

static void secrets_are_known_by_name(void **state)
{
	(void)state;
	assert_true(pl_route_secret(S("authorization")));
	assert_true(pl_route_secret(S("Cookie")));
	assert_true(pl_route_secret(S("PROXY-AUTHORIZATION")));
	assert_false(pl_route_secret(S("X-Authorization")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_copy_stands_by_itself),
		cmocka_unit_test(problems_are_told),
		cmocka_unit_test(secrets_are_known_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
