#include "unit/codec/bytes.h"

#include <stdio.h>

#include "base/status.h"
#include "server/credentials.h"

static const pl_credentials_ways all = { .basic = true, .session = true, .url = true };
static pl_credentials given;
static const char *error;

/* Of memory that ends where the texts end. */
static int read_with(const pl_credentials_ways *ways, const char *path, const char *value,
		     const char *other)
{
	char *path_copy = bytes_copy(path, strlen(path));
	char *value_copy = value ? bytes_copy(value, strlen(value)) : NULL;
	pl_http_field fields[2] = { { PL_SLICE("X"), PL_SLICE("y") } };
	pl_exchange_request request = { .path = { path_copy, strlen(path) },
					.field_count = 1,
					.fields = fields };
	int status;

	if (value)
		fields[0] = (pl_http_field){ PL_SLICE("AUTHORIZATION"),
					     pl_slice_make(value_copy, strlen(value)) };
	if (other) {
		fields[1] = (pl_http_field){ PL_SLICE("authorization"),
					     pl_slice_make(other, strlen(other)) };
		request.field_count = 2;
	}
	status = pl_credentials_read(&given, ways, &request, &error);
	assert_true(status == PL_OK || (status == PL_EPROTO && *error));
	free(path_copy);
	free(value_copy);
	return status;
}

static int read_path(const char *path)
{
	return read_with(&all, path, NULL, NULL);
}

static int read_value(const char *value)
{
	return read_with(&all, "/a", value, NULL);
}

static bool is_pair(const char *user, const char *password)
{
	return given.kind == PL_CREDENTIALS_PASSWORD &&
	       pl_slice_equal(given.user, pl_slice_make(user, strlen(user))) &&
	       pl_slice_equal(given.password, pl_slice_make(password, strlen(password)));
}

static void none_are_none(void **state)
{
	static const char *const paths[] = { "/",
					     "*",
					     "",
					     "/sgc",
					     "/sgc/auth",
					     "/sgc/auth/urls/a/b",
					     "/sgc/req/auth/sessions",
					     "/a/sgc/auth/url/a/b" };

	(void)state;
	for (size_t i = 0; i < COUNT(paths); i++) {
		assert_int_equal(read_path(paths[i]), PL_OK);
		assert_int_equal(given.kind, PL_CREDENTIALS_NONE);
		assert_int_equal(given.prefix, 0);
		assert_false(given.in_path);
		assert_false(given.wants_token);
	}
}

static void a_path_has_user_and_password(void **state)
{
	(void)state;
	assert_int_equal(read_path("/sgc/auth/url/a/b"), PL_OK);
	assert_true(is_pair("a", "b"));
	assert_int_equal(given.prefix, 17);
	assert_true(given.in_path);
	assert_int_equal(read_path("/sgc/auth/url/a%2Fb/c%20d/e/f"), PL_OK);
	assert_true(is_pair("a/b", "c d"));
	assert_int_equal(given.prefix, 25);
	assert_int_equal(read_path("/sgc/auth/url/a/"), PL_OK);
	assert_true(is_pair("a", ""));
	assert_int_equal(read_path("/sgc/auth/url/"), PL_EPROTO);
	assert_int_equal(read_path("/sgc/auth/url/a"), PL_EPROTO);
	assert_int_equal(read_path("/sgc/auth/url//b"), PL_EPROTO);
	assert_int_equal(read_path("/sgc/auth/url/a/%"), PL_EPROTO);
	assert_int_equal(read_path("/sgc/auth/url/%0/b"), PL_EPROTO);
	assert_int_equal(read_path("/sgc/auth/url/a%0Ab/b"), PL_EPROTO);
	assert_int_equal(read_path("/sgc/auth/url/a/b%7f"), PL_EPROTO);
}

static void a_path_has_a_token(void **state)
{
	(void)state;
	assert_int_equal(read_path("/sgc/auth/session/abc/d"), PL_OK);
	assert_int_equal(given.kind, PL_CREDENTIALS_TOKEN);
	assert_true(pl_slice_equal(given.password, PL_SLICE("abc")));
	assert_int_equal(given.prefix, 21);
	assert_int_equal(read_path("/sgc/auth/session/"), PL_EPROTO);
	assert_int_equal(read_path("/sgc/auth/session//d"), PL_EPROTO);
}

static void a_token_is_asked_for(void **state)
{
	(void)state;
	assert_int_equal(read_path("/sgc/req/auth/session/a/b"), PL_OK);
	assert_true(given.wants_token && is_pair("a", "b"));
	assert_int_equal(read_path("/sgc/req/auth/session"), PL_OK);
	assert_true(given.wants_token);
	assert_int_equal(given.kind, PL_CREDENTIALS_NONE);
	assert_int_equal(read_path("/sgc/req/auth/session/a/b/c"), PL_EPROTO);
	assert_int_equal(read_path("/sgc/req/auth/session/a"), PL_EPROTO);
	assert_int_equal(read_path("/sgc/req/auth/session/"), PL_EPROTO);
	assert_int_equal(read_with(&all, "/sgc/req/auth/session", "Basic YTpi", NULL), PL_OK);
	assert_true(given.wants_token && is_pair("a", "b"));
}

