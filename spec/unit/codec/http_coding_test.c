#include "bytes.h"

#include "codec/http_coding.h"

enum {
	BR = PL_HTTP_BR,
	GZIP = PL_HTTP_GZIP,
	PLAIN = PL_HTTP_IDENTITY,
	NONE = PL_HTTP_CODINGS,
	ALL = 1 << BR | 1 << GZIP | 1 << PLAIN
};

static const struct {
	pl_slice value;
	int weight[PL_HTTP_CODINGS];
	int of_all;   /* what is chosen of all, */
	int of_gzip;  /* when there is no br, */
	int of_plain; /* or neither */
} rows[] = {
	{ BYTES(""), { 0, 0, 1 }, PLAIN, PLAIN, PLAIN },
	{ BYTES("gzip, deflate, br, zstd"), { 1000, 1000, 1 }, BR, GZIP, PLAIN },
	{ BYTES("gzip"), { 0, 1000, 1 }, GZIP, GZIP, PLAIN },
	{ BYTES("GZip"), { 0, 1000, 1 }, GZIP, GZIP, PLAIN },
	{ BYTES("x-gzip"), { 0, 1000, 1 }, GZIP, GZIP, PLAIN },
	{ BYTES("br;q=0.5, gzip;q=0.8"), { 500, 800, 1 }, GZIP, GZIP, PLAIN },
	{ BYTES("gzip;q=0"), { 0, 0, 1 }, PLAIN, PLAIN, PLAIN },
	{ BYTES("gzip;q=0.001"), { 0, 1, 1 }, GZIP, GZIP, PLAIN },
	{ BYTES("*"), { 1000, 1000, 1000 }, BR, GZIP, PLAIN },
	{ BYTES("*;q=0"), { 0, 0, 0 }, NONE, NONE, NONE },
	{ BYTES("*;q=0, gzip"), { 0, 1000, 0 }, GZIP, GZIP, NONE },
	{ BYTES("*;q=0, identity"), { 0, 0, 1000 }, PLAIN, PLAIN, PLAIN },
	{ BYTES("gzip, *;q=0.3"), { 300, 1000, 300 }, GZIP, GZIP, PLAIN },
	{ BYTES("identity;q=0"), { 0, 0, 0 }, NONE, NONE, NONE },
	{ BYTES("identity;q=0, gzip;q=0.2"), { 0, 200, 0 }, GZIP, GZIP, NONE },
	{ BYTES("identity, gzip;q=0.5"), { 0, 500, 1000 }, PLAIN, PLAIN, PLAIN },
	{ BYTES("gzip;q=1.0, identity; q=0.5, *;q=0"), { 0, 1000, 500 }, GZIP, GZIP, PLAIN },
	{ BYTES("gzip ; Q=0.25"), { 0, 250, 1 }, GZIP, GZIP, PLAIN },
	{ BYTES("gzip;q=1.000"), { 0, 1000, 1 }, GZIP, GZIP, PLAIN },
	{ BYTES("gzip;q=0."), { 0, 0, 1 }, PLAIN, PLAIN, PLAIN },
	{ BYTES("gzip;q=0.5, gzip;q=1"), { 0, 500, 1 }, GZIP, GZIP, PLAIN },
	/* Elements that are none */
	{ BYTES("gzip;q=1.001"), { 0, 0, 1 }, PLAIN, PLAIN, PLAIN },
	{ BYTES("gzip;q=2"), { 0, 0, 1 }, PLAIN, PLAIN, PLAIN },
	{ BYTES("gzip;q=-1"), { 0, 0, 1 }, PLAIN, PLAIN, PLAIN },
	{ BYTES("gzip;q=0.0001"), { 0, 0, 1 }, PLAIN, PLAIN, PLAIN },
	{ BYTES("gzip;q=.5"), { 0, 0, 1 }, PLAIN, PLAIN, PLAIN },
	{ BYTES("gzip;q="), { 0, 0, 1 }, PLAIN, PLAIN, PLAIN },
	{ BYTES("gzip;q=a"), { 0, 0, 1 }, PLAIN, PLAIN, PLAIN },
	{ BYTES("gzip;q=0x1"), { 0, 0, 1 }, PLAIN, PLAIN, PLAIN },
	{ BYTES("gzip;x=1"), { 0, 0, 1 }, PLAIN, PLAIN, PLAIN },
	{ BYTES("gzip;"), { 0, 0, 1 }, PLAIN, PLAIN, PLAIN },
	{ BYTES("gzip br"), { 0, 0, 1 }, PLAIN, PLAIN, PLAIN },
	{ BYTES("xgzip, gzipx, bro"), { 0, 0, 1 }, PLAIN, PLAIN, PLAIN },
	{ BYTES(",;q=1,,"), { 0, 0, 1 }, PLAIN, PLAIN, PLAIN },
	{ BYTES("gzip;q=9, br"), { 1000, 0, 1 }, BR, PLAIN, PLAIN },
};

static void test_weights(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char *copy = bytes_copy(rows[i].value.at, rows[i].value.len);
		pl_http_field field = { PL_SLICE("Accept-Encoding"),
					pl_slice_make(copy, rows[i].value.len) };
		pl_http_codings codings;

		pl_http_codings_decode(&codings, &field, 1);
		for (int n = 0; n < PL_HTTP_CODINGS; n++)
			if (codings.weight[n] != rows[i].weight[n])
				fail_msg("%.*s: %d is %d", (int)rows[i].value.len, rows[i].value.at,
					 n, codings.weight[n]);
		assert_int_equal(pl_http_codings_choose(&codings, ALL), rows[i].of_all);
		assert_int_equal(pl_http_codings_choose(&codings, 1 << GZIP | 1 << PLAIN),
				 rows[i].of_gzip);
		assert_int_equal(pl_http_codings_choose(&codings, 1 << PLAIN), rows[i].of_plain);
		free(copy);
	}
}

/* A list over two lines is the same list, and other fields are none of it. */
static void test_several_lines(void **state)
{
	const pl_http_field fields[] = {
		{ PL_SLICE("Accept"), PL_SLICE("br") },
		{ PL_SLICE("ACCEPT-ENCODING"), PL_SLICE("gzip;q=0.5") },
		{ PL_SLICE("TE"), PL_SLICE("br") },
		{ PL_SLICE("accept-encoding"), PL_SLICE("identity;q=0.7, gzip") },
	};
	pl_http_codings codings;

	(void)state;
	pl_http_codings_decode(&codings, fields, COUNT(fields));
	assert_int_equal(codings.weight[BR], 0);
	assert_int_equal(codings.weight[GZIP], 500);
	assert_int_equal(codings.weight[PLAIN], 700);
	pl_http_codings_decode(&codings, fields, 1);
	assert_int_equal(codings.weight[BR], 0);
	assert_int_equal(codings.weight[PLAIN], 1);
	assert_int_equal(pl_http_codings_choose(&codings, 0), NONE);
}

static void test_names(void **state)
{
	(void)state;
	assert_true(pl_slice_equal(pl_http_coding_name(PL_HTTP_BR), PL_SLICE("br")));
	assert_true(pl_slice_equal(pl_http_coding_name(PL_HTTP_GZIP), PL_SLICE("gzip")));
	assert_true(pl_slice_equal(pl_http_coding_name(PL_HTTP_IDENTITY), PL_SLICE("identity")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_weights),
		cmocka_unit_test(test_several_lines),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