static void ways_that_are_shut_are_ordinary_paths(void **state)
{
	static const pl_credentials_ways none = { .basic = false };

	(void)state;
	assert_int_equal(read_with(&none, "/sgc/auth/url/a/b", NULL, NULL), PL_OK);
	assert_int_equal(given.kind, PL_CREDENTIALS_NONE);
	assert_int_equal(read_with(&none, "/sgc/auth/session/a", NULL, NULL), PL_OK);
	assert_int_equal(given.kind, PL_CREDENTIALS_NONE);
	assert_int_equal(read_with(&none, "/sgc/req/auth/session/a/b", NULL, NULL), PL_OK);
	assert_false(given.wants_token);
	assert_int_equal(read_with(&none, "/", "Basic YTpi", NULL), PL_OK);
	assert_int_equal(given.kind, PL_CREDENTIALS_OTHER);
}

static void basic_is_base64(void **state)
{
	static const char *const bad[] = { "Basic",	 "Basic YTpi=",	    "Basic YTp",
					   "Basic YQ==", "Basic YTpi YTpi", "Basic YToKYg==",
					   "Basic AAAA" };

	(void)state;
	assert_int_equal(read_value("Basic YTpi"), PL_OK);
	assert_true(is_pair("a", "b"));
	assert_int_equal(read_value("bASIC   YTpi"), PL_OK);
	assert_true(is_pair("a", "b"));
	assert_int_equal(read_value("Basic YTpiOmM="), PL_OK);
	assert_true(is_pair("a", "b:c"));
	assert_int_equal(read_value("Basic Og=="), PL_OK);
	assert_true(is_pair("", ""));
	assert_false(given.in_path);
	for (size_t i = 0; i < COUNT(bad); i++)
		if (read_value(bad[i]) != PL_EPROTO)
			fail_msg("'%s' was taken", bad[i]);
}

static void another_scheme_is_left_to_others(void **state)
{
	(void)state;
	assert_int_equal(read_value("Bearer a.b.c"), PL_OK);
	assert_int_equal(given.kind, PL_CREDENTIALS_OTHER);
	assert_int_equal(given.scheme.len, 6);
	assert_int_equal(given.password.len, 5);
	assert_int_equal(read_value("Negotiate"), PL_OK);
	assert_int_equal(given.password.len, 0);
	assert_int_equal(read_value(""), PL_EPROTO);
	assert_int_equal(read_value("a=b"), PL_EPROTO);
}

static void two_fields_are_refused(void **state)
{
	(void)state;
	assert_int_equal(read_with(&all, "/", "Basic YTpi", "Basic YTpi"), PL_EPROTO);
	assert_int_equal(read_with(&all, "/", "Basic YTpi", "Bearer x"), PL_EPROTO);
	/* What stands in the path counts alone. */
	assert_int_equal(read_with(&all, "/sgc/auth/url/c/d", "Basic YTpi", NULL), PL_OK);
	assert_true(is_pair("c", "d"));
}

static void lengths_have_bounds(void **state)
{
	static char path[2 * PL_CREDENTIAL_MAX + 64];
	static char value[8 * PL_CREDENTIAL_MAX];
	int len = PL_CREDENTIAL_MAX;

	(void)state;
	snprintf(path, sizeof(path), "/sgc/auth/url/%0*d/%0*d", len, 1, len, 2);
	assert_int_equal(read_path(path), PL_OK);
	assert_int_equal(given.user.len + given.password.len, 2 * len);
	snprintf(path, sizeof(path), "/sgc/auth/url/%0*d/x", len + 1, 1);
	assert_int_equal(read_path(path), PL_EPROTO);
	memset(value, 'A', sizeof(value) - 1);
	memcpy(value, "Basic ", 6);
	assert_int_equal(read_value(value), PL_EPROTO);
	memcpy(value, "Other ", 6);
	assert_int_equal(read_value(value), PL_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(none_are_none),
		cmocka_unit_test(a_path_has_user_and_password),
		cmocka_unit_test(a_path_has_a_token),
		cmocka_unit_test(a_token_is_asked_for),
		cmocka_unit_test(ways_that_are_shut_are_ordinary_paths),
		cmocka_unit_test(basic_is_base64),
		cmocka_unit_test(another_scheme_is_left_to_others),
		cmocka_unit_test(two_fields_are_refused),
		cmocka_unit_test(lengths_have_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
